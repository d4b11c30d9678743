//! Architecture files: TOML read into [`Family`] and [`Layout`], shipped ones and users' own, with all that is wrong
//! in them.  The format is described in the documentation of [`crate::arch`].

mod channels;

use super::Architecture;
use super::Nest;
use super::Own;
use super::Policy;
use super::also::Beginnings;
use super::data::FactOf;
use super::data::FactRule;
use super::data::Family;
use super::data::ImpliedRule;
use super::data::KeyRule;
use super::data::Layout;
use super::data::PartRule;
use super::data::TensorRule;
use super::fix::Fix;
use super::generic;
use super::number::NumberOf;
use super::number::NumberRule;
use super::part::Tells;
use super::shipped;
use super::spread;
use super::spread::For;
use super::spread::Lists;
use super::spread::Values;
use super::template::Expr;
use super::template::Template;
use super::text::ArchitectureText;
use super::text::FactText;
use super::text::FamilyText;
use super::text::ImpliedText;
use super::text::KeyText;
use super::text::LayoutText;
use super::text::NumberText;
use super::text::PartText;
use super::text::TensorText;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::suggest::nearest;
use crate::tensor::Coord;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;

/// Something wrong in an architecture file: the problem, and the bytes of the file that it is about.
#[derive(Clone, Debug)]
pub struct Fault {
    pub problem: Problem,
    pub at: Range<usize>,
    /// What to say at that place.
    pub label: String,
}

impl Fault {
    /// The problem with the line that it is about, for those who show no source.
    pub fn in_text(self, text: &str) -> Problem {
        let before = &text.as_bytes()[..self.at.start.min(text.len())];
        let number = before.iter().filter(|byte| **byte == b'\n').count();
        let line = text.lines().nth(number).unwrap_or("").trim();
        self.problem.note(format!("line {} {}: {line}", number + 1, self.label))
    }
}

/// Reads a user's architecture file; `name` is what messages call it.  Everything that is wrong is told.
pub fn load(text: &str, name: &str) -> Result<Architecture, Vec<Fault>> {
    let mut reader = Reader { file: name, faults: vec![], entries: 0 };
    let parsed: ArchitectureText = reader.toml(text)?;
    for id in parsed.family.iter().map(|family| &family.id).chain([&parsed.layout.id]) {
        if shipped::family(id.as_ref()).is_some()
            || shipped::layout(id.as_ref()).is_some()
            || id.as_ref() == generic::LAYOUT
        {
            let message = format!("the id `{}` is taken by an architecture that blend knows", id.as_ref());
            let help = format!("call it `\"my-{}\"`", id.as_ref());
            reader.fault(Code("E0435"), message, id.span(), "is taken", help);
        }
    }
    let own = parsed.family.map(|family| reader.family(family));
    let known: Vec<&str> = own.iter().chain(shipped::families()).map(|family| family.id.as_str()).collect();
    let layout = &parsed.layout;
    let named = layout.family.as_ref();
    let family = own.iter().chain(shipped::families()).find(|family| family.id == *named);
    if family.is_none() {
        let near = nearest(named, known.iter().copied()).unwrap_or(known[0]);
        let message = format!("the family `{named}` is not known and not given in the file");
        let help = format!("write `\"{near}\"` (there are {}), or describe it in `[family]`", known.join(", "));
        reader.fault(Code("E0435"), message, layout.family.span(), "names no family", help);
    }
    if let Some(bare) = &parsed.layout.bare {
        let message = "`bare` is for shipped layouts: a model is read through one layout".to_string();
        reader.fault(Code("E0435"), message, bare.span(), "is for shipped layouts", "remove `bare`".into());
    }
    let layout = reader.layout(&parsed.layout, &parsed.layout.prefix, family);
    if let Some(own) = &own {
        let mut stored: Vec<Arc<str>> = layout.keys.iter().flat_map(|key| key.name.variables()).collect();
        stored.extend(parsed.layout.top.iter().map(|_| TOP.into()));
        reader.coordinates(own, &stored, text);
    }
    if reader.faults.is_empty() { Ok(Architecture(Arc::new(Own { family: own, layout }))) } else { Err(reader.faults) }
}

/// A shipped family.  Its file is part of the program: a mistake in it is found by every test.
pub fn shipped_family(name: &str, text: &str) -> Family {
    let mut reader = Reader { file: name, faults: vec![], entries: 0 };
    let family = reader.toml(text).map(|parsed| reader.family(parsed));
    reader.shipped(family)
}

/// A shipped layout, and the one without its prefix where the file asks for it.
pub fn shipped_layouts(name: &str, text: &str) -> Vec<Layout> {
    let mut reader = Reader { file: name, faults: vec![], entries: 0 };
    let layouts = reader.toml(text).map(|parsed: LayoutText| {
        let family = shipped::family(parsed.family.as_ref());
        assert!(family.is_some(), "shipped {name} has a shipped family");
        let mut layouts = vec![reader.layout(&parsed, &parsed.prefix, family)];
        if let Some(id) = &parsed.bare {
            let mut bare = reader.layout(&parsed, "", family);
            bare.id = id.as_ref().clone();
            layouts.push(bare);
        }
        layouts
    });
    reader.shipped(layouts)
}

/// Entries that all `for` of a file may make together.
const ENTRIES: usize = 16_384;

struct Reader<'t> {
    /// What messages call the file.
    file: &'t str,
    faults: Vec<Fault>,
    /// What every `for` so far has made.
    entries: usize,
}

impl Reader<'_> {
    fn fault(&mut self, code: Code, message: String, at: Range<usize>, label: &str, help: String) {
        // A `for` would tell of one mistake many times.
        if self.faults.iter().any(|fault| fault.at == at && fault.problem.code == code) {
            return;
        }
        let problem = Problem::new(code, format!("{message} (in `{}`)", self.file)).help(help);
        self.faults.push(Fault { problem, at, label: label.to_string() });
    }

    fn shipped<T>(self, read: Result<T, Vec<Fault>>) -> T {
        let faults = [self.faults, read.as_ref().err().cloned().unwrap_or_default()].concat();
        match (read, faults.first()) {
            (Ok(read), None) => read,
            (_, fault) => panic!("shipped {}: {:?}", self.file, fault.map(|fault| &fault.problem.message)),
        }
    }

    fn toml<T: serde::de::DeserializeOwned>(&mut self, text: &str) -> Result<T, Vec<Fault>> {
        toml::from_str(text).map_err(|error| {
            let at = error.span().unwrap_or(0..0);
            let message = error.message().trim().replace('\n', ", ");
            self.fault(
                Code("E0430"),
                format!("the file cannot be read: {message}"),
                at,
                "cannot be read",
                toml_help(&message),
            );
            std::mem::take(&mut self.faults)
        })
    }

    fn template(&mut self, text: &Spanned<String>) -> Option<Template> {
        self.parse(text.as_ref(), text.span())
    }

    /// A template with the values of a `for` put in.
    fn template_with(&mut self, text: &Spanned<String>, values: &Values) -> Option<Template> {
        self.parse(&values.template(text.as_ref()), text.span())
    }

    /// A template of which this place of the file is the reason.
    fn parse(&mut self, text: &str, at: Range<usize>) -> Option<Template> {
        Template::parse(text).map_err(|reason| self.bad_template(reason, at)).ok()
    }

    /// The combinations that a `for` asks for.
    fn spread(&mut self, text: &For, lists: &Lists) -> Vec<Values> {
        let made = spread::values(text, lists).and_then(|all| {
            self.entries += if text.is_empty() { 0 } else { all.len() };
            match text.values().next().filter(|_| self.entries > ENTRIES) {
                Some(rows) => Err((
                    format!("`for` makes more than {ENTRIES} entries in this file"),
                    rows.span(),
                    "write templates such as `layers.{i}.weight` for what is counted".into(),
                )),
                None => Ok(all),
            }
        });
        made.unwrap_or_else(|(message, at, help)| {
            self.fault(Code("E0435"), message, at, "cannot be used", help);
            vec![]
        })
    }

    fn bad_template(&mut self, reason: String, at: Range<usize>) {
        let help =
            "write a name with one variable per `{…}`, such as `layers.{i}.weight` or `convs.{2*log2(r)-6}.weight`";
        self.fault(Code("E0433"), reason, at, "cannot be read", help.into());
    }

    fn family(&mut self, text: FamilyText) -> Family {
        let words = text.words.into_iter().filter_map(|word| self.word(&word)).map(|word| word.to_string()).collect();
        let mut family = Family::new(text.id.into_inner(), words);
        for rule in text.tensor {
            for values in self.spread(&rule.r#for, &text.lists) {
                if let Some(rule) = self.tensor(&rule, &values) {
                    family.add(rule);
                }
            }
        }
        family.groups = text.group.into_iter().filter_map(|group| self.group(group)).collect();
        family.free = text.free.into_iter().filter_map(|free| self.free(free)).collect();
        family.same = text.same.into_iter().filter_map(|same| self.same(same)).collect();
        family.numbers = text.number.into_iter().filter_map(|number| self.number(number)).collect();
        family.facts = text.fact.into_iter().filter_map(|fact| self.fact(fact)).collect();
        family.refuses = text.refuses.into_iter().map(|refuses| (refuses.family, refuses.because)).collect();
        self.parts(text.part, &mut family);
        family
    }

    /// Parts have words of the family, and `of` names another part.
    fn parts(&mut self, texts: Vec<PartText>, family: &mut Family) {
        let names: Vec<String> = texts.iter().map(|text| text.name.as_ref().clone()).collect();
        for text in texts {
            let mut words = vec![];
            for word in text.words.iter() {
                if !family.words.contains(word.as_ref()) {
                    let near = nearest(word.as_ref(), family.words.iter().map(String::as_str)).unwrap_or("weight");
                    let message = format!("no tensor of the family has the word `{}`", word.as_ref().escape_debug());
                    let help = format!("write `\"{near}\"`, or give the word to a tensor");
                    self.fault(Code("E0435"), message, word.span(), "is no word of the family", help);
                }
                words.push(word.as_ref().as_str().into());
            }
            let tells = text.tells.map_or(Tells::Nothing, |tells| {
                Tells::from_text(tells.as_ref()).unwrap_or_else(|| {
                    let near = nearest(tells.as_ref(), Tells::WORDS).unwrap_or(Tells::WORDS[0]);
                    let message = format!("a part tells nothing that is called `{}`", tells.as_ref().escape_debug());
                    let help = format!("write `\"{near}\"` (there are {})", Tells::WORDS.join(", "));
                    self.fault(Code("E0435"), message, tells.span(), "is not known", help);
                    Tells::Nothing
                })
            });
            if let Some(of) = text.of.as_ref().filter(|of| !names.contains(of.as_ref())) {
                let near = nearest(of.as_ref(), names.iter().map(String::as_str)).unwrap_or(&names[0]);
                let message = format!("there is no part `{}`", of.as_ref().escape_debug());
                self.fault(Code("E0435"), message, of.span(), "names no part", format!("write `\"{near}\"`"));
            }
            let of = text.of.map(Spanned::into_inner);
            family.parts.push(PartRule { name: text.name.into_inner(), words, tells, of });
        }
    }

    /// Words are names of the language: patterns must be able to say them.
    fn word(&mut self, word: &Spanned<String>) -> Option<Arc<str>> {
        let text: &str = word.as_ref();
        let is_name = text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        // `head` is a coordinate, and alone it is a word.
        let is_taken = crate::syntax::is_reserved(text) && text != Coord::Head.text();
        if is_name && !is_taken {
            return Some(text.into());
        }
        if is_taken {
            let message = format!("`{text}` is a word of the language: patterns cannot say it");
            self.fault(Code("E0435"), message, word.span(), "is taken", format!("write `\"{text}_\"`"));
            return None;
        }
        let plain: String = text
            .to_ascii_lowercase()
            .chars()
            .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '_' })
            .collect();
        let message = format!("`{}` is no word: patterns cannot say it", text.escape_debug());
        let start = if plain.starts_with(|c: char| c.is_ascii_digit()) { "_" } else { "" };
        self.fault(Code("E0435"), message, word.span(), "is no word", format!("write `\"{start}{plain}\"`"));
        None
    }

    fn tensor(&mut self, text: &TensorText, values: &Values) -> Option<TensorRule> {
        let name = self.template_with(&text.name, values);
        let mut words = vec![];
        for word in &text.words {
            // A value may be several words.
            for one in values.template(word.as_ref()).split(' ') {
                words.extend(self.word(&Spanned::new(word.span(), one.to_string())));
            }
        }
        let mut coords = vec![];
        for (coord, expr) in &text.coords {
            let Some(which) = Coord::from_text(coord.as_ref()) else {
                let known: Vec<&str> = Coord::ALL.iter().map(|coord| coord.text()).collect();
                let near = nearest(coord.as_ref(), known.iter().copied()).unwrap_or(known[0]);
                let message = format!("`{}` is no coordinate", coord.as_ref());
                let help = format!("write `{near}` (there are {})", known.join(", "));
                self.fault(Code("E0435"), message, coord.span(), "is no coordinate", help);
                continue;
            };
            match Expr::parse(&values.expression(expr.as_ref())) {
                Ok(expr) => coords.push((which, expr)),
                Err(reason) => self.bad_template(reason, expr.span()),
            }
        }
        coords.sort_by_key(|entry| entry.0);
        let mut axes = vec![];
        for axis in &text.axes {
            let none = values.template(axis.as_ref()).is_empty();
            let space = if none { None } else { self.template_with(axis, values) };
            let unbound = |space: &Template| name.as_ref().and_then(|name| lacks(name, space));
            if let Some(variable) = space.as_ref().and_then(unbound) {
                self.unbound(&variable, text.name.as_ref(), axis.span());
            }
            axes.push(space);
        }
        let acts = self.acts(&text.acts);
        let policy = match &text.policy {
            None => Policy::Mix,
            Some(policy) => match policy.as_ref().as_str() {
                "mix" => Policy::Mix,
                "equal" => Policy::Equal,
                "first" => Policy::First,
                other => {
                    let near = nearest(other, ["mix", "equal", "first"]).unwrap_or("mix");
                    let message = format!("`{other}` is no policy");
                    let help = format!("write `\"{near}\"` (there are mix, equal, first)");
                    self.fault(Code("E0435"), message, policy.span(), "is no policy", help);
                    Policy::Mix
                }
            },
        };
        let name = name?;
        let demodulated = text.demodulated;
        let own = name.variables();
        let by_name =
            coords.iter().map(|entry| &entry.1).filter(|expr| expr.variables().iter().all(|v| own.contains(v)));
        let by_name = by_name.cloned().collect();
        Some(TensorRule { name, words, coords, axes, acts, policy, demodulated, from: text.from, by_name })
    }

    fn number(&mut self, text: NumberText) -> Option<NumberRule> {
        let name = &text.name;
        let mut template = |text: &Spanned<String>| self.template(text);
        let of = match (text.fact, &text.size, &text.count, &text.has, text.value) {
            (Some(fact), None, None, None, None) => NumberOf::Fact(fact, text.over),
            (None, Some(of), None, None, None) => {
                NumberOf::Size { of: template(of)?, axis: text.axis, times: text.times.unwrap_or(1) }
            }
            (None, None, Some(of), None, None) => NumberOf::Count(template(of)?),
            (None, None, None, Some(of), Some(value)) => NumberOf::Has(template(of)?, value),
            (None, None, None, None, Some(value)) => NumberOf::Value(value),
            _ => {
                let message = format!("the number `{}` is not of one kind", name.as_ref());
                let help = "give it one of `fact`, `size`, `count`, `has` with `value`, and `value`";
                self.fault(Code("E0435"), message, name.span(), "is of no kind", help.into());
                return None;
            }
        };
        Some(NumberRule { name: name.as_ref().as_str().into(), of, help: text.help })
    }

    fn fact(&mut self, text: FactText) -> Option<FactRule> {
        let mut template = |text: &Spanned<String>| self.template(text);
        let of = match (&text.has, &text.size, &text.count, &text.each, text.value) {
            (None, None, None, None, Some(value)) => FactOf::Value(value),
            (Some(has), None, None, None, Some(value)) => FactOf::Has(template(has)?, value),
            (None, Some(size), None, None, None) => FactOf::Size(template(size)?, text.axis),
            (None, None, Some(count), None, None) => FactOf::Count(template(count)?),
            (None, None, None, Some(each), None) => FactOf::Each(template(each)?, text.axis),
            _ => {
                let message = format!("the fact `{}` is not of one kind", text.name.as_ref());
                let help = "give it one of `value`, `has` with `value`, `size`, `count` and `each`";
                self.fault(Code("E0435"), message, text.name.span(), "is of no kind", help.into());
                return None;
            }
        };
        Some(FactRule { name: text.name.into_inner(), of, says: text.says })
    }

    fn layout(&mut self, text: &LayoutText, prefix: &str, family: Option<&Family>) -> Layout {
        let mut layout = Layout::new(text.id.as_ref(), text.family.as_ref(), vec![]);
        layout.canonical_names = text.canonical_names;
        layout.facts = text.facts.clone().into_iter().collect();
        for omit in &text.omit {
            if let Some(name) = self.template(omit) {
                self.of_family(omit, &name, family);
                layout.omit.push(name);
            }
        }
        layout.nest = text.pt.as_ref().map(|pt| {
            // The dictionary and a tensor cannot have one name.
            let beside = pt.beside.iter().filter(|name| **name != pt.key).cloned().collect();
            Nest { key: pt.key.clone(), beside }
        });
        // The names of the layout itself first: those are written.
        self.names(text, &mut Beginnings::new(prefix, None), family, &mut layout);
        for set in &text.also {
            let mut beginnings = Beginnings::new(prefix, Some(set));
            self.names(text, &mut beginnings, family, &mut layout);
            for (idle, at) in beginnings.idle() {
                let message = format!("no name of the layout begins with `{}`", idle.escape_debug());
                let help = match text.detect.first() {
                    Some(name) => format!("write a beginning of a name, such as of `{}`, or remove it", name.as_ref()),
                    None => "write a beginning of a name, or remove it".into(),
                };
                self.fault(Code("E0435"), message, at, "begins no name", help);
            }
        }
        layout.implied = text.implied.iter().filter_map(|rule| self.implied(rule, family)).collect();
        for lacks in &text.lacks {
            if let Some(name) = self.template(&lacks.name) {
                self.of_family(&lacks.name, &name, family);
                layout.lacks.push((name, lacks.because.clone()));
            }
        }
        layout
    }

    /// All that a layout says of stored names, where they begin like this.
    fn names(&mut self, text: &LayoutText, from: &mut Beginnings, family: Option<&Family>, layout: &mut Layout) {
        let detect = self.stored(&text.detect, from);
        match from.is_own() {
            true => layout.detect = detect,
            false => layout.also.push(detect),
        }
        layout.top.extend(self.stored(text.top.as_slice(), from));
        layout.drop.extend(self.stored(&text.drop, from));
        for key in &text.key {
            if key.r#as.as_ref().is_empty() {
                let message = format!("`{}` gives no canonical tensor", key.name.as_ref());
                let help = "name one in `as`, for example `as = [\"layers.{i}.weight\"]`, or leave the key out";
                self.fault(Code("E0436"), message, key.r#as.span(), "is empty", help.into());
            }
            let mut fixes = vec![];
            for fix in &key.fix {
                match Fix::parse(fix.as_ref()) {
                    Ok(fix) => fixes.push(fix),
                    Err(reason) => {
                        let help = "write one of `drop_axis 0`, `add_axis 0`, `permute 1 0`, `flip 2`, `rotary 128`, `scale 0.25`, `add 1`";
                        self.fault(Code("E0434"), reason, fix.span(), "is no fix", help.into());
                    }
                }
            }
            for values in self.spread(&key.r#for, &text.lists) {
                let (name, as_before) = from.name(&values.template(key.name.as_ref()));
                if as_before {
                    continue;
                }
                if let Some((name, canonical)) = self.key(key, &name, &values, family, text.top.is_some()) {
                    layout.add(KeyRule { name, canonical, fixes: fixes.clone() });
                }
            }
        }
    }

    /// Stored names, where they begin like this.
    fn stored(&mut self, names: &[Spanned<String>], from: &mut Beginnings) -> Vec<Template> {
        names.iter().filter_map(|name| self.parse(&from.name(name.as_ref()).0, name.span())).collect()
    }

    fn implied(&mut self, text: &ImpliedText, family: Option<&Family>) -> Option<ImpliedRule> {
        let (canonical, beside) = (self.template(&text.r#as)?, self.template(&text.beside)?);
        self.of_family(&text.r#as, &canonical, family);
        self.of_family(&text.beside, &beside, family);
        if let Some(variable) = lacks(&beside, &canonical) {
            self.unbound(&variable, text.beside.as_ref(), text.r#as.span());
        }
        if !super::implied::are_taps(&text.taps) {
            let message = format!("the taps of `{}` make no filter", canonical.text());
            let help = "write 1 to 64 numbers whose sum is not 0, such as `taps = [1, 3, 3, 1]`";
            self.fault(Code("E0435"), message, text.r#as.span(), "has such taps", help.into());
        }
        Some(ImpliedRule { canonical, beside, taps: text.taps.clone(), fact: text.fact.clone() })
    }

    /// Complains of a canonical tensor that the family does not have.
    fn of_family(&mut self, text: &Spanned<String>, template: &Template, family: Option<&Family>) {
        if let Some(family) = family
            && !family.may_have(template)
        {
            self.no_such_tensor(text, template.text(), family);
        }
    }

    /// The names of a key.
    fn key(
        &mut self,
        key: &KeyText,
        name: &str,
        values: &Values,
        family: Option<&Family>,
        has_top: bool,
    ) -> Option<(Template, Vec<Template>)> {
        let name = self.parse(name, key.name.span());
        let mut canonical = vec![];
        for text in key.r#as.as_ref() {
            let Some(template) = self.template_with(text, values) else { continue };
            let unbound = name.as_ref().and_then(|name| lacks(name, &template));
            if let Some(variable) = unbound.filter(|variable| !has_top || **variable != *TOP) {
                self.unbound(&variable, key.name.as_ref(), text.span());
            }
            self.of_family(text, &template, family);
            canonical.push(template);
        }
        Some((name?, canonical))
    }

    fn no_such_tensor(&mut self, at: &Spanned<String>, text: &str, family: &Family) {
        let known: Vec<&str> = family.tensors.iter().map(|rule| rule.name.text()).collect();
        let near = nearest(text, known.iter().copied());
        let message = format!("the family `{}` has no tensor `{text}`", family.id);
        let help = match near.or(known.first().copied()) {
            Some(near) => format!("write `\"{near}\"`, or leave the key out: the tensor then keeps its own name"),
            None => format!("describe the tensor in `[[family.tensor]]` of `{}`", family.id),
        };
        self.fault(Code("E0436"), message, at.span(), "is not in the family", help);
    }

    fn unbound(&mut self, variable: &str, name: &str, at: Range<usize>) {
        let message = format!("`{{{variable}}}` has no value: `{name}` does not mention it");
        let help = format!("use the variables of `{name}`, or put `{{{variable}}}` into it");
        self.fault(Code("E0433"), message, at, "has no value", help);
    }

    /// Variables of coordinates come from the tensor's name, from the stored name, or are `n`.
    fn coordinates(&mut self, family: &Family, stored: &[Arc<str>], text: &str) {
        let layered = family.tensors.iter().any(|rule| rule.coords.iter().any(|entry| entry.0 == Coord::Layer));
        for rule in &family.tensors {
            let own = rule.name.variables();
            for (coord, expr) in &rule.coords {
                let lost = expr.variables().into_iter().find(|variable| {
                    let is_count = &**variable == "n" && layered;
                    let is_number = family.numbers.iter().any(|number| number.name == *variable);
                    !is_count && !is_number && !own.contains(variable) && !stored.contains(variable)
                });
                if let Some(variable) = lost {
                    // The place of the name: expressions do not keep theirs.
                    let quoted = format!("\"{}\"", rule.name.text());
                    let start = text.find(&quoted).unwrap_or(0);
                    let message =
                        format!("the {} of `{}` uses `{variable}`, which has no value", coord.text(), rule.name.text());
                    let help = "use a variable of the tensor's name or of a key's, or `n`, the number of layers, where some tensor has a `layer`";
                    self.fault(
                        Code("E0433"),
                        message,
                        start..start + quoted.len(),
                        "has such a coordinate",
                        help.into(),
                    );
                }
            }
        }
    }
}

/// The variable that holds the highest number of a layout's `top`.
pub const TOP: &str = "top";

/// A variable of `other` that `name` does not have.
fn lacks(name: &Template, other: &Template) -> Option<Arc<str>> {
    let own = name.variables();
    other.variables().into_iter().find(|variable| !own.contains(variable))
}

/// What to type instead of an unknown field.
fn toml_help(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    match (message.starts_with("unknown field"), quoted.next()) {
        (true, Some(wrong)) => {
            let known: Vec<&str> = quoted.collect();
            match nearest(wrong, known.iter().copied()) {
                Some(near) => format!("write `{near}`"),
                None => format!("remove it: there are {}", known.join(", ")),
            }
        }
        _ => "write `[layout]` with `id`, `family`, `about` and `detect`, then a `[[layout.key]]` with `name` and `as` per tensor".into(),
    }
}
