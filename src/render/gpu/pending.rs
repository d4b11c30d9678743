//! A picture that is being drawn.

use super::device::Device;
use super::device::Fault;
use super::layout::Precision;
use crate::diag::Problem;
use crate::network::Range;
use crate::network::Shape;
use crate::picture::Image;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::channel;
use std::time::Duration;

/// For a thread to go on that has been told what another one waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Buffers that pictures are read back through, free ones of one size.
pub type Pool = Arc<Mutex<Vec<wgpu::Buffer>>>;

/// Values on their way back from the device.
pub struct Readback {
    device: Arc<Device>,
    buffer: wgpu::Buffer,
    size: usize,
    mapped: Receiver<Result<(), wgpu::BufferAsyncError>>,
    index: wgpu::SubmissionIndex,
    precision: Precision,
    shape: Shape,
    /// What drawing takes on the device, for messages.
    needed: usize,
}

impl Readback {
    /// Asks for what `buffer` will hold after the submission `index`.
    pub fn new(
        device: &Arc<Device>,
        buffer: wgpu::Buffer,
        index: wgpu::SubmissionIndex,
        precision: Precision,
        shape: Shape,
        needed: usize,
    ) -> Readback {
        let size = precision.size(shape, shape.channels);
        let (sender, mapped) = channel();
        buffer.map_async(wgpu::MapMode::Read, 0..size as u64, move |result| {
            // Nobody waits for a picture that was dropped.
            let _ = sender.send(result);
        });
        Readback { device: device.clone(), buffer, size, mapped, index, precision, shape, needed }
    }

    /// Waits for the values, and gives the buffer back.  Errors: E0712, E0713, E0714.
    pub fn wait(self) -> Result<(Vec<f32>, wgpu::Buffer), Problem> {
        let poll = wgpu::PollType::Wait { submission_index: Some(self.index.clone()), timeout: None };
        // wgpu panics when a device is lost while it waits; that is no reason to end this program.
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| self.device.device.poll(poll)));
        self.device.check(self.needed)?;
        let failed = |reason: String| {
            self.device.faults().tell(Fault::Lost(reason));
            self.device.check(self.needed)
        };
        match polled {
            Ok(Ok(_)) => {}
            Ok(Err(reason)) => failed(reason.to_string())?,
            Err(_) => failed("its driver gave no answer".into())?,
        }
        // Another thread that waits for the same device may have been told of this buffer, and is about to pass it on.
        match self.mapped.recv_timeout(PATIENCE) {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => failed(reason.to_string())?,
            Err(_) => failed("its memory could not be read".into())?,
        }
        let values = match self.buffer.slice(..self.size as u64).get_mapped_range() {
            Ok(bytes) => self.precision.unpack(self.shape, &bytes),
            Err(reason) => {
                failed(reason.to_string())?;
                vec![]
            }
        };
        self.buffer.unmap();
        Ok((values, self.buffer))
    }
}

/// A picture that is being drawn.
pub struct Pending {
    pub(super) readback: Readback,
    pub(super) range: Range,
    pub(super) pool: Pool,
}

impl Pending {
    /// Waits for the picture.  Errors: E0712, E0713, E0714.
    pub fn wait(self) -> Result<Image, Problem> {
        let shape = self.readback.shape;
        let (values, buffer) = self.readback.wait()?;
        if let Ok(mut free) = self.pool.lock() {
            free.push(buffer);
        }
        Ok(Image { shape, range: self.range, values })
    }
}
