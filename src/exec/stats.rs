//! Numbers about the weights of a checkpoint: one pass over its files.

use super::jobs::reduce;
use crate::diag::Problem;
use crate::store::Inputs;
use crate::tensor::Affine;
use crate::tensor::Header;
use crate::tensor::elems;
use crate::tile::Builder;
use crate::tile::Load;
use crate::tile::Unary;

/// Of one tensor, over its finite values.
#[derive(Clone, Debug, PartialEq)]
pub struct Stats {
    pub name: String,
    pub mean: f64,
    /// Standard deviation, of the population.
    pub deviation: f64,
    /// Largest magnitude.
    pub largest: f64,
    /// NaN and infinities.
    pub not_finite: u64,
}

/// The numbers of every float tensor, in the order of the files.  A tensor with a value that is not finite has no mean.
pub fn of(header: &Header) -> Result<Vec<Stats>, Problem> {
    let inputs = Inputs::open(&header.files)?;
    let mut out = vec![];
    for entry in header.entries.iter().filter(|entry| entry.dtype.is_float()) {
        let mut builder = Builder::new(entry.shape.clone());
        let load = Load {
            file: entry.file,
            offset: entry.offset,
            dtype: entry.dtype,
            blocks: entry.blocks(),
            view: entry.view(),
            affine: Affine::IDENTITY,
        };
        let x = builder.load(load);
        let odd = builder.unary(Unary::NonFinite, x);
        let size = builder.unary(Unary::Abs, x);
        let wanted = vec![builder.sum(x), builder.dot(x, x), builder.sum(odd), builder.max(size)];
        let program = builder.measure(wanted);
        let results = program.results(&reduce(&program, &inputs)?);
        let count = (elems(&entry.shape) as f64).max(1.0);
        let mean = results[0] / count;
        let spread = (results[1] / count - mean * mean).max(0.0);
        out.push(Stats {
            name: entry.name.clone(),
            mean,
            deviation: if mean.is_nan() { mean } else { libm::sqrt(spread) },
            largest: results[3],
            not_finite: results[2] as u64,
        });
    }
    inputs.verify()?;
    Ok(out)
}
