//! Something being written beside its target, and put in its place in one step.

use super::Inputs;
use super::Part;
use super::error;
use super::fingerprint::Fingerprint;
use super::fingerprint::TICK;
use super::fingerprint::stamp;
use super::foreign;
use super::forget;
use super::journal::Journal;
use super::journal::Note;
use super::place::Barred;
use super::place::Place;
use super::stale;
use super::stale::Temporary;
use super::sys;
use crate::diag::Problem;
use crate::diag::shown;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::Permissions;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;

/// Bytes that take longer to compare than the clock of files takes to tick.
const LARGE: u64 = 128 << 20;

/// What an output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    Directory,
}

/// An output under construction.  Dropped without being committed, it leaves what stood at its target and removes its
/// temporaries; killed, it leaves temporaries that the next build of the target removes, or goes on with when it has the
/// same plan.
pub struct Staged {
    /// As the caller wrote it, for messages.
    target: PathBuf,
    place: Place,
    kind: Kind,
    force: bool,
    temporary: Temporary,
    /// Of the file or directory that will be replaced.
    permissions: Option<Permissions>,
    /// Names of the parts made so far.
    made: Mutex<Vec<String>>,
    barred: Barred,
    /// The temporary has its final name.
    placed: bool,
    /// Directories that did not exist before, innermost first.
    above: Vec<PathBuf>,
    /// Digest of the plan and what is noted for a build after a kill.
    journal: Option<([u8; 32], Journal)>,
    /// What an earlier build of the same plan had finished, as it said.
    notes: Option<Vec<Note>>,
}

impl Staged {
    /// Prepares an output of `bytes` bytes: resolves links, refuses what must not be replaced, removes temporaries of
    /// dead builds, looks for space, makes missing directories above.
    ///
    /// `forbidden` are the inputs: files, and the directories of models that are directories.  `force` replaces a
    /// directory although blend did not write it.  Errors: E0515, E0516, E0602, E0603.
    pub fn new(target: &Path, kind: Kind, bytes: u64, forbidden: &[PathBuf], force: bool) -> Result<Staged, Problem> {
        Staged::of(target, kind, bytes, forbidden, force, None)
    }

    /// The same for a plan of this digest: finished tensors can be noted, and what a dead build of the plan left is gone
    /// on with ([`Staged::notes`]).
    pub fn of(
        target: &Path,
        kind: Kind,
        bytes: u64,
        forbidden: &[PathBuf],
        force: bool,
        plan: Option<&[u8; 32]>,
    ) -> Result<Staged, Problem> {
        let place = Place::of(target)?;
        let path = place.path();
        let barred = Barred::new(forbidden);
        barred.check(target, &path)?;
        let taken = stale::clean(&place, kind == Kind::Directory, plan);
        let permissions = Staged::replaced(target, &path, kind, force).inspect_err(|_| {
            taken.iter().for_each(|taken| stale::remove(&taken.temporary.path));
        })?;
        let there = place.parent.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
        match sys::free_bytes(there) {
            // What is taken over has its space already.
            Some(free) if free < bytes && taken.is_none() => return Err(error::no_space(target, bytes, free)),
            _ => {}
        }
        let failed = |error: std::io::Error| error::write(target, "made", &error);
        let above: Vec<PathBuf> =
            place.parent.ancestors().take_while(|path| !path.exists()).map(Path::to_path_buf).collect();
        std::fs::create_dir_all(&place.parent).map_err(failed)?;
        let (temporary, notes) = match taken {
            Some(taken) => (taken.temporary, Some(taken.notes)),
            None => {
                let made = match kind {
                    Kind::File => stale::file(&place),
                    Kind::Directory => stale::directory(&place),
                };
                (made.map_err(failed)?, None)
            }
        };
        let noted = notes.as_deref().unwrap_or_default();
        let journal = plan.map(|plan| (*plan, Journal::start(&temporary.path, plan, noted)));
        let target = target.to_path_buf();
        let made = Mutex::default();
        Ok(Staged {
            target,
            place,
            kind,
            force,
            temporary,
            permissions,
            made,
            barred,
            placed: false,
            above,
            journal,
            notes,
        })
    }

    /// Removes what dead builds of an output left, when nothing is left to do for it.
    pub fn tidy(target: &Path) {
        // No plan has this digest: nothing is gone on with.
        if let Ok(place) = Place::of(target) {
            stale::clean(&place, false, Some(&[0; 32]));
        }
    }

    /// The tensors that an earlier build had finished, as it said: their bytes must be compared with the sums.  `None`:
    /// this output is begun anew.
    pub fn notes(&self) -> Option<&[Note]> {
        self.notes.as_deref()
    }

    /// Notes that all bytes of a tensor are written.
    pub fn note(&self, note: &Note) {
        if let Some((plan, journal)) = &self.journal {
            journal.note(plan, note);
        }
    }

    /// Looks at what stands at the target; its permissions, when it may be replaced.
    fn replaced(target: &Path, path: &Path, kind: Kind, force: bool) -> Result<Option<Permissions>, Problem> {
        let metadata = match path.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error::write(target, "looked at", &error)),
        };
        let name = shown::path(target);
        match kind {
            Kind::File if metadata.is_dir() => {
                let message = format!("`{name}` is a directory, but the output is one file");
                Err(Problem::new(error::FOREIGN, message)
                    .help(format!("write a file name: `{name}/merged.safetensors`")))
            }
            Kind::Directory if metadata.is_file() => {
                let message = format!("`{name}` is a file, but the output is a directory of shards");
                Err(Problem::new(error::FOREIGN, message).help("write another name, or leave out `shard_size`"))
            }
            _ if !metadata.is_file() && !metadata.is_dir() => {
                let message = format!("`{name}` is {}, an output is a file or directory", sys::special_kind(&metadata));
                Err(Problem::new(error::FOREIGN, message).help("write a file name, such as `out/merged.safetensors`"))
            }
            _ => {
                if kind == Kind::Directory && !force {
                    foreign::refuse(target, path)?;
                }
                Ok(Some(metadata.permissions()))
            }
        }
    }

    /// A file of the output, with its full `size` in bytes reserved.  An output that is a file has one part, whatever
    /// `name` says; a directory has one per shard or small file.  Errors: E0516 for a name that is none, E0602, E0603.
    pub fn part(&self, name: &str, size: u64) -> Result<Part, Problem> {
        self.part_like(name, size, None).map(|(part, _)| part)
    }

    /// The same; where the file system can share blocks, and this output is begun anew, the part starts with the content
    /// of `model`, a file of those.  Tells whether it does.
    pub fn part_like(&self, name: &str, size: u64, model: Option<(&Inputs, usize)>) -> Result<(Part, bool), Problem> {
        let mut made = self.made.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let taken = if self.kind == Kind::File { !made.is_empty() } else { made.iter().any(|other| other == name) };
        if taken || (self.kind == Kind::Directory && !is_file_name(name)) {
            let why = if taken { "is written twice" } else { "is not the name of a file" };
            let message = format!("`{}` in `{}` {why}", shown::name(name), shown::path(&self.target));
            return Err(Problem::new(error::FOREIGN, message).help("give each file of a directory its own plain name"));
        }
        let part = match self.kind {
            Kind::File => {
                let file = self.temporary.handle.try_clone();
                file.map(|file| Part::new(file, self.temporary.path.clone(), self.target.clone(), size))
            }
            Kind::Directory => {
                let temporary = self.temporary.path.join(name);
                let mut options = OpenOptions::new();
                options.read(true).write(true).create(true).truncate(false).create_new(self.notes.is_none());
                let options = options.open(&temporary);
                options.map(|file| Part::new(file, temporary, self.target.join(name), size))
            }
        };
        let part = part.map_err(|error| error::write(&self.target, "made", &error))?;
        let shares = self.notes.is_none() && model.is_some_and(|(files, file)| files.clone_into(file, &part.file));
        if shares || self.notes.is_some() {
            part.file.set_len(size).map_err(|error| error::write(&part.target, "made", &error))?;
        }
        if size > 0 {
            sys::reserve(&part.file, size).map_err(|error| error::write(&part.target, "made", &error))?;
        }
        made.push(name.to_string());
        Ok((part, shares))
    }

    /// Puts the output in its place: all of it is on the disk when this returns, and the files that it consists of are
    /// told, in the order of the parts, and for each whether it may be written to again without a trace.  A directory gets a `blend.json` that
    /// lists its files, unless a part has that name.  Errors: E0516, E0602, E0603; then what stood there is unchanged,
    /// save that a last E0602 says when the new output is in place but may not outlive a power cut.
    pub fn commit(mut self, parts: Vec<Part>) -> Result<Vec<Option<(Fingerprint, bool)>>, Problem> {
        let stamps = if self.journal.is_some() { stamps(&parts) } else { vec![] };
        let path = self.place.path();
        forget::beside(&path, || self.finish(&parts))?;
        if self.journal.is_some() {
            settle(&parts, &stamps);
        }
        // While nobody else knows them: a write through the new name is not ours.
        let ours = prints(&parts);
        let now = std::time::SystemTime::now();
        let old = self.put(&self.place.clone())?;
        self.sealed(old)?;
        // Of the open files: under their names others may have put theirs by now.
        let of = |(at, (print, own)): (usize, (Option<Fingerprint>, Option<Fingerprint>))| {
            let (print, own) = (print?, own?);
            let is_stamped = stamps.get(at).is_some_and(|stamp| *stamp == Some(own.written));
            let is_ours = (print.size, print.written) == (own.size, own.written);
            Some((print, !is_ours || (!is_stamped && own.unsettled(now).is_some())))
        };
        Ok(prints(&parts).into_iter().zip(ours).enumerate().map(of).collect())
    }

    /// Renames the temporary; gives the directory that has been put aside for it.
    fn put(&mut self, place: &Place) -> Result<Option<PathBuf>, Problem> {
        let old = match self.kind {
            Kind::File => self.place_file(&place.path()).map(|()| None)?,
            Kind::Directory => self.place_directory(place)?,
        };
        self.placed = true;
        self.journal.iter().for_each(|(_, journal)| journal.remove());
        Ok(old)
    }

    /// Brings the rename to the disk, and only then removes what was replaced: before, a power cut could leave neither.
    /// What cannot be brought there stays; the next build removes it.
    fn sealed(&self, old: Option<PathBuf>) -> Result<(), Problem> {
        sys::sync_directory(&self.place.parent).map_err(|error| error::unsealed(&self.target, &error))?;
        old.iter().for_each(|old| stale::remove(old));
        Ok(())
    }

    /// Keeps the output as `NAME.failed` beside its target, which stays as it is; for a result whose claims do not
    /// hold.  An earlier `NAME.failed` is replaced.  Errors: as [`Staged::commit`], and E0515.
    pub fn keep_as_failed(mut self, parts: Vec<Part>) -> Result<PathBuf, Problem> {
        self.finish(&parts)?;
        let mut place = self.place.clone();
        place.name.push(".failed");
        let path = place.path();
        self.barred.check(&path, &path)?;
        Staged::replaced(&path, &path, self.kind, self.force)?;
        let old = self.put(&place)?;
        self.sealed(old)?;
        let shown = self.target.file_name().map(|name| {
            let mut name = name.to_os_string();
            name.push(".failed");
            self.target.with_file_name(name)
        });
        // A target that is a link: its name is not beside the file.
        Ok(shown.filter(|shown| shown.exists()).unwrap_or(path))
    }

    /// Brings all parts to the disk and gives the permissions of what is replaced.
    fn finish(&mut self, parts: &[Part]) -> Result<(), Problem> {
        let failed = |path: &Path, error: std::io::Error| error::write(path, "written", &error);
        for part in parts {
            part.file.sync_all().map_err(|error| failed(&part.target, error))?;
        }
        if self.kind == Kind::Directory {
            self.finish_directory(parts)?;
        } else if parts.is_empty() {
            self.temporary.handle.sync_all().map_err(|error| failed(&self.target, error))?;
        }
        if let Some(permissions) = self.permissions.take() {
            let set = self.temporary.handle.set_permissions(permissions);
            set.map_err(|error| failed(&self.target, error))?;
        }
        Ok(())
    }

    fn finish_directory(&mut self, parts: &[Part]) -> Result<(), Problem> {
        let failed = |error: std::io::Error| error::write(&self.target, "written", &error);
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        for name in &made {
            // Parts that the caller let go early.
            let path = self.temporary.path.join(name);
            if !parts.iter().any(|part| part.temporary == path) {
                File::open(&path).and_then(|file| file.sync_all()).map_err(failed)?;
            }
        }
        if !made.iter().any(|name| name == foreign::MARKER) {
            let path = self.temporary.path.join(foreign::MARKER);
            let text = foreign::marker(&made);
            // One that a dead build had written is of the same parts.
            let file = OpenOptions::new().write(true).create(true).truncate(true).open(path).map_err(failed)?;
            sys::write_full(&file, 0, text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        }
        sys::sync_directory(&self.temporary.path).map_err(failed)
    }

    fn place_file(&self, path: &Path) -> Result<(), Problem> {
        let renamed = std::fs::rename(&self.temporary.path, path);
        renamed.map_err(|error| error::write(&self.target, "put in place", &error))
    }

    fn place_directory(&self, place: &Place) -> Result<Option<PathBuf>, Problem> {
        let failed = |error: std::io::Error| error::write(&self.target, "put in place", &error);
        let path = place.path();
        let temporary = &self.temporary.path;
        if path.symlink_metadata().is_err() {
            if sys::rename_new(temporary, &path).map_err(failed)? {
                return Ok(None);
            }
            return std::fs::rename(temporary, &path).map(|()| None).map_err(failed);
        }
        // Somebody may have put a file there since the start.
        if !self.force {
            foreign::refuse(&self.target, &path)?;
        }
        if sys::exchange(temporary, &path).map_err(failed)? {
            return Ok(Some(temporary.clone()));
        }
        // Two steps: a death between them is repaired by the next build.  The lock tells that one from ours.
        let old = File::open(&path).map_err(failed)?;
        let _ = sys::lock(&old);
        let aside = stale::replaced(place);
        std::fs::rename(&path, &aside).map_err(failed)?;
        if let Err(error) = std::fs::rename(temporary, &path) {
            let _ = std::fs::rename(&aside, &path);
            return Err(failed(error));
        }
        Ok(Some(aside))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.placed {
            self.journal.iter().for_each(|(_, journal)| journal.remove());
            stale::remove(&self.temporary.path);
            // Only empty ones go: another build may have put something there meanwhile.
            for directory in &self.above {
                let _ = std::fs::remove_dir(directory);
            }
        }
    }
}

/// What the files are now.
fn prints(parts: &[Part]) -> Vec<Option<Fingerprint>> {
    parts.iter().map(|part| part.file.metadata().ok().as_ref().and_then(Fingerprint::of)).collect()
}

/// The times that parts were given, where the file system keeps them: a later write bears another one.
fn stamps(parts: &[Part]) -> Vec<Option<i64>> {
    parts.iter().map(|part| stamp(&part.file).map(|print| print.written)).collect()
}

/// Large files without a stamp wait, while nobody else knows them, until a later write must bear another time than ours; of a
/// small one the bytes are compared sooner than waited for.
fn settle(parts: &[Part], stamps: &[Option<i64>]) {
    let coarse = prints(parts).into_iter().zip(stamps).filter(|(_, stamp)| stamp.is_none());
    let large = coarse.filter_map(|(print, _)| print).filter(|print| print.size >= LARGE);
    let now = std::time::SystemTime::now();
    let longest = large.filter_map(|print| print.unsettled(now)).filter(|left| *left <= TICK).max();
    longest.iter().for_each(|left| std::thread::sleep(*left));
}

/// A name that stays in its directory.
fn is_file_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0'])
}
