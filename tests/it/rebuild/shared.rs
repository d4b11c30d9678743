//! Several builds, one cache.

use super::Scene;
use super::contents;
use super::recipe;
use super::said;

/// Two targets and one target, built by several processes at once, again and again.
#[test]
fn builds_at_once() {
    let scene = Scene::new(5_001);
    let arms = ["0.1", "0.2", "0.3", "0.4"];
    let texts: Vec<String> =
        arms.iter().map(|arm| recipe("o.safetensors", &format!("mix(toon, ink, {arm})"), "toon", "")).collect();
    for (at, text) in texts.iter().enumerate() {
        std::fs::write(scene.at(&format!("r{at}.blend")), text).expect("a recipe");
    }
    for round in 0..6 {
        // All to one target, or each to its own.
        let target = |at: usize| if round % 2 == 0 { "o.safetensors".into() } else { format!("o{at}.safetensors") };
        let start = |at: usize| {
            let (recipe, target) = (format!("r{at}.blend"), target(at));
            scene.blend(&["build", &recipe, "--output", &target]).spawn().expect("it starts")
        };
        let running: Vec<_> = (0..arms.len()).map(start).collect();
        for child in running {
            let output = child.wait_with_output().expect("it ends");
            assert!(output.status.success(), "{}", said(&output));
        }
        let fresh: Vec<_> = texts.iter().map(|text| scene.fresh(text, "o.safetensors")).collect();
        for at in 0..arms.len() {
            let there = contents(&scene.at(&target(at)));
            let right = if round % 2 == 0 { fresh.contains(&there) } else { fresh[at] == there };
            assert!(right, "round {round}: {}", target(at));
        }
        let left: Vec<_> = std::fs::read_dir(scene.dir.path()).expect("the folder").flatten().collect();
        let left = left.iter().filter(|entry| entry.file_name().to_string_lossy().starts_with('.')).count();
        assert_eq!(left, 0, "round {round}");
    }
}

/// What another output holds already is taken from there, if it is worth a look.
#[test]
fn other_outputs() {
    let scene = Scene::new(1 << 20);
    let text = |target: &str, share: &str| recipe(target, &format!("mix(toon, ink, {share})"), "toon", "");
    scene.build(&text("x.safetensors", "0.3"), &[]);
    let said = scene.build(&text("y.safetensors", "0.3"), &[]);
    assert!(said.contains("wrote y.safetensors: 8 tensors (8 kept, 0 copied, 0 computed)"), "{said}");
    scene.check(&text("y.safetensors", "0.3"), "y.safetensors");
    std::fs::remove_file(scene.at("x.safetensors")).expect("it goes");
    let said = scene.build(&text("z.safetensors", "0.3"), &[]);
    assert!(said.contains("(8 kept"), "{said}");
}
