//! The parts of a network as people speak of it, and what they tell of where a model comes from.

use super::Canon;
use super::CanonTensor;
use super::data::PartRule;
use super::generic::EXTRA;
use std::sync::Arc;

/// What equal or similar values of a part say of two models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tells {
    /// Nothing: such values are alike by chance, by construction, or not at all.
    #[default]
    Nothing,
    /// Whether the models are kin: directions of long vectors, which do not agree by chance.
    Kinship,
    /// Whether they began as one: random numbers that training never changes.
    Origin,
}

impl Tells {
    pub const WORDS: [&str; 2] = ["kinship", "origin"];

    pub fn from_text(text: &str) -> Option<Tells> {
        match text {
            "kinship" => Some(Tells::Kinship),
            "origin" => Some(Tells::Origin),
            _ => None,
        }
    }
}

/// A part that a tensor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'c> {
    /// Its place in the order of the family.
    pub order: usize,
    pub name: &'c str,
    /// The words that its tensors have; none where the family has no list of parts.
    pub words: &'c [Arc<str>],
    pub tells: Tells,
    /// The part that this one was computed from: they must come from the same models.
    pub of: Option<&'c str>,
}

/// The part of a tensor: the first of its family's list whose words it has; without a list, by the number of axes.
pub fn part<'c>(canon: &'c Canon, tensor: &CanonTensor) -> Part<'c> {
    let rules = canon.family_data().map_or(&[][..], |family| &family.parts);
    let fits = |rule: &&PartRule| rule.words.iter().all(|word| tensor.traits.has_word(word));
    let plain = |order, name, tells| Part { order: rules.len() + order, name, words: &[], tells, of: None };
    if tensor.traits.has_word(EXTRA) {
        return plain(2, "not in the layout", Tells::Nothing);
    }
    if let Some((order, rule)) = rules.iter().enumerate().find(|(_, rule)| fits(rule)) {
        return Part { order, name: &rule.name, words: &rule.words, tells: rule.tells, of: rule.of.as_deref() };
    }
    match (rules.is_empty(), tensor.shape.len() > 1) {
        // Where nothing is known of the network, matrices are what is compared.
        (true, true) => plain(0, "matrices", Tells::Kinship),
        (true, false) => plain(1, "vectors", Tells::Nothing),
        (false, _) => plain(1, "other", Tells::Nothing),
    }
}
