//! What differs between operating systems.  Linux is the first tier; others lack exchange, reflinks and locks.

use std::fs::File;
use std::fs::Metadata;
use std::fs::OpenOptions;
use std::io;
use std::path::Path;

/// Who a file is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    device: u64,
    inode: u64,
}

/// What tells that a file is still the same and unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub size: u64,
    changed: Option<std::time::SystemTime>,
    identity: Option<Identity>,
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Stamp {
        Stamp { size: metadata.len(), changed: metadata.modified().ok(), identity: identity(metadata) }
    }

    /// As bytes of a key, with the time when anything at all of the file was changed: the time of its content can be set
    /// back.  `None` where the system does not tell files apart.
    pub fn bytes(&self, metadata: &Metadata) -> Option<Vec<u8>> {
        let identity = self.identity?;
        let since = self.changed?.duration_since(std::time::UNIX_EPOCH).ok()?;
        let mut out = vec![];
        for number in [self.size, identity.device, identity.inode, since.as_secs(), since.subsec_nanos().into()] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for number in touched(metadata) {
            out.extend_from_slice(&number.to_le_bytes());
        }
        Some(out)
    }
}

#[cfg(unix)]
fn touched(metadata: &Metadata) -> [i64; 2] {
    use std::os::unix::fs::MetadataExt;
    [metadata.ctime(), metadata.ctime_nsec()]
}

#[cfg(not(unix))]
fn touched(_: &Metadata) -> [i64; 2] {
    [0, 0]
}

#[cfg(unix)]
pub fn identity(metadata: &Metadata) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    Some(Identity { device: metadata.dev(), inode: metadata.ino() })
}

#[cfg(not(unix))]
pub fn identity(_: &Metadata) -> Option<Identity> {
    None
}

/// What a path is when it is neither a regular file nor a directory.
#[cfg(unix)]
pub fn special_kind(metadata: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
pub fn special_kind(_: &Metadata) -> &'static str {
    "not a regular file"
}

/// Opens for reading without ever waiting, as a pipe nobody writes to would make us.
#[cfg(unix)]
pub fn open_at_once(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}

#[cfg(not(unix))]
pub fn open_at_once(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

#[cfg(unix)]
pub fn read_at(file: &File, offset: u64, dst: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, dst, offset)
}

#[cfg(windows)]
pub fn read_at(file: &File, offset: u64, dst: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, dst, offset)
}

#[cfg(unix)]
pub fn write_at(file: &File, offset: u64, bytes: &[u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, bytes, offset)
}

#[cfg(windows)]
pub fn write_at(file: &File, offset: u64, bytes: &[u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(file, bytes, offset)
}

/// Reads until `dst` is full or the file ends; tells how much was read.
pub fn read_full(file: &File, offset: u64, dst: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < dst.len() {
        match read_at(file, offset + done as u64, &mut dst[done..]) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes all of `bytes`, however often the kernel stops short.
pub fn write_full(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match write_at(file, offset + done as u64, &bytes[done..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Gives the file its size with all blocks reserved, so that a full disk shows now and not at the last byte.
#[cfg(target_os = "linux")]
pub fn reserve(file: &File, size: u64) -> io::Result<()> {
    use rustix::fs::FallocateFlags;
    use rustix::io::Errno;
    loop {
        return match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, size) {
            Err(Errno::INTR) => continue,
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => file.set_len(size),
            other => Ok(other?),
        };
    }
}

#[cfg(not(target_os = "linux"))]
pub fn reserve(file: &File, size: u64) -> io::Result<()> {
    file.set_len(size)
}

/// Lets the kernel begin to write a range to the disk, without waiting for the end.  A failure is not told here: the
/// sync at the end tells it.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub fn start_writing(file: &File, offset: u64, len: u64) {
    use std::os::fd::AsRawFd;
    let (offset, len) = (offset as libc::off64_t, len as libc::off64_t);
    // SAFETY: a system call on numbers; the file is open.
    let _ = unsafe { libc::sync_file_range(file.as_raw_fd(), offset, len, libc::SYNC_FILE_RANGE_WRITE) };
}

#[cfg(not(target_os = "linux"))]
pub fn start_writing(_: &File, _: u64, _: u64) {}

/// Gives back the pages of a range that are in memory and not mapped, written to or in use.
#[cfg(target_os = "linux")]
pub fn forget(file: &File, offset: u64, len: u64) {
    let _ = rustix::fs::fadvise(file, offset, std::num::NonZeroU64::new(len), rustix::fs::Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
pub fn forget(_: &File, _: u64, _: u64) {}

/// How many names a file has.
#[cfg(unix)]
pub fn names(metadata: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    metadata.nlink()
}

#[cfg(not(unix))]
pub fn names(_: &Metadata) -> u64 {
    1
}

/// Whether a copy inside the kernel is worth a try: on network file systems, which then move nothing, and where whole
/// blocks of 4,096 bytes can be shared.
#[cfg(target_os = "linux")]
pub fn copies_well(from: &File, offset: u64, to_offset: u64) -> bool {
    const NETWORK: [u32; 4] = [0x6969, 0xff53_4d42, 0xfe53_4d42, 0x00c3_6400]; // NFS, CIFS, SMB 2, Ceph
    const SHARING: [u32; 3] = [0x9123_683e, 0x5846_5342, 0xca45_1a4e]; // Btrfs, XFS, bcachefs
    let Ok(answer) = rustix::fs::fstatfs(from) else { return false };
    let magic = answer.f_type as u32;
    NETWORK.contains(&magic) || (SHARING.contains(&magic) && (offset | to_offset).is_multiple_of(4096))
}

#[cfg(not(target_os = "linux"))]
pub fn copies_well(_: &File, _: u64, _: u64) -> bool {
    false
}

/// Copies within the kernel.  `Ok(None)`: it cannot, between these two files; 0 bytes: the source ends here.
#[cfg(target_os = "linux")]
pub fn copy_range(from: &File, offset: u64, to: &File, to_offset: u64, len: usize) -> io::Result<Option<usize>> {
    use rustix::io::Errno;
    let (mut source, mut target) = (offset, to_offset);
    loop {
        return match rustix::fs::copy_file_range(from, Some(&mut source), to, Some(&mut target), len) {
            Err(Errno::INTR) => continue,
            Err(Errno::XDEV | Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS | Errno::PERM | Errno::BADF) => Ok(None),
            other => Ok(Some(other?)),
        };
    }
}

#[cfg(not(target_os = "linux"))]
pub fn copy_range(_: &File, _: u64, _: &File, _: u64, _: usize) -> io::Result<Option<usize>> {
    Ok(None)
}

/// Gives an empty file the blocks of another, shared until one of them is written to.  False: this file system cannot.
#[cfg(target_os = "linux")]
pub fn clone_whole(from: &File, to: &File) -> bool {
    rustix::fs::ioctl_ficlone(to, from).is_ok()
}

#[cfg(not(target_os = "linux"))]
pub fn clone_whole(_: &File, _: &File) -> bool {
    false
}

/// Bytes that this user may still write to the disk of `path`; `None` where nobody tells.
#[cfg(unix)]
pub fn free_bytes(path: &Path) -> Option<u64> {
    let answer = rustix::fs::statvfs(path).ok()?;
    answer.f_bavail.checked_mul(answer.f_frsize)
}

#[cfg(not(unix))]
pub fn free_bytes(_: &Path) -> Option<u64> {
    None
}

/// Swaps two paths in one step.  `Ok(false)`: this file system cannot.
#[cfg(target_os = "linux")]
pub fn exchange(a: &Path, b: &Path) -> io::Result<bool> {
    rename_with(a, b, rustix::fs::RenameFlags::EXCHANGE)
}

#[cfg(not(target_os = "linux"))]
pub fn exchange(_: &Path, _: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Renames unless something has the new name.  `Ok(false)`: this file system cannot.
#[cfg(target_os = "linux")]
pub fn rename_new(a: &Path, b: &Path) -> io::Result<bool> {
    rename_with(a, b, rustix::fs::RenameFlags::NOREPLACE)
}

#[cfg(not(target_os = "linux"))]
pub fn rename_new(_: &Path, _: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(target_os = "linux")]
fn rename_with(a: &Path, b: &Path, flags: rustix::fs::RenameFlags) -> io::Result<bool> {
    use rustix::io::Errno;
    match rustix::fs::renameat_with(rustix::fs::CWD, a, rustix::fs::CWD, b, flags) {
        Ok(()) => Ok(true),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Takes the lock of an open file or directory, without waiting; it goes with the last copy of the handle, also when
/// the process dies.  False: somebody lives who holds it.
#[cfg(unix)]
pub fn lock(file: &File) -> io::Result<bool> {
    use rustix::fs::FlockOperation;
    use rustix::io::Errno;
    loop {
        return match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(Errno::INTR) => continue,
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error.into()),
        };
    }
}

#[cfg(not(unix))]
pub fn lock(_: &File) -> io::Result<bool> {
    Ok(true)
}

/// Makes a rename in this directory last.
#[cfg(unix)]
pub fn sync_directory(path: &Path) -> io::Result<()> {
    match File::open(path)?.sync_all() {
        // Some file systems have nothing to sync in a directory and say so.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
        other => other,
    }
}

#[cfg(not(unix))]
pub fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Called once by `main`: a file size limit becomes an error of `write` instead of the death of the process.
#[allow(unsafe_code)]
pub fn prepare_process() {
    // SAFETY: setting a signal to "ignore" installs no code and touches no memory of ours.
    #[cfg(unix)]
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// How many files this process may have open, after asking for as many as it may ask for.
#[cfg(unix)]
pub fn open_files() -> u64 {
    use rustix::process::Resource;
    use rustix::process::Rlimit;
    let limit = rustix::process::getrlimit(Resource::Nofile);
    // More than that nobody needs; some systems say "no limit" and keep to another one.
    let wanted = limit.maximum.unwrap_or(MOST_FILES).min(MOST_FILES);
    match limit.current {
        Some(current) if current < wanted => {
            let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
            if rustix::process::setrlimit(Resource::Nofile, raised).is_ok() { wanted } else { current }
        }
        current => current.unwrap_or(MOST_FILES),
    }
}

#[cfg(not(unix))]
pub fn open_files() -> u64 {
    512
}

/// Open files that are asked for.
#[cfg(unix)]
const MOST_FILES: u64 = 8192;
