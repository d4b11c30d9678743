//! The numbers of one dispatch: one structure for all kernels, which read what they need.

/// "There is none", for offsets.
pub const NONE: u32 = u32::MAX;

/// Bytes between the numbers of two dispatches: every adapter allows offsets that are multiples of this.
pub const STRIDE: usize = 256;

trait Word {
    const NAME: &'static str;
    fn word(self) -> u32;
}

impl Word for u32 {
    const NAME: &'static str = "u32";
    fn word(self) -> u32 {
        self
    }
}

impl Word for i32 {
    const NAME: &'static str = "i32";
    fn word(self) -> u32 {
        self.cast_unsigned()
    }
}

impl Word for f32 {
    const NAME: &'static str = "f32";
    fn word(self) -> u32 {
        self.to_bits()
    }
}

macro_rules! params {
    ($($(#[$doc:meta])* $name:ident: $kind:ty,)*) => {
        /// Offsets count elements of their bindings.
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub struct Params {
            $($(#[$doc])* pub $name: $kind,)*
        }

        impl Params {
            /// In the order of the structure.
            pub fn words(&self) -> Vec<u32> {
                vec![$(self.$name.word()),*]
            }
        }

        /// The same structure in WGSL.
        pub fn text() -> String {
            let mut out = String::from("const NONE: u32 = 0xffffffffu;\n\nstruct Params {\n");
            $(out.push_str(&format!("    {}: {},\n", stringify!($name), <$kind as Word>::NAME));)*
            out.push_str("}\n\n@group(0) @binding(0) var<uniform> p: Params;\n");
            out
        }
    };
}

params! {
    /// The first output channel of the dispatch, and the one behind the last.
    first: u32,
    last: u32,
    /// What is read: where its channel `x_first` begins, elements from channel to channel.
    x: u32,
    x_first: u32,
    x_pitch: u32,
    x_height: u32,
    x_width: u32,
    /// Where the first output channel begins.
    out: u32,
    out_pitch: u32,
    out_height: u32,
    out_width: u32,
    /// Added parts, where the first output channel begins in them.
    a0: u32,
    a1: u32,
    adds: u32,
    share0: f32,
    share1: f32,
    /// Share of what stands at the output; 0: it is not read.
    keep: f32,
    /// Positions that a convolution is computed at.
    rows: u32,
    columns: u32,
    inputs: u32,
    /// Input channels of a part of the depth, and the first part of the dispatch.
    chunk: u32,
    chunk_first: u32,
    kernel: u32,
    pad: u32,
    /// Weights in groups of four: where the first panel begins, from panel to panel; panels of the dispatch, and the
    /// output channel that the first one begins with.
    weights: u32,
    panel_stride: u32,
    panels: u32,
    panel_first: u32,
    /// Sums before the end: elements from channel to channel, channels from part to part, parts.
    raw_pitch: u32,
    raw_channels: u32,
    raw_height: u32,
    raw_width: u32,
    splits: u32,
    /// Offsets into the frame: factors of inputs and outputs, strength of the noise.
    style: u32,
    scale: u32,
    strength: u32,
    /// Offsets into the constants: biases, slopes, the filter.
    bias: u32,
    slopes: u32,
    taps: u32,
    /// 0 leaky, 1 a slope per channel, 2 tanh.
    activation: u32,
    slope: f32,
    gain: f32,
    clamp: f32,
    /// Taps in a row of the filter, zeros before, distances.
    length: i32,
    low: i32,
    up: i32,
    down: u32,
    factor: u32,
    mode: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_dispatch_fit_their_place() {
        let words = Params { first: 7, mode: 9, slope: 1.0, low: -1, ..Params::default() }.words();
        assert!(4 * words.len() <= STRIDE);
        assert_eq!((words[0], words.last()), (7, Some(&9)));
        assert!(words.contains(&1f32.to_bits()) && words.contains(&u32::MAX));
        // Structures of uniforms have no holes between words.
        assert_eq!(
            text().matches(": u32,").count() + text().matches(": i32,").count() + text().matches(": f32,").count(),
            words.len()
        );
    }
}
