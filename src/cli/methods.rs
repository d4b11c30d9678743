//! `blend methods`: what can be called.

use super::Exit;
use super::ui::Ui;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::suggest::nearest;
use crate::methods;
use crate::methods::Inputs;
use crate::methods::Method;
use crate::methods::OptionKind;
use crate::methods::OptionSpec;

/// List the merge methods, or explain one
#[derive(clap::Args)]
#[command(after_help = "Example: blend methods slerp")]
pub struct Args {
    /// A method; without it, all of them are listed
    #[arg(value_name = "METHOD")]
    name: Option<String>,
}

pub fn run(args: &Args, ui: &Ui) -> Exit {
    let Some(name) = &args.name else {
        let width = methods::ALL.iter().map(|method| signature(method).len()).max().unwrap_or(0);
        let lines = methods::ALL.iter().map(|method| format!("{:width$}  {}\n", signature(method), method.summary()));
        return ui.print(&lines.collect::<String>());
    };
    match methods::find(name) {
        Some(method) => ui.print(&page(method)),
        None => {
            let help = match nearest(name, methods::ALL.iter().map(|method| method.name)) {
                Some(near) => format!("try `blend methods {near}`"),
                None => "list them all with `blend methods`".into(),
            };
            ui.problem(Problem::new(Code("E0219"), format!("there is no method `{name}`")).help(help))
        }
    }
}

fn signature(method: &Method) -> String {
    let mut args: Vec<String> = match method.inputs {
        Inputs::Named(names) => names.iter().map(|name| name.to_string()).collect(),
        Inputs::Many { .. } => vec!["a".into(), "b".into(), "…".into()],
    };
    if let (false, Some(first)) = (method.input_options.is_empty(), args.first_mut()) {
        let options: Vec<&str> = method.input_options.iter().map(|option| option.name).collect();
        first.push_str(&format!(" {{ {} }}", options.join(", ")));
    }
    args.extend(method.options.iter().map(|option| match default(option) {
        Some(value) => format!("{} = {value}", option.name),
        None => option.name.to_string(),
    }));
    format!("{}({})", method.name, args.join(", "))
}

fn default(option: &OptionSpec) -> Option<String> {
    match &option.kind {
        OptionKind::Weight { default } => default.map(|number| number.to_string()),
        OptionKind::Whole { default } => Some(default.to_string()),
        OptionKind::Bool { default } => Some(default.to_string()),
        OptionKind::Word { words } => words.first().map(|word| word.to_string()),
    }
}

fn page(method: &Method) -> String {
    let mut out = format!("# {}\n\n{}\n\n# Call\n{}\n", method.name, method.documentation(), signature(method));
    let own = method.input_options.iter().map(|option| (option, " (of each input)"));
    for (option, whose) in own.chain(method.options.iter().map(|option| (option, ""))) {
        out.push_str(&format!("  {}{whose}: {}\n", option.name, option.help));
    }
    out
}
