//! Channel masks: a share per channel of some spaces, and what it means on the axes of a tensor.

use crate::arch::Act;
use crate::arch::Traits;
use crate::field::Weight;
use crate::text::Site;
use std::path::PathBuf;
use std::sync::Arc;

/// A `channels` statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    /// The name in the recipe.
    pub name: Arc<str>,
    /// Per channel space the channels that are meant.
    pub spaces: Vec<(Arc<str>, Chosen)>,
    /// How channels of a catalogue were chosen: its path, then options; empty for literal sets.
    pub by: Arc<[String]>,
    pub mode: Mode,
    pub axes: Axes,
    /// `None` for literal sets.
    pub part: Option<MaskPart>,
    /// The models that it was made from; empty for literal sets.
    pub origins: Vec<Origin>,
    /// Its name in its statement.
    pub site: Site,
}

/// What a mask was chosen for.
#[derive(Clone, Debug, PartialEq)]
pub struct MaskPart {
    /// The catalogue.
    pub path: PathBuf,
    /// `None` where clusters are named by number.
    pub name: Option<Arc<str>>,
    pub clusters: Vec<usize>,
}

/// A model that a mask was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub path: String,
    /// `STRUCTURE-WEIGHTS`, two digests: see `draw::fingerprint`.
    pub fingerprint: String,
}

impl Origin {
    /// The digest of names and shapes, which headers tell; `None` where another program wrote something else.
    pub fn structure(&self) -> Option<&str> {
        let (structure, _) = self.fingerprint.split_once('-')?;
        Some(structure)
    }
}

/// A mask with origins, and the models that it is used with.
#[derive(Clone, Debug, PartialEq)]
pub struct MaskUse {
    pub mask: Arc<Mask>,
    pub inputs: Vec<super::InputId>,
}

/// The channels of one space.
#[derive(Clone, Debug, PartialEq)]
pub enum Chosen {
    /// A share per channel: the space must have as many.
    Shares(Arc<[f64]>),
    /// These channels, both ends included.
    Set(Arc<[[u64; 2]]>),
}

/// Which axes a mask acts on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// What makes the channel and what reads it.
    #[default]
    Unit,
    /// What makes it.
    Out,
    /// What reads it, with the styles that scale what is read.
    In,
    /// The styles alone.
    Style,
}

impl Mode {
    pub const WORDS: [&str; 4] = ["unit", "out", "in", "style"];

    pub fn from_text(text: &str) -> Option<Mode> {
        Some([Mode::Unit, Mode::Out, Mode::In, Mode::Style][Mode::WORDS.iter().position(|word| *word == text)?])
    }

    /// The word of the option `mode`.
    pub fn text(self) -> &'static str {
        Mode::WORDS[self as usize]
    }

    fn has(self, act: Act) -> bool {
        match self {
            Mode::Unit => true,
            Mode::Out => act == Act::Out,
            Mode::In => act != Act::Out,
            Mode::Style => act == Act::Style,
        }
    }
}

/// How shares along two axes of one tensor become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Axes {
    /// The larger: a swapped channel stays whole.
    #[default]
    Either,
    /// Their product.
    Both,
    Mean,
    /// That of the axis that makes channels.
    Out,
}

impl Axes {
    pub const WORDS: [&str; 4] = ["either", "both", "mean", "out"];

    pub fn from_text(text: &str) -> Option<Axes> {
        Some([Axes::Either, Axes::Both, Axes::Mean, Axes::Out][Axes::WORDS.iter().position(|word| *word == text)?])
    }

    /// The word of the option `axes`.
    pub fn text(self) -> &'static str {
        Axes::WORDS[self as usize]
    }
}

/// A mask that does not fit a space.
#[derive(Clone, Debug, PartialEq)]
pub struct Misfit {
    pub space: Arc<str>,
    /// Channels that the mask has, or needs at least.
    pub mask: u64,
    /// Channels of the space.
    pub found: u64,
}

impl Chosen {
    /// A share per channel of a space of `count` channels, in groups of `size`.
    fn shares(&self, count: u64, size: u64) -> Result<Vec<f64>, u64> {
        let groups = count / size;
        let per_group = match self {
            Chosen::Shares(shares) if shares.len() as u64 == groups => shares.to_vec(),
            Chosen::Shares(shares) => return Err(shares.len() as u64),
            Chosen::Set(ranges) => {
                let needed = ranges.iter().map(|range| range[1].saturating_add(1)).max().unwrap_or(0);
                if needed > groups {
                    return Err(needed);
                }
                let mut shares = vec![0.0; groups as usize];
                for range in ranges.iter() {
                    shares[range[0] as usize..=range[1] as usize].fill(1.0);
                }
                shares
            }
        };
        if size == 1 {
            return Ok(per_group);
        }
        Ok(per_group.into_iter().flat_map(|share| std::iter::repeat_n(share, size as usize)).collect())
    }
}

impl Mask {
    /// The mask on a tensor: 0 where no axis that it acts on indexes a space of it.  An axis whose space it does not
    /// name has no say.
    ///
    /// # Errors
    /// A space that has another number of channels.
    pub fn on(&self, traits: &Traits, shape: &[u64]) -> Result<Weight, Misfit> {
        let mut out: Option<(Act, Weight)> = None;
        for (axis, space) in traits.axes.iter().enumerate() {
            let (Some(space), Some(&count)) = (space, shape.get(axis)) else { continue };
            let groups = traits.groups.iter().filter(|group| group.axis == axis && count.is_multiple_of(group.size));
            let names = std::iter::once((space, 1)).chain(groups.map(|group| (&group.space, group.size)));
            for (name, size) in names {
                let Some((_, chosen)) = self.spaces.iter().find(|own| own.0 == *name) else { continue };
                let misfit = |mask| Misfit { space: name.clone(), mask, found: count / size };
                let shares = chosen.shares(count, size).map_err(misfit)?;
                let act = traits.act(axis);
                if !self.mode.has(act) {
                    continue;
                }
                let here = Weight::along(axis, &shares);
                out = Some(match out {
                    None => (act, here),
                    Some((before, weight)) => (before, self.combined((before, weight), (act, here))),
                });
            }
        }
        Ok(out.map_or(Weight::ZERO, |(_, weight)| weight))
    }

    fn combined(&self, a: (Act, Weight), b: (Act, Weight)) -> Weight {
        match self.axes {
            Axes::Either => Weight::larger(&a.1, &b.1),
            Axes::Both => Weight::map(&[&a.1, &b.1], |x| x[0] * x[1]),
            Axes::Mean => Weight::map(&[&a.1, &b.1], |x| 0.5 * (x[0] + x[1])),
            Axes::Out if b.0 == Act::Out && a.0 != Act::Out => b.1,
            Axes::Out => a.1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Group;
    use crate::arch::Policy;

    /// A tensor of axes (space, act), and the mean of a mask on it: 1/2 of `x`, 1/4 of `y`.
    #[track_caller]
    fn check(mode: Mode, axes: Axes, tensor: &[(&str, Act)], expected: f64) {
        let traits = Traits {
            words: vec![],
            coords: vec![],
            axes: tensor.iter().map(|axis| (!axis.0.is_empty()).then(|| axis.0.into())).collect(),
            acts: tensor.iter().map(|axis| axis.1).collect(),
            groups: vec![],
            free: vec![],
            demodulated: false,
            policy: Policy::Mix,
        };
        let spaces = vec![
            ("x".into(), Chosen::Set([[0, 0], [3, 3]].into())),
            ("y".into(), Chosen::Shares([1.0, 0.0, 0.0, 0.0].into())),
        ];
        let (by, part, origins) = (Arc::default(), None, vec![]);
        let mask = Mask { name: "m".into(), spaces, by, mode, axes, part, origins, site: Site::default() };
        let shape: Vec<u64> = tensor.iter().map(|_| 4).collect();
        let found = mask.on(&traits, &shape).expect("it fits").mean();
        assert!((found - expected).abs() < 1e-12, "{mode:?} {axes:?} on {tensor:?}: {found}");
    }

    #[test]
    fn modes_and_axes() {
        let conv = [("x", Act::Out), ("y", Act::In), ("", Act::In)];
        check(Mode::Unit, Axes::Either, &conv, 0.625);
        check(Mode::Unit, Axes::Both, &conv, 0.125);
        check(Mode::Unit, Axes::Mean, &conv, 0.375);
        check(Mode::Unit, Axes::Out, &conv, 0.5);
        check(Mode::Out, Axes::Either, &conv, 0.5);
        check(Mode::In, Axes::Either, &conv, 0.25);
        check(Mode::Style, Axes::Either, &conv, 0.0);
        let affine = [("x", Act::Style), ("w", Act::In)];
        check(Mode::Style, Axes::Either, &affine, 0.5);
        check(Mode::In, Axes::Both, &affine, 0.5);
        check(Mode::Out, Axes::Either, &affine, 0.0);
        // An axis of another space has no say.
        check(Mode::Unit, Axes::Both, &[("x", Act::Out), ("z", Act::In)], 0.5);
        check(Mode::Unit, Axes::Out, &[("x", Act::In), ("y", Act::Out)], 0.25);
    }

    #[test]
    fn groups_and_sizes() {
        let group = Group { axis: 0, space: "head".into(), size: 3 };
        let traits = Traits {
            words: vec![],
            coords: vec![],
            axes: vec![Some("q".into()), Some("hidden".into())],
            acts: vec![],
            groups: vec![group],
            free: vec![],
            demodulated: false,
            policy: Policy::Mix,
        };
        let mask = |space: &str, chosen| Mask {
            name: "m".into(),
            spaces: vec![(space.into(), chosen)],
            by: Arc::default(),
            mode: Mode::Unit,
            axes: Axes::Either,
            part: None,
            origins: vec![],
            site: Site::default(),
        };
        let heads = mask("head", Chosen::Set([[1, 2]].into())).on(&traits, &[12, 5]);
        let rows = mask("q", Chosen::Set([[3, 8]].into())).on(&traits, &[12, 5]);
        assert_eq!(heads, rows);
        let beyond = mask("head", Chosen::Set([[4, 4]].into())).on(&traits, &[12, 5]);
        assert_eq!(beyond, Err(Misfit { space: "head".into(), mask: 5, found: 4 }));
        let short = mask("q", Chosen::Shares([1.0, 0.0].into())).on(&traits, &[12, 5]);
        assert_eq!(short, Err(Misfit { space: "q".into(), mask: 2, found: 12 }));
    }
}
