//! Shares over the pyramid as a drawing of lines.

use super::Output;
use super::html::colour;
use super::html::escaped;
use crate::picture::canvas::Colour;

/// Size of the field that lines are drawn in, and room around it for numbers.
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 110.0;
const LEFT: f64 = 30.0;
const TOP: f64 = 10.0;
const BELOW: f64 = 24.0;

/// One line per model, from the first place to the last; shares from 0 to 1, or as far as they go.
pub fn svg(output: &Output, legend: &[(String, Colour)]) -> String {
    let places = &output.places;
    let all = || places.iter().flat_map(|place| place.segment.shares.iter().copied());
    let (low, high) = (all().fold(0.0, f64::min), all().fold(1.0, f64::max));
    let x = |at: usize| LEFT + WIDTH * (at as f64 + 0.5) / places.len().max(1) as f64;
    let y = |share: f64| TOP + HEIGHT * (high - share) / (high - low);
    let (width, height) = (LEFT + WIDTH + 8.0, TOP + HEIGHT + BELOW);
    let mut out = format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"shares of {}\">",
        escaped(&output.name)
    );
    for share in [0.0, 0.5, 1.0] {
        let at = y(share);
        out.push_str(&format!(
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{share}</text>",
            LEFT + WIDTH,
            LEFT - 6.0,
            at + 3.5
        ));
    }
    for (at, place) in places.iter().enumerate() {
        out.push_str(&format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            x(at),
            TOP + HEIGHT + 16.0,
            escaped(&place.segment.label)
        ));
    }
    for (model, (_, tint)) in legend.iter().enumerate() {
        let share = |at: usize| places[at].segment.shares.get(model).copied().unwrap_or(0.0);
        let points: Vec<String> = (0..places.len()).map(|at| format!("{:.1},{:.1}", x(at), y(share(at)))).collect();
        let tint = colour(*tint);
        out.push_str(&format!("<polyline points=\"{}\" fill=\"none\" stroke=\"{tint}\"/>", points.join(" ")));
        for at in 0..places.len() {
            out.push_str(&format!("<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{tint}\"/>", x(at), y(share(at))));
        }
    }
    out + "</svg>"
}
