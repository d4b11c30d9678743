//! Weights of a convolution in the order in which a kernel reads them.
//!
//! Panels of output channels; in a panel parts of the depth (some input channels); in a part kernel positions (of a
//! transposed convolution the four phases, each with its positions), input channels, output channels.  What one dispatch
//! reads lies together, however the layer is cut.  Channels that fill a panel up are 0.

use crate::network::Name;
use rayon::prelude::*;

/// How the weights of one convolution lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Packing {
    pub weight: Name,
    pub outputs: usize,
    pub inputs: usize,
    pub kernel: usize,
    pub scale: f32,
    pub up: bool,
    /// Output channels of a panel.
    pub panel: usize,
    /// Input channels of a part.
    pub chunk: usize,
}

impl Packing {
    /// Kernel positions, in the order of the kernels (`walk.wgsl`), by phase.
    fn phases(&self) -> Vec<Vec<usize>> {
        if !self.up {
            return vec![(0..self.kernel * self.kernel).collect()];
        }
        // u[2i + p]: where p is 0 the taps 0 and 2 of x[i] and x[i - 1], where p is 1 the tap 1 of x[i].
        let seen = |parity: usize| if parity == 0 { vec![0, 2] } else { vec![1] };
        let phase = |at: usize| {
            let columns = seen(at % 2);
            seen(at / 2).into_iter().flat_map(|a| columns.iter().map(move |b| 3 * a + b).collect::<Vec<_>>()).collect()
        };
        (0..4).map(phase).collect()
    }

    pub fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    /// Floats of a panel.
    pub fn stride(&self) -> usize {
        self.inputs * self.taps() * self.panel
    }

    pub fn panels(&self) -> usize {
        self.outputs.div_ceil(self.panel)
    }

    pub fn bytes(&self) -> usize {
        4 * self.panels() * self.stride()
    }

    /// `weight` is `[outputs, inputs, kernel, kernel]`.
    pub fn pack(&self, weight: &[f32]) -> Vec<f32> {
        let phases = self.phases();
        let taps = self.taps();
        let mut out = vec![0.0; self.panels() * self.stride()];
        out.par_chunks_mut(self.stride().max(1)).enumerate().for_each(|(panel, out)| {
            let mut rows = out.chunks_exact_mut(self.panel);
            let first = panel * self.panel;
            for start in (0..self.inputs).step_by(self.chunk) {
                for phase in &phases {
                    for tap in phase {
                        for input in start..(start + self.chunk).min(self.inputs) {
                            let row = rows.next().into_iter().flatten();
                            for (output, place) in (first..self.outputs).zip(row) {
                                *place = weight[(output * self.inputs + input) * taps + tap] * self.scale;
                            }
                        }
                    }
                }
            }
        });
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packing(up: bool, kernel: usize) -> Packing {
        Packing { weight: "w".into(), outputs: 5, inputs: 3, kernel, scale: 2.0, up, panel: 4, chunk: 2 }
    }

    #[test]
    fn every_weight_is_there_once() {
        for (up, kernel) in [(false, 1), (false, 3), (true, 3)] {
            let packing = packing(up, kernel);
            let weight: Vec<f32> = (1..=15 * kernel * kernel).map(|at| at as f32).collect();
            let packed = packing.pack(&weight);
            assert_eq!(4 * packed.len(), packing.bytes());
            let mut held: Vec<f32> = packed.iter().filter(|value| **value != 0.0).map(|value| value / 2.0).collect();
            held.sort_by(f32::total_cmp);
            assert_eq!(held, weight);
        }
    }

    #[test]
    fn parts_of_the_depth_lie_together() {
        let weight: Vec<f32> = (0..15 * 9).map(|at| at as f32).collect();
        let packed = packing(false, 3).pack(&weight);
        // Output 1, inputs 0 and 1 of tap 0, then input 0 of tap 1; behind nine taps of two inputs input 2.
        assert_eq!(
            (packed[1], packed[5], packed[9], packed[18 * 4 + 1]),
            (2.0 * 27.0, 2.0 * 36.0, 2.0 * 28.0, 2.0 * 45.0)
        );
        let packed = packing(true, 3).pack(&weight);
        // Taps (0, 0), (0, 2), (2, 0), (2, 2) of two inputs each, then those of the next phase, (0, 1) and (2, 1).
        let firsts: Vec<f32> = (0..6).map(|row| packed[row * 8] / 2.0).collect();
        assert_eq!(firsts, [0.0, 2.0, 6.0, 8.0, 1.0, 7.0]);
    }
}
