//! Names with other beginnings: what tensors are called in files that keep the parts of a network under other names.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::Range;
use toml::Spanned;

/// Beginnings of names as the layout has them, and what they are instead.
pub type Set = BTreeMap<Spanned<String>, Spanned<String>>;

/// How the stored names of a layout begin: under its prefix, and as one of its sets has them.
pub struct Beginnings<'t> {
    prefix: &'t str,
    set: Option<&'t Set>,
    /// The beginnings of the set that some name has.
    met: BTreeSet<&'t str>,
}

impl<'t> Beginnings<'t> {
    pub fn new(prefix: &'t str, set: Option<&'t Set>) -> Beginnings<'t> {
        Beginnings { prefix, set, met: BTreeSet::new() }
    }

    /// Whether they are those of the layout itself.
    pub fn is_own(&self) -> bool {
        self.set.is_none()
    }

    /// A whole name; the second says whether the set leaves it as it is.  The longest beginning counts.
    pub fn name(&mut self, name: &str) -> (String, bool) {
        // Of beginnings of one name the longest comes last.
        let found = self.set.and_then(|set| set.iter().rev().find(|(own, _)| name.starts_with(own.as_ref().as_str())));
        match found {
            Some((own, other)) => {
                self.met.insert(own.as_ref());
                let name = format!("{}{}{}", self.prefix, other.as_ref(), &name[own.as_ref().len()..]);
                (name, own.as_ref() == other.as_ref())
            }
            None => (format!("{}{name}", self.prefix), self.set.is_some()),
        }
    }

    /// The beginnings of the set that no name had, with their places.
    pub fn idle(&self) -> Vec<(&'t str, Range<usize>)> {
        let idle = self.set.into_iter().flatten().filter(|(own, _)| !self.met.contains(own.as_ref().as_str()));
        idle.map(|(own, _)| (own.as_ref().as_str(), own.span())).collect()
    }
}
