//! What a file is when it is not safetensors, by its content and never by its name.

use super::error;
use crate::diag::Problem;
use crate::diag::shown;
use std::path::Path;

/// Bytes of a file's start that are looked at.
pub const HEAD: usize = 4096;

/// A kind of file.
pub struct Guess {
    /// With its article: `a GGUF model`.
    pub name: &'static str,
    /// What to do with it where a checkpoint is wanted.
    pub help: &'static str,
    /// False for text.
    pub is_binary: bool,
}

const fn binary(name: &'static str, help: &'static str) -> Guess {
    Guess { name, help, is_binary: true }
}

const CONVERT: &str =
    "convert it to safetensors: `safetensors.torch.save_file(tensors, \"model.safetensors\")` in Python";
const UNPACK: &str = "unpack it, and write the path of the checkpoint in it";
const DOWNLOAD: &str = "get the file itself: use the download link, and log in where the model asks for it";
const CHOOSE: &str =
    "write the path of a checkpoint (`.safetensors`, `.pt`, `.pkl`, `.npz`, `.gguf`), or of a directory that holds one";

/// Kinds that their first bytes tell.
const MAGIC: &[(&[u8], Guess)] = &[
    (b"GGUF", binary("a GGUF model", CHOOSE)),
    (
        b"BLENDER",
        binary("a Blender scene", "write the path of a model: `.blend` is also the ending of Blender's scenes"),
    ),
    (b"\x28\xb5\x2f\xfd", binary("zstd-compressed data, perhaps a Blender scene", UNPACK)),
    (b"\x1f\x8b", binary("gzip-compressed data", UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", binary("a 7z archive", UNPACK)),
    (b"\xfd7zXZ\0", binary("xz-compressed data", UNPACK)),
    (b"Rar!\x1a\x07", binary("a RAR archive", UNPACK)),
    (b"\x89PNG\r\n\x1a\n", binary("a PNG image", CHOOSE)),
    (b"\xff\xd8\xff", binary("a JPEG image", CHOOSE)),
    (b"GIF8", binary("a GIF image", CHOOSE)),
    (b"%PDF-", binary("a PDF document", CHOOSE)),
    (b"\x7fELF", binary("a program", CHOOSE)),
    (b"MZ", binary("a Windows program", CHOOSE)),
    (b"\x89HDF\r\n\x1a\n", binary("an HDF5 file (Keras)", CONVERT)),
    (b"\x93NUMPY", binary("a NumPy array (.npy)", CHOOSE)),
    (
        b"version https://git-lfs",
        Guess {
            name: "a git-lfs pointer, not the file it points to",
            help: "fetch the file: `git lfs pull`",
            is_binary: false,
        },
    ),
];

/// What the first bytes of a file show it to be.
pub fn kind(head: &[u8]) -> Option<&'static Guess> {
    const NPZ: Guess = binary("a zip archive of NumPy arrays (.npz)", CHOOSE);
    const TORCH: Guess = binary("a PyTorch checkpoint (zip)", CONVERT);
    const ZIP: Guess = binary("a zip archive", UNPACK);
    const TAR: Guess = binary("a tar archive", UNPACK);
    const OLD_TORCH: Guess = binary(
        "a PyTorch checkpoint of before version 0.1.10 (tar)",
        "save it with PyTorch again: `torch.save(torch.load(\"a.pt\"), \"b.pt\")`, where you trust the file",
    );
    const PAGE: Guess = Guess { name: "a web page", help: DOWNLOAD, is_binary: false };
    const RECIPE: Guess = Guess { name: "a recipe of blend", help: CHOOSE, is_binary: false };

    if let Some((_, guess)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(guess);
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        let holds = |name: &[u8]| contains(head, name);
        return Some(match () {
            () if holds(b"data.pkl") || holds(b"/version") => &TORCH,
            () if holds(b".npy") => &NPZ,
            () => &ZIP,
        });
    }
    if head.get(257..262) == Some(b"ustar") {
        let name = head.split(|&byte| byte == 0).next().unwrap_or(&[]);
        let is_torch = [&b"sys_info"[..], b"pickle", b"tensors", b"storages"].contains(&name);
        return Some(if is_torch { &OLD_TORCH } else { &TAR });
    }
    let start = head.trim_ascii_start();
    let start: Vec<u8> = start.iter().take(16).map(u8::to_ascii_lowercase).collect();
    if [&b"<!doctype"[..], b"<html", b"<head", b"<?xml"].iter().any(|tag| start.starts_with(tag)) {
        return Some(&PAGE);
    }
    if start.starts_with(b"blend 1") {
        return Some(&RECIPE);
    }
    None
}

/// A refusal of a file that is not safetensors, when its start tells what it is.
pub fn refuse(path: &Path, head: &[u8]) -> Option<Problem> {
    const JSON: Guess = Guess { name: "a JSON text", help: CHOOSE, is_binary: false };
    const TEXT: Guess = Guess { name: "a text", help: CHOOSE, is_binary: false };
    let is_text = || {
        let end = std::str::from_utf8(head).map_or_else(|error| error.valid_up_to(), str::len);
        end + 4 > head.len() && !head[..end].iter().any(|&byte| byte < 0x20 && !byte.is_ascii_whitespace())
    };
    let guess = match kind(head) {
        Some(guess) => guess,
        None if head.is_empty() || !is_text() => return None,
        None if head.trim_ascii_start().starts_with(b"{") => &JSON,
        None => &TEXT,
    };
    let message = format!("`{}` is {}, a checkpoint was expected", shown::path(path), guess.name);
    Some(Problem::new(error::OTHER_KIND, message).help(guess.help))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
