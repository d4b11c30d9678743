//! Pictures as text: the upper half of a character in one colour, the lower half in another.

use super::super::canvas::Canvas;
use super::super::canvas::Colour;

/// Upper half block: its foreground is the upper pixel, its background the lower one.
const HALF: &str = "▀";

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Colours {
    True,
    Palette,
}

/// Steps of red, green and blue in the colours 16 to 231.
const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// Lines of half blocks with a line end between lines.  Below the last row of an odd number stays the terminal's background.
pub fn encode(out: &mut Vec<u8>, canvas: &Canvas, colours: Colours) {
    let row_bytes = canvas.width.max(1) * 3;
    let mut rows = canvas.pixels.chunks_exact(row_bytes).take(canvas.height);
    let mut first = true;
    while let Some(upper) = rows.next() {
        if !std::mem::take(&mut first) {
            // A background that is not reset would fill the new line where the screen scrolls.
            out.extend_from_slice(b"\x1b[0m\n");
        }
        line(out, upper, rows.next(), colours);
    }
}

fn line(out: &mut Vec<u8>, upper: &[u8], lower: Option<&[u8]>, colours: Colours) {
    let mut before: (Option<Colour>, Option<Colour>) = (None, None);
    let lower = lower.map(|row| row.as_chunks::<3>().0);
    for (x, fore) in upper.as_chunks::<3>().0.iter().enumerate() {
        let back = lower.map(|row| row[x]);
        let mut codes = vec![];
        if before.0 != Some(*fore) {
            codes.push(code(38, *fore, colours));
        }
        if let Some(back) = back.filter(|back| before.1 != Some(*back)) {
            codes.push(code(48, back, colours));
        }
        if !codes.is_empty() {
            out.extend_from_slice(format!("\x1b[{}m", codes.join(";")).as_bytes());
        }
        out.extend_from_slice(HALF.as_bytes());
        before = (Some(*fore), back);
    }
}

fn code(place: u8, colour: Colour, colours: Colours) -> String {
    let [red, green, blue] = colour;
    match colours {
        Colours::True => format!("{place};2;{red};{green};{blue}"),
        Colours::Palette => format!("{place};5;{}", nearest(colour)),
    }
}

/// The nearest of the colours 16 to 255, a cube and a row of greys: those that all terminals show alike.
fn nearest(colour: Colour) -> u8 {
    let level = |value: u8| (0..6).min_by_key(|at| LEVELS[*at].abs_diff(value)).unwrap_or(0);
    let [red, green, blue] = colour.map(level);
    let cube = [LEVELS[red], LEVELS[green], LEVELS[blue]];
    let sum: usize = colour.iter().map(|value| usize::from(*value)).sum();
    // Greys are 8, 18, … 238; the one nearest to the mean is the nearest.
    let step = (sum.saturating_sub(9) / 30).min(23);
    let grey = 8 + 10 * step as u8;
    if distance(colour, [grey; 3]) < distance(colour, cube) {
        232 + step as u8
    } else {
        (16 + 36 * red + 6 * green + blue) as u8
    }
}

fn distance(a: Colour, b: Colour) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What xterm shows for a number.
    fn colour(number: u8) -> Colour {
        match number {
            232.. => [8 + 10 * (number - 232); 3],
            _ => [(number - 16) / 36, (number - 16) / 6 % 6, (number - 16) % 6].map(|at| LEVELS[usize::from(at)]),
        }
    }

    #[test]
    fn no_colour_is_nearer_than_the_nearest() {
        for at in 0..3000u32 {
            // Greys and colours, in a walk over the cube.
            let tone = [at, at * 7 / 3, at * 31 / 17].map(|value| (value % 256) as u8);
            for tone in [tone, [tone[0]; 3], [tone[0], tone[0], tone[0].saturating_add(6)]] {
                let found = distance(tone, colour(nearest(tone)));
                let best = (16..=255).map(|number| distance(tone, colour(number))).min().expect("a colour");
                assert_eq!(found, best, "{tone:?}: {:?}", colour(nearest(tone)));
            }
        }
    }
}
