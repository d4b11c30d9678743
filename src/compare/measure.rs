//! The sums over every tensor, and what they come to.

use super::Model;
use crate::arch;
use crate::arch::CanonTensor;
use crate::arch::Tells;
use crate::exec::Progress;
use crate::exec::Stop;
use crate::exec::sums;
use crate::plan;
use crate::tensor::Coord;
use crate::tensor::Shape;
use crate::tensor::elems;
use crate::tile::Binary;
use crate::tile::Builder;
use crate::tile::Load;
use crate::tile::NodeId;
use crate::tile::Program;
use crate::tile::ScalarId;
use crate::tile::Unary;
use std::collections::HashMap;
use std::sync::Arc;

/// A tensor that two models have in one shape.  Sums are in f64, over f32 values (f64 when one is stored so).
#[derive(Clone, Debug)]
pub struct Row {
    pub name: Arc<str>,
    pub part: String,
    /// Place of the part in the order of the family.
    pub order: usize,
    pub tells: Tells,
    pub coords: Vec<(Coord, f64)>,
    pub elems: u64,
    /// Elements that differ.
    pub differs: u64,
    /// a·a, a·b, b·b, ‖a − b‖² and the largest |a − b|; `None` for what is no float.
    pub sums: Option<[f64; 5]>,
}

impl Row {
    fn is_finite(&self) -> bool {
        self.sums.is_none_or(|sums| sums.iter().all(|sum| sum.is_finite()))
    }

    /// a·b / (‖a‖ ‖b‖); `None` where a tensor is 0, not finite or no float.
    pub fn cosine(&self) -> Option<f64> {
        let [aa, ab, bb, ..] = self.sums.filter(|_| self.is_finite())?;
        cosine(aa, ab, bb)
    }

    /// ‖a − b‖ / ‖a‖; `None` where `a` is 0 and `b` is not, and as for the cosine.
    pub fn distance(&self) -> Option<f64> {
        let [aa, _, _, dd, _] = self.sums.filter(|_| self.is_finite())?;
        distance(aa, dd)
    }

    /// The largest |a − b|.
    pub fn largest(&self) -> Option<f64> {
        self.sums.filter(|_| self.is_finite()).map(|sums| sums[4])
    }

    fn turned(mut self) -> Row {
        self.sums = self.sums.map(|[aa, ab, bb, dd, max]| [bb, ab, aa, dd, max]);
        self
    }
}

fn cosine(aa: f64, ab: f64, bb: f64) -> Option<f64> {
    let size = libm::sqrt(aa) * libm::sqrt(bb);
    // Rounding may not make a vector more than parallel to itself.
    (size > 0.0).then(|| (ab / size).clamp(-1.0, 1.0))
}

fn distance(aa: f64, dd: f64) -> Option<f64> {
    match (libm::sqrt(dd), libm::sqrt(aa)) {
        (0.0, _) => Some(0.0),
        (_, 0.0) => None,
        (top, bottom) => Some(top / bottom),
    }
}

/// Rows taken together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    pub tensors: usize,
    /// Tensors without a difference.
    pub equal: usize,
    pub elems: u64,
    /// Tensors with NaN or infinities; they count in nothing below.
    pub not_finite: usize,
    /// Tensors that have a cosine: neither side is 0.
    pub directions: usize,
    /// Median of the tensors' cosines.
    pub median: Option<f64>,
    /// Cosine of all elements as one vector: large tensors weigh more.
    pub cosine: Option<f64>,
    /// ‖a − b‖ / ‖a‖ of all elements as one vector.
    pub distance: Option<f64>,
    /// ‖a − b‖ over the smaller of ‖a‖ and ‖b‖: the same whichever comes first.
    pub apart: Option<f64>,
    /// ‖b‖ is larger than ‖a‖.
    pub is_grown: bool,
    /// The tensor with the largest distance of its own.
    pub farthest: Option<(Arc<str>, f64)>,
    /// The largest |a − b|.
    pub largest: f64,
}

impl Summary {
    pub fn of<'r>(rows: impl Iterator<Item = &'r Row>) -> Summary {
        let mut out = Summary::default();
        let mut cosines = vec![];
        let mut total = [0.0; 4];
        for row in rows {
            out.tensors += 1;
            out.elems += row.elems;
            out.equal += usize::from(row.differs == 0);
            if !row.is_finite() {
                out.not_finite += 1;
                continue;
            }
            let Some(sums) = row.sums else { continue };
            total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
            out.largest = out.largest.max(sums[4]);
            cosines.extend(row.cosine());
            if let Some(own) = row.distance()
                && out.farthest.as_ref().is_none_or(|(_, most)| own > *most)
            {
                out.farthest = Some((row.name.clone(), own));
            }
        }
        let [aa, ab, bb, dd] = total;
        out.directions = cosines.len();
        out.median = median(cosines);
        out.cosine = cosine(aa, ab, bb);
        let some = out.elems > 0 && (aa > 0.0 || bb > 0.0);
        out.distance = if some { distance(aa, dd) } else { None };
        out.apart = if some { distance(aa.min(bb), dd) } else { None };
        out.is_grown = bb > aa;
        out
    }
}

/// The middle value, or the mean of the two middle ones.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => None,
        count if count.is_multiple_of(2) => Some((values[count / 2 - 1] + values[count / 2]) / 2.0),
        count => Some(values[count / 2]),
    }
}

/// What was measured of one tensor in the models that have it in one shape.
pub struct Measured {
    /// Per pair of members in order: elements that differ, then a·b, ‖a − b‖², max where both are floats.
    pairs: HashMap<[usize; 2], (u64, Option<[f64; 3]>)>,
    /// a·a per member.
    squares: HashMap<usize, f64>,
}

/// Every tensor that two models of a wanted pair (the smaller index first) have in one shape, by name; all models are
/// read once.
pub fn of(
    models: &[Model],
    wanted: &dyn Fn([usize; 2]) -> bool,
    threads: usize,
    progress: &Progress,
) -> Result<HashMap<Arc<str>, Vec<Measured>>, Stop> {
    let mut first_file = vec![];
    let mut files = vec![];
    for model in models {
        first_file.push(files.len());
        files.extend(model.header.files.iter().cloned());
    }
    let mut asked: Vec<(Asked, Program)> = vec![];
    for (name, members) in by_shape(models) {
        let load = |at: usize| load(&models[at], first_file[at], tensor(&models[at], &name).expect("it is a member"));
        asked.extend(Asked::new(name.clone(), &members, wanted, load));
    }
    // In the order of the first model's file, so that it is read from front to back.
    asked.sort_by_key(|(_, program)| program.loads.first().map(|load| (load.file, load.offset)));
    let (asked, programs): (Vec<Asked>, Vec<Program>) = asked.into_iter().unzip();
    let results = sums::of(&programs, &files, threads, progress)?;
    let mut out: HashMap<Arc<str>, Vec<Measured>> = HashMap::new();
    for (asked, results) in asked.into_iter().zip(results) {
        let name = asked.name.clone();
        out.entry(name).or_default().push(asked.read(&results));
    }
    Ok(out)
}

pub fn tensor<'m>(model: &'m Model, name: &str) -> Option<&'m CanonTensor> {
    model.canon.index.get(name).map(|&at| &model.canon.tensors[at])
}

/// Names with the models that have the tensor in one shape, at least two of them.
fn by_shape(models: &[Model]) -> Vec<(Arc<str>, Vec<usize>)> {
    let mut groups: HashMap<Arc<str>, Vec<(Shape, Vec<usize>)>> = HashMap::new();
    for (at, model) in models.iter().enumerate() {
        for tensor in &model.canon.tensors {
            let shapes = groups.entry(tensor.name.clone()).or_default();
            match shapes.iter_mut().find(|known| known.0 == tensor.shape) {
                Some(known) => known.1.push(at),
                None => shapes.push((tensor.shape.clone(), vec![at])),
            }
        }
    }
    let mut out: Vec<(Arc<str>, Vec<usize>)> = groups
        .into_iter()
        .flat_map(|(name, shapes)| shapes.into_iter().map(move |(_, members)| (name.clone(), members)))
        .filter(|group| group.1.len() > 1)
        .collect();
    out.sort();
    out
}

/// A canonical tensor of a model as a program loads it.
fn load(model: &Model, first_file: usize, tensor: &CanonTensor) -> Load {
    let entry = &model.header.entries[tensor.entry];
    Load {
        file: first_file + entry.file,
        offset: entry.offset,
        dtype: entry.dtype,
        blocks: entry.blocks(),
        view: tensor.view.clone(),
        affine: tensor.affine,
    }
}

/// What the results of a program are.
struct Asked {
    name: Arc<str>,
    squares: Vec<usize>,
    pairs: Vec<([usize; 2], bool)>,
}

impl Asked {
    /// `None` where no two of the members are a wanted pair.
    fn new(
        name: Arc<str>,
        members: &[usize],
        wanted_pair: &dyn Fn([usize; 2]) -> bool,
        load: impl Fn(usize) -> Load,
    ) -> Option<(Asked, Program)> {
        let is_met = |a: usize| members.iter().any(|&b| a != b && wanted_pair([a.min(b), a.max(b)]));
        let members: Vec<usize> = members.iter().copied().filter(|&at| is_met(at)).collect();
        if members.is_empty() {
            return None;
        }
        let loads: Vec<Load> = members.iter().map(|&at| load(at)).collect();
        let mut builder = Builder::new(loads[0].view.shape.clone());
        let nodes: Vec<NodeId> = loads.iter().map(|load| builder.load(load.clone())).collect();
        let is_float = |at: usize| loads[at].dtype.is_float();
        let mut wanted: Vec<ScalarId> = vec![];
        let (mut squares, mut pairs) = (vec![], vec![]);
        for at in (0..members.len()).filter(|&at| is_float(at)) {
            squares.push(members[at]);
            wanted.push(builder.dot(nodes[at], nodes[at]));
        }
        for a in 0..members.len() {
            for b in (a + 1..members.len()).filter(|&b| wanted_pair([members[a], members[b]])) {
                let both = is_float(a) && is_float(b);
                pairs.push(([members[a], members[b]], both));
                let is_bits = loads[a].dtype == loads[b].dtype && loads[a].affine == loads[b].affine;
                if both || is_bits {
                    let differs = builder.binary(Binary::Differs, nodes[a], nodes[b]);
                    wanted.push(builder.sum(differs));
                } else {
                    // A float against an integer, or integers of two widths: not one tensor.
                    wanted.push(builder.number(elems(&loads[a].view.shape) as f64));
                }
                if both {
                    let difference = builder.binary(Binary::Sub, nodes[a], nodes[b]);
                    let size = builder.unary(Unary::Abs, difference);
                    wanted.push(builder.dot(nodes[a], nodes[b]));
                    wanted.push(builder.dot(difference, difference));
                    wanted.push(builder.max(size));
                }
            }
        }
        Some((Asked { name, squares, pairs }, builder.measure(wanted)))
    }

    fn read(self, results: &[f64]) -> Measured {
        let mut results = results.iter().copied();
        let mut next = || results.next().expect("the program measures what was asked");
        let squares = self.squares.iter().map(|&at| (at, next())).collect();
        let pairs = self.pairs.iter().map(|&(pair, both)| {
            let differs = next() as u64;
            (pair, (differs, both.then(|| [next(), next(), next()])))
        });
        let pairs = pairs.collect();
        Measured { squares, pairs }
    }
}

/// Whether a tensor has elements that differ between two models of a wanted pair.
pub fn differs(measured: &HashMap<Arc<str>, Vec<Measured>>, [a, b]: [usize; 2], name: &str) -> bool {
    let mut groups = measured.get(name).into_iter().flatten();
    groups.any(|of| of.pairs.get(&[a.min(b), a.max(b)]).is_some_and(|pair| pair.0 > 0))
}

/// The rows of two models of a wanted pair, in order of the names; the first model says what the tensors are.
pub fn rows(models: &[Model], measured: &HashMap<Arc<str>, Vec<Measured>>, pair: [usize; 2]) -> Vec<Row> {
    let [a, b] = pair;
    let sorted = [a.min(b), a.max(b)];
    let mut rows: Vec<Row> = vec![];
    if a == b {
        return rows;
    }
    for tensor in &models[a].canon.tensors {
        let groups = measured.get(&tensor.name).into_iter().flatten();
        let found = groups.into_iter().find_map(|of| of.pairs.get(&sorted).map(|pair| (of, *pair)));
        let Some((of, (differs, sums))) = found else { continue };
        let part = arch::part(&models[a].canon, tensor);
        let row = Row {
            name: tensor.name.clone(),
            part: part.name.to_string(),
            order: part.order,
            tells: if tensor.dtype.is_float() { part.tells } else { Tells::Nothing },
            coords: tensor.traits.coords.clone(),
            elems: elems(&tensor.shape),
            differs,
            sums: sums.map(|[ab, dd, max]| [of.squares[&sorted[0]], ab, of.squares[&sorted[1]], dd, max]),
        };
        rows.push(if a > b { row.turned() } else { row });
    }
    rows.sort_by(|x, y| plan::compare(&x.name, &y.name));
    rows
}
