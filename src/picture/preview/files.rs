//! Terminals that take PNG files.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Bytes of base64 in one command, at most: a multiple of 4.
const CHUNK: usize = 4096;

/// A picture as kitty takes it, `cells` columns wide; the terminal takes as many rows as the picture's shape asks.
///
/// Format 100 is PNG, `a=T` sends and shows, `q=2` keeps the terminal from answering: its answer would be taken for what
/// the user types.  Source: kitty's "Terminal graphics protocol".
pub fn kitty(out: &mut Vec<u8>, png: &[u8], cells: usize) {
    let text = STANDARD.encode(png);
    let mut keys = format!("a=T,f=100,q=2,c={cells},");
    let mut chunks = text.as_bytes().chunks(CHUNK).peekable();
    while let Some(chunk) = chunks.next() {
        let more = u8::from(chunks.peek().is_some());
        out.extend_from_slice(format!("\x1b_G{keys}m={more};").as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\x1b\\");
        // All keys stand before the first chunk; `q` may stand before others, and some terminals forget it.
        keys = "q=2,".into();
    }
}

/// A picture as iTerm2 takes it, `cells` columns wide.  Source: iTerm2's "Inline Images Protocol".
pub fn iterm(out: &mut Vec<u8>, png: &[u8], cells: usize) {
    let size = png.len();
    out.extend_from_slice(
        format!("\x1b]1337;File=inline=1;size={size};width={cells};preserveAspectRatio=1:").as_bytes(),
    );
    out.extend_from_slice(STANDARD.encode(png).as_bytes());
    out.push(0x07);
}
