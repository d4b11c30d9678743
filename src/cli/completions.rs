//! `blend completions`: a script that teaches a shell the verbs and flags.

use super::Exit;
use super::ui::Ui;

/// Print a completion script for a shell
#[derive(clap::Args)]
pub struct Args {
    shell: clap_complete::Shell,
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let mut script = vec![];
    clap_complete::generate(args.shell, &mut super::command(), "blend", &mut script);
    ui.print(&String::from_utf8_lossy(&script))
}
