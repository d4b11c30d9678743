//! `--report`: what was drawn, judged and found, in one file.

use super::Args;
use super::Target;
use crate::cli::Exit;
use crate::cli::build::interruptible;
use crate::cli::ui::Ui;
use crate::compile::Compiled;
use crate::diag::Problem;
use crate::draw::show::Drawn;
use crate::exec;
use crate::exec::ClaimReport;
use crate::exec::Progress;
use crate::picture::sheet;
use crate::picture::sheet::Segment;
use crate::picture::sheet::Sheet;
use crate::report::Claim;
use crate::report::File;
use crate::report::Output;
use crate::report::Part;
use crate::report::Report;
use crate::store;
use crate::text::Sources;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// The most that is read of a picture that a claim keeps.
const PICTURE: u64 = 64 << 20;

/// What a report tells of a recipe beside its pictures.
#[derive(Default)]
pub struct Told {
    pub claims: Vec<Claim>,
    pub files: Vec<File>,
    /// Name and text.
    pub recipes: Vec<(String, String)>,
}

/// Judges the claims of a recipe, and reads off its inputs.
pub fn of(compiled: &Compiled, args: &Args, sources: &Sources, ui: &Ui) -> Result<Told, Exit> {
    let progress = Arc::new(Progress::default());
    interruptible(&progress);
    let options = exec::Options { dry: true, ..args.run.options() };
    let report = exec::run(&compiled.recipe, &compiled.plan, &options, &progress);
    let report = report.map_err(|stop| ui.stopped_in(stop, "nothing was written", sources))?;
    let claims = report.claims.into_iter().map(claim).collect::<Result<_, Problem>>();
    let recipes = compiled.recipe.sources.iter().map(|(name, text)| (name.clone(), text.to_string())).collect();
    Ok(Told { claims: claims.map_err(|problem| ui.problem(problem))?, files: files(compiled), recipes })
}

fn claim(report: ClaimReport) -> Result<Claim, Problem> {
    let picture = |path: PathBuf| {
        let role = path.file_stem().map_or(String::new(), |stem| stem.to_string_lossy().into_owned());
        Ok((role, store::read_bytes(&path, PICTURE)?))
    };
    let ClaimReport { text, holds, is_narrow, lines, pictures, .. } = report;
    Ok(Claim {
        text,
        holds,
        is_narrow,
        lines,
        pictures: pictures.into_iter().map(picture).collect::<Result<_, Problem>>()?,
    })
}

/// The inputs of a recipe.
pub fn files(compiled: &Compiled) -> Vec<File> {
    let of = |input: &crate::hir::Input| File {
        name: input.name.to_string(),
        path: input.path.display().to_string(),
        bytes: input.header.files.iter().map(|file| file.size).sum(),
        digest: store::header_digest(&input.header),
    };
    compiled.recipe.inputs.iter().map(of).collect()
}

/// Writes the report of a sheet.  A claim that does not hold is the exit code 1.
pub fn write(
    path: &Path,
    targets: &[Target],
    made: &Sheet,
    png: Vec<u8>,
    drawn: &Drawn,
    inputs: &[PathBuf],
    ui: &Ui,
) -> Result<Exit, Exit> {
    let legend: Vec<_> = made.legend.iter().enumerate().map(|(at, name)| (name.clone(), sheet::colour(at))).collect();
    let outputs = targets.iter().flat_map(|target| &target.models).map(|model| Output {
        name: model.label.clone(),
        detail: model.detail.clone(),
        places: model
            .places
            .iter()
            .map(|place| {
                let of =
                    |name: &String| model.parents.iter().position(|own| own == name).map_or(0.0, |at| place.shares[at]);
                let shares = made.legend.iter().map(of).collect();
                let segment = Segment { label: place.label.clone(), shares };
                Part { segment, tensors: place.tensors, elems: place.elems, moved: place.moved }
            })
            .collect(),
    });
    let about = drawn.about.clone().unwrap_or_default();
    let mut device = vec![("renderer".to_string(), about.line)];
    device.extend(about.facts.into_iter().map(|(key, value)| (key.to_string(), value)));
    let told = || targets.iter().map(|target| &target.told);
    let report = Report {
        title: made.title.clone(),
        note: made.note.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
        sheet: png,
        legend,
        outputs: outputs.collect(),
        claims: told().flat_map(|told| told.claims.clone()).collect(),
        device,
        files: told().flat_map(|told| told.files.clone()).collect(),
        recipes: told().flat_map(|told| told.recipes.clone()).collect(),
    };
    store::write_bytes(path, report.html().as_bytes(), inputs).map_err(|problem| ui.problem(problem))?;
    ui.status(&format!("wrote {}", path.display()));
    let failed = report.claims.iter().filter(|claim| !claim.holds).count();
    if failed > 0 {
        ui.status(&format!("{failed} of {} claims do not hold: see the report", report.claims.len()));
        return Ok(Exit::ClaimFailed);
    }
    Ok(Exit::Good)
}
