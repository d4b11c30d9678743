//! All facts that the bytes of a tensor depend on, told once.

use super::manifest::Described;
use super::manifest::Keys;
use super::manifest::Lines;
use super::manifest::Manifest;
use super::manifest::Story;
use super::sources::Sources;
use crate::field::Weight;
use crate::hir::Recipe;
use crate::methods::CallOn;
use crate::methods::Method;
use crate::plan::Fact;
use crate::plan::Output;
use crate::plan::Tensor;
use crate::plan::Work;
use crate::tile::Program;

/// Raised when the same program makes other bytes than before: the machine of tiles is another one.
const MACHINE: &str = concat!("2, blend ", env!("CARGO_PKG_VERSION"));

/// Keys and story of every tensor of an output; `lines` are those of others.
pub fn described(recipe: &Recipe, output: &Output, sources: &Sources, lines: &mut Lines) -> Vec<Described> {
    let of = |tensor: &Tensor| {
        let (mut keys, mut story) = (Keys::new(), Story::default());
        describe(recipe, tensor, sources, &mut keys);
        describe(recipe, tensor, sources, &mut story);
        Described { keys: keys.keys(), lines: lines.kept(story) }
    };
    output.tensors.iter().map(of).collect()
}

/// Tells the facts.  Not among them: names, places in the output, threads, sizes of pieces.
fn describe(recipe: &Recipe, tensor: &Tensor, sources: &Sources, to: &mut dyn Manifest) {
    to.detail("version of blend", MACHINE);
    to.text("type", "", tensor.dtype.name());
    to.text("shape", "", &format!("{:?}", tensor.shape));
    for fact in &tensor.facts {
        match fact {
            Fact::Share { of, share } => {
                let of = of.map_or_else(String::new, |of| recipe.input(of).name.to_string());
                match share {
                    Weight::Number(share) => to.number("share", &of, *share),
                    // Which channels have which share, the program says.
                    Weight::Field(_) => to.text("share", &of, &share.to_string()),
                }
            }
            Fact::Method { method, on } => to.text("method", "", &call(method, on)),
        }
    }
    // Canonical order and values to stored ones.
    to.detail("order of elements in the output", &format!("{:?}", tensor.target));
    match &tensor.work {
        Work::Copy { file, offset } => {
            to.detail("way of making it", "moved");
            to.source(&sources.at(*file, *offset));
        }
        Work::Gather(program) => {
            to.detail("way of making it", "moved");
            loads(program, sources, to);
        }
        Work::Compute { program, canonical, strict } => {
            to.detail("way of making it", "computed");
            to.text("overflow is an error", "", if *strict { "yes" } else { "no" });
            for program in [Some(program), canonical.as_ref()].into_iter().flatten() {
                loads(program, sources, to);
                steps(program, to);
            }
        }
    }
}

/// What a program reads.
fn loads(program: &Program, sources: &Sources, to: &mut dyn Manifest) {
    for load in &program.loads {
        to.source(&sources.at(load.file, load.offset));
        let order = format!("{:?} {:?} {:?} {:?}", load.dtype, load.blocks, load.view, load.affine);
        to.lies("order of elements in the inputs", &order);
        // Found by `align`: no content of the input says it.
        if !load.view.moved.is_empty() {
            to.detail("order of channels", &format!("{:?}", load.view.moved));
        }
    }
}

/// What a program does; it is told whole, so that no part can be forgotten.
fn steps(program: &Program, to: &mut dyn Manifest) {
    let Program {
        shape,
        loads: _,
        fields,
        rows,
        by_rows,
        nodes,
        scalars,
        stage_of,
        stage_of_rows,
        stages,
        result,
        measured,
        wide,
    } = program;
    let text = format!("{shape:?} {nodes:?} {scalars:?} {stage_of:?} {stages} {result:?} {measured:?} {wide}");
    to.detail("steps", &text);
    to.detail("weights of channels", &format!("{fields:?}"));
    to.detail("lengths of rows", &format!("{rows:?} {by_rows:?} {stage_of_rows:?}"));
}

/// `slerp v1 { t = 0.4 }`
fn call(method: &Method, on: &CallOn) -> String {
    let options = method.options.iter().zip(&on.options);
    let inputs = on.inputs.iter().flat_map(|own| method.input_options.iter().zip(own));
    let words: Vec<String> =
        inputs.chain(options).map(|(spec, value)| format!("{} = {}", spec.name, value.text())).collect();
    format!("{} v{} {{ {} }}", method.name, method.version, words.join(", "))
}

/// Digest of all that a build of an output does: a temporary of the same plan can be gone on with.  `None`: some input
/// may have changed without a trace.
pub fn plan_digest(output: &Output, tensors: &[Described]) -> Option<[u8; 32]> {
    let mut hasher = blake3::Hasher::new_derive_key("blend plan 1");
    hasher.update(&layout_digest(output));
    for (tensor, described) in output.tensors.iter().zip(tensors) {
        hasher.update(&described.keys[0].or(described.keys[1])?);
        for number in [tensor.part as u64, tensor.offset, tensor.len] {
            hasher.update(&number.to_le_bytes());
        }
    }
    Some(*hasher.finalize().as_bytes())
}

/// Digest of all bytes of an output that the plan knows, and of their places.
pub fn layout_digest(output: &Output) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("blend layout 1");
    let mut add = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
    };
    add(&[u8::from(output.directory)]);
    for part in &output.parts {
        // A file may be moved.
        add(if output.directory { part.name.as_bytes() } else { &[] });
        add(&part.size.to_le_bytes());
        for fixed in &part.fixed {
            add(&fixed.offset.to_le_bytes());
            add(&fixed.bytes);
        }
        for sum in &part.sums {
            [sum.offset, sum.len, sum.places[0], sum.places[1]].iter().for_each(|number| add(&number.to_le_bytes()));
        }
    }
    if let Some((name, text)) = &output.index {
        add(name.as_bytes());
        add(text.as_bytes());
    }
    *hasher.finalize().as_bytes()
}
