//! The kernels: which there are, their texts, what they are bound to.

use super::params;
use super::template;
use super::template::Names;
use std::sync::OnceLock;

/// Invocations of a workgroup, of all kernels but [`Shape::Direct`].
pub const GROUP: usize = 64;

/// Templates by name; the names are part of the hash.
const TEMPLATES: &[(&str, &str)] = &[
    ("conv.wgsl", include_str!("wgsl/conv.wgsl")),
    ("direct.wgsl", include_str!("wgsl/direct.wgsl")),
    ("each.wgsl", include_str!("wgsl/each.wgsl")),
    ("finish.wgsl", include_str!("wgsl/finish.wgsl")),
    ("fir.wgsl", include_str!("wgsl/fir.wgsl")),
    ("load.wgsl", include_str!("wgsl/load.wgsl")),
    ("move.wgsl", include_str!("wgsl/move.wgsl")),
    ("resample.wgsl", include_str!("wgsl/resample.wgsl")),
    ("sum.wgsl", include_str!("wgsl/sum.wgsl")),
    ("thin.wgsl", include_str!("wgsl/thin.wgsl")),
    ("tiled.wgsl", include_str!("wgsl/tiled.wgsl")),
    ("upsample.wgsl", include_str!("wgsl/upsample.wgsl")),
    ("walk.wgsl", include_str!("wgsl/walk.wgsl")),
    ("widen.wgsl", include_str!("wgsl/widen.wgsl")),
];

fn find(name: &str) -> &'static str {
    static PARAMS: OnceLock<String> = OnceLock::new();
    if name == "params" {
        return PARAMS.get_or_init(params::text);
    }
    TEMPLATES.iter().find(|row| row.0 == name).map_or("there is no such template", |row| row.1)
}

/// Which kernels these are: the beginning of a BLAKE3 hash of all texts.
pub fn hash() -> String {
    let mut hasher = blake3::Hasher::new();
    for kernel in all() {
        hasher.update(kernel.text().as_bytes());
    }
    hasher.finalize().to_hex()[..12].to_string()
}

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shape {
    /// In shared memory: output channels and positions of a workgroup, 8 × 8 an invocation; products of a slice.
    Tiled { outputs: usize, places: usize, depth: usize },
    /// Without: output channels and positions of an invocation, invocations of a workgroup.
    Direct { outputs: usize, places: usize, threads: usize },
}

impl Shape {
    /// Output channels of a workgroup.
    pub fn outputs(self) -> usize {
        match self {
            Shape::Tiled { outputs, .. } | Shape::Direct { outputs, .. } => outputs,
        }
    }

    /// Positions of a workgroup.
    pub fn places(self) -> usize {
        match self {
            Shape::Tiled { places, .. } => places,
            Shape::Direct { places, threads, .. } => places * threads,
        }
    }
}

/// For graphics cards, and for layers with few outputs on them.
pub const CARDS: &[Shape] = &[
    Shape::Direct { outputs: 4, places: 4, threads: 64 },
    Shape::Direct { outputs: 8, places: 4, threads: 64 },
    Shape::Tiled { outputs: 16, places: 256, depth: 8 },
    Shape::Tiled { outputs: 32, places: 128, depth: 16 },
    Shape::Tiled { outputs: 64, places: 64, depth: 16 },
];

/// For adapters that are processors: registers are all, and a workgroup is as wide as their vectors.
pub const SOFT: &[Shape] = &[
    Shape::Direct { outputs: 4, places: 8, threads: 8 },
    Shape::Direct { outputs: 8, places: 8, threads: 8 },
    Shape::Direct { outputs: 16, places: 8, threads: 8 },
    Shape::Direct { outputs: 32, places: 8, threads: 8 },
];

/// What a kernel does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Task {
    /// A convolution; transposed; whose sums are kept for a second pass.
    Conv {
        shape: Shape,
        up: bool,
        raw: bool,
    },
    Sum,
    Fir,
    Upsample,
    Widen,
    Thin,
    Move,
}

/// A kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kernel {
    pub task: Task,
    /// Activations are stored as halves.
    pub half: bool,
    /// What is read may lie in the buffer that is written: then it is bound as if it were written too.
    pub shared: bool,
}

/// What is bound, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Uniform,
    Read,
    Write,
}

impl Kernel {
    fn file(self) -> &'static str {
        match self.task {
            Task::Conv { shape: Shape::Tiled { .. }, .. } => "tiled.wgsl",
            Task::Conv { shape: Shape::Direct { .. }, .. } => "direct.wgsl",
            Task::Sum => "sum.wgsl",
            Task::Fir => "fir.wgsl",
            Task::Upsample => "upsample.wgsl",
            Task::Widen => "widen.wgsl",
            Task::Thin => "thin.wgsl",
            Task::Move => "move.wgsl",
        }
    }

    /// For people, in the messages of drivers too.
    pub fn name(self) -> String {
        let mut name = match self.task {
            Task::Conv { shape, up, raw } => {
                let kind = if matches!(shape, Shape::Tiled { .. }) { "tiled" } else { "direct" };
                let (up, raw) = (if up { " up" } else { "" }, if raw { " raw" } else { "" });
                format!("{kind} {}x{}{up}{raw}", shape.outputs(), shape.places())
            }
            _ => self.file().trim_end_matches(".wgsl").to_string(),
        };
        for (flag, word) in [(self.half, " f16"), (self.shared, " shared")] {
            name.push_str(if flag { word } else { "" });
        }
        name
    }

    /// The text in WGSL.
    pub fn text(self) -> String {
        let flag = |on: bool| u8::from(on).to_string();
        let mut names = Names::from([
            ("half", flag(self.half)),
            ("element", if self.half { "u32" } else { "f32" }.to_string()),
            ("access", if self.shared { "read_write" } else { "read" }.to_string()),
        ]);
        if let Task::Conv { shape, up, raw } = self.task {
            names.extend([("up", flag(up)), ("raw", flag(raw)), ("bo", shape.outputs().to_string())]);
            match shape {
                Shape::Tiled { places, depth, .. } => {
                    names.extend([("bp", places.to_string()), ("depth", depth.to_string())]);
                }
                Shape::Direct { places, threads, .. } => {
                    names.extend([("px", places.to_string()), ("threads", threads.to_string())]);
                }
            }
        }
        template::expand(self.file(), &names, &find)
    }

    /// Numbers and kinds of what it is bound to (`wgsl/` says what they are).
    pub fn bindings(self) -> Vec<(u32, Access)> {
        let x = if self.shared { Access::Write } else { Access::Read };
        let end = [(4, Access::Write), (5, Access::Read), (6, Access::Read), (7, x), (8, x)];
        let mut all = vec![(0, Access::Uniform)];
        match self.task {
            Task::Conv { raw, .. } => {
                all.extend([(1, x), (2, Access::Read), (3, Access::Read)]);
                all.extend(if raw { &end[..1] } else { &end[..] });
            }
            Task::Widen => all.extend([(1, Access::Read), (4, Access::Write), (5, Access::Read)]),
            Task::Sum | Task::Fir | Task::Thin => {
                all.extend([(1, Access::Read), (3, Access::Read)]);
                all.extend(end);
            }
            Task::Upsample | Task::Move => {
                all.extend([(1, x), (3, Access::Read)]);
                all.extend(end);
            }
        }
        all
    }
}

/// Every kernel that there is.
pub fn all() -> Vec<Kernel> {
    let mut tasks = vec![Task::Sum, Task::Fir, Task::Upsample, Task::Widen, Task::Thin, Task::Move];
    for &shape in CARDS.iter().chain(SOFT) {
        for (up, raw) in [(false, false), (false, true), (true, true)] {
            tasks.push(Task::Conv { shape, up, raw });
        }
    }
    let mut all = vec![];
    for task in tasks {
        for (half, shared) in [(false, false), (false, true), (true, false), (true, true)] {
            all.push(Kernel { task, half, shared });
        }
    }
    all
}
