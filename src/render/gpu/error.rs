//! What can be wrong with graphics cards and their drivers (E0710 to E0715).

use crate::diag::Code;
use crate::diag::Problem;

/// Names that a message lists.
const LISTED: usize = 8;

/// Bytes as people write them.
fn mebibytes(bytes: usize) -> String {
    match bytes {
        0..0x10_0000 => format!("{:.1} KiB", bytes as f64 / f64::from(1 << 10)),
        _ => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
    }
}

/// The device that was asked for is not there; what was found, and what the loader says of nothing.
pub fn no_device(wanted: &str, found: &[String], reason: &str) -> Problem {
    let mut problem = Problem::new(Code("E0710"), format!("found no {wanted} to draw with"));
    for name in found.iter().take(LISTED) {
        problem = problem.note(format!("there is {}", name.escape_debug()));
    }
    if !found.is_empty() {
        return problem.help("choose one that is there with `--device NAME`, or draw with `--device cpu`");
    }
    problem.note(reason.to_string()).help(
        "draw with `--device cpu`, or install a driver and its loader: on Debian `apt install libvulkan1` and the card's \
         driver, for tests `apt install mesa-vulkan-drivers`; `vulkaninfo --summary` lists what programs see",
    )
}

/// A device that was found cannot be used.
pub fn not_opened(name: &str, reason: &str) -> Problem {
    Problem::new(Code("E0711"), format!("{} cannot be used: {}", name.escape_debug(), one_line(reason)))
        .help("draw with `--device cpu`, or look at what `vulkaninfo --summary` says about the driver")
}

/// The driver refused something.
pub fn refused(name: &str, reason: &str) -> Problem {
    Problem::new(Code("E0712"), format!("{} refuses to draw: {}", name.escape_debug(), one_line(reason)))
        .help("draw with `--device cpu`, and report this with the output of `blend doctor`")
}

/// The device's memory is full.
pub fn no_memory(name: &str, needed: usize) -> Problem {
    let message =
        format!("{} has not enough free memory: drawing takes {} on it", name.escape_debug(), mebibytes(needed));
    Problem::new(Code("E0713"), message).help("close other programs that use the card, or draw with `--device cpu`")
}

/// The device went away in the middle.
pub fn lost(name: &str, reason: &str) -> Problem {
    Problem::new(
        Code("E0714"),
        format!("{} stopped in the middle of drawing: {}", name.escape_debug(), one_line(reason)),
    )
    .note("systems reset a card that answers too late, that another program has crashed, or whose driver was updated")
    .help("draw again, with `--device cpu` where it happens every time")
}

/// A layer beyond what the device's programs can see at once.
pub fn too_large(name: &str, layer: &str, needed: usize, limit: usize) -> Problem {
    let message = format!(
        "`{}` needs {} at once, but programs on {} see at most {}",
        layer.escape_debug(),
        mebibytes(needed),
        name.escape_debug(),
        mebibytes(limit)
    );
    Problem::new(Code("E0715"), message).help("draw with `--device cpu`, or a smaller picture")
}

/// Texts of drivers have many lines: what matters is said by the first and the last ones.
fn one_line(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.trim().replace(|c: char| c.is_control(), " "))
        .filter(|line| !line.is_empty())
        .collect();
    match &lines[..] {
        [] => "it gives no reason".into(),
        [first, .., last] => format!("{} … {}", first.trim_end_matches('.'), last.trim_end_matches('.')),
        [only] => only.trim_end_matches('.').into(),
    }
}
