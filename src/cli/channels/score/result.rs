//! What was measured, as a table, as JSON, and as a sheet of pictures and error maps.

use crate::picture::canvas::Canvas;
use crate::picture::difference::error_map;
use crate::picture::locality::Tally;
use crate::picture::locality::spread;
use crate::picture::sheet;
use crate::picture::sheet::Row;
use crate::picture::sheet::Sheet;
use serde_json::Value;
use serde_json::json;
use std::fmt::Write as _;

/// From here on a mask is called local: over random masks, and of the whole swap.
const TIMES: f64 = 4.0;
const SHARE: f64 = 0.25;

/// All that was measured.
pub struct Scored {
    pub base: String,
    pub other: String,
    pub part: Option<String>,
    pub clusters: Vec<usize>,
    pub catalogue: String,
    /// Chosen, of all.
    pub channels: (f64, usize),
    /// As the command line gives them, and how many.
    pub seeds: (String, usize),
    pub psi: f64,
    pub seed: u64,
    pub device: String,
    /// The other model as it is.
    pub swap: Tally,
    pub lines: Vec<Line>,
    pub pictures: Pictures,
}

/// One mode.
pub struct Line {
    pub mode: String,
    pub tally: Tally,
    /// Of masks of the same size.
    pub random: Vec<Tally>,
    pub pictures: Vec<Canvas>,
    /// Of the first random mask.
    pub at_random: Vec<Canvas>,
}

/// What the sheet shows of the base.
pub struct Pictures {
    pub columns: Vec<String>,
    pub before: Vec<(Canvas, Vec<bool>)>,
    /// What the other model draws.
    pub other: Vec<Canvas>,
}

impl Line {
    pub fn new(mode: &str) -> Line {
        Line { mode: mode.into(), tally: Tally::default(), random: vec![], pictures: vec![], at_random: vec![] }
    }

    fn ratios(&self) -> Vec<f64> {
        self.random.iter().filter_map(Tally::ratio).collect()
    }

    /// In/Out over the mean of random masks; none where both are 0, or both leave the rest as it is.
    fn times(&self) -> Option<f64> {
        let [mean, _] = spread(&self.ratios())?;
        Some(self.tally.ratio()? / mean).filter(|times| !times.is_nan())
    }

    fn share(&self, swap: &Tally) -> f64 {
        self.tally.inside() / swap.inside()
    }

    fn verdict(&self, swap: &Tally) -> &'static str {
        let is_weak = self.share(swap) < SHARE;
        match (self.tally.ratio(), self.times()) {
            (None, _) => "nothing changes",
            (_, Some(times)) if times < TIMES => "not local",
            // Random masks do it as well.
            (_, None) if !self.ratios().is_empty() => "not local",
            _ if is_weak => "weak",
            (_, Some(_)) => "local",
            (_, None) => "",
        }
    }
}

impl Scored {
    fn part(&self) -> String {
        let clusters: Vec<String> = self.clusters.iter().map(usize::to_string).collect();
        let numbers = format!("cluster{} {}", if clusters.len() == 1 { "" } else { "s" }, clusters.join(", "));
        self.part.as_ref().map_or(numbers.clone(), |part| format!("{part} ({numbers})"))
    }

    fn about(&self) -> [String; 2] {
        let (chosen, all) = self.channels;
        let random = self.lines.first().map_or(0, |line| line.random.len());
        let random = if random == 0 { String::new() } else { format!(" · {random} random masks per mode") };
        [
            format!("{} with {} of {}", self.base, self.part(), self.other),
            format!(
                "{} of {all} channels · part on {} of the picture · {} seeds ({}) · psi {}{random}",
                number(chosen, 1),
                percent(self.swap.area()),
                self.seeds.1,
                self.seeds.0,
                self.psi
            ),
        ]
    }

    /// A table for people.
    pub fn text(&self) -> String {
        let mut rows =
            vec![["", "In-MSE", "Out-MSE", "In/Out", "random", "times", "of the swap", "verdict"].map(String::from)];
        let swap = &self.swap;
        let [inside, outside, ratio] = errors(swap);
        rows.push(["swap".into(), inside, outside, ratio, String::new(), String::new(), "100 %".into(), String::new()]);
        for line in &self.lines {
            let [inside, outside, ratio] = errors(&line.tally);
            let random = spread(&line.ratios()).map_or(String::new(), |[mean, spread]| match spread.is_nan() {
                true => format!("{mean:.2}"),
                false => format!("{mean:.2} ± {spread:.2}"),
            });
            rows.push([
                line.mode.clone(),
                inside,
                outside,
                ratio,
                random,
                line.times().map_or(String::new(), |times| format!("{times:.1}")),
                percent(line.share(swap)),
                line.verdict(swap).into(),
            ]);
        }
        let mut widths = [0; 8];
        for row in &rows {
            widths.iter_mut().zip(row).for_each(|(width, cell)| *width = (*width).max(cell.chars().count()));
        }
        let [title, note] = self.about();
        let mut out = format!("{title}\n{note}\n\n");
        for row in &rows {
            let mut text = String::new();
            for (at, (cell, width)) in row.iter().zip(widths).enumerate() {
                // Words to the left, numbers to the right.
                let gap = if at == 0 { "" } else { "  " };
                let _ = match at {
                    0 | 7 => write!(text, "{gap}{cell:<width$}"),
                    _ => write!(text, "{gap}{cell:>width$}"),
                };
            }
            out.push_str(text.trim_end());
            out.push('\n');
        }
        out
    }

    pub fn json(&self) -> String {
        let tally = |tally: &Tally| json!({ "in_mse": tally.inside(), "out_mse": tally.outside(), "ratio": finite(tally.ratio()) });
        let line = |line: &Line| {
            let ratios = line.ratios();
            let random = spread(&ratios).map(|[mean, deviation]| {
                json!({ "mean": finite(Some(mean)), "deviation": finite(Some(deviation)), "ratios": ratios })
            });
            let own = &line.tally;
            json!({
                "mode": line.mode, "in_mse": own.inside(), "out_mse": own.outside(), "ratio": finite(own.ratio()),
                "share": finite(Some(line.share(&self.swap))), "times": finite(line.times()),
                "local": random.as_ref().map(|_| line.verdict(&self.swap) == "local"), "random": random,
            })
        };
        let all = json!({
            "base": self.base, "other": self.other,
            "part": { "name": self.part, "clusters": self.clusters, "catalogue": self.catalogue, "area": self.swap.area() },
            "channels": { "chosen": self.channels.0, "of": self.channels.1 },
            "seeds": self.seeds.0, "psi": self.psi, "random_seed": self.seed, "device": self.device,
            "swap": tally(&self.swap),
            "modes": self.lines.iter().map(line).collect::<Vec<Value>>(),
        });
        serde_json::to_string_pretty(&all).expect("numbers and names are JSON") + "\n"
    }

    /// Pictures and, below each row, where they differ from the base.
    pub fn sheet(&self) -> Sheet {
        let cell = |canvas: &Canvas| Some(sheet::cell(canvas, None));
        let before = &self.pictures.before;
        let row = |label: &str, detail: String, cells: Vec<Option<Canvas>>| Row {
            label: label.into(),
            detail,
            cells,
            ..Row::default()
        };
        let mut rows = vec![
            row(&self.base, "the base".into(), before.iter().map(|(canvas, _)| cell(canvas)).collect()),
            row("", self.part(), before.iter().map(|(canvas, part)| cell(&only(canvas, part))).collect()),
            row(&self.other, "the whole swap".into(), self.pictures.other.iter().map(cell).collect()),
        ];
        let with_map = |label: &str, detail: String, pictures: &[Canvas]| {
            let maps = pictures.iter().zip(before).map(|(canvas, (own, _))| cell(&error_map(own, canvas)));
            [row(label, detail, pictures.iter().map(cell).collect()), row("", "error map".into(), maps.collect())]
        };
        let told = |line: &Line| {
            let ratio = line.tally.ratio().map_or("nothing changes".into(), |ratio| format!("In/Out {ratio:.1}"));
            let times = line.times().map_or(String::new(), |times| format!(", {times:.1} × random"));
            format!("{ratio}{times}, {} of the swap", percent(line.share(&self.swap)))
        };
        for line in &self.lines {
            rows.extend(with_map(&format!("mode {}", line.mode), told(line), &line.pictures));
        }
        let best = |a: &&Line, b: &&Line| a.times().unwrap_or(0.0).total_cmp(&b.times().unwrap_or(0.0));
        if let Some(best) = self.lines.iter().max_by(best).filter(|line| !line.at_random.is_empty()) {
            let ratio = best.random.first().and_then(Tally::ratio).unwrap_or(0.0);
            rows.extend(with_map("at random", format!("mode {}, In/Out {ratio:.1}", best.mode), &best.at_random));
        }
        let [title, note] = self.about();
        Sheet {
            title,
            note,
            legend: vec![],
            columns: self.pictures.columns.clone(),
            rows,
            footer: format!("renderer: {}", self.device),
        }
    }
}

/// The part as it is, the rest nearly white.
fn only(canvas: &Canvas, part: &[bool]) -> Canvas {
    let mut out = canvas.clone();
    for (pixel, is_inside) in out.pixels.chunks_exact_mut(3).zip(part) {
        if !is_inside {
            pixel.iter_mut().for_each(|value| *value = 214 + *value / 8);
        }
    }
    out
}

fn errors(tally: &Tally) -> [String; 3] {
    let ratio = tally.ratio().map_or("–".into(), |ratio| format!("{ratio:.2}"));
    [number(tally.inside(), 1), number(tally.outside(), 1), ratio]
}

fn number(value: f64, digits: usize) -> String {
    if value.fract() == 0.0 { value.to_string() } else { format!("{value:.digits$}") }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// JSON has no infinity.
fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of two pixels whose first one is the part, so much changed there and beside it.
    fn tally(inside: u8, outside: u8) -> Tally {
        let canvas = |a: u8, b: u8| Canvas { width: 2, height: 1, pixels: vec![a, a, a, b, b, b] };
        let mut tally = Tally::default();
        tally.add(&canvas(0, 0), &canvas(inside, outside), &[true, false]);
        tally
    }

    #[track_caller]
    fn check(own: (u8, u8), random: &[(u8, u8)], times: Option<f64>, verdict: &str) {
        let line = Line {
            tally: tally(own.0, own.1),
            random: random.iter().map(|(inside, outside)| tally(*inside, *outside)).collect(),
            ..Line::new("out")
        };
        assert_eq!((line.times(), line.verdict(&tally(255, 255))), (times, verdict), "{own:?} and {random:?}");
    }

    #[test]
    fn verdicts() {
        check((255, 0), &[(255, 255)], Some(f64::INFINITY), "local");
        check((255, 255), &[(255, 255), (255, 255)], Some(1.0), "not local");
        check((60, 0), &[(255, 255)], Some(f64::INFINITY), "weak");
        check((255, 255), &[], None, "");
        check((0, 0), &[(255, 255)], None, "nothing changes");
        // Random masks leave the rest as it is, too, or change nothing but the rest.
        check((255, 0), &[(255, 0), (200, 0)], None, "not local");
        check((0, 255), &[(0, 255)], None, "not local");
    }
}
