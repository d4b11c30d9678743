//! Compiles and runs recipes in a folder of their own.

use blend::check::Settings;
use blend::compile::Compiled;
use blend::compile::Disk;
use blend::diag::Problems;
use blend::diag::render;
use blend::exec;
use blend::text::Sources;
use std::path::Path;
use std::path::PathBuf;

/// The folder of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Lets a `blend` find no folder of caches: it remembers nothing, and the user's own cache stays as it is.
pub fn forgetful(command: &mut std::process::Command) -> &mut std::process::Command {
    ["BLEND_CACHE_DIR", "XDG_CACHE_HOME", "HOME"].into_iter().fold(command, |command, name| command.env_remove(name))
}

/// A folder laid out as `recipes/` is: `models` beside the folder where recipes stand.
pub struct Place {
    pub dir: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Place {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::os::unix::fs::symlink(root().join("recipes/models"), dir.path().join("models")).expect("a link");
        std::fs::create_dir(dir.path().join("here")).expect("a folder");
        Place { dir }
    }

    /// Where recipes stand.
    pub fn here(&self) -> PathBuf {
        self.dir.path().join("here")
    }
}

/// Compiles a recipe text whose paths start at `base`.
pub fn compile(text: &str, base: &Path, settings: &Settings) -> Result<(Compiled, Sources), String> {
    let mut sources = Sources::default();
    let id = sources.add("test.blend", text).id;
    let (compiled, problems) = blend::compile::compile(&mut sources, id, base, settings, &Disk);
    compiled.map(|compiled| (compiled, sources.clone())).ok_or_else(|| shown(&problems, &sources))
}

fn shown(problems: &Problems, sources: &Sources) -> String {
    render::render(problems, sources, render::Format::Human, false, 100)
}

/// Builds a recipe; the claims must hold.
#[track_caller]
pub fn build(text: &str, base: &Path, threads: usize) -> Vec<PathBuf> {
    let report = try_build(text, base, threads).unwrap_or_else(|problems| panic!("{problems}"));
    let failed: Vec<_> = report.claims.iter().filter(|claim| !claim.holds).collect();
    assert!(failed.is_empty(), "{failed:?}");
    report.written
}

/// Builds a recipe; problems come as text.
pub fn try_build(text: &str, base: &Path, threads: usize) -> Result<exec::Report, String> {
    let (compiled, sources) = compile(text, base, &Settings::default())?;
    let options = exec::Options { threads, ..exec::Options::default() };
    exec::run(&compiled.recipe, &compiled.plan, &options, &exec::Progress::default()).map_err(|stop| match stop {
        exec::Stop::Cancelled => "cancelled".into(),
        exec::Stop::Problems(list) => {
            let mut problems = Problems::default();
            list.into_iter().for_each(|problem| problems.push(problem));
            shown(&problems, &sources)
        }
    })
}
