//! The pictures of claims: drawn, measured, renewed, and kept where a claim does not hold.

use super::Stop;
use super::easel::Easel;
use super::error;
use super::progress::Progress;
use crate::diag::Problem;
use crate::diag::shown;
use crate::hir::ExprId;
use crate::hir::ExprKind;
use crate::hir::Golden;
use crate::hir::ImageMetric;
use crate::hir::Look;
use crate::hir::Recipe;
use crate::picture::Image;
use crate::picture::canvas::Canvas;
use crate::picture::difference::difference;
use crate::picture::metrics;
use crate::picture::read;
use crate::picture::shape;
use crate::plan::Plan;
use crate::plan::Quantity;
use crate::render::device::Device;
use crate::render::drawer;
use crate::render::drawer::Start;
use crate::store;
use crate::tile::Fetch;
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// What claims look at.
pub struct Gallery<'r> {
    recipe: &'r Recipe,
    plan: &'r Plan,
    batches: HashMap<ExprId, Arc<Vec<Image>>>,
    pub renewed: Vec<String>,
}

impl<'r> Gallery<'r> {
    /// Draws all that is drawn, one network after the other.  Errors: those of reading and of the device.
    pub fn draw<F: Fetch<Error = Problem>>(
        recipe: &'r Recipe,
        plan: &'r Plan,
        fetch: &F,
        device: &Device,
        progress: &Progress,
    ) -> Result<Gallery<'r>, Stop> {
        let mut easel = Easel::new(device.clone());
        let mut batches = HashMap::new();
        for (drawn, drawing) in recipe.drawn.iter().zip(&plan.drawings) {
            let ExprKind::Render { look, .. } = &recipe.expr(drawn.expr).kind else { continue };
            easel.put(drawing, fetch, progress)?;
            let starts: Vec<Start> = look.seeds.iter().map(|seed| Start::Seed(*seed)).collect();
            let mut images = easel.draw(&starts, &asked(look), progress)?;
            let size = look.size_of(&drawn.net);
            images.par_iter_mut().for_each(|image| {
                if let Some(crop) = look.crop {
                    *image = shape::cropped(image, crop);
                }
                *image = shape::resized(image, size);
            });
            batches.insert(drawn.expr, Arc::new(images));
        }
        Ok(Gallery { recipe, plan, batches, renewed: vec![] })
    }

    /// Measures every metric of pictures.  With `renew`, files that claims name are written first, from what they are
    /// compared with.  Errors: E0742 and those of reading and writing files.
    pub fn measure(&mut self, renew: bool, quantities: &mut HashMap<ExprId, Quantity>) -> Result<(), Problem> {
        for at in 0..self.recipe.exprs.len() as u32 {
            let id = ExprId(at);
            let ExprKind::ImageMetric { metric, args } = &self.recipe.expr(id).kind else { continue };
            if renew && let [a, b] = args.as_slice() {
                self.renew(*a, *b)?;
                self.renew(*b, *a)?;
            }
            // Nothing is drawn of a choice that was not taken.
            let Some(sides) = self.sides(args)? else { continue };
            let seeds = args.iter().find_map(|arg| self.seeds(*arg));
            quantities.insert(id, quantity(*metric, &sides, seeds));
        }
        Ok(())
    }

    /// The pictures of a metric's arguments; `None` where one was not drawn.
    fn sides(&mut self, args: &[ExprId]) -> Result<Option<Vec<Arc<Vec<Image>>>>, Problem> {
        // A file that meets a batch is a strip of it.
        let count = args.iter().find_map(|arg| self.seeds(*arg)).map_or(1, <[u32]>::len);
        let mut sides = vec![];
        for arg in args {
            match self.batch(*arg, count)? {
                Some(batch) => sides.push(batch),
                None => return Ok(None),
            }
        }
        Ok(Some(sides))
    }

    /// The seeds of a picture that is drawn; `None` for a file.
    fn seeds(&self, id: ExprId) -> Option<&'r [u32]> {
        match &self.recipe.expr(id).kind {
            ExprKind::Render { look, .. } => Some(&look.seeds),
            ExprKind::Band { image, .. } => self.seeds(*image),
            _ => None,
        }
    }

    fn batch(&mut self, id: ExprId, count: usize) -> Result<Option<Arc<Vec<Image>>>, Problem> {
        if let Some(batch) = self.batches.get(&id) {
            return Ok(Some(batch.clone()));
        }
        let made = match &self.recipe.expr(id).kind {
            ExprKind::Picture(golden) => shape::tiles(&opened(golden)?, count),
            ExprKind::Band { high, image, px } => {
                let Some(batch) = self.batch(*image, count)? else { return Ok(None) };
                let filter = if *high { metrics::highpass } else { metrics::lowpass };
                batch.par_iter().map(|image| filter(image, *px)).collect()
            }
            _ => return Ok(None),
        };
        let made = Arc::new(made);
        self.batches.insert(id, made.clone());
        Ok(Some(made))
    }

    /// Writes the file that one side is, from what the other side is before the filters that both have.
    fn renew(&mut self, file: ExprId, other: ExprId) -> Result<(), Problem> {
        let (mut file, mut other) = (file, other);
        while let (ExprKind::Band { image: a, .. }, ExprKind::Band { image: b, .. }) =
            (&self.recipe.expr(file).kind, &self.recipe.expr(other).kind)
        {
            (file, other) = (*a, *b);
        }
        let ExprKind::Picture(golden) = &self.recipe.expr(file).kind else { return Ok(()) };
        if self.seeds(other).is_none() {
            return Ok(());
        }
        let Some(batch) = self.batch(other, 1)? else { return Ok(()) };
        let Some(strip) = shape::strip(&batch) else { return Ok(()) };
        let bytes = strip.png(&[("Software", concat!("blend ", env!("CARGO_PKG_VERSION")))])?;
        let moved = match golden.size {
            None => "new".to_string(),
            Some(size) if size != [strip.shape.width, strip.shape.height] => "another size than before".into(),
            Some(_) => {
                let old = opened(golden)?;
                let new = read::png(&golden.written, &bytes)?;
                match metrics::psnr(&old, &new) {
                    f64::INFINITY => "as it was".into(),
                    psnr => {
                        format!("it moved: psnr {psnr:.1} dB, ssim {:.4} to the old one", metrics::ssim(&old, &new))
                    }
                }
            }
        };
        if moved != "as it was" {
            let inputs: Vec<PathBuf> = self.recipe.inputs.iter().map(|input| input.path.clone()).collect();
            store::write_bytes(&golden.path, &bytes, &inputs)?;
        }
        self.renewed.push(format!("{}: {moved}", shown::path(&golden.path)));
        self.batches.remove(&file);
        Ok(())
    }

    /// Keeps what a claim that does not hold has looked at, beside the first output: expected, actual, difference.
    pub fn keep(&mut self, claim: ExprId, number: usize) -> Result<Vec<PathBuf>, Problem> {
        let mut metrics = vec![];
        self.collect(claim, &mut metrics);
        let Some(folder) = self.folder() else { return Ok(vec![]) };
        let inputs: Vec<PathBuf> = self.recipe.inputs.iter().map(|input| input.path.clone()).collect();
        let mut kept = vec![];
        for (at, (metric, args)) in metrics.iter().enumerate() {
            let Some(sides) = self.sides(args)? else { continue };
            let strips: Vec<Image> = sides.iter().filter_map(|batch| shape::strip(batch)).collect();
            let mut files = vec![];
            match strips.as_slice() {
                [actual] => files.push(("actual", actual.png(&[])?)),
                [actual, expected] => {
                    files.push(("actual", actual.png(&[])?));
                    files.push(("expected", expected.png(&[])?));
                    files.push(("difference", difference(&Canvas::of(actual), &Canvas::of(expected)).png(&[])?));
                }
                _ => {}
            }
            let which = if metrics.len() > 1 { format!("{}-", at + 1) } else { String::new() };
            for (role, bytes) in files {
                let path = folder.join(format!("{number:02}-{}-{which}{role}.png", metric.name()));
                store::write_bytes(&path, &bytes, &inputs)?;
                kept.push(path);
            }
        }
        Ok(kept)
    }

    /// `NAME.claims` beside the first output `NAME`.
    fn folder(&self) -> Option<PathBuf> {
        let first = self.plan.outputs.first()?;
        let stem = first.path.file_stem()?.to_string_lossy().into_owned();
        Some(first.path.parent().unwrap_or(Path::new("")).join(format!("{stem}.claims")))
    }

    fn collect(&self, id: ExprId, out: &mut Vec<(ImageMetric, Vec<ExprId>)>) {
        match &self.recipe.expr(id).kind {
            ExprKind::ImageMetric { metric, args } => out.push((*metric, args.clone())),
            ExprKind::Not(inner) | ExprKind::Neg(inner) => self.collect(*inner, out),
            ExprKind::Binary(_, left, right) => {
                self.collect(*left, out);
                self.collect(*right, out);
            }
            _ => {}
        }
    }
}

/// A look in the renderer's words.
fn asked(look: &Look) -> drawer::Look {
    drawer::Look { psi: look.psi, cutoff: look.cutoff, class: look.class, noise: look.noise }
}

fn opened(golden: &Golden) -> Result<Image, Problem> {
    let image = read::png(&golden.written, &store::read_bytes(&golden.path, read::FILE_LIMIT)?)?;
    // Between check and build somebody may have put another picture there.
    match golden.size {
        Some(size) if size != [image.shape.width, image.shape.height] => Err(error::picture_changed(&golden.written)),
        _ => Ok(image),
    }
}

/// What a metric says of its arguments, picture by picture.
fn quantity(metric: ImageMetric, sides: &[Arc<Vec<Image>>], seeds: Option<&[u32]>) -> Quantity {
    let first = &sides[0];
    let of = |at: usize| {
        let a = &first[at];
        let other = sides.get(1).and_then(|side| side.get(at));
        match (metric, other) {
            (ImageMetric::Psnr, Some(b)) => metrics::psnr(a, b),
            (ImageMetric::Ssim, Some(b)) => metrics::ssim(a, b),
            (ImageMetric::MsSsim, Some(b)) => metrics::ms_ssim(a, b),
            (ImageMetric::LabDistance, Some(b)) => metrics::lab_distance(a, b),
            (ImageMetric::Contrast, _) => metrics::contrast(a),
            (ImageMetric::Saturation, _) => metrics::saturation(a),
            (ImageMetric::Finite, _) => metrics::not_finite(a) as f64,
            _ => f64::NAN,
        }
    };
    let values: Vec<f64> = match metric {
        ImageMetric::Diversity => vec![metrics::diversity(first)],
        _ => (0..first.len()).into_par_iter().map(of).collect(),
    };
    let worst = |better: fn(f64, f64) -> bool| {
        (0..values.len()).reduce(|best, at| if better(values[at], values[best]) { at } else { best }).unwrap_or(0)
    };
    // What is no number is neither low nor high, and no claim about it holds.
    let nan = values.iter().position(|value| value.is_nan());
    let (low_at, high_at) = (nan.unwrap_or(worst(|a, b| a < b)), nan.unwrap_or(worst(|a, b| a > b)));
    let get = |at: usize| values.get(at).copied().unwrap_or(f64::NAN);
    let (low, high) = (get(low_at), get(high_at));
    let name = metric.name();
    let seed =
        |at: usize| seeds.and_then(|seeds| seeds.get(at)).map_or(String::new(), |seed| format!(" (seed {seed})"));
    let text = match metric {
        ImageMetric::Finite => format!("{} values of pictures are not finite", values.iter().sum::<f64>()),
        _ if values.len() < 2 => format!("{name} is {}", number(low)),
        _ => format!("{name} is {}{} to {}{}", number(low), seed(low_at), number(high), seed(high_at)),
    };
    Quantity { low, high, text, is_seen: metric != ImageMetric::Finite }
}

/// Four digits: more of them say nothing about a picture.
fn number(value: f64) -> String {
    if value == f64::INFINITY { "infinite (equal)".into() } else { format!("{value:.4}") }
}
