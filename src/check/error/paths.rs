//! E02: paths of models and outputs, and which outputs a run makes.

use crate::check::context::Context;
use crate::check::context::ModuleId;
use crate::check::error::listed;
use crate::check::written::Room;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::suggest::nearest;
use crate::hir::Format;
use crate::text::Site;

pub fn lone_brace(path: &str, brace: &str, raw: bool, site: Site) -> Problem {
    let doubled = path.replace(brace, &brace.repeat(2));
    let quote = if raw { '\'' } else { '"' };
    Problem::new(Code("E0214"), format!("the path holds a lone `{brace}`"))
        .at(site, "`{name}` fills in a parameter")
        .help(format!("write `{}` for a brace", brace.repeat(2)))
        .edit(site, format!("{quote}{doubled}{quote}"))
}

pub fn empty_path(site: Site) -> Problem {
    Problem::new(Code("E0214"), "the path is empty")
        .at(site, "names no file")
        .help("write `\"out/merged.safetensors\"`")
        .edit(site, "\"out/merged.safetensors\"")
}

pub fn unsafe_fill(name: &str, value: &str, site: Site) -> Problem {
    Problem::new(Code("E0214"), format!("the parameter `{name}` is `{value}`, which may not stand in a path"))
        .at(site, "filled in here")
        .help("use a value without separators and without a leading dot")
}

pub fn unknown_in_path(name: &str, context: &Context, module: ModuleId, site: Site) -> Problem {
    let params = context.modules[module].param_names();
    let problem = Problem::new(Code("E0214"), format!("the path names `{name}`, which is no parameter"))
        .at(site, "only parameters are filled in");
    let text = context.text_at(site);
    match nearest(name, params.iter().map(String::as_str)) {
        Some(near) => {
            let path = text.replace(&format!("{{{name}}}"), &format!("{{{near}}}"));
            problem.help(format!("write `{{{near}}}`")).edit(site, path)
        }
        None => {
            let path = text.replace(&format!("{{{name}}}"), &format!("{{{{{name}}}}}"));
            problem
                .help(format!("define it, `param {name} = 1`, or write `{{{{{name}}}}}` for braces"))
                .edit(site, path)
        }
    }
}

pub fn same_path(path: &str, site: Site, first: Site) -> Problem {
    let path = path.trim_end_matches('/');
    let (stem, ending) =
        path.rsplit_once('.').map_or((path, String::new()), |(stem, ending)| (stem, format!(".{ending}")));
    let other = format!("\"{stem}-2{ending}\"");
    Problem::new(Code("E0215"), format!("two outputs are written to `{path}`"))
        .at(site, "written again")
        .because(first, "first written")
        .help(format!("give it a path of its own: `{other}`"))
        .edit(site, other)
}

/// An output inside the directory that is another output.
pub fn path_inside(inner: (&str, Site), outer: (&str, Site)) -> Problem {
    let other = format!("\"{}-2/{}\"", outer.0.trim_end_matches('/'), inner.0.rsplit('/').next().unwrap_or(inner.0));
    Problem::new(Code("E0215"), format!("the output `{}` lies inside the output `{}`", inner.0, outer.0))
        .at(inner.1, "would be replaced with the directory")
        .because(outer.1, "a directory of its own")
        .help(format!("write it beside: `{other}`"))
        .edit(inner.1, other)
}

/// The path of an output.
pub struct Path<'p> {
    /// As messages show it.
    pub shown: &'p str,
    /// Its text in the recipe; none when it comes from the command line.
    pub own: Option<&'p str>,
    /// In small letters, without the dot.
    pub ending: &'p str,
    pub site: Site,
}

impl Path<'_> {
    /// The path with another ending, `.pt`, or with none: as the recipe or the command line writes it.
    fn with(&self, ending: &str) -> String {
        let text = self.own.unwrap_or(self.shown);
        let old = format!(".{}", self.ending);
        let at = text.to_ascii_lowercase().rfind(&old).unwrap_or(text.len());
        format!("{}{ending}{}", &text[..at], &text[(at + old.len()).min(text.len())..])
    }

    /// Helps to write another path; `why` follows what is to be typed.
    fn fixed(&self, problem: Problem, path: String, why: &str) -> Problem {
        match self.own {
            Some(_) => problem.help(format!("write `{path}`{why}")).edit(self.site, path),
            None => problem.help(format!("write `--output {path}`{why}")),
        }
    }
}

/// The ending of a file of a format.
fn ending_of(format: Format) -> &'static str {
    match format {
        Format::Safetensors => ".safetensors",
        Format::Pt => ".pt",
    }
}

/// The path of an output ends like a file of another tool.
pub fn other_format(path: &Path, format: Format) -> Problem {
    let problem = Problem::new(Code("E0218"), format!("writing `.{}` files is not in this version", path.ending))
        .at(path.site, "safetensors and PyTorch files and directories are written");
    path.fixed(problem, path.with(ending_of(format)), "")
}

/// The path ends like a file of the other format.
pub fn other_ending(path: &Path, format: Format, option: Option<Site>, room: &Room) -> Problem {
    let kind = match format {
        Format::Safetensors => "a safetensors file is written",
        Format::Pt => "a PyTorch file is written",
    };
    let other = if format == Format::Pt { Format::Safetensors } else { Format::Pt };
    let message = format!("the path `{}` ends in `.{}`, but {kind}", path.shown, path.ending);
    let problem = Problem::new(Code("E0220"), message);
    match option {
        Some(option) => {
            let problem = problem.at(path.site, "the ending says another format").because(option, "the format");
            path.fixed(problem, path.with(ending_of(format)), &format!(", or `format = {}`", other.name()))
        }
        // Without the option a path decides nothing: what is written must stand in the recipe.
        None => {
            let problem = problem.at(path.site, "without `format`, safetensors");
            let help = format!("add `{{ format = {} }}` after the value", other.name());
            let problem = match path.own {
                Some(_) => problem.help(format!("{help}, or write `{}`", path.with(".safetensors"))),
                None => problem.help(format!("{help}, or write `--output {}`", path.with(".safetensors"))),
            };
            problem.edit(room.site, room.text(&format!("format = {}", other.name())))
        }
    }
}

pub fn no_name(path: &Path) -> Problem {
    let problem = Problem::new(Code("E0214"), format!("the path `{}` has no name before its ending", path.shown))
        .at(path.site, "names no file");
    let named = path.with(&format!("merged.{}", path.ending));
    path.fixed(problem, named, "")
}

/// `shard_size` where one file is written.
pub fn one_shard(path: &Path, option: Site) -> Problem {
    let problem =
        Problem::new(Code("E0208"), format!("`shard_size` cuts directories, but `{}` is one file", path.shown))
            .at(option, "has no effect here")
            .because(path.site, "a path with an ending");
    match path.own {
        Some(_) => {
            let directory = path.with("");
            problem.help(format!("write the path of a directory: `{directory}`")).edit(path.site, directory)
        }
        None => problem.help(format!("write `--output {}`", path.with(""))),
    }
}

pub fn only_fits_nothing(glob: &str, paths: &[&str]) -> Problem {
    Problem::new(Code("E0216"), format!("`--only {glob}` fits no output"))
        .help(format!("name one of the outputs: {}", listed(paths)))
}

pub fn output_needs_one(paths: &[&str]) -> Problem {
    Problem::new(Code("E0216"), format!("`--output` needs a recipe with one output, but this one has {}", paths.len()))
        .help(match paths.first() {
            Some(path) => format!("choose one: `--only {path}`"),
            None => "add `output \"out/merged.safetensors\" = …` to the recipe".into(),
        })
}
