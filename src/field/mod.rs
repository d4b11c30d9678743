//! Weights that differ between the channels of one tensor.
//!
//! A channel weight is one vector along *out* and one along *in*, and an expression of several is a function of their
//! values.  So a weight is kept by *classes*: indices of an axis that no operand tells apart are one class, and there is
//! one number per combination of classes, not per element.  A mask of zeros and ones has two classes per axis, whatever
//! it is combined with.  Where vectors of many values meet by the larger one, as masks do unless told otherwise, there is
//! one number per value of the vectors ([`ranks`]).
//!
//! Numbers are f64.  Invariant: a [`Field`] has at least two values; what is alike everywhere is [`Weight::Number`].

pub mod ranks;

use ranks::Ranks;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;

/// A weight on one tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Weight {
    /// The same for every element.
    Number(f64),
    /// Different from channel to channel.
    Field(Arc<Field>),
}

/// A weight that differs from channel to channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The axes that it differs along, ascending.
    axes: SmallVec<[Along; 2]>,
    values: Arc<[f64]>,
    pick: Pick,
}

/// Which value stands at a combination of classes.
#[derive(Clone, Debug, PartialEq)]
pub enum Pick {
    /// There is one per combination, the last axis fastest.
    Each,
    /// There is one per rank: the higher rank of both axes.
    Highest(Box<[Ranks; 2]>),
}

/// How a field differs along one axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Along {
    /// Canonical axis of the tensor.
    pub axis: usize,
    /// Per index of the axis its class.
    pub classes: Arc<[u32]>,
    /// How many classes there are.
    pub count: usize,
}

impl Along {
    /// How many indices each class has.
    fn sizes(&self) -> Vec<usize> {
        let mut of = vec![0usize; self.count];
        self.classes.iter().for_each(|&class| of[class as usize] += 1);
        of
    }
}

impl From<f64> for Weight {
    fn from(number: f64) -> Weight {
        Weight::Number(number)
    }
}

impl std::fmt::Display for Weight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Weight::Number(number) => write!(f, "{number}"),
            Weight::Field(_) => {
                let short = |number: f64| (number * 1e4).round() / 1e4;
                let (low, high, mean) = (short(self.smallest()), short(self.largest()), short(self.mean()));
                write!(f, "{low}..{high} by channel (mean {mean})")
            }
        }
    }
}

impl Weight {
    pub const ZERO: Weight = Weight::Number(0.0);
    pub const ONE: Weight = Weight::Number(1.0);

    /// One number per index of an axis.
    pub fn along(axis: usize, numbers: &[f64]) -> Weight {
        let mut known: HashMap<u64, u32> = HashMap::new();
        let mut values = vec![];
        let class = |number: &f64| {
            *known.entry(number.to_bits()).or_insert_with(|| {
                values.push(*number);
                values.len() as u32 - 1
            })
        };
        let classes: Arc<[u32]> = numbers.iter().map(class).collect();
        match values.as_slice() {
            [] => Weight::ZERO,
            [one] => Weight::Number(*one),
            _ => Weight::Field(Arc::new(Field {
                axes: SmallVec::from_iter([Along { axis, classes, count: values.len() }]),
                values: values.into(),
                pick: Pick::Each,
            })),
        }
    }

    /// A function of several weights of one tensor, channel by channel.
    ///
    /// # Errors
    /// The first of the function.
    pub fn of<E>(args: &[&Weight], mut f: impl FnMut(&[f64]) -> Result<f64, E>) -> Result<Weight, E> {
        let numbers: Option<SmallVec<[f64; 4]>> = args.iter().map(|arg| arg.number()).collect();
        if let Some(numbers) = numbers {
            return f(&numbers).map(Weight::Number);
        }
        if let Some(result) = ranks::of(args, &mut f) {
            return result;
        }
        let mut axes: SmallVec<[Along; 2]> = SmallVec::new();
        let mut all: Vec<usize> = vec![];
        for arg in args {
            all.extend(arg.axes().iter().map(|along| along.axis));
        }
        all.sort_unstable();
        all.dedup();
        for axis in all {
            let own = args.iter().flat_map(|arg| arg.axes()).filter(|along| along.axis == axis);
            axes.push(own.cloned().reduce(|a, b| together(&a, &b)).expect("some argument has the axis"));
        }
        // Per argument and axis of the result: classes there to classes of the argument.
        let count: usize = axes.iter().map(|along| along.count).product();
        let maps: Vec<Vec<Vec<u32>>> = args.iter().map(|arg| axes.iter().map(|to| arg.told_by(to)).collect()).collect();
        let mut values = Vec::with_capacity(count);
        let mut x = vec![0.0; args.len()];
        let mut at: SmallVec<[usize; 2]> = SmallVec::from_elem(0, axes.len());
        for _ in 0..count {
            for ((x, arg), map) in x.iter_mut().zip(args).zip(&maps) {
                *x = match arg {
                    Weight::Number(number) => *number,
                    Weight::Field(field) => field.value_of(|axis| {
                        let which = axes.iter().position(|along| along.axis == axis).expect("an axis of the result");
                        map[which][at[which]] as usize
                    }),
                };
            }
            values.push(f(&x)?);
            for (at, along) in at.iter_mut().zip(&axes).rev() {
                *at += 1;
                if *at < along.count {
                    break;
                }
                *at = 0;
            }
        }
        Ok(simple(axes, values))
    }

    /// The same without errors.
    pub fn map(args: &[&Weight], mut f: impl FnMut(&[f64]) -> f64) -> Weight {
        let result: Result<Weight, std::convert::Infallible> = Weight::of(args, |x| Ok(f(x)));
        result.unwrap_or_else(|never| match never {})
    }

    /// The number, where it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Weight::Number(number) => Some(*number),
            Weight::Field(_) => None,
        }
    }

    pub fn is(&self, number: f64) -> bool {
        self.number() == Some(number)
    }

    /// Every value that it has somewhere.
    pub fn values(&self) -> &[f64] {
        match self {
            Weight::Number(number) => std::slice::from_ref(number),
            Weight::Field(field) => &field.values,
        }
    }

    pub fn smallest(&self) -> f64 {
        self.values().iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub fn largest(&self) -> f64 {
        self.values().iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// The largest magnitude.
    pub fn magnitude(&self) -> f64 {
        self.values().iter().fold(0.0, |so_far, value| value.abs().max(so_far))
    }

    /// The mean over the elements of the tensor.
    pub fn mean(&self) -> f64 {
        let Weight::Field(field) = self else { return self.smallest() };
        let mut sizes: SmallVec<[Vec<usize>; 2]> = SmallVec::new();
        let mut all = 1.0;
        for along in &field.axes {
            all *= along.classes.len() as f64;
            sizes.push(along.sizes());
        }
        let weight = |mut at: usize| {
            let mut elements = 1.0;
            for (along, of) in field.axes.iter().zip(&sizes).rev() {
                elements *= of[at % along.count] as f64;
                at /= along.count;
            }
            elements
        };
        field.each().map(|(at, value)| value * weight(at)).sum::<f64>() / all
    }

    /// Per index of an axis the mean over all others.
    pub fn means_along(&self, axis: usize, size: usize) -> Vec<f64> {
        let Weight::Field(field) = self else { return vec![self.smallest(); size] };
        let own = field.axes.iter().find(|along| along.axis == axis);
        let mut sums = vec![(0.0, 0.0); own.map_or(1, |along| along.count)];
        let sizes: SmallVec<[Vec<usize>; 2]> = field.axes.iter().map(Along::sizes).collect();
        for (at, value) in field.each() {
            let (mut rest, mut elements, mut class) = (at, 1.0, 0);
            for (along, of) in field.axes.iter().zip(&sizes).rev() {
                let here = rest % along.count;
                rest /= along.count;
                if along.axis == axis {
                    class = here;
                } else {
                    elements *= of[here] as f64;
                }
            }
            sums[class].0 += value * elements;
            sums[class].1 += elements;
        }
        let mean = |class: usize| sums[class].0 / sums[class].1;
        match own {
            Some(along) => along.classes.iter().map(|class| mean(*class as usize)).collect(),
            None => vec![mean(0); size],
        }
    }

    /// The axes that it differs along, ascending.
    pub fn axes(&self) -> &[Along] {
        match self {
            Weight::Number(_) => &[],
            Weight::Field(field) => &field.axes,
        }
    }

    /// Classes of an axis of a result that tells at least as much apart, to classes of this weight.
    fn told_by(&self, to: &Along) -> Vec<u32> {
        let Some(own) = self.axes().iter().find(|along| along.axis == to.axis) else { return vec![] };
        let mut map = vec![0; to.count];
        to.classes.iter().zip(own.classes.iter()).for_each(|(new, old)| map[*new as usize] = *old);
        map
    }
}

impl Field {
    /// The value at classes of its axes.
    fn value_of(&self, class: impl Fn(usize) -> usize) -> f64 {
        let at = self.axes.iter().fold(0, |at, along| at * along.count + class(along.axis));
        self.value_at(at)
    }

    /// The value at a combination of classes, the last axis fastest.
    fn value_at(&self, at: usize) -> f64 {
        match &self.pick {
            Pick::Each => self.values[at],
            Pick::Highest(ranks) => self.values[ranks::place(ranks, at)],
        }
    }

    /// The combinations of classes and their values.
    fn each(&self) -> impl Iterator<Item = (usize, f64)> {
        let count: usize = self.axes.iter().map(|along| along.count).product();
        (0..count).map(|at| (at, self.value_at(at)))
    }

    pub fn axes(&self) -> &[Along] {
        &self.axes
    }

    pub fn values(&self) -> &Arc<[f64]> {
        &self.values
    }

    /// Which of the values stands where.
    pub fn pick(&self) -> &Pick {
        &self.pick
    }
}

/// The classes that are left when two partitions of an axis both count; numbered as they appear.
fn together(a: &Along, b: &Along) -> Along {
    if Arc::ptr_eq(&a.classes, &b.classes) {
        return a.clone();
    }
    let mut known: HashMap<(u32, u32), u32> = HashMap::new();
    let mut class = |(a, b): (&u32, &u32)| {
        let next = known.len() as u32;
        *known.entry((*a, *b)).or_insert(next)
    };
    let classes: Arc<[u32]> = a.classes.iter().zip(b.classes.iter()).map(&mut class).collect();
    Along { axis: a.axis, classes, count: known.len() }
}

/// A weight without classes that differ in nothing, and without axes along which nothing differs.
fn simple(mut axes: SmallVec<[Along; 2]>, mut values: Vec<f64>) -> Weight {
    let mut which = 0;
    while which < axes.len() {
        let along = &axes[which];
        let inner: usize = axes[which + 1..].iter().map(|along| along.count).product();
        let outer: usize = axes[..which].iter().map(|along| along.count).product();
        let slice = |class: usize| -> Vec<u64> {
            let parts = (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i)));
            parts.map(|(o, i)| values[(o * along.count + class) * inner + i].to_bits()).collect()
        };
        let mut known: HashMap<Vec<u64>, u32> = HashMap::new();
        let mut kept = vec![];
        let mut map = Vec::with_capacity(along.count);
        for class in 0..along.count {
            let next = known.len() as u32;
            let new = *known.entry(slice(class)).or_insert(next);
            if new == next {
                kept.push(class);
            }
            map.push(new);
        }
        if kept.len() < along.count {
            let mut left = Vec::with_capacity(outer * kept.len() * inner);
            for o in 0..outer {
                for class in &kept {
                    let from = (o * along.count + class) * inner;
                    left.extend_from_slice(&values[from..from + inner]);
                }
            }
            values = left;
            let classes = along.classes.iter().map(|old| map[*old as usize]).collect();
            axes[which] = Along { axis: along.axis, classes, count: kept.len() };
        }
        if axes[which].count == 1 {
            axes.remove(which);
        } else {
            which += 1;
        }
    }
    match values.as_slice() {
        [] => Weight::ZERO,
        [one] => Weight::Number(*one),
        _ => Weight::Field(Arc::new(Field { axes, values: values.into(), pick: Pick::Each })),
    }
}

#[cfg(test)]
mod tests {
    use super::Weight;

    /// The value at every pair of indices of axes 0 and 1.
    fn table(weight: &Weight, shape: [usize; 2]) -> Vec<f64> {
        let mut out = vec![];
        for o in 0..shape[0] {
            for i in 0..shape[1] {
                out.push(match weight {
                    Weight::Number(number) => *number,
                    Weight::Field(field) => {
                        let index = [o, i];
                        let along = |axis| field.axes.iter().find(|along| along.axis == axis).expect("its axis");
                        field.value_of(|axis| along(axis).classes[index[axis]] as usize)
                    }
                });
            }
        }
        out
    }

    /// What a function of an out vector and an in vector comes to, element by element, and how many values are kept.
    #[track_caller]
    fn check(out: &[f64], inn: &[f64], f: impl Fn(f64, f64) -> f64, kept: usize) {
        let (a, b) = (Weight::along(0, out), Weight::along(1, inn));
        let both = Weight::map(&[&a, &b], |x| f(x[0], x[1]));
        let expected: Vec<f64> = out.iter().flat_map(|o| inn.iter().map(|i| f(*o, *i))).collect();
        assert_eq!(table(&both, [out.len(), inn.len()]), expected);
        assert_eq!(both.values().len(), kept, "{both:?}");
        let mean = expected.iter().sum::<f64>() / expected.len() as f64;
        assert!((both.mean() - mean).abs() < 1e-12, "{} is not {mean}", both.mean());
        // Twice the same classes, in another order of arguments.
        let twice = Weight::map(&[&both, &b, &a, &0.5.into()], |x| x[0] * x[3] + f(x[2], x[1]));
        let expected: Vec<f64> = expected.iter().map(|value| value * 0.5 + value).collect();
        assert_eq!(table(&twice, [out.len(), inn.len()]), expected);
    }

    #[test]
    fn functions_of_channels() {
        let (out, inn) = ([0.0, 1.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0]);
        check(&out, &inn, f64::max, 4);
        check(&out, &inn, |o, i| o * i, 4);
        check(&out, &inn, |o, i| 0.5 * (o + i), 4);
        check(&out, &inn, |o, _| o, 2);
        check(&out, &inn, |_, i| 1.0 - i, 2);
        check(&out, &inn, |o, i| 0.0 * o * i, 1);
        check(&[0.1, 0.7, 0.3], &[0.2, 0.2, 0.9], |o, i| o * i, 6);
        check(&[1.0, 1.0], &[0.5, 0.25], |o, i| o - i, 2);
        check(&[2.0], &[3.0], |o, i| o - i, 1);
    }

    #[test]
    fn faults_are_told() {
        let weight = Weight::along(0, &[1.0, 0.0]);
        let divided = Weight::of(&[&weight], |x| if x[0] == 0.0 { Err("zero") } else { Ok(1.0 / x[0]) });
        assert_eq!(divided, Err("zero"));
    }
}
