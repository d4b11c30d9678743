//! The coordinates that weights and patterns may depend on.

/// What a tensor's place in its network is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Coord {
    /// Pixels of the feature map: 4, 8, 16, …
    Resolution,
    /// log2 of the resolution.
    Octave,
    /// Order along the pyramid.
    Position,
    /// Index of the layer, from 0.
    Layer,
    /// 0 at the first layer, 1 at the last.
    Depth,
    /// Index of the block, from 0.
    Block,
    /// Index of the attention head, from 0.
    Head,
}

impl Coord {
    pub const ALL: [Coord; 7] =
        [Coord::Resolution, Coord::Octave, Coord::Position, Coord::Layer, Coord::Depth, Coord::Block, Coord::Head];

    pub fn text(self) -> &'static str {
        match self {
            Coord::Resolution => "resolution",
            Coord::Octave => "octave",
            Coord::Position => "position",
            Coord::Layer => "layer",
            Coord::Depth => "depth",
            Coord::Block => "block",
            Coord::Head => "head",
        }
    }

    pub fn from_text(text: &str) -> Option<Coord> {
        Coord::ALL.into_iter().find(|coord| coord.text() == text)
    }
}
