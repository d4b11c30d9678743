//! Which layout a header is, and the header seen through it.

use super::Architecture;
use super::Canon;
use super::CanonTensor;
use super::Policy;
use super::Traits;
use super::data::FactOf;
use super::data::Family;
use super::data::Layout;
use super::file;
use super::fix;
use super::fix::Fix;
use super::generic;
use super::near;
use super::number;
use super::shipped;
use super::spaces;
use super::template::Binding;
use super::template::Template;
use super::template::skeleton;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::suggest::nearest;
use crate::tensor::Coord;
use crate::tensor::Entry;
use crate::tensor::Header;
use crate::tensor::View;
use crate::tensor::shape_text;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

/// Sees a header through its layout: the user's own, the forced one, the one that claims it, or the generic one.
pub fn detect(header: &Header, own: Option<&Architecture>, forced: Option<&str>) -> Result<Canon, Problem> {
    if let Some(own) = own {
        let mut canon = named(header, own.layout(), own.family())?;
        canon.own = Some(own.clone());
        return Ok(canon);
    }
    match forced {
        Some(id) if id == generic::LAYOUT => Ok(generic::canon(header)),
        Some(id) => {
            let layout = shipped::layout(id).ok_or_else(|| unknown_layout(id))?;
            named(header, layout, shipped::family_of(layout))
        }
        None => {
            let names = Names::of(header);
            match shipped::candidates(&names).find(|layout| claims(layout, &names, header)) {
                Some(layout) => through(header, &names, layout, shipped::family_of(layout)),
                None => {
                    let mut canon = generic::canon(header);
                    canon.remarks.extend(near::layout(header, &names));
                    Ok(canon)
                }
            }
        }
    }
}

/// The ids of the layouts that claim a header; more than one would be a mistake in their files.
pub fn claimants(header: &Header) -> Vec<&'static str> {
    let names = Names::of(header);
    shipped::candidates(&names)
        .filter(|layout| claims(layout, &names, header))
        .map(|layout| layout.id.as_str())
        .collect()
}

fn unknown_layout(id: &str) -> Problem {
    let known: Vec<&str> = shipped::layouts().map(|layout| layout.id.as_str()).chain([generic::LAYOUT]).collect();
    let near = nearest(id, known.iter().copied()).unwrap_or(generic::LAYOUT);
    Problem::new(Code("E0431"), format!("there is no layout `{id}`"))
        .help(format!("write `\"{near}\"` (there are {})", known.join(", ")))
}

/// The names of a header, as they are and as skeletons.
pub struct Names<'h> {
    whole: HashSet<&'h str>,
    /// Skeleton and numbers per name, in order.
    pub parts: Vec<(String, SmallVec<[i64; 4]>)>,
    skeletons: HashSet<String>,
}

impl<'h> Names<'h> {
    pub fn of(header: &'h Header) -> Names<'h> {
        Names::from(header.entries.iter().map(|entry| entry.name.as_str()))
    }

    pub fn from(names: impl Iterator<Item = &'h str> + Clone) -> Names<'h> {
        let parts: Vec<_> = names.clone().map(skeleton).collect();
        let mut skeletons: HashSet<String> = HashSet::new();
        for (bones, _) in &parts {
            if !skeletons.contains(bones) {
                skeletons.insert(bones.clone());
            }
        }
        Names { whole: names.collect(), parts, skeletons }
    }

    /// The highest number that a name of the template holds.
    fn highest(&self, template: &Template) -> Option<i64> {
        let numbers = |(bones, numbers): &(String, SmallVec<[i64; 4]>)| {
            let binding = (*bones == template.skeleton).then(|| template.solve(numbers)).flatten()?;
            binding.iter().map(|entry| entry.1).max()
        };
        self.parts.iter().filter_map(numbers).max()
    }

    /// Whether a name of the template is there.
    pub fn have(&self, template: &Template) -> bool {
        match template.fill(&[]) {
            Some(literal) => self.whole.contains(literal.as_str()),
            None => self.skeletons.contains(&template.skeleton),
        }
    }
}

pub fn claims(layout: &Layout, names: &Names, header: &Header) -> bool {
    let all = |list: &[Template]| list.iter().all(|template| names.have(template));
    (all(&layout.detect) || layout.also.iter().any(|list| all(list))) && layout.has_facts(header)
}

/// A header through a layout that the recipe names.
fn named(header: &Header, layout: &Layout, family: &Family) -> Result<Canon, Problem> {
    let other = layout.facts.iter().find_map(|(name, values)| {
        let own = number::fact(header, name)?;
        (!values.iter().any(|value| value == own)).then_some((name, values, own))
    });
    if let Some((name, values, own)) = other {
        let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
        let claimed = claimants(header).first().copied().unwrap_or(generic::LAYOUT);
        let message = format!(
            "its metadata say `{name}` is `{}`, but files of the layout `{}` have {}",
            own.escape_debug(),
            layout.id,
            values.join(" or ")
        );
        return Err(Problem::new(Code("E0437"), message).help(format!("write `layout = \"{claimed}\"`")));
    }
    let canon = through(header, &Names::of(header), layout, family)?;
    if canon.unknown.len() < header.entries.len() || header.entries.is_empty() {
        return Ok(canon);
    }
    let names: Vec<&str> = header.entries.iter().take(3).map(|entry| entry.name.as_str()).collect();
    let wanted: Vec<&str> = layout.detect.iter().take(3).map(|template| template.text()).collect();
    let other = claimants(header).first().copied().unwrap_or(generic::LAYOUT);
    Err(Problem::new(Code("E0437"), format!("no tensor is named as in the layout `{}`", layout.id))
        .note(format!("its names begin with {}", quoted(&names)))
        .note(format!("the layout has {}", quoted(&wanted)))
        .help(format!("write `layout = \"{other}\"`")))
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{}`", name.escape_debug())).collect::<Vec<_>>().join(", ")
}

/// A canonical tensor before its traits are known.
pub struct Found<'l> {
    pub name: Arc<str>,
    pub entry: usize,
    /// From stored to canonical.
    pub fixes: &'l [Fix],
    /// Its rule, with the variables of its name.
    pub rule: Option<(usize, Binding)>,
    /// The variables of the stored name.
    pub stored: Binding,
    /// It is what the entry is for, not a by-product (filters that other code bases store once more).
    pub primary: bool,
}

/// What a checkpoint's tensors are seen with.
pub struct Sight<'s> {
    pub layout: &'s Layout,
    pub family: &'s Family,
    /// How many layers there are.
    pub layers: i64,
    /// Numbers of the checkpoint.
    pub numbers: &'s Binding,
}

impl Found<'_> {
    /// The tensor with its view, and with what its family says of it.
    pub fn canonical(self, entry: &Entry, sight: &Sight, implied: bool) -> Result<CanonTensor, Problem> {
        let mut known = self.stored.clone();
        known.extend(sight.numbers.iter().cloned());
        let unknown = |number: Arc<str>| number::unknown(&number, &sight.layout.id, sight.family);
        let ops = fix::views(self.fixes, &known).map_err(unknown)?;
        let view = ops.iter().try_fold(entry.view(), |view, op| op.apply(view));
        let view = view.map_err(|reason| wrong_shape(entry, &reason))?;
        right_rank(&self, &view, sight.family, entry)?;
        let (traits, numbers) = traits(&self, entry, sight.family, sight.layers, sight.numbers);
        Ok(CanonTensor {
            shape: view.shape.clone(),
            name: self.name,
            dtype: entry.dtype,
            entry: self.entry,
            view,
            ops: ops.into(),
            affine: fix::affine(self.fixes),
            traits: Arc::new(traits),
            numbers,
            implied,
        })
    }
}

/// What the entries of a header are.
struct Sorted<'l> {
    found: Vec<Found<'l>>,
    /// Entries that the layout does not know: they are found under their own names.
    unknown: Vec<usize>,
    /// Entries that the layout leaves out.
    dropped: Vec<usize>,
}

fn sorted<'l>(header: &Header, names: &Names, layout: &'l Layout, family: &Family) -> Sorted<'l> {
    let (mut found, mut unknown, mut dropped) = (vec![], vec![], vec![]);
    let top = layout.top.iter().filter_map(|top| names.highest(top)).max();
    for (at, entry) in header.entries.iter().enumerate() {
        let (bones, numbers) = &names.parts[at];
        if layout.drops(bones, numbers) {
            dropped.push(at);
            continue;
        }
        let mut none = true;
        if let Some((key, binding)) = layout.key(bones, numbers) {
            let mut known = binding.clone();
            known.extend(top.map(|top| (Arc::from(file::TOP), top)));
            for (which, name) in key.canonical.iter().enumerate() {
                let Some(name) = name.fill(&known) else { continue };
                let rule = family.rule_of(&name);
                none = false;
                let (fixes, stored) = (key.fixes.as_slice(), known.clone());
                found.push(Found { name: name.into(), entry: at, fixes, rule, stored, primary: which == 0 });
            }
        }
        if none {
            let rule = if layout.canonical_names { family.rule(bones, numbers) } else { None };
            if rule.is_none() {
                unknown.push(at);
            }
            let name = entry.name.as_str().into();
            found.push(Found { name, entry: at, fixes: &[], rule, stored: Binding::new(), primary: true });
        }
    }
    Sorted { found, unknown, dropped }
}

fn through(header: &Header, names: &Names, layout: &Layout, family: &Family) -> Result<Canon, Problem> {
    let Sorted { found, unknown, dropped } = sorted(header, names, layout, family);
    let found = distinct(found, header)?;
    // Tensors that are not part of the network may still tell of it, under the names that they have.
    let told = dropped.iter().map(|&at| (header.entries[at].name.as_str(), at));
    let known = found.iter().map(|found| (&*found.name, found.entry)).chain(told);
    let numbers = number::numbers(family, header, known);
    let layers = layers(&found, family, &numbers);
    let remark = near::lacking(&found, layout, family, names);
    let sight = Sight { layout, family, layers, numbers: &numbers };
    let tensors: Vec<CanonTensor> = found
        .into_iter()
        .map(|found| {
            let entry = &header.entries[found.entry];
            found.canonical(entry, &sight, false)
        })
        .collect::<Result<_, _>>()?;
    let index = tensors.iter().enumerate().map(|(at, tensor)| (tensor.name.clone(), at)).collect();
    let mut canon = Canon {
        family: family.id.as_str().into(),
        layout: layout.id.as_str().into(),
        tensors,
        index,
        numbers,
        facts: vec![],
        unknown,
        remarks: remark.into_iter().collect(),
        own: None,
    };
    canon.facts = facts(&canon, family, header, &dropped);
    Ok(canon)
}

fn wrong_shape(entry: &Entry, reason: &str) -> Problem {
    let message = format!("`{}` does not have the shape of its layout: {reason}", entry.name.escape_debug());
    Problem::new(Code("E0432"), message)
        .note(format!("its shape is {}", shape_text(&entry.shape)))
        .help("write `{ layout = \"generic\" }` to read the file under its own names")
}

/// Each canonical tensor once.  A by-product yields to whatever gives the tensor itself, and to earlier by-products;
/// two entries that both are for one tensor contradict each other.
fn distinct<'l>(found: Vec<Found<'l>>, header: &Header) -> Result<Vec<Found<'l>>, Problem> {
    let mut first: HashMap<Arc<str>, usize> = HashMap::with_capacity(found.len());
    for (at, tensor) in found.iter().enumerate() {
        match first.get(&tensor.name) {
            None => {
                first.insert(tensor.name.clone(), at);
            }
            Some(&before) if tensor.primary && found[before].primary => {
                let of = |tensor: &Found| header.entries[tensor.entry].name.escape_debug().to_string();
                let (one, two) = (of(&found[before]), of(tensor));
                return Err(Problem::new(Code("E0438"), format!("`{one}` and `{two}` are both `{}`", tensor.name))
                    .help(
                        "write `{ layout = \"generic\" }` to read the file under its own names, or remove one of them",
                    ));
            }
            Some(_) if tensor.primary => {
                first.insert(tensor.name.clone(), at);
            }
            Some(_) => {}
        }
    }
    let kept = found.into_iter().enumerate().filter(|(at, tensor)| first[&tensor.name] == *at);
    Ok(kept.map(|(_, tensor)| tensor).collect())
}

/// A family that describes the axes of a tensor says how many there are.
fn right_rank(found: &Found, view: &View, family: &Family, entry: &Entry) -> Result<(), Problem> {
    let Some((rule, _)) = &found.rule else { return Ok(()) };
    let (wanted, rank) = (family.tensors[*rule].axes.len(), view.shape.len());
    if wanted == 0 || wanted == rank {
        return Ok(());
    }
    let plural = if wanted == 1 { "1 axis".to_string() } else { format!("{wanted} axes") };
    Err(wrong_shape(entry, &format!("`{}` has {plural}, and {rank} came out", found.name)))
}

/// The number of layers: one more than the highest `layer`.
fn layers(found: &[Found], family: &Family, numbers: &Binding) -> i64 {
    let layer = |tensor: &Found| {
        let (rule, binding) = tensor.rule.as_ref()?;
        let expr = family.tensors[*rule].coords.iter().find(|entry| entry.0 == Coord::Layer)?;
        let mut known = binding.clone();
        known.extend(numbers.iter().cloned());
        expr.1.eval(&known)
    };
    found.iter().filter_map(layer).max().map_or(0, |last| last.saturating_add(1))
}

/// Traits, and the numbers that only the stored name holds.
fn traits(found: &Found, entry: &Entry, family: &Family, layers: i64, known: &Binding) -> (Traits, Binding) {
    let Some((at, binding)) = &found.rule else {
        let mut traits = generic::traits(&found.name, entry.dtype, None);
        traits.words.push(Arc::from(generic::EXTRA));
        return (traits, Binding::new());
    };
    let rule = &family.tensors[*at];
    let in_name = |entry: &(Arc<str>, i64)| binding.iter().any(|own| own.0 == entry.0);
    let numbers: Binding = found.stored.iter().filter(|entry| !in_name(entry)).cloned().collect();
    let mut all = binding.clone();
    all.extend(numbers.iter().cloned());
    all.push(("n".into(), layers));
    all.extend(known.iter().cloned());
    let coords: Vec<(Coord, f64)> =
        rule.coords.iter().filter_map(|(coord, expr)| Some((*coord, expr.real(&all)?))).collect();
    let axes = spaces::axes(rule, family, binding, &all);
    let policy = if rule.policy == Policy::Mix && !entry.dtype.is_float() { Policy::Equal } else { rule.policy };
    let traits = Traits {
        words: rule.words.clone(),
        coords,
        groups: spaces::groups(&axes, family, &all),
        free: spaces::free(&axes, family, &all),
        axes,
        acts: rule.acts.clone(),
        demodulated: rule.demodulated,
        policy,
    };
    (traits, numbers)
}

/// Facts for people: the highest resolution or the number of layers, what the family's file says, what is unknown, and what
/// an output will not have.
fn facts(canon: &Canon, family: &Family, header: &Header, dropped: &[usize]) -> Vec<(String, String)> {
    let most = |coord: Coord| {
        let values = canon.tensors.iter().filter_map(|tensor| tensor.traits.coord(coord));
        values.fold(None, |most: Option<f64>, value| Some(most.map_or(value, |most| most.max(value))))
    };
    let mut facts: Vec<(String, String)> = vec![];
    if let Some(resolution) = most(Coord::Resolution) {
        facts.push(("resolution".into(), resolution.to_string()));
    } else if let Some(layer) = most(Coord::Layer) {
        facts.push(("layers".into(), (layer + 1.0).to_string()));
    }
    for rule in &family.facts {
        if facts.iter().any(|fact| fact.0 == rule.name) {
            continue;
        }
        if let Some(value) = fact(&rule.of, canon) {
            facts.push((rule.name.clone(), rule.says.get(&value).cloned().unwrap_or(value)));
        }
    }
    for (name, entries) in [("not in the layout", canon.unknown.as_slice()), ("left out", dropped)] {
        if !entries.is_empty() {
            let some: Vec<&str> = entries.iter().take(3).map(|&at| header.entries[at].name.as_str()).collect();
            let more = if entries.len() > 3 { ", …" } else { "" };
            facts.push((name.into(), format!("{}: {}{more}", entries.len(), quoted(&some))));
        }
    }
    facts
}

fn fact(of: &FactOf, canon: &Canon) -> Option<String> {
    let fitting = |template: &Template| {
        let mut list: Vec<(Binding, &CanonTensor)> = vec![];
        match template.fill(&[]) {
            Some(literal) => {
                list.extend(canon.index.get(literal.as_str()).map(|&at| (Binding::new(), &canon.tensors[at])));
            }
            None => {
                for tensor in &canon.tensors {
                    let (bones, numbers) = skeleton(&tensor.name);
                    if bones == template.skeleton {
                        list.extend(template.solve(&numbers).map(|binding| (binding, tensor)));
                    }
                }
                list.sort_by_key(|entry| entry.0.first().map(|variable| variable.1));
            }
        }
        list
    };
    match of {
        FactOf::Value(value) => Some(value.clone()),
        FactOf::Has(template, value) => (!fitting(template).is_empty()).then(|| value.clone()),
        FactOf::Size(template, axis) => fitting(template).first()?.1.shape.get(*axis).map(u64::to_string),
        FactOf::Count(template) => Some(fitting(template).len().to_string()),
        FactOf::Each(template, axis) => {
            let list = fitting(template);
            let one = |(binding, tensor): &(Binding, &CanonTensor)| {
                Some(format!("{}: {}", binding.first()?.1, tensor.shape.get(*axis)?))
            };
            Some(list.iter().filter_map(one).collect::<Vec<_>>().join(", "))
        }
    }
}
