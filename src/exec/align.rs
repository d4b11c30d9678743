//! Finds the orders of channels that a plan waits for: weight matching by coordinate descent over channel spaces
//! (Ainsworth and others 2022, "Git Re-Basin", section 3.2).
//!
//! Per space one table of products between the channels of both models, streamed tensor by tensor; its best assignment;
//! the next space, until none changes.  Tables are sums in a fixed order, so nothing depends on the number of workers.

use super::Progress;
use super::Stop;
use super::jobs::reduce;
use crate::assign;
use crate::assign::BAND;
use crate::assign::Table;
use crate::diag::Problem;
use crate::hir::FreeSpace;
use crate::plan::Alignment;
use crate::plan::LINES_BYTES;
use crate::plan::Side;
use crate::plan::Tables;
use crate::random;
use crate::tensor::Moved;
use crate::text::Site;
use crate::tile::Fetch;
use crate::tile::Program;
use crate::tile::Scratch;
use crate::tile::State;
use rayon::prelude::*;
use std::sync::Arc;

/// Every space is visited so many times at most.
const ROUNDS: u32 = 100;
/// A new order must be worth more than the old one by this part of the whole.
const GAIN: f64 = 1e-12;
/// Values that one worker computes at a time.
const PIECE: usize = 65_536;

/// What an alignment came to.
#[derive(Clone, Debug)]
pub struct Aligned {
    /// The call as the recipe writes it.
    pub text: String,
    pub site: Site,
    /// Times that the spaces were gone through.
    pub rounds: u32,
    pub spaces: Vec<AlignedSpace>,
    /// The cosine of both models over all compared tensors, before and after.
    pub cosine: [f64; 2],
}

/// What became of one channel space.
#[derive(Clone, Debug)]
pub struct AlignedSpace {
    pub name: Arc<str>,
    pub channels: usize,
    /// Channels that another one stands in the place of.
    pub moved: usize,
    /// The cosine of both models over the tensors of the space, before and after.
    pub cosine: [f64; 2],
}

/// Finds all orders; `alignments` are in an order in which each needs only those before it.  Errors: those of reading.
pub fn solve<F: Fetch<Error = Problem>>(
    alignments: &[Alignment],
    fetch: &F,
    progress: &Progress,
) -> Result<(Tables, Vec<Aligned>), Stop> {
    let (mut tables, mut reports) = (Tables::default(), vec![]);
    for (number, alignment) in alignments.iter().enumerate() {
        let orders = alignment.spaces.iter().map(|space| (0..space.channels as u32).collect()).collect();
        let mut descent = Descent { alignment, number, before: &tables, orders, fetch, progress };
        let start = descent.cosines()?;
        let rounds = descent.run()?;
        let end = if descent.is_still() { start.clone() } else { descent.cosines()? };
        let spaces = alignment.spaces.iter().enumerate().map(|(at, space)| AlignedSpace {
            name: space.name.clone(),
            channels: space.channels as usize,
            moved: descent.orders[at].iter().enumerate().filter(|(at, from)| *at as u32 != **from).count(),
            cosine: [start[at], end[at]],
        });
        let all = alignment.spaces.len();
        reports.push(Aligned {
            text: alignment.text.clone(),
            site: alignment.site,
            rounds,
            spaces: spaces.collect(),
            cosine: [start[all], end[all]],
        });
        let orders = descent.orders.into_iter().map(Arc::from).collect();
        tables.0.push(orders);
    }
    Ok((tables, reports))
}

/// One alignment at work.
struct Descent<'d, F> {
    alignment: &'d Alignment,
    number: usize,
    /// Orders of the alignments before.
    before: &'d Tables,
    /// Per space the order so far.
    orders: Vec<Vec<u32>>,
    fetch: &'d F,
    progress: &'d Progress,
}

impl<F: Fetch<Error = Problem>> Descent<'_, F> {
    /// A program with the orders that are known now, but for one axis.
    fn settled(&self, program: &Program, but: Option<usize>) -> Program {
        let mut program = program.clone();
        program.settle_views(&|moved: &Moved| {
            let own = moved.table.alignment as usize == self.number;
            match own {
                true if Some(moved.axis) == but => None,
                true => Some(self.orders[moved.table.space as usize].as_slice().into()),
                false => self.before.of(moved),
            }
        });
        program
    }

    fn is_still(&self) -> bool {
        self.orders.iter().all(|order| order.iter().enumerate().all(|(at, from)| at as u32 == *from))
    }

    /// Per space the cosine of both models over its tensors, then that over all.
    fn cosines(&self) -> Result<Vec<f64>, Stop> {
        let mut sums = vec![[0.0; 3]; self.alignment.spaces.len() + 1];
        for tensor in &self.alignment.tensors {
            self.ask()?;
            let program = self.settled(&tensor.product, None);
            let found = program.results(&reduce(&program, self.fetch)?);
            let mut spaces: Vec<usize> = tensor.sides.iter().map(|side| side.space).collect();
            spaces.dedup();
            for space in spaces.into_iter().chain([self.alignment.spaces.len()]) {
                sums[space].iter_mut().zip(&found).for_each(|(sum, found)| *sum += found);
            }
        }
        let cosine = |[aa, ab, bb]: &[f64; 3]| {
            let lengths = libm::sqrt(*aa) * libm::sqrt(*bb);
            if lengths > 0.0 { ab / lengths } else { 0.0 }
        };
        Ok(sums.iter().map(cosine).collect())
    }

    fn ask(&self) -> Result<(), Stop> {
        if self.progress.cancelled() { Err(Stop::Cancelled) } else { Ok(()) }
    }

    /// Visits spaces until nothing changes; how many rounds it took.
    fn run(&mut self) -> Result<u32, Stop> {
        let leads: Vec<usize> = (0..self.alignment.spaces.len()).filter(|&at| self.leads(at)).collect();
        // A space is worth another look when one that shares a tensor with it has changed.
        let mut waits = vec![true; leads.len()];
        for round in 0..ROUNDS {
            for at in random::order(leads.len(), self.alignment.seed, round) {
                if !std::mem::take(&mut waits[at]) || !self.visit(leads[at])? {
                    continue;
                }
                let changed = self.group(leads[at]);
                for (other, wait) in leads.iter().zip(&mut waits) {
                    *wait |= *other != leads[at] && self.meet(&changed, &self.group(*other));
                }
            }
            if waits.iter().all(|wait| !wait) {
                return Ok(round + 1);
            }
        }
        Ok(ROUNDS)
    }

    fn space(&self, at: usize) -> &FreeSpace {
        &self.alignment.spaces[at]
    }

    fn units(&self, at: usize) -> usize {
        (self.space(at).channels / self.space(at).block) as usize
    }

    /// Whether a space is assigned by itself; one that goes with another is assigned there.
    fn leads(&self, at: usize) -> bool {
        self.space(at).under.is_none()
    }

    /// A space and those that go with it, as many units to each of its own.
    fn group(&self, lead: usize) -> Vec<usize> {
        let goes_with = |at: &usize| {
            let own = self.units(lead);
            self.space(*at).under == Some(lead) && own > 0 && self.units(*at).is_multiple_of(own)
        };
        std::iter::once(lead).chain((0..self.alignment.spaces.len()).filter(goes_with)).collect()
    }

    /// Whether some tensor has axes of both.
    fn meet(&self, some: &[usize], others: &[usize]) -> bool {
        self.alignment.tensors.iter().any(|tensor| {
            let has = |spaces: &[usize]| tensor.sides.iter().any(|side| spaces.contains(&side.space));
            has(some) && has(others)
        })
    }

    /// Assigns a space anew, with those that go with it; whether that changed something.
    fn visit(&mut self, lead: usize) -> Result<bool, Stop> {
        let group = self.group(lead);
        let now: Vec<Vec<u32>> = group.iter().map(|&at| self.in_units(at)).collect();
        let tables: Vec<Table> = group.iter().map(|&at| self.table(at)).collect::<Result<_, _>>()?;
        let found = match &tables[1..] {
            [] => vec![assign::best(&tables[0], &now[0])],
            members => {
                let members: Vec<&Table> = members.iter().collect();
                let orders: Vec<&[u32]> = now[1..].iter().map(Vec::as_slice).collect();
                let (own, others) = assign::best_of_groups(&tables[0], &members, (&now[0], &orders));
                std::iter::once(own).chain(others).collect()
            }
        };
        let worth =
            |orders: &[Vec<u32>]| tables.iter().zip(orders).map(|(table, order)| table.worth(order)).sum::<f64>();
        let (old, new) = (worth(&now), worth(&found));
        // What is not worth more, as sums that are no numbers, changes nothing.
        let is_better = new - old > GAIN * old.abs().max(new.abs());
        if found == now || !is_better {
            return Ok(false);
        }
        for (&at, order) in group.iter().zip(&found) {
            let block = self.space(at).block as u32;
            self.orders[at] = order.iter().flat_map(|unit| unit * block..(unit + 1) * block).collect();
        }
        Ok(true)
    }

    /// The order of a space, by units.
    fn in_units(&self, at: usize) -> Vec<u32> {
        let block = self.space(at).block as usize;
        self.orders[at].iter().step_by(block).map(|channel| channel / block as u32).collect()
    }

    /// Products between the units of both models in a space, over all of its tensors in their order.
    fn table(&self, space: usize) -> Result<Table, Stop> {
        let mut table = Table::zeros(self.units(space));
        for tensor in &self.alignment.tensors {
            for side in tensor.sides.iter().filter(|side| side.space == space) {
                self.add(side, tensor.elems, &mut table)?;
            }
        }
        Ok(table)
    }

    fn add(&self, side: &Side, elems: u64, table: &mut Table) -> Result<(), Stop> {
        let space = self.space(side.space);
        let (size, block) = (table.size(), space.block as usize);
        let to = self.settled(&side.to, None);
        let state = match &side.reduces {
            Some(program) => reduce(&self.settled(program, None), self.fetch)?,
            None => to.start(),
        };
        let model = self.settled(&side.model, Some(side.axis));
        let none = model.start();
        let lines = (LINES_BYTES / 8 / space.channels.max(1)).max(1) * space.channels;
        for start in (0..elems).step_by(lines as usize) {
            self.ask()?;
            let range = start..elems.min(start + lines);
            let a = self.values(&to, &state, range.clone())?;
            let b = self.values(&model, &none, range)?;
            let bands: Vec<&mut [f64]> = table.bands().collect();
            bands.into_par_iter().enumerate().for_each(|(at, band)| {
                assign::products(band, at * BAND, size, block, &a, &b);
            });
        }
        Ok(())
    }

    /// Some values of a program that gives f64.
    fn values(&self, program: &Program, state: &State, range: std::ops::Range<u64>) -> Result<Vec<f64>, Stop> {
        let mut out = vec![0f64; (range.end - range.start) as usize];
        let filled: Result<(), Problem> = out.par_chunks_mut(PIECE).enumerate().try_for_each(|(at, part)| {
            let start = range.start + (at * PIECE) as u64;
            let mut bytes = vec![0u8; size_of_val(part)];
            let end = start + part.len() as u64;
            program.evaluate(start..end, state, self.fetch, &mut Scratch::default(), &mut bytes)?;
            for (value, bytes) in part.iter_mut().zip(bytes.as_chunks::<8>().0) {
                *value = f64::from_le_bytes(*bytes);
            }
            Ok(())
        });
        filled?;
        Ok(out)
    }
}
