//! What the checker knows while it works: modules with their names, the arenas, the problems so far.

use super::Checked;
use super::World;
use super::lints::Preset;
use super::outputs::Evaluated;
use crate::diag::Problem;
use crate::diag::Problems;
use crate::hir::Aside;
use crate::hir::Expr;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Input;
use crate::hir::InputId;
use crate::hir::Kind;
use crate::hir::Literal;
use crate::hir::Mask;
use crate::hir::MaskUse;
use crate::hir::Mode;
use crate::hir::ModelName;
use crate::hir::Param;
use crate::hir::Pattern;
use crate::hir::PatternId;
use crate::hir::Recipe;
use crate::hir::Skeleton;
use crate::syntax::ast;
use crate::text::Site;
use crate::text::SourceId;
use crate::text::Sources;
use std::collections::HashMap;
use std::collections::HashSet;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

/// What a run changes in a recipe.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `--set NAME=VALUE`, values as written.
    pub sets: Vec<(String, Literal)>,
    /// `--output PATH`: where the only output goes instead, relative to the working directory.
    pub output: Option<PathBuf>,
    /// `--only GLOB`: outputs whose written path fits.
    pub only: Vec<String>,
    /// The pictures that claims name are about to be written: they may be missing.
    pub renews_pictures: bool,
    /// The mode of all channel masks, whatever they say themselves.
    pub mode: Option<Mode>,
    /// `--root DIR`: where relative paths of what is read start, instead of where the recipe stands.
    pub root: Option<PathBuf>,
    /// Only names are bound: no checkpoint, architecture, catalogue or picture is read, and no tensor asked.
    pub blind: bool,
}

/// Index into [`Context::modules`]: one loaded recipe with its parameters bound.
pub type ModuleId = usize;

/// What decides an expansion of a function: module, item, arguments, and the claim that it stands in (its metrics are
/// about the tensors of that claim).
pub type Expansion = (ModuleId, usize, Vec<ExprId>, Option<Option<PatternId>>);

/// What a name in the value namespace stands for.
#[derive(Clone, Debug)]
pub enum Def {
    Model(InputId),
    Param(ExprId, Literal),
    Channels(Arc<Mask>),
    Let {
        item: usize,
        state: LetState,
    },
    /// A recipe that has not been loaded, or whose block is being read.
    Use {
        item: usize,
        is_active: bool,
    },
    Module(ModuleId),
    /// Its problem has been reported.
    Broken,
}

#[derive(Clone, Copy, Debug)]
pub enum LetState {
    Waiting,
    Active,
    Done(ExprId),
}

/// A loaded recipe.
pub struct Module {
    pub source: SourceId,
    pub base: PathBuf,
    /// The same seen from the root recipe's: empty, or how `use` leads there.
    pub home: PathBuf,
    /// Before the names of its models in messages: `curves.`; empty for the root.
    pub prefix: String,
    pub file: Rc<ast::File>,
    pub values: HashMap<String, (Def, Site)>,
    /// Where each name of the value namespace is first defined, in the order of the text.
    pub owners: HashMap<String, Site>,
    /// Functions: index of the item.
    pub callables: HashMap<String, usize>,
    /// Named patterns: index of the item.
    pub patterns: HashMap<String, usize>,
    /// Functions and patterns whose statement cannot be read.
    pub broken_callables: HashSet<String>,
    pub broken_patterns: HashSet<String>,
    /// Functions that have been expanded (the others are checked on their own).
    pub expanded: Vec<bool>,
}

/// The checker's state.
pub struct Context<'a> {
    pub sources: &'a mut Sources,
    pub world: &'a dyn World,
    pub problems: Problems,
    pub modules: Vec<Module>,
    pub exprs: Vec<Expr>,
    pub depths: Vec<u32>,
    pub patterns: Vec<Pattern>,
    pub inputs: Vec<Input>,
    pub params: Vec<Param>,
    /// Functions being expanded, innermost last: module and item.
    pub expanding: Vec<(ModuleId, usize)>,
    /// Expansions done: the same function on the same arguments is the same value.
    pub expansions: HashMap<Expansion, ExprId>,
    /// What may take no tensor: it stands in a function, or its pattern has bounds from a parameter.
    pub may_be_idle: HashSet<ExprId>,
    /// Calls of `rename` whose problem has been reported: several outputs may ask for one.
    pub told_renames: HashSet<ExprId>,
    /// Masks whose missing spaces have been reported.
    pub told_masks: HashSet<Site>,
    /// Calls of `align` whose fit has been looked at.
    pub told_aligns: HashSet<ExprId>,
    /// Calls of `mix` whose `norm` has been looked at.
    pub told_norms: HashSet<Site>,
    /// Masks of catalogues, and what they are used with.
    pub masks: Vec<MaskUse>,
    /// The recipe is beyond the limits, which has been reported.
    pub is_exhausted: bool,
    /// Expressions being resolved inside one another.
    pub nesting: u32,
    /// Values being resolved, outermost first: shows the way round a circle.
    pub resolving: Vec<String>,
    /// Patterns being resolved.
    pub naming: Vec<(ModuleId, usize)>,
    /// Recipes being loaded, for cycles of `use`.
    pub loading: Vec<PathBuf>,
    /// The module of `std`, loaded when first needed.
    pub std: Option<ModuleId>,
    /// The call of a function of `std` that is being expanded: what is made of it stands there, for the library's text
    /// is not the user's.
    pub std_call: Option<Site>,
    /// Calls of functions of `std`.
    pub presets: Vec<Preset>,
    /// Uses of a name, so that unused ones can be told.
    pub claims: Vec<(ExprId, Site, String)>,
    pub outputs: Vec<super::outputs::Statement>,
    /// [`Settings::renews_pictures`].
    pub renews_pictures: bool,
    /// [`Settings::mode`].
    pub mode: Option<Mode>,
    /// [`Settings::root`].
    pub root: Option<PathBuf>,
    /// [`Settings::blind`].
    pub blind: bool,
    /// Per input how the recipe names it.
    pub models: Vec<ModelName>,
    /// What else the recipe reads.
    pub aside: Vec<Aside>,
}

/// Deepest nesting of values.
const DEPTH_LIMIT: u32 = 4_000;
/// Deepest nesting while names are bound: expressions in expressions, through values and functions.  Every level costs
/// stack, and a thread may have as little as 2 MiB.
const NESTING_LIMIT: u32 = 300;
/// Most nodes a recipe may expand to.
const NODE_LIMIT: usize = 250_000;

impl<'a> Context<'a> {
    pub fn new(sources: &'a mut Sources, world: &'a dyn World) -> Self {
        Context {
            sources,
            world,
            problems: Problems::default(),
            modules: vec![],
            exprs: vec![],
            depths: vec![],
            patterns: vec![],
            inputs: vec![],
            params: vec![],
            expanding: vec![],
            expansions: HashMap::new(),
            may_be_idle: HashSet::new(),
            told_renames: HashSet::new(),
            told_masks: HashSet::new(),
            told_aligns: HashSet::new(),
            told_norms: HashSet::new(),
            masks: vec![],
            naming: vec![],
            loading: vec![],
            std: None,
            std_call: None,
            presets: vec![],
            is_exhausted: false,
            nesting: 0,
            resolving: vec![],
            claims: vec![],
            outputs: vec![],
            renews_pictures: false,
            mode: None,
            root: None,
            blind: false,
            models: vec![],
            aside: vec![],
        }
    }

    pub fn report(&mut self, mut problem: Problem) {
        if let Some(call) = self.std_call {
            let inside = |site: &Site| self.std.is_some_and(|std| self.modules[std].source == site.source);
            problem.fix.retain(|edit| !inside(&edit.site));
            problem.labels.iter_mut().filter(|label| inside(&label.site)).for_each(|label| label.site = call);
        }
        self.problems.push(problem);
    }

    /// Adds a node.  Children are there already, so ids are in topological order.
    pub fn expr(&mut self, kind: ExprKind, of: Kind, site: Site) -> ExprId {
        let site = self.std_call.unwrap_or(site);
        let depth = 1 + children(&kind).iter().map(|id| self.depths[id.0 as usize]).max().unwrap_or(0);
        let too_much = depth > DEPTH_LIMIT || self.exprs.len() > NODE_LIMIT;
        if too_much && !matches!(kind, ExprKind::Error) {
            return self.exhausted(site);
        }
        self.exprs.push(Expr { kind, of, site });
        self.depths.push(depth);
        ExprId(self.exprs.len() as u32 - 1)
    }

    /// Reports, once, that the recipe is too large; what follows is not read.
    pub fn exhausted(&mut self, site: Site) -> ExprId {
        if !self.is_exhausted {
            self.is_exhausted = true;
            self.report(super::error::too_large(site, NESTING_LIMIT, NODE_LIMIT));
        }
        self.error_expr(site)
    }

    /// Whether one level more would be too deep: of expressions, through the values and functions that they name.
    pub fn is_too_deep(&self) -> bool {
        self.is_exhausted || self.nesting > NESTING_LIMIT
    }

    pub fn error_expr(&mut self, site: Site) -> ExprId {
        self.expr(ExprKind::Error, Kind::Error, site)
    }

    pub fn pattern(&mut self, pattern: Pattern) -> PatternId {
        self.patterns.push(pattern);
        PatternId(self.patterns.len() as u32 - 1)
    }

    pub fn kind_of(&self, id: ExprId) -> Kind {
        self.exprs[id.0 as usize].of
    }

    pub fn site_of(&self, id: ExprId) -> Site {
        self.exprs[id.0 as usize].site
    }

    /// A path of a module's text as the root recipe would write it, without detours.
    pub fn seen_from_root(&self, module: ModuleId, written: &str) -> String {
        let path = super::template::plain(&self.modules[module].home.join(written)).display().to_string();
        if written.ends_with('/') { path + "/" } else { path }
    }

    /// Where a path of a module's text leads, if it is of something that is read.
    pub fn located(&self, module: ModuleId, written: &str) -> PathBuf {
        match &self.root {
            Some(root) => root.join(self.seen_from_root(module, written)),
            None => self.modules[module].base.join(written),
        }
    }

    /// Notes a file that the recipe names and that is no model.
    pub fn read_aside(&mut self, what: &'static str, module: ModuleId, written: &str) {
        let path = self.located(module, written);
        let aside = Aside { what, written: self.seen_from_root(module, written), path };
        if !self.aside.contains(&aside) {
            self.aside.push(aside);
        }
    }

    /// The text at a place, on one line.
    pub fn text_at(&self, site: Site) -> String {
        let text = self.sources.get(site.source).text.get(site.span.range()).unwrap_or("");
        text.lines().flat_map(|line| without_comment(line).split_whitespace()).collect::<Vec<_>>().join(" ")
    }

    /// What has been bound, where nothing was wrong.
    pub fn skeleton(self) -> (Option<Skeleton>, Problems) {
        if self.problems.has_errors() {
            return (None, self.problems);
        }
        let outputs = self.outputs.iter().map(|statement| statement.promised(&self)).collect();
        let claims = self.claims.iter().map(|claim| claim.0).collect();
        let Context { exprs, patterns, models, aside, problems, .. } = self;
        (Some(Skeleton { exprs, patterns, models, outputs, claims, aside }), problems)
    }

    pub fn finish(self, evaluated: Evaluated) -> Checked {
        let Context {
            exprs, patterns, inputs, models, aside, params, problems, sources, modules, claims, masks, ..
        } = self;
        if problems.has_errors() {
            return Checked { recipe: None, problems, planned: evaluated.planned };
        }
        let mut used: Vec<SourceId> = modules.iter().map(|module| module.source).collect();
        used.sort();
        used.dedup();
        let texts =
            used.iter().map(|&id| sources.get(id)).filter(|source| &*source.name != super::statements::STD_NAME);
        let recipe = Recipe {
            inputs,
            names: models,
            aside,
            params,
            exprs,
            patterns,
            calls: evaluated.calls,
            alignments: evaluated.alignments,
            outputs: evaluated.outputs,
            claims: claims.into_iter().map(|(expr, site, text)| crate::hir::Claim { expr, site, text }).collect(),
            measured: evaluated.measured,
            drawn: evaluated.drawn,
            masks,
            sources: texts.map(|source| (source.name.to_string(), source.text.clone())).collect(),
        };
        Checked { recipe: Some(recipe), problems, planned: evaluated.planned }
    }
}

/// A line up to its `#`; inside a string it begins no comment.
fn without_comment(line: &str) -> &str {
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') => return &line[..at],
            (None, '"' | '\'') => quote = Some(c),
            (Some('"'), '\\') if !escaped => {
                escaped = true;
                continue;
            }
            (Some(open), c) if open == c && !escaped => quote = None,
            _ => {}
        }
        escaped = false;
    }
    line
}

/// The values that a node is made of.
pub fn children(kind: &ExprKind) -> Vec<ExprId> {
    match kind {
        ExprKind::Number(_)
        | ExprKind::Bool(_)
        | ExprKind::Text(_)
        | ExprKind::Coord(_)
        | ExprKind::Input(_)
        | ExprKind::Channels(_)
        | ExprKind::Picture(_)
        | ExprKind::Error => vec![],
        ExprKind::List(items) => items.iter().flat_map(|(key, value)| key.iter().copied().chain([*value])).collect(),
        ExprKind::Range(low, high) => low.iter().chain(high.iter()).copied().collect(),
        ExprKind::Neg(inner) | ExprKind::Not(inner) | ExprKind::Where(inner, _) => vec![*inner],
        ExprKind::Binary(_, left, right) | ExprKind::Complete(left, right) => vec![*left, *right],
        ExprKind::Align { value, to, .. } => vec![*value, *to],
        ExprKind::Function(_, args) | ExprKind::Metric { args, .. } | ExprKind::ImageMetric { args, .. } => {
            args.clone()
        }
        ExprKind::If(condition, yes, no) => vec![*condition, *yes, *no],
        ExprKind::Match(arms) => arms.iter().map(|arm| arm.value).collect(),
        ExprKind::Method { inputs, options, .. } => {
            let own = inputs.iter().flat_map(|input| std::iter::once(input.value).chain(input.options.iter().copied()));
            own.chain(options.iter().copied()).collect()
        }
        ExprKind::Rename { value, .. } | ExprKind::Render { value, .. } => vec![*value],
        ExprKind::Band { image, .. } => vec![*image],
    }
}
