//! Which earlier outputs are known, and what is taken from them.

use super::Stop;
use super::again::Before;
use super::again::Owner;
use super::jobs;
use super::progress::Progress;
use crate::hir::Recipe;
use crate::plan::Output;
use crate::plan::Plan;
use crate::plan::Work;
use crate::rebuild;
use crate::rebuild::Described;
use crate::rebuild::Digests;
use crate::rebuild::Fate;
use crate::rebuild::File;
use crate::rebuild::Old;
use crate::rebuild::Record;
use crate::rebuild::Sources;
use crate::rebuild::sum;
use crate::store;
use crate::store::Fingerprint;
use crate::store::Inputs;
use crate::store::Shelf;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::SystemTime;

/// What a run may do with earlier ones.
#[derive(Clone, Copy, Debug)]
pub struct Reuse {
    /// Digests of the tensors of inputs, where they are known already.
    pub digests: Digests,
    /// Everything is made from nothing; it is remembered all the same.
    pub fresh: bool,
    /// Bytes of earlier outputs are only taken when they have the sums of their builds, whatever their files look like.
    pub verify: bool,
}

/// Bytes of all records together.
const SHELF: u64 = 128 << 20;

/// Outputs whose records are looked at beside those in place.
const RECENT: usize = 24;

/// Files of such outputs that are open together, at most.
const RECENT_FILES: u64 = 128;

/// Bytes that must be computed before other outputs are looked at: less is made sooner.
const WORTH: u64 = 16 << 20;

/// How many files of outputs that are not in place a run has open, at most.
pub fn recent_files() -> u64 {
    (store::open_files() / 4).min(RECENT_FILES)
}

/// Where records of outputs are.
pub fn shelf() -> Option<Shelf> {
    Shelf::open("outputs", SHELF)
}

/// The key of the record of an output.
pub fn key_of(path: &Path) -> [u8; 32] {
    let text = path.as_os_str().as_encoded_bytes();
    *blake3::Hasher::new_derive_key("blend output 1").update(text).finalize().as_bytes()
}

/// Under which the paths of outputs are listed, the youngest first.
const RECENT_KEY: [u8; 32] = [0x52; 32];

fn recent(shelf: &Shelf) -> Vec<PathBuf> {
    shelf.get(&RECENT_KEY).and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Lists an output as the youngest.  Two builds that list at once lose one entry of the list: then that output is only found
/// at its own place.
pub fn list(shelf: &Shelf, path: PathBuf) {
    let mut paths = recent(shelf);
    paths.retain(|other| *other != path);
    paths.insert(0, path);
    paths.truncate(RECENT);
    if let Ok(text) = serde_json::to_vec(&paths) {
        shelf.put(&RECENT_KEY, &text);
    }
}

/// What files were before anything was read of them, and whether they may be written to without a trace.
pub type Prints = Vec<Option<(Fingerprint, bool)>>;

/// An output that a record tells of, and where its files are.
struct Known {
    record: Record,
    files: Inputs,
    intact: Vec<bool>,
    changed: bool,
    path: PathBuf,
    prints: Prints,
}

impl Known {
    fn of(shelf: &Shelf, path: PathBuf, reuse: Reuse) -> Option<Known> {
        let record = Record::from_bytes(&shelf.get(&key_of(&path))?)?;
        let at = |file: &File| if file.name.is_empty() { path.clone() } else { path.join(&file.name) };
        let paths: Vec<PathBuf> = record.files.iter().map(at).collect();
        let files = Inputs::standing(&paths)?;
        let numbered = || record.files.iter().enumerate();
        let now = SystemTime::now();
        let print = |number| files.fingerprint(number).map(|print| (print, print.unsettled(now).is_some()));
        let prints: Prints = (0..record.files.len()).map(print).collect();
        let same = |(number, file): (usize, &File)| prints[number].map(|print| print.0) == Some(file.print);
        let intact = numbered().map(|one| !reuse.verify && !one.1.unsettled && same(one)).collect();
        let changed = !numbered().all(same);
        // Shorter than it was: what is left cannot be told apart.
        let whole = numbered().all(|(number, file)| files.size(number) == Some(file.print.size));
        whole.then_some(Known { record, files, intact, changed, path, prints })
    }
}

/// Earlier outputs, their files numbered as one list.
#[derive(Default)]
struct Olds {
    all: Vec<Old>,
    files: Inputs,
    owners: Vec<Owner>,
    paths: Vec<PathBuf>,
}

impl Olds {
    fn add(&mut self, known: Known) {
        let Known { record, intact, changed, files, path, prints } = known;
        let first = self.owners.len();
        let prints = prints.into_iter().map(|print| print.map(|print| print.0));
        let owner = |(part, print)| Owner { output: path.clone(), part, print };
        self.owners.extend(prints.enumerate().map(owner));
        self.files = std::mem::take(&mut self.files).joined(files);
        self.all.push(Old::new(record, first, intact, changed));
        self.paths.push(path);
    }
}

/// Fingerprints of the inputs, none for one that might be written to without a trace.  Waits for one that has just been
/// written until the clock has moved on.
fn prints(plan: &Plan, inputs: &Inputs) -> Vec<Option<Fingerprint>> {
    let print = |file: usize| {
        let print = inputs.fingerprint(file)?;
        match print.unsettled(SystemTime::now()) {
            None => Some(print),
            Some(left) if left <= store::TICK => {
                std::thread::sleep(left);
                inputs.fingerprint(file).filter(|now| *now == print)
            }
            Some(_) => None,
        }
    };
    (0..plan.files.len()).map(print).collect()
}

/// Keys and stories of all tensors of all outputs.
fn described<'r>(recipes: &[&'r Recipe], plan: &Plan, inputs: &Inputs, reuse: Reuse) -> Vec<Vec<Described>> {
    let prints = prints(plan, inputs);
    let mut last: Option<(&'r Recipe, Sources)> = None;
    let mut lines = rebuild::Lines::default();
    let outputs = plan.outputs.iter().zip(recipes);
    let of = |(output, recipe): (&Output, &&'r Recipe)| {
        // The outputs of a recipe follow each other.
        let sources = match last.take().filter(|(of, _)| std::ptr::eq(*of, *recipe)) {
            Some((_, sources)) => sources,
            None => Sources::new(recipe, plan, &prints, reuse.digests),
        };
        let described = rebuild::described(recipe, output, &sources, &mut lines);
        last = Some((*recipe, sources));
        described
    };
    outputs.map(of).collect()
}

/// Looks for earlier outputs and decides what is taken from them.  `recipes`: per output of the plan, what it is of; those
/// of one recipe stand together.
pub fn look(
    recipes: &[&Recipe],
    plan: &Plan,
    inputs: &Inputs,
    reuse: Reuse,
    progress: &Progress,
) -> Result<Before, Stop> {
    let described = described(recipes, plan, inputs, reuse);
    let plans = plan.outputs.iter().zip(&described).map(|(output, own)| rebuild::plan_digest(output, own)).collect();
    let shelf = shelf();
    let readable = shelf.as_ref().filter(|_| !reuse.fresh);
    let mut olds = Olds::default();
    let (mut own, mut own_prints, mut broken) = (vec![], vec![], vec![]);
    for output in &plan.outputs {
        let place = readable.zip(store::real_path(&output.path));
        let known = place.clone().and_then(|(shelf, path)| Known::of(shelf, path, reuse));
        own.push(known.as_ref().map(|_| olds.all.len()));
        own_prints.push(known.as_ref().map_or_else(Vec::new, |known| known.prints.clone()));
        broken.push(place.is_some_and(|(shelf, path)| shelf.is_broken(&key_of(&path))));
        known.into_iter().for_each(|known| olds.add(known));
    }
    let decided = |olds: &[Old]| -> Vec<rebuild::Again> {
        let outputs = plan.outputs.iter().zip(&described).zip(&own);
        outputs.map(|((output, described), own)| rebuild::decide(output, described, olds, *own)).collect()
    };
    let mut again = decided(&olds.all);
    if let Some(shelf) = readable
        && computed(plan, &again) >= WORTH
    {
        let mut left = recent_files();
        for path in recent(shelf) {
            if olds.paths.contains(&path) {
                continue;
            }
            let Some(known) = Known::of(shelf, path, reuse) else { continue };
            if let Some(rest) = left.checked_sub(known.record.files.len() as u64) {
                left = rest;
                olds.add(known);
            }
        }
        again = decided(&olds.all);
    }
    let reasons = plan.outputs.iter().enumerate();
    let reasons = reasons.map(|(number, output)| {
        let old = own[number].map(|at| &olds.all[at]);
        rebuild::explain(output, &described[number], &again[number].fates, old, broken[number])
    });
    let reasons = reasons.collect();
    let mut unchanged = vec![];
    for (number, output) in plan.outputs.iter().enumerate() {
        let stands = again[number].unchanged
            && own[number].is_some_and(|at| {
                let old = &olds.all[at];
                old.intact.iter().all(|intact| *intact) || as_recorded(output, old, &olds.files, progress)
            });
        unchanged.push(stands);
    }
    if progress.cancelled() {
        return Err(Stop::Cancelled);
    }
    let first = own.iter().map(|own| own.map(|at| olds.all[at].first)).collect();
    let mut records: Vec<Option<Record>> = olds.all.into_iter().map(|old| Some(old.record)).collect();
    let own = own.into_iter().zip(own_prints);
    let own = own.map(|(own, prints)| Some((records[own?].take()?, prints))).collect();
    let fates = again.into_iter().map(|again| again.fates).collect();
    let spoilt = Mutex::default();
    let (olds, owners) = (olds.files, olds.owners);
    Ok(Before { shelf, described, plans, fates, unchanged, reasons, olds, owners, first, own, spoilt })
}

/// Bytes that are still to be computed.
fn computed(plan: &Plan, again: &[rebuild::Again]) -> u64 {
    let outputs = plan.outputs.iter().zip(again);
    let tensors = outputs.flat_map(|(output, again)| output.tensors.iter().zip(&again.fates));
    let computed = tensors.filter(|(tensor, fate)| **fate == Fate::Make && !matches!(tensor.work, Work::Copy { .. }));
    computed.map(|(tensor, _)| tensor.len).sum()
}

/// Reads all of an output in place: its known bytes and its tensors are those of its build.
fn as_recorded(output: &Output, old: &Old, files: &Inputs, progress: &Progress) -> bool {
    // Sums that stand between tensors were not remembered.
    if output.parts.iter().any(|part| !part.sums.is_empty()) {
        return false;
    }
    let is = |file: usize, offset: u64, bytes: &[u8]| {
        let mut there = vec![0; bytes.len()];
        files.read(file, offset, &mut there).is_ok() && there == bytes
    };
    let known = output
        .parts
        .iter()
        .enumerate()
        .all(|(number, part)| part.fixed.iter().all(|fixed| is(old.first + number, fixed.offset, &fixed.bytes)));
    let index = output.index.as_ref().is_none_or(|index| is(old.first + output.parts.len(), 0, index.1.as_bytes()));
    let rows = &old.record.tensors;
    let right = Mutex::new(known && index);
    let each = |at: usize| {
        let row = &rows[at];
        let found = sum::of(row.len, |at, dst| files.read(old.first + row.part, row.offset + at, dst)).ok();
        if row.sum.is_none() || found != row.sum {
            *right.lock().unwrap_or_else(PoisonError::into_inner) = false;
        }
        Ok(())
    };
    known && index && jobs::in_order(rows.len(), progress, each).is_ok() && right.into_inner().unwrap_or(false)
}
