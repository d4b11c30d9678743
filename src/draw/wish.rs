//! What a user writes of seeds and sweeps, as values.

use crate::diag::Code;
use crate::diag::Problem;
use crate::draw::subject::PSI;
use crate::hir::Allowed;
use crate::hir::Literal;

/// Pictures that one row may have, and steps that one sweep may have.
pub const MOST: usize = 4096;

/// `0..7`, `5`, `1,4,9..12`: ends included.  Errors: E0750.
pub fn seeds(text: &str) -> Result<Vec<u32>, Problem> {
    let wrong = |why: String| {
        Problem::new(Code("E0750"), format!("`--seeds {}` {why}", text.escape_debug()))
            .help("write a range or a list of whole numbers: `--seeds 0..7` or `--seeds 3,14,15`")
    };
    let number = |text: &str| {
        let number = text.trim().parse::<u32>();
        number.map_err(|_| wrong(format!("holds `{}`, which is no seed (0 to {})", text.trim(), u32::MAX)))
    };
    let mut out = vec![];
    for part in text.split(',') {
        // NVIDIA's scripts write a range with a sign.
        let (first, last) = match part.split_once("..").or_else(|| part.split_once('-')) {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(part)?, number(part)?),
        };
        if last < first {
            return Err(wrong(format!("counts down from {first} to {last}")));
        }
        if (last - first) as usize + 1 > MOST - out.len() {
            return Err(wrong(format!("names more than {MOST} seeds")));
        }
        out.extend(first..=last);
    }
    Ok(out)
}

/// A matrix has two sides.
pub fn no_matrix(sweeps: usize) -> Problem {
    Problem::new(Code("E0750"), format!("`--matrix` has {sweeps} sweeps, two were expected"))
        .help("write two of them: `--sweep low=0..1 --sweep high=0..1 --matrix`")
}

/// A walk has to be seen moving.
pub fn no_film() -> Problem {
    Problem::new(Code("E0750"), "`--walk` makes a film, and the output is none")
        .help("name a film: `-o walk.apng`, or `-o walk.mp4` where ffmpeg is installed")
}

/// A report holds a sheet.
pub fn no_report() -> Problem {
    Problem::new(Code("E0750"), "`--report` holds a sheet, and the output is a film or a directory")
        .help("write the sheet and its report first: `-o sheet.png --report report.html`")
}

/// Rows of a sheet, where there is no sheet.
pub fn no_rows(option: &str) -> Problem {
    Problem::new(Code("E0750"), format!("`{option}` adds rows to a sheet, and the output is a film or a directory"))
        .help(format!("write a sheet: `-o sheet.png {option}`"))
}

/// Error maps compare pictures of one truncation.
pub fn no_parts() -> Problem {
    Problem::new(Code("E0750"), format!("`--parts` shows what weights change, and `{PSI}` would change too"))
        .help(format!("choose one value: `--{PSI} 0.7` in the place of `--sweep {PSI}=…`"))
}

/// A recipe that makes nothing.
pub fn no_output(name: &str) -> Problem {
    Problem::new(Code("E0750"), format!("`{name}` has no output, so there is nothing to draw"))
        .help("write what it makes: `output \"out.safetensors\" = …`")
}

/// A sweep: a parameter of the recipe, or `psi`, and the values that it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    pub name: String,
    pub steps: Steps,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Steps {
    /// These values, one after the other.
    Values(Vec<Literal>),
    /// From one end to the other, in as many steps as there are frames.
    Smooth(f64, f64),
}

/// The steps of a range that says no step, in a sheet.
const STEPS: usize = 5;

impl Sweep {
    /// `edge=8,16,32`, `psi=0..1:0.25`, `strength=0..1`.  Errors: E0750.
    pub fn parse(text: &str, literal: &dyn Fn(&str) -> Literal) -> Result<Sweep, Problem> {
        let wrong = |why: String| {
            Problem::new(Code("E0750"), format!("`--sweep {}` {why}", text.escape_debug()))
                .help("write a list or a range: `--sweep edge=8,16,32`, `--sweep psi=0..1:0.25`")
        };
        let (name, steps) = text.split_once('=').ok_or_else(|| wrong("has no `=`".into()))?;
        let name = name.trim().to_string();
        let Some((low, rest)) = steps.split_once("..") else {
            let values: Vec<Literal> = steps.split(',').map(|value| literal(value.trim())).collect();
            return Ok(Sweep { name, steps: Steps::Values(values) });
        };
        let number = |text: &str| {
            let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| wrong(format!("holds `{}`, which is no number", text.trim())))
        };
        let low = number(low)?;
        let Some((high, step)) = rest.split_once(':') else {
            return Ok(Sweep { name, steps: Steps::Smooth(low, number(rest)?) });
        };
        let (high, step) = (number(high)?, number(step)?);
        let count = ((high - low) / step + 1e-9).floor();
        if !(0.0..MOST as f64).contains(&count) || step == 0.0 {
            return Err(wrong(format!("has no step of {step} from {low} to {high}, or more than {MOST}")));
        }
        // Decimals: 0.1 three times is 0.3, and paths show it.
        let at = |at: usize| ((low + at as f64 * step) * 1e9).round() / 1e9;
        Ok(Sweep { name, steps: Steps::Values((0..=count as usize).map(|k| Literal::Number(at(k))).collect()) })
    }

    /// The values of a parameter that lists them.
    pub fn of_list(name: &str, allowed: &Allowed) -> Option<Sweep> {
        let Allowed::List(values) = allowed else { return None };
        Some(Sweep { name: name.into(), steps: Steps::Values(values.clone()) })
    }

    /// The values, for pictures side by side.
    pub fn values(&self) -> Vec<Literal> {
        match &self.steps {
            Steps::Values(values) => values.clone(),
            Steps::Smooth(low, high) => {
                let at = |k: usize| low + (high - low) * k as f64 / (STEPS - 1) as f64;
                (0..STEPS).map(|k| Literal::Number(at(k))).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_seeds(text: &str, wanted: Result<&[u32], &str>) {
        let found = seeds(text).map_err(|problem| problem.message);
        assert_eq!(found.as_deref().map_err(String::as_str), wanted);
    }

    #[test]
    fn seeds_are_lists_and_ranges() {
        check_seeds("0..3", Ok(&[0, 1, 2, 3]));
        check_seeds("5", Ok(&[5]));
        check_seeds("1, 4,9..10", Ok(&[1, 4, 9, 10]));
        check_seeds("0-2", Ok(&[0, 1, 2]));
        check_seeds("4294967295", Ok(&[u32::MAX]));
        check_seeds("", Err("`--seeds ` holds ``, which is no seed (0 to 4294967295)"));
        check_seeds("3..1", Err("`--seeds 3..1` counts down from 3 to 1"));
        check_seeds("0..4294967295", Err("`--seeds 0..4294967295` names more than 4096 seeds"));
        check_seeds("0..4095,1", Err("`--seeds 0..4095,1` names more than 4096 seeds"));
        check_seeds("-1", Err("`--seeds -1` holds ``, which is no seed (0 to 4294967295)"));
    }

    #[track_caller]
    fn check_sweep(text: &str, wanted: Result<(&str, &[f64]), &str>) {
        let literal = |text: &str| Literal::Number(text.parse().unwrap_or(f64::MAX));
        let number = |value: &Literal| match value {
            Literal::Number(number) => *number,
            _ => f64::NAN,
        };
        let found = Sweep::parse(text, &literal).map_err(|problem| problem.message);
        let found = found.map(|sweep| (sweep.name.clone(), sweep.values().iter().map(number).collect::<Vec<_>>()));
        let found = found.as_ref().map(|(name, values)| (name.as_str(), values.as_slice())).map_err(String::as_str);
        assert_eq!(found, wanted);
    }

    #[test]
    fn sweeps_are_lists_and_ranges() {
        check_sweep("edge=8,16, 32", Ok(("edge", &[8.0, 16.0, 32.0])));
        check_sweep("psi=0..1:0.25", Ok(("psi", &[0.0, 0.25, 0.5, 0.75, 1.0])));
        check_sweep("t = 0..0.3:0.1", Ok(("t", &[0.0, 0.1, 0.2, 0.3])));
        check_sweep("t=1..0:-0.5", Ok(("t", &[1.0, 0.5, 0.0])));
        check_sweep("t=-1..1", Ok(("t", &[-1.0, -0.5, 0.0, 0.5, 1.0])));
        check_sweep("t", Err("`--sweep t` has no `=`"));
        check_sweep("t=0..x", Err("`--sweep t=0..x` holds `x`, which is no number"));
        check_sweep("t=0..1:0", Err("`--sweep t=0..1:0` has no step of 0 from 0 to 1, or more than 4096"));
        check_sweep("t=0..1:-1", Err("`--sweep t=0..1:-1` has no step of -1 from 0 to 1, or more than 4096"));
    }
}
