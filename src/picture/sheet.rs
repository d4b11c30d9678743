//! Contact sheets: rows of pictures with labels, and under every picture how much of which model is in it.

use super::canvas::Canvas;
use super::canvas::Colour;
use super::text::Style;
use crate::diag::Problem;

const PAPER: Colour = [250, 249, 246];
const INK: Colour = [32, 33, 36];
const FAINT: Colour = [120, 122, 128];
const LINE: Colour = [222, 220, 214];

/// Of the models that others are made of, in order; told apart by people who see red and green alike.
const COLOURS: [Colour; 8] = [
    [0, 114, 178],
    [230, 140, 20],
    [0, 158, 115],
    [204, 90, 150],
    [86, 180, 233],
    [170, 60, 20],
    [190, 175, 40],
    [110, 100, 160],
];

const TITLE: Style = Style { size: 24.0, bold: true, colour: INK };
const NAME: Style = Style { size: 17.0, bold: true, colour: INK };
const PLAIN: Style = Style { size: 15.0, bold: false, colour: INK };
const SMALL: Style = Style { size: 13.0, bold: false, colour: FAINT };
const TINY: Style = Style { size: 11.0, bold: false, colour: FAINT };

const MARGIN: usize = 24;
const GUTTER: usize = 6;
/// Between a row and the next.
const ROW_GAP: usize = 14;
/// Side of the square before a label.
const SWATCH: usize = 16;
/// Height of the bar under a picture.
const STRIP: usize = 8;
/// Height of the bar under a label, which has numbers.
const BAR: usize = 34;
/// Width of the column of labels, at most and at least.
const LABELS: (usize, usize) = (150, 300);

/// Pictures are enlarged or reduced by whole factors until their longer side is about this, unless the user says.
const SIDE: usize = 128;
/// From this side on pictures are reduced.
const LARGEST: usize = 256;

/// The colour of the n-th model.
pub fn colour(model: usize) -> Colour {
    COLOURS[model % COLOURS.len()]
}

/// A place of the pyramid, and how much of each model is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// `4`, `8`, …
    pub label: String,
    /// Per model of the legend.
    pub shares: Vec<f64>,
}

/// One model, or one value of a sweep.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Stands above the row, where a part of the sheet begins.
    pub heading: Option<String>,
    pub label: String,
    /// A square of this colour stands before the label.
    pub swatch: Option<Colour>,
    pub detail: String,
    /// One per column; `None` leaves the place empty.
    pub cells: Vec<Option<Canvas>>,
    /// What the row is made of; empty for none.
    pub bar: Vec<Segment>,
}

/// A contact sheet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    pub title: String,
    pub note: String,
    /// Models that rows are made of; their colours are those of [`colour`].
    pub legend: Vec<String>,
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
    /// Below everything: what drew.
    pub footer: String,
}

/// The picture as a cell: by a whole factor, so that small pixels stay what they are.
pub fn cell(picture: &Canvas, side: Option<usize>) -> Canvas {
    let longest = picture.width.max(picture.height).max(1);
    let wanted = side.unwrap_or(if longest < SIDE { SIDE } else { LARGEST });
    if longest <= wanted {
        picture.enlarged((wanted / longest).max(1))
    } else {
        picture.reduced(longest.div_ceil(wanted))
    }
}

impl Sheet {
    /// Draws the sheet.  Errors: E0707 for one that is too large.
    pub fn draw(&self) -> Result<Canvas, Problem> {
        let cells = || self.rows.iter().flat_map(|row| row.cells.iter().flatten());
        let cell =
            (cells().map(|cell| cell.width).max().unwrap_or(0), cells().map(|cell| cell.height).max().unwrap_or(0));
        let count = self.rows.iter().map(|row| row.cells.len()).max().unwrap_or(0).max(self.columns.len());
        let labels = self.label_width();
        let left = MARGIN + labels + 12;
        let pictures = count * (cell.0 + GUTTER);
        let head = self.head_width();
        let width = (left + pictures - GUTTER.min(pictures) + MARGIN).max(head + 2 * MARGIN);
        let heights: Vec<usize> = self.rows.iter().map(|row| row_height(row, cell.1)).collect();
        let top = MARGIN + self.head_height();
        let foot = if self.footer.is_empty() { 0 } else { 28 };
        let height = top + heights.iter().sum::<usize>() + foot + MARGIN - ROW_GAP.min(heights.iter().sum());
        let mut canvas = Canvas::new(width, height, PAPER)?;
        self.head(&mut canvas, left, cell.0);
        let mut y = top;
        for (row, height) in self.rows.iter().zip(heights) {
            self.row(&mut canvas, row, (left, y), labels, cell);
            y += height;
        }
        if !self.footer.is_empty() {
            let text = TINY.fitted(&self.footer, width - 2 * MARGIN);
            TINY.write(&mut canvas, MARGIN, height - MARGIN - 8, &text);
        }
        Ok(canvas)
    }

    fn label_width(&self) -> usize {
        let name = |row: &Row| NAME.width(&row.label) + row.swatch.map_or(0, |_| SWATCH + 8);
        let widest = self.rows.iter().map(|row| name(row).max(SMALL.width(&row.detail))).max();
        let places = self.rows.iter().map(|row| row.bar.len() * 24).max().unwrap_or(0);
        widest.unwrap_or(0).max(places).clamp(LABELS.0, LABELS.1)
    }

    fn head_width(&self) -> usize {
        let legend: usize = self.legend.iter().map(|name| PLAIN.width(name) + 40).sum();
        TITLE.width(&self.title).max(SMALL.width(&self.note)).max(legend).min(1600)
    }

    fn head_height(&self) -> usize {
        let lines = [(!self.title.is_empty(), 32), (!self.note.is_empty(), 22), (!self.legend.is_empty(), 28)];
        let columns = if self.columns.is_empty() { 0 } else { 22 };
        lines.iter().filter(|line| line.0).map(|line| line.1).sum::<usize>() + 8 + columns
    }

    fn head(&self, canvas: &mut Canvas, left: usize, cell: usize) {
        let (mut y, room) = (MARGIN, canvas.width - 2 * MARGIN);
        if !self.title.is_empty() {
            TITLE.write(canvas, MARGIN, y, &TITLE.fitted(&self.title, room));
            y += 32;
        }
        if !self.note.is_empty() {
            SMALL.write(canvas, MARGIN, y, &SMALL.fitted(&self.note, room));
            y += 22;
        }
        if !self.legend.is_empty() {
            let mut x = MARGIN;
            for (at, name) in self.legend.iter().enumerate() {
                canvas.fill(x, y + 2, 14, 14, colour(at));
                x += 20 + PLAIN.write(canvas, x + 20, y, name) + 20;
            }
            y += 28;
        }
        for (at, column) in self.columns.iter().enumerate() {
            let text = SMALL.fitted(column, cell);
            let middle = left + at * (cell + GUTTER) + (cell - SMALL.width(&text).min(cell)) / 2;
            SMALL.write(canvas, middle, y + 6, &text);
        }
    }

    fn row(&self, canvas: &mut Canvas, row: &Row, (left, top): (usize, usize), labels: usize, cell: (usize, usize)) {
        let mut y = top;
        if let Some(heading) = &row.heading {
            canvas.fill(MARGIN, y + 6, canvas.width - 2 * MARGIN, 1, LINE);
            PLAIN.write(canvas, MARGIN, y + 14, &PLAIN.fitted(heading, canvas.width - 2 * MARGIN));
            y += HEADING;
        }
        for (at, picture) in row.cells.iter().enumerate() {
            let x = left + at * (cell.0 + GUTTER);
            let Some(picture) = picture else { continue };
            canvas.put(picture, x + (cell.0 - picture.width) / 2, y);
            if !row.bar.is_empty() {
                strip(canvas, &row.bar, (x, y + cell.1 + 3), (cell.0, STRIP));
            }
        }
        let room = row.swatch.map_or(0, |_| SWATCH + 8);
        if let Some(colour) = row.swatch {
            canvas.fill(MARGIN, y + 3, SWATCH, SWATCH, colour);
        }
        NAME.write(canvas, MARGIN + room, y + 2, &NAME.fitted(&row.label, labels - room));
        SMALL.write(canvas, MARGIN, y + 24, &SMALL.fitted(&row.detail, labels));
        // A bar of one place says nothing that the colour under the pictures does not.
        if row.bar.len() > 1 {
            let below = y + 24 + if row.detail.is_empty() { 6 } else { 24 };
            let width = (row.bar.len() * 30).min(labels);
            strip(canvas, &row.bar, (MARGIN, below), (width, BAR));
            let step = width as f64 / row.bar.len() as f64;
            for (at, segment) in row.bar.iter().enumerate() {
                let text = TINY.fitted(&segment.label, step as usize);
                let room = (step as usize).saturating_sub(TINY.width(&text));
                TINY.write(canvas, MARGIN + (at as f64 * step) as usize + room / 2, below + BAR + 2, &text);
            }
        }
    }
}

/// Height of a heading.
const HEADING: usize = 38;

fn row_height(row: &Row, cell: usize) -> usize {
    let detail = if row.detail.is_empty() { 6 } else { 24 };
    let own = if row.bar.len() > 1 { 24 + detail + BAR + 16 } else { 24 + detail };
    let strip = if row.bar.is_empty() { 0 } else { STRIP + 3 };
    (cell + strip).max(own) + ROW_GAP + if row.heading.is_some() { HEADING } else { 0 }
}

/// One column per place, filled from below with the colours of the models.  Shares below 0 take no room, and the others
/// are drawn as parts of their sum.
fn strip(canvas: &mut Canvas, bar: &[Segment], (x, y): (usize, usize), (width, height): (usize, usize)) {
    for (at, segment) in bar.iter().enumerate() {
        let from = width * at / bar.len();
        let to = width * (at + 1) / bar.len();
        // A pixel of paper stands between places.
        let wide = (to - from).saturating_sub(usize::from(at + 1 < bar.len())).max(1);
        let whole: f64 = segment.shares.iter().map(|share| share.max(0.0)).sum();
        let mut below = 0.0;
        for (model, share) in segment.shares.iter().enumerate() {
            let part = share.max(0.0) / whole.max(f64::MIN_POSITIVE);
            let low = (below * height as f64).round() as usize;
            let high = ((below + part) * height as f64).round() as usize;
            canvas.fill(x + from, y + height - high.min(height), wide, high.saturating_sub(low), colour(model));
            below += part;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixel(canvas: &Canvas, x: usize, y: usize) -> Colour {
        let at = (y * canvas.width + x) * 3;
        [canvas.pixels[at], canvas.pixels[at + 1], canvas.pixels[at + 2]]
    }

    #[test]
    fn strips_show_shares_from_below() {
        let segment = |shares: &[f64]| Segment { label: String::new(), shares: shares.to_vec() };
        let bar = [segment(&[1.0, 0.0]), segment(&[0.25, 0.75]), segment(&[-0.5, 1.5])];
        let mut canvas = Canvas::new(30, 8, PAPER).expect("a canvas");
        strip(&mut canvas, &bar, (0, 0), (30, 8));
        let column = |x: usize| (0..8).map(|y| pixel(&canvas, x, y)).collect::<Vec<_>>();
        assert_eq!(column(3), [colour(0); 8]);
        assert_eq!(column(9), [PAPER; 8], "places stand apart");
        assert_eq!(column(12)[..6], [colour(1); 6]);
        assert_eq!(column(12)[6..], [colour(0); 2]);
        assert_eq!(column(25), [colour(1); 8], "a negative share takes no room");
    }

    #[test]
    fn pictures_fit_their_cells() {
        let picture = |width, height| Canvas::new(width, height, INK).expect("a canvas");
        let check = |from: (usize, usize), side: Option<usize>, to: (usize, usize)| {
            let cell = cell(&picture(from.0, from.1), side);
            assert_eq!((cell.width, cell.height), to, "{from:?} {side:?}");
        };
        check((64, 64), None, (128, 128));
        check((32, 16), None, (128, 64));
        check((256, 256), None, (256, 256));
        check((1024, 1024), None, (256, 256));
        check((300, 200), None, (150, 100));
        check((64, 64), Some(64), (64, 64));
        check((64, 64), Some(20), (16, 16));
    }

    #[test]
    fn rows_stand_below_each_other() {
        let picture = |colour| Some(Canvas::new(128, 128, colour).expect("a canvas"));
        let bar = vec![Segment { label: "4".into(), shares: vec![1.0] }];
        let row = |colour| Row {
            label: "a".into(),
            cells: vec![picture(colour), None, picture(colour)],
            bar: bar.clone(),
            ..Row::default()
        };
        let sheet = Sheet {
            columns: vec!["seed 0".into(), "seed 1".into(), "seed 2".into()],
            rows: vec![row([200, 0, 0]), row([0, 0, 200])],
            ..Sheet::default()
        };
        let canvas = sheet.draw().expect("a sheet");
        let count = |wanted: Colour| canvas.pixels.as_chunks::<3>().0.iter().filter(|pixel| **pixel == wanted).count();
        assert_eq!(count([200, 0, 0]), 2 * 128 * 128, "nothing covers a picture");
        assert_eq!(count([0, 0, 200]), 2 * 128 * 128);
        assert_eq!(count(colour(0)), 4 * 128 * STRIP);
        assert_eq!(Sheet::default().draw().expect("an empty sheet").width, 2 * MARGIN + LABELS.0 + 12);
    }
}
