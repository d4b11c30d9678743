//! Files that another program writes from what it is fed.

use super::error;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::shown;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

/// Runs `program` with `args` and a path to write, and feeds it; what it wrote takes the place of `path` when it ends well.
/// Errors: E0751 where the program is missing or does not end well, E0602 and E0603 for files, and what `feed` says.
pub fn write_through(
    path: &Path,
    program: &str,
    args: &[&str],
    feed: impl FnOnce(&mut dyn Write) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |step: &str, reason: &std::io::Error| error::write(path, step, reason);
    std::fs::create_dir_all(parent).map_err(|reason| failed("its directory cannot be made", &reason))?;
    // The ending tells the program what to write.
    let ending = path.extension().map_or(String::new(), |ending| format!(".{}", ending.to_string_lossy()));
    let mut builder = tempfile::Builder::new();
    // As of any file that is made: who may read it is the user's mask.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let target = builder
        .prefix(".blend-")
        .suffix(&ending)
        .tempfile_in(parent)
        .map_err(|reason| failed("it cannot be made", &reason))?;
    let spawned = Command::new(program)
        .args(args)
        .arg(target.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = spawned.map_err(|reason| missing(program, &reason))?;
    let fed = match child.stdin.take() {
        Some(mut stdin) => feed(&mut stdin),
        None => Ok(()),
    };
    let output = child.wait_with_output().map_err(|reason| missing(program, &reason))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        let problem = Problem::new(Code("E0751"), format!("`{program}` could not write `{}`", shown::path(path)));
        return Err(problem
            .note(format!("it says: {}", last.trim().escape_debug()))
            .help("write an animated PNG instead, which needs no other program: `-o film.apng`"));
    }
    fed?;
    target.persist(path).map_err(|reason| failed("it cannot take its place", &reason.error))?;
    Ok(())
}

fn missing(program: &str, reason: &std::io::Error) -> Problem {
    Problem::new(Code("E0751"), format!("`{program}` cannot be run: {reason}"))
        .note("films other than `.apng` and `.y4m` are made by it")
        .help(format!("install it, `apt install {program}`, or write an animated PNG: `-o film.apng`"))
}
