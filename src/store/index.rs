//! `model.safetensors.index.json`: which shard holds which tensor.

use super::error;
use super::error::Flaw;
use super::header::Budget;
use super::header::Refusal;
use super::json::Json;
use super::json::quoted;
use super::sheet::NAME;
use super::sheet::check_name;
use super::shown;
use super::sys;
use crate::diag::Problem;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

/// Longest index that is read: three times that of the largest published models.
const LONGEST: u64 = 32 << 20;

/// Longest name of a shard: what file systems take.
const FILE_NAME: usize = 255;

/// Shards of a model at most.
const SHARDS: usize = 4096;

/// What an index says.
pub struct Index {
    /// Names of files in the index's directory, sorted.
    pub shards: Vec<String>,
    /// Tensor → index into `shards`.
    pub tensors: HashMap<String, u32>,
    /// The texts of its `metadata`.
    pub metadata: BTreeMap<String, String>,
    /// All keys of its `metadata`.
    pub metadata_keys: Vec<String>,
}

/// Reads an index.  Errors: E0501, E0502, E0510, E0511, E0601.
pub fn read(path: &Path, budget: &mut Budget) -> Result<Index, Problem> {
    let file = sys::open_at_once(path).map_err(|error| error::not_opened(path, &error))?;
    let metadata = file.metadata().map_err(|error| error::read(path, &error))?;
    if !metadata.is_file() {
        return Err(error::not_regular(path, sys::special_kind(&metadata)));
    }
    if metadata.len() > LONGEST {
        let flaw = Flaw {
            offset: LONGEST,
            found: format!("{} more bytes", metadata.len() - LONGEST),
            expected: format!("an index of at most {LONGEST}"),
        };
        return Err(error::flawed(error::TOO_LARGE, path, "is longer than blend reads", flaw, error::AGAIN));
    }
    let mut index = Reader { json: Json::new(file.take(LONGEST), 0), budget, shards: BTreeMap::new(), tensors: vec![] };
    let mut metadata = BTreeMap::new();
    let mut metadata_keys = vec![];
    let read = index.read(&mut metadata, &mut metadata_keys);
    read.map_err(|refusal| in_index(refusal).of_file(path))?;
    index.finish(path, metadata, metadata_keys)
}

/// A flaw of the text is one of the index here.
fn in_index(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Flaw(code, _, flaw, help) if code == error::MALFORMED => {
            Refusal::Flaw(error::INDEX, "is not a well formed index of shards".into(), flaw, help)
        }
        other => other,
    }
}

struct Reader<'b, R> {
    json: Json<R>,
    budget: &'b mut Budget,
    /// Shard → its number in order of appearance.
    shards: BTreeMap<String, u32>,
    tensors: Vec<(String, u32, u64)>,
}

impl<R: Read> Reader<'_, R> {
    fn read(&mut self, metadata: &mut BTreeMap<String, String>, keys: &mut Vec<String>) -> Result<(), Refusal> {
        self.json.mark(b'{')?;
        let mut first = true;
        let mut seen: Vec<String> = vec![];
        while self.json.member(&mut first)? {
            let offset = self.json.start()?;
            let key = self.json.key(NAME)?;
            if seen.contains(&key) {
                return Err(twice(offset, &key));
            }
            match key.as_str() {
                "metadata" => self.metadata(metadata, keys)?,
                "weight_map" => self.weight_map()?,
                _ => self.json.skip_value(LONGEST as usize)?,
            }
            if !self.budget.charge(key.len() + 64) {
                return Err(too_large(offset));
            }
            seen.push(key);
        }
        self.json.padding(b" \t\r\n", "the end of the index")?;
        if !seen.iter().any(|key| key == "weight_map") {
            let flaw = Flaw { offset: 0, found: "an object without it".into(), expected: "`weight_map`".into() };
            let what = "is not an index of shards".to_string();
            return Err(Refusal::Flaw(
                error::INDEX,
                what,
                flaw,
                "write the path of a `.safetensors` file or of a directory",
            ));
        }
        Ok(())
    }

    fn metadata(&mut self, texts: &mut BTreeMap<String, String>, keys: &mut Vec<String>) -> Result<(), Refusal> {
        self.json.mark(b'{')?;
        let mut first = true;
        while self.json.member(&mut first)? {
            let offset = self.json.start()?;
            let key = self.json.key(NAME)?;
            let value = match self.json.string_if_any(LONGEST as usize)? {
                Some(text) => text,
                None => {
                    self.json.skip_value(LONGEST as usize)?;
                    String::new()
                }
            };
            if !self.budget.charge(2 * key.len() + value.len() + 160) {
                return Err(too_large(offset));
            }
            if !value.is_empty() {
                texts.insert(key.clone(), value);
            }
            keys.push(key);
        }
        Ok(())
    }

    fn weight_map(&mut self) -> Result<(), Refusal> {
        self.json.mark(b'{')?;
        let mut first = true;
        while self.json.member(&mut first)? {
            let offset = self.json.start()?;
            let name = self.json.key(NAME)?;
            check_name(&name, offset)?;
            let at = self.json.start()?;
            let shard = self.json.string(NAME)?;
            check_shard(&shard, at)?;
            if !self.budget.charge(2 * std::mem::size_of::<(String, u64)>() + name.len() + 32) {
                return Err(too_large(offset));
            }
            let next = self.shards.len() as u32;
            let number = *self.shards.entry(shard).or_insert(next);
            if self.shards.len() > SHARDS {
                let flaw = Flaw {
                    offset: at,
                    found: format!("more than {SHARDS} shards"),
                    expected: format!("at most {SHARDS}"),
                };
                return Err(Refusal::Flaw(
                    error::TOO_LARGE,
                    "names more shards than blend reads".into(),
                    flaw,
                    error::AGAIN,
                ));
            }
            self.tensors.push((name, number, offset));
        }
        Ok(())
    }

    fn finish(
        self,
        path: &Path,
        metadata: BTreeMap<String, String>,
        metadata_keys: Vec<String>,
    ) -> Result<Index, Problem> {
        // From order of appearance to order of names.
        let mut order = vec![0u32; self.shards.len()];
        for (sorted, appeared) in self.shards.values().enumerate() {
            order[*appeared as usize] = sorted as u32;
        }
        let mut tensors = HashMap::with_capacity(self.tensors.len());
        for (name, appeared, offset) in self.tensors {
            match tensors.entry(name) {
                std::collections::hash_map::Entry::Vacant(place) => place.insert(order[appeared as usize]),
                std::collections::hash_map::Entry::Occupied(place) => {
                    return Err(twice(offset, place.key()).of_file(path));
                }
            };
        }
        Ok(Index { shards: self.shards.into_keys().collect(), tensors, metadata, metadata_keys })
    }
}

/// A shard is a file beside the index and nothing else.
fn check_shard(shard: &str, offset: u64) -> Result<(), Refusal> {
    let is_name = !shard.contains(['/', '\\', ':']) && !shard.chars().any(shown::is_hidden);
    if is_name && shard.len() <= FILE_NAME && shard.ends_with(".safetensors") && !shard.starts_with('.') {
        return Ok(());
    }
    let flaw = Flaw {
        offset,
        found: quoted(shard),
        expected: "a file name such as `model-00001-of-00002.safetensors`".into(),
    };
    let what = "names a shard that is not a file beside it".to_string();
    Err(Refusal::Flaw(
        error::INDEX,
        what,
        flaw,
        "put all shards beside the index, and write their plain names in `weight_map`",
    ))
}

fn twice(offset: u64, name: &str) -> Refusal {
    let what = format!("has the name {} twice", quoted(name));
    Refusal::Flaw(
        error::INDEX,
        what,
        Flaw { offset, found: quoted(name), expected: "each name once".into() },
        error::AGAIN,
    )
}

fn too_large(offset: u64) -> Refusal {
    let flaw = Flaw { offset, found: "more names and texts".into(), expected: "no more than fits".into() };
    Refusal::Flaw(error::TOO_LARGE, "describes more than blend holds in memory".into(), flaw, error::AGAIN)
}
