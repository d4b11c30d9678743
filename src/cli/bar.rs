//! Progress of long work: a bar on a terminal, else a line from time to time.

use super::ui::Ui;
use crate::exec::Progress;
use crate::plan::bytes_text;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::Sender;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

/// A line of plain progress is not worth reading more often.
const PLAIN_EVERY: Duration = Duration::from_secs(10);
const BAR_EVERY: Duration = Duration::from_millis(100);

/// What is counted.
#[derive(Clone, Copy)]
pub enum Unit {
    Bytes,
    Pictures,
}

/// Shows progress while it lives.
pub struct Bar {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Bar {
    /// Of `total` bytes or pictures.
    pub fn start(total: u64, unit: Unit, progress: Arc<Progress>, ui: &Ui) -> Bar {
        if ui.quiet {
            return Bar { stop: None, thread: None };
        }
        let (stop, stopped) = channel::<()>();
        let bar = ui.is_interactive().then(|| bar(total, unit));
        let every = if bar.is_some() { BAR_EVERY } else { PLAIN_EVERY };
        let start = Instant::now();
        let show = move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(every) {
                let done = progress.done().min(total);
                match &bar {
                    Some(bar) => bar.set_position(done),
                    None => eprintln!("{}", plain(done, total, unit, start.elapsed())),
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

fn bar(total: u64, unit: Unit) -> ProgressBar {
    let template = match unit {
        Unit::Bytes => "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        Unit::Pictures => "{bar:30} {pos} of {len} pictures, {eta} left",
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style)
}

fn plain(done: u64, total: u64, unit: Unit, took: Duration) -> String {
    let rate = done as f64 / took.as_secs_f64().max(1e-9);
    let left = if rate > 0.0 {
        format!("{:.0} s left", (total.saturating_sub(done)) as f64 / rate)
    } else {
        "no estimate".into()
    };
    match unit {
        Unit::Bytes => format!("{} of {}, {}/s, {left}", bytes_text(done), bytes_text(total), bytes_text(rate as u64)),
        Unit::Pictures => format!("{done} of {total} pictures, {left}"),
    }
}
