//! The plan for people: what is read and written, groups of tensors with their effective weights, memory.

use super::Output;
use super::Plan;
use super::Work;
use super::peak_bytes;
use crate::hir::Atom;
use crate::hir::Form;
use crate::hir::Made;
use crate::hir::Recipe;
use crate::text::Sources;
use indexmap::IndexMap;

/// Bytes as people write them: `4.07 MiB`.
pub fn bytes_text(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit < UNITS.len() - 1 {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.2} {}", UNITS[unit]) }
}

/// The whole plan as text.
pub fn print(recipe: &Recipe, plan: &Plan, sources: &Sources, threads: usize) -> String {
    let mut out = String::new();
    for output in &plan.outputs {
        one_output(recipe, output, &mut out);
    }
    reads(recipe, plan, &mut out);
    if !plan.checks.is_empty() {
        out.push_str(&format!("must be equal in the inputs: {}\n", tensors(plan.checks.len())));
    }
    for claim in &recipe.claims {
        let (line, _) = sources.get(claim.site.source).line_column(claim.site.span.start);
        out.push_str(&format!("claim, line {line}: {}\n", claim.text));
    }
    let peak = bytes_text(peak_bytes(plan, threads));
    out.push_str(&format!("memory: at most {peak} on {threads} threads\n"));
    out
}

fn tensors(count: usize) -> String {
    if count == 1 { "1 tensor".into() } else { format!("{count} tensors") }
}

fn one_output(recipe: &Recipe, output: &Output, out: &mut String) {
    let kinds = [
        (
            "copied",
            output.tensors.iter().filter(|tensor| !matches!(tensor.work, Work::Compute { .. })).collect::<Vec<_>>(),
        ),
        ("computed", output.tensors.iter().filter(|tensor| matches!(tensor.work, Work::Compute { .. })).collect()),
    ];
    out.push_str(&format!("write {} ({}, layout {}", output.written, output.family, output.layout));
    if output.parts.len() > 1 {
        out.push_str(&format!(", {} shards", output.parts.len()));
    }
    out.push_str(&format!("): {}, {}\n", tensors(output.tensors.len()), bytes_text(output.bytes())));
    for (word, list) in kinds {
        if !list.is_empty() {
            let bytes = list.iter().map(|tensor| tensor.len).sum();
            out.push_str(&format!("  {word}: {}, {}\n", tensors(list.len()), bytes_text(bytes)));
        }
    }
    let Some(own) = recipe.outputs.iter().find(|own| own.site == output.site) else { return };
    for (text, names) in groups(recipe, &own.tensors) {
        out.push_str(&format!("  {text}\n"));
        for line in wrapped(&shortened(&names), 92) {
            out.push_str(&format!("      {line}\n"));
        }
    }
}

/// Tensors with the same weights, in order of appearance.
pub fn groups(recipe: &Recipe, made: &[Made]) -> IndexMap<String, Vec<String>> {
    let mut groups: IndexMap<String, Vec<String>> = IndexMap::new();
    for tensor in made {
        groups.entry(form_text(recipe, &tensor.form)).or_default().push(tensor.name.to_string());
    }
    groups
}

/// A form as people write it: `0.7 a + 0.3 b`.
pub fn form_text(recipe: &Recipe, form: &Form) -> String {
    let terms: Vec<String> = form.terms.iter().map(|(atom, share)| term_text(recipe, atom, *share)).collect();
    if terms.is_empty() { "0".into() } else { terms.join(" + ").replace("+ -", "- ") }
}

fn term_text(recipe: &Recipe, atom: &Atom, share: f64) -> String {
    let what = match atom {
        Atom::Tensor { input, .. } => recipe.input(*input).name.to_string(),
        Atom::Call(call) => {
            let call = &recipe.calls[*call as usize];
            let inputs: Vec<String> = call.inputs.iter().map(|form| form_text(recipe, form)).collect();
            let options: Vec<String> = call
                .method
                .options
                .iter()
                .zip(&call.on.options)
                .map(|(spec, value)| format!("{} = {}", spec.name, value.text()))
                .collect();
            format!("{}({})", call.method.name, inputs.into_iter().chain(options).collect::<Vec<_>>().join(", "))
        }
        Atom::Absent(_) => "nothing".into(),
    };
    if share == 1.0 { what } else { format!("{} {what}", share_text(share)) }
}

/// A share in at most six decimals.
pub fn share_text(share: f64) -> String {
    let rounded = (share * 1e6).round() / 1e6;
    if rounded == 0.0 { format!("{share:e}") } else { rounded.to_string() }
}

/// Names with what they share written once: `synthesis.b{4,8}.conv1.weight`.
pub fn shortened(names: &[String]) -> Vec<String> {
    // Names that differ in one segment are joined, segment by segment from the last to the first.
    let mut list: Vec<Vec<String>> = names.iter().map(|name| name.split('.').map(String::from).collect()).collect();
    let deepest = list.iter().map(Vec::len).max().unwrap_or(0);
    for at in (0..deepest).rev() {
        let mut joined: IndexMap<(usize, Vec<String>), Vec<String>> = IndexMap::new();
        for name in list {
            let mut rest = name.clone();
            let own = if at < rest.len() { std::mem::take(&mut rest[at]) } else { String::new() };
            joined.entry((name.len(), rest)).or_default().push(own);
        }
        list = joined
            .into_iter()
            .map(|((len, mut rest), owns)| {
                if at < len {
                    rest[at] = braces(&owns);
                }
                rest
            })
            .collect();
    }
    list.into_iter().map(|segments| segments.join(".")).collect()
}

/// `b4`, `b8` -> `b{4,8}`; `0`, `1`, `2` -> `{0..2}`
fn braces(words: &[String]) -> String {
    let [first, rest @ ..] = words else { return String::new() };
    if rest.is_empty() {
        return first.clone();
    }
    if words.iter().any(|word| word.contains('{')) {
        return format!("{{{}}}", words.join(","));
    }
    let common = |a: &str, b: &str| {
        a.chars().zip(b.chars()).take_while(|(x, y)| x == y).map(|(x, _)| x.len_utf8()).sum::<usize>()
    };
    let mut prefix = words.iter().skip(1).fold(first.len(), |so_far, word| so_far.min(common(first, word)));
    // Numbers are never cut: `16` and `1024` share no digit.
    while prefix > 0 && (!first.is_char_boundary(prefix) || first.as_bytes()[prefix - 1].is_ascii_digit()) {
        prefix -= 1;
    }
    let tails: Vec<&str> = words.iter().map(|word| &word[prefix..]).collect();
    let numbers: Option<Vec<u64>> = tails.iter().map(|tail| tail.parse().ok()).collect();
    let inner = match numbers {
        Some(numbers) if numbers.len() > 2 && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1) => {
            format!("{}..{}", numbers[0], numbers[numbers.len() - 1])
        }
        _ => tails.join(","),
    };
    format!("{}{{{inner}}}", &first[..prefix])
}

fn wrapped(words: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    for word in words {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() + 2 <= width => {
                line.push_str("  ");
                line.push_str(word);
            }
            _ => lines.push(word.clone()),
        }
    }
    lines
}

/// Per input: bytes that are moved and bytes that are computed with.
pub fn read_bytes(recipe: &Recipe, plan: &Plan) -> Vec<(u64, u64)> {
    let mut of_file = vec![];
    for (at, input) in recipe.inputs.iter().enumerate() {
        of_file.extend(std::iter::repeat_n(at, input.header.files.len()));
    }
    let mut out = vec![(0, 0); recipe.inputs.len()];
    for tensor in plan.outputs.iter().flat_map(|output| &output.tensors) {
        match &tensor.work {
            Work::Copy { file, .. } => out[of_file[*file]].0 += tensor.len,
            Work::Gather(program) => out[of_file[program.loads[0].file]].0 += tensor.len,
            Work::Compute { program, .. } => {
                let passes = program.stages as u64 + 1;
                for load in &program.loads {
                    out[of_file[load.file]].1 += program.elems() * load.dtype.bytes() * passes;
                }
            }
        }
    }
    out
}

fn reads(recipe: &Recipe, plan: &Plan, out: &mut String) {
    for (input, (moved, computed)) in recipe.inputs.iter().zip(read_bytes(recipe, plan)) {
        let size: u64 = input.header.files.iter().map(|file| file.size).sum();
        let how = match (moved, computed) {
            (0, 0) => "not read".to_string(),
            (moved, 0) => format!("{} copied", bytes_text(moved)),
            (0, computed) => format!("{} computed with", bytes_text(computed)),
            (moved, computed) => format!("{} copied, {} computed with", bytes_text(moved), bytes_text(computed)),
        };
        out.push_str(&format!("read {} ({}, {}): {how}\n", input.name, input.written, bytes_text(size)));
    }
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[track_caller]
    fn check(names: &[&str], expected: &[&str]) {
        let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        assert_eq!(shortened(&names), expected);
    }

    #[test]
    fn names_are_joined() {
        check(&["a.b4.w", "a.b8.w"], &["a.b{4,8}.w"]);
        check(&["l.0.q", "l.1.q", "l.2.q", "l.0.k", "l.1.k", "l.2.k"], &["l.{0..2}.{q,k}"]);
        check(&["a.x", "b.y.z"], &["a.x", "b.y.z"]);
        check(&["s.b16.w", "s.b1024.w"], &["s.b{16,1024}.w"]);
        check(&["one"], &["one"]);
    }
}
