//! Text on a canvas: DejaVu Sans, and GNU Unifont's bitmaps for the characters that it lacks.

use super::canvas::Canvas;
use super::canvas::Colour;
use ab_glyph::Font;
use ab_glyph::FontRef;
use ab_glyph::ScaleFont;
use ab_glyph::point;
use std::sync::LazyLock;

/// Bundled with the program: text looks the same everywhere.
static SANS: LazyLock<Option<FontRef<'static>>> =
    LazyLock::new(|| FontRef::try_from_slice(dejavu::sans::regular()).ok());
static BOLD: LazyLock<Option<FontRef<'static>>> = LazyLock::new(|| FontRef::try_from_slice(dejavu::sans::bold()).ok());

/// Rows of a bitmap glyph.
const BITMAP: usize = 16;

/// How text is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    /// Height of a line in pixels.
    pub size: f32,
    pub bold: bool,
    pub colour: Colour,
}

/// A character that has been given a form.
enum Form {
    Outline(ab_glyph::GlyphId),
    Bitmap(&'static unifont::Glyph),
    /// Nothing knows it: a box.
    Box,
}

/// Of characters that would break a line or turn its direction the sign for what is unknown is shown.
fn shown(c: char) -> char {
    let turns = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    if c.is_control() || turns { char::REPLACEMENT_CHARACTER } else { c }
}

impl Style {
    fn font(&self) -> Option<&'static FontRef<'static>> {
        if self.bold { BOLD.as_ref() } else { SANS.as_ref() }
    }

    fn form(&self, c: char) -> Form {
        if let Some(font) = self.font() {
            let id = font.glyph_id(c);
            if id.0 != 0 {
                return Form::Outline(id);
            }
        }
        unifont::get_glyph(c).map_or(Form::Box, Form::Bitmap)
    }

    /// How many pixels a bitmap's pixel takes.
    fn bit(&self) -> usize {
        ((self.size / BITMAP as f32).floor() as usize).max(1)
    }

    fn advance(&self, form: &Form) -> f32 {
        match (form, self.font()) {
            (Form::Outline(id), Some(font)) => font.as_scaled(self.size).h_advance(*id),
            (Form::Bitmap(glyph), _) => (glyph.get_width() * self.bit()) as f32,
            _ => self.size * 0.6,
        }
    }

    /// Pixels that a text takes in width.
    pub fn width(&self, text: &str) -> usize {
        let forms = text.chars().map(|c| self.form(shown(c)));
        forms.map(|form| self.advance(&form)).sum::<f32>().ceil() as usize
    }

    /// The text, its middle left out where it would be wider than `most` pixels.
    pub fn fitted(&self, text: &str, most: usize) -> String {
        if self.width(text) <= most {
            return text.to_string();
        }
        let chars: Vec<char> = text.chars().collect();
        // Names that belong together differ at their ends as often as at their beginnings.
        for kept in (1..chars.len()).rev() {
            let (head, tail) = (kept.div_ceil(2), kept / 2);
            let short: String = chars[..head].iter().chain(&['…']).chain(&chars[chars.len() - tail..]).collect();
            if self.width(&short) <= most {
                return short;
            }
        }
        "…".into()
    }

    /// Writes a line whose box begins at `x`, `y` and is [`Style::size`] high; gives the width.
    pub fn write(&self, canvas: &mut Canvas, x: usize, y: usize, text: &str) -> usize {
        let mut at = x as f32;
        for c in text.chars() {
            let form = self.form(shown(c));
            self.glyph(canvas, at, y, &form);
            at += self.advance(&form);
        }
        (at - x as f32).ceil() as usize
    }

    fn glyph(&self, canvas: &mut Canvas, x: f32, y: usize, form: &Form) {
        match (form, self.font()) {
            (Form::Outline(id), Some(font)) => {
                let scaled = font.as_scaled(self.size);
                let glyph = id.with_scale_and_position(self.size, point(x, y as f32 + scaled.ascent()));
                let Some(outline) = font.outline_glyph(glyph) else { return };
                let bounds = outline.px_bounds();
                outline.draw(|dx, dy, cover| {
                    let (x, y) = (bounds.min.x + dx as f32, bounds.min.y + dy as f32);
                    if x >= 0.0 && y >= 0.0 {
                        canvas.mix(x as usize, y as usize, self.colour, cover);
                    }
                });
            }
            (Form::Bitmap(glyph), _) => {
                let bit = self.bit();
                let top = y + (self.size as usize).saturating_sub(BITMAP * bit) / 2;
                for (row, column) in (0..BITMAP).flat_map(|row| (0..glyph.get_width()).map(move |column| (row, column)))
                {
                    if glyph.get_pixel(column, row) {
                        canvas.fill(x as usize + column * bit, top + row * bit, bit, bit, self.colour);
                    }
                }
            }
            _ => {
                let (side, x) = ((self.size * 0.5) as usize, x as usize + 1);
                let top = y + (self.size as usize - side) / 2;
                canvas.fill(x, top, side, 1, self.colour);
                canvas.fill(x, top + side, side + 1, 1, self.colour);
                canvas.fill(x, top, 1, side, self.colour);
                canvas.fill(x + side, top, 1, side, self.colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style = Style { size: 16.0, bold: false, colour: [0; 3] };

    fn ink(text: &str) -> usize {
        let mut canvas = Canvas::new(200, 24, [255; 3]).expect("a canvas");
        STYLE.write(&mut canvas, 2, 2, text);
        canvas.pixels.iter().filter(|value| **value < 128).count()
    }

    #[test]
    fn any_text_leaves_something() {
        // Latin, Greek, Cyrillic, Japanese (bitmaps), Arabic, an emoji beyond the bitmaps, a control character.
        for text in ["Gemälde", "Άγαλμα", "Портрет", "肖像画", "صورة", "🎨", "\u{7}", "\u{202e}abc"]
        {
            assert!(ink(text) > 20, "{text:?} leaves {}", ink(text));
        }
        assert_eq!(ink(""), 0);
        assert_eq!(ink("  "), 0);
    }

    #[test]
    fn long_names_lose_their_middle() {
        let name = "stylegan2-ffhq-config-f-to-anime-0042";
        let short = STYLE.fitted(name, 120);
        assert!(STYLE.width(&short) <= 120, "{short}");
        assert!(short.starts_with("styl") && short.ends_with("0042") && short.contains('…'), "{short}");
        assert_eq!(STYLE.fitted("toon", 120), "toon");
        assert_eq!(STYLE.fitted(name, 0), "…");
    }
}
