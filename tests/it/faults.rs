//! Machines that fail: whatever happens, the target holds its old output or the complete new one.

mod disturbed;
mod kills;
mod scene;
mod strace;
mod sweep;

pub use scene::blend;
