//! `blend help TOPIC`: pages that belong to no command.

use super::Exit;
use super::ui::Ui;
use std::ffi::OsString;

/// Name, what it is about, page.
const TOPICS: &[(&str, &str, &str)] = &[
    ("environment", "Variables of the environment", include_str!("topics/environment.md")),
    ("exit-codes", "What a command ends with", include_str!("topics/exit-codes.md")),
    ("formats", "Formats of messages and results", include_str!("topics/formats.md")),
    ("pipelines", "Make, Ninja, workflows and hooks", include_str!("topics/pipelines.md")),
];

/// Prints the page that a command line asks for: `blend help TOPIC`, and `blend help topics` for the list.  `None`: it
/// asks for something else.
pub fn show(words: &[OsString], ui: &Ui) -> Option<Exit> {
    let [_, help, topic] = words else { return None };
    if help != "help" {
        return None;
    }
    if topic == "topics" {
        let row = |(name, about, _): &(&str, &str, &str)| format!("  blend help {name:12}  {about}\n");
        return Some(ui.print(&format!("Topics\n\n{}", TOPICS.iter().map(row).collect::<String>())));
    }
    TOPICS.iter().find(|row| topic == row.0).map(|row| ui.print(row.2))
}
