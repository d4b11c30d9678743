//! One file per picture.

use super::Args;
use super::Target;
use crate::cli::Exit;
use crate::cli::ui::Ui;
use crate::diag::Problem;
use crate::draw::show::Wish;
use crate::draw::subject::Model;
use crate::exec::Stop;
use crate::picture::Image;
use crate::store;
use std::path::Path;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::time::Instant;

/// Pictures that wait to be encoded: drawing does not stop for it, and memory stays bounded.
const WAITING: usize = 2;

pub fn write(
    targets: &[Target],
    columns: &[String],
    wish: &Wish,
    output: &Path,
    args: &Args,
    ui: &Ui,
) -> Result<Exit, Exit> {
    let start = Instant::now();
    let models: Vec<Model> =
        targets.iter().flat_map(|target| target.parents.iter().chain(&target.models)).cloned().collect();
    let inputs: Vec<PathBuf> = targets.iter().flat_map(|target| target.inputs.clone()).collect();
    let names = names(&models);
    let path = |row: usize, column: usize| output.join(format!("{}-{}.png", names[row], numbered(&columns[column])));
    let (send, receive) = sync_channel::<(usize, usize, Image)>(WAITING);
    let drawn = std::thread::scope(|scope| {
        let writer = scope.spawn(|| -> Result<(), Problem> {
            for (row, column, image) in receive {
                let texts = [
                    ("Software", format!("blend {}", env!("CARGO_PKG_VERSION"))),
                    ("Source", format!("{} {}", models[row].label, models[row].detail).trim_end().to_string()),
                    ("Start", columns[column].clone()),
                    ("Psi", models[row].psi.unwrap_or(args.psi).to_string()),
                    ("Noise", args.noise.clone()),
                ];
                let texts: Vec<(&str, &str)> = texts.iter().map(|(key, text)| (*key, text.as_str())).collect();
                store::write_bytes(&path(row, column), &image.png(&texts)?, &inputs)?;
            }
            Ok(())
        });
        let drawn = super::draw(&models, wish, args, ui, &mut |row, column, image| {
            // Nobody listens any more when a file could not be written: the writer says why.
            send.send((row, column, image)).map_err(|_| Stop::Problems(vec![]))
        });
        drop(send);
        match writer.join() {
            Ok(Ok(())) => drawn,
            Ok(Err(problem)) => Err(ui.problem(problem)),
            Err(_) => Err(Exit::MachineFailed),
        }
    })?;
    ui.status(&format!("wrote {} pictures to {}", drawn.pictures, output.display()));
    super::told(&drawn, start, ui);
    Ok(Exit::Good)
}

/// `seed 7` as `seed0007`: files sort as numbers do.
fn numbered(column: &str) -> String {
    match column.split_once(' ') {
        Some((what, number)) => format!("{what}{number:0>4}"),
        None => column.into(),
    }
}

/// Names of files, one per model, none twice.
fn names(models: &[Model]) -> Vec<String> {
    let mut out: Vec<String> = vec![];
    for model in models {
        let whole =
            if model.detail.is_empty() { model.label.clone() } else { format!("{}-{}", model.label, model.detail) };
        let safe = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
        let mut name: String = whole.replace(" = ", "=").replace('=', "").chars().map(safe).collect();
        while out.contains(&name) {
            name.push('_');
        }
        out.push(name);
    }
    out
}
