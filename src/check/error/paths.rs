//! E02: paths of models and outputs, and which outputs a run makes.

use crate::check::context::Context;
use crate::check::context::ModuleId;
use crate::check::error::listed;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::suggest::nearest;
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

/// The path of an output ends like a file of another tool; `own` is its text in the recipe.
pub fn other_format(path: &str, ending: &str, own: Option<&str>, site: Site) -> Problem {
    let problem = Problem::new(Code("E0218"), format!("writing `.{ending}` files is not in this version"))
        .at(site, "safetensors files and directories are written");
    let with = |text: &str| {
        let cut = text.len() - text.to_ascii_lowercase().rfind(&format!(".{ending}")).map_or(0, |at| text.len() - at);
        format!("{}.safetensors{}", &text[..cut], &text[(cut + 1 + ending.len()).min(text.len())..])
    };
    match own {
        Some(own) => problem.help(format!("write `{}`", with(own))).edit(site, with(own)),
        None => problem.help(format!("write `--output {}`", with(path))),
    }
}

pub fn no_name(path: &str, site: Site) -> Problem {
    let named = format!("{}merged.safetensors", &path[..path.rfind(".safetensors").unwrap_or(0)]);
    Problem::new(Code("E0214"), format!("the path `{path}` has no name before its ending"))
        .at(site, "names no file")
        .help(format!("write `\"{named}\"`"))
        .edit(site, format!("\"{named}\""))
}

/// `shard_size` where one file is written.
pub fn one_shard(path: &str, own: Option<&str>, option: Site, site: Site) -> Problem {
    let problem = Problem::new(Code("E0208"), format!("`shard_size` cuts directories, but `{path}` is one file"))
        .at(option, "has no effect here")
        .because(site, "a path with an ending");
    match own {
        Some(own) => {
            let directory = own.replacen(".safetensors", "", 1);
            problem.help(format!("write the path of a directory: `{directory}`")).edit(site, directory)
        }
        None => problem.help(format!("write `--output {}`", path.replacen(".safetensors", "", 1))),
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
