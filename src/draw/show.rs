//! Draws models one after the other, and hands every picture over as soon as it is there.

use super::Easel;
use super::subject::Model;
use crate::exec::Progress;
use crate::exec::Stop;
use crate::picture::Image;
use crate::picture::film;
use crate::render::device::About;
use crate::render::device::Device;
use crate::render::drawer::Look;
use crate::render::drawer::Start;
use crate::render::latents::Given;
use crate::store::Inputs;
use std::sync::Arc;

/// What is drawn of every model.
#[derive(Clone, Debug)]
pub struct Wish {
    pub starts: Starts,
    pub look: Look,
    pub device: Device,
}

/// What the pictures of a model begin with.
#[derive(Clone, Debug)]
pub enum Starts {
    /// One picture each.
    Each(Vec<Start>),
    /// So many pictures on a smooth closed way through the w that a model's own mapping makes of these seeds.
    Walk { seeds: Vec<u32>, frames: usize },
    /// The latents of a file; so many.
    Given(Arc<Given>, usize),
}

impl Starts {
    pub fn len(&self) -> usize {
        match self {
            Starts::Each(starts) => starts.len(),
            Starts::Walk { frames, .. } => *frames,
            Starts::Given(_, count) => *count,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn of(&self, easel: &mut Easel, look: &Look) -> Result<Vec<Start>, Stop> {
        match (self, easel.drawer()) {
            (Starts::Each(starts), _) => Ok(starts.clone()),
            (Starts::Walk { seeds, frames }, Some(drawer)) => {
                let keys = seeds.iter().map(|seed| drawer.w(*seed, look.class)).collect::<Result<Vec<_>, _>>()?;
                Ok(film::walk(&keys, *frames).into_iter().map(Start::W).collect())
            }
            (Starts::Given(given, _), Some(drawer)) => match &drawer.net().mapping {
                Some(mapping) => Ok(given.starts(mapping)?),
                None => Ok(vec![]),
            },
            (_, None) => Ok(vec![]),
        }
    }
}

/// What drawing took.
#[derive(Clone, Debug, Default)]
pub struct Drawn {
    pub pictures: usize,
    /// Tensors that were computed, of all that the models have.
    pub computed: usize,
    pub tensors: usize,
    /// What drew; `None` where nothing was drawn.
    pub about: Option<About>,
}

/// Draws every model from every start; `see` gets the number of the model, the number of the start, and the picture.
/// Nothing is kept: memory is one network and one picture, two where a graphics card draws.  Errors: those of reading, of the device, E0702 to E0706, and
/// what `see` says.
pub fn show(
    models: &[Model],
    wish: &Wish,
    progress: &Progress,
    see: &mut dyn FnMut(usize, usize, Image) -> Result<(), Stop>,
) -> Result<Drawn, Stop> {
    let mut drawn = Drawn::default();
    let mut open: Option<(&Model, Inputs, Easel)> = None;
    for (row, model) in models.iter().enumerate() {
        if !open.as_ref().is_some_and(|(before, ..)| before.files == model.files) {
            if let Some((_, inputs, _)) = open.take() {
                inputs.verify()?;
            }
            open = Some((model, Inputs::open(&model.files)?, Easel::new(wish.device.clone())));
        }
        let Some((_, inputs, easel)) = &mut open else { continue };
        let put = easel.put(&model.drawing, &*inputs, progress)?;
        drawn.computed += put.computed;
        drawn.tensors += put.tensors;
        let look = Look { psi: model.psi.unwrap_or(wish.look.psi), ..wish.look.clone() };
        let starts = wish.starts.of(easel, &look)?;
        easel.draw_each(&starts, &look, progress, &mut |column, image| {
            drawn.pictures += 1;
            see(row, column, image)
        })?;
        drawn.about = easel.about();
    }
    if let Some((_, inputs, _)) = open {
        inputs.verify()?;
    }
    Ok(drawn)
}
