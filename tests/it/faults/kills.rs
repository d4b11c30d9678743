//! Builds that are killed or interrupted at any moment.

use super::scene::SHAPES;
use super::scene::Scene;
use super::scene::Shape;
use super::scene::Snapshot;
use super::scene::blend;
use super::scene::finish;
use super::scene::folder;
use super::scene::snapshot;
use super::scene::stderr;
use super::strace;
use super::strace::wait_until;
use crate::laws::model;
use crate::laws::model::Random;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

/// Tensors of the large models, of 1 MiB each.
const LAYERS: usize = 24;

/// A model of [`LAYERS`] MiB: one block of noise, turned a little from tensor to tensor.
fn write_large(dir: &Path, name: &str, seed: u64) {
    let mut random = Random(seed);
    let values: Vec<f64> = (0..512 * 512).map(|_| random.unit()).collect();
    let mut bytes = model::floats("F32", &values);
    let tensors: Vec<model::Tensor> = (0..LAYERS)
        .map(|layer| {
            bytes.rotate_left(4 * 1021);
            model::tensor(&format!("layers.{layer}.w"), "F32", &[512, 512], bytes.clone())
        })
        .collect();
    std::fs::write(dir.join(name), model::file(&tensors)).expect("a model");
}

/// Kills builds of a target, half of them towards each of two outputs; says how many died under way.
fn kill_again_and_again(target: &str, block: &str, count: usize, seed: u64) -> usize {
    let dir = folder();
    write_large(dir.path(), "a.safetensors", seed);
    write_large(dir.path(), "b.safetensors", seed + 1);
    let inputs = || ["a.safetensors", "b.safetensors"].map(|name| std::fs::read(dir.path().join(name)).expect("there"));
    let before = inputs();
    let recipe = format!(
        "blend 1\n\nparam edge = 4 in [4, 12]\n\nmodel a = \"a.safetensors\"\nmodel b = \"b.safetensors\"\n\noutput \"{target}\" = match {{\n  layer ..edge => a\n  layer 22.. => mix(a, b, 0.5)\n  else => b\n}}{block}\n"
    );
    std::fs::write(dir.path().join("r.blend"), recipe).expect("a recipe");
    let target = dir.path().join(target);
    let build =
        |edge: &str| blend(dir.path(), &["build", "r.blend", "--quiet", "--set", &format!("edge={edge}")]).spawn();
    let edges = ["4", "12"];
    let mut took = Duration::ZERO;
    let made: [Snapshot; 2] = edges.map(|edge| {
        let start = Instant::now();
        let output = finish(build(edge));
        assert!(output.status.success(), "{}", stderr(&output));
        took = start.elapsed();
        snapshot(&target)
    });
    assert!(made[0] != made[1]);
    let (mut current, mut died) = (1, 0);
    let mut random = Random(seed);
    for number in 0..count {
        let other = 1 - current;
        let mut child = build(edges[other]).expect("it starts");
        std::thread::sleep(took.mul_f64(1.1 * (random.unit() + 1.0) / 2.0));
        let _ = child.kill();
        died += usize::from(child.wait().expect("it ends").signal() == Some(9));
        match snapshot(&target) {
            there if there == made[current] => {}
            there if there == made[other] => current = other,
            there => {
                let sizes: Vec<_> = there.iter().map(|(name, bytes)| (name, bytes.len())).collect();
                panic!("kill {number}, seed {seed}: neither output is at {}: {sizes:?}", target.display());
            }
        }
    }
    assert!(inputs() == before, "seed {seed}: an input has changed");
    let output = finish(build(edges[0]));
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(snapshot(&target) == made[0]);
    let names = std::fs::read_dir(dir.path()).expect("the folder").count();
    assert_eq!(names, 4, "seed {seed}: something is left over in {:?}", dir.path());
    died
}

/// `BLEND_SEED` and `BLEND_KILLS` set the seed and the number.
#[test]
fn random_kills() {
    let from_env = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let seed = from_env("BLEND_SEED").unwrap_or(now.as_nanos() as u64 & 0xffff_ffff);
    let count = from_env("BLEND_KILLS").unwrap_or(200) as usize;
    println!("BLEND_SEED={seed}");
    let died: usize = std::thread::scope(|scope| {
        let file = scope.spawn(move || kill_again_and_again("o.safetensors", "", count.div_ceil(2), seed));
        let shards = " { shard_size = \"9 MB\" }";
        let directory = scope.spawn(move || kill_again_and_again("o", shards, count / 2, seed + 7));
        [file, directory]
            .map(|kills| kills.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .iter()
            .sum()
    });
    println!("{died} of {count} died under way");
    assert!(died * 2 >= count, "only {died} of {count} builds were killed under way");
}

fn interrupt(child: &std::process::Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

#[test]
fn ctrl_c_changes_nothing() {
    if strace::missing().is_some() {
        return;
    }
    for shape in SHAPES {
        let scene = Scene::new(shape);
        // Each write waits, so that the build is under way for certain.
        let running = strace::start(&scene, &["-e", "inject=pwrite64:delay_enter=300000"], &[]);
        wait_until("something is being written", || !scene.left_overs().is_empty());
        interrupt(&running.blend);
        let traced = running.finish();
        assert_eq!(traced.status.code(), Some(130), "{shape:?}: {}", traced.stderr);
        assert!(traced.stderr.contains("nothing was changed"), "{shape:?}: {}", traced.stderr);
        assert_eq!(scene.state(), Ok("old"), "{shape:?}");
        assert_eq!(scene.left_overs(), [""; 0], "{shape:?}");
    }
}

#[test]
fn a_second_ctrl_c_does_not_wait() {
    if strace::missing().is_some() {
        return;
    }
    let scene = Scene::new(Shape::File);
    let running = strace::start(&scene, &["-e", "inject=pwrite64:delay_enter=1500000"], &[]);
    wait_until("something is being written", || !scene.left_overs().is_empty());
    interrupt(&running.blend);
    std::thread::sleep(Duration::from_millis(200));
    interrupt(&running.blend);
    let traced = running.finish();
    assert_eq!(traced.status.code(), Some(130), "{}", traced.stderr);
    // Who had waited for the write would have said how the build ended.
    assert_eq!(traced.stderr, "");
    assert_eq!(scene.state(), Ok("old"));
    scene.recovers().unwrap();
}

/// Outputs take their places one after another: whoever interrupts between two gets both.
#[test]
fn ctrl_c_between_two_outputs() {
    if strace::missing().is_some() {
        return;
    }
    let mut scene = Scene::new(Shape::File);
    scene.recipe.push_str("\noutput \"second.safetensors\" = b\n");
    let running = strace::start(&scene, &["-e", "inject=fsync:delay_enter=400000"], &[]);
    wait_until("the first output is in its place", || snapshot(&scene.target) != scene.old);
    interrupt(&running.blend);
    let traced = running.finish();
    assert_eq!(traced.status.code(), Some(0), "{}", traced.stderr);
    assert!(!traced.stderr.contains("nothing was changed"), "{}", traced.stderr);
    assert_eq!(scene.left_overs(), ["second.safetensors"]);
}
