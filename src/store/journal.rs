//! The tensors of a temporary that are finished, noted beside it: the build after one that was killed goes on there.
//!
//! A note may reach the disk before what it speaks of, or be torn, when the machine loses power: nothing is synced for
//! it, so that it costs nothing.  What makes a note true is the sum of the tensor's bytes, which whoever goes on compares.

use super::sys;
use indexmap::IndexMap;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

/// What a journal begins with; the digest of the plan follows.
const MAGIC: &[u8; 16] = b"blend journal 1\n";

/// Bytes of a note: number of the tensor, sum of its bytes, check of both.
const NOTE: usize = 28;

/// Notes of one journal at most: more than any model has tensors.
const NOTES: usize = 16 << 20;

/// A finished tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its number in the output.
    pub tensor: u32,
    /// Of its bytes.
    pub sum: [u8; 16],
}

/// A journal that is being written.  What cannot be written is only lost to a build after a kill.
pub struct Journal {
    path: PathBuf,
    file: Mutex<Option<File>>,
}

/// Where the journal of a temporary lies.
pub fn beside(temporary: &Path) -> PathBuf {
    temporary.with_extension("done")
}

impl Journal {
    /// Starts a journal with these notes.
    pub fn start(temporary: &Path, plan: &[u8; 32], notes: &[Note]) -> Journal {
        let path = beside(temporary);
        let mut text = [MAGIC.as_slice(), plan].concat();
        notes.iter().for_each(|note| text.extend_from_slice(&bytes(plan, note)));
        let open = || {
            let mut file = OpenOptions::new().append(true).create_new(true).open(&path)?;
            file.write_all(&text)?;
            Ok::<File, io::Error>(file)
        };
        let file = Mutex::new(open().ok());
        Journal { path, file }
    }

    /// Notes a tensor whose bytes are all written.
    pub fn note(&self, plan: &[u8; 32], note: &Note) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = file.as_mut().map(|file| file.write_all(&bytes(plan, note)));
        // After half a note nothing can be read.
        if matches!(written, Some(Err(_))) {
            *file = None;
        }
    }

    /// Ends the journal: the output has its place, or is given up.
    pub fn remove(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn bytes(plan: &[u8; 32], note: &Note) -> [u8; NOTE] {
    let mut out = [0; NOTE];
    out[..4].copy_from_slice(&note.tensor.to_le_bytes());
    out[4..20].copy_from_slice(&note.sum);
    let check = blake3::Hasher::new().update(plan).update(&out[..20]).finalize();
    out[20..].copy_from_slice(&check.as_bytes()[..8]);
    out
}

/// The notes of a journal that belongs to this plan; `None` for every other.  Notes after a broken one are lost; of two on
/// one tensor the later counts: its bytes were not what the first one said, and were made again.
pub fn read(temporary: &Path, plan: &[u8; 32]) -> Option<Vec<Note>> {
    let file = sys::open_at_once(&beside(temporary)).ok()?;
    let size = file.metadata().ok().filter(|metadata| metadata.is_file())?.len();
    let most = (NOTE * NOTES) as u64;
    let mut content = vec![0; size.min(most) as usize];
    let count = sys::read_full(&file, 0, &mut content).ok()?;
    let body = content[..count].strip_prefix(MAGIC)?.strip_prefix(plan.as_slice())?;
    let note = |row: &[u8]| {
        let note = Note { tensor: u32::from_le_bytes(row[..4].try_into().ok()?), sum: row[4..20].try_into().ok()? };
        (bytes(plan, &note) == row).then_some(note)
    };
    let notes: IndexMap<u32, Note> = body.chunks_exact(NOTE).map_while(note).map(|note| (note.tensor, note)).collect();
    Some(notes.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torn_and_foreign_notes_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let temporary = folder.path().join(".o.blend-0123456789abcdef.tmp");
        let (plan, other) = ([3; 32], [4; 32]);
        let notes: Vec<Note> = (0..3).map(|tensor| Note { tensor, sum: [tensor as u8 + 7; 16] }).collect();
        assert_eq!(read(&temporary, &plan), None);
        let journal = Journal::start(&temporary, &plan, &notes[..1]);
        notes[1..].iter().for_each(|note| journal.note(&plan, note));
        assert_eq!(read(&temporary, &plan), Some(notes.clone()));
        assert_eq!(read(&temporary, &other), None);
        let path = beside(&temporary);
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut torn = whole.clone();
            torn[at] ^= 0x10;
            std::fs::write(&path, torn).unwrap();
            let kept = at.checked_sub(48).map(|at| notes[..at / NOTE].to_vec());
            assert_eq!(read(&temporary, &plan), kept, "byte {at}");
            std::fs::write(&path, &whole[..at]).unwrap();
            assert_eq!(read(&temporary, &plan), kept, "cut at {at}");
        }
        std::fs::write(&path, whole).unwrap();
        let again = Note { tensor: 1, sum: [99; 16] };
        journal.note(&plan, &again);
        assert_eq!(read(&temporary, &plan), Some(vec![notes[0], again, notes[2]]));
        journal.remove();
        assert!(!path.exists());
        journal.remove();
    }
}
