//! Families and layouts, as their TOML says them.

use super::Act;
use super::Architecture;
use super::Instead;
use super::Nest;
use super::Policy;
use super::Stored;
use super::fix;
use super::fix::Fix;
use super::fix::ViewOp;
use super::number::NumberRule;
use super::number::fact;
use super::part::Tells;
use super::shipped;
use super::template::Binding;
use super::template::Expr;
use super::template::Template;
use super::template::skeleton;
use crate::tensor::Affine;
use crate::tensor::Coord;
use crate::tensor::Header;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;

/// The canonical tensors of a family.
#[derive(Debug, Default)]
pub struct Family {
    pub id: String,
    pub words: BTreeSet<String>,
    pub tensors: Vec<TensorRule>,
    pub facts: Vec<FactRule>,
    /// Families whose tensors mean something else, and why.
    pub refuses: Vec<(String, String)>,
    /// For comparisons; the first that fits a tensor counts.
    pub parts: Vec<PartRule>,
    pub numbers: Vec<NumberRule>,
    pub groups: Vec<GroupRule>,
    pub free: Vec<FreeRule>,
    /// Channel spaces that are others, by numbers of the checkpoint.
    pub same: Vec<(Template, Arc<str>)>,
    /// Skeleton of a canonical name to rules.
    index: HashMap<String, Vec<usize>>,
}

/// What is known of the tensors of one template.
#[derive(Debug)]
pub struct TensorRule {
    pub name: Template,
    pub words: Vec<Arc<str>>,
    pub coords: Vec<(Coord, Expr)>,
    /// Channel spaces per axis; `None` for kernel axes (written `""`).
    pub axes: Vec<Option<Template>>,
    /// What they do with their channels, as far as the file says.
    pub acts: Vec<Act>,
    pub policy: Policy,
    /// What follows divides each row by its length.
    pub demodulated: bool,
    /// Lowest value of its variable.
    pub from: i64,
    /// Coordinates that the name alone gives: the rule holds only where they have a value, so that no block is 5 x 5.
    pub by_name: Vec<Expr>,
}

/// Channels that belong together.
#[derive(Debug)]
pub struct GroupRule {
    pub name: Template,
    /// The channel space that they are channels of.
    pub of: Template,
    /// How many are one group.
    pub each: Expr,
}

/// Channels that may change places.
#[derive(Debug)]
pub struct FreeRule {
    pub space: Template,
    /// How many keep together.
    pub each: Option<Expr>,
    /// The space whose blocks these go with.
    pub under: Option<Template>,
}

/// A part of the network, as people speak of it: the tensors that have all of some words.
#[derive(Debug)]
pub struct PartRule {
    pub name: String,
    pub words: Vec<Arc<str>>,
    pub tells: Tells,
    /// The part that it was computed from.
    pub of: Option<String>,
}

/// A fact for people; the first of a name that has a value gives it.
#[derive(Debug)]
pub struct FactRule {
    pub name: String,
    pub of: FactOf,
    /// What to say instead of a number.
    pub says: BTreeMap<String, String>,
}

#[derive(Debug)]
pub enum FactOf {
    /// Always this.
    Value(String),
    /// This, if there is such a tensor.
    Has(Template, String),
    /// The size of an axis of the first such tensor.
    Size(Template, usize),
    /// How many such tensors there are.
    Count(Template),
    /// `4: 512, 8: 256`: per value of the variable, the size of an axis.
    Each(Template, usize),
}

/// A code base's names for the tensors of a family.
#[derive(Debug, Default)]
pub struct Layout {
    pub id: String,
    pub family: String,
    /// Names that must be present.
    pub detect: Vec<Template>,
    /// Further sets of names that tell the layout.
    pub also: Vec<Vec<Template>>,
    /// Facts of a checkpoint of this layout, each with its possible values.
    pub facts: Vec<(String, Vec<String>)>,
    /// Canonical tensors that the format does not hold.
    pub omit: Vec<Template>,
    /// Stored names are the canonical ones, whatever the family knows.
    pub canonical_names: bool,
    /// What a PyTorch file has around the tensors.
    pub nest: Option<Nest>,
    pub keys: Vec<KeyRule>,
    /// Stored names whose highest number is `top` in canonical names.
    pub top: Vec<Template>,
    /// Stored names that are left out.
    pub drop: Vec<Template>,
    /// Canonical tensors that the code base computes and does not store.
    pub implied: Vec<ImpliedRule>,
    /// Canonical tensors that the code base cannot have, and why.
    pub lacks: Vec<(Template, String)>,
    /// Skeleton of a stored name to keys.
    index: HashMap<String, Vec<usize>>,
    /// Skeleton of a canonical name to keys and which of their names it is.
    canonical: HashMap<String, Vec<(usize, usize)>>,
}

#[derive(Debug)]
pub struct KeyRule {
    pub name: Template,
    /// Canonical tensors that it gives; the first is the one that is written.
    pub canonical: Vec<Template>,
    pub fixes: Vec<Fix>,
}

/// A filter that a layout implies.
#[derive(Debug)]
pub struct ImpliedRule {
    pub canonical: Template,
    /// It is there for every such canonical tensor.
    pub beside: Template,
    /// Its taps, before they are made to sum to 1.
    pub taps: Vec<f32>,
    /// The entry of a header's metadata that gives other taps.
    pub fact: Option<String>,
}

impl Family {
    pub fn new(id: String, words: BTreeSet<String>) -> Family {
        Family { id, words, ..Family::default() }
    }

    pub fn add(&mut self, rule: TensorRule) {
        self.words.extend(rule.words.iter().map(|word| word.to_string()));
        self.index.entry(rule.name.skeleton.clone()).or_default().push(self.tensors.len());
        self.tensors.push(rule);
    }

    /// The rule of a canonical name, given as skeleton and numbers, with its variables.
    pub fn rule(&self, bones: &str, numbers: &[i64]) -> Option<(usize, Binding)> {
        self.index.get(bones)?.iter().find_map(|&at| {
            let rule = &self.tensors[at];
            let binding = rule.name.solve(numbers)?;
            let holds = binding.iter().all(|entry| entry.1 >= rule.from)
                && rule.by_name.iter().all(|coord| coord.real(&binding).is_some());
            holds.then_some((at, binding))
        })
    }

    /// The rule of a canonical name.
    pub fn rule_of(&self, name: &str) -> Option<(usize, Binding)> {
        let (bones, numbers) = skeleton(name);
        self.rule(&bones, &numbers)
    }

    /// Whether some rule could be about names of this template.
    pub fn may_have(&self, name: &Template) -> bool {
        // A literal number of one side may be a variable of the other: skeletons tell no more.
        self.index.contains_key(&name.skeleton)
    }
}

impl Layout {
    /// A layout that has no keys yet.
    pub fn new(id: &str, family: &str, detect: Vec<Template>) -> Layout {
        Layout { id: id.to_string(), family: family.to_string(), detect, ..Layout::default() }
    }

    /// Whether a checkpoint's facts are those of the layout.
    pub fn has_facts(&self, header: &Header) -> bool {
        self.facts
            .iter()
            .all(|(name, values)| fact(header, name).is_some_and(|own| values.iter().any(|one| one == own)))
    }

    pub fn add(&mut self, key: KeyRule) {
        let at = self.keys.len();
        self.index.entry(key.name.skeleton.clone()).or_default().push(at);
        for (which, template) in key.canonical.iter().enumerate() {
            self.canonical.entry(template.skeleton.clone()).or_default().push((at, which));
        }
        self.keys.push(key);
    }

    /// The key of a stored name, given as skeleton and numbers, with its variables.
    pub fn key(&self, bones: &str, numbers: &[i64]) -> Option<(&KeyRule, Binding)> {
        let keys = self.index.get(bones)?;
        keys.iter().find_map(|&at| self.keys[at].name.solve(numbers).map(|binding| (&self.keys[at], binding)))
    }

    /// Whether the layout, or its family under canonical names, knows a stored name, given as skeleton and numbers.
    pub fn knows(&self, bones: &str, numbers: &[i64], family: &Family) -> bool {
        self.key(bones, numbers).is_some()
            || self.drops(bones, numbers)
            || (self.canonical_names && family.rule(bones, numbers).is_some())
    }

    /// Whether a stored name, given as skeleton and numbers, is left out.
    pub fn drops(&self, bones: &str, numbers: &[i64]) -> bool {
        self.drop.iter().any(|name| name.fits(bones, numbers))
    }

    /// Why the code base cannot have a canonical tensor.
    pub fn lacks(&self, bones: &str, numbers: &[i64]) -> Option<&str> {
        self.lacks.iter().find(|(name, _)| name.fits(bones, numbers)).map(|(_, because)| because.as_str())
    }

    /// The numbers of a checkpoint that the order of some tensor's rows depends on.
    pub fn numbers(&self) -> BTreeSet<Arc<str>> {
        let blocks = self.keys.iter().flat_map(|key| &key.fixes).filter_map(Fix::block);
        blocks.flat_map(Expr::variables).collect()
    }

    /// Where this layout stores a canonical tensor; `numbers` are those that only stored names hold, and those of the
    /// checkpoint.
    pub fn stored(&self, name: &str, numbers: &[(Arc<str>, i64)], family: &Family) -> Stored {
        let (bones, own_numbers) = skeleton(name);
        if self.lacks(&bones, &own_numbers).is_some() {
            return Stored::NoPlace;
        }
        let mut carried = None;
        for &(at, which) in self.canonical.get(&bones).into_iter().flatten() {
            let key = &self.keys[at];
            let Some(mut binding) = key.canonical[which].solve(&own_numbers) else { continue };
            binding.extend(numbers.iter().cloned());
            let Some(stored) = key.name.fill(&binding) else { continue };
            carried = carried.or_else(|| key.canonical[0].fill(&binding));
            if which == 0 {
                let ops = match fix::views(&key.fixes, &binding) {
                    Ok(ops) => ops.iter().rev().map(ViewOp::inverse).collect(),
                    Err(number) => return Stored::Lacks { number },
                };
                return Stored::Name { name: stored, ops, affine: fix::inverse(fix::affine(&key.fixes)) };
            }
        }
        // What a file has comes before what is made where it lacks: the order of reading.
        if let Some(name) = carried.filter(|_| !self.canonical_names) {
            return Stored::Dropped(Instead::Tensor(name));
        }
        if let Some(rule) = self.implied.iter().find(|rule| rule.canonical.fits(&bones, &own_numbers)) {
            return Stored::Dropped(Instead::Filter { taps: rule.taps.clone(), fact: rule.fact.clone() });
        }
        if self.omit.iter().any(|template| template.fits(&bones, &own_numbers)) {
            return Stored::Dropped(Instead::Nothing);
        }
        match (self.canonical_names, family.rule(&bones, &own_numbers)) {
            (true, _) => Stored::Name { name: name.to_string(), ops: vec![], affine: Affine::IDENTITY },
            (false, Some(_)) => Stored::NoPlace,
            (false, None) => Stored::Unknown,
        }
    }
}

impl Architecture {
    /// The family of its layout: its own, or a shipped one.
    pub fn family(&self) -> &Family {
        let own = self.0.family.as_ref();
        own.or_else(|| shipped::family(&self.0.layout.family)).expect("its family was looked up when the file was read")
    }
}
