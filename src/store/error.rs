//! What can be wrong with files: E05xx the input, E06xx the machine.

use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::shown;
use crate::diag::suggest::nearest;
use std::io;
use std::path::Path;

/// Codes of pickles, which are told of what is around them too; and that of reads, whatever is read.
pub use crate::pickle::MALFORMED as PICKLE;
pub use crate::pickle::READ;
pub use crate::pickle::UNSUPPORTED as UNREADABLE;

pub const MISSING: Code = Code("E0501");
pub const CLOSED: Code = Code("E0502");
pub const OTHER_KIND: Code = Code("E0503");
pub const CUT_OFF: Code = Code("E0504");
pub const FRAME: Code = Code("E0505");
pub const MALFORMED: Code = Code("E0506");
pub const NAME: Code = Code("E0507");
pub const TENSOR: Code = Code("E0508");
pub const RANGES: Code = Code("E0509");
pub const TOO_LARGE: Code = Code("E0510");
pub const INDEX: Code = Code("E0511");
pub const DISAGREE: Code = Code("E0512");
pub const NO_CHECKPOINT: Code = Code("E0513");
pub const TEXT: Code = Code("E0514");
pub const OUTPUT_IS_INPUT: Code = Code("E0515");
pub const FOREIGN: Code = Code("E0516");
pub const DICTIONARY: Code = Code("E0521");
pub const ZIP: Code = Code("E0522");
pub const NUMPY: Code = Code("E0523");
pub const GGUF: Code = Code("E0524");
pub const GGUF_KIND: Code = Code("E0525");
/// What a bare pickle holds.
pub const NETWORK: Code = Code("E0526");
pub const WRITE: Code = Code("E0602");
pub const FULL: Code = Code("E0603");
pub const CHANGED: Code = Code("E0604");

/// The operating system's words for an error, without Rust's "(os error N)".
pub fn cause(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// A place in a file that is not as it must be.
pub struct Flaw {
    pub offset: u64,
    pub found: String,
    pub expected: String,
}

/// A file whose content is wrong at a place.
pub fn flawed(code: Code, path: &Path, what: &str, flaw: Flaw, help: &str) -> Problem {
    Problem::new(code, format!("`{}` {what}", shown::path(path)))
        .note(format!("at byte {}: found {}, expected {}", flaw.offset, flaw.found, flaw.expected))
        .help(help)
}

/// The text that helps with most broken files.
pub const AGAIN: &str =
    "get the file again from where it came, and compare `sha256sum FILE` with what is published there";

/// A path that cannot be opened for reading.
pub fn not_opened(path: &Path, error: &io::Error) -> Problem {
    let name = shown::path(path);
    match error.kind() {
        io::ErrorKind::NotFound => missing(path),
        io::ErrorKind::NotADirectory => {
            Problem::new(MISSING, format!("`{name}` goes through a file, but only directories hold files"))
                .help("write the path of the file itself, without what follows it")
        }
        io::ErrorKind::PermissionDenied => {
            Problem::new(CLOSED, format!("`{name}` may not be read by this user, and reading is needed"))
                .help(format!("allow it: `chmod u+r {name}`, or run as the user who owns it"))
        }
        _ if is_of_machine(error) => read(path, error),
        _ => Problem::new(CLOSED, format!("`{name}` cannot be opened: {}", cause(error)))
            .help(format!("look at it with `ls -lL {name}`")),
    }
}

/// Errors of opening that say nothing about the path: another time, or on another machine, it may open.
fn is_of_machine(error: &io::Error) -> bool {
    let of_machine = [libc::EIO, libc::ENOMEM, libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::EINTR, libc::ETIMEDOUT];
    error.raw_os_error().is_some_and(|errno| of_machine.contains(&errno))
}

/// What helps when too many files are open; `None`: that is not it.
fn more_files(error: &io::Error) -> Option<&'static str> {
    let too_many = [libc::EMFILE, libc::ENFILE];
    let is_it = error.raw_os_error().is_some_and(|errno| too_many.contains(&errno));
    is_it.then_some("let more files be open at a time: `ulimit -n 65536`, then build again")
}

/// A file or directory that is not there; names what is nearest to it.
fn missing(path: &Path) -> Problem {
    let problem =
        Problem::new(MISSING, format!("`{}` does not exist, a file or directory was expected", shown::path(path)));
    // The deepest directory that exists, and the name that is not in it.
    let mut at = path;
    let (directory, name) = loop {
        let parent = match at.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => return problem.help("write the path of a checkpoint, such as `models/a.safetensors`"),
        };
        let Some(name) = at.file_name() else {
            return problem.help("write the path of a checkpoint, such as `models/a.safetensors`");
        };
        if parent.is_dir() {
            break (parent, name);
        }
        at = parent;
    };
    if at.is_symlink() {
        return problem.help(format!("make the link `{}` point to a file: what it points to is gone", shown::path(at)));
    }
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .take(10_000)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.') && !shown::has_hidden(name))
        .collect();
    names.sort();
    let name = name.to_string_lossy();
    let joined = |near: &str| match directory == Path::new(".") && !path.starts_with(".") {
        true => near.to_string(),
        false => shown::path(&directory.join(near)),
    };
    match nearest(&name, names.iter().map(String::as_str)) {
        Some(near) => problem.help(format!("write `{}`", joined(near))),
        None if names.is_empty() => problem.help(format!("put the file there: `{}` is empty", shown::path(directory))),
        None => {
            let listed: Vec<String> = names.iter().take(6).map(|name| format!("`{name}`")).collect();
            let more = if names.len() > 6 { format!(" and {} more", names.len() - 6) } else { String::new() };
            problem.help(format!("write one of the names in `{}`: {}{more}", shown::path(directory), listed.join(", ")))
        }
    }
}

/// A key for a file of a format that knows no dictionaries.
pub fn no_dictionaries(path: &Path, key: &str) -> Problem {
    let message = format!(
        "`{}` has no dictionaries, `key` is for pickles such as those of `torch.save`; found `key = \"{}\"`",
        shown::path(path),
        shown::name(key)
    );
    Problem::new(DICTIONARY, message).help("leave `key` away: the tensors of this file stand under their names alone")
}

/// Something that is not a regular file, such as a pipe or a device.
pub fn not_regular(path: &Path, kind: &str) -> Problem {
    Problem::new(CLOSED, format!("`{}` is {kind}, a file was expected", shown::path(path)))
        .help("write the path of a file: copy what it delivers first, `cat PIPE > model.safetensors`")
}

/// A read that failed under way.
pub fn read(path: &Path, error: &io::Error) -> Problem {
    Problem::new(READ, format!("`{}` could not be read: {}", shown::path(path), cause(error))).help(
        more_files(error)
            .unwrap_or("look for failures of the disk or the network with `dmesg | tail`, then build again"),
    )
}

/// An input that is not what it was when its header was read.
pub fn changed(path: &Path, how: &str) -> Problem {
    Problem::new(CHANGED, format!("`{}` {how}, inputs must stay as they are during a build", shown::path(path)))
        .help("build again when nothing writes to the file; `lsof` shows who has it open")
}

/// A write, or a step of putting the output in place, that failed.
pub fn write(path: &Path, step: &str, error: &io::Error) -> Problem {
    let name = shown::path(path);
    let errno = error.raw_os_error();
    if errno == Some(libc::EFBIG) {
        return Problem::new(FULL, format!("`{name}` is larger than a file may be: {}", cause(error)))
            .help("lift the limit with `ulimit -f unlimited`, or write smaller files with `shard_size = \"2 GB\"`");
    }
    if error.kind() == io::ErrorKind::StorageFull || error.kind() == io::ErrorKind::QuotaExceeded {
        return Problem::new(FULL, format!("`{name}` does not fit: {}", cause(error))).help(format!(
            "free space, `df -h {name}` shows how much there is, or write elsewhere with `--output PATH`"
        ));
    }
    let help = match error.kind() {
        _ if is_of_machine(error) => more_files(error)
            .unwrap_or("look for failures of the disk with `dmesg | tail`, or write elsewhere with `--output PATH`"),
        _ => "make the directory writable, or write elsewhere with `--output PATH`",
    };
    Problem::new(WRITE, format!("`{name}` could not be {step}: {}", cause(error))).help(help)
}

/// The new output is in place, but the rename may not outlive a power cut.
pub fn unsealed(path: &Path, error: &io::Error) -> Problem {
    let name = shown::path(path);
    let message =
        format!("`{name}` could not be brought to the disk for good, though it is in place: {}", cause(error));
    Problem::new(WRITE, message).help("look for failures of the disk with `dmesg | tail`, and build again")
}

/// Space that is not there before anything is written.
pub fn no_space(path: &Path, needed: u64, free: u64) -> Problem {
    Problem::new(
        FULL,
        format!("`{}` needs {}, but its disk has {} left", shown::path(path), shown::bytes(needed), shown::bytes(free)),
    )
    .note(format!("needed {needed} bytes, free {free} bytes"))
    .help("free space, or write to another disk with `--output PATH`")
}
