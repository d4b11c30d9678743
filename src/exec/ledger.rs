//! Which tensors are finished, and the sums of their bytes, taken as they pass.

use super::reader::Files;
use crate::diag::Problem;
use crate::plan::Plan;
use crate::rebuild::Fate;
use crate::rebuild::sum;
use crate::rebuild::sum::Adder;
use crate::rebuild::sum::Feeder;
use crate::rebuild::sum::Sum;
use crate::store::Moved;
use crate::store::Part;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// One row per tensor of every output.
pub struct Ledger<'l> {
    rows: Vec<Vec<Row>>,
    /// Told of every tensor that is finished, with its sum.
    finished: &'l (dyn Fn(usize, usize, &Sum) + Sync),
    /// Tensors that are not what their earlier output's record says.
    wrong: Mutex<Vec<(usize, usize)>>,
}

struct Row {
    adder: Adder,
    /// Bytes of the tensor, and those that are still to come.
    len: u64,
    left: AtomicU64,
    /// Some were written in pieces that are no whole units: they are read again.
    odd: AtomicBool,
    /// Some moved inside the kernel, or are of no use to others: there is no sum.
    unseen: AtomicBool,
    /// What is known beforehand, and needs no sum.
    known: Option<Sum>,
    /// What it must be.
    wanted: Option<Sum>,
    sum: OnceLock<Option<Sum>>,
}

impl Row {
    fn new(len: u64, fate: &Fate) -> Row {
        let (known, wanted) = match *fate {
            Fate::Make => (None, None),
            Fate::Take { sum, compare, .. } => (sum.filter(|_| !compare), sum.filter(|_| compare)),
            Fate::There { sum } => (sum, None),
            Fate::Done { sum } => (Some(sum), None),
        };
        let sum = OnceLock::new();
        match fate {
            Fate::There { sum: there } => drop(sum.set(*there)),
            Fate::Done { sum: done } => drop(sum.set(Some(*done))),
            _ if len == 0 => drop(sum.set(Some(Adder::default().sum(0)))),
            _ => {}
        }
        let (odd, unseen) = (AtomicBool::new(false), AtomicBool::new(false));
        Row { adder: Adder::default(), len, left: AtomicU64::new(len), odd, unseen, known, wanted, sum }
    }
}

impl<'l> Ledger<'l> {
    pub fn new(plan: &Plan, fates: &[Vec<Fate>], finished: &'l (dyn Fn(usize, usize, &Sum) + Sync)) -> Ledger<'l> {
        let rows = plan.outputs.iter().zip(fates);
        let rows = rows.map(|(output, fates)| {
            output.tensors.iter().zip(fates).map(|(tensor, fate)| Row::new(tensor.len, fate)).collect()
        });
        Ledger { rows: rows.collect(), finished, wrong: Mutex::default() }
    }

    /// Bytes at `at` of a tensor have been written to `part`, where the tensor begins at `offset`; `spoilt`: they must not
    /// be taken by any other build.  Errors: E0601.
    pub fn wrote(
        &self,
        place: (usize, usize),
        at: u64,
        bytes: &[u8],
        spoilt: bool,
        part: &Part,
        offset: u64,
    ) -> Result<(), Problem> {
        let row = &self.rows[place.0][place.1];
        if spoilt {
            row.unseen.store(true, Ordering::Relaxed);
        }
        if !row.adder.add_units(at, bytes, row.len) {
            row.odd.store(true, Ordering::Relaxed);
        }
        self.arrived(place, bytes.len() as u64, part, offset)
    }

    fn arrived(&self, place: (usize, usize), count: u64, part: &Part, offset: u64) -> Result<(), Problem> {
        let row = &self.rows[place.0][place.1];
        // What other threads added before they subtracted is seen by the last.
        if row.left.fetch_sub(count, Ordering::AcqRel) != count {
            return Ok(());
        }
        let sum = if row.known.is_some() {
            row.known
        } else if row.unseen.load(Ordering::Relaxed) {
            None
        } else if row.odd.load(Ordering::Relaxed) {
            Some(sum::of(row.len, |at, dst| part.read_at(offset + at, dst))?)
        } else {
            Some(row.adder.sum(row.len))
        };
        if row.wanted.is_some() && row.wanted != sum {
            self.wrong.lock().unwrap_or_else(PoisonError::into_inner).push(place);
            return Ok(());
        }
        sum.iter().for_each(|sum| (self.finished)(place.0, place.1, sum));
        let _ = row.sum.set(sum);
        Ok(())
    }

    /// Tensors that must be made after all; from now on they count as not begun.
    pub fn take_wrong(&mut self) -> Vec<(usize, usize)> {
        let wrong = std::mem::take(self.wrong.get_mut().unwrap_or_else(PoisonError::into_inner));
        for &(output, tensor) in &wrong {
            let row = &mut self.rows[output][tensor];
            *row = Row::new(row.len, &Fate::Make);
        }
        wrong
    }

    /// The sums of an output's tensors, where they are known.
    pub fn sums(&self, output: usize) -> Vec<Option<Sum>> {
        self.rows[output].iter().map(|row| row.sum.get().copied().flatten()).collect()
    }
}

/// What a copy moves, tensor by tensor.
pub struct Passing<'c> {
    ledger: &'c Ledger<'c>,
    plan: &'c Plan,
    files: &'c Files<'c>,
    first_part: usize,
    place: (usize, usize),
    /// Bytes of the present tensor that are past.
    at: u64,
    feeder: Option<Feeder<'c>>,
    /// Bytes of this tensor that have passed since the last account.
    passed: u64,
    wrong: Option<Problem>,
}

impl<'c> Passing<'c> {
    /// From byte `at` of a tensor on, which is the start of a unit, and on into the tensors behind it.
    pub fn new(
        ledger: &'c Ledger<'c>,
        plan: &'c Plan,
        files: &'c Files<'c>,
        first_part: usize,
        place: (usize, usize),
        at: u64,
    ) -> Passing<'c> {
        Passing { ledger, plan, files, first_part, place, at, feeder: None, passed: 0, wrong: None }
    }

    /// The next bytes.
    pub fn pass(&mut self, moved: &Moved) {
        let (mut done, count) = (0, moved.count());
        while done < count {
            let tensor = &self.plan.outputs[self.place.0].tensors[self.place.1];
            if self.at == tensor.len {
                self.settle();
                (self.place.1, self.at, self.feeder) = (self.place.1 + 1, 0, None);
                continue;
            }
            let now = (count - done).min(tensor.len - self.at);
            let row = &self.ledger.rows[self.place.0][self.place.1];
            match moved {
                _ if row.known.is_some() => {}
                Moved::Unseen(_) => row.unseen.store(true, Ordering::Relaxed),
                Moved::Bytes(bytes) => {
                    let feeder = self.feeder.get_or_insert_with(|| Feeder::new(&row.adder, self.at, row.len));
                    feeder.feed(&bytes[done as usize..(done + now) as usize]);
                }
            }
            (done, self.at, self.passed) = (done + now, self.at + now, self.passed + now);
        }
    }

    fn settle(&mut self) {
        let passed = std::mem::take(&mut self.passed);
        if passed > 0 && self.wrong.is_none() {
            let tensor = &self.plan.outputs[self.place.0].tensors[self.place.1];
            let part = &self.files.parts[self.first_part + tensor.part];
            self.wrong = self.ledger.arrived(self.place, passed, part, tensor.offset).err();
        }
    }

    /// Ends the copy.  Errors: E0601.
    pub fn finish(mut self) -> Result<(), Problem> {
        self.settle();
        self.wrong.map_or(Ok(()), Err)
    }
}
