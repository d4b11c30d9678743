//! Pictures in the terminal: what a terminal is sent to show a canvas where text stands.
//!
//! Nothing is asked of the terminal: what it can do is told by the environment ([`Protocol::detect`]) or by the user
//! ([`Protocol::named`]).

mod blocks;
mod detect;
mod files;
mod fit;
mod palette;
mod sixel;

use super::canvas::Canvas;
use super::error;
use crate::diag::Problem;
use blocks::Colours;
use fit::Room;

/// How a terminal is told to show a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The graphics protocol of kitty, with PNG: kitty, Ghostty, Konsole.
    Kitty,
    /// Files inside the text, OSC 1337: iTerm2, WezTerm, mintty.
    Iterm,
    /// Six rows of pixels per character, of at most 256 colours: foot, mlterm, Contour, Windows Terminal.
    Sixel,
    /// Half blocks in 24-bit colours: two pixels per character.
    Blocks,
    /// Half blocks in the 240 colours that terminals of 256 colours share.
    Blocks256,
}

/// Names that [`Protocol::named`] knows.
pub const NAMES: [&str; 5] = ["kitty", "iterm", "sixel", "blocks", "blocks256"];

/// Pixels of a picture per column of text.  Terminals' cells have 6 to 10 pixels, or twice as many on dense screens;
/// where the terminal scales (kitty, iTerm2), this only says from which width on a picture takes all columns.
const CELL: usize = 8;
/// Pixels of a column on a dense screen: a terminal that scales shows no more of a picture.
const DENSE_CELL: usize = 20;
/// More columns than a screen has.
const MOST_COLUMNS: usize = 1000;

/// The picture for a terminal, as bytes that are written to it as they are: at most `columns` wide (0 counts as 1),
/// reduced where needed, never enlarged but for dense screens.  The last bytes reset colours and end the line.
///
/// Work and memory are bounded: pictures of more than 10000 pixels a side, or 2²⁵ in all, are reduced.
/// Errors: E0707 for a canvas whose pixels do not fill it.
pub fn shown(canvas: &Canvas, protocol: Protocol, columns: usize) -> Result<Vec<u8>, Problem> {
    let columns = columns.clamp(1, MOST_COLUMNS);
    let bytes = canvas.width.checked_mul(canvas.height).and_then(|pixels| pixels.checked_mul(3));
    if bytes != Some(canvas.pixels.len()) {
        return Err(error::not_png(3, "its pixels do not fill it"));
    }
    let mut out = vec![];
    if canvas.width > 0 && canvas.height > 0 {
        let fitted = fit::fitted(canvas, Room::of_width(columns * pixels_of_column(protocol)));
        let cells = fitted.width.div_ceil(CELL).min(columns);
        match protocol {
            Protocol::Kitty => files::kitty(&mut out, &fitted.png(&[])?, cells),
            Protocol::Iterm => files::iterm(&mut out, &fitted.png(&[])?, cells),
            Protocol::Sixel => sixel::encode(&mut out, &fitted),
            Protocol::Blocks => blocks::encode(&mut out, &fitted, Colours::True),
            Protocol::Blocks256 => blocks::encode(&mut out, &fitted, Colours::Palette),
        }
    }
    out.extend_from_slice(b"\x1b[0m\n");
    Ok(out)
}

/// Pixels in a column, at most.
fn pixels_of_column(protocol: Protocol) -> usize {
    match protocol {
        Protocol::Kitty | Protocol::Iterm => DENSE_CELL,
        Protocol::Sixel => CELL,
        Protocol::Blocks | Protocol::Blocks256 => 1,
    }
}
