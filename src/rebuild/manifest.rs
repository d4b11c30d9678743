//! Facts about a tensor, and who listens to them.

use super::sources::Source;
use std::collections::HashSet;
use std::sync::Arc;

/// Listens to facts.  What a fact is `of` is a name for people: renaming an input changes no key.
pub trait Manifest {
    /// A fact in words that people understand.
    fn text(&mut self, what: &'static str, of: &str, value: &str);

    /// A number, which people read rounded.
    fn number(&mut self, what: &'static str, of: &str, value: f64);

    /// A fact of which people only want to know that it is another one.
    fn detail(&mut self, what: &'static str, value: &str);

    /// A fact that only counts where the bytes of inputs are named by their files: how tensors lie in them.
    fn lies(&mut self, what: &'static str, value: &str);

    /// Bytes of an input.
    fn source(&mut self, source: &Source);
}

/// Makes the keys of a tensor.
pub struct Keys {
    by_stat: Option<blake3::Hasher>,
    by_content: Option<blake3::Hasher>,
}

impl Keys {
    pub fn new() -> Keys {
        let hasher = || Some(blake3::Hasher::new_derive_key("blend tensor 1"));
        Keys { by_stat: hasher(), by_content: hasher() }
    }

    /// The keys by files and by content; `None` where what they need is not known.
    pub fn keys(&self) -> [Option<[u8; 32]>; 2] {
        [&self.by_stat, &self.by_content].map(|hasher| hasher.as_ref().map(|hasher| *hasher.finalize().as_bytes()))
    }

    fn both(&mut self, what: &str, value: &[u8]) {
        [&mut self.by_stat, &mut self.by_content].into_iter().flatten().for_each(|hasher| add(hasher, what, value));
    }
}

/// Lengths stand before texts, so that no two lists of facts look alike.
fn add(hasher: &mut blake3::Hasher, what: &str, value: &[u8]) {
    for text in [what.as_bytes(), value] {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text);
    }
}

impl Manifest for Keys {
    fn text(&mut self, what: &'static str, _: &str, value: &str) {
        self.both(what, value.as_bytes());
    }

    fn number(&mut self, what: &'static str, _: &str, value: f64) {
        self.both(what, &value.to_bits().to_le_bytes());
    }

    fn detail(&mut self, what: &'static str, value: &str) {
        self.both(what, value.as_bytes());
    }

    fn lies(&mut self, what: &'static str, value: &str) {
        self.by_stat.iter_mut().for_each(|hasher| add(hasher, what, value.as_bytes()));
    }

    fn source(&mut self, source: &Source) {
        for (hasher, known) in [(&mut self.by_stat, &source.by_stat), (&mut self.by_content, &source.by_content)] {
            match (hasher.as_mut(), known) {
                (Some(hasher), Some(known)) => add(hasher, "bytes", known),
                _ => *hasher = None,
            }
        }
    }
}

/// A fact as people read it: what it is about, and its value.
pub type Line = (String, String);

/// Collects facts as lines.
#[derive(Default)]
pub struct Story {
    pub lines: Vec<Line>,
}

/// A value that only tells whether it is another one.
pub const OTHER: &str = "#";

impl Manifest for Story {
    fn text(&mut self, what: &'static str, of: &str, value: &str) {
        let label = if of.is_empty() { what.to_string() } else { format!("{what} of {of}") };
        self.lines.push((label, value.to_string()));
    }

    fn number(&mut self, what: &'static str, of: &str, value: f64) {
        self.text(what, of, &((value * 1e6).round() / 1e6).to_string());
    }

    fn detail(&mut self, what: &'static str, value: &str) {
        let digest = blake3::hash(value.as_bytes()).to_hex();
        self.lines.push((what.to_string(), format!("{OTHER}{}", &digest[..16])));
    }

    fn lies(&mut self, what: &'static str, value: &str) {
        self.detail(what, value);
    }

    fn source(&mut self, source: &Source) {
        self.lines.extend(source.lines.iter().cloned());
    }
}

/// All that a build knows of a tensor before it makes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// By files, and by content.
    pub keys: [Option<[u8; 32]>; 2],
    pub lines: Vec<Arc<Line>>,
}

/// Lines of many tensors, each kept once: most tensors of a model say the same.
#[derive(Default)]
pub struct Lines {
    known: HashSet<Arc<Line>>,
}

impl Lines {
    /// The lines of a story in order, each once.
    pub fn kept(&mut self, story: Story) -> Vec<Arc<Line>> {
        let mut lines = story.lines;
        // A tensor may be read twice.
        lines.sort();
        lines.dedup();
        lines.into_iter().map(|line| self.one(line)).collect()
    }

    fn one(&mut self, line: Line) -> Arc<Line> {
        if let Some(known) = self.known.get(&line) {
            return known.clone();
        }
        let line = Arc::new(line);
        self.known.insert(line.clone());
        line
    }
}
