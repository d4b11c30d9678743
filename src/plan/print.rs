//! The plan for people: what is read and written, groups of tensors with their effective weights, memory.

use super::Between;
use super::Output;
use super::Plan;
use super::Tensor;
use super::Work;
use super::masks;
use super::names::compare;
use super::names::globs;
use super::peak_bytes;
use crate::field::Weight;
use crate::hir::Atom;
use crate::hir::Drawn;
use crate::hir::ExprKind;
use crate::hir::Form;
use crate::hir::Format;
use crate::hir::Recipe;
use crate::text::Sources;
use crate::tile::Node;
use crate::tile::NodeId;
use crate::tile::Program;
use indexmap::IndexMap;
use indexmap::IndexSet;
use std::collections::HashMap;

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
    out.push_str(&reads(recipe, plan));
    let of_inputs = plan.checks.iter().filter(|check| matches!(check.between, Between::Inputs(..)));
    let names: IndexSet<&str> = of_inputs.map(|check| &*check.canonical).collect();
    if !names.is_empty() {
        let names: Vec<&str> = names.into_iter().collect();
        let all: Vec<&str> = recipe.outputs.iter().flat_map(|output| &output.tensors).map(|made| &*made.name).collect();
        out.push_str(&format!("equal  {} must be the same in their models:\n", tensors(names.len())));
        wrapped(&globs(&all, &names), WIDTH - 6).iter().for_each(|line| out.push_str(&format!("      {line}\n")));
    }
    for (head, spaces) in masks::lines(recipe) {
        let all = spaces.join(", ");
        if all.chars().count() + head.chars().count() + 9 <= WIDTH {
            out.push_str(&format!("mask   {head}: {all}\n"));
        } else {
            out.push_str(&format!("mask   {head}:\n"));
            wrapped(&spaces, WIDTH - 6).iter().for_each(|line| out.push_str(&format!("      {line}\n")));
        }
    }
    for alignment in &plan.alignments {
        out.push_str(&format!("align  {}\n", alignment.line()));
    }
    for claim in &recipe.claims {
        let (line, _) = sources.get(claim.site.source).line_column(claim.site.span.start);
        out.push_str(&format!("assert {}  (line {line})\n", claim.text));
    }
    for drawn in &recipe.drawn {
        out.push_str(&draws(recipe, drawn, sources));
    }
    let peak = bytes_text(peak_bytes(plan, threads));
    let on = if threads == 1 { "1 thread".to_string() } else { format!("{threads} threads") };
    out.push_str(&format!("memory at most {peak} on {on}\n"));
    out
}

/// What a claim draws: the call as written, how many pictures of which size, where.
fn draws(recipe: &Recipe, drawn: &Drawn, sources: &Sources) -> String {
    let expr = recipe.expr(drawn.expr);
    let ExprKind::Render { look, .. } = &expr.kind else { return String::new() };
    let source = sources.get(expr.site.source);
    let (line, _) = source.line_column(expr.site.span.start);
    let text = source.slice(expr.site.span).split_whitespace().collect::<Vec<_>>().join(" ");
    let [width, height] = look.size_of(&drawn.net);
    let count = if look.seeds.len() == 1 { "1 picture".into() } else { format!("{} pictures", look.seeds.len()) };
    format!("draw   {text}: {count} of {width} x {height} px  (line {line})\n")
}

/// Columns that lines keep to, where words allow it.
const WIDTH: usize = 100;

fn tensors(count: usize) -> String {
    if count == 1 { "1 tensor".into() } else { format!("{count} tensors") }
}

/// Tensors of one output with the same weights.
struct Group<'p> {
    text: String,
    tensors: Vec<&'p Tensor>,
    /// Kinds of work with their numbers of tensors.
    works: IndexMap<&'static str, usize>,
}

impl Group<'_> {
    fn bytes(&self) -> u64 {
        self.tensors.iter().map(|tensor| tensor.len).sum()
    }

    fn work(&self) -> String {
        match self.works.keys().collect::<Vec<_>>().as_slice() {
            [only] => only.to_string(),
            _ => self.works.iter().map(|(work, count)| format!("{count} {work}")).collect::<Vec<_>>().join(", "),
        }
    }
}

/// What happens to a tensor, in one word.
/// Whether values come out of quantised blocks.
fn is_decoded(program: &Program) -> bool {
    program.loads.iter().any(|load| load.blocks.is_some())
}

/// What was done for the tensors of an output: `50 copied, 48 computed`, those that were decoded between.
pub fn tally(output: &Output) -> String {
    let count = |is: Way| output.tensors.iter().filter(|tensor| way(&tensor.work) == is).count();
    let (copied, decoded, computed) = (count(Way::Copied), count(Way::Decoded), count(Way::Computed));
    let between = if decoded > 0 { format!("{decoded} decoded, ") } else { String::new() };
    format!("{copied} copied, {between}{computed} computed")
}

/// How the bytes of a tensor come about, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Copied,
    Decoded,
    Computed,
}

/// The way of some work.
pub fn way(work: &Work) -> Way {
    match work {
        Work::Compute { .. } => Way::Computed,
        Work::Gather(program) if is_decoded(program) => Way::Decoded,
        Work::Gather(_) | Work::Copy { .. } => Way::Copied,
    }
}

fn work_word(tensor: &Tensor, form: &Form) -> &'static str {
    let whole = matches!(form.whole(), Some(Atom::Tensor { .. }));
    match &tensor.work {
        Work::Copy { .. } => "copied",
        Work::Gather(program) if is_decoded(program) => "decoded",
        Work::Gather(_) => "rearranged",
        Work::Compute { .. } if whole => "converted",
        Work::Compute { .. } => "computed",
    }
}

fn one_output(recipe: &Recipe, output: &Output, out: &mut String) {
    out.push_str(&format!(
        "write  {}: {}, {}",
        output.written,
        tensors(output.tensors.len()),
        bytes_text(output.bytes())
    ));
    if output.parts.len() > 1 {
        out.push_str(&format!(" in {} shards", output.parts.len()));
    }
    let layout = if output.layout == output.family { String::new() } else { format!(", layout {}", output.layout) };
    let format = if output.format == Format::Pt { ", PyTorch" } else { "" };
    out.push_str(&format!(" ({}{layout}{format})\n", output.family));
    let groups = groups(recipe, output);
    let all: Vec<&str> = output.tensors.iter().map(|tensor| &*tensor.canonical).collect();
    let rows: Vec<[String; 4]> = groups
        .iter()
        .map(|group| [group.text.clone(), tensors(group.tensors.len()), bytes_text(group.bytes()), group.work()])
        .collect();
    // A text that is longer than the others by far has a line of its own.
    let width = |column: usize| {
        let lens = rows.iter().map(|row| row[column].chars().count());
        lens.filter(|len| *len <= 48).max().unwrap_or(0)
    };
    let widths = [0, 1, 2, 3].map(width);
    for (group, [text, count, bytes, work]) in groups.iter().zip(&rows) {
        if text.chars().count() > widths[0] {
            out.push_str(&format!("  {text}\n  {:1$}", "", widths[0]));
        } else {
            out.push_str(&format!("  {text:0$}", widths[0]));
        }
        let row = format!("  {count:>0$}  {bytes:>1$}  {work:2$}", widths[1], widths[2], widths[3]);
        let names: Vec<&str> = group.tensors.iter().map(|tensor| &*tensor.canonical).collect();
        match globs(&all, &names).as_slice() {
            [one] if 2 + widths[0] + row.len() + 2 + one.len() <= WIDTH => out.push_str(&format!("{row}  {one}\n")),
            globs => {
                out.push_str(&format!("{}\n", row.trim_end()));
                wrapped(globs, WIDTH - 6).iter().for_each(|line| out.push_str(&format!("      {line}\n")));
            }
        }
    }
}

/// Tensors with the same weights, in the order of their names.
fn groups<'p>(recipe: &Recipe, output: &'p Output) -> Vec<Group<'p>> {
    let Some(own) = recipe.outputs.iter().find(|own| own.site == output.site && own.written == output.written) else {
        return vec![];
    };
    let forms: HashMap<&str, &Form> = own.tensors.iter().map(|made| (&*made.name, &made.form)).collect();
    let mut list: Vec<&Tensor> = output.tensors.iter().collect();
    list.sort_by(|a, b| compare(&a.canonical, &b.canonical));
    let mut groups: IndexMap<String, Group> = IndexMap::new();
    for tensor in list {
        let Some(form) = forms.get(&*tensor.canonical) else { continue };
        let text = form_text(recipe, form);
        let new = || Group { text: text.clone(), tensors: vec![], works: IndexMap::new() };
        let group = groups.entry(text.clone()).or_insert_with(new);
        group.tensors.push(tensor);
        *group.works.entry(work_word(tensor, form)).or_default() += 1;
    }
    groups.into_values().collect()
}

/// Where the text of a form ends: calls in calls that share theirs are longer written than made.
const LONGEST: usize = 16 << 10;

/// A form as people write it: `0.7 a + 0.3 b`; a very long one ends in `…`.
pub fn form_text(recipe: &Recipe, form: &Form) -> String {
    let mut out = String::new();
    write_form(recipe, form, &mut out);
    if out.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|&at| out.is_char_boundary(at)).unwrap_or(0);
        out.truncate(end);
        out.push('…');
    }
    out
}

fn write_form(recipe: &Recipe, form: &Form, out: &mut String) {
    if form.terms.is_empty() {
        out.push('0');
    }
    for (at, (atom, share)) in form.terms.iter().enumerate() {
        if out.len() > LONGEST {
            return;
        }
        let minus = share.largest() < 0.0;
        if at > 0 {
            out.push_str(if minus { " - " } else { " + " });
        }
        let turned = Weight::map(&[share], |x| if at > 0 && minus { -x[0] } else { x[0] });
        match turned.number() {
            Some(1.0) => {}
            Some(size) => out.push_str(&format!("{} ", share_text(size))),
            None => {
                let text = |share: f64| if share == 0.0 { "0".into() } else { share_text(share) };
                let [low, high, mean] = [turned.smallest(), turned.largest(), turned.mean()].map(text);
                out.push_str(&format!("({low}..{high} by channel, mean {mean}) "));
            }
        }
        match atom {
            Atom::Tensor { input, .. } => out.push_str(&recipe.input(*input).name),
            Atom::Call(call) => write_call(recipe, *call, out),
            Atom::Absent(_) => out.push_str("nothing"),
        }
    }
}

fn write_call(recipe: &Recipe, call: u32, out: &mut String) {
    let call = &recipe.calls[call as usize];
    out.push_str(&format!("{}(", call.method.name));
    for (at, input) in call.inputs.iter().enumerate() {
        out.push_str(if at > 0 { ", " } else { "" });
        write_form(recipe, input, out);
    }
    for (at, (spec, value)) in call.method.options.iter().zip(&call.on.options).enumerate() {
        out.push_str(if at + call.inputs.len() > 0 { ", " } else { "" });
        out.push_str(&format!("{} = {}", spec.name, value.text()));
    }
    out.push(')');
}

/// A share in at most six decimals.
pub fn share_text(share: f64) -> String {
    let rounded = (share * 1e6).round() / 1e6;
    if rounded == 0.0 { format!("{share:e}") } else { rounded.to_string() }
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
            Work::Gather(program) if is_decoded(program) => {
                out[of_file[program.loads[0].file]].1 += program.read_bytes();
            }
            Work::Gather(program) => out[of_file[program.loads[0].file]].0 += program.read_bytes(),
            Work::Compute { program, .. } => {
                let passes = program.stages as u64 + 1;
                // A value may turn out not to need all that it names, such as a slerp at 0.
                let roots: Vec<NodeId> = program.result.iter().map(|result| result.node).collect();
                let needed = program.needed(&roots);
                let is_read = |at: usize| {
                    let node = Node::Load(at as u32);
                    program.stages > 0 || needed.iter().any(|id| program.nodes[id.0 as usize] == node)
                };
                for (_, load) in program.loads.iter().enumerate().filter(|(at, _)| is_read(*at)) {
                    out[of_file[load.file]].1 += load.stored_bytes(program.elems()) * passes;
                }
            }
        }
    }
    out
}

fn reads(recipe: &Recipe, plan: &Plan) -> String {
    let rows: Vec<[String; 4]> = recipe
        .inputs
        .iter()
        .zip(read_bytes(recipe, plan))
        .map(|(input, (moved, computed))| {
            let size = input.header.size();
            let how = match (moved, computed) {
                (0, 0) => "nothing".to_string(),
                (moved, 0) => format!("{} to copy", bytes_text(moved)),
                (0, computed) => format!("{} to compute with", bytes_text(computed)),
                (moved, computed) => format!("{} to copy, {} to compute with", bytes_text(moved), bytes_text(computed)),
            };
            [input.name.to_string(), how, bytes_text(size), input.written.clone()]
        })
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (names, hows, sizes) = (width(0), width(1), width(2));
    let line = |[name, how, size, path]: &[String; 4]| {
        format!("read   {name:names$}  {how:hows$}  of {size:>sizes$}  {path}\n")
    };
    rows.iter().map(line).collect()
}
