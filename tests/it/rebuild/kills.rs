//! Builds that are killed, and gone on with.

use super::Scene;
use super::recipe;
use crate::laws::model::Random;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

/// Numbers of a tensor: a build takes long enough to be killed.
const COUNT: u64 = 1 << 20;

impl Scene {
    /// What dead builds left.
    fn left(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.dir.path()).expect("the folder").flatten().map(|entry| entry.path());
        entries.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))).collect()
    }
}

/// Spoils a byte in every quarter of a MiB of what dead builds left.
fn spoil(paths: &[PathBuf]) {
    let open = |path: &PathBuf| std::fs::OpenOptions::new().write(true).read(true).open(path).expect("it opens");
    for path in paths.iter().filter(|path| path.extension().is_some_and(|ending| ending == "tmp")) {
        let inside = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        let files: Vec<PathBuf> = if path.is_dir() { inside.collect() } else { vec![path.clone()] };
        for file in files.iter().map(open) {
            for at in (0..file.metadata().expect("it is there").len()).step_by(1 << 18) {
                let mut byte = [0];
                file.read_exact_at(&mut byte, at).expect("a byte");
                file.write_all_at(&[byte[0] ^ 1], at).expect("another");
            }
        }
    }
}

/// Kills builds at random and goes on with them; how often something was gone on with.
fn check(target: &str, block: &str, seed: u64) -> usize {
    let scene = Scene::new(COUNT);
    let mut random = Random(seed);
    let (mut resumed, mut spoilt) = (0, 0);
    let mut took = Duration::ZERO;
    for round in 0..8 {
        let share = 0.1 + 0.05 * f64::from(round);
        let text = recipe(target, &format!("mix(toon, ink, {share})"), "slerp(ink, toon, 0.2)", block);
        std::fs::write(scene.at("r.blend"), &text).expect("a recipe");
        if round == 0 {
            let start = Instant::now();
            scene.build(&text, &[]);
            took = start.elapsed();
            continue;
        }
        // Every other time from nothing, so that there is more to kill.
        let more: &[&str] = if round % 2 == 0 { &["--fresh"] } else { &[] };
        for _ in 0..3 {
            let mut child = scene.blend(&[&["build", "r.blend"], more].concat()).spawn().expect("it starts");
            std::thread::sleep(took.mul_f64((random.unit() + 1.0) / 2.0));
            let _ = child.kill();
            if child.wait().expect("it ends").signal() != Some(9) {
                break;
            }
            if round % 4 == 1 {
                spoil(&scene.left());
                spoilt += scene.left().len();
            }
        }
        let said = scene.build(&text, more);
        resumed += usize::from(said.contains("resumed"));
        scene.check(&text, target);
        assert_eq!(scene.left(), [""; 0].map(PathBuf::from), "round {round}, seed {seed}: {said}");
    }
    println!("{target}, seed {seed}: {resumed} went on, {spoilt} were spoilt");
    resumed
}

#[test]
fn killed_builds_go_on() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let seed = now.as_nanos() as u64 & 0xffff_ffff;
    let mut count = check("o.safetensors", "", seed)
        + check("o", " { shard_size = \"9 MB\" }", seed + 1)
        + check("o.pt", " { format = pt }", seed + 2);
    // Where builds seldom die in their midst, on a busy machine.
    for more in 3..9 {
        count += if count > 2 { 0 } else { check("o.safetensors", "", seed + more) };
    }
    assert!(count > 2, "seed {seed}: only {count} builds went on with a killed one");
}

/// A sweep that is killed is gone on with.
#[test]
fn killed_sweeps_go_on() {
    let scene = Scene::new(COUNT);
    let text = recipe("o-{s}.safetensors", "mix(toon, ink, s)", "slerp(ink, toon, s)", "");
    let text = text.replacen("\n\n", "\n\nparam s = 0.5\n\n", 1);
    let sweep = ["--sweep", "s=0.1,0.2,0.3", "--fresh"];
    let start = Instant::now();
    scene.build(&text, &sweep);
    let took = start.elapsed();
    let mut resumed = 0;
    for part in [0.4, 0.5, 0.6, 0.7, 0.8, 0.3, 0.9, 0.45, 0.55, 0.65, 0.75].iter().cycle().take(33) {
        if resumed > 2 {
            break;
        }
        let mut child = scene.blend(&[&["build", "r.blend"], sweep.as_slice()].concat()).spawn().expect("it starts");
        std::thread::sleep(took.mul_f64(*part));
        let _ = child.kill();
        let _ = child.wait();
        let said = scene.build(&text, &sweep);
        resumed += said.matches("resumed").count();
        for value in ["0.1", "0.2", "0.3"] {
            scene.check(&text.replace("= 0.5", &format!("= {value}")), &format!("o-{value}.safetensors"));
        }
        assert_eq!(scene.left(), [""; 0].map(PathBuf::from), "{said}");
    }
    assert!(resumed > 2, "only {resumed} outputs were gone on with");
}

/// What another plan left is not gone on with, nor when an input is another one.
#[test]
fn other_plans_begin_anew() {
    let scene = Scene::new(COUNT);
    let text = |share: &str| recipe("o.safetensors", &format!("mix(toon, ink, {share})"), "toon", "");
    let start = Instant::now();
    scene.build(&text("0.1"), &[]);
    let took = start.elapsed();
    for part in [0.4, 0.5, 0.6, 0.7, 0.8] {
        std::fs::write(scene.at("r.blend"), text("0.2")).expect("a recipe");
        let mut child = scene.blend(&["build", "r.blend", "--fresh"]).spawn().expect("it starts");
        std::thread::sleep(took.mul_f64(part));
        let _ = child.kill();
        let _ = child.wait();
        super::write_model(&scene.at("b.safetensors"), (part * 100.0) as u64, COUNT);
        let said = scene.build(&text("0.2"), &["--fresh"]);
        assert!(!said.contains("resumed"), "{said}");
        scene.check(&text("0.2"), "o.safetensors");
    }
}
