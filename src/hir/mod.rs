//! The checked recipe: names bound, functions expanded, every value with a kind, and for every tensor of every output
//! the linear form that is to be computed.  It is not the text: ids stand where names stood.
//!
//! Invariant: a [`Recipe`] comes out of `check` only when no error was found; later stages re-check nothing.

mod align;
mod expr;
mod form;
mod image;
mod mask;
mod skeleton;

pub use align::Alignment;
pub use align::FreeSpace;
pub use align::Matched;
pub use align::Turned;
pub use expr::Arm;
pub use expr::Expr;
pub use expr::ExprId;
pub use expr::ExprKind;
pub use expr::Function;
pub use expr::Kind;
pub use expr::MethodInput;
pub use expr::Metric;
pub use expr::Operator;
pub use expr::Pattern;
pub use expr::PatternId;
pub use form::Atom;
pub use form::CallInstance;
pub use form::Form;
pub use form::snap;
pub use form::snapped;
pub use image::Drawn;
pub use image::Golden;
pub use image::ImageMetric;
pub use image::Look;
pub use image::resized;

pub use mask::Axes;
pub use mask::Chosen;
pub use mask::Mask;
pub use mask::MaskPart;
pub use mask::MaskUse;
pub use mask::Misfit;
pub use mask::Mode;
pub use mask::Origin;
pub use skeleton::Aside;
pub use skeleton::ModelName;
pub use skeleton::Promised;
pub use skeleton::Skeleton;

use crate::arch;
use crate::arch::Architecture;
use crate::arch::Canon;
use crate::arch::CanonTensor;
use crate::arch::Stored;
use crate::arch::Traits;
use crate::arch::ViewOp;
use crate::tensor::Dtype;
use crate::tensor::Header;
use crate::tensor::Shape;
use crate::tensor::View;
use crate::text::Site;
use std::collections::HashSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// Index into [`Recipe::inputs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InputId(pub u32);

/// A checkpoint that the recipe names.
#[derive(Clone, Debug)]
pub struct Input {
    /// The name in the recipe, `curves.faces` for an imported one.
    pub name: Arc<str>,
    /// The path as the recipe writes it, parameters filled in.
    pub written: String,
    /// Where it lies.
    pub path: PathBuf,
    /// The path's string in the recipe.
    pub site: Site,
    pub header: Arc<Header>,
    pub canon: Arc<Canon>,
}

/// A parameter with the value of this run.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    pub name: Arc<str>,
    pub value: Literal,
    pub default: Literal,
    pub allowed: Allowed,
    pub site: Site,
}

/// The values that a parameter may have, as its `in` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Allowed {
    /// There is no `in`.
    #[default]
    All,
    /// In the order of the list.
    List(Vec<Literal>),
    /// Both ends included; an open end is infinite.
    Range(f64, f64),
}

/// A literal value.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Number(f64),
    Bool(bool),
    Text(Arc<str>),
}

impl std::fmt::Display for Literal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Literal::Number(number) => write!(f, "{number}"),
            Literal::Bool(truth) => write!(f, "{truth}"),
            Literal::Text(text) => f.write_str(text),
        }
    }
}

/// The format of an output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Safetensors,
    /// A dictionary of tensors as `torch.save` writes it, in a zip archive.
    Pt,
}

impl Format {
    /// The format of files whose path ends so; a path with any other ending, or that ends in `/`, is a directory.
    pub fn of_path(path: &Path) -> Option<Format> {
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return None;
        }
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        match name.rsplit_once('.')?.1 {
            "safetensors" => Some(Format::Safetensors),
            "bin" | "ckpt" | "pt" | "pth" => Some(Format::Pt),
            _ => None,
        }
    }

    /// The word of the option `format`.
    pub fn name(self) -> &'static str {
        match self {
            Format::Safetensors => "safetensors",
            Format::Pt => "pt",
        }
    }
}

/// What happens to a finite value that the output type cannot hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The build fails and says where.
    #[default]
    Error,
    /// The value becomes infinite.
    Inf,
    /// The value becomes the largest finite one.
    Saturate,
}

/// A tensor of an output or of a claim's argument: where it is and what it is made of.
#[derive(Clone, Debug)]
pub struct Made {
    /// Canonical name.
    pub name: Arc<str>,
    pub traits: Arc<Traits>,
    /// Canonical shape.
    pub shape: Shape,
    /// Type that is written (outputs), or that the value has by law 3 (claims).
    pub dtype: Dtype,
    pub form: Form,
    /// The inputs' types are not float: the bits are moved, and further inputs are only compared.
    pub bits_only: bool,
    /// Inputs that must hold the same values as the first term (policy `equal`), as terms of share 0.
    pub equal: Vec<Atom>,
}

/// An `output` statement, evaluated.
#[derive(Clone, Debug)]
pub struct Output {
    /// Path as the recipe writes it, parameters filled in.
    pub written: String,
    /// The same without detours; also where the command line has another.
    pub from_root: String,
    pub path: PathBuf,
    /// A directory is written: the path has no ending of a file.
    pub directory: bool,
    pub site: Site,
    pub value: ExprId,
    /// Layout of the result, of the inputs' family.
    pub layout: Arc<str>,
    pub family: Arc<str>,
    pub format: Format,
    /// Largest shard in bytes.
    pub shard_size: Option<u64>,
    pub metadata: Vec<(String, String)>,
    pub overflow: Overflow,
    pub tensors: Vec<Made>,
}

/// A quantity that a claim measures when the build runs.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The node of the claim that asks for it.
    pub expr: ExprId,
    pub metric: Metric,
    /// One list per argument, over the same tensors in the same order.
    pub args: Vec<Vec<Made>>,
    pub site: Site,
}

/// An `assert` statement.
#[derive(Clone, Debug)]
pub struct Claim {
    pub expr: ExprId,
    pub site: Site,
    /// The claim as written, on one line.
    pub text: String,
}

/// A checked recipe.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub inputs: Vec<Input>,
    /// How the recipe names each input.
    pub names: Vec<ModelName>,
    /// What else it reads.
    pub aside: Vec<Aside>,
    pub params: Vec<Param>,
    pub exprs: Vec<Expr>,
    pub patterns: Vec<Pattern>,
    /// Method calls, one per tensor that asks for one.
    pub calls: Vec<CallInstance>,
    /// Calls of `align`; what one needs of another comes first.
    pub alignments: Vec<Alignment>,
    pub outputs: Vec<Output>,
    pub claims: Vec<Claim>,
    pub measured: Vec<Measured>,
    /// What claims draw, by value, so that equal values follow each other.
    pub drawn: Vec<Drawn>,
    /// Masks of catalogues, and what they are used with.
    pub masks: Vec<MaskUse>,
    /// The recipe's own text first, then imported ones: name as diagnostics show it, text.
    pub sources: Vec<(String, Arc<str>)>,
}

impl Recipe {
    pub fn expr(&self, id: ExprId) -> &Expr {
        &self.exprs[id.0 as usize]
    }

    pub fn input(&self, id: InputId) -> &Input {
        &self.inputs[id.0 as usize]
    }

    /// Where an output stores one of its tensors: under its layout's name for it, which may hold numbers (the size in
    /// `L3_52_512`) of the first input that the tensor is made from.
    pub fn stored(&self, output: &Output, made: &Made) -> Stored {
        stored(&self.inputs, &self.calls, &output.layout, made)
    }

    /// The inputs that the tensors of an output are made of first, in order of appearance.
    pub fn leading(&self, output: &Output) -> Vec<&Input> {
        let mut out: Vec<InputId> = vec![];
        for (input, _) in output.tensors.iter().filter_map(|made| first_leaf(&made.form, &self.calls)) {
            if !out.contains(&input) {
                out.push(input);
            }
        }
        out.into_iter().map(|id| self.input(id)).collect()
    }
}

/// The user's own architecture that a layout is of, where some of these inputs has one.
pub fn own_of<'i>(inputs: impl IntoIterator<Item = &'i Input>, layout: &str) -> Option<&'i Architecture> {
    let same = inputs.into_iter().map(|input| &*input.canon).filter(|canon| *canon.layout == *layout);
    same.filter_map(|canon| canon.own.as_ref()).next()
}

/// [`Recipe::stored`] before there is a recipe.
pub fn stored(inputs: &[Input], calls: &[CallInstance], layout: &str, made: &Made) -> Stored {
    let leaf = first_leaf(&made.form, calls);
    let input = leaf.map(|(input, _)| &inputs[input.0 as usize]);
    let canon = input.map(|input| &*input.canon);
    let tensor = leaf.zip(canon).and_then(|((_, name), canon)| Some(&canon.tensors[*canon.index.get(name)?]));
    // The input that gives the tensor comes first: two users' files may give one id to different layouts.
    let own = own_of(input.into_iter().chain(inputs), layout);
    // The numbers of the input that gives the tensor come before those of the others.
    let mut numbers = tensor.map_or_else(Vec::new, |tensor| tensor.numbers.to_vec());
    let all = canon.into_iter().chain(inputs.iter().map(|input| &*input.canon));
    all.for_each(|canon| numbers.extend(canon.numbers.iter().cloned()));
    match arch::stored(own, layout, &made.name, &numbers) {
        Stored::Name { ops, .. } if !fit(&ops, &made.shape) => Stored::NoPlace,
        stored => stored,
    }
}

/// An input of a layout that shows how the layout stores a tensor: it may have names that no rule can make (sizes in
/// StyleGAN3's), or a layout of the user's own.  The inputs that the tensor is made of are asked first.
pub fn example<'i>(
    inputs: &'i [Input],
    calls: &[CallInstance],
    layout: &str,
    made: &Made,
) -> Option<(&'i Input, &'i CanonTensor)> {
    let of_form = leaves(&made.form, calls).into_iter().filter_map(|atom| match atom {
        Atom::Tensor { input, .. } => Some(*input),
        _ => None,
    });
    of_form.chain((0..inputs.len() as u32).map(InputId)).find_map(|id| {
        let input = &inputs[id.0 as usize];
        let tensor = &input.canon.tensors[*input.canon.index.get(&made.name)?];
        (!tensor.implied && *input.canon.layout == *layout && tensor.shape == made.shape).then_some((input, tensor))
    })
}

/// The name under which a layout stores a tensor; `None` where it does not.
pub fn stored_name(inputs: &[Input], calls: &[CallInstance], layout: &str, made: &Made) -> Option<String> {
    if let Some((input, tensor)) = example(inputs, calls, layout, made) {
        return Some(input.header.entries[tensor.entry].name.clone());
    }
    match stored(inputs, calls, layout, made) {
        Stored::Name { name, .. } => Some(name),
        Stored::Unknown => Some(made.name.to_string()),
        Stored::Dropped(_) | Stored::NoPlace | Stored::Lacks { .. } => None,
    }
}

/// Whether operations can be done to a tensor of this shape.
fn fit(ops: &[ViewOp], shape: &[u64]) -> bool {
    ops.iter().try_fold(View::contiguous(shape), |view, op| op.apply(view)).is_ok()
}

/// What a form is made of in the end: tensors of inputs, and what is absent, in order of first appearance.  A call that
/// several others take is entered once: nested calls share theirs, and each path would double the work.
pub fn leaves<'f>(form: &'f Form, calls: &'f [CallInstance]) -> Vec<&'f Atom> {
    fn enter<'f>(form: &'f Form, calls: &'f [CallInstance], seen: &mut HashSet<u32>, out: &mut Vec<&'f Atom>) {
        for (atom, _) in &form.terms {
            match atom {
                Atom::Call(call) if seen.insert(*call) => {
                    calls[*call as usize].inputs.iter().for_each(|inner| enter(inner, calls, seen, out));
                }
                Atom::Call(_) => {}
                Atom::Tensor { .. } | Atom::Absent(_) => out.push(atom),
            }
        }
    }
    let mut out = vec![];
    enter(form, calls, &mut HashSet::new(), &mut out);
    out
}

/// The first input tensor of a form, in order of appearance.
pub fn first_leaf<'f>(form: &'f Form, calls: &'f [CallInstance]) -> Option<(InputId, &'f Arc<str>)> {
    leaves(form, calls).into_iter().find_map(|atom| match atom {
        Atom::Tensor { input, name } => Some((*input, name)),
        _ => None,
    })
}
