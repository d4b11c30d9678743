//! What a tensor does with the channels that its axes index.

/// How the axis of a tensor takes part in a channel space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// It makes the channel: a filter's row, its bias, a constant.
    Out,
    /// It reads the channel: a filter's column.
    In,
    /// It scales what is read: a row of an affine layer that gives styles, a norm's weight.
    Style,
}

impl Act {
    pub const WORDS: [&str; 3] = ["out", "in", "style"];

    pub fn from_text(text: &str) -> Option<Act> {
        match text {
            "out" => Some(Act::Out),
            "in" => Some(Act::In),
            "style" => Some(Act::Style),
            _ => None,
        }
    }

    /// What axes do where nothing is said: filters are stored by row.
    pub fn usual(axis: usize) -> Act {
        if axis == 0 { Act::Out } else { Act::In }
    }
}

/// An axis whose channels may change places, together with all other axes of their space: the network computes the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Free {
    pub axis: usize,
    /// So many channels keep together, as the rows of a head do; 1 where each is on its own.
    pub block: u64,
    /// The space that these blocks go with: query heads stay with the key-value head that they read.
    pub under: Option<std::sync::Arc<str>>,
}

/// Channels of a space that belong together, such as the rows of a head.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub axis: usize,
    /// The space of the groups, such as `L3.head`.
    pub space: std::sync::Arc<str>,
    /// Channels of one group.
    pub size: u64,
}
