//! The command line: one verb per file, thin; the work is done by the modules below.
//!
//! Results go to stdout, everything else to stderr.  Exit codes: 0; 1 a claim does not hold; 2 recipe, input or usage is
//! wrong; 3 the machine failed; 130 interrupted.

mod bar;
mod build;
mod cache;
mod channels;
mod check;
mod compare;
mod completions;
mod convert;
mod depfile;
mod diff;
mod doctor;
mod explain;
mod fmt;
mod git;
mod graph;
mod hash;
mod inputs;
mod inspect;
mod lock;
mod locked;
mod methods;
mod new;
mod outputs;
mod plan;
mod provenance;
mod recipe;
mod render;
mod sweep;
mod test;
mod topics;
mod ui;
mod usage;

use clap::FromArgMatches;
use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;
use std::ffi::OsString;
use std::process::ExitCode;
use ui::Ui;

/// Stack of the thread that works: deeply nested recipes recurse deeply.  Only touched pages count.
const STACK_BYTES: usize = 512 << 20;

/// How a verb ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    Good,
    /// An assert, `fmt --check` and the like.
    ClaimFailed,
    /// Recipe, input or usage.
    Wrong,
    /// Disk, IO, an asked device that is absent.
    MachineFailed,
    Interrupted,
}

impl Exit {
    /// What the process ends with; `topics/exit-codes.md` tells it to users.
    pub fn code(self) -> u8 {
        match self {
            Exit::Good => 0,
            Exit::ClaimFailed => 1,
            Exit::Wrong => 2,
            Exit::MachineFailed => 3,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// Merge neural networks by recipe.
#[derive(Parser)]
#[command(name = "blend", version, about, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
    /// When to colour: `auto` looks at the terminal, NO_COLOR and CLICOLOR_FORCE
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: When,
    /// How problems are shown; `blend help formats` describes them
    #[arg(long, global = true, value_name = "FORMAT", default_value = "human")]
    message_format: MessageFormat,
    /// Say nothing but problems
    #[arg(long, short, global = true)]
    quiet: bool,
}

const AFTER_HELP: &str = "\
A first build:  blend build recipes/stylegan2/layer-swap.blend
A first recipe: blend new A.safetensors B.safetensors -o merge.blend
Without a file: blend build -e 'mix(a, b, 0.5)' -m a=A.safetensors -m b=B.safetensors

Exit codes: 0 good, 1 a claim does not hold, 2 recipe, input or usage is wrong,
            3 the machine failed, 130 interrupted

More: `blend help topics`";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MessageFormat {
    Human,
    Short,
    Json,
    Github,
    Sarif,
}

#[derive(Subcommand)]
enum Verb {
    Build(build::Args),
    Cache(cache::Args),
    Channels(channels::Args),
    Check(check::Args),
    Compare(compare::Args),
    Completions(completions::Args),
    Convert(convert::Args),
    Diff(diff::Args),
    Doctor(doctor::Args),
    Explain(explain::Args),
    Fmt(fmt::Args),
    Git(git::Args),
    Graph(graph::Args),
    Hash(hash::Args),
    Inputs(inputs::Args),
    Inspect(inspect::Args),
    Lock(lock::Args),
    Methods(methods::Args),
    New(new::Args),
    Outputs(outputs::Args),
    Plan(plan::Args),
    Render(Box<render::Args>),
    Test(test::Args),
}

/// Runs the command line and gives the process's exit code.
pub fn main() -> ExitCode {
    crate::store::prepare_process();
    crate::render::device::prepare_process();
    let worker = std::thread::Builder::new().name("blend".into()).stack_size(STACK_BYTES).spawn(work);
    match worker.map(|thread| thread.join()) {
        Ok(Ok(exit)) => exit.into(),
        // The panic has been printed: it is our own bug, not the user's.
        Ok(Err(_)) => {
            eprintln!("this is a bug in blend {}; please report it with the recipe", env!("CARGO_PKG_VERSION"));
            ExitCode::from(3)
        }
        Err(reason) => {
            eprintln!("blend cannot start a thread: {reason}");
            ExitCode::from(3)
        }
    }
}

fn work() -> Exit {
    let words: Vec<OsString> = std::env::args_os().collect();
    if let Some(exit) = topics::show(&words, &Ui::new(When::Auto, MessageFormat::Human, false)) {
        return exit;
    }
    let parsed = usage::colored(command(), &words).try_get_matches_from(&words);
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return usage::show(&error, &words),
    };
    let ui = Ui::new(cli.color, cli.message_format, cli.quiet);
    let exit = verb(cli.verb, &ui);
    ui.end(exit);
    exit
}

fn verb(verb: Verb, ui: &Ui) -> Exit {
    match verb {
        Verb::Build(args) => build::run(&args, ui),
        Verb::Cache(args) => cache::run(&args, ui),
        Verb::Channels(args) => channels::run(&args, ui),
        Verb::Check(args) => check::run(&args, ui),
        Verb::Compare(args) => compare::run(&args, ui),
        Verb::Completions(args) => completions::run(&args, ui),
        Verb::Convert(args) => convert::run(&args, ui),
        Verb::Diff(args) => diff::run(&args, ui),
        Verb::Doctor(args) => doctor::run(&args, ui),
        Verb::Explain(args) => explain::run(&args, ui),
        Verb::Fmt(args) => fmt::run(&args, ui),
        Verb::Git(args) => git::run(&args, ui),
        Verb::Graph(args) => graph::run(&args, ui),
        Verb::Hash(args) => hash::run(&args, ui),
        Verb::Inputs(args) => inputs::run(&args, ui),
        Verb::Inspect(args) => inspect::run(&args, ui),
        Verb::Lock(args) => lock::run(&args, ui),
        Verb::Methods(args) => methods::run(&args, ui),
        Verb::New(args) => new::run(&args, ui),
        Verb::Outputs(args) => outputs::run(&args, ui),
        Verb::Plan(args) => plan::run(&args, ui),
        Verb::Render(args) => render::run(&args, ui),
        Verb::Test(args) => test::run(&args, ui),
    }
}

/// The parser of the command line, for completions and documentation.
fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}
