//! `build --provenance FILE`: a statement of how outputs came about.

use super::Exit;
use super::locked;
use super::ui::Ui;
use crate::compile::Compiled;
use crate::exec::Progress;
use crate::exec::Stop;
use crate::hir::Literal;
use crate::identity;
use crate::provenance;
use crate::provenance::Build;
use crate::provenance::File;
use crate::store;
use serde_json::Value;
use serde_json::json;
use std::path::Path;
use std::path::PathBuf;

/// Writes the statement of a build.
pub fn write(path: &Path, compiled: &Compiled, written: &[PathBuf], threads: usize, ui: &Ui) -> Result<(), Exit> {
    let identities = locked::identities(compiled, threads, false, ui)?;
    let blake3 = |digest: &identity::Digest| ("blake3", digest.to_hex().to_string());
    let mut inputs = vec![];
    for (name, identity) in compiled.recipe.names.iter().zip(&identities) {
        let one = identity.files.len() == 1;
        for file in &identity.files {
            let own = file.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let name = if one { name.path.clone() } else { format!("{}/{own}", name.path) };
            inputs.push(File { name, digests: vec![blake3(&file.digest)] });
        }
    }
    let outputs = outputs(compiled, written, threads).map_err(|stop| ui.stopped(stop, "nothing was changed"))?;
    let params: serde_json::Map<String, Value> = compiled.recipe.params.iter().map(param).collect();
    let own = || compiled.recipe.sources.first().map(|(_, text)| text.to_string()).unwrap_or_default();
    let build = Build {
        recipe: compiled.bundle.as_ref().map_or_else(own, |bundle| bundle.text.clone()),
        params: Value::Object(params),
        semantic: compiled.semantic.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
        inputs,
        outputs,
    };
    let forbidden: Vec<PathBuf> =
        compiled.plan.files.iter().map(|file| file.path.clone()).chain(written.iter().cloned()).collect();
    store::write_bytes(path, provenance::statement(&build).as_bytes(), &forbidden)
        .map_err(|problem| ui.problem(problem))?;
    ui.status(&format!("wrote {}: a statement of {} files", path.display(), build.outputs.len()));
    Ok(())
}

fn param(param: &crate::hir::Param) -> (String, Value) {
    let value = match &param.value {
        Literal::Number(number) => json!(number),
        Literal::Bool(truth) => json!(truth),
        Literal::Text(text) => json!(&**text),
    };
    (param.name.to_string(), value)
}

/// The files of all outputs.
fn outputs(compiled: &Compiled, written: &[PathBuf], threads: usize) -> Result<Vec<File>, Stop> {
    let mut paths = vec![];
    let mut names = vec![];
    for (path, output) in written.iter().zip(&compiled.plan.outputs) {
        let index = output.index.iter().map(|index| index.0.clone());
        match output.directory {
            true => {
                for name in output.parts.iter().map(|part| part.name.clone()).chain(index) {
                    paths.push(path.join(&name));
                    names.push(format!("{}/{name}", output.written.trim_end_matches('/')));
                }
            }
            false => {
                paths.push(path.clone());
                names.push(output.written.clone());
            }
        }
    }
    let progress = Progress::default();
    let own = identity::of_files(&paths, threads, &progress)?;
    let other = identity::sha256(&paths, threads, &progress)?;
    let file = |((name, own), other): ((String, identity::File), String)| File {
        name,
        digests: vec![("sha256", other), ("blake3", own.digest.to_hex().to_string())],
    };
    Ok(names.into_iter().zip(own).zip(other).map(file).collect())
}
