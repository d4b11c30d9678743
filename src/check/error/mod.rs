//! Every message of the checker: names (E02), kinds (E03), tensors (E04), warnings (W02, W04).

mod align;
mod apart;
mod channels;
mod images;
mod kinds;
mod lints;
mod names;
mod params;
mod paths;
mod rewrite;
mod tensors;

pub use align::*;
pub use channels::*;
pub use images::*;
pub use kinds::*;
pub use lints::*;
pub use names::*;
pub use params::*;
pub use paths::*;
pub use tensors::*;

/// `a`, `b` and `c`; long lists end in a count.
pub fn listed<S: AsRef<str>>(names: &[S]) -> String {
    let shown: Vec<String> = names.iter().take(6).map(|name| format!("`{}`", name.as_ref())).collect();
    let more = names.len().saturating_sub(shown.len());
    match (shown.as_slice(), more) {
        ([], _) => "none".into(),
        (shown, 1..) => format!("{} and {more} more", shown.join(", ")),
        ([one], 0) => one.clone(),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
    }
}

/// `1 tensor`, `12 tensors`
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
