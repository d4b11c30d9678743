//! A build with earlier ones: what is taken from their outputs, what is remembered of this one.

use super::Made;
use super::Stop;
use super::earlier;
use super::earlier::Prints;
use super::jobs;
use super::jobs::Again;
use super::ledger::Ledger;
use super::progress::Progress;
use super::reader::Files;
use crate::diag::Problem;
use crate::plan::Output;
use crate::plan::Plan;
use crate::plan::Tensor;
use crate::plan::Way;
use crate::plan::way;
use crate::rebuild;
use crate::rebuild::Described;
use crate::rebuild::Fate;
use crate::rebuild::File;
use crate::rebuild::Record;
use crate::rebuild::sum;
use crate::rebuild::sum::Sum;
use crate::store;
use crate::store::Fingerprint;
use crate::store::Inputs;
use crate::store::Note;
use crate::store::Part;
use crate::store::Shelf;
use crate::store::Staged;
use crate::store::Standing;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

/// A tensor that was taken from a file that somebody touched.
struct Taken<'t> {
    tensor: &'t Tensor,
    part: &'t Part,
    keys: [Option<[u8; 32]>; 2],
    /// Of the earlier outputs, and where in it.
    file: usize,
    offset: u64,
    sum: Option<Sum>,
}

/// Whose a file of the earlier outputs is.
pub struct Owner {
    pub output: PathBuf,
    /// Number of the file in its record.
    pub part: usize,
    /// What it was when it was opened.
    pub print: Option<Fingerprint>,
}

/// What is known before the work begins.
pub struct Before {
    pub(super) shelf: Option<Shelf>,
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
    pub(super) owners: Vec<Owner>,
    /// Per output: the first of the files at its own place, if its record is known.
    pub(super) first: Vec<Option<usize>>,
    /// Per output: that record, and its files.
    pub(super) own: Vec<Option<(Record, Prints)>>,
    /// Tensors of earlier outputs that were not what their records say, and had to be made.
    pub(super) spoilt: Mutex<Vec<(usize, usize)>>,
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

    /// Files of earlier outputs that something was taken from did not change meanwhile; or somebody touched them, such as
    /// another build that found them as they should be, and what was taken is right all the same.  Errors: E0601, E0604.
    pub fn verify(&self, plan: &Plan, files: &Files, progress: &Progress) -> Result<(), Stop> {
        let mut now: HashMap<usize, Option<Fingerprint>> = HashMap::new();
        let mut taken: Vec<Taken> = vec![];
        let mut first_part = 0;
        for (number, output) in plan.outputs.iter().enumerate() {
            for (at, (tensor, fate)) in output.tensors.iter().zip(&self.fates[number]).enumerate() {
                // What was taken on condition has the sum of its build.
                let (file, offset, sum) = match *fate {
                    Fate::Take { file, offset, sum, compare: false } => (file, offset, sum),
                    Fate::There { sum } => match self.first[number] {
                        Some(first) => (first + tensor.part, tensor.offset, sum),
                        None => continue,
                    },
                    _ => continue,
                };
                let print = *now.entry(file).or_insert_with(|| self.olds.fingerprint(file));
                if print.is_none() || print != self.owners[file].print {
                    let part = &files.parts[first_part + tensor.part];
                    taken.push(Taken { tensor, part, keys: self.described[number][at].keys, file, offset, sum });
                }
            }
            first_part += output.parts.len();
        }
        jobs::in_order(taken.len(), progress, |at| {
            let Taken { tensor, part, file, sum, .. } = &taken[at];
            let is_right = match sum {
                Some(sum) => sum::of(tensor.len, |at, dst| part.read_at(tensor.offset + at, dst))? == *sum,
                None => self.is_known(&taken[at]),
            };
            if is_right { Ok(()) } else { Err(self.olds.changed(*file)) }
        })
    }

    /// Whether a tensor without a sum was what it should be: only the file's name has changed, or the record of another
    /// build says so of the file as it is now.
    fn is_known(&self, taken: &Taken) -> bool {
        let owner = &self.owners[taken.file];
        let Some((now, before)) = self.olds.fingerprint(taken.file).zip(owner.print) else { return false };
        if (now.size, now.written) == (before.size, before.written) {
            return true;
        }
        // Who gives a file the present time says so right after.
        for _ in 0..20 {
            let record = self.shelf.as_ref().and_then(|shelf| shelf.get(&earlier::key_of(&owner.output)));
            let record = record.and_then(|bytes| Record::from_bytes(&bytes));
            let is_row = |row: &rebuild::Row| {
                let mut keys = row.keys.iter().zip(&taken.keys);
                (row.part, row.offset, row.len) == (owner.part, taken.offset, taken.tensor.len)
                    && keys.any(|(a, b)| a.is_some() && a == b)
            };
            if let Some(record) = record
                && record.files.get(owner.part).is_some_and(|file| file.print == now && !file.unsettled)
            {
                return record.tensors.iter().any(is_row);
            }
            std::thread::sleep(store::TICK / 2);
        }
        false
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
        shelf.put(&earlier::key_of(&path), &record.to_bytes());
        earlier::list(shelf, path);
    }

    /// Remembers again an output that stands as it should, by the files as they were before they were looked at: they may
    /// have settled, and keys may be other ones.  Its files get the present time, so that who builds by times is done.
    pub fn settled(&self, output: usize, planned: &Output) {
        let Some((own, prints)) = &self.own[output] else { return };
        let sums: Vec<Option<Sum>> = own.tensors.iter().map(|row| row.sum).collect();
        if let Some(now) = standing(planned, prints).and_then(|files| files.renew()) {
            let still = prints.iter().map(|before| before.is_some_and(|before| before.1));
            let now: Prints = now.into_iter().zip(still).map(Some).collect();
            return self.remember(output, planned, &sums, &now);
        }
        let mut keys = own.tensors.iter().zip(&self.described[output]);
        let mut files = own.files.iter().zip(prints);
        let same = keys.all(|(row, described)| row.keys == described.keys)
            && files.all(|(file, print)| Some((file.print, file.unsettled)) == *print);
        if !same {
            self.remember(output, planned, &sums, prints);
        }
    }
}

/// The files of an output, as they were.  `None` where the system does not tell files apart.
fn standing(planned: &Output, prints: &Prints) -> Option<Standing> {
    let path = store::real_path(&planned.path)?;
    let names = planned.file_names();
    let at = |name: &&str| if name.is_empty() { path.clone() } else { path.join(name) };
    let files: Vec<PathBuf> = names.iter().map(at).collect();
    let before: Vec<Fingerprint> = prints.iter().map(|print| Some((*print)?.0)).collect::<Option<_>>()?;
    let directory = planned.directory.then_some(path);
    (before.len() == files.len()).then_some(Standing { files, directory, before })
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
