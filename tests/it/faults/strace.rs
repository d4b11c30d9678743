//! System calls that fail or kill, by `strace`.
//!
//! `blend` waits for its recipe on standard input while strace attaches: so the calls of the loader and of the start are
//! not counted, and the first call of a thread is the first one of the build.  strace counts per thread: the N-th call
//! of every thread is hit.

use super::scene::Scene;
use super::scene::blend;
use std::collections::BTreeMap;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

/// Longest that anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What became of a build under strace.
pub struct Traced {
    pub status: ExitStatus,
    pub stderr: String,
    /// The calls that strace saw, one a line, with the thread's number in front.
    pub log: String,
}

/// A build that strace watches and that has its recipe.
pub struct Running {
    pub blend: Child,
    strace: Child,
    log: tempfile::NamedTempFile,
}

/// Why strace cannot be used here; `None`: it can.  In CI it must be there.
pub fn missing() -> Option<String> {
    let reason = match Command::new("strace").arg("--version").output() {
        Err(error) => Some(format!("strace cannot be started: {error}")),
        Ok(_) => {
            let probe = ["-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=1", "true"];
            let output = Command::new("strace").args(probe).output().expect("strace runs");
            let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
            let root = std::fs::read_to_string("/proc/self/status").unwrap_or_default().contains("\nUid:\t0");
            match output.status.success() {
                true if root || ["", "0"].contains(&scope.trim()) => None,
                true => Some("strace may not attach to processes: kernel.yama.ptrace_scope is not 0".into()),
                false => Some(format!("strace fails: {}", String::from_utf8_lossy(&output.stderr))),
            }
        }
    };
    if let Some(reason) = &reason {
        assert!(std::env::var_os("BLEND_CI").is_none(), "{reason}");
        eprintln!("skipped: {reason}");
    }
    reason
}

/// Waits until something holds.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Starts the scene's build with these arguments of strace, such as `-e inject=…`.
pub fn start(scene: &Scene, args: &[&str], env: &[(&str, &str)]) -> Running {
    let mut command = blend(scene.dir.path(), &["build", "-", "--threads", "1"]);
    command.stdin(Stdio::piped()).envs(env.iter().copied());
    let mut child = command.spawn().expect("blend starts");
    let tasks = format!("/proc/{}/task", child.id());
    let mut waits = || {
        assert!(child.try_wait().expect("it can be asked").is_none(), "blend ended before it had its recipe");
        let threads = std::fs::read_dir(&tasks).into_iter().flatten().flatten();
        // Call 0 is `read` on x86-64, 63 on aarch64; its first argument is the descriptor.
        let mut calls = threads.filter_map(|task| std::fs::read_to_string(task.path().join("syscall")).ok());
        calls.any(|call| call.starts_with("0 0x0 ") || call.starts_with("63 0x0 "))
    };
    wait_until("blend reads its recipe", &mut waits);
    let log = tempfile::NamedTempFile::new().expect("a log");
    let mut strace = Command::new("strace")
        .args(["-f", "-s", "200", "-p", &child.id().to_string(), "-o"])
        .arg(log.path())
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("strace starts");
    let mut said = String::new();
    let mut lines = BufReader::new(strace.stderr.take().expect("it is piped"));
    while !said.contains("attached") {
        let count = lines.read_line(&mut said).expect("text");
        assert!(count > 0, "strace does not attach: {said}");
    }
    // strace goes on talking about new threads: somebody must listen.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    let mut stdin = child.stdin.take().expect("it is piped");
    // A build that dies while it reads has nothing to say to this.
    let _ = stdin.write_all(scene.recipe.as_bytes());
    Running { blend: child, strace, log }
}

impl Running {
    pub fn finish(mut self) -> Traced {
        let output = self.blend.wait_with_output().expect("it ends");
        self.strace.wait().expect("strace ends");
        let log = std::fs::read(self.log.path()).expect("the log");
        Traced {
            status: output.status,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            log: String::from_utf8_lossy(&log).into_owned(),
        }
    }
}

/// The calls of the log: thread, name, and the line without the thread; calls that strace prints in two halves are
/// joined.
pub fn calls(log: &str) -> Vec<(u32, String, String)> {
    let mut open: BTreeMap<u32, String> = BTreeMap::new();
    let mut out = vec![];
    for line in log.lines() {
        let Some((thread, text)) = line.trim_start().split_once(' ') else { continue };
        let (Ok(thread), text) = (thread.parse::<u32>(), text.trim_start()) else { continue };
        let whole = if let Some(start) = text.strip_suffix("<unfinished ...>") {
            open.insert(thread, start.to_string());
            continue;
        } else if let Some(rest) = text.strip_prefix("<... ") {
            let end = rest.split_once("resumed>").map_or("", |half| half.1);
            open.remove(&thread).unwrap_or_default() + end
        } else {
            text.to_string()
        };
        let name = whole.split('(').next().unwrap_or_default();
        if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            out.push((thread, name.to_string(), whole));
        }
    }
    // A call at which everything ended.
    for (thread, text) in open {
        out.push((thread, text.split('(').next().unwrap_or_default().to_string(), text + "never returned"));
    }
    out
}

/// Per name of a call the most that one thread makes of it.
pub fn counts(log: &str) -> BTreeMap<String, usize> {
    let mut threads: BTreeMap<(u32, String), usize> = BTreeMap::new();
    calls(log).into_iter().for_each(|(thread, name, _)| *threads.entry((thread, name)).or_default() += 1);
    let mut out = BTreeMap::new();
    for ((_, name), count) in threads {
        let most: &mut usize = out.entry(name).or_default();
        *most = count.max(*most);
    }
    out
}
