//! Command lines that cannot be read: clap finds them, the flags of the user say how they are shown.

use super::Exit;
use super::MessageFormat;
use super::When;
use super::ui::Ui;
use super::ui::wants_color;
use crate::diag::Code;
use crate::diag::Problem;
use clap::ColorChoice;
use clap::ValueEnum;
use clap::error::ErrorKind;
use std::ffi::OsString;
use std::io::IsTerminal;

/// The parser, which colours its own messages as `--color` says.
pub fn colored(command: clap::Command, words: &[OsString]) -> clap::Command {
    let when: When = flag(words, "--color").unwrap_or(When::Auto);
    let choice = match when {
        When::Always => ColorChoice::Always,
        When::Never => ColorChoice::Never,
        When::Auto if wants_color(when, std::io::stderr().is_terminal()) => ColorChoice::Auto,
        When::Auto => ColorChoice::Never,
    };
    command.color(choice)
}

/// Shows help, the version or a wrong usage, and says how to exit.
pub fn show(error: &clap::Error, words: &[OsString]) -> Exit {
    // Help and version are no errors; clap knows which stream they go to.
    let good = !error.use_stderr();
    let format: MessageFormat = flag(words, "--message-format").unwrap_or(MessageFormat::Human);
    if good || format == MessageFormat::Human {
        let _ = error.print();
        return if good { Exit::Good } else { Exit::Wrong };
    }
    let ui = Ui::new(When::Never, format, false);
    let exit = ui.problem(problem(error));
    ui.end(exit);
    exit
}

/// The value of a flag in a command line that as a whole cannot be read.
fn flag<V: ValueEnum>(words: &[OsString], name: &str) -> Option<V> {
    let words: Vec<&str> =
        words.iter().map(|word| word.to_str().unwrap_or("")).take_while(|word| *word != "--").collect();
    let value = words.iter().enumerate().find_map(|(at, word)| match word.strip_prefix(name)? {
        "" => words.get(at + 1).copied(),
        rest => rest.strip_prefix('='),
    })?;
    V::from_str(value, false).ok()
}

/// The message of clap in our own shape: its first paragraph, its tip, its usage.
pub fn problem(error: &clap::Error) -> Problem {
    let text = error.render().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand) {
        return Problem::new(Code("E0219"), "the command is missing").help("see the commands with `blend --help`");
    }
    let mut paragraphs = text.split("\n\n").map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    let message = paragraphs.next().unwrap_or_default();
    let message = message.strip_prefix("error: ").unwrap_or(&message).to_string();
    let mut problem = Problem::new(Code("E0219"), message);
    for part in paragraphs {
        if let Some(tip) = part.strip_prefix("tip: ") {
            problem = problem.help(tip);
        } else if part.starts_with("Usage: ") {
            problem = problem.note(part);
        }
    }
    if problem.help.is_none() { problem.help("see `blend --help`") } else { problem }
}
