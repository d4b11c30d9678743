//! Full disks, inputs that others change, outputs where inputs stand, readers that go.

use super::scene::SHAPES;
use super::scene::Scene;
use super::scene::Shape;
use super::scene::blend;
use super::scene::finish;
use super::scene::folder;
use super::scene::snapshot;
use super::scene::stderr;
use super::scene::write_model;
use super::strace;
use super::strace::wait_until;
use crate::run::forgetful;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

/// What somebody does to an input, and what is said of it.
const CHANGES: &[(&str, fn(&Path), &str)] = &[
    ("cut", |path| cut(path, 5_000), "shrank while it was read"),
    ("cut to nothing", |path| cut(path, 0), "shrank while it was read"),
    ("longer", |path| cut(path, 40_000), "was written to while it was read"),
    ("written", |path| overwrite(path), "was written to while it was read"),
    ("replaced", |path| replace(path), "was replaced by another file while it was read"),
    ("removed", |path| std::fs::remove_file(path).expect("it goes"), "was moved or removed while it was read"),
];

fn cut(path: &Path, size: u64) {
    let file = std::fs::OpenOptions::new().write(true).open(path).expect("it opens");
    file.set_len(size).expect("a new size");
}

fn overwrite(path: &Path) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::OpenOptions::new().write(true).open(path).expect("it opens");
    file.write_all_at(&[1; 64], 9_000).expect("it is written");
}

fn replace(path: &Path) {
    let other = path.with_extension("new");
    std::fs::copy(path, &other).expect("a copy");
    std::fs::rename(&other, path).expect("it is replaced");
}

#[test]
fn inputs_that_change_meanwhile() {
    if strace::missing().is_some() {
        return;
    }
    for engine in ["map", "pread"] {
        for (name, change, expected) in CHANGES {
            for shape in [Shape::File, Shape::Computed] {
                let scene = Scene::new(shape);
                // The inputs are open and mapped, nothing has been read of them.
                let slow = ["-e", "inject=fallocate:delay_enter=200000:when=1"];
                let running = strace::start(&scene, &slow, &[("BLEND_READ", engine)]);
                wait_until("the output is being made", || !scene.left_overs().is_empty());
                change(&scene.dir.path().join("a.safetensors"));
                let traced = running.finish();
                let case = format!("{engine}, {name}, {shape:?}: {}", traced.stderr);
                assert_eq!(traced.status.code(), Some(3), "{case}");
                assert!(traced.stderr.contains("E0604") && traced.stderr.contains(expected), "{case}");
                assert!(snapshot(&scene.target) == scene.old, "{case}");
                assert_eq!(scene.left_overs(), [""; 0], "{case}");
            }
        }
    }
}

/// A build that must be refused before anything is touched.
#[track_caller]
fn check_refused(dir: &Path, args: &[&str], code: &str, exit: i32) -> Output {
    let everything = || -> Vec<_> { walk(dir).into_iter().map(|path| (std::fs::read(&path).ok(), path)).collect() };
    let before = everything();
    let output = finish(blend(dir, args).spawn());
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(exit), "{args:?}: {said}");
    assert!(said.contains(code) && !said.contains("panicked"), "{args:?}: expected {code}: {said}");
    assert!(everything() == before, "{args:?}: something has changed");
    output
}

/// All paths below a folder, in order.
fn walk(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut out = vec![];
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            out.extend(walk(&entry.path()));
        }
        out.push(entry.path());
    }
    out.sort();
    out
}

#[test]
fn an_output_is_never_an_input() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    write_model(dir.path(), "a.safetensors", 1, 6, &[20, 30]);
    write_model(dir.path(), "b.safetensors", 2, 6, &[20, 30]);
    std::fs::create_dir(at("shards")).expect("a folder");
    write_model(&at("shards"), "m.safetensors", 3, 6, &[20, 30]);
    std::os::unix::fs::symlink("a.safetensors", at("link.safetensors")).expect("a link");
    std::os::unix::fs::symlink(".", at("round")).expect("a link");
    std::fs::hard_link(at("a.safetensors"), at("hard.safetensors")).expect("a link");
    let models = "model a = \"a.safetensors\"\nmodel b = \"b.safetensors\"\nmodel c = \"shards\"\n";
    for output in [
        "a.safetensors",
        "./a.safetensors",
        "shards/../b.safetensors",
        "link.safetensors",
        "hard.safetensors",
        "round/round/b.safetensors",
        "shards/new.safetensors",
        "shards/m.safetensors",
        "round/shards/new.safetensors",
        "shards/deep/new.safetensors",
    ] {
        let recipe = format!("blend 1\n\n{models}\noutput \"{output}\" = (a + b + c) / 3\n");
        std::fs::write(at("r.blend"), recipe).expect("a recipe");
        check_refused(dir.path(), &["build", "r.blend"], "E0515", 2);
    }
    // Directories: an input one, and one that holds an input.
    for output in ["shards", "round/shards", "."] {
        let recipe =
            format!("blend 1\n\n{models}\noutput \"{output}\" = (a + b + c) / 3 {{ shard_size = \"5 kB\" }}\n");
        std::fs::write(at("r.blend"), recipe).expect("a recipe");
        let code = if output == "." { "E05" } else { "E0515" };
        check_refused(dir.path(), &["build", "r.blend", "--force"], code, 2);
    }
    // The same by the command line's flags.
    check_refused(
        dir.path(),
        &["build", "-e", "mix(a, b, 0.5)", "-m", "a=a.safetensors", "-m", "b=b.safetensors", "-o", "link.safetensors"],
        "E0515",
        2,
    );
}

#[test]
fn a_directory_of_somebody_else_stays() {
    let scene = Scene::new(Shape::Copies);
    std::fs::write(scene.target.join("notes.txt"), "mine").expect("a file");
    check_refused(scene.dir.path(), &["build", "r.blend"], "E0516", 2);
    scene.build(&["--force"]);
    assert_eq!(scene.state(), Ok("new"));
    assert_eq!(scene.left_overs(), [""; 0]);
    // A file where the directory goes, and the other way round.
    let scene = Scene::new(Shape::Copies);
    std::fs::remove_dir_all(&scene.target).expect("it goes");
    std::fs::write(&scene.target, "a file").expect("a file");
    check_refused(scene.dir.path(), &["build", "r.blend", "--force"], "E0516", 2);
    let scene = Scene::new(Shape::File);
    std::fs::remove_file(&scene.target).expect("it goes");
    std::fs::create_dir(&scene.target).expect("a folder");
    check_refused(scene.dir.path(), &["build", "r.blend", "--force"], "E0516", 2);
}

/// Another user's directory.  Root may write everywhere and becomes that user for this.
#[test]
fn a_directory_that_may_not_be_written() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new(Shape::File);
    let permit = |mode| std::fs::set_permissions(scene.dir.path(), PermissionsExt::from_mode(mode)).expect("a mode");
    permit(0o555);
    let root = std::fs::read_to_string("/proc/self/status").unwrap_or_default().contains("\nUid:\t0");
    let mut command = blend(scene.dir.path(), &["build", "r.blend"]);
    if root {
        command.uid(65_534).gid(65_534);
    }
    let output = command.spawn();
    let done = output.map(|child| child.wait_with_output().expect("it ends"));
    permit(0o755);
    match done {
        Err(error) => eprintln!("skipped: another user cannot run the program: {error}"),
        Ok(output) => {
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(3), "{said}");
            assert!(said.contains("E0602") && said.contains("permission denied"), "{said}");
            assert_eq!(scene.state(), Ok("old"));
            assert_eq!(scene.left_overs(), [""; 0]);
        }
    }
}

/// `ulimit -f` in blocks of 512 bytes: from nothing to more than enough.
#[test]
fn file_size_limits() {
    for shape in SHAPES {
        let mut refused = 0;
        for blocks in (0..48).step_by(3) {
            let scene = Scene::new(shape);
            let line = format!("ulimit -f {blocks}; exec \"$0\" build r.blend");
            let mut command = Command::new("sh");
            command.args(["-c", &line, env!("CARGO_BIN_EXE_blend")]).current_dir(scene.dir.path());
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let output = finish(forgetful(&mut command).spawn());
            let said = stderr(&output);
            let case = format!("{shape:?}, {blocks} blocks: {:?} {said}", output.status);
            match output.status.code() {
                Some(0) => assert_eq!(scene.state(), Ok("new"), "{case}"),
                Some(3) => {
                    assert!(said.contains("E0603") && said.contains("ulimit -f unlimited"), "{case}");
                    assert_eq!(scene.state(), Ok("old"), "{case}");
                    refused += 1;
                }
                _ => panic!("{case}"),
            }
            assert_eq!(scene.left_overs(), [""; 0], "{case}");
        }
        assert!(refused > 2, "{shape:?}: only {refused} were refused");
        assert!(refused < 16, "{shape:?}: no limit was high enough");
    }
}

/// Builds on file systems of 4 to 100 kB, mounted where only this process sees them.
const DISKS: &str = r#"
root=$PWD; mkdir disk || exit 1
for size in 12 16 20 24 28 32 36 40 44 48 52 56 60 64 68 72 76 80 88 100; do
  mount -t tmpfs -o size=${size}k none disk || exit 77
  cp -r old disk/$1 2>/dev/null || { umount disk; continue; }
  "$0" build r.blend --output disk/$1 2> said; code=$?
  state=neither
  diff -r disk/$1 old > /dev/null && state=old
  diff -r disk/$1 new > /dev/null && state=new
  echo "$size $code $state $(ls -A disk | wc -l) $(grep -c E0603 said) $(grep -c panicked said)"
  umount disk || exit 1
done
"#;

#[test]
fn full_disks() {
    for shape in SHAPES {
        let scene = Scene::new(shape);
        for (name, files) in [("old", &scene.old), ("new", &scene.new)] {
            let path = scene.dir.path().join(name);
            if shape.is_file() {
                std::fs::write(&path, &files[""]).expect("a file");
                continue;
            }
            std::fs::create_dir(&path).expect("a folder");
            files.iter().for_each(|(file, bytes)| std::fs::write(path.join(file), bytes).expect("a file"));
        }
        let root = std::fs::read_to_string("/proc/self/status").unwrap_or_default().contains("\nUid:\t0");
        let mut command = Command::new("unshare");
        command.arg(if root { "-m" } else { "-rm" }).args(["sh", "-c", DISKS, env!("CARGO_BIN_EXE_blend")]);
        command.arg(scene.target.file_name().expect("it has a name"));
        command.current_dir(scene.dir.path());
        let output = match forgetful(&mut command).output() {
            Ok(output) if output.status.code() != Some(77) && !stderr(&output).contains("unshare") => output,
            _ => {
                eprintln!("skipped: no file system may be mounted here");
                return;
            }
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}", stderr(&output));
        let (mut good, mut full) = (0, 0);
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[1..] {
                ["0", "new", "1", "0", "0"] => good += 1,
                ["3", "old", "1", said, "0"] if said != "0" => full += 1,
                _ => panic!(
                    "{shape:?}: size in kB, exit, state, names, E0603, panics: {line}\n{text}{}",
                    stderr(&output)
                ),
            }
        }
        assert!(good > 0 && full > 1, "{shape:?}: {text}");
    }
}

#[test]
fn readers_that_go() {
    let scene = Scene::new(Shape::File);
    for args in [&["plan", "r.blend"][..], &["plan", "r.blend", "--json"], &["inspect", "a.safetensors"], &["--help"]] {
        let mut child = blend(scene.dir.path(), args).spawn().expect("it starts");
        drop(child.stdout.take());
        let output = finish(Ok(child));
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
        assert_eq!(stderr(&output), "", "{args:?}");
    }
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    if let Ok(full) = full {
        let output = finish(blend(scene.dir.path(), &["plan", "r.blend"]).stdout(full).spawn());
        assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
        assert!(stderr(&output).contains("stdout cannot be written"), "{}", stderr(&output));
    }
    // Nobody listens to what a build says: it builds all the same.
    let mut child = blend(scene.dir.path(), &["build", "r.blend"]).spawn().expect("it starts");
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(finish(Ok(child)).status.code(), Some(0));
    assert_eq!(scene.state(), Ok("new"));
}
