//! The program `git`.

use super::error;
use crate::diag::Problem;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

/// What git said.
pub struct Output {
    /// `None` where a signal ended it.
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    stderr: Vec<u8>,
    command: String,
}

impl Output {
    pub fn is_good(&self) -> bool {
        self.code == Some(0)
    }

    /// What it printed, without the newline at the end.
    pub fn line(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end_matches(['\n', '\r']).to_string()
    }

    /// The first line of its complaint.
    pub fn said(&self) -> String {
        let text = String::from_utf8_lossy(&self.stderr);
        let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        line.trim().escape_debug().to_string()
    }

    /// Errors: E0823 where it did not end well.
    pub fn good(self, doing: &str) -> Result<Output, Problem> {
        if self.is_good() { Ok(self) } else { Err(error::failed(&self.command, doing, &self.said())) }
    }
}

/// Runs git in a directory.  Errors: E0821 where there is no such program.
pub fn git(directory: Option<&Path>, args: &[&str]) -> Result<Output, Problem> {
    let mut command = Command::new("git");
    if let Some(directory) = directory {
        command.arg("-C").arg(directory);
    }
    // Its messages are shown, not read; but they shall not change with the machine.
    command.args(args).env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = command.output().map_err(|reason| error::missing(&reason))?;
    Ok(Output {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: output.stderr,
        command: args.first().copied().unwrap_or_default().to_string(),
    })
}
