//! Which layout a header is, and the header seen through it.

use super::Canon;
use super::CanonTensor;
use super::Policy;
use super::Traits;
use super::data;
use super::data::Architecture;
use super::data::Family;
use super::data::Layout;
use super::fix;
use super::fix::Fix;
use super::generic;
use super::template::Binding;
use super::template::skeleton;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::suggest::nearest;
use crate::tensor::Affine;
use crate::tensor::Coord;
use crate::tensor::Entry;
use crate::tensor::Header;
use crate::tensor::View;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

/// Sees a header through its layout: the user's own, the forced one, the one that claims it, or the generic one.
pub fn detect(header: &Header, own: Option<&Architecture>, forced: Option<&str>) -> Result<Canon, Problem> {
    if let Some(own) = own {
        let family = own.family.as_ref().or_else(|| data::family(&own.layout.family)).expect("the file was checked");
        return through(header, &own.layout, family);
    }
    let layout = match forced {
        Some(id) if id == generic::LAYOUT => return Ok(generic::canon(header)),
        Some(id) => Some(data::layout(id).ok_or_else(|| unknown_layout(id))?),
        None => {
            let names: HashSet<&str> = header.entries.iter().map(|entry| entry.name.as_str()).collect();
            let skeletons: HashSet<String> = header.entries.iter().map(|entry| skeleton(&entry.name).0).collect();
            data::layouts().iter().find(|layout| claims(layout, &names, &skeletons))
        }
    };
    match layout {
        Some(layout) => {
            through(header, layout, data::family(&layout.family).expect("shipped layouts have shipped families"))
        }
        None => Ok(generic::canon(header)),
    }
}

fn unknown_layout(id: &str) -> Problem {
    let known: Vec<&str> = data::layouts().iter().map(|layout| layout.id.as_str()).chain([generic::LAYOUT]).collect();
    let near = nearest(id, known.iter().copied()).unwrap_or(generic::LAYOUT);
    Problem::new(Code("E0431"), format!("there is no layout `{id}`"))
        .help(format!("write `\"{near}\"` (there are {})", known.join(", ")))
}

fn claims(layout: &Layout, names: &HashSet<&str>, skeletons: &HashSet<String>) -> bool {
    layout.detect.iter().all(|template| match template.fill(&vec![]) {
        Some(literal) => names.contains(literal.as_str()),
        None => skeletons.contains(&template.skeleton()),
    })
}

/// A canonical tensor before its traits are known.
struct Found {
    name: Arc<str>,
    entry: usize,
    view: View,
    affine: Affine,
}

fn through(header: &Header, layout: &Layout, family: &Family) -> Result<Canon, Problem> {
    let mut found: Vec<Found> = vec![];
    let mut unknown = vec![];
    let mut taken: HashMap<Arc<str>, usize> = HashMap::new();
    for (at, entry) in header.entries.iter().enumerate() {
        let (bones, numbers) = skeleton(&entry.name);
        let names: Vec<(String, &[Fix])> = match layout.key(&bones, &numbers) {
            Some((key, binding)) => {
                key.canonical.iter().filter_map(|name| Some((name.fill(&binding)?, key.fixes.as_slice()))).collect()
            }
            None => vec![],
        };
        let known = !names.is_empty() || (layout.canonical_names && family.rule(&entry.name).is_some());
        if names.is_empty() {
            if !known {
                unknown.push(at);
            }
            push(&mut found, &mut taken, header, at, &entry.name, &[])?;
        }
        for (name, fixes) in names {
            push(&mut found, &mut taken, header, at, &name, fixes)?;
        }
    }
    let counts = Counts::of(&found, family);
    let tensors: Vec<CanonTensor> = found
        .into_iter()
        .map(|found| {
            let entry = &header.entries[found.entry];
            let traits = traits(&found.name, entry, family, &counts);
            CanonTensor {
                shape: found.view.shape.clone(),
                name: found.name,
                dtype: entry.dtype,
                entry: found.entry,
                view: found.view,
                affine: found.affine,
                traits: Arc::new(traits),
            }
        })
        .collect();
    let index = tensors.iter().enumerate().map(|(at, tensor)| (tensor.name.clone(), at)).collect();
    let facts = facts(&tensors, family);
    Ok(Canon { family: family.id.as_str().into(), layout: layout.id.as_str().into(), tensors, index, facts, unknown })
}

/// Adds a canonical tensor.  Two stored tensors may give one canonical tensor (filters that every block stores); the
/// first is taken.
fn push(
    found: &mut Vec<Found>,
    taken: &mut HashMap<Arc<str>, usize>,
    header: &Header,
    at: usize,
    name: &str,
    fixes: &[Fix],
) -> Result<(), Problem> {
    if taken.contains_key(name) {
        return Ok(());
    }
    let entry = &header.entries[at];
    let mut view = View::contiguous(&entry.shape);
    for fix in fixes {
        if let Fix::View(op) = fix {
            view = op.apply(view).map_err(|reason| {
                Problem::new(Code("E0432"), format!("`{}` does not have the shape of its layout: {reason}", entry.name))
                    .note(format!("its shape is {}", crate::tensor::shape_text(&entry.shape)))
                    .help("name another layout with `{ layout = \"generic\" }`")
            })?;
        }
    }
    let name: Arc<str> = name.into();
    taken.insert(name.clone(), found.len());
    found.push(Found { name, entry: at, view, affine: fix::affine(fixes) });
    Ok(())
}

/// Numbers about the whole network that coordinates may use: `n` layers, `top` the highest value of `r`.
struct Counts {
    binding: Binding,
}

impl Counts {
    fn of(found: &[Found], family: &Family) -> Counts {
        let (mut n, mut top) = (0, 0);
        for tensor in found {
            for (variable, value) in family.rule(&tensor.name).map_or(vec![], |(_, binding)| binding) {
                match variable.as_str() {
                    "i" => n = n.max(value + 1),
                    "r" => top = top.max(value),
                    _ => {}
                }
            }
        }
        Counts { binding: vec![("n".into(), n), ("top".into(), top)] }
    }
}

fn traits(name: &str, entry: &Entry, family: &Family, counts: &Counts) -> Traits {
    let Some((at, mut binding)) = family.rule(name) else {
        return generic::traits(name, entry.dtype, None);
    };
    let rule = &family.tensors[at];
    binding.extend(counts.binding.iter().cloned());
    // Numbers that only the stored name has (the size of a StyleGAN3 layer).
    let size = entry.name.split('.').find_map(|segment| segment.strip_prefix('L')?.split('_').nth(1)?.parse().ok());
    binding.extend(size.map(|size: i64| ("size".to_string(), size)));
    let coords: Vec<(Coord, f64)> =
        rule.coords.iter().filter_map(|(coord, expr)| Some((*coord, expr.real(&binding)?))).collect();
    let axes = rule.axes.iter().map(|axis| axis.as_ref()?.fill(&binding).map(Arc::from)).collect();
    let policy = if rule.policy == Policy::Mix && !entry.dtype.is_float() { Policy::Equal } else { rule.policy };
    Traits { words: rule.words.iter().map(|word| Arc::from(word.as_str())).collect(), coords, axes, policy }
}

/// Facts for people.
fn facts(tensors: &[CanonTensor], family: &Family) -> Vec<(String, String)> {
    let shape_of = |name: &str| tensors.iter().find(|tensor| &*tensor.name == name).map(|tensor| tensor.shape.clone());
    let most = |coord: Coord| {
        tensors
            .iter()
            .filter_map(|tensor| tensor.traits.coord(coord))
            .fold(None, |most: Option<f64>, value| Some(most.map_or(value, |most| most.max(value))))
    };
    let mut facts = vec![];
    let mut fact = |name: &str, value: String| facts.push((name.to_string(), value));
    if let Some(resolution) = most(Coord::Resolution) {
        fact("resolution", resolution.to_string());
    } else if let Some(layer) = most(Coord::Layer) {
        fact("layers", (layer + 1.0).to_string());
    }
    match family.id.as_str() {
        "stylegan2" => {
            let has = |word: &str| tensors.iter().any(|tensor| tensor.traits.has_word(word));
            let rgb4 = tensors.iter().any(|tensor| &*tensor.name == "synthesis.b4.torgb.weight");
            fact(
                "kind",
                (if has("skip") {
                    "resnet"
                } else if rgb4 {
                    "skip"
                } else {
                    "orig"
                })
                .into(),
            );
            let layers = tensors
                .iter()
                .filter(|tensor| tensor.name.starts_with("mapping.fc") && tensor.name.ends_with(".weight"))
                .count();
            fact("mapping layers", layers.to_string());
            let widths: Vec<String> = (2..13)
                .map(|octave| 1u64 << octave)
                .filter_map(|r| Some(format!("{r}: {}", shape_of(&format!("synthesis.b{r}.conv1.weight"))?.first()?)))
                .collect();
            fact("channels", widths.join(", "));
            let labels = shape_of("mapping.embed.weight").and_then(|shape| shape.get(1).copied()).unwrap_or(0);
            fact("labels", labels.to_string());
        }
        "stylegan3" => {
            let kernel = shape_of("synthesis.L0.weight").and_then(|shape| shape.last().copied());
            fact("kind", (if kernel == Some(1) { "R" } else { "T" }).into());
        }
        "llama" => {
            if let Some(shape) = shape_of("model.embed_tokens.weight") {
                fact("vocabulary", shape[0].to_string());
                fact("hidden size", shape.last().copied().unwrap_or(0).to_string());
            }
        }
        _ => {}
    }
    facts
}
