//! Pictures as sixels: bands of six rows, colour after colour, one character per column.
//!
//! Source: DEC, "VT330/VT340 Programmer Reference Manual", volume 2, chapter 14.

use super::super::canvas::Canvas;
use super::palette;

/// Rows of a band.
const BAND: usize = 6;

/// Pixels of one colour in a column of a band.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Mark {
    colour: u8,
    column: u32,
    /// The uppermost row is bit 0.
    rows: u8,
}

/// The whole sequence.  Besides the picture in its palette, memory is needed for one band.
pub fn encode(out: &mut Vec<u8>, canvas: &Canvas) {
    let picture = palette::indexed(canvas);
    // Pixels are square, and those that are not drawn (below the last row) keep the background.
    out.extend_from_slice(format!("\x1bP0;1;0q\"1;1;{};{}", canvas.width, canvas.height).as_bytes());
    for (number, [red, green, blue]) in picture.palette.iter().enumerate() {
        out.extend_from_slice(format!("#{number};2;{red};{green};{blue}").as_bytes());
    }
    let mut marks = vec![];
    for (number, band) in picture.pixels.chunks((canvas.width * BAND).max(1)).enumerate() {
        if number > 0 {
            out.push(b'-');
        }
        marks.clear();
        for (row, pixels) in band.chunks(canvas.width).enumerate() {
            let mark = |(column, colour): (usize, &u8)| Mark { colour: *colour, column: column as u32, rows: 1 << row };
            marks.extend(pixels.iter().enumerate().map(mark));
        }
        marks.sort_unstable();
        for (number, colour) in marks.chunk_by(|a, b| a.colour == b.colour).enumerate() {
            if number > 0 {
                out.push(b'$');
            }
            out.extend_from_slice(format!("#{}", colour[0].colour).as_bytes());
            line(out, colour);
        }
    }
    out.extend_from_slice(b"\x1b\\");
}

/// The columns of one colour, from the left; what stays empty on the right is not written.
fn line(out: &mut Vec<u8>, marks: &[Mark]) {
    let mut run = Run { rows: 0, count: 0 };
    let mut next = 0;
    for column in marks.chunk_by(|a, b| a.column == b.column) {
        let at = column[0].column as usize;
        run.add(out, 0, at - next);
        run.add(out, column.iter().fold(0, |rows, mark| rows | mark.rows), 1);
        next = at + 1;
    }
    run.end(out);
}

/// Equal characters.
struct Run {
    rows: u8,
    count: usize,
}

impl Run {
    fn add(&mut self, out: &mut Vec<u8>, rows: u8, count: usize) {
        if count > 0 && rows != self.rows {
            self.end(out);
            self.rows = rows;
        }
        self.count += count;
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        let sixel = b'?' + self.rows;
        match self.count {
            // A count takes three characters at least.
            0..4 => out.extend(std::iter::repeat_n(sixel, self.count)),
            count => {
                out.extend_from_slice(format!("!{count}").as_bytes());
                out.push(sixel);
            }
        }
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(canvas: Canvas, wanted: &str) {
        let mut out = vec![];
        encode(&mut out, &canvas);
        assert_eq!(String::from_utf8(out).expect("ASCII"), wanted.replace('E', "\x1b"));
    }

    #[test]
    fn bands_colours_and_runs() {
        let pixels = |text: &str| -> Vec<u8> {
            text.bytes().flat_map(|one| [[0; 3], [255; 3]][usize::from(one == b'#')]).collect()
        };
        check(Canvas { width: 1, height: 1, pixels: pixels(".") }, "EP0;1;0q\"1;1;1;1#0;2;0;0;0#0@E\\");
        check(
            Canvas { width: 5, height: 2, pixels: pixels("#####..#..") },
            "EP0;1;0q\"1;1;5;2#0;2;100;100;100#1;2;0;0;0#0@@B@@$#1AA?AAE\\",
        );
        check(
            Canvas { width: 7, height: 7, pixels: pixels(&format!("{}{}", "#".repeat(48), ".")) },
            "EP0;1;0q\"1;1;7;7#0;2;100;100;100#1;2;0;0;0#0!7~-#0!6@$#1!6?@E\\",
        );
    }
}
