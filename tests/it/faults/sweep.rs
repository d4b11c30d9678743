//! Every N-th system call of every kind fails, or is the last one.

use super::scene::SHAPES;
use super::scene::Scene;
use super::scene::Shape;
use super::strace;
use super::strace::Traced;
use std::os::unix::process::ExitStatusExt;
use std::sync::Mutex;

/// Calls, and with which errors each fails.  `KILL`: the process dies instead.
const PLANS: &[(&str, &[&str])] = &[
    ("read", &["EIO", "EINTR"]),
    ("pread64", &["EIO", "EINTR"]),
    ("write", &["EPIPE", "KILL"]),
    ("pwrite64", &["EIO", "ENOSPC", "EINTR", "KILL"]),
    ("copy_file_range", &["EIO", "ENOSPC", "ENOSYS", "EXDEV", "EINTR", "KILL"]),
    ("sendfile", &["EIO", "KILL"]),
    ("fsync", &["EIO", "ENOSPC", "EINTR", "KILL"]),
    ("fdatasync", &["EIO", "KILL"]),
    ("sync_file_range", &["EIO", "KILL"]),
    ("rename", &["EIO", "EACCES", "KILL"]),
    ("renameat", &["EIO", "EACCES", "KILL"]),
    ("renameat2", &["EIO", "EACCES", "ENOSYS", "KILL"]),
    ("openat", &["EIO", "EMFILE", "EINTR", "KILL"]),
    ("mmap", &["ENOMEM", "KILL"]),
    ("munmap", &["EINVAL", "KILL"]),
    ("madvise", &["EINVAL"]),
    ("fallocate", &["EIO", "ENOSPC", "EOPNOTSUPP", "EINTR", "KILL"]),
    ("ftruncate", &["EIO", "KILL"]),
    ("fchmod", &["EPERM", "KILL"]),
    ("unlink", &["EIO", "KILL"]),
    ("unlinkat", &["EIO", "KILL"]),
    ("rmdir", &["EIO", "KILL"]),
    ("mkdir", &["ENOSPC", "EACCES", "KILL"]),
    ("flock", &["ENOLCK", "EINTR", "KILL"]),
    ("statx", &["EIO"]),
    ("newfstatat", &["EIO"]),
    ("getdents64", &["EIO", "KILL"]),
    ("statfs", &["EIO"]),
    ("readlink", &["EIO"]),
    ("ioctl", &["EINVAL"]),
];

/// One build: the N-th call fails.
struct Case {
    shape: Shape,
    call: &'static str,
    error: &'static str,
    when: usize,
}

/// Works through a list with two scenes of each shape at a time; what went wrong is told together.
fn all<T: Sync>(
    cases: &[T],
    shape_of: impl Fn(&T) -> Shape + Sync,
    run: impl Fn(&T, &Scene) -> Result<(), String> + Sync,
) {
    let next = Mutex::new(0);
    let wrong = Mutex::new(vec![]);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let scenes = SHAPES.map(Scene::new);
                loop {
                    let at = {
                        let mut next = next.lock().unwrap();
                        *next += 1;
                        *next - 1
                    };
                    let Some(case) = cases.get(at) else { break };
                    let scene = &scenes[shape_of(case) as usize];
                    scene.restore();
                    if let Err(reason) = run(case, scene) {
                        wrong.lock().unwrap().push(reason);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} builds:\n{}", wrong.len(), cases.len(), wrong.join("\n\n"));
}

/// The calls that were hit, as strace prints them.
fn hits(traced: &Traced, killed: bool) -> Vec<String> {
    let ended = |line: &str| line.contains("never returned") || line.contains("= ?");
    let is_hit = |line: &str| line.contains("(INJECTED)") || (killed && ended(line));
    strace::calls(&traced.log).into_iter().map(|call| call.2).filter(|line| is_hit(line)).collect()
}

/// Memory that nobody gets ends the process, as in every Rust program: only files matter then.
fn is_memory(line: &str) -> bool {
    (line.starts_with("mmap(") && line.contains("MAP_ANONYMOUS")) || line.starts_with("munmap(")
}

/// Calls whose failure may leave a temporary behind, which the next build removes.
fn may_leave(line: &str) -> bool {
    ["unlink", "rmdir", "getdents64", "openat", "newfstatat", "statx"].iter().any(|start| line.starts_with(start))
}

/// Failures that must be told: there is no other way to do it, or to know that it was done.
fn must_be_told(line: &str) -> bool {
    let fails = |errors: &[&str]| errors.iter().any(|error| line.contains(&format!("= -1 {error} ")));
    let call = line.split('(').next().unwrap_or_default();
    match call {
        "fsync" | "pwrite64" | "fallocate" | "ftruncate" => fails(&["EIO", "ENOSPC"]),
        "rename" | "renameat" | "renameat2" => fails(&["EIO", "EACCES"]),
        "pread64" => fails(&["EIO"]),
        "read" => fails(&["EIO"]) && line.starts_with("read(0,"),
        "mkdir" => true,
        _ => false,
    }
}

/// A build with injected faults ends as it should; `Ok(false)`: nothing was hit.
fn judge(scene: &Scene, traced: &Traced, error: &str) -> Result<bool, String> {
    let said = &traced.stderr;
    let lines = hits(traced, error == "KILL");
    let fail = |reason: &str| {
        let lines = if lines.is_empty() { "nothing was hit".into() } else { lines.join("\n     ") };
        Err(format!("{reason}; {:?}\n  at {lines}\n  {}", traced.status, said.trim().replace('\n', "\n  ")))
    };
    // A thread without memory for its stack panics in the standard library, before any code of ours.
    let in_std = said.contains("failed to allocate an alternative stack") && lines.iter().any(|line| is_memory(line));
    if (said.contains("panicked") || said.contains("this is a bug")) && !in_std {
        return fail("a panic");
    }
    let state = match scene.state() {
        Ok(state) => state,
        Err(reason) => return fail(&reason),
    };
    if traced.status.signal() == Some(9) && error == "KILL" {
        return match scene.recovers() {
            Ok(()) => Ok(true),
            Err(reason) => fail(&reason),
        };
    }
    if lines.is_empty() {
        return if traced.status.success() { Ok(false) } else { fail("it failed without a fault") };
    }
    let any = |is: fn(&str) -> bool| lines.iter().any(|line| is(line));
    match traced.status.code() {
        Some(0) if state != "new" => return fail("exit 0, but the old output"),
        Some(0) if any(must_be_told) => return fail("a failure that was not told"),
        Some(0) => {}
        Some(3) if said.contains("E060") => {}
        // Pools of threads need memory, too.
        _ if any(is_memory) => {}
        _ => return fail("it should have ended with 0, or with 3 and E06xx"),
    }
    let left = scene.left_overs();
    if !left.is_empty() {
        // What was replaced is not removed before the disk has the new one.
        let unsealed = said.contains("though it is in place");
        if !unsealed && !any(may_leave) && !any(is_memory) {
            return fail(&format!("left over: {left:?}"));
        }
        if let Err(reason) = scene.recovers() {
            return fail(&reason);
        }
    }
    Ok(true)
}

fn inject(call: &str, error: &str, when: &str) -> String {
    match error {
        "KILL" => format!("inject={call}:signal=KILL:when={when}"),
        error => format!("inject={call}:error={error}:when={when}"),
    }
}

#[test]
fn every_call_may_fail_or_be_the_last() {
    if strace::missing().is_some() {
        return;
    }
    let names: Vec<&str> = PLANS.iter().map(|plan| plan.0).collect();
    let trace = format!("trace={}", names.join(","));
    let mut cases = vec![];
    for shape in SHAPES {
        let scene = Scene::new(shape);
        let traced = strace::start(&scene, &["-e", &trace], &[]).finish();
        assert!(traced.status.success(), "{}", traced.stderr);
        assert_eq!(scene.state(), Ok("new"));
        let counts = strace::counts(&traced.log);
        assert!(counts["fsync"] >= 2 && counts["openat"] >= 4, "{counts:?}");
        for (call, errors) in PLANS {
            let most = counts.get(*call).copied().unwrap_or(0);
            for error in *errors {
                cases.extend((1..=most).map(|when| Case { shape, call, error, when }));
            }
        }
    }
    let hits = Mutex::new(0);
    all(
        &cases,
        |case| case.shape,
        |case, scene| {
            let inject = inject(case.call, case.error, &case.when.to_string());
            let trace = format!("trace={}", case.call);
            let traced = strace::start(scene, &["-e", &trace, "-e", &inject], &[]).finish();
            match judge(scene, &traced, case.error) {
                Ok(hit) => {
                    *hits.lock().unwrap() += usize::from(hit);
                    Ok(())
                }
                Err(reason) => {
                    let _ = scene.recovers();
                    Err(format!("{:?}, {inject}: {reason}", case.shape))
                }
            }
        },
    );
    let hits = hits.into_inner().unwrap();
    println!("{} builds, {hits} hit", cases.len());
    // How often memory is mapped differs from run to run a little.
    assert!(hits * 100 >= cases.len() * 95, "{hits} of {} builds were hit", cases.len());
}

/// Exit 0 means that the bytes are on the disk: every file is synced before the rename, the directory after it.
#[test]
fn all_is_synced_around_the_rename() {
    if strace::missing().is_some() {
        return;
    }
    for (shape, files) in [(Shape::File, 1), (Shape::Copies, 6), (Shape::Computed, 6), (Shape::Pt, 1)] {
        let scene = Scene::new(shape);
        let traced = strace::start(&scene, &["-y", "-e", "trace=fsync,rename,renameat2"], &[]).finish();
        assert!(traced.status.success(), "{}", traced.stderr);
        let calls: Vec<String> = strace::calls(&traced.log).into_iter().map(|call| call.2).collect();
        let renames: Vec<usize> = (0..calls.len()).filter(|&at| calls[at].starts_with("rename")).collect();
        let [rename] = renames[..] else { panic!("{shape:?}: {calls:#?}") };
        // Three shards, an index, the list of files and the directory itself, or one file.
        let before: std::collections::BTreeSet<&str> =
            calls[..rename].iter().filter(|call| call.contains(".tmp")).map(String::as_str).collect();
        assert_eq!(before.len(), files, "{shape:?}: {calls:#?}");
        let folder = scene.dir.path().to_string_lossy().into_owned();
        let after = calls[rename + 1..].iter().filter(|call| call.contains(&format!("<{folder}>")));
        assert_eq!(after.count(), 1, "{shape:?}: {calls:#?}");
    }
}

/// What lacks on other file systems, and then something fails or kills.
#[test]
fn fallbacks_may_fail_or_be_the_last() {
    if strace::missing().is_some() {
        return;
    }
    let no_swap = "inject=renameat2:error=EINVAL";
    let no_space = "inject=fallocate:error=EOPNOTSUPP";
    let no_copy = "inject=copy_file_range:error=EXDEV";
    let mut cases: Vec<(Shape, Vec<String>, &str)> = vec![];
    for (shape, lacks, call, errors, most) in [
        (Shape::Copies, no_swap, "rename", ["EIO", "KILL"], 2),
        (Shape::Copies, no_swap, "unlinkat", ["EIO", "KILL"], 6),
        (Shape::File, no_space, "ftruncate", ["EIO", "KILL"], 1),
        (Shape::Copies, no_space, "ftruncate", ["ENOSPC", "KILL"], 4),
        (Shape::Copies, no_copy, "pwrite64", ["EIO", "KILL"], 6),
        (Shape::File, no_copy, "pwrite64", ["ENOSPC", "KILL"], 6),
        (Shape::Pt, no_space, "pwrite64", ["ENOSPC", "KILL"], 24),
    ] {
        for error in errors {
            for when in 1..=most {
                cases.push((shape, vec![lacks.into(), inject(call, error, &when.to_string())], error));
            }
        }
    }
    // Both renames of a directory are undone, or the output is moved back when the second fails for good.
    cases.push((Shape::Copies, vec![no_swap.into(), inject("rename", "EIO", "2+")], "EIO"));
    // Everything fails for good.
    for (call, error) in [("pwrite64", "ENOSPC"), ("fsync", "EIO"), ("unlinkat", "EIO"), ("flock", "ENOLCK")] {
        cases.push((Shape::Copies, vec![inject(call, error, "1+")], error));
        cases.push((Shape::File, vec![inject(call, error, "1+")], error));
        cases.push((Shape::Pt, vec![inject(call, error, "1+")], error));
    }
    all(
        &cases,
        |case| case.0,
        |(shape, injections, error), scene| {
            let args: Vec<&str> = injections.iter().flat_map(|text| ["-e", text.as_str()]).collect();
            let traced = strace::start(scene, &args, &[]).finish();
            let between = scene.state().is_err() && injections[0] == no_swap && !scene.target.exists();
            if between {
                // No swap: between two renames the old output stands beside, and the next build finds it.
                let left = scene.left_overs();
                let aside = left.iter().find(|name| name.ends_with(".old"));
                let complete =
                    aside.is_some_and(|name| super::scene::snapshot(&scene.dir.path().join(name)) == scene.old);
                if !complete {
                    return Err(format!("{shape:?}, {injections:?}: the old output is lost: {left:?}"));
                }
                return scene.recovers();
            }
            judge(scene, &traced, error).map(|_| ()).map_err(|reason| {
                let _ = scene.recovers();
                format!("{shape:?}, {injections:?}: {reason}")
            })
        },
    );
}

/// Builds with a cache, after one that it knows: whatever fails or kills, this build and the next one are right.
#[test]
fn what_is_remembered_may_fail() {
    if strace::missing().is_some() {
        return;
    }
    let shapes = [Shape::File, Shape::Copies, Shape::Pt];
    let known = |scene: &Scene, more: &[&str]| {
        let args = [&["build", "r.blend", "--quiet"], more].concat();
        let mut command = super::scene::blend(scene.dir.path(), &args);
        let output = super::scene::finish(command.env("BLEND_CACHE_DIR", scene.cache.path()).spawn());
        if output.status.success() { Ok(()) } else { Err(super::scene::stderr(&output)) }
    };
    let run = |scene: &Scene, args: &[&str]| -> Result<Traced, String> {
        known(scene, &["--set", "edge=1"])?;
        if scene.state() != Ok("old") {
            return Err("the build before is not what it should be".into());
        }
        let cache = scene.cache.path().to_string_lossy().into_owned();
        Ok(strace::start(scene, args, &[("BLEND_CACHE_DIR", &cache)]).finish())
    };
    let plans: [(&str, &[&str]); 10] = [
        ("openat", &["EIO", "KILL"]),
        ("read", &["EIO"]),
        ("pread64", &["EIO"]),
        ("write", &["ENOSPC", "KILL"]),
        ("rename", &["EIO", "KILL"]),
        ("renameat2", &["EINVAL", "KILL"]),
        ("unlink", &["EIO", "KILL"]),
        ("ioctl", &["EIO", "KILL"]),
        ("statx", &["EIO"]),
        ("utimensat", &["EIO", "KILL"]),
    ];
    let names: Vec<&str> = plans.iter().map(|plan| plan.0).collect();
    let mut cases = vec![];
    for shape in shapes {
        let scene = Scene::new(shape);
        let traced = run(&scene, &["-e", &format!("trace={}", names.join(","))]).unwrap();
        assert!(traced.status.success() && scene.state() == Ok("new"), "{}", traced.stderr);
        let counts = strace::counts(&traced.log);
        assert!(counts["write"] >= 3, "there is a journal: {counts:?}");
        for (call, errors) in plans {
            let most = counts.get(call).copied().unwrap_or(0);
            for error in errors {
                cases.extend((1..=most).map(|when| Case { shape, call, error, when }));
            }
        }
    }
    all(
        &cases,
        |case| case.shape,
        |case, scene| {
            let inject = inject(case.call, case.error, &case.when.to_string());
            let tell = |reason: String| format!("{:?}, {inject}: {reason}", case.shape);
            let traced = run(scene, &["-e", &format!("trace={}", case.call), "-e", &inject]).map_err(tell)?;
            let state = scene.state().map_err(tell)?;
            let right = match traced.status.code() {
                Some(0) => state == "new",
                Some(code) => code == 3 && !traced.stderr.contains("panicked"),
                None => traced.status.signal() == Some(9),
            };
            if !right {
                return Err(tell(format!("{:?}, {state}: {}", traced.status, traced.stderr)));
            }
            known(scene, &[]).map_err(tell)?;
            match scene.state().map_err(tell)? {
                "new" if scene.left_overs().is_empty() => Ok(()),
                state => Err(tell(format!("after the next build: {state}, left over {:?}", scene.left_overs()))),
            }
        },
    );
    println!("{} builds", cases.len());
}

/// Killed, and killed again while the next build removes what was left.
#[test]
fn kills_while_cleaning_up() {
    if strace::missing().is_some() {
        return;
    }
    let mut cases: Vec<(Shape, String)> = vec![];
    for shape in [Shape::Copies, Shape::File] {
        for (call, most) in [("unlinkat", 8), ("unlink", 1), ("flock", 2), ("getdents64", 4), ("openat", 12)] {
            cases.extend((1..=most).map(|when| (shape, inject(call, "KILL", &when.to_string()))));
        }
    }
    all(
        &cases,
        |case| case.0,
        |(shape, again), scene| {
            let tell = |reason: String| format!("{shape:?}, {again}: {reason}");
            let first = strace::start(scene, &["-e", "inject=fsync:signal=KILL:when=1"], &[]).finish();
            assert_eq!(first.status.signal(), Some(9), "{}", first.stderr);
            if scene.left_overs().is_empty() || scene.state() != Ok("old") {
                return Err(tell("the first kill left nothing".into()));
            }
            let second = strace::start(scene, &["-e", again], &[]).finish();
            let state = scene.state().map_err(tell)?;
            if second.status.success() != (state == "new") && second.status.signal() != Some(9) {
                return Err(tell(format!("{:?}: {}", second.status, second.stderr)));
            }
            scene.recovers().map_err(tell)
        },
    );
}
