//! `blend completions`: a script that teaches a shell the verbs and flags.

use super::Exit;
use super::ui::Ui;

/// Print a completion script for a shell
#[derive(clap::Args)]
#[command(after_help = "\
Bash: blend completions bash > ~/.local/share/bash-completion/completions/blend
Fish: blend completions fish > ~/.config/fish/completions/blend.fish
Zsh:  blend completions zsh > DIR/_blend, where DIR is in $fpath")]
pub struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let mut script = vec![];
    clap_complete::generate(args.shell, &mut super::command(), "blend", &mut script);
    ui.print(&String::from_utf8_lossy(&script))
}
