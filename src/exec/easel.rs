//! A device with a model on it: the next model takes over every tensor that it has in common with the one before.

use super::Progress;
use super::Stop;
use super::align;
use super::values;
use crate::diag::Problem;
use crate::network::Name;
use crate::network::Net;
use crate::picture::Image;
use crate::plan::Alignment;
use crate::plan::Drawing;
use crate::plan::Tables;
use crate::render::device::About;
use crate::render::device::Begun;
use crate::render::device::Device;
use crate::render::drawer::Drawer;
use crate::render::drawer::Look;
use crate::render::drawer::Start;
use crate::render::weights::Weights;
use crate::tile::Fetch;
use crate::tile::Program;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What stands on a device, and what it was made of.
struct Standing {
    net: Arc<Net>,
    programs: BTreeMap<Name, Program>,
    drawer: Drawer,
}

/// Where models are put, one after the other, to be drawn.
pub struct Easel {
    device: Device,
    standing: Option<Standing>,
    /// The alignments that were solved last: models of a sweep share theirs.
    solved: Option<(Arc<Vec<Alignment>>, Tables)>,
}

/// What it took to put a model on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Put {
    /// Tensors that were computed.
    pub computed: usize,
    /// Tensors that the network has.
    pub tensors: usize,
}

impl Easel {
    pub fn new(device: Device) -> Easel {
        Easel { device, standing: None, solved: None }
    }

    /// Computes what differs from the model before and puts it on the device.  Programs of two calls may be compared, so
    /// one easel serves one table of files.  Errors: those of reading, E0702, E0703, E0710.
    pub fn put<F: Fetch<Error = Problem>>(
        &mut self,
        drawing: &Drawing,
        fetch: &F,
        progress: &Progress,
    ) -> Result<Put, Stop> {
        let tensors = drawing.tensors.len();
        let settled: Drawing;
        let drawing = match drawing.alignments.is_empty() {
            true => drawing,
            false => {
                settled = self.settled(drawing, fetch, progress)?;
                &settled
            }
        };
        if let Some(standing) = self.standing.as_mut().filter(|standing| *standing.net == *drawing.net) {
            let differs = |pair: &(&Name, &Program)| standing.programs.get(pair.0) != Some(pair.1);
            let programs: Vec<(&Name, &Program)> = drawing.tensors.iter().filter(differs).collect();
            let arrays = values::arrays(&programs, fetch, progress)?;
            let put = Put { computed: arrays.len(), tensors };
            // What stands there is half one model and half another until all has come over.
            standing.programs.clear();
            standing.drawer.update(arrays)?;
            standing.programs.clone_from(&drawing.tensors);
            return Ok(put);
        }
        // The memory of the old network is free before the new one takes its own.
        self.standing = None;
        let programs: Vec<(&Name, &Program)> = drawing.tensors.iter().collect();
        let weights: Weights = values::arrays(&programs, fetch, progress)?.into_iter().collect();
        let drawer = Drawer::new(drawing.net.clone(), weights, &self.device)?;
        self.standing = Some(Standing { net: drawing.net.clone(), programs: drawing.tensors.clone(), drawer });
        Ok(Put { computed: tensors, tensors })
    }

    /// A drawing with the orders of channels that it waits for.
    fn settled<F: Fetch<Error = Problem>>(
        &mut self,
        drawing: &Drawing,
        fetch: &F,
        progress: &Progress,
    ) -> Result<Drawing, Stop> {
        let known = self.solved.take().filter(|(alignments, _)| *alignments == drawing.alignments);
        let (alignments, tables) = match known {
            Some(known) => known,
            None => (drawing.alignments.clone(), align::solve(&drawing.alignments, fetch, progress)?.0),
        };
        let mut settled = drawing.clone();
        settled.settle(&tables);
        self.solved = Some((alignments, tables));
        Ok(settled)
    }

    /// The model that was put on last.
    pub fn drawer(&mut self) -> Option<&mut Drawer> {
        self.standing.as_mut().map(|standing| &mut standing.drawer)
    }

    /// What draws; `None` before the first model.
    pub fn about(&self) -> Option<About> {
        self.standing.as_ref().map(|standing| standing.drawer.about())
    }

    /// Draws the model that was put on last, once per start.  Errors: E0705, E0706, and those of the device.
    pub fn draw(&mut self, starts: &[Start], look: &Look, progress: &Progress) -> Result<Vec<Image>, Stop> {
        let mut out = vec![];
        self.draw_each(starts, look, progress, &mut |_, image| {
            out.push(image);
            Ok(())
        })?;
        Ok(out)
    }

    /// The same, with the number of the start as soon as its picture is there.  While `see` works on a picture, a device
    /// of its own draws the next.  Errors: as of [`Easel::draw`], and what `see` says.
    pub fn draw_each(
        &mut self,
        starts: &[Start],
        look: &Look,
        progress: &Progress,
        see: &mut dyn FnMut(usize, Image) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let Some(standing) = &mut self.standing else { return Ok(()) };
        let mut before: Option<(usize, Begun)> = None;
        for (at, start) in starts.iter().enumerate() {
            if progress.cancelled() {
                return Err(Stop::Cancelled);
            }
            let begun = standing.drawer.begin(start, look)?;
            if let Begun::Drawn(image) = begun {
                see(at, image)?;
            } else if let Some((at, begun)) = before.replace((at, begun)) {
                see(at, begun.wait()?)?;
            }
        }
        before.map_or(Ok(()), |(at, begun)| see(at, begun.wait()?))
    }
}
