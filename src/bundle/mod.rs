//! A recipe as one text that needs nothing but its inputs: what `use` brings stands in it, and parameters have the values
//! of the run as defaults.  Outputs carry it; building it again gives the same file.
//!
//! Names of imports get their prefix (`curves.up` is `curves_up`), paths are seen from the root recipe, comments stay, outputs
//! and claims of imports go.  Nothing is taken for granted: a bundle whose normal form is not that of the recipe is no
//! bundle (a word that a new name captures, for example).

mod edits;
mod walk;

use crate::check::Settings;
use crate::check::World;
use crate::check::plain;
use crate::check::skeleton;
use crate::fmt;
use crate::hir::Literal;
use crate::hir::Param;
use crate::normal;
use crate::syntax;
use crate::syntax::ast;
use crate::syntax::ast::ItemKind;
use crate::syntax::token::Kind;
use crate::text::Source;
use crate::text::SourceId;
use crate::text::Sources;
use edits::Edits;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::path::Path;
use std::path::PathBuf;
use walk::Walk;

/// A recipe in one text.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    pub text: String,
    /// What names of imports are in it: `curves.up` and `curves_up`.
    pub names: BTreeMap<String, String>,
}

/// Recipes in one bundle, at most, and how deep they use one another.
const MODULES: usize = 256;
const DEPTH: usize = 32;

/// One text with what its names become.
struct Module {
    source: Source,
    file: ast::File,
    /// The folder that its paths start in, seen from the root recipe's.
    home: PathBuf,
    /// Values, functions and patterns of its own, with their new names.
    values: HashMap<String, String>,
    callables: HashMap<String, String>,
    patterns: HashMap<String, String>,
    /// `use` statements: name and module.
    uses: HashMap<String, usize>,
    /// Before its names in messages: `curves.`; empty for the root.
    prefix: String,
}

struct Loader<'w> {
    world: &'w dyn World,
    /// Parameters with their values, by their names in messages.
    params: HashMap<&'w str, &'w Param>,
    modules: Vec<Module>,
    /// Names as messages have them, and new ones.
    names: BTreeMap<String, String>,
    taken: HashSet<String>,
}

/// The bundle of a recipe without errors; `semantic` is its hash.  `None` where there is none that means the same.
pub fn of(
    source: &Source,
    base: &Path,
    settings: &Settings,
    params: &[Param],
    world: &dyn World,
    semantic: &str,
) -> Option<Bundle> {
    let params = params.iter().map(|param| (&*param.name, param)).collect();
    let mut loader = Loader { world, params, modules: vec![], names: BTreeMap::new(), taken: HashSet::new() };
    loader.load(source.clone(), base, Path::new(""), String::new(), 0)?;
    loader.name();
    let mut text = String::new();
    loader.write(0, &mut text)?;
    let written = Source::new(SourceId(0), source.name.clone(), text);
    let text = fmt::format(&written, &syntax::parse(&written)).ok()?;
    let mut sources = Sources::default();
    let root = sources.add("bundle", text.as_str()).id;
    let plain = Settings { sets: vec![], ..settings.clone() };
    let (skeleton, _) = skeleton(&mut sources, root, base, &plain, world);
    let means = normal::of(&skeleton?).digest().to_hex();
    (means.as_str() == semantic).then_some(Bundle { text, names: loader.names })
}

impl Loader<'_> {
    /// Reads a text and all that it uses.
    fn load(&mut self, source: Source, base: &Path, home: &Path, prefix: String, depth: usize) -> Option<usize> {
        if depth > DEPTH || self.modules.len() >= MODULES {
            return None;
        }
        let parsed = syntax::parse(&source);
        if parsed.problems.has_errors() {
            return None;
        }
        let words = parsed.tokens.iter().filter(|token| token.kind == Kind::Word);
        self.taken.extend(words.map(|token| source.slice(token.span).to_string()));
        let at = self.modules.len();
        self.modules.push(Module {
            source,
            file: parsed.file,
            home: home.to_path_buf(),
            values: HashMap::new(),
            callables: HashMap::new(),
            patterns: HashMap::new(),
            uses: HashMap::new(),
            prefix: prefix.clone(),
        });
        for index in 0..self.modules[at].file.items.len() {
            let ItemKind::Use { path, name, .. } = &self.modules[at].file.items[index].kind else { continue };
            let (path, name) = (path.value.clone(), name.text.clone());
            let real = base.join(&path);
            let text = self.world.recipe(&real).ok()?;
            let home = plain(self.modules[at].home.join(&path).parent().unwrap_or(Path::new("")));
            let inner = Source::new(SourceId(0), path.as_str(), text);
            let prefix = format!("{prefix}{name}.");
            let inner = self.load(inner, real.parent().unwrap_or(Path::new("")), &home, prefix, depth + 1)?;
            self.modules[at].uses.insert(name, inner);
        }
        Some(at)
    }

    /// Gives the names of imports new ones, which nothing else has.
    fn name(&mut self) {
        for at in 0..self.modules.len() {
            let prefix = self.modules[at].prefix.clone();
            for index in 0..self.modules[at].file.items.len() {
                let item = &self.modules[at].file.items[index].kind;
                let (name, table) = match item {
                    ItemKind::Model { name, .. }
                    | ItemKind::Lora { name, .. }
                    | ItemKind::Channels { name, .. }
                    | ItemKind::Param { name, .. }
                    | ItemKind::Let { name, .. } => (name.text.clone(), 0),
                    ItemKind::Fn { name, .. } => (name.text.clone(), 1),
                    ItemKind::Pattern { name, .. } => (name.text.clone(), 2),
                    _ => continue,
                };
                let full = format!("{prefix}{name}");
                let new = if prefix.is_empty() { name.clone() } else { self.free(&full.replace('.', "_")) };
                if table == 0 && !prefix.is_empty() {
                    self.names.insert(full, new.clone());
                }
                let own = &mut self.modules[at];
                [&mut own.values, &mut own.callables, &mut own.patterns][table].insert(name, new);
            }
        }
    }

    fn free(&mut self, name: &str) -> String {
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let free = std::iter::once(name.to_string())
            .chain(numbered)
            .find(|name| !self.taken.contains(name) && !syntax::is_reserved(name));
        let free = free.expect("some number is free");
        self.taken.insert(free.clone());
        free
    }

    /// Writes a module: its own text with what changes, imports in the place of their `use`.
    fn write(&self, at: usize, out: &mut String) -> Option<()> {
        let own = &self.modules[at];
        let mut edits = Edits::default();
        let is_root = at == 0;
        if let (Some(edition), false) = (&own.file.edition, is_root) {
            edits.replace(edition.span, "");
        }
        for item in &own.file.items {
            match &item.kind {
                ItemKind::Use { name, .. } => {
                    let mut inner = String::from("\n");
                    self.write(own.uses[&name.text], &mut inner)?;
                    edits.replace(item.span, inner);
                }
                ItemKind::Output { .. } | ItemKind::Assert { .. } if !is_root => edits.replace(item.span, ""),
                ItemKind::Param { name, default, .. } => {
                    edits.replace(name.span, own.values[&name.text].clone());
                    let full = format!("{}{}", own.prefix, name.text);
                    if let Some(param) = self.params.get(full.as_str()).filter(|param| param.value != param.default) {
                        edits.replace(default.span, written(&param.value));
                    }
                    Walk { loader: self, module: at, edits: &mut edits, locals: vec![] }.item(item);
                }
                _ => Walk { loader: self, module: at, edits: &mut edits, locals: vec![] }.item(item),
            }
        }
        out.push_str(&edits.done(&own.source.text)?);
        out.push('\n');
        Some(())
    }
}

/// A literal as the language writes it.
fn written(literal: &Literal) -> String {
    match literal {
        Literal::Text(text) => quoted(text),
        other => other.to_string(),
    }
}

/// A string of the language.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
