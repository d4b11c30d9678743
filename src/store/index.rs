//! `model.safetensors.index.json`, `pytorch_model.bin.index.json`: which shard holds which tensor.

use super::error;
use super::error::Flaw;
use super::header::Budget;
use super::header::Refusal;
use super::header::SHARDS;
use super::json::Json;
use super::json::Stop;
use super::json::quoted;
use super::sheet::NAME;
use super::sheet::TEXT;
use super::sheet::check_name;
use super::sys;
use crate::diag::Problem;
use crate::diag::shown;
use crate::tensor::Entry;
use crate::tensor::Header;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

/// Longest index that is read: three times that of the largest published models.
const LONGEST: u64 = 32 << 20;

/// Longest name of a shard: what file systems take.
const FILE_NAME: usize = 255;

/// Keys beside each other in an index: published ones have two.
const KEYS: usize = 64;

/// What the name of an index of PyTorch's shards ends in.
pub const TORCH: &str = ".bin.index.json";

/// What an index says, without its map from tensors to shards: that is read again, when the shards' headers are known,
/// by [`check`], so that it need not be held.
pub struct Index {
    /// Names of files in the index's directory, sorted.
    pub shards: Vec<String>,
    /// The texts of its `metadata`.
    pub metadata: BTreeMap<String, String>,
    /// All keys of its `metadata`.
    pub metadata_keys: Vec<String>,
}

/// Reads an index.  Errors: E0501, E0502, E0510, E0511, E0601.
pub fn read(path: &Path, budget: &mut Budget) -> Result<Index, Problem> {
    let mut shards = BTreeSet::new();
    let is_torch = path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(TORCH));
    let ending = if is_torch { ".bin" } else { ".safetensors" };
    let (metadata, metadata_keys) = scan(path, budget, &mut |pair: Pair| {
        check_name(pair.tensor, pair.offset)?;
        check_shard(pair.shard, pair.shard_offset, ending)?;
        if !shards.contains(pair.shard) {
            shards.insert(pair.shard.to_string());
        }
        if shards.len() > SHARDS {
            let what = "names more shards than blend reads".to_string();
            let found = format!("more than {SHARDS} shards");
            let flaw = Flaw { offset: pair.offset, found, expected: format!("at most {SHARDS}") };
            return Err(Refusal::Flaw(error::TOO_LARGE, what, flaw, error::AGAIN));
        }
        Ok(())
    })?;
    Ok(Index { shards: shards.into_iter().collect(), metadata, metadata_keys })
}

/// The index and the headers of its shards name the same tensors in the same files.  Errors: E0511 for a name that
/// stands twice, E0512, E0601.
pub fn check(path: &Path, header: &Header, budget: &mut Budget) -> Result<(), Problem> {
    let places: HashMap<&str, usize> =
        header.entries.iter().enumerate().map(|(at, entry)| (entry.name.as_str(), at)).collect();
    let mut seen = vec![false; header.entries.len()];
    // A shard may be more than one file of the header: the arrays of a pickle lie in memory.
    let shard_of = |entry: &Entry| {
        let name = header.files[entry.file].path.file_name();
        name.map(|name| name.to_string_lossy()).unwrap_or_default()
    };
    scan(path, budget, &mut |pair: Pair| {
        let disagree = |how: &str| {
            let what = format!("has {} in {}, but it is {how}", quoted(pair.tensor), quoted(pair.shard));
            let flaw =
                Flaw { offset: pair.offset, found: quoted(pair.tensor), expected: "a tensor of that shard".into() };
            Refusal::Flaw(error::DISAGREE, what, flaw, error::AGAIN)
        };
        let Some(&at) = places.get(pair.tensor) else { return Err(disagree("not there")) };
        if std::mem::replace(&mut seen[at], true) {
            return Err(twice(pair.offset, pair.tensor));
        }
        let there = shard_of(&header.entries[at]);
        if there != pair.shard { Err(disagree(&format!("in {}", quoted(&there)))) } else { Ok(()) }
    })?;
    let Some(at) = seen.iter().position(|seen| !seen) else { return Ok(()) };
    let entry = &header.entries[at];
    let (own, shard) = (quoted(&entry.name), quoted(&shard_of(entry)));
    let message = format!("`{}` lacks {own}, which is in {shard}", shown::path(path));
    Err(Problem::new(error::DISAGREE, message).help(error::AGAIN))
}

/// One line of the map.
struct Pair<'a> {
    tensor: &'a str,
    shard: &'a str,
    /// Where they stand in the file.
    offset: u64,
    shard_offset: u64,
}

type Visit<'v> = &'v mut dyn FnMut(Pair) -> Result<(), Refusal>;

/// Reads an index from end to end; gives the texts and the keys of its `metadata`.
fn scan(path: &Path, budget: &mut Budget, visit: Visit) -> Result<(BTreeMap<String, String>, Vec<String>), Problem> {
    let file = sys::open_at_once(path).map_err(|error| error::not_opened(path, &error))?;
    let metadata = file.metadata().map_err(|error| error::read(path, &error))?;
    if !metadata.is_file() {
        return Err(error::not_regular(path, sys::special_kind(&metadata)));
    }
    if metadata.len() > LONGEST {
        let found = format!("{} more bytes", metadata.len() - LONGEST);
        let flaw = Flaw { offset: LONGEST, found, expected: format!("an index of at most {LONGEST}") };
        return Err(error::flawed(error::TOO_LARGE, path, "is longer than blend reads", flaw, error::AGAIN));
    }
    let json = Json::new(file.take(LONGEST), 0);
    let mut reader = Reader { json, budget, visit, texts: BTreeMap::new(), keys: vec![] };
    reader.read().map_err(|refusal| in_index(refusal).of_file(path))?;
    Ok((reader.texts, reader.keys))
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

struct Reader<'b, 'v, R> {
    json: Json<R>,
    budget: &'b mut Budget,
    visit: Visit<'v>,
    /// Of the metadata: the texts, and all keys.
    texts: BTreeMap<String, String>,
    keys: Vec<String>,
}

impl<R: Read> Reader<'_, '_, R> {
    fn read(&mut self) -> Result<(), Refusal> {
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
                "metadata" => self.metadata()?,
                "weight_map" => self.weight_map()?,
                _ => self.json.skip_value(TEXT)?,
            }
            if seen.len() == KEYS {
                return Err(Refusal::from(Stop::flaw(offset, quoted(&key), format!("at most {KEYS} keys"))));
            }
            seen.push(key);
        }
        self.json.padding(b" \t\r\n", "the end of the index")?;
        if !seen.iter().any(|key| key == "weight_map") {
            let flaw = Flaw { offset: 0, found: "an object without it".into(), expected: "`weight_map`".into() };
            let help = "write the path of a checkpoint, or of a directory that has one";
            return Err(Refusal::Flaw(error::INDEX, "is not an index of shards".into(), flaw, help));
        }
        Ok(())
    }

    fn metadata(&mut self) -> Result<(), Refusal> {
        self.json.mark(b'{')?;
        let mut first = true;
        while self.json.member(&mut first)? {
            let offset = self.json.start()?;
            let key = self.json.key(NAME)?;
            let value = self.json.string_if_any(TEXT)?;
            if value.is_none() {
                self.json.skip_value(TEXT)?;
            }
            if !self.budget.charge(2 * key.len() + value.as_ref().map_or(0, String::len) + 320) {
                return Err(too_large(offset));
            }
            self.keys.push(key.clone());
            value.and_then(|value| self.texts.insert(key, value));
        }
        Ok(())
    }

    fn weight_map(&mut self) -> Result<(), Refusal> {
        self.json.mark(b'{')?;
        let mut first = true;
        let mut tensor = String::new();
        while self.json.member(&mut first)? {
            let offset = self.json.start()?;
            tensor.clear();
            tensor.push_str(self.json.text(NAME)?);
            self.json.mark(b':')?;
            let shard_offset = self.json.start()?;
            let shard = self.json.text(NAME)?;
            (self.visit)(Pair { tensor: &tensor, shard, offset, shard_offset })?;
        }
        Ok(())
    }
}

/// A shard is a file beside the index and nothing else.
fn check_shard(shard: &str, offset: u64, ending: &str) -> Result<(), Refusal> {
    let is_name = !shard.contains(['/', '\\', ':']) && !shown::has_hidden(shard);
    if is_name && shard.len() <= FILE_NAME && shard.ends_with(ending) && !shard.starts_with('.') {
        return Ok(());
    }
    let flaw =
        Flaw { offset, found: quoted(shard), expected: format!("a file name such as `model-00001-of-00002{ending}`") };
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
