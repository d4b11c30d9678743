//! Nothing is trusted blindly: outputs that others changed, records that are broken, inputs that are not what they were.

use super::Scene;
use super::contents;
use super::recipe;
use super::write_model;
use blend::exec::Progress;
use blend::identity;
use blend::identity::Memo;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::SystemTime;

const TARGET: &str = "o.safetensors";

fn text() -> String {
    recipe(TARGET, "mix(toon, ink, 0.3)", "toon", "")
}

/// Changes one byte of the last tensor, and of one in the middle.
fn tamper(path: &Path) {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).expect("it opens");
    let size = file.metadata().expect("it is there").len();
    for at in [size - 3, size / 2] {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).expect("a byte");
        file.write_all_at(&[byte[0] ^ 1], at).expect("another");
    }
}

fn set_time(path: &Path, time: SystemTime) {
    let file = std::fs::OpenOptions::new().write(true).open(path).expect("it opens");
    file.set_modified(time).expect("a time");
}

fn modified(path: &Path) -> SystemTime {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).expect("a time")
}

/// Lets the clock of files move on.
fn wait() {
    std::thread::sleep(std::time::Duration::from_millis(30));
}

#[test]
fn outputs_that_were_changed() {
    let scene = Scene::new(20_001);
    let target = scene.at(TARGET);
    scene.build(&text(), &[]);
    for settled in [false, true] {
        if settled {
            wait();
            // The second look finds the file at rest.
            assert!(scene.build(&text(), &[]).contains("is as it should be"));
        }
        let time = modified(&target);
        tamper(&target);
        // Somebody hides it.
        set_time(&target, time);
        let said = scene.build(&text(), &["--explain"]);
        assert!(said.contains("wrote o.safetensors: 8 tensors (6 kept, "), "{said}");
        assert!(said.contains("its file may have changed since") || !settled, "{said}");
        scene.check(&text(), TARGET);
    }
    // Bytes of the header.
    wait();
    let file = std::fs::OpenOptions::new().write(true).open(&target).expect("it opens");
    file.write_all_at(b"x", 4_000).expect("it is written");
    let said = scene.build(&text(), &[]);
    assert!(said.contains("(8 kept, 0 copied, 0 computed)"), "{said}");
    scene.check(&text(), TARGET);
    // Only touched: all is as it was, and found so by its sums.
    set_time(&target, SystemTime::now() - std::time::Duration::from_secs(100));
    assert!(scene.build(&text(), &[]).contains("is as it should be"));
    // Cut, replaced by something else, removed.
    std::fs::OpenOptions::new().write(true).open(&target).expect("it opens").set_len(90_000).expect("a new size");
    assert!(scene.build(&text(), &[]).contains("(3 copied, 5 computed)"));
    std::fs::copy(scene.at("a.safetensors"), &target).expect("a copy");
    scene.build(&text(), &[]);
    scene.check(&text(), TARGET);
    std::fs::remove_file(&target).expect("it goes");
    assert!(scene.build(&text(), &[]).contains("(3 copied, 5 computed)"));
    scene.check(&text(), TARGET);
}

#[test]
fn verify_reads_what_is_taken() {
    let scene = Scene::new(20_001);
    scene.build(&text(), &[]);
    wait();
    assert!(scene.build(&text(), &["--verify"]).contains("is as it should be"));
    let edited = text().replace("0.3", "0.4");
    let said = scene.build(&edited, &["--verify"]);
    assert!(said.contains("(3 kept, 0 copied, 5 computed)"), "{said}");
    scene.check(&edited, TARGET);
}

/// Every file of the cache is cut, changed, or something else altogether.
#[test]
fn broken_caches() {
    let scene = Scene::new(500);
    scene.build(&text(), &[]);
    type Harm = fn(&Path);
    let harms: [Harm; 6] = [
        |path| std::fs::write(path, "").expect("it is emptied"),
        |path| std::fs::write(path, vec![b'{'; 200_000]).expect("it is written"),
        |path| {
            let mut bytes = std::fs::read(path).expect("it is read");
            bytes.truncate(bytes.len() / 2);
            std::fs::write(path, bytes).expect("it is cut");
        },
        |path| tamper(path),
        |path| {
            std::fs::remove_file(path).expect("it goes");
            std::fs::create_dir(path).expect("a folder");
        },
        |path| {
            let _ = std::fs::remove_dir_all(path);
            std::os::unix::fs::symlink(path, path).expect("a circle");
        },
    ];
    for (number, harm) in harms.iter().enumerate() {
        let mut harmed = 0;
        for shelf in std::fs::read_dir(scene.cache()).expect("the cache").flatten() {
            for record in std::fs::read_dir(shelf.path()).expect("a shelf").flatten() {
                harm(&record.path());
                harmed += 1;
            }
        }
        assert!(harmed > 0, "harm {number}: there was nothing to harm");
        let said = scene.build(&text(), &["--explain"]);
        assert!(said.contains("(3 copied, 5 computed)"), "harm {number}: {said}");
        assert!(said.contains("what was remembered of its last build is broken"), "harm {number}: {said}");
        scene.check(&text(), TARGET);
    }
    // A cache that cannot be: a file stands there.
    std::fs::remove_dir_all(scene.cache()).expect("it goes");
    std::fs::write(scene.cache(), "mine").expect("a file");
    assert!(scene.build(&text(), &[]).contains("(3 copied, 5 computed)"));
    assert_eq!(std::fs::read(scene.cache()).expect("it stays"), b"mine");
}

/// An input is written to within one tick of the clock, after the build has looked at it.
#[test]
fn inputs_that_change() {
    let scene = Scene::new(500);
    for seed in 3..9 {
        write_model(&scene.at("b.safetensors"), seed, 500);
        scene.build(&text(), &[]);
        scene.check(&text(), TARGET);
    }
    // The same content again, in another file: by content it would be known, by file it is not.
    let bytes = contents(&scene.at("b.safetensors"));
    std::fs::remove_file(scene.at("b.safetensors")).expect("it goes");
    std::fs::write(scene.at("b.safetensors"), &bytes[0]).expect("it is back");
    let said = scene.build(&text(), &[]);
    assert!(said.contains("(3 kept, 0 copied, 5 computed)"), "{said}");
    scene.check(&text(), TARGET);
}

/// Where the content of inputs is known, it counts, and not the file that it lies in.
#[test]
fn known_content() {
    let scene = Scene::new(500);
    let memo = Memo::at(&scene.cache().join("identities"));
    let know = |name: &str| {
        let path = scene.at(name);
        set_time(&path, SystemTime::now() - std::time::Duration::from_secs(100));
        let header = blend::store::open(&path, None).unwrap_or_else(|problem| panic!("{}", problem.message));
        let canon = blend::arch::detect(&header, None, None).unwrap_or_else(|problem| panic!("{}", problem.message));
        let options = identity::Options { threads: 1, memo: Some(&memo), verify: false };
        let found = identity::of(&header, &canon, &options, &Progress::default());
        assert!(found.is_ok_and(|found| !found.remembered));
    };
    know("a.safetensors");
    know("b.safetensors");
    scene.build(&text(), &[]);
    for (copy, kept) in
        [("c.safetensors", "(8 kept, 0 copied, 0 computed)"), ("d.safetensors", "(3 kept, 0 copied, 5 computed)")]
    {
        std::fs::copy(scene.at("b.safetensors"), scene.at(copy)).expect("a copy");
        if copy == "c.safetensors" {
            know(copy);
        }
        let moved = text().replace("b.safetensors", copy);
        let said = scene.build(&moved, &[]);
        assert!(said.contains(kept), "{copy}: {said}");
        scene.check(&moved, TARGET);
    }
    // Other content at the same place is not what was known.
    write_model(&scene.at("c.safetensors"), 77, 500);
    let said = scene.build(&text().replace("b.safetensors", "c.safetensors"), &[]);
    assert!(said.contains("(3 kept, 0 copied, 5 computed)"), "{said}");
    scene.check(&text().replace("b.safetensors", "c.safetensors"), TARGET);
}
