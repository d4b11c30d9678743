//! One edit after the other, in every kind of output.

use super::Scene;
use super::recipe;
use super::said;
use super::write_model;

/// An edit: the two arms, and what is said of the output after it.
type Step = (&'static str, &'static str, &'static str);

const STEPS: &[Step] = &[
    ("mix(toon, ink, 0.3)", "toon", "(3 copied, 5 computed)"),
    ("mix(toon, ink, 0.3)", "toon", "is as it should be or (8 kept, 0 copied, 0 computed)"),
    ("mix(toon, ink, 0.5)", "toon", "(3 kept, 0 copied, 5 computed)"),
    ("0.5 * toon + 0.5 * ink", "toon", "is as it should be or (8 kept, 0 copied, 0 computed)"),
    ("mix(toon, ink, 0.5)", "slerp(toon, ink, 0.25)", "(5 kept, 0 copied, 3 computed)"),
    ("ink", "slerp(toon, ink, 0.25)", "(3 kept, 5 copied, 0 computed)"),
    ("ink", "ink", "(5 kept, 3 copied, 0 computed)"),
];

#[track_caller]
fn check(target: &str, block: &str, more: &[&str]) {
    // An odd number, so that tensors are not aligned and no piece is whole.
    let scene = Scene::new(20_001);
    for (low, high, expected) in STEPS {
        let recipe = recipe(target, low, high, block);
        let said = scene.build(&recipe, more);
        let found = expected.split(" or ").any(|one| said.contains(one));
        assert!(found, "{target}, {low}, {high}: expected `{expected}`: {said}");
        scene.check(&recipe, target);
    }
}

#[test]
fn a_file() {
    check("o.safetensors", "", &["--threads", "1"]);
    check("o.safetensors", "", &["--threads", "7"]);
}

#[test]
fn a_directory() {
    check("o", " { shard_size = \"300 kB\" }", &["--threads", "2"]);
}

#[test]
fn a_torch_file() {
    check("o.pt", " { format = pt }", &["--threads", "2"]);
}

/// A sweep takes what is equal from the one before, whichever value it was of.
#[test]
fn a_sweep() {
    let scene = Scene::new(20_001);
    let text = |high: &str| {
        recipe("o-{s}.safetensors", "mix(toon, ink, s)", high, "").replacen('\n', "\n\nparam s = 0.5\n", 1)
    };
    let check = |high: &str, values: &[&str], expected: &[&str]| {
        let text = text(high);
        let sweep = format!("s={}", values.join(","));
        std::fs::write(scene.at("r.blend"), &text).expect("a recipe");
        let plan = scene.blend(&["plan", "r.blend", "--sweep", &sweep, "--explain"]).output().expect("it starts");
        let said = scene.build(&text, &["--sweep", &sweep, "--threads", "2", "--explain"]);
        let foreseen = String::from_utf8_lossy(&plan.stdout).into_owned();
        assert!(foreseen.contains("o-0.1.safetensors: ") && said.ends_with(&foreseen), "{foreseen} {said}");
        for (value, expected) in values.iter().zip(expected) {
            let target = format!("o-{value}.safetensors");
            let is_line = |line: &&str| line.contains(&target) && !line.starts_with(&format!("{target}:"));
            let line = said.lines().find(is_line).unwrap_or_default();
            assert!(line.contains(expected), "{high}, {value}: expected `{expected}`: {said}");
            // Beside, so that what is compared is no part of the sweep.
            scene.check(&text.replace("s = 0.5", &format!("s = {value}")), &target);
        }
    };
    check("toon", &["0.1", "0.3"], &["(3 copied, 5 computed)", "(3 copied, 5 computed)"]);
    check("toon", &["0.1", "0.3"], &["is as it should be", "is as it should be"]);
    check("toon", &["0.1", "0.2"], &["is as it should be", "(3 kept, 0 copied, 5 computed)"]);
    check("ink", &["0.1", "0.2"], &["(5 kept, 3 copied, 0 computed)", "(5 kept, 3 copied, 0 computed)"]);
}

/// What a build says of why, which a plan has said before it in the same words.
#[track_caller]
fn explained(scene: &Scene, recipe: &str) -> String {
    std::fs::write(scene.at("r.blend"), recipe).expect("a recipe");
    let stdout = |verb: &str| {
        let output = scene.blend(&[verb, "r.blend", "--explain"]).output().expect("it starts");
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let [foreseen, built] = ["plan", "build"].map(stdout);
    assert_eq!(foreseen, built, "{recipe}");
    built
}

/// A build tells why.
#[test]
fn reasons() {
    let scene = Scene::new(500);
    let text = |share: f64| recipe("o.safetensors", &format!("mix(toon, ink, {share})"), "toon", "");
    let said = explained(&scene, &text(0.3));
    assert!(
        said.contains("o.safetensors: 8 of 8 tensors are made\n  no earlier build of this output is known"),
        "{said}"
    );
    let said = explained(&scene, &text(0.5));
    let expected = "o.safetensors: 5 of 8 tensors are made\n  layers.{0..4}.w (5 tensors): share of ink 0.3 → 0.5, share of toon 0.7 → 0.5";
    assert!(said.contains(expected), "{said}");
    let said = explained(&scene, &text(0.5));
    assert!(said.contains("nothing is made again, 8 tensors are as they were"), "{said}");
    // Other bytes of the same size.
    write_model(&scene.at("b.safetensors"), 9, 500);
    let said = explained(&scene, &text(0.5));
    assert!(said.contains("layers.{0..4}.w (5 tensors): input ink was written to"), "{said}");
    write_model(&scene.at("b.safetensors"), 9, 500);
    std::fs::rename(scene.at("b.safetensors"), scene.at("c.safetensors")).expect("a new name");
    let moved = text(0.5).replace("b.safetensors", "c.safetensors");
    scene.build(&moved, &[]);
    // A changed name of a binding is no change.
    let renamed = moved.replace("toon", "cartoon");
    let said = explained(&scene, &renamed);
    assert!(said.contains("nothing is made again"), "{said}");
    scene.check(&renamed, "o.safetensors");
    let said = scene.build(&renamed.replace("0.5", "0.5 * 0.5"), &["--explain", "--fresh"]);
    assert!(said.contains("8 of 8 tensors are made") && said.contains("(3 copied, 5 computed)"), "{said}");
}

/// A claim is judged on what stands there, too.
#[test]
fn claims_of_what_stands() {
    let scene = Scene::new(500);
    let text = recipe("o.safetensors", "mix(toon, ink, 0.3)", "toon", "") + "\nassert finite(toon)\n";
    assert!(scene.build(&text, &[]).contains("1 claim holds"));
    let said = scene.build(&text, &[]);
    assert!(said.contains("is as it should be") && said.contains("1 claim holds"), "{said}");
    std::fs::write(scene.at("r.blend"), text.replace("assert finite(toon)", "assert distance(toon, ink) == 0"))
        .expect("it");
    let output = scene.blend(&["build", "r.blend"]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1), "{}", super::said(&output));
}

/// An output that stays gets the present time, for who builds by times, unless a claim about it fails.
#[test]
fn times_of_what_stays() {
    let scene = Scene::new(500);
    let target = scene.at("o.safetensors");
    let time = || std::fs::metadata(&target).and_then(|metadata| metadata.modified()).expect("a time");
    std::fs::copy(scene.at("a.safetensors"), scene.at("c.safetensors")).expect("a copy");
    let text = "blend 1\n\nmodel toon = \"a.safetensors\"\nmodel other = \"c.safetensors\"\n\nlet kept = toon\n\n\
                output \"o.safetensors\" = kept\n\nassert same(kept, other)\n";
    scene.build(text, &[]);
    let first = time();
    let said = scene.build(text, &[]);
    assert!(said.contains("is as it should be") && time() > first, "{said}");
    let second = time();
    write_model(&scene.at("c.safetensors"), 9, 500);
    let output = scene.blend(&["build", "r.blend"]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1), "{}", super::said(&output));
    assert_eq!(time(), second, "it is not done");
}
