//! What the user sees: streams, colour, format of problems.

use super::Exit;
use super::MessageFormat;
use super::When;
use crate::diag::Problem;
use crate::diag::Problems;
use crate::diag::Severity;
use crate::diag::render;
use crate::diag::render::Format;
use crate::diag::sarif::Log;
use crate::exec::Stop;
use crate::text::Sources;
use std::io::IsTerminal;
use std::io::Write;
use std::sync::Mutex;
use std::sync::PoisonError;

/// How to speak to the user.
pub struct Ui {
    /// Colour on stderr.
    color: bool,
    /// Colour on stdout, for results that have any.
    pub color_out: bool,
    format: Format,
    pub quiet: bool,
    /// What a document holds that is written at the end.
    log: Mutex<Log>,
}

impl Ui {
    pub fn new(color: When, format: MessageFormat, quiet: bool) -> Ui {
        let format = match format {
            MessageFormat::Human => Format::Human,
            MessageFormat::Short => Format::Short,
            MessageFormat::Json => Format::Json,
            MessageFormat::Github => Format::Github,
            MessageFormat::Sarif => Format::Sarif,
        };
        let color_out = wants_color(color, std::io::stdout().is_terminal());
        let color = wants_color(color, std::io::stderr().is_terminal());
        // What a program reads is not mixed with remarks for people.
        let quiet = quiet || matches!(format, Format::Json | Format::Sarif);
        Ui { color, color_out, format, quiet, log: Mutex::default() }
    }

    /// The last word: the document of all problems, for the format that is one.  Stderr holds nothing else then, so that
    /// it can be sent to a file, whatever a verb prints on stdout.
    pub fn end(&self, exit: Exit) {
        if self.format == Format::Sarif {
            let document = self.log.lock().unwrap_or_else(PoisonError::into_inner).document(Some(exit.code()));
            let _ = std::io::stderr().write_all(document.as_bytes());
        }
    }

    /// Whether a progress bar makes sense.
    pub fn is_interactive(&self) -> bool {
        !self.quiet && self.format == Format::Human && std::io::stderr().is_terminal()
    }

    /// Shows problems on stderr and says how to exit.
    pub fn problems(&self, problems: &Problems, sources: &Sources) -> Exit {
        if self.format == Format::Sarif {
            self.log.lock().unwrap_or_else(PoisonError::into_inner).add(problems, sources);
        } else {
            let text = render::render(problems, sources, self.format, self.color, width());
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
        exit_of(problems)
    }

    /// Shows one problem without a recipe.
    pub fn problem(&self, problem: Problem) -> Exit {
        self.problems(&Problems::from(problem), &Sources::default())
    }

    /// Shows why work has ended early and says how to exit; `left` is what an interrupt leaves: `nothing was changed`.
    pub fn stopped(&self, stop: Stop, left: &str) -> Exit {
        self.stopped_in(stop, left, &Sources::default())
    }

    /// The same of work on a recipe.
    pub fn stopped_in(&self, stop: Stop, left: &str, sources: &Sources) -> Exit {
        match stop {
            Stop::Cancelled => {
                self.status(&format!("interrupted: {left}"));
                Exit::Interrupted
            }
            Stop::Problems(list) => {
                let mut problems = Problems::default();
                list.into_iter().for_each(|problem| problems.push(problem));
                self.problems(&problems, sources)
            }
        }
    }

    /// A line on stderr about what was done.
    pub fn status(&self, line: &str) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }

    /// A result on stdout.  A reader that has gone (`blend plan | head`) ends the program quietly.
    pub fn print(&self, text: &str) -> Exit {
        self.write(text.as_bytes())
    }

    /// The same of bytes.
    pub fn write(&self, bytes: &[u8]) -> Exit {
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Ok(()) => Exit::Good,
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Good,
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "stdout cannot be written: {error}");
                Exit::MachineFailed
            }
        }
    }
}

/// E0601 to E0610, E0710 to E0715, E0751, E0821 and E0823 are the machine's fault, E0620 and E0803 to E0805 are claims that do not hold, every other error is that of recipe,
/// input or usage.
pub fn exit_of(problems: &Problems) -> Exit {
    let errors: Vec<&Problem> = problems.iter().filter(|problem| problem.severity() == Severity::Error).collect();
    if errors.is_empty() {
        Exit::Good
    } else if errors.iter().any(|problem| is_of_machine(problem.code.0)) {
        Exit::MachineFailed
    } else if errors.iter().all(|problem| is_claim(problem.code.0)) {
        Exit::ClaimFailed
    } else {
        Exit::Wrong
    }
}

/// An `assert`, or that recipe, inputs and outputs are those of the lock.
fn is_claim(code: &str) -> bool {
    matches!(code, "E0620" | "E0803" | "E0804" | "E0805")
}

/// Disk, IO, threads, devices, programs that are missing.
fn is_of_machine(code: &str) -> bool {
    code.starts_with("E060")
        || code == "E0610"
        || ("E0710".."E0716").contains(&code)
        || ["E0751", "E0821", "E0823"].contains(&code)
}

/// `--color` first, then NO_COLOR, CLICOLOR_FORCE, and whether a terminal listens.
pub fn wants_color(when: When, terminal: bool) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto if set("NO_COLOR") => false,
        When::Auto if set("CLICOLOR_FORCE") => true,
        When::Auto => terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
    }
}

/// Whether the terminal shows block characters: its locale is one of UTF-8, and it is not a dumb one.
pub fn has_blocks() -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let set = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
    // The first that is set counts, as everywhere.
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(set).unwrap_or_default().to_ascii_lowercase();
    !is_dumb && (locale.contains("utf-8") || locale.contains("utf8"))
}

/// Columns of the terminal; 100 where there is none.
pub fn width() -> usize {
    std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(100).clamp(40, 200)
}
