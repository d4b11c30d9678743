//! `blend explain`: the page of a code.

use super::Exit;
use super::ui::Ui;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::codes;
use crate::diag::suggest::nearest;

/// Explain a code such as E0302, or list all codes
#[derive(clap::Args)]
#[command(after_help = "Example: blend explain E0302")]
pub struct Args {
    /// A code; without it, all of them are listed
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let Some(code) = &args.code else {
        let lines: Vec<String> = codes::all().map(|row| format!("{}  {}\n", row.code, row.title)).collect();
        return ui.print(&lines.concat());
    };
    let upper = code.to_uppercase();
    // `explain 302` is E0302.
    let wanted = match upper.parse::<u16>() {
        Ok(number) => format!("E{number:04}"),
        Err(_) => upper,
    };
    match codes::find(&wanted) {
        Some(row) => ui.print(row.page),
        None => {
            let near = nearest(&wanted, codes::all().map(|row| row.code));
            let help = match near {
                Some(near) => format!("try `blend explain {near}`"),
                None => "list them all with `blend explain`".into(),
            };
            ui.problem(Problem::new(Code("E0219"), format!("there is no code `{code}`")).help(help))
        }
    }
}
