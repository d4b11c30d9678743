//! Architectures as data: which tensors a network has, what they are called canonically, and where they sit in it.
//!
//! A *family* (`families/*.toml`) names the canonical tensors of a network, with words, coordinates, channel spaces and
//! merge policy.  A *layout* (`layouts/*.toml`) maps the names of one code base onto a family's.  No code knows a network.
//!
//! # A file of one's own
//!
//! `model m = "x.safetensors" { arch = "my.toml" }` reads `m` through a user's file: a `[layout]`, and a `[family]` where
//! no shipped one fits.  The ids must differ from shipped ones; a field that is not named here is an error.
//!
//! ```toml
//! [family]
//! id = "tiny"
//! about = "a made-up transformer"         # for people
//! words = ["adapter"]                     # words that no tensor below has, but patterns may say
//!
//! [[family.tensor]]                       # canonical tensors; the first that fits a name counts
//! name = "layers.{i}.mix.weight"
//! words = ["attention", "weight"]         # for patterns: small letters, digits, `_`; no words of the language
//! coords = { layer = "i", depth = "i / (n - 1)" }
//! axes = ["hidden", "hidden"]             # channel space per axis, "" for a kernel axis; no list: nothing is said
//! acts = ["out", "in"]                    # what an axis does with its channels: makes them ("out"), reads them ("in"),
//!                                         # scales what is read ("style"); axis 0 makes and others read unless it says so
//! demodulated = false                     # true: what follows divides each row along axis 0 by its length
//! policy = "mix"                          # or "equal" (must agree: filters), "first" (counters)
//! from = 0                                # lowest value of the variable
//!
//! [[family.group]]                        # channels that belong together, so that recipes can say `"L3.head" = [0..7]`
//! name = "L{i}.head"
//! of = "L{i}.q"                           # a channel space
//! each = "head_dim"                       # channels of one group: a number, or of the checkpoint
//!
//! [[family.free]]                         # channels that may change places, with everything that makes or reads them:
//! space = "hidden"                        # the network computes the same, and `align` may move them
//! each = "head_dim"                       # so many keep together; no `each`: every channel is on its own
//! under = "L{i}.kv"                       # blocks that go with those of this space; no `under`: on their own
//!
//! [[family.same]]                         # a channel space that is another one: the last layer makes what others read
//! space = "fc{layers-1}"                  # may use numbers of the checkpoint
//! as = "w"
//!
//! [[family.number]]                       # numbers of a checkpoint that no name holds, for fixes, names and coordinates:
//! name = "head_dim"                       # the first of a name that the checkpoint tells counts
//! fact = "config.json:hidden_size"        # of the metadata, or of `config.json` or `params.json` beside the checkpoint
//! over = "config.json:num_attention_heads"    # divided by this; or `size` (+ `axis`, `times`) of a tensor, `count`,
//! help = "put `config.json` beside it"        # `has` + `value`, `value`
//!
//! [[family.fact]]                         # for `blend inspect`: `value`, `has` + `value`, `size` or `each` (+ `axis`),
//! name = "hidden size"                    # `count`; `says` renames results; the first fact of a name that holds counts
//! size = "layers.{i}.mix.weight"
//! axis = 0
//!
//! [[family.part]]                         # for `blend compare`: tensors with all of these words; the first that fits counts
//! name = "projections"
//! words = ["attention", "weight"]
//! tells = "kinship"                       # or "origin": random numbers that training never changes; or nothing
//!                                         # of = "mapping": it was computed from that part
//!
//! [layout]
//! id = "tiny-research"
//! family = "tiny"
//! about = "names of the paper's code"
//! detect = ["net.block_{i+1}/w"]          # names that must be there
//! canonical_names = false                 # true: names without a key are canonical ones
//! facts = { "general.architecture" = ["tiny"] }    # metadata that must be there, each with its possible values; an
//!                                         # output gets an input's value if it is possible, or the first
//! prefix = ""                             # before every stored name below and above
//! omit = []                               # canonical tensors that the format does not hold
//!
//! [[layout.key]]
//! name = "net.block_{i+1}/w"              # the name in the file
//! as = ["layers.{i}.mix.weight"]          # what it is; the first is written again, further ones are by-products
//! fix = ["permute 1 0"]                   # from stored to canonical, in order
//!
//! [[layout.key]]
//! name = "net.block_{i+1}/{theirs}.{end}"
//! as = ["layers.{i}.{ours}.{end}"]
//! for = { end = ["weight", "bias"], "theirs, ours" = "parts" }    # once per combination
//!
//! [layout.lists]
//! parts = [["up", "mlp.up"], ["down", "mlp.down"]]    # rows that several `for` share
//!
//! [layout.pt]                             # only where PyTorch files of the layout are not flat
//! key = "g_ema"                           # the dictionary that holds the tensors
//! beside = ["latent_avg"]                 # stored names of tensors that stand beside it
//! ```
//!
//! *Templates.*  `{…}` is a whole number of 0 or more, without leading zeros, as an expression of one variable, mentioned
//! once, with `+ - * /`, brackets, `log2( )` and `pow2( )`: `convs.{2*log2(r)-6}.weight` is `convs.4.weight` for `r = 32`.
//! Canonical names may use the variables of the stored name, and none else.  Variables that only the stored name has are
//! kept to write it again (`size` in StyleGAN3's `L3_52_512`) and may be used in coordinates.
//!
//! *`for`* stands in keys and in tensors of a family (whose lists are `[family.lists]`).  A value is put in wherever its
//! variable stands: as text in `{…}` (in words it may be several), as a number in expressions too, so that
//! `{3*i+j+1}` with `j = [0, 1]` is two templates of one variable.  Values may hold templates: `"down_blocks.{i}"`.
//!
//! *Coordinates* are expressions of any variables of the names, of the numbers of the checkpoint, and of `n`, the number of
//! layers (one more than the highest `layer`).  A coordinate without a value, such as `log2(r)` for `r = 5`, means that the
//! rule does not fit the name.
//!
//! *Fixes*: `drop_axis K`, `add_axis K`, `permute A B …`, `flip K`, `rotary N`, `scale X`, `add X`.  Each has an inverse;
//! axes are views, so that bytes are not moved.  `rotary N` sorts axis 0 in blocks of N rows, the rows of a head: pairs of
//! neighbours, which some code bases turn together, become the two halves that others turn.  N is an expression of
//! numbers of the checkpoint; where nothing tells them, reading or writing is refused (E0440).  An output of the layout
//! says them in its metadata, where a `[[family.number]]` has such a `fact` without `over`.  Models of one output that tell
//! such a number differently are not mixed (E0441).
//!
//! A shipped layout with a `prefix` may say `bare = "ID"`: its names without the prefix are a layout of that id.
//!
//! A tensor that no key fits keeps its name, with the word `extra`.
//!
//! *What code bases do not store alike.*  All of these are optional:
//!
//! ```toml
//! [layout]
//! top = "net/{r}x{r}/w"                   # `{top}` in `as` and in coordinates is the highest number of such names
//! drop = ["step", "lod_{d}/w"]            # names that are left out: they are not of the network, and no output has them
//!
//! [[layout.also]]                         # the same names with other beginnings, under the same prefix: read, not written
//! "net/" = "G_net/"
//!
//! [[layout.implied]]                      # a filter that the code computes, where others store it
//! as = "layers.{i}.filter"
//! beside = "layers.{i}.mix.weight"        # one for each such tensor
//! taps = [1, 3, 3, 1]                     # outer(taps, taps) / sum², from 8 taps on taps / sum
//! fact = "net.taps"                       # metadata of the file that gives other taps: `[1, 2, 1]`
//!
//! [[layout.lacks]]                        # a tensor of the family that the code base cannot have
//! name = "labels.weight"
//! because = "it has no labels"
//!
//! [[family.refuses]]                      # said where models of both families are mixed
//! family = "llama"
//! because = "its layers have no meaning there"
//! ```

mod act;
mod also;
mod data;
mod detect;
mod file;
mod fix;
mod generic;
mod implied;
mod near;
mod network;
mod number;
mod part;
mod shipped;
mod spaces;
mod spread;
mod template;
mod text;
mod words;

pub use act::Act;
pub use act::Free;
pub use act::Group;
pub use detect::claimants;
pub use detect::detect;
pub use file::Fault;
pub use file::load;
pub use fix::ViewOp;
pub use generic::EXTRA;
pub use implied::complete;
pub use implied::filter_of as filter;
pub use near::HOLES;
pub use network::check_network;
pub use part::Part;
pub use part::Tells;
pub use part::part;
pub use words::apart;
pub use words::pattern_of;

use crate::diag::Problem;
use crate::tensor::Affine;
use crate::tensor::Coord;
use crate::tensor::Dtype;
use crate::tensor::Header;
use crate::tensor::Shape;
use crate::tensor::View;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;
use template::Binding;

/// What happens to a tensor that several inputs give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Arithmetic as the recipe says.
    Mix,
    /// All inputs must be equal (filters); the first's bits are taken and the others compared when the build runs.
    Equal,
    /// The first input's is taken, with a warning (counters such as `num_batches_tracked`).
    First,
}

/// What patterns and weights can ask of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Traits {
    /// Words such as `synthesis`, `conv`, `conv0`, `affine`, `weight`.
    pub words: Vec<Arc<str>>,
    /// The coordinates that the tensor has.
    pub coords: Vec<(Coord, f64)>,
    /// Per canonical axis the channel space that it indexes, such as `b16.conv1`; `None` for kernel axes.
    pub axes: Vec<Option<Arc<str>>>,
    /// What each of those axes does with its channels; [`Act::usual`] where the list ends.
    pub acts: Vec<Act>,
    /// Groups of channels, where the size of one is known.
    pub groups: Vec<Group>,
    /// Axes whose channels may change places.
    pub free: Vec<Free>,
    /// The length of a row (along axis 0) does not matter: what follows divides by it.
    pub demodulated: bool,
    pub policy: Policy,
}

impl Traits {
    pub fn act(&self, axis: usize) -> Act {
        self.acts.get(axis).copied().unwrap_or(Act::usual(axis))
    }

    pub fn coord(&self, coord: Coord) -> Option<f64> {
        self.coords.iter().find(|entry| entry.0 == coord).map(|entry| entry.1)
    }

    pub fn has_word(&self, word: &str) -> bool {
        self.words.iter().any(|own| &**own == word)
    }
}

/// One canonical tensor of a checkpoint.
#[derive(Clone, Debug)]
pub struct CanonTensor {
    /// Canonical name.
    pub name: Arc<str>,
    pub dtype: Dtype,
    /// Canonical shape.
    pub shape: Shape,
    /// Index into the header's entries.
    pub entry: usize,
    /// From the canonical order to that of the file's elements.
    pub view: View,
    /// What makes the canonical order of the layout's row-major one, in order.
    pub ops: Arc<[ViewOp]>,
    pub affine: Affine,
    pub traits: Arc<Traits>,
    /// Numbers that only the stored name holds, such as the size in `L3_52_512`: needed to write that name again.
    pub numbers: Binding,
    /// The file does not store it: its layout implies it, and it is constant.
    pub implied: bool,
}

/// A checkpoint's header seen through its layout; by default one of which nothing is known.
#[derive(Clone, Debug, Default)]
pub struct Canon {
    /// Family id, such as `stylegan2`.
    pub family: Arc<str>,
    /// Layout id, such as `nvidia-pytorch`.
    pub layout: Arc<str>,
    pub tensors: Vec<CanonTensor>,
    /// Name to index in `tensors`.
    pub index: HashMap<Arc<str>, usize>,
    /// What the family's numbers are here, such as how large a head is: those that the checkpoint tells.
    pub numbers: Binding,
    /// Facts read off names and shapes, for people: `resolution = 64`, `layers = 32`.
    pub facts: Vec<(String, String)>,
    /// Entries of the header that the layout does not know (they are kept under their own names, words `extra`).
    pub unknown: Vec<usize>,
    /// Warnings without a place: near misses, holes in the network.
    pub remarks: Vec<Problem>,
    /// The user's own architecture, when the header is seen through one.
    pub own: Option<Architecture>,
}

impl Canon {
    /// What is known of the family: a user's own, or a shipped one; `None` for generic networks.
    fn family_data(&self) -> Option<&data::Family> {
        match &self.own {
            Some(own) => Some(own.family()),
            None => shipped::family(&self.family),
        }
    }

    /// Whether a word means something here: for a tensor, or elsewhere in the family.
    pub fn knows_word(&self, word: &str) -> bool {
        self.family_data().is_some_and(|family| family.words.contains(word))
            || self.tensors.iter().any(|tensor| tensor.traits.has_word(word))
    }
}

/// A user's own architecture: a layout, with a family of its own or one that is shipped.
#[derive(Clone, Debug)]
pub struct Architecture(Arc<Own>);

#[derive(Debug)]
struct Own {
    family: Option<data::Family>,
    layout: data::Layout,
}

impl Architecture {
    fn layout(&self) -> &data::Layout {
        &self.0.layout
    }
}

/// What stands for a tensor that a layout does not store.
#[derive(Clone, Debug, PartialEq)]
pub enum Instead {
    /// This canonical tensor, which must be equal.
    Tensor(String),
    /// A filter that the code base makes, of these taps or of those in an entry of the metadata; it must be equal.
    Filter { taps: Vec<f32>, fact: Option<String> },
    /// What whoever loads the file computes.
    Nothing,
}

/// Where a canonical tensor goes in a layout.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// Under this name: the operations turn a canonical view into the stored one, the affine map its values.
    Name { name: String, ops: Vec<ViewOp>, affine: Affine },
    /// The layout stores it as part of another tensor, or not at all, because whoever loads the file computes it.
    Dropped(Instead),
    /// The family knows the tensor, and the layout has no place for it.
    NoPlace,
    /// It would be stored in an order that depends on a number, and nothing tells it.
    Lacks { number: Arc<str> },
    /// The family does not know the tensor: it is written as it is.
    Unknown,
}

/// A layout with its family: the user's own where it has that id, or a shipped one.
fn sight<'o>(own: Option<&'o Architecture>, layout: &str) -> Option<(&'o data::Layout, &'o data::Family)> {
    match own.filter(|own| own.layout().id == layout) {
        Some(own) => Some((own.layout(), own.family())),
        None => shipped::layout(layout).map(|layout| (layout, shipped::family_of(layout))),
    }
}

/// Where `layout` stores the canonical tensor `name` of its family.  `numbers` are those of the input that gives the
/// tensor ([`CanonTensor::numbers`], [`Canon::numbers`]), the first of a name counts; `own` is the user's architecture,
/// where `layout` is one ([`Canon::own`]).
pub fn stored(own: Option<&Architecture>, layout: &str, name: &str, numbers: &[(Arc<str>, i64)]) -> Stored {
    sight(own, layout).map_or(Stored::Unknown, |(layout, family)| layout.stored(name, numbers, family))
}

/// Why a layout cannot hold a canonical tensor, where its file says so; `own` as for [`stored`].
pub fn lacks_because(own: Option<&Architecture>, layout: &str, name: &str) -> Option<String> {
    let (bones, numbers) = template::skeleton(name);
    sight(own, layout)?.0.lacks(&bones, &numbers).map(str::to_string)
}

/// Whether an entry of metadata tells layouts of a family apart, so that it is true of no other one; `own` as for
/// [`stored`].
pub fn tells_layout(own: Option<&Architecture>, family: &str, entry: &str) -> bool {
    let mut all = shipped::layouts_of(family).chain(own.map(Architecture::layout));
    all.any(|layout| layout.facts.iter().any(|fact| fact.0 == entry))
}

/// The first name that files of a layout are known by and that is not among these, where they would not be known; `own`
/// as for [`stored`].
pub fn missing<'n>(
    own: Option<&Architecture>,
    layout: &str,
    names: impl Iterator<Item = &'n str> + Clone,
) -> Option<String> {
    let (layout, _) = sight(own, layout)?;
    let names = detect::Names::from(names);
    if layout.also.iter().any(|set| set.iter().all(|template| names.have(template))) {
        return None;
    }
    layout.detect.iter().find(|template| !names.have(template)).map(|template| template.text().to_string())
}

/// An entry of metadata that files of a layout cannot have, with the values that they may have there; `own` as for
/// [`stored`].
pub fn contradicted<'m>(
    own: Option<&'m Architecture>,
    layout: &str,
    metadata: &'m [(String, String)],
) -> Option<(&'m str, &'m [String])> {
    let (layout, _) = sight(own, layout)?;
    let known = metadata.iter().filter_map(|(name, value)| {
        let fact = layout.facts.iter().find(|fact| fact.0 == *name)?;
        (!fact.1.contains(value)).then_some((name.as_str(), fact.1.as_slice()))
    });
    known.into_iter().next()
}

/// What a file of a layout must have in its metadata to be read as it is meant: the layout's facts, as one of `inputs`
/// has them where that value is allowed, and the numbers that its order of rows depends on.  `own` as for [`stored`].
pub fn metadata_of(own: Option<&Architecture>, layout: &str, inputs: &[(&Header, &Canon)]) -> Vec<(String, String)> {
    let Some((layout, family)) = sight(own, layout) else { return vec![] };
    let mut out: Vec<(String, String)> = vec![];
    for (name, values) in &layout.facts {
        let said = inputs.iter().filter_map(|(header, _)| number::fact(header, name));
        let mut allowed = said.filter(|said| values.iter().any(|value| value == said)).map(str::to_string);
        out.extend(allowed.next().or(values.first().cloned()).map(|value| (name.clone(), value)));
    }
    for number in layout.numbers() {
        let mut known = inputs.iter().flat_map(|(_, canon)| &canon.numbers).filter(|known| known.0 == number);
        out.extend(number::entry(family, &number).zip(known.next()).map(|(name, known)| (name, known.1.to_string())));
    }
    out
}

/// Why models of two families cannot be mixed, where one of their files says so.
pub fn refuses_because(one: &Canon, other: &Canon) -> Option<String> {
    let of = |one: &Canon, other: &Canon| {
        let refuses = &one.family_data()?.refuses;
        refuses.iter().find(|refused| *refused.0 == *other.family).map(|refused| refused.1.clone())
    };
    of(one, other).or_else(|| of(other, one))
}

/// Where the loader of a layout looks for the tensors of a PyTorch file.
#[derive(Clone, Debug, PartialEq)]
pub struct Nest {
    /// The key of the dictionary that holds them.
    pub key: String,
    /// Stored names of tensors that stand beside that dictionary.
    beside: Vec<String>,
}

impl Nest {
    /// Whether a tensor stands beside the dictionary.
    pub fn is_beside(&self, name: &str) -> bool {
        self.beside.iter().any(|beside| beside == name)
    }
}

/// The dictionary that a PyTorch file of a layout has around its tensors, if any; `own` as in [`stored`].
pub fn nest<'o>(own: Option<&'o Architecture>, layout: &str) -> Option<&'o Nest> {
    sight(own, layout)?.0.nest.as_ref()
}

/// What to say where a layout needs a number that nothing tells ([`Stored::Lacks`]).
pub fn unknown_number(own: Option<&Architecture>, layout: &str, number: &str) -> Problem {
    let family = sight(own, layout).map(|sight| sight.1);
    number::unknown(number, layout, family.unwrap_or(&data::Family::default()))
}

/// A number on which models of one network must agree, because some layout of their family orders rows by it, and that
/// two of these models tell differently: its name, and per model its place among these and what it tells.
pub fn disagreement<'c>(canons: impl Iterator<Item = &'c Canon> + Clone) -> Option<(Arc<str>, [(usize, i64); 2])> {
    let family = canons.clone().next()?.family.clone();
    let same = canons.enumerate().filter(|(_, canon)| canon.family == family);
    let own = same.clone().filter_map(|(_, canon)| Some(canon.own.as_ref()?.layout()));
    let ordering: BTreeSet<Arc<str>> =
        shipped::layouts_of(&family).chain(own).flat_map(data::Layout::numbers).collect();
    ordering.into_iter().find_map(|number| {
        let value = |canon: &Canon| canon.numbers.iter().find(|known| known.0 == number).map(|known| known.1);
        let mut told = same.clone().filter_map(|(at, canon)| Some((at, value(canon)?)));
        let first = told.next()?;
        let other = told.find(|other| other.1 != first.1)?;
        Some((number, [first, other]))
    })
}

/// The layouts of a family that can be written.
pub fn layouts_of(family: &str) -> Vec<&'static str> {
    let ids: Vec<&str> = shipped::layouts_of(family).map(|layout| layout.id.as_str()).collect();
    if ids.is_empty() { vec![generic::LAYOUT] } else { ids }
}

/// Whether any shipped family uses a word.
pub fn is_word(word: &str) -> bool {
    shipped::families().any(|family| family.words.contains(word))
}
