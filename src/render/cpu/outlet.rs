//! From the planes of a transposed convolution to its output: filter, end, writing.
//!
//! They are made in small parts between the products.  Products need no memory, and writing waits for nothing else: one
//! after the other, each would leave idle what the other uses.

use super::finish::Finish;
use super::pieces::Piece;
use super::pieces::room;
use super::smooth::Smooth;
use super::smooth::Window;
use super::stream;

/// The outputs of a job, a window of rows after the other.
pub struct Outlet<'a, 'o> {
    pub smooth: Smooth<'a>,
    pub finish: &'a Finish<'a>,
    /// Rows of the output that the job writes, from `first` on, of the channels from `channel` on.
    pub piece: Piece<'o>,
    pub channel: usize,
    pub first: usize,
    /// Columns of the output.
    pub width: usize,
    /// Whether to write past the caches.
    pub streamed: bool,
    pub buffer: &'a mut Vec<f32>,
    pub line: &'a mut Vec<f32>,
    /// Parts of channels that are written, and all of the window; channels are innermost.
    pub done: usize,
    pub all: usize,
}

impl Outlet<'_, '_> {
    /// Begins with the rows of a window.
    pub fn open(&mut self, window: &Window) {
        (self.done, self.all) = (0, self.smooth.parts(window) * self.piece.len());
    }

    /// Makes at most so many parts of channels: of those whose first `there` values of each plane are computed.  Planes of the
    /// same parity lie behind each other in `sums`, channels `stride` apart.
    pub fn some(&mut self, window: &Window, sums: &[f32], stride: usize, there: usize, most: usize) {
        let plane = sums.len() / 4;
        let channels = self.piece.len();
        for _ in 0..most {
            if self.done == self.all || self.smooth.needs(window, self.done / channels) > there {
                return;
            }
            let (part, at) = (self.done / channels, self.done % channels);
            let planes = std::array::from_fn(|parity| &sums[parity * plane + at * stride..][..stride]);
            let line = room(self.line, self.width);
            let (out, finish, channel) = (&mut self.piece[at], self.finish, self.channel + at);
            self.smooth.make(planes, window, part, self.buffer, |row, column, sums| {
                let place = row * self.width + column;
                let from = place - self.first * self.width;
                let out = &mut out[from..from + sums.len()];
                if !self.streamed {
                    return finish.row(channel, place, sums, out);
                }
                let line = &mut line[..sums.len()];
                finish.row(channel, place, sums, line);
                stream::write(line, out);
            });
            self.done += 1;
        }
    }
}
