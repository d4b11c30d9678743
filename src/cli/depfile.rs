//! `--depfile`: what outputs depend on, as Make and Ninja read it.

use super::sweep::Matrix;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::shown;
use crate::store;
use std::path::Path;
use std::path::PathBuf;

/// One rule: the outputs as targets, every file that was read as a prerequisite; then a rule without a recipe for each of
/// those, so that a file which is gone is told by blend and does not stop Make.  Errors: E0515, E0857.
pub fn text(path: &Path, matrix: &Matrix) -> Result<String, Problem> {
    store::may_write(path, &sources(matrix))?;
    let targets: Vec<String> =
        matrix.targets.iter().map(|target| escaped(&target.path)).collect::<Result<_, Problem>>()?;
    let files: Vec<String> = sources(matrix).iter().map(|path| escaped(path)).collect::<Result<_, Problem>>()?;
    let lines: Vec<String> = files.iter().map(|file| format!(" \\\n  {file}")).collect();
    let alone: Vec<String> = files.iter().map(|file| format!("\n{file}:\n")).collect();
    Ok(format!("{}:{}\n{}", targets.join(" "), lines.concat(), alone.concat()))
}

/// The files of [`text`]: the recipe, then what it names, each once.
fn sources(matrix: &Matrix) -> Vec<PathBuf> {
    let mut out: Vec<PathBuf> = matrix.text.file.iter().cloned().collect();
    for (path, _) in matrix.watched.files() {
        if !out.contains(&path) {
            out.push(path);
        }
    }
    out
}

/// Replaces the depfile as a whole; it must not be one of the files it names.  Errors: E0515, E0516, E0602, E0603.
pub fn write(path: &Path, text: &str, matrix: &Matrix) -> Result<(), Problem> {
    store::write_bytes(path, text.as_bytes(), &sources(matrix))
}

/// A path as both programs read it: a backslash before blanks, `#`, and colons, two dollars for one; backslashes before a
/// blank are doubled.  Errors: E0857 for characters that neither can hold.
fn escaped(path: &Path) -> Result<String, Problem> {
    let Some(text) = path.to_str().filter(|text| !text.chars().any(|c| c.is_control() && c != '\t')) else {
        let message = format!("the path `{}` cannot stand in a depfile", shown::path(path));
        return Err(Problem::new(Code("E0857"), message)
            .help("give the file a name without line ends, in UTF-8; or ask `blend inputs --null`"));
    };
    let mut out = String::new();
    let mut backslashes = 0;
    for c in text.chars() {
        match c {
            '$' => out.push('$'),
            ' ' | '\t' => out.push_str(&"\\".repeat(backslashes + 1)),
            '#' | ':' => out.push('\\'),
            _ => {}
        }
        backslashes = if c == '\\' { backslashes + 1 } else { 0 };
        out.push(c);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, wanted: &str) {
        assert_eq!(escaped(Path::new(path)).map_err(|problem| problem.code.0).unwrap_or_else(String::from), wanted);
    }

    #[test]
    fn paths_are_escaped() {
        check("out/a.safetensors", "out/a.safetensors");
        check("my model#1.pt", r"my\ model\#1.pt");
        check("c:$HOME", r"c\:$$HOME");
        check(r"a\b", r"a\b");
        check(r"a\ b", r"a\\\ b");
        check("a\nb", "E0857");
    }
}
