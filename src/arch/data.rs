//! Families and layouts as they stand in TOML, parsed once.

use super::Policy;
use super::Stored;
use super::fix;
use super::fix::Fix;
use super::template::Expr;
use super::template::Template;
use super::template::skeleton;
use crate::diag::Code;
use crate::diag::Problem;
use crate::tensor::Coord;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The shipped families, one file each.
const FAMILIES: &[(&str, &str)] = &[
    ("families/llama.toml", include_str!("families/llama.toml")),
    ("families/stylegan2.toml", include_str!("families/stylegan2.toml")),
    ("families/stylegan3.toml", include_str!("families/stylegan3.toml")),
];

/// The shipped layouts, one file each.
const LAYOUTS: &[(&str, &str)] = &[
    ("layouts/llama-huggingface.toml", include_str!("layouts/llama-huggingface.toml")),
    ("layouts/stylegan2-nvidia.toml", include_str!("layouts/stylegan2-nvidia.toml")),
    ("layouts/stylegan2-rosinality.toml", include_str!("layouts/stylegan2-rosinality.toml")),
    ("layouts/stylegan3-nvidia.toml", include_str!("layouts/stylegan3-nvidia.toml")),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FamilyText {
    id: String,
    #[allow(dead_code, reason = "for people who read the file")]
    about: String,
    #[serde(default)]
    words: Vec<String>,
    tensor: Vec<TensorText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TensorText {
    name: String,
    #[serde(default)]
    words: Vec<String>,
    #[serde(default)]
    coords: BTreeMap<String, String>,
    #[serde(default)]
    axes: Vec<String>,
    #[serde(default)]
    policy: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LayoutText {
    id: String,
    family: String,
    #[allow(dead_code, reason = "for people who read the file")]
    about: String,
    detect: Vec<String>,
    #[serde(default)]
    canonical_names: bool,
    #[serde(default)]
    key: Vec<KeyText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyText {
    name: String,
    r#as: Vec<String>,
    #[serde(default)]
    fix: Vec<String>,
}

/// A user's architecture file: a layout, with a family of its own or one that is shipped.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ArchitectureText {
    family: Option<FamilyText>,
    layout: LayoutText,
}

/// The canonical tensors of a family.
#[derive(Debug)]
pub struct Family {
    pub id: String,
    pub words: BTreeSet<String>,
    pub tensors: Vec<TensorRule>,
    /// Skeleton of a canonical name to rules.
    index: HashMap<String, Vec<usize>>,
}

/// What is known of the tensors of one template.
#[derive(Debug)]
pub struct TensorRule {
    pub name: Template,
    pub words: Vec<String>,
    pub coords: Vec<(Coord, Expr)>,
    /// Channel spaces per axis; `None` for kernel axes (written `""`).
    pub axes: Vec<Option<Template>>,
    pub policy: Policy,
}

/// A code base's names for the tensors of a family.
#[derive(Debug)]
pub struct Layout {
    pub id: String,
    pub family: String,
    /// Names that must be present.
    pub detect: Vec<Template>,
    /// Stored names are the canonical ones, whatever the family knows.
    pub canonical_names: bool,
    pub keys: Vec<KeyRule>,
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

/// A user's own architecture.
#[derive(Debug)]
pub struct Architecture {
    pub family: Option<Family>,
    pub layout: Layout,
}

impl Family {
    fn new(text: FamilyText) -> Result<Family, String> {
        let mut family =
            Family { id: text.id, words: text.words.into_iter().collect(), tensors: vec![], index: HashMap::new() };
        for rule in text.tensor {
            let name = Template::parse(&rule.name)?;
            let mut coords = vec![];
            for (coord, expr) in &rule.coords {
                let coord = Coord::from_text(coord).ok_or(format!("`{coord}` is no coordinate"))?;
                coords.push((coord, Expr::parse(expr)?));
            }
            coords.sort_by_key(|entry| entry.0);
            let axes =
                rule.axes.iter().map(|axis| if axis.is_empty() { Ok(None) } else { Template::parse(axis).map(Some) });
            let policy = match rule.policy.as_deref() {
                None | Some("mix") => Policy::Mix,
                Some("equal") => Policy::Equal,
                Some("first") => Policy::First,
                Some(other) => return Err(format!("`{other}` is no policy: there are mix, equal and first")),
            };
            family.words.extend(rule.words.iter().cloned());
            family.index.entry(name.skeleton()).or_default().push(family.tensors.len());
            family.tensors.push(TensorRule {
                name,
                words: rule.words,
                coords,
                axes: axes.collect::<Result<_, _>>()?,
                policy,
            });
        }
        Ok(family)
    }

    /// The rule of a canonical name, with its variables.
    pub fn rule(&self, name: &str) -> Option<(usize, super::template::Binding)> {
        let (bones, numbers) = skeleton(name);
        self.index
            .get(&bones)?
            .iter()
            .find_map(|&at| self.tensors[at].name.solve(&numbers).map(|binding| (at, binding)))
    }
}

impl Layout {
    fn new(text: LayoutText) -> Result<Layout, String> {
        let detect = text.detect.iter().map(|name| Template::parse(name)).collect::<Result<_, _>>()?;
        let mut layout = Layout {
            id: text.id,
            family: text.family,
            detect,
            canonical_names: text.canonical_names,
            keys: vec![],
            index: HashMap::new(),
            canonical: HashMap::new(),
        };
        for key in text.key {
            let name = Template::parse(&key.name)?;
            let canonical = key.r#as.iter().map(|name| Template::parse(name)).collect::<Result<Vec<_>, _>>()?;
            let fixes = key.fix.iter().map(|fix| Fix::parse(fix)).collect::<Result<_, _>>()?;
            let at = layout.keys.len();
            layout.index.entry(name.skeleton()).or_default().push(at);
            for (which, template) in canonical.iter().enumerate() {
                layout.canonical.entry(template.skeleton()).or_default().push((at, which));
            }
            layout.keys.push(KeyRule { name, canonical, fixes });
        }
        Ok(layout)
    }

    /// The key of a stored name, with its variables.
    pub fn key(&self, bones: &str, numbers: &[i64]) -> Option<(&KeyRule, super::template::Binding)> {
        let keys = self.index.get(bones)?;
        keys.iter().find_map(|&at| self.keys[at].name.solve(numbers).map(|binding| (&self.keys[at], binding)))
    }

    /// Where this layout stores a canonical tensor.
    pub fn stored(&self, name: &str) -> Stored {
        let (bones, numbers) = skeleton(name);
        let mut carried = false;
        for &(at, which) in self.canonical.get(&bones).into_iter().flatten() {
            let key = &self.keys[at];
            let Some(binding) = key.canonical[which].solve(&numbers) else { continue };
            let Some(stored) = key.name.fill(&binding) else { continue };
            carried = true;
            if which == 0 {
                let views = key
                    .fixes
                    .iter()
                    .rev()
                    .filter_map(|fix| if let Fix::View(op) = fix { Some(op.inverse()) } else { None });
                return Stored::Name {
                    name: stored,
                    ops: views.collect(),
                    affine: fix::inverse(fix::affine(&key.fixes)),
                };
            }
        }
        let known = family(&self.family).is_some_and(|family| family.rule(name).is_some());
        match (carried || known, self.canonical_names) {
            (_, true) => Stored::Name { name: name.to_string(), ops: vec![], affine: crate::tensor::Affine::IDENTITY },
            (true, false) => Stored::Dropped,
            (false, false) => Stored::Unknown,
        }
    }
}

static SHIPPED: LazyLock<(Vec<Family>, Vec<Layout>)> = LazyLock::new(|| {
    let families = FAMILIES.iter().map(|(name, text)| {
        let parsed: FamilyText = toml::from_str(text).unwrap_or_else(|error| panic!("shipped {name}: {error}"));
        Family::new(parsed).unwrap_or_else(|error| panic!("shipped {name}: {error}"))
    });
    let layouts = LAYOUTS.iter().map(|(name, text)| {
        let parsed: LayoutText = toml::from_str(text).unwrap_or_else(|error| panic!("shipped {name}: {error}"));
        Layout::new(parsed).unwrap_or_else(|error| panic!("shipped {name}: {error}"))
    });
    (families.collect(), layouts.collect())
});

pub fn families() -> &'static [Family] {
    &SHIPPED.0
}

pub fn layouts() -> &'static [Layout] {
    &SHIPPED.1
}

pub fn family(id: &str) -> Option<&'static Family> {
    families().iter().find(|family| family.id == id)
}

pub fn layout(id: &str) -> Option<&'static Layout> {
    layouts().iter().find(|layout| layout.id == id)
}

/// Reads a user's architecture file.
pub fn load(text: &str, name: &str) -> Result<Architecture, Problem> {
    let bad = |reason: String| {
        Problem::new(Code("E0430"), format!("the architecture file `{name}` cannot be read: {reason}"))
            .help("copy one that is shipped (`src/arch/layouts`) and change it: it needs `[layout]` with `id`, `family`, `about`, `detect`, and `[[layout.key]]`")
    };
    let parsed: ArchitectureText = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(String::new(), |span| {
            let line = text[..span.start.min(text.len())].matches('\n').count() + 1;
            format!(" (line {line})")
        });
        bad(format!("{}{at}", error.message()))
    })?;
    let own = parsed.family.map(Family::new).transpose().map_err(&bad)?;
    let layout = Layout::new(parsed.layout).map_err(&bad)?;
    let known = own.as_ref().is_some_and(|own| own.id == layout.family) || family(&layout.family).is_some();
    if !known {
        return Err(bad(format!("its family `{}` is not known and not given", layout.family)));
    }
    Ok(Architecture { family: own, layout })
}
