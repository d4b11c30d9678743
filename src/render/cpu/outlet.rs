//! From the planes of a transposed convolution to its output: filter, end, writing.
//!
//! They are made in small parts between the products.  Products need no memory, and writing waits for nothing else: one
//! after the other, each would leave idle what the other uses.

use super::finish::Finish;
use super::pieces::Piece;
use super::pieces::room;
use super::planes::Planes;
use super::smooth::Smooth;
use super::smooth::Window;
use super::stream;
use std::ops::Range;

/// What a job writes.
pub struct Output<'a, 'o> {
    pub piece: Piece<'o>,
    pub area: Area,
    pub finish: &'a Finish<'a>,
}

/// Where a job writes.
pub struct Area {
    /// The first channel, and the first row.
    pub channel: usize,
    pub row: usize,
    /// Columns of the whole output.
    pub width: usize,
    /// Whether to write past the caches.
    pub streamed: bool,
}

/// The outputs of a job, a window of rows after the other.
pub struct Outlet<'a, 'o> {
    output: Output<'a, 'o>,
    smooth: Smooth<'a>,
    window: Window,
    /// Parts of channels of the window that are written, and all; channels are innermost.
    done: usize,
    all: usize,
    buffer: Vec<f32>,
    line: Vec<f32>,
}

impl<'a, 'o> Outlet<'a, 'o> {
    /// With memory to work in, which [`Outlet::close`] gives back.
    pub fn new(output: Output<'a, 'o>, smooth: Smooth<'a>, [buffer, line]: [Vec<f32>; 2]) -> Outlet<'a, 'o> {
        let window = Window { top: 0, rows: 0..0 };
        Outlet { output, smooth, window, done: 0, all: 0, buffer, line }
    }

    /// Begins with rows `2·rows.start..2·rows.end`, of planes that hold row `top` and some that follow.
    pub fn open(&mut self, top: isize, rows: Range<usize>) {
        self.window = Window { top, rows };
        (self.done, self.all) = (0, self.smooth.parts(&self.window) * self.output.piece.len());
    }

    /// Parts of channels of the rows.
    pub fn all(&self) -> usize {
        self.all
    }

    /// Makes at most so many parts of channels, of those that see only the first values (`there`) of each plane.
    pub fn some(&mut self, planes: &Planes, there: usize, most: usize) {
        let channels = self.output.piece.len();
        for _ in 0..most.min(self.all - self.done) {
            let (part, channel) = (self.done / channels, self.done % channels);
            if self.smooth.needs(&self.window, part) > there {
                return;
            }
            self.part(planes, part, channel);
            self.done += 1;
        }
    }

    /// Makes what has not been made: everything is there.
    pub fn rest(&mut self, planes: &Planes) {
        self.some(planes, usize::MAX, usize::MAX);
    }

    fn part(&mut self, planes: &Planes, part: usize, at: usize) {
        let Output { piece, area, finish } = &mut self.output;
        let line = room(&mut self.line, area.width);
        let (out, channel) = (&mut piece[at], area.channel + at);
        self.smooth.make(planes.of(at), &self.window, part, &mut self.buffer, |row, column, sums| {
            let place = row * area.width + column;
            let start = place - area.row * area.width;
            let out = &mut out[start..start + sums.len()];
            if !area.streamed {
                return finish.row(channel, place, sums, out);
            }
            let line = &mut line[..sums.len()];
            finish.row(channel, place, sums, line);
            stream::write(line, out);
        });
    }

    /// The job is done.
    pub fn close(self) -> [Vec<f32>; 2] {
        if self.output.area.streamed {
            stream::settle();
        }
        [self.buffer, self.line]
    }
}
