//! Earlier builds: which of their outputs are known, what is taken from them, what is remembered of this one.

use super::Made;
use super::Stop;
use super::jobs;
use super::jobs::Again;
use super::ledger::Ledger;
use super::progress::Progress;
use super::reader::Files;
use crate::diag::Problem;
use crate::hir::Recipe;
use crate::plan::Output;
use crate::plan::Plan;
use crate::plan::Way;
use crate::plan::Work;
use crate::plan::way;
use crate::rebuild;
use crate::rebuild::Described;
use crate::rebuild::Digests;
use crate::rebuild::Fate;
use crate::rebuild::File;
use crate::rebuild::Old;
use crate::rebuild::Record;
use crate::rebuild::Sources;
use crate::rebuild::sum;
use crate::rebuild::sum::Sum;
use crate::store;
use crate::store::Fingerprint;
use crate::store::Inputs;
use crate::store::Note;
use crate::store::Part;
use crate::store::Shelf;
use crate::store::Staged;
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

/// Outputs whose records are looked at beside the one in place.
const RECENT: usize = 24;

/// Bytes that must be computed before other outputs are looked at: less is made sooner.
const WORTH: u64 = 16 << 20;

/// Where records of outputs are.
pub fn shelf() -> Option<Shelf> {
    Shelf::open("outputs", SHELF)
}

/// What is known before the work begins.
pub struct Before {
    shelf: Option<Shelf>,
    /// Per output: keys and stories of its tensors.
    pub described: Vec<Vec<Described>>,
    /// Per output: digest of its plan, for what a killed build has left.
    pub plans: Vec<Option<[u8; 32]>>,
    pub fates: Vec<Vec<Fate>>,
    /// Per output: it stands as it should.
    pub unchanged: Vec<bool>,
    /// Per output: why tensors are made.
    pub reasons: Vec<Vec<String>>,
    /// Files of earlier outputs.
    pub olds: Inputs,
    /// Per output: the first of the files at its own place, if its record is known.
    first: Vec<Option<usize>>,
    /// Per output: that record, and the files as they were before anything was read of them.
    own: Vec<Option<(Record, Vec<Option<(Fingerprint, bool)>>)>>,
    /// Tensors of earlier outputs that were not what their records say, and had to be made.
    spoilt: Mutex<Vec<(usize, usize)>>,
}

/// An output that a record tells of, and where its files are.
struct Known {
    record: Record,
    files: Inputs,
    intact: Vec<bool>,
    changed: bool,
    path: PathBuf,
    /// The files before anything was read of them, and whether they may be written to without a trace.
    prints: Vec<Option<(Fingerprint, bool)>>,
}

fn key_of(path: &Path) -> [u8; 32] {
    let text = path.as_os_str().as_encoded_bytes();
    *blake3::Hasher::new_derive_key("blend output 1").update(text).finalize().as_bytes()
}

/// Under which the paths of outputs are listed, the youngest first.
const RECENT_KEY: [u8; 32] = [0x52; 32];

fn recent(shelf: &Shelf) -> Vec<PathBuf> {
    shelf.get(&RECENT_KEY).and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
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
        let prints: Vec<_> = (0..record.files.len()).map(print).collect();
        let same = |(number, file): (usize, &File)| prints[number].map(|print| print.0) == Some(file.print);
        let intact = numbered().map(|one| !reuse.verify && !one.1.unsettled && same(one)).collect();
        let changed = !numbered().all(same);
        // Shorter than it was: what is left cannot be told apart.
        let whole = numbered().all(|(number, file)| files.size(number) == Some(file.print.size));
        whole.then_some(Known { record, files, intact, changed, path, prints })
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

/// Looks for earlier outputs and decides what is taken from them.
pub fn look(recipe: &Recipe, plan: &Plan, inputs: &Inputs, reuse: Reuse, progress: &Progress) -> Result<Before, Stop> {
    let sources = Sources::new(recipe, plan, &prints(plan, inputs), reuse.digests);
    let described: Vec<Vec<Described>> =
        plan.outputs.iter().map(|output| rebuild::described(recipe, output, &sources)).collect();
    let plans = plan.outputs.iter().zip(&described).map(|(output, own)| rebuild::plan_digest(output, own)).collect();
    let shelf = shelf();
    let readable = shelf.as_ref().filter(|_| !reuse.fresh);
    let mut olds: Vec<Old> = vec![];
    let mut files = Inputs::default();
    let (mut own, mut own_prints) = (vec![], vec![]);
    let mut known_paths = vec![];
    let mut count = 0;
    let mut add = |known: Known, files: Inputs, olds: &mut Vec<Old>| {
        let first = count;
        count += known.record.files.len();
        let Known { record, intact, changed, files: own, .. } = known;
        olds.push(Old { record, first, intact, changed, in_place: false });
        files.joined(own)
    };
    for output in &plan.outputs {
        let known = readable.zip(store::real_path(&output.path));
        let known = known.and_then(|(shelf, path)| Known::of(shelf, path, reuse));
        own.push(known.as_ref().map(|_| olds.len()));
        own_prints.push(known.as_ref().map_or_else(Vec::new, |known| known.prints.clone()));
        if let Some(known) = known {
            known_paths.push(known.path.clone());
            files = add(known, files, &mut olds);
        }
    }
    let decided = |olds: &mut [Old]| -> Vec<rebuild::Again> {
        let outputs = plan.outputs.iter().zip(&described).zip(&own);
        let decide = |((output, described), own): ((&Output, &Vec<Described>), &Option<usize>)| {
            // The one in place comes first.
            if let Some(own) = *own {
                olds[own].in_place = true;
                olds[..=own].rotate_right(1);
            }
            let again = rebuild::decide(output, described, olds);
            if let Some(own) = *own {
                olds[..=own].rotate_left(1);
                olds[own].in_place = false;
            }
            again
        };
        outputs.map(decide).collect()
    };
    let mut again = decided(&mut olds);
    if let Some(shelf) = readable
        && computed(plan, &again) >= WORTH
    {
        let more = recent(shelf).into_iter().filter(|path| !known_paths.contains(path)).take(RECENT);
        for known in more.filter_map(|path| Known::of(shelf, path, reuse)) {
            files = add(known, files, &mut olds);
        }
        again = decided(&mut olds);
    }
    let reasons = plan.outputs.iter().enumerate();
    let reasons = reasons.map(|(number, output)| {
        rebuild::explain(output, &described[number], &again[number].fates, own[number].map(|at| &olds[at]))
    });
    let reasons = reasons.collect();
    let mut unchanged = vec![];
    for (number, output) in plan.outputs.iter().enumerate() {
        let stands = again[number].unchanged
            && own[number].is_some_and(|at| {
                let old = &olds[at];
                old.intact.iter().all(|intact| *intact) || as_recorded(output, old, &files, progress)
            });
        unchanged.push(stands);
    }
    if progress.cancelled() {
        return Err(Stop::Cancelled);
    }
    let first = own.iter().map(|own| own.map(|at| olds[at].first)).collect();
    let own = own.into_iter().zip(own_prints).map(|(own, prints)| Some((olds[own?].record.clone(), prints))).collect();
    let fates = again.into_iter().map(|again| again.fates).collect();
    Ok(Before { shelf, described, plans, fates, unchanged, reasons, olds: files, first, own, spoilt: Mutex::default() })
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

impl Before {
    /// The file whose content a part of an output may begin with: the one in its place, if most of it stays.
    pub fn model(&self, output: usize, planned: &Output, part: usize) -> Option<usize> {
        let file = self.first[output]? + part;
        let sums = !planned.parts[part].sums.is_empty();
        let stays = planned.tensors.iter().zip(&self.fates[output]).filter(|(tensor, fate)| {
            tensor.part == part
                && matches!(fate, Fate::Take { file: from, offset, compare: false, .. }
                    if (*from, *offset) == (file, tensor.offset))
        });
        let bytes: u64 = stays.map(|(tensor, _)| tensor.len).sum();
        let most = !sums && bytes > planned.parts[part].size / 2;
        most.then_some(file)
    }

    /// A part begins with the content of a file of an earlier output.
    pub fn begun(&mut self, output: usize, planned: &Output, part: usize, file: usize) {
        for (tensor, fate) in planned.tensors.iter().zip(&mut self.fates[output]) {
            if let Fate::Take { file: from, offset, sum, compare: false } = *fate
                && tensor.part == part
                && (from, offset) == (file, tensor.offset)
            {
                *fate = Fate::There { sum };
            }
        }
    }

    /// The files of an output that stands as it should, to be read.
    pub fn standing(&mut self, output: usize, planned: &Output) -> Option<Vec<Part>> {
        let first = self.first[output].filter(|_| self.unchanged[output])?;
        let part = |number: usize, name: &str| {
            let path = if planned.directory { planned.path.join(name) } else { planned.path.clone() };
            Part::standing(&self.olds, first + number, &path)
        };
        let parts: Option<Vec<Part>> =
            planned.parts.iter().enumerate().map(|(number, own)| part(number, &own.name)).collect();
        self.unchanged[output] = parts.is_some();
        if parts.is_some() {
            for fate in &mut self.fates[output] {
                *fate = Fate::There { sum: if let Fate::Take { sum, .. } = *fate { sum } else { None } };
            }
        }
        parts
    }

    /// Takes over what killed builds had finished, as far as the bytes are what was noted.
    pub fn resume(
        &mut self,
        plan: &Plan,
        files: &Files,
        staged: &[Option<Staged>],
        progress: &Progress,
    ) -> Result<(), Stop> {
        let mut noted = vec![];
        let mut first_part = 0;
        for (number, output) in plan.outputs.iter().enumerate() {
            let notes = staged[number].as_ref().and_then(Staged::notes).unwrap_or_default();
            noted.extend(notes.iter().map(|note| (number, first_part, *note)));
            first_part += output.parts.len();
        }
        let found: Mutex<Vec<(usize, usize, Sum)>> = Mutex::default();
        jobs::in_order(noted.len(), progress, |at| {
            let (output, first_part, note) = noted[at];
            let Some(tensor) = plan.outputs[output].tensors.get(note.tensor as usize) else { return Ok(()) };
            let part = &files.parts[first_part + tensor.part];
            let read = |at: u64, dst: &mut [u8]| {
                part.read_at(tensor.offset + at, dst)?;
                part.found(tensor.offset + at, dst);
                Ok::<(), Problem>(())
            };
            if sum::of(tensor.len, read)? == note.sum {
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                found.push((output, note.tensor as usize, note.sum));
                progress.add(tensor.len);
            } else {
                part.lost(tensor.offset, tensor.len);
            }
            Ok(())
        })?;
        for (output, tensor, sum) in found.into_inner().unwrap_or_else(PoisonError::into_inner) {
            self.fates[output][tensor] = Fate::Done { sum };
        }
        Ok(())
    }

    /// Does the work of a plan; the sums of the tensors of every output, where they are known.
    pub fn write_all(
        &self,
        plan: &Plan,
        files: &Files,
        staged: &[Option<Staged>],
        piece: u64,
        progress: &Progress,
    ) -> Result<Vec<Vec<Option<Sum>>>, Stop> {
        let finished = |output: usize, tensor: usize, sum: &Sum| {
            staged[output].iter().for_each(|stage| stage.note(&Note { tensor: tensor as u32, sum: *sum }));
        };
        let mut ledger = Ledger::new(plan, &self.fates, &finished);
        for (output, fates) in plan.outputs.iter().zip(&self.fates) {
            let there = output.tensors.iter().zip(fates).filter(|(_, fate)| matches!(fate, Fate::There { .. }));
            progress.add(there.map(|(tensor, _)| tensor.len).sum());
        }
        let work = Again { fates: &self.fates, olds: &self.olds, ledger: &ledger };
        jobs::write_all(plan, files, piece, Some(&work), None, progress)?;
        let wrong = ledger.take_wrong();
        if !wrong.is_empty() {
            let mut fates = self.fates.clone();
            let mut first_part = 0;
            let firsts: Vec<usize> = plan
                .outputs
                .iter()
                .map(|output| {
                    let first = first_part;
                    first_part += output.parts.len();
                    first
                })
                .collect();
            for &(output, number) in &wrong {
                let tensor = &plan.outputs[output].tensors[number];
                fates[output][number] = Fate::Make;
                files.parts[firsts[output] + tensor.part].lost(tensor.offset, tensor.len);
            }
            let work = Again { fates: &fates, olds: &self.olds, ledger: &ledger };
            jobs::write_all(plan, files, piece, Some(&work), Some(&wrong), progress)?;
            self.spoilt.lock().unwrap_or_else(PoisonError::into_inner).extend(wrong);
        }
        Ok((0..plan.outputs.len()).map(|output| ledger.sums(output)).collect())
    }

    /// Files of earlier outputs that something was taken from did not change meanwhile.  Errors: E0604.
    pub fn verify(&self) -> Result<(), Problem> {
        let mut used: Vec<usize> = vec![];
        for fate in self.fates.iter().flatten() {
            if let Fate::Take { file, .. } = fate {
                used.push(*file);
            }
        }
        used.sort_unstable();
        used.dedup();
        self.olds.verify_content(&used)
    }

    /// Remembers an output: `prints` are its files as they were left, in the order of their names, and whether they may be
    /// written to without a trace.
    pub fn remember(
        &self,
        output: usize,
        planned: &Output,
        sums: &[Option<Sum>],
        prints: &[Option<(Fingerprint, bool)>],
    ) {
        let (Some(shelf), Some(path)) = (&self.shelf, store::real_path(&planned.path)) else { return };
        let names = planned.file_names();
        let file = |(name, print): (&&str, &Option<(Fingerprint, bool)>)| {
            print.map(|(print, unsettled)| File { name: name.to_string(), print, unsettled })
        };
        let Some(files) = names.iter().zip(prints).map(file).collect::<Option<Vec<File>>>() else { return };
        if files.len() != names.len() {
            return;
        }
        let record = Record::new(planned, &self.described[output], sums, files);
        shelf.put(&key_of(&path), &record.to_bytes());
        // Two builds that list at once lose one entry of the list: then that output is only found at its own place.
        let mut paths = recent(shelf);
        paths.retain(|other| *other != path);
        paths.insert(0, path);
        paths.truncate(RECENT);
        if let Ok(text) = serde_json::to_vec(&paths) {
            shelf.put(&RECENT_KEY, &text);
        }
    }

    /// Remembers again an output that stands as it should, by the files as they were before they were looked at: they may
    /// have settled, and keys may be other ones.  Its files get the present time, so that who builds by times is done.
    pub fn settled(&self, output: usize, planned: &Output) {
        let Some((own, prints)) = &self.own[output] else { return };
        if let Some(renewed) = renewed(planned, prints) {
            let sums: Vec<Option<Sum>> = own.tensors.iter().map(|row| row.sum).collect();
            return self.remember(output, planned, &sums, &renewed);
        }
        if own.tensors.iter().zip(&self.described[output]).all(|(row, described)| row.keys == described.keys)
            && own.files.iter().zip(prints).all(|(file, print)| Some((file.print, file.unsettled)) == *print)
        {
            return;
        }
        let sums: Vec<Option<Sum>> = own.tensors.iter().map(|row| row.sum).collect();
        self.remember(output, planned, &sums, prints);
    }
}

/// Gives the files of an output the present time; what they are then.
fn renewed(planned: &Output, prints: &[Option<(Fingerprint, bool)>]) -> Option<Vec<Option<(Fingerprint, bool)>>> {
    let path = store::real_path(&planned.path)?;
    let names = planned.file_names();
    let at = |name: &&str| if name.is_empty() { path.clone() } else { path.join(name) };
    let paths: Vec<PathBuf> = names.iter().map(at).collect();
    let before: Vec<Fingerprint> = prints.iter().map(|print| Some((*print)?.0)).collect::<Option<_>>()?;
    if before.len() != paths.len() {
        return None;
    }
    let now = store::renew(&paths, planned.directory.then_some(path.as_path()), &before)?;
    Some(now.into_iter().map(|print| Some((print, false))).collect())
}

/// How the tensors of every output came about.
pub fn made(plan: &Plan, before: Option<&Before>) -> Vec<Made> {
    let spoilt = before.map(|before| before.spoilt.lock().unwrap_or_else(PoisonError::into_inner).clone());
    let spoilt = spoilt.unwrap_or_default();
    let outputs = plan.outputs.iter().enumerate();
    let of = |(number, output): (usize, &Output)| {
        let mut made = Made { unchanged: before.is_some_and(|before| before.unchanged[number]), ..Made::default() };
        for (at, tensor) in output.tensors.iter().enumerate() {
            let fate = before.map_or(Fate::Make, |before| before.fates[number][at]);
            let count = match fate {
                Fate::Take { .. } | Fate::There { .. } if !spoilt.contains(&(number, at)) => {
                    made.kept += 1;
                    continue;
                }
                Fate::Done { .. } => {
                    made.resumed += 1;
                    continue;
                }
                _ => match way(&tensor.work) {
                    Way::Copied => &mut made.copied,
                    Way::Decoded => &mut made.decoded,
                    Way::Computed => &mut made.computed,
                },
            };
            *count += 1;
            made.bytes += tensor.len;
        }
        made
    };
    outputs.map(of).collect()
}
