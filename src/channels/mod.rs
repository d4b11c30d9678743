//! Channels and what they make: the catalogue that a recipe's `channels` reads.
//!
//! A generator's activations, clustered over many pictures, fall into parts of the picture (hair, eyes, background).
//! Per channel space the matrix M says how much of a channel's energy lies in each cluster; a part is a few clusters,
//! and its mask is chosen from M by [`select`].  Nothing here reads a file or draws.

pub mod names;
pub mod select;

pub use names::Names;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// The version of the format, under [`FORMAT_KEY`] in the metadata.
pub const FORMAT: &str = "1";
pub const FORMAT_KEY: &str = "blend.channels";

/// What was found in the activations of one or two models.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalogue {
    pub clusters: usize,
    /// By name, sorted.
    pub spaces: Vec<Space>,
    /// Centres of the clusters in the standardised channels of the clustered spaces, unit vectors: `[clusters, Σ channels]`.
    pub centres: Vec<f32>,
    /// The share of all positions that a cluster takes; empty where a file does not say.
    pub areas: Vec<f32>,
    /// How far two models are apart in a cluster: the root of the mean squared distance of their pictures' pixels in CIELAB.
    /// Empty for one model.
    pub differences: Vec<f32>,
    pub facts: Facts,
}

/// One channel space.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    /// As the family names it: `b32.conv1`.
    pub name: String,
    pub channels: usize,
    /// M, `[clusters, channels]`: the share of a channel's energy in a cluster.  The shares of a channel sum to 1.
    pub shares: Vec<f32>,
    /// Over all positions of all samples, per channel.
    pub mean: Vec<f32>,
    /// 0 for a channel that is constant.
    pub std: Vec<f32>,
    /// Mean and deviation in the second of two models: each is standardised by its own.
    pub other: Option<[Vec<f32>; 2]>,
}

impl Space {
    /// Mean and deviation in a model of [`Facts::models`], by number.
    pub fn moments(&self, model: usize) -> (&[f32], &[f32]) {
        match &self.other {
            Some([mean, std]) if model > 0 => (mean, std),
            _ => (&self.mean, &self.std),
        }
    }
}

/// Where a catalogue comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    pub models: Vec<Source>,
    /// As the command line gives them: `0..499`.
    pub seeds: String,
    pub psi: f64,
    /// Of networks with classes.
    pub class: Option<usize>,
    /// The spaces that were clustered; the finest decides where a position's cluster is asked.
    pub layers: Vec<String>,
    pub device: String,
    /// Of the clustering.
    pub seed: u64,
}

/// A model that was clustered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    pub path: String,
    /// What tells it from other models.
    pub fingerprint: String,
}

/// A tensor of a catalogue's file.
pub struct Part {
    pub name: String,
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// The most clusters that a catalogue may have: pictures number them, and people name them.
pub const MOST_CLUSTERS: usize = 256;

impl Catalogue {
    pub fn space(&self, name: &str) -> Option<&Space> {
        self.spaces.iter().find(|space| space.name == name)
    }

    /// M of a part, per channel: the sum over its clusters.
    pub fn part(&self, space: &Space, clusters: &[usize]) -> Vec<f64> {
        let share = |channel| move |cluster: usize| f64::from(space.shares[cluster * space.channels + channel]);
        // A cluster that is named twice counts once.
        let clusters: BTreeSet<usize> = clusters.iter().copied().collect();
        (0..space.channels).map(|channel| clusters.iter().copied().map(share(channel)).sum()).collect()
    }

    /// The same with the channels of every space in another order, by numbers below a bound that `below` draws: a rule
    /// chooses as many channels as before, but any of them.
    pub fn shuffled(mut self, below: &mut dyn FnMut(usize) -> usize) -> Catalogue {
        for space in &mut self.spaces {
            let mut order: Vec<usize> = (0..space.channels).collect();
            (1..order.len()).rev().for_each(|at| order.swap(at, below(at + 1)));
            let rows = space.shares.chunks_exact(space.channels);
            space.shares = rows.flat_map(|row| order.iter().map(|channel| row[*channel])).collect();
        }
        self
    }

    /// The catalogue that a file's metadata and tensors are.
    ///
    /// # Errors
    /// What is wrong, in the words of a diagnostic.
    pub fn new(metadata: &BTreeMap<String, String>, parts: Vec<Part>) -> Result<Catalogue, String> {
        match metadata.get(FORMAT_KEY).map(String::as_str) {
            Some(FORMAT) => {}
            Some(other) => return Err(format!("it is of version `{other}`, and this version reads `{FORMAT}`")),
            None => return Err("its metadata do not say that it holds channels".into()),
        }
        let text = |key: &str| metadata.get(key).cloned().ok_or(format!("its metadata lack `{key}`"));
        let number = |key: &str| text(key)?.parse::<f64>().map_err(|_| format!("its `{key}` is no number"));
        let list = |key: &str| -> Result<Vec<String>, String> {
            Ok(text(key)?.split('\n').filter(|item| !item.is_empty()).map(String::from).collect())
        };
        let clusters = number("clusters")?;
        if !(1.0..=MOST_CLUSTERS as f64).contains(&clusters) || clusters.fract() != 0.0 {
            return Err(format!("it has {clusters} clusters, and there are 1 to {MOST_CLUSTERS}"));
        }
        let clusters = clusters as usize;
        let models = list("models")?.into_iter().zip(list("fingerprints")?);
        let models = models.map(|(path, fingerprint)| Source { path, fingerprint }).collect();
        let facts = Facts {
            models,
            seeds: text("seeds")?,
            psi: number("psi")?,
            class: metadata.get("class").and_then(|class| class.parse().ok()),
            layers: list("layers")?,
            device: text("device")?,
            seed: number("seed")? as u64,
        };
        let mut parts: BTreeMap<String, Part> = parts.into_iter().map(|part| (part.name.clone(), part)).collect();
        if let Some(wild) = parts.values().find(|part| part.values.iter().any(|value| !value.is_finite())) {
            return Err(format!("`{}` holds numbers that are not finite", wild.name));
        }
        let mut seek = |name: String, shape: &[usize]| match parts.remove(&name) {
            Some(part) if part.shape == shape => Ok(Some(part.values)),
            Some(part) => Err(format!("`{name}` has the shape {:?}, and {shape:?} is expected", part.shape)),
            None => Ok(None),
        };
        let areas = seek("areas".into(), &[clusters])?.unwrap_or_default();
        let differences = seek("differences".into(), &[clusters])?.unwrap_or_default();
        let needed = |found: Option<Vec<f32>>, name: &str| found.ok_or(format!("`{name}` is missing"));
        let mut spaces = vec![];
        for name in list("spaces")? {
            let (name, channels) = name.split_once(' ').ok_or("its list of spaces cannot be read")?;
            let channels = channels.parse::<usize>().ok().filter(|count| (1..1 << 24).contains(count));
            let channels = channels.ok_or("its list of spaces cannot be read")?;
            let mut take = |what: &str, shape: &[usize]| seek(format!("{what}.{name}"), shape);
            let other = [take("other.mean", &[channels])?, take("other.std", &[channels])?];
            spaces.push(Space {
                name: name.into(),
                channels,
                shares: needed(take("M", &[clusters, channels])?, &format!("M.{name}"))?,
                mean: needed(take("mean", &[channels])?, &format!("mean.{name}"))?,
                std: needed(take("std", &[channels])?, &format!("std.{name}"))?,
                other: match other {
                    [Some(mean), Some(std)] => Some([mean, std]),
                    _ => None,
                },
            });
        }
        let clustered = facts.layers.iter().map(|layer| {
            let space = spaces.iter().find(|space| space.name == *layer);
            space.map(|space| space.channels).ok_or(format!("its clustered layer `{layer}` is none of its spaces"))
        });
        let width = clustered.sum::<Result<usize, String>>()?;
        let centres = needed(seek("centres".into(), &[clusters, width])?, "centres")?;
        Ok(Catalogue { clusters, spaces, centres, areas, differences, facts })
    }

    /// What its file holds: metadata, and tensors in order.
    pub fn parts(&self) -> (BTreeMap<String, String>, Vec<Part>) {
        let lines = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join("\n");
        let facts = &self.facts;
        let metadata = [
            (FORMAT_KEY, FORMAT.to_string()),
            ("clusters", self.clusters.to_string()),
            ("models", lines(&mut facts.models.iter().map(|model| model.path.clone()))),
            ("fingerprints", lines(&mut facts.models.iter().map(|model| model.fingerprint.clone()))),
            ("seeds", facts.seeds.clone()),
            ("psi", facts.psi.to_string()),
            ("layers", lines(&mut facts.layers.iter().cloned())),
            ("device", facts.device.clone()),
            ("seed", facts.seed.to_string()),
            ("spaces", lines(&mut self.spaces.iter().map(|space| format!("{} {}", space.name, space.channels)))),
        ];
        let width = self.centres.len() / self.clusters.max(1);
        let part = |name: String, shape: &[usize], values: &[f32]| Part {
            name,
            shape: shape.to_vec(),
            values: values.to_vec(),
        };
        let mut parts = vec![part("centres".into(), &[self.clusters, width], &self.centres)];
        for (name, values) in [("areas", &self.areas), ("differences", &self.differences)] {
            if !values.is_empty() {
                parts.push(part(name.into(), &[self.clusters], values));
            }
        }
        for space in &self.spaces {
            let name = &space.name;
            parts.push(part(format!("M.{name}"), &[self.clusters, space.channels], &space.shares));
            parts.push(part(format!("mean.{name}"), &[space.channels], &space.mean));
            parts.push(part(format!("std.{name}"), &[space.channels], &space.std));
            if let Some([mean, std]) = &space.other {
                parts.push(part(format!("other.mean.{name}"), &[space.channels], mean));
                parts.push(part(format!("other.std.{name}"), &[space.channels], std));
            }
        }
        let class = facts.class.map(|class| ("class", class.to_string()));
        (metadata.into_iter().chain(class).map(|(key, value)| (key.to_string(), value)).collect(), parts)
    }
}

#[cfg(test)]
mod tests {
    use super::Catalogue;
    use super::Facts;
    use super::Space;

    fn small() -> Catalogue {
        let space = |name: &str, channels: usize| Space {
            name: name.into(),
            channels,
            shares: (0..2 * channels).map(|at| at as f32 / 10.0).collect(),
            mean: vec![0.5; channels],
            std: vec![1.5; channels],
            other: (channels == 2).then(|| [vec![2.5; channels], vec![3.5; channels]]),
        };
        let facts = Facts {
            seeds: "0..9".into(),
            psi: 0.7,
            class: Some(3),
            layers: vec!["b8.conv1".into()],
            ..Facts::default()
        };
        let spaces = vec![space("b4.const", 3), space("b8.conv1", 2)];
        let (areas, differences) = (vec![0.25, 0.75], vec![]);
        Catalogue { clusters: 2, spaces, centres: vec![1.0, 0.0, 0.0, 1.0], areas, differences, facts }
    }

    #[test]
    fn a_catalogue_comes_back() {
        let (metadata, parts) = small().parts();
        assert_eq!(Catalogue::new(&metadata, parts), Ok(small()));
    }

    /// A file with one thing changed, and the word that its fault must have.
    #[track_caller]
    fn check(change: impl Fn(&mut std::collections::BTreeMap<String, String>, &mut Vec<super::Part>), word: &str) {
        let (mut metadata, mut parts) = small().parts();
        change(&mut metadata, &mut parts);
        let fault = Catalogue::new(&metadata, parts).expect_err("it was broken");
        assert!(fault.contains(word), "`{fault}` lacks `{word}`");
    }

    fn lacks(name: &str) -> impl Fn(&mut std::collections::BTreeMap<String, String>, &mut Vec<super::Part>) {
        move |_, parts| parts.retain(|part| part.name != name)
    }

    #[test]
    fn broken_catalogues() {
        check(|metadata, _| drop(metadata.remove("blend.channels")), "do not say");
        check(|metadata, _| drop(metadata.insert("blend.channels".into(), "2".into())), "version");
        check(|metadata, _| drop(metadata.insert("clusters".into(), "0".into())), "clusters");
        check(|metadata, _| drop(metadata.insert("clusters".into(), "3".into())), "shape");
        check(|metadata, _| drop(metadata.insert("layers".into(), "b16.conv1".into())), "none of its spaces");
        check(|metadata, _| drop(metadata.insert("spaces".into(), "b4.const -3".into())), "spaces");
        check(lacks("M.b4.const"), "missing");
        check(lacks("std.b8.conv1"), "missing");
        check(lacks("centres"), "missing");
        check(|_, parts| parts[1].values[0] = f32::NAN, "finite");
    }

    #[test]
    fn shuffled_channels_keep_their_clusters() {
        let sorted = |catalogue: &Catalogue| {
            let space = catalogue.space("b4.const").expect("it has it");
            let mut pairs: Vec<_> = (0..3).map(|at| [space.shares[at], space.shares[3 + at]]).collect();
            pairs.sort_by(|a, b| a[0].total_cmp(&b[0]));
            (pairs, space.shares.clone())
        };
        let (plain, other) = (small(), small().shuffled(&mut |_| 0));
        assert_eq!(sorted(&plain).0, sorted(&other).0);
        assert_ne!(sorted(&plain).1, sorted(&other).1);
        assert_eq!(small().shuffled(&mut |bound| bound - 1), small());
    }

    #[test]
    fn a_part_is_the_sum_of_its_clusters() {
        let catalogue = small();
        let space = catalogue.space("b4.const").expect("it has it");
        let near = |found: Vec<f64>, expected: [f64; 3]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near(catalogue.part(space, &[1]), [0.3, 0.4, 0.5]));
        assert!(near(catalogue.part(space, &[1, 0, 1]), [0.3, 0.5, 0.7]));
    }
}
