//! What can be wrong with a pickle, and how it is told: E0517 to E0520.

use crate::diag::Code;
use crate::diag::Problem;

pub const EVIL: Code = Code("E0517");
pub const MALFORMED: Code = Code("E0518");
pub const UNSUPPORTED: Code = Code("E0519");
pub const LIMIT: Code = Code("E0520");
/// The code of reads that fail under way, whatever is read.
pub const READ: Code = Code("E0601");

/// The kind of a fault; each has its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name that only an attack needs.
    Evil,
    /// The source could not be read.
    Read,
    /// No writer of pickles writes this.
    Malformed,
    /// Well formed, but nothing that blend reads.
    Unsupported,
    /// More than [`super::Limits`] allow.
    Limit,
}

/// Why a pickle is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Of the opcode, in the source.
    pub offset: u64,
    /// Name of the opcode, as Python's `pickletools` has it.
    pub opcode: Option<&'static str>,
    pub found: String,
    pub expected: String,
    pub code: Kind,
    /// Keys under construction (`G_ema.synthesis.b4`), as far as they are known; may be empty.
    pub path: String,
}

/// A fault as a problem.  `path_shown` is the file as it is to be shown; `base` is where the source begins in the file.
pub fn problem(fault: &Fault, path_shown: &str, base: u64) -> Problem {
    let (code, what, help) = match fault.code {
        Kind::Evil => (
            EVIL,
            format!("names {}, which a checkpoint never needs", fault.found),
            "load it nowhere, delete it with `rm FILE`, and get the weights as safetensors",
        ),
        Kind::Malformed => (
            MALFORMED,
            "holds a pickle that is not well formed".to_string(),
            "get the file again from where it came, and compare `sha256sum FILE` with what is published there",
        ),
        Kind::Unsupported => (
            UNSUPPORTED,
            "holds a pickle with something that blend does not read".to_string(),
            "save the weights alone, where the model can be loaded: `torch.save(model.state_dict(), \"weights.pt\")`",
        ),
        Kind::Limit => (
            LIMIT,
            "holds a pickle beyond what checkpoints need".to_string(),
            "save the weights alone, where the model can be loaded: `torch.save(model.state_dict(), \"weights.pt\")`",
        ),
        Kind::Read => (
            READ,
            format!("could not be read: {}", fault.found),
            "look for failures of the disk or the network with `dmesg | tail`, then build again",
        ),
    };
    let problem = Problem::new(code, format!("`{path_shown}` {what}")).help(help);
    let opcode = fault.opcode.map(|name| format!(" ({name})")).unwrap_or_default();
    let offset = base.saturating_add(fault.offset);
    let problem = match fault.code {
        Kind::Read => problem,
        _ => problem.note(format!("at byte {offset}{opcode}: found {}, expected {}", fault.found, fault.expected)),
    };
    match fault.path.is_empty() {
        true => problem,
        false => problem.note(format!("in `{}`", fault.path)),
    }
}

/// A fault before it is known where the machine stood.
#[derive(Debug)]
pub(super) struct Bad {
    pub kind: Kind,
    pub found: String,
    pub expected: String,
    /// Another opcode than the one that runs, within nested bytes: its offset in the source and its name.
    pub inner: Option<(u64, Option<&'static str>)>,
}

impl Bad {
    fn new(kind: Kind, found: impl Into<String>, expected: impl Into<String>) -> Bad {
        Bad { kind, found: found.into(), expected: expected.into(), inner: None }
    }

    pub fn evil(found: impl Into<String>, expected: impl Into<String>) -> Bad {
        Bad::new(Kind::Evil, found, expected)
    }

    pub fn limit(found: impl Into<String>, expected: impl Into<String>) -> Bad {
        Bad::new(Kind::Limit, found, expected)
    }

    pub fn malformed(found: impl Into<String>, expected: impl Into<String>) -> Bad {
        Bad::new(Kind::Malformed, found, expected)
    }

    pub fn unsupported(found: impl Into<String>, expected: impl Into<String>) -> Bad {
        Bad::new(Kind::Unsupported, found, expected)
    }

    /// What was found in bytes that begin at `base`.
    pub fn inside(fault: Fault, base: u64) -> Bad {
        Bad { inner: Some((base + fault.offset, fault.opcode)), ..Bad::apart(fault) }
    }

    /// What was found in bytes that have no place in the source.
    pub fn apart(fault: Fault) -> Bad {
        Bad::new(fault.code, fault.found, fault.expected)
    }

    pub fn read(error: &std::io::Error) -> Bad {
        let text = error.to_string();
        Bad::new(Kind::Read, text.split(" (os error").next().unwrap_or(&text).to_lowercase(), "bytes")
    }
}

/// A fault that the containers of pickles find, at a byte of the source.
pub(super) fn fault_at(offset: u64, bad: Bad) -> Fault {
    let (offset, opcode) = bad.inner.unwrap_or((offset, None));
    Fault { offset, opcode, found: bad.found, expected: bad.expected, code: bad.kind, path: String::new() }
}
