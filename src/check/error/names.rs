//! E02: names, arguments, options.

use crate::check::context::Context;
use crate::check::context::Def;
use crate::check::context::ModuleId;
use crate::check::error::counted;
use crate::check::error::listed;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::suggest::nearest;
use crate::syntax::ast;
use crate::tensor::Coord;
use crate::text::Site;
use crate::text::SourceId;
use crate::text::Span;

/// Suggests a replacement at a place: as help and as edit.
pub(super) fn instead(problem: Problem, site: Site, name: &str) -> Problem {
    problem.help(format!("write `{name}`")).edit(site, name)
}

/// The names of the value namespace of a module, models first.
fn value_names(context: &Context, module: ModuleId, models_only: bool) -> Vec<String> {
    let values = &context.modules[module].values;
    let is_model = |def: &Def| matches!(def, Def::Model(_));
    let mut names: Vec<(bool, String)> = values
        .iter()
        .filter(|(_, (def, _))| !matches!(def, Def::Module(_)) && (is_model(def) || !models_only))
        .map(|(name, (def, _))| (!is_model(def), name.clone()))
        .collect();
    names.sort();
    names.into_iter().map(|(_, name)| name).collect()
}

pub fn unknown_name(name: &str, context: &Context, module: ModuleId, site: Site) -> Problem {
    let names = value_names(context, module, false);
    let problem = Problem::new(Code("E0201"), format!("the name `{name}` is not defined"));
    let own = &context.modules[module];
    if let Some(near) = nearest(name, names.iter().map(String::as_str).chain(Coord::ALL.map(Coord::text))) {
        return instead(problem.at(site, "nothing is called this"), site, near);
    }
    if own.callables.contains_key(name) {
        let problem = problem.at(site, "this is a function, and a function is called");
        return problem
            .help(format!("call it: `{name}(…)`"))
            .edit(Site { span: Span { start: site.span.end, end: site.span.end }, ..site }, "()");
    }
    if own.patterns.contains_key(name) {
        let problem = problem.at(site, "this is a pattern, and patterns stand in `match` and after `where`");
        return problem
            .help(format!("write `(1 where {name})` for a weight of 1 on its tensors"))
            .edit(site, format!("(1 where {name})"));
    }
    let problem = problem.at(site, "nothing is called this");
    match names.first() {
        Some(first) => problem
            .help(format!("define it, `let {name} = …`, or use one of {}", listed(&names)))
            .edit(site, first.clone()),
        None => problem.help(format!("define it: `model {name} = \"{name}.safetensors\"`")),
    }
}

pub fn unknown_module(name: &str, context: &Context, module: ModuleId, site: Site) -> Problem {
    let values = &context.modules[module].values;
    let mut names: Vec<&str> = values
        .iter()
        .filter(|(_, (def, _))| matches!(def, Def::Module(_)))
        .map(|(name, _)| name.as_str())
        .chain(["std"])
        .collect();
    names.sort();
    let problem =
        Problem::new(Code("E0201"), format!("no recipe is used as `{name}`")).at(site, "nothing is called this");
    match nearest(name, names.iter().copied()) {
        Some(near) => instead(problem, site, near),
        None => problem.help(format!("add `use \"{name}.blend\" as {name}`")),
    }
}

pub fn not_a_module(name: &str, field: &str, site: Site) -> Problem {
    let whole = Site { span: Span { start: site.span.start, end: site.span.end + 1 + field.len() as u32 }, ..site };
    Problem::new(Code("E0211"), format!("`{name}` is no recipe, so it has no `{field}`"))
        .at(site, "only a recipe that is used has names of its own")
        .help(format!("write `{name}`"))
        .edit(whole, name)
}

pub fn module_as_value(name: &str, context: &Context, inner: ModuleId, site: Site) -> Problem {
    let names = value_names(context, inner, false);
    let problem = Problem::new(Code("E0211"), format!("`{name}` is a recipe, and a value is needed"))
        .at(site, "this stands for all names of that recipe");
    match names.first() {
        Some(first) => problem
            .help(format!("name one of its values: `{name}.{first}` (it has {})", listed(&names)))
            .edit(site, format!("{name}.{first}")),
        None => problem.help("define a value in that recipe with `let`"),
    }
}

pub fn unknown_callable(name: &str, names: &[String], context: &Context, module: ModuleId, site: Site) -> Problem {
    let problem = Problem::new(Code("E0202"), format!("there is no function or method `{name}`"));
    if let Some(near) = nearest(name, names.iter().map(String::as_str)) {
        return instead(problem.at(site, "nothing that can be called has this name"), site, near);
    }
    if context.modules[module].values.contains_key(name) {
        return problem
            .at(site, "this is a value, and values are not called")
            .help(format!("write `{name} * (…)` to multiply, with a space before the bracket"))
            .edit(site, format!("{name} * "));
    }
    problem
        .at(site, "nothing that can be called has this name")
        .help("list what there is with `blend methods`, or define it: `fn NAME(x) = …`")
}

pub fn defined_twice(name: &str, site: Site, first: Site, other: &str) -> Problem {
    Problem::new(Code("E0203"), format!("the name `{name}` is defined twice"))
        .at(site, "defined again")
        .because(first, "first defined")
        .help(format!("call the second one `{other}`"))
        .edit(site, other)
}

pub fn let_cycle(name: &str, context: &Context, module: ModuleId, site: Site) -> Problem {
    let (_, definition) = context.modules[module].values[name].clone();
    let others: Vec<String> = value_names(context, module, true);
    let mut problem = Problem::new(Code("E0204"), format!("the value of `{name}` depends on itself"))
        .at(site, "needs the value that is being defined")
        .because(definition, "its definition");
    let start = context.resolving.iter().rposition(|other| other == name).unwrap_or(0);
    if let [first, rest @ ..] = &context.resolving[start..]
        && !rest.is_empty()
    {
        let way: Vec<String> = rest.iter().chain([first]).map(|name| format!("which needs `{name}`")).collect();
        problem = problem.note(format!("`{first}` {}", way.join(", ").replacen("which ", "", 1)));
    }
    match others.first() {
        Some(model) => problem.help(format!("use another value, for example `{model}`")).edit(site, model.clone()),
        None => problem.help("use another value"),
    }
}

pub fn pattern_cycle(name: &str, site: Site) -> Problem {
    Problem::new(Code("E0204"), format!("the pattern `{name}` depends on itself"))
        .at(site, "needs the pattern that is being defined")
        .help("write out what is meant, in words and coordinates")
}

pub fn use_cycle(path: &str, site: Site, loading: &[std::path::PathBuf]) -> Problem {
    let chain: Vec<String> = loading.iter().map(|path| path.display().to_string()).collect();
    let problem = Problem::new(Code("E0204"), format!("`{path}` is used by a recipe that it uses"))
        .at(site, "closes the circle")
        .help("move what both need into a third recipe and `use` that");
    if chain.is_empty() { problem } else { problem.note(format!("on the way: {}", chain.join(" uses "))) }
}

pub fn recursion(name: &str, site: Site, definition: Site) -> Problem {
    Problem::new(Code("E0205"), format!("the function `{name}` calls itself"))
        .at(site, "a call of the function inside itself never ends")
        .because(definition, "its definition")
        .help("write out what it needs: recipes always end, so functions are never recursive")
}

pub fn use_needs_itself(name: &str, site: Site) -> Problem {
    Problem::new(Code("E0204"), format!("what `{name}` is used with depends on itself"))
        .at(site, "needs the recipe that is being used")
        .help("set the parameter to a literal such as `16`")
}

/// A word with a `-` in it, which does not stand bare.
pub fn unquoted(option: &str, text: &str, site: Site) -> Problem {
    Problem::new(Code("E0302"), format!("`{option}` needs a string, but `{text}` is a subtraction"))
        .at(site, "a word with `-` needs quotes")
        .help(format!("write `\"{text}\"`"))
        .edit(site, format!("\"{text}\""))
}

/// One option of a block twice.
pub fn option_twice(name: &str, site: Site, first: Site) -> Problem {
    Problem::new(Code("E0210"), format!("the option `{name}` is given twice"))
        .at(site, "given again")
        .because(first, "given first")
        .help("remove one of them")
}

pub fn unknown_argument(callee: &str, name: &str, params: &[&str], site: Site) -> Problem {
    let shown: Vec<&str> = params.iter().copied().filter(|param| !param.is_empty()).collect();
    let problem = Problem::new(Code("E0208"), format!("`{callee}` has no parameter `{name}`"))
        .at(site, "no parameter is called this");
    match nearest(name, shown.iter().copied()).or(shown.last().copied().filter(|_| shown.len() == 1)) {
        Some(near) => instead(problem, site, near),
        None => problem.help(format!("use one of its parameters: {}", listed(&shown))),
    }
}

pub fn unknown_option(of: &str, name: &str, known: &[&str], site: Site) -> Problem {
    let problem =
        Problem::new(Code("E0208"), format!("{of} has no option `{name}`")).at(site, "no option is called this");
    match nearest(name, known.iter().copied()) {
        Some(near) => instead(problem, site, near),
        None if known.is_empty() => problem.help("remove the braces: it takes no options"),
        None => problem.help(format!("use one of its options: {}", listed(known))),
    }
}

/// `f(a, b, c)` as a template for help.
fn usage(callee: &str, params: &[&str]) -> String {
    let shown: Vec<&str> = params.iter().copied().filter(|param| !param.is_empty()).collect();
    format!("`{callee}({})`", shown.join(", "))
}

pub fn missing_argument(
    callee: &str,
    params: &[&str],
    slot: usize,
    model: Option<&str>,
    call: &ast::Call,
    name_site: Site,
    site: Site,
) -> Problem {
    let param = params[slot];
    let close =
        Site { span: Span { start: site.span.end.saturating_sub(1), end: site.span.end.saturating_sub(1) }, ..site };
    // A plausible value, so that the help can be typed as it stands.
    let example = match param {
        "points" => "[4: 1, 64: 0]",
        "values" => "[0, 1]",
        "w" | "t" | "weight" => "0.5",
        _ => model.unwrap_or("1"),
    };
    let comma = if call.args.is_empty() { "" } else { ", " };
    Problem::new(
        Code("E0209"),
        format!("`{callee}` is called without `{}`, which it needs", if param.is_empty() { "b" } else { param }),
    )
    .at(name_site, format!("`{param}` is missing"))
    .help(format!("add `{param} = {example}`: the form is {}", usage(callee, params)))
    .edit(close, format!("{comma}{param} = {example}"))
}

pub fn missing_input_option(method: &str, option: &str, input: &str, site: Site) -> Problem {
    let end = Site { span: Span { start: site.span.end, end: site.span.end }, ..site };
    Problem::new(Code("E0209"), format!("`{method}` needs a `{option}` for every input, but `{input}` has none"))
        .at(site, format!("no `{option}`"))
        .help(format!("write `{input} {{ {option} = 0.5 }}`"))
        .edit(end, format!(" {{ {option} = 0.5 }}"))
}

pub fn too_few_inputs(method: &str, least: usize, found: usize, site: Site) -> Problem {
    Problem::new(
        Code("E0209"),
        format!("`{method}` needs at least {}, but the call gives {found}", counted(least, "input")),
    )
    .at(site, "too few inputs")
    .help(format!("name the models to merge: `{method}(a, b, …)`"))
}

/// The place of an argument with the comma before it.
fn with_comma(arg: &ast::Arg, call: &ast::Call, source: SourceId) -> Site {
    let end = arg.options.as_ref().map_or(arg.value.span.end, |block| block.span.end);
    let index = call.args.iter().position(|other| std::ptr::eq(other, arg)).unwrap_or(0);
    let start = match index.checked_sub(1).map(|before| &call.args[before]) {
        Some(before) => before.options.as_ref().map_or(before.value.span.end, |block| block.span.end),
        None => arg_start(arg),
    };
    Span { start, end }.at(source)
}

fn arg_start(arg: &ast::Arg) -> u32 {
    arg.name.as_ref().map_or(arg.value.span.start, |name| name.span.start)
}

pub fn too_many_arguments(
    callee: &str,
    params: &[&str],
    arg: &ast::Arg,
    call: &ast::Call,
    source: SourceId,
) -> Problem {
    let takes = counted(params.len(), "argument");
    Problem::new(Code("E0210"), format!("`{callee}` takes {takes}, but the call gives {}", call.args.len()))
        .at(arg.value.span.at(source), "one too many")
        .help(format!("remove it: the form is {}", usage(callee, params)))
        .edit(with_comma(arg, call, source), "")
}

pub fn argument_twice(callee: &str, param: &str, arg: &ast::Arg, call: &ast::Call, source: SourceId) -> Problem {
    Problem::new(Code("E0210"), format!("`{param}` of `{callee}` is given twice"))
        .at(arg.value.span.at(source), "given again")
        .help("remove one of them")
        .edit(with_comma(arg, call, source), "")
}

pub fn options_not_here(callee: &str, arg: &ast::Arg, block: &ast::Block, source: SourceId) -> Problem {
    Problem::new(Code("E0208"), format!("this argument of `{callee}` takes no options in braces"))
        .at(block.span.at(source), "only inputs of a method have options of their own")
        .help("remove the braces")
        .edit(Span { start: arg.value.span.end, end: block.span.end }.at(source), "")
}

pub fn block_as_value(name: &str, site: Site) -> Problem {
    Problem::new(Code("E0208"), format!("the option `{name}` is a block, but a value is needed"))
        .at(site, "only `metadata` of an output is a block")
        .help(format!("write `{name} = …` without braces"))
}

pub fn metadata_not_block(site: Site) -> Problem {
    Problem::new(Code("E0208"), "`metadata` is a value, but a block is needed")
        .at(site, "holds several entries")
        .help("write `metadata = { author = \"…\" }`")
}

pub fn reserved_metadata(name: &str, site: Site) -> Problem {
    Problem::new(Code("E0208"), format!("the metadata key `{name}` belongs to blend"))
        .at(site, "keys that begin with `blend.` tell how the file was made")
        .help(format!("choose another key, for example `\"my.{}\"`", name.trim_start_matches("blend.")))
        .edit(site, format!("\"my.{}\"", name.trim_start_matches("blend.")))
}

pub fn unknown_word(word: &str, context: &Context, module: ModuleId, site: Site) -> Problem {
    let mut known: Vec<String> = context.modules[module].patterns.keys().cloned().collect();
    for input in &context.inputs {
        known.extend(
            input.canon.tensors.iter().flat_map(|tensor| tensor.traits.words.iter().map(|word| word.to_string())),
        );
    }
    known.sort();
    known.dedup();
    let families: Vec<String> = context.inputs.iter().map(|input| input.canon.family.to_string()).collect();
    let problem = Problem::new(
        Code("E0212"),
        format!("`{word}` is no word of {} and no pattern", families.first().map_or("these models", String::as_str)),
    )
    .at(site, "no tensor has this word");
    if let Some(near) = nearest(word, known.iter().map(String::as_str)) {
        return instead(problem, site, near);
    }
    if context.modules[module].values.contains_key(word) {
        return problem
            .note("patterns see words and coordinates, never `let` or model names")
            .help(format!("use a word of the architecture: {}", listed(&known)));
    }
    // A part of a name is what people mean by an unknown word.
    if context.inputs.iter().any(|input| input.canon.tensors.iter().any(|tensor| tensor.name.contains(word))) {
        let glob = format!("\"**.*{word}*.**\"");
        return problem.help(format!("write a glob for a part of a name: `{glob}`")).edit(site, glob);
    }
    problem.help(format!("use a word of the architecture: {}", listed(&known)))
}

pub fn unknown_pattern(name: &str, context: &Context, module: ModuleId, site: Site) -> Problem {
    let mut known: Vec<&str> = context.modules[module].patterns.keys().map(String::as_str).collect();
    known.sort();
    let problem = Problem::new(Code("E0212"), format!("that recipe has no pattern `{name}`"))
        .at(site, "no pattern is called this");
    match nearest(name, known.iter().copied()) {
        Some(near) => instead(problem, site, near),
        None => problem.help(format!("use one of its patterns: {}", listed(&known))),
    }
}

pub fn bad_glob(glob: &str, reason: &str, site: Site) -> Problem {
    Problem::new(Code("E0213"), format!("the glob `{glob}` cannot be read: {reason}"))
        .at(site, "cannot be read")
        .help("write `*` for one part of a name, `**` for any number of parts, `{a,b}` for a choice")
}

/// The new name of a `rename`.
pub fn bad_new_name(name: &str, reason: &str, site: Site) -> Problem {
    Problem::new(Code("E0213"), format!("the new name `{name}` cannot be used: {reason}"))
        .at(site, "cannot be used")
        .help("write a name in which `$1` is what the first `*` or `$1` of the old name stands for")
}

pub fn bad_regex(text: &str, reason: &str, site: Site) -> Problem {
    let line = reason.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("").trim().trim_start_matches("error: ");
    Problem::new(Code("E0213"), format!("the regular expression `{text}` cannot be read: {line}"))
        .at(site, "cannot be read")
        .help(format!("escape what is meant literally: `'{}'`", regex::escape(text)))
        .edit(site, format!("'{}'", regex::escape(text)))
}

pub fn unknown_choice(role: &str, word: &str, words: &[&str], site: Site) -> Problem {
    let problem = Problem::new(Code("E0217"), format!("{role} cannot be `{word}`")).at(site, "not one of its words");
    let near = nearest(word, words.iter().copied()).or(words.first().copied()).unwrap_or("");
    problem.help(format!("write `{near}` (the words are {})", listed(words))).edit(site, near)
}

pub fn unknown_layout(name: &str, family: &str, known: &[&str], site: Site) -> Problem {
    let problem =
        Problem::new(Code("E0217"), format!("`{name}` is no layout of {family}")).at(site, "no layout is called this");
    let near = nearest(name, known.iter().copied()).or(known.first().copied());
    match near {
        Some(near) => problem
            .help(format!("write `\"{near}\"` (its layouts are {})", listed(known)))
            .edit(site, format!("\"{near}\"")),
        None => problem.help("leave `layout` away"),
    }
}

pub fn bad_size(text: &str, site: Site) -> Problem {
    Problem::new(Code("E0217"), format!("`{text}` is no size in bytes"))
        .at(site, "neither a whole number nor a size")
        .help("write `\"5GB\"` (kB, MB, GB, KiB, MiB, GiB) or a whole number of bytes")
        .edit(site, "\"5GB\"")
}

/// Parts of the language that this version lacks.
pub fn not_yet(what: &'static str, site: Site) -> Problem {
    let (message, help) = match what {
        "lora" => ("adapters (`lora`) are not in this version", "merge the adapter into a model first and use `model`"),
        "stack" => ("`stack` is not in this version", "name every layer's source with `match` and `layer`"),
        "align" => ("`align` is not in this version", "merge models that share an ancestor"),
        "files" | "tokenizer" => (
            "the options `files` and `tokenizer` are not in this version",
            "copy config and tokenizer files beside the output",
        ),
        "key" => (
            "the option `key` is for pickles, which are not in this version",
            "convert the checkpoint to safetensors and leave `key` away",
        ),
        _ => ("this is not in this version", "leave it away"),
    };
    Problem::new(Code("E0218"), message).at(site, "not in this version").help(help)
}
