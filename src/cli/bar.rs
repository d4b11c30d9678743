//! Progress of work that is counted in pictures: a bar on a terminal, else a line from time to time.

use super::ui::Ui;
use crate::exec::Progress;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::Sender;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

const PLAIN_EVERY: Duration = Duration::from_secs(10);
const BAR_EVERY: Duration = Duration::from_millis(100);

/// Shows progress while it lives.
pub struct Bar {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Bar {
    /// Of `total` steps.
    pub fn start(total: u64, progress: Arc<Progress>, ui: &Ui) -> Bar {
        if ui.quiet {
            return Bar { stop: None, thread: None };
        }
        let (stop, stopped) = channel::<()>();
        let bar = ui.is_interactive().then(|| bar(total));
        let every = if bar.is_some() { BAR_EVERY } else { PLAIN_EVERY };
        let start = Instant::now();
        let show = move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(every) {
                let done = progress.done().min(total);
                match &bar {
                    Some(bar) => bar.set_position(done),
                    None => eprintln!("{done} of {total} pictures, {:.0} s", start.elapsed().as_secs_f64()),
                }
            }
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
        };
        let thread = std::thread::Builder::new().name("progress".into()).spawn(show).ok();
        Bar { stop: Some(stop), thread }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn bar(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} pictures, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style)
}
