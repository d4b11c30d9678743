//! `--sweep`: a recipe with every combination of some values of its parameters.

use super::Exit;
use super::recipe::Outcome;
use super::recipe::RecipeArgs;
use super::recipe::Text;
use super::recipe::literal;
use super::ui::Ui;
use crate::check::Settings;
use crate::compile::Disk;
use crate::compile::watched::Watched;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::Problems;
use crate::draw::wish::Sweep;
use crate::exec;
use crate::hir::Literal;
use crate::store;
use crate::text::Site;
use crate::text::SourceId;
use crate::text::Sources;
use std::ops::Range;
use std::path::PathBuf;

/// Which values parameters take.
#[derive(clap::Args, Default)]
pub struct SweepArgs {
    /// Several values for a parameter, `edge=8,16,32` or `strength=0..1:0.25`: once for each, and for every combination of
    /// several sweeps
    #[arg(long = "sweep", value_name = "NAME=VALUES")]
    pub sweeps: Vec<String>,
}

/// Combinations that one command may ask for.
const MOST: usize = 1024;

/// Variants that are held compiled at a time; further ones are compiled again when it is their turn.
const HELD: usize = 64;

/// Files that a process has open beside those of a build.
const OTHER_FILES: u64 = 64;

/// Values of the swept parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variant {
    pub sets: Vec<(String, Literal)>,
}

impl Variant {
    /// `edge = 8, strength = 0.5`; empty where nothing is swept.
    pub fn label(&self) -> String {
        self.sets.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ")
    }
}

/// An output of a variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub variant: usize,
    pub written: String,
    pub path: PathBuf,
    pub site: Site,
    /// Files that are open while it is written.
    pub open: u64,
}

/// A recipe and its variants, all of which check; without a sweep there is one.
pub struct Matrix {
    pub text: Text,
    pub sweeps: Vec<Sweep>,
    pub variants: Vec<Variant>,
    pub targets: Vec<Target>,
    /// Which files were read.
    pub watched: Watched<'static>,
    held: Vec<Outcome>,
    /// Files that are open to be read.
    inputs: u64,
}

impl Matrix {
    /// Reads and checks every variant; what is wrong is shown, once where it is wrong in all of them.
    pub fn new(args: &RecipeArgs, sweeps: &SweepArgs, change: &dyn Fn(&mut Settings), ui: &Ui) -> Result<Matrix, Exit> {
        let text = Text::read(args, change).map_err(|problem| ui.problem(problem))?;
        let sweeps = parsed(sweeps, &text.settings).map_err(|problem| ui.problem(problem))?;
        let variants = combinations(&sweeps);
        let watched = Watched::new(&Disk);
        let mut matrix = Matrix { text, sweeps, variants, targets: vec![], watched, held: vec![], inputs: 0 };
        let mut found = Found::default();
        for at in 0..matrix.variants.len() {
            let mut outcome = matrix.compile(at);
            let is_swept = !matrix.variants[at].sets.is_empty();
            found.add(at, is_swept, &std::mem::take(&mut outcome.problems), &outcome.sources);
            let Some(compiled) = &outcome.compiled else { continue };
            matrix.inputs = matrix.inputs.max(compiled.plan.files.len() as u64);
            matrix.targets.extend(compiled.plan.outputs.iter().map(|output| Target {
                variant: at,
                written: output.written.clone(),
                path: output.path.clone(),
                site: output.site,
                // The file or directory itself, its journal, its files, and those of the output that stands there.
                open: 2 + 2 * output.file_names().len() as u64,
            }));
            if matrix.held.len() < HELD {
                matrix.held.push(outcome);
            }
        }
        matrix.clashes().into_iter().for_each(|problem| found.problems.push((problem, vec![])));
        let problems = found.problems(&matrix.variants);
        match ui.problems(&problems, &found.sources) {
            Exit::Good if !problems.has_errors() => Ok(matrix),
            Exit::Good => Err(Exit::Wrong),
            exit => Err(exit),
        }
    }

    fn compile(&self, at: usize) -> Outcome {
        let variant = &self.variants[at];
        Outcome { label: variant.label(), ..self.text.compile(&variant.sets, &self.watched) }
    }

    /// Variants that are built together: as many as the system lets a process keep files open for, and as are held.
    pub fn rounds(&self) -> Vec<Range<usize>> {
        let most = store::open_files().saturating_sub(OTHER_FILES + exec::recent_files() + self.inputs);
        let mut out: Vec<Range<usize>> = vec![];
        let mut open = 0;
        for at in 0..self.variants.len() {
            let own: u64 = self.targets.iter().filter(|target| target.variant == at).map(|target| target.open).sum();
            open += own;
            match out.last_mut() {
                Some(round) if open <= most && round.len() < HELD => round.end = at + 1,
                _ => {
                    out.push(at..at + 1);
                    open = own;
                }
            }
        }
        out
    }

    /// The variants of a round, compiled.
    pub fn round(&mut self, round: &Range<usize>) -> Vec<Outcome> {
        // Rounds come in order, so what is held is what comes first.
        let held = if self.held.first().is_some_and(|first| first.label == self.variants[round.start].label()) {
            self.held.drain(..round.len().min(self.held.len())).collect()
        } else {
            vec![]
        };
        let done: usize = held.len();
        held.into_iter().chain((round.start + done..round.end).map(|at| self.compile(at))).collect()
    }

    /// Outputs of two variants in one place.
    fn clashes(&self) -> Vec<Problem> {
        let mut places: Vec<(PathBuf, &Target)> =
            self.targets.iter().map(|target| (crate::check::plain(&target.path), target)).collect();
        places.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.variant.cmp(&b.1.variant)));
        // By statement: the parameters that its path does not show.
        let mut hidden: Vec<(&Target, Vec<String>)> = vec![];
        let mut out = vec![];
        for pair in places.windows(2) {
            let [(first_path, first), (path, target)] = pair else { continue };
            if first.variant == target.variant || !path.starts_with(first_path) {
                continue;
            }
            if path == first_path && first.site == target.site {
                let at = hidden.iter().position(|row| row.0.site == target.site).unwrap_or_else(|| {
                    hidden.push((target, vec![]));
                    hidden.len() - 1
                });
                let (a, b) = (&self.variants[first.variant].sets, &self.variants[target.variant].sets);
                for (name, _) in a.iter().zip(b).filter(|(a, b)| a.1 != b.1).map(|(a, _)| a) {
                    if !hidden[at].1.contains(name) {
                        hidden[at].1.push(name.clone());
                    }
                }
            } else {
                out.push(self.crossing(first, target));
            }
        }
        out.extend(hidden.into_iter().map(|(target, names)| self.hidden(target, &names)));
        out
    }

    /// A swept parameter is missing from a path.
    fn hidden(&self, target: &Target, names: &[String]) -> Problem {
        let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let (listed, does) = (quoted.join(" and "), if names.len() == 1 { "is" } else { "are" });
        let problem = Problem::new(
            Code("E0855"),
            format!("{listed} {does} swept, and the path `{}` does not show it", target.path.display()),
        );
        if self.text.settings.output.is_some() {
            return problem.help("leave `--output` away: the recipe's own path can hold `{NAME}`");
        }
        let holes: String = names.iter().map(|name| format!("-{{{name}}}")).collect();
        let text = self.text.text.get(target.site.span.range()).unwrap_or("");
        // Before the ending, or before the quote at the end.
        let end = text.len().saturating_sub(1);
        let name = text.rfind('/').map_or(0, |at| at + 1);
        let at = text.get(name..end).and_then(|name| name.rfind('.')).map_or(end, |at| name + at);
        let at = if text[..at].ends_with('/') { at - 1 } else { at };
        let path = format!("{}{holes}{}", &text[..at], &text[at..]);
        problem
            .at(target.site, "every variant would be written here")
            .help(format!("write {} into the path: `{path}`", holes_of(names)))
            .edit(target.site, path)
    }

    /// Two statements meet in one place.
    fn crossing(&self, first: &Target, target: &Target) -> Problem {
        let label = |target: &Target| self.variants[target.variant].label();
        let message = format!("`{}` and `{}` are one place in this sweep", first.path.display(), target.path.display());
        let problem = Problem::new(Code("E0855"), message)
            .at(target.site, format!("written where {}", label(target)))
            .because(first.site, format!("written where {}", label(first)));
        problem.help(format!("write {} into both paths", holes_of(&self.names())))
    }

    /// Whether a picture of it has two sides: two sweeps and one output.
    pub fn is_table(&self) -> bool {
        self.sweeps.len() == 2 && self.targets.len() == self.variants.len()
    }

    fn names(&self) -> Vec<String> {
        self.sweeps.iter().map(|sweep| sweep.name.clone()).collect()
    }
}

fn holes_of(names: &[String]) -> String {
    names.iter().map(|name| format!("`{{{name}}}`")).collect::<Vec<_>>().join(" and ")
}

/// The sweeps of a command line.
pub fn parsed(args: &SweepArgs, settings: &Settings) -> Result<Vec<Sweep>, Problem> {
    let mut out: Vec<Sweep> = vec![];
    let mut count = 1usize;
    for text in &args.sweeps {
        let wrong = |why: String, help: String| {
            Problem::new(Code("E0856"), format!("`--sweep {}` {why}", text.escape_debug())).help(help)
        };
        let sweep = Sweep::parse(text, &literal).map_err(|problem| Problem { code: Code("E0856"), ..problem })?;
        let name = &sweep.name;
        if out.iter().any(|other| other.name == *name) {
            return Err(wrong(
                format!("sweeps `{name}` again"),
                format!("write all values into one: `--sweep {name}=1,2,3`"),
            ));
        }
        if settings.sets.iter().any(|(set, _)| set == name) {
            return Err(wrong(
                format!("sweeps `{name}`, which `--set` sets"),
                format!("leave one of them away: `--set {name}=…` or the sweep"),
            ));
        }
        let values: Vec<String> = sweep.values().iter().map(Literal::to_string).collect();
        if let Some((_, twice)) = values.iter().enumerate().find(|(at, value)| values[..*at].contains(value)) {
            return Err(wrong(format!("holds `{twice}` twice"), "write every value once".into()));
        }
        if let Some(Literal::Number(number)) = sweep.values().iter().find(|value| is_infinite(value)) {
            return Err(wrong(format!("holds {number}"), "write smaller numbers".into()));
        }
        count = count.saturating_mul(values.len());
        if count > MOST {
            return Err(wrong(
                format!("makes {count} combinations, {MOST} are built at most"),
                format!("take fewer values, or a step: `--sweep {name}=0..1:0.25`"),
            ));
        }
        out.push(sweep);
    }
    Ok(out)
}

fn is_infinite(value: &Literal) -> bool {
    matches!(value, Literal::Number(number) if !number.is_finite())
}

/// Every combination, the last sweep fastest; one without values where nothing is swept.
pub fn combinations(sweeps: &[Sweep]) -> Vec<Variant> {
    let mut out = vec![Variant::default()];
    for sweep in sweeps {
        let values = sweep.values();
        let with = |before: &Variant, value: &Literal| {
            let sets = before.sets.iter().cloned().chain([(sweep.name.clone(), value.clone())]).collect();
            Variant { sets }
        };
        out = out.iter().flat_map(|before| values.iter().map(move |value| with(before, value))).collect();
    }
    out
}

/// Problems of all variants, in the texts of all.
#[derive(Default)]
struct Found {
    /// With the variants that have it.
    problems: Vec<(Problem, Vec<usize>)>,
    sources: Sources,
}

impl Found {
    fn add(&mut self, variant: usize, is_swept: bool, problems: &Problems, sources: &Sources) {
        // Variants read the same texts, but perhaps in another order.
        let ids: Vec<SourceId> = sources
            .iter()
            .map(|source| {
                let known = self.sources.iter().find(|own| own.name == source.name && own.text == source.text);
                let known = known.map(|own| own.id);
                known.unwrap_or_else(|| self.sources.add(source.name.clone(), source.text.clone()).id)
            })
            .collect();
        for problem in problems.iter() {
            let mut problem = problem.clone();
            let sites = problem.labels.iter_mut().map(|label| &mut label.site);
            sites.chain(problem.fix.iter_mut().map(|edit| &mut edit.site)).for_each(|site| {
                site.source = ids[site.source.0 as usize];
            });
            // The checker knows parameters that are set.
            if is_swept && problem.code == Code("E0206") && problem.labels.is_empty() {
                problem.help = problem.help.map(|help| help.replace("--set", "--sweep"));
            }
            match self.problems.iter_mut().find(|(own, _)| *own == problem) {
                Some((_, variants)) => variants.push(variant),
                None => self.problems.push((problem, vec![variant])),
            }
        }
    }

    /// All of them; what is wrong in some variants only says in which.
    fn problems(&self, variants: &[Variant]) -> Problems {
        let mut out = Problems::default();
        for (problem, of) in &self.problems {
            let mut problem = problem.clone();
            match of.as_slice() {
                [] => {}
                [first, rest @ ..] if of.len() < variants.len() => {
                    let more = if rest.is_empty() { String::new() } else { format!(", and {} more", rest.len()) };
                    problem = problem.note(format!("where {}{more}", variants[*first].label()));
                }
                _ => {}
            }
            out.push(problem);
        }
        out
    }
}

/// A problem of a run, with the variant that it is of.
pub fn of_variant(problem: Problem, label: &str) -> Problem {
    if label.is_empty() { problem } else { problem.note(format!("where {label}")) }
}
