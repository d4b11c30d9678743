//! A contact sheet of all models.

use super::Args;
use super::Target;
use super::report;
use crate::cli::Exit;
use crate::cli::ui::Ui;
use crate::draw::show::Wish;
use crate::draw::subject::Model;
use crate::draw::subject::PSI;
use crate::draw::wish::Sweep;
use crate::picture::canvas::Canvas;
use crate::picture::difference::difference;
use crate::picture::difference::error_map;
use crate::picture::sheet;
use crate::picture::sheet::Row;
use crate::picture::sheet::Segment;
use crate::picture::sheet::Sheet;
use crate::store;
use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

pub fn write(
    targets: &[Target],
    columns: Vec<String>,
    wish: &Wish,
    output: &Path,
    args: &Args,
    ui: &Ui,
) -> Result<Exit, Exit> {
    let start = Instant::now();
    let legend = legend(targets);
    let mut models: Vec<Model> = vec![];
    let mut rows: Vec<Row> = vec![];
    let mut target_of: Vec<usize> = vec![];
    for (number, target) in targets.iter().enumerate() {
        let heading = (targets.len() > 1 && !target.parents.is_empty()).then(|| target.name.clone());
        let all =
            target.parents.iter().map(|model| (model, true)).chain(target.models.iter().map(|model| (model, false)));
        for (at, (model, is_parent)) in all.enumerate() {
            rows.push(Row {
                heading: heading.clone().filter(|_| at == 0),
                label: model.label.clone(),
                detail: model.detail.clone(),
                cells: vec![None; columns.len()],
                bar: bar(model, is_parent, &legend),
                ..Row::default()
            });
            models.push(model.clone());
            target_of.push(number);
        }
    }
    let side = args.cell.map(|side| side as usize);
    // The pictures of every target's first row.
    let mut first: Vec<Vec<Option<Canvas>>> = vec![vec![None; columns.len()]; targets.len()];
    let mut differences: Vec<Vec<Option<Canvas>>> = vec![vec![]; rows.len()];
    let drawn = super::draw(&models, wish, args, ui, &mut |row, column, image| {
        let canvas = Canvas::of(&image);
        let own = &mut first[target_of[row]][column];
        let shown = match own {
            Some(own) if models[row].is_part => error_map(own, &canvas),
            _ => canvas.clone(),
        };
        rows[row].cells[column] = Some(sheet::cell(&shown, side));
        if own.is_none() && (args.difference || args.parts) {
            *own = Some(canvas.clone());
        }
        if let Some(first) = first[0][column].as_ref().filter(|_| args.difference && row > 0 && !models[row].is_part) {
            differences[row].push(Some(sheet::cell(&difference(first, &canvas), side)));
        }
        Ok(())
    })?;
    if args.difference {
        rows = with_differences(rows, differences);
    }
    let mut columns = columns;
    if args.matrix
        && let [target] = targets
        && let [down, across] = target.sweeps.as_slice()
    {
        rows = matrix(&rows[target.parents.len()..], [down, across], &columns);
        columns = across.values().iter().map(|value| format!("{} = {value}", across.name)).collect();
    }
    let title: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    let made = Sheet {
        title: title.join(", "),
        note: note(args),
        legend,
        columns,
        rows,
        footer: drawn.about.as_ref().map_or(String::new(), |about| format!("renderer: {}", about.line)),
    };
    let texts = super::texts(&made.title, args, &drawn);
    let texts: Vec<(&str, &str)> = texts.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
    let canvas = made.draw().map_err(|problem| ui.problem(problem))?;
    let bytes = canvas.png(&texts).map_err(|problem| ui.problem(problem))?;
    let inputs: Vec<PathBuf> = targets.iter().flat_map(|target| target.inputs.clone()).collect();
    store::write_bytes(output, &bytes, &inputs).map_err(|problem| ui.problem(problem))?;
    ui.status(&format!("wrote {}: {} × {} pixels", output.display(), canvas.width, canvas.height));
    super::told(&drawn, start, ui);
    super::preview(&canvas, args, ui)?;
    match &args.report {
        Some(path) => report::write(path, targets, &made, bytes, &drawn, &inputs, ui),
        None => Ok(Exit::Good),
    }
}

/// How the pictures were drawn, in one line.
fn note(args: &Args) -> String {
    let is_swept = args.sweeps.iter().any(|sweep| sweep.split('=').next().is_some_and(|name| name.trim() == PSI));
    let mut parts = if is_swept { vec![] } else { vec![format!("psi {}", args.psi)] };
    parts.extend(args.cutoff.map(|cutoff| format!("of the first {cutoff} layers")));
    parts.extend(args.class.map(|class| format!("class {class}")));
    parts.push(format!("noise {}", args.noise));
    parts.extend(args.sets.iter().cloned());
    parts.join(" · ")
}

/// Names of all models that others are made of, each once.
fn legend(targets: &[Target]) -> Vec<String> {
    let mut out: Vec<String> = vec![];
    for parent in targets.iter().flat_map(|target| &target.parents) {
        if !out.contains(&parent.label) {
            out.push(parent.label.clone());
        }
    }
    out
}

/// Shares in the order of the legend; a parent is all its own.
fn bar(model: &Model, is_parent: bool, legend: &[String]) -> Vec<Segment> {
    let share = |of: &dyn Fn(&str) -> f64| legend.iter().map(|name| of(name)).collect();
    if is_parent {
        return vec![Segment { label: String::new(), shares: share(&|name| f64::from(name == model.label)) }];
    }
    let segment = |place: &crate::draw::shares::Place| {
        let of = |name: &str| model.parents.iter().position(|own| own == name).map_or(0.0, |at| place.shares[at]);
        Segment { label: place.label.clone(), shares: share(&of) }
    };
    if legend.is_empty() { vec![] } else { model.places.iter().map(segment).collect() }
}

/// Below every row but the first its differences to the first.
fn with_differences(rows: Vec<Row>, differences: Vec<Vec<Option<Canvas>>>) -> Vec<Row> {
    let name = rows.first().map_or(String::new(), |row| row.label.clone());
    let below = |(row, cells): (Row, Vec<Option<Canvas>>)| {
        let own = Row { detail: format!("difference to {name}"), cells, ..Row::default() };
        [Some(row), (!own.cells.is_empty()).then_some(own)].into_iter().flatten()
    };
    rows.into_iter().zip(differences).flat_map(below).collect()
}

/// Rows of a matrix: the second sweep goes across, and every seed has a block of its own.
fn matrix(rows: &[Row], [down, across]: [&Sweep; 2], seeds: &[String]) -> Vec<Row> {
    let across = across.values().len();
    let mut out = vec![];
    for (column, seed) in seeds.iter().enumerate() {
        for (at, value) in down.values().iter().enumerate() {
            let line = rows.iter().skip(at * across).take(across);
            out.push(Row {
                heading: (at == 0).then(|| seed.clone()),
                label: format!("{} = {value}", down.name),
                cells: line.map(|row| row.cells[column].clone()).collect(),
                ..Row::default()
            });
        }
    }
    out
}
