//! Numbered regions over a picture.

use super::canvas::Canvas;
use super::canvas::Colour;
use super::text::Style;
use std::collections::VecDeque;
use std::f64::consts::TAU;

/// What is not meant fades to this.
const PAPER: Colour = [246, 245, 242];

/// How much of a colour lies over a picture.
const COVER: f32 = 0.62;

/// How much a picture fades where it is not meant.
const FADED: f32 = 0.82;

/// Pixels between a number and the edge of its region, at least.
const ROOM: usize = 7;

const NUMBER: Style = Style { size: 15.0, bold: true, colour: [20, 20, 24] };
const HALO: Style = Style { size: 15.0, bold: true, colour: [255, 255, 255] };

/// The colour of the n-th region: hues a golden angle apart, in three lightnesses, so that neighbours are told apart.
pub fn colour(number: usize) -> Colour {
    const GOLDEN: f64 = 0.381_966_011_250_105;
    const LIGHTNESS: [f64; 3] = [0.68, 0.82, 0.54];
    let hue = TAU * (0.07 + number as f64 * GOLDEN).fract();
    of_oklch(LIGHTNESS[number % LIGHTNESS.len()], 0.15, hue)
}

/// A colour of Oklab (Ottosson 2020) by lightness, chroma and hue, cut off where sRGB ends.
fn of_oklch(lightness: f64, chroma: f64, hue: f64) -> Colour {
    let (a, b) = (chroma * libm::cos(hue), chroma * libm::sin(hue));
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548 * b).powi(3);
    let linear = [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701 * s,
    ];
    linear.map(|value| {
        let value = value.clamp(0.0, 1.0);
        let seen = if value <= 0.003_130_8 { 12.92 * value } else { 1.055 * libm::pow(value, 1.0 / 2.4) - 0.055 };
        (seen * 255.0).round() as u8
    })
}

/// The picture under the colours of its regions; `regions` are numbers, pixel by pixel.
pub fn coloured(picture: &Canvas, regions: &[u16], colours: &[Colour]) -> Canvas {
    let mut out = picture.clone();
    for (at, region) in regions.iter().enumerate() {
        out.mix(at % picture.width, at / picture.width, colours[usize::from(*region)], COVER);
    }
    out
}

/// The picture where a mask says so, faded elsewhere, the edge between both in a colour.
pub fn spotlight(picture: &Canvas, mask: &[bool], edge: Colour) -> Canvas {
    let (width, height) = (picture.width, picture.height);
    let mut out = picture.clone();
    for at in (0..mask.len()).filter(|at| !mask[*at]) {
        out.mix(at % width, at / width, PAPER, FADED);
    }
    for at in 0..mask.len() {
        let (x, y) = (at % width, at / width);
        let differs = |other: usize| mask[other] != mask[at];
        if (x + 1 < width && differs(at + 1)) || (y + 1 < height && differs(at + width)) {
            out.fill(x, y, 2, 2, edge);
        }
    }
    out
}

/// Writes the number of every region in the middle of its widest place, where there is room for it.
pub fn number(canvas: &mut Canvas, regions: &[u16], count: usize) {
    let depths = depths(regions, canvas.width, canvas.height);
    for region in 0..count {
        let own = (0..regions.len()).filter(|at| usize::from(regions[*at]) == region);
        let Some(middle) = own.max_by_key(|at| (depths[*at], std::cmp::Reverse(*at))) else { continue };
        if depths[middle] < ROOM {
            continue;
        }
        let text = region.to_string();
        let x = (middle % canvas.width).saturating_sub(NUMBER.width(&text) / 2);
        let y = (middle / canvas.width).saturating_sub(NUMBER.size as usize / 2);
        for (dx, dy) in [(0, 0), (1, 0), (2, 0), (0, 1), (2, 1), (0, 2), (1, 2), (2, 2)] {
            HALO.write(canvas, (x + dx).saturating_sub(1), (y + dy).saturating_sub(1), &text);
        }
        NUMBER.write(canvas, x, y, &text);
    }
}

/// Steps from every pixel to the nearest one of another region, or to the edge of the picture.
fn depths(regions: &[u16], width: usize, height: usize) -> Vec<usize> {
    let mut depths = vec![usize::MAX; regions.len()];
    let mut queue = VecDeque::new();
    let neighbours = |at: usize| {
        let (x, y) = (at % width, at / width);
        let all = [(x > 0, 1, 0), (x + 1 < width, 0, 1), (y > 0, width, 0), (y + 1 < height, 0, width)];
        all.map(|(is_there, less, more)| is_there.then(|| at + more - less))
    };
    for at in 0..regions.len() {
        if neighbours(at).iter().any(|other| other.is_none_or(|other| regions[other] != regions[at])) {
            depths[at] = 1;
            queue.push_back(at);
        }
    }
    while let Some(at) = queue.pop_front() {
        for other in neighbours(at).into_iter().flatten() {
            if depths[other] == usize::MAX {
                depths[other] = depths[at] + 1;
                queue.push_back(other);
            }
        }
    }
    depths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::metrics::delta;

    #[test]
    fn colours_are_told_apart() {
        let part = |colour: Colour| colour.map(|value| f64::from(value) / 255.0);
        // As many as are found where nobody says how many.
        for a in 0..20 {
            for b in 0..a {
                let apart = delta(part(colour(a)), part(colour(b)));
                assert!(apart > 12.0, "{a} and {b} are {apart} apart");
            }
        }
        assert_eq!(of_oklch(1.0, 0.0, 0.0), [255; 3]);
        assert_eq!(of_oklch(0.0, 0.0, 0.0), [0; 3]);
    }

    #[test]
    fn spotlights_fade_the_rest() {
        let picture = Canvas::new(8, 4, [10, 20, 30]).expect("a canvas");
        let mask: Vec<bool> = (0..32).map(|at| at % 8 < 3).collect();
        let shown = spotlight(&picture, &mask, [255, 0, 0]);
        let row = |x: usize| [shown.pixels[3 * x], shown.pixels[3 * x + 1], shown.pixels[3 * x + 2]];
        assert_eq!(row(0), [10, 20, 30]);
        assert_eq!(row(2), [255, 0, 0]);
        assert!(row(6)[0] > 190);
    }

    #[test]
    fn numbers_stand_in_the_widest_place() {
        let mut canvas = Canvas::new(64, 64, [128; 3]).expect("a canvas");
        let regions: Vec<u16> = (0..64 * 64).map(|at| u16::from(at % 64 >= 40)).collect();
        let depths = depths(&regions, 64, 64);
        assert_eq!((depths[0], depths[32 * 64 + 20], depths[32 * 64 + 52]), (1, 20, 12));
        number(&mut canvas, &regions, 3);
        let ink = |x: std::ops::Range<usize>| {
            (0..64).flat_map(|y| x.clone().map(move |x| (y * 64 + x) * 3)).filter(|at| canvas.pixels[*at] < 60).count()
        };
        assert!(ink(10..30) > 5 && ink(45..60) > 5 && ink(30..44) == 0);
    }
}
