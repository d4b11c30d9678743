//! Reading a mapped page that the file no longer has raises SIGBUS.  Here it becomes a flag: the handler puts a page of
//! zeros there, so that the copy goes on, and the copier looks at the flag afterwards.
//!
//! Faults outside our maps go to the handler that was there before.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// Maps that can be guarded at a time; inputs beyond that are read without a map.
const SLOTS: usize = 1024;

struct Slot {
    /// First address; 0: free, 1: being filled in.
    start: AtomicUsize,
    end: AtomicUsize,
    lost: AtomicBool,
}

static TABLE: [Slot; SLOTS] =
    [const { Slot { start: AtomicUsize::new(0), end: AtomicUsize::new(0), lost: AtomicBool::new(false) } }; SLOTS];

/// A registered range of addresses; unregistered when dropped, which must come before the range is unmapped.
pub struct Guard {
    slot: &'static Slot,
}

impl Guard {
    /// Registers `len` bytes at `start`.  `None`: no handler on this system, or all slots are taken.
    pub fn new(start: *const u8, len: usize) -> Option<Guard> {
        if !handler::install() {
            return None;
        }
        let slot =
            TABLE.iter().find(|s| s.start.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed).is_ok())?;
        slot.lost.store(false, Ordering::Relaxed);
        slot.end.store(start as usize + len, Ordering::Relaxed);
        slot.start.store(start as usize, Ordering::Release);
        Some(Guard { slot })
    }

    /// True once a page of the range was missing.
    pub fn lost(&self) -> bool {
        self.slot.lost.load(Ordering::Acquire)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.slot.start.store(1, Ordering::Release);
        self.slot.end.store(0, Ordering::Relaxed);
        self.slot.start.store(0, Ordering::Release);
    }
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
mod handler {
    use super::TABLE;
    use std::cell::UnsafeCell;
    use std::mem::MaybeUninit;
    use std::sync::OnceLock;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;

    /// What handled the signal before us; written once, before our handler is installed.
    struct Previous(UnsafeCell<MaybeUninit<libc::sigaction>>);

    // SAFETY: written once under the `OnceLock` of `install`, before any handler of ours can run and read it.
    unsafe impl Sync for Previous {}

    static PREVIOUS: Previous = Previous(UnsafeCell::new(MaybeUninit::zeroed()));
    static PAGE: AtomicUsize = AtomicUsize::new(4096);

    /// Bytes of a page of memory.
    fn page_size() -> usize {
        // SAFETY: a query without arguments in memory.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(size).ok().filter(|size| size.is_power_of_two()).unwrap_or(4096)
    }

    /// Installs the handler, once per process.
    pub fn install() -> bool {
        static INSTALLED: OnceLock<bool> = OnceLock::new();
        *INSTALLED.get_or_init(|| {
            PAGE.store(page_size(), Ordering::Relaxed);
            // SAFETY: plain system calls on initialised structures; the handler obeys the rules of its own comment.
            unsafe {
                if libc::sigaction(libc::SIGBUS, std::ptr::null(), (*PREVIOUS.0.get()).as_mut_ptr()) != 0 {
                    return false;
                }
                let mut action: libc::sigaction = std::mem::zeroed();
                let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_fault;
                action.sa_sigaction = handler as libc::sighandler_t;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                libc::sigemptyset(&mut action.sa_mask);
                libc::sigaction(libc::SIGBUS, &action, std::ptr::null_mut()) == 0
            }
        })
    }

    /// Runs inside whatever was interrupted: only atomics and system calls, no allocation, no lock, errno kept.
    extern "C" fn on_fault(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
        // SAFETY: the kernel passes a valid `info` for a handler with SA_SIGINFO; the page replaced lies in a range
        // that `Guard` holds, which is mapped and only ever read through raw pointers; errno is this thread's own.
        unsafe {
            let address = (*info).si_addr() as usize;
            let hit = TABLE.iter().find(|slot| {
                let start = slot.start.load(Ordering::Acquire);
                start > 1 && start <= address && address < slot.end.load(Ordering::Relaxed)
            });
            if let Some(slot) = hit {
                let errno = *libc::__errno_location();
                let page = PAGE.load(Ordering::Relaxed);
                let zeros = libc::mmap(
                    (address & !(page - 1)) as *mut libc::c_void,
                    page,
                    libc::PROT_READ,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
                    -1,
                    0,
                );
                *libc::__errno_location() = errno;
                if zeros != libc::MAP_FAILED {
                    slot.lost.store(true, Ordering::Release);
                    return;
                }
            }
            pass_on(signal, info, context);
        }
    }

    /// Hands the signal to who handled it before; where nobody did, the fault comes again and ends the process.
    unsafe fn pass_on(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
        // SAFETY: PREVIOUS was filled in by `install`; its handler is called with the arguments its flags ask for.
        unsafe {
            let previous = &*(*PREVIOUS.0.get()).as_ptr();
            let handler = previous.sa_sigaction;
            if handler == libc::SIG_DFL || handler == libc::SIG_IGN {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &action, std::ptr::null_mut());
            } else if previous.sa_flags & libc::SA_SIGINFO != 0 {
                let call: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
                    std::mem::transmute(handler);
                call(signal, info, context);
            } else {
                let call: extern "C" fn(libc::c_int) = std::mem::transmute(handler);
                call(signal);
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod handler {
    /// Without a handler nothing is mapped: inputs are read by position.
    pub fn install() -> bool {
        false
    }
}
