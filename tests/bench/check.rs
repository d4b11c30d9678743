//! How long a recipe of 1,000 lines takes to check: under 50 ms is the promise; and what many tensors take to check and to
//! plan.  `cargo bench --bench check`.

#[path = "../it/world.rs"]
mod world;

fn main() {
    divan::main();
}

/// Values on values, a long match, a function on every line.
fn thousand_lines() -> String {
    let mut text = String::from(
        "blend 1\nmodel a = \"faces.safetensors\"\nmodel b = \"ink.safetensors\"\nmodel c = \"pixel.safetensors\"\n",
    );
    text.push_str("fn soft(x, at, width = 1) = logistic(x, at, width)\nlet w = match {\n");
    for layer in ["conv0", "conv1", "torgb"] {
        for r in [4, 8, 16, 32, 64] {
            text.push_str(&format!("  maybe {layer} and resolution {r} and weight => 0.{r}\n"));
        }
    }
    text.push_str("  else => 0.5\n}\nlet x0 = a\n");
    for i in 1..976 {
        let before = i.max(5) - 5;
        let at = i % 7;
        text.push_str(&format!("let x{i} = mix(x{before}, b, (soft(position, {at}) where position 0..) * 0.01)\n"));
    }
    text.push_str("output \"o.safetensors\" = mix(x975, c, w)\n");
    text
}

#[divan::bench]
fn a_thousand_lines(bencher: divan::Bencher) {
    let (world, text) = (world::FakeWorld::full(), thousand_lines());
    assert_eq!(text.lines().count(), 1_000);
    bencher.bench_local(|| {
        let (checked, _) = world.check(&text);
        assert!(checked.recipe.is_some());
    });
}

/// Many outputs: every one is evaluated on every tensor.
#[divan::bench]
fn a_hundred_outputs(bencher: divan::Bencher) {
    let world = world::FakeWorld::full();
    let mut text = String::from("blend 1\nmodel a = \"llama.safetensors\"\nmodel b = \"math.safetensors\"\n");
    for i in 0..100 {
        let layer = i % 4;
        text.push_str(&format!(
            "output \"{i}.safetensors\" = mix(a, b, match {{ layer {layer} => 0.5  else => 0 }})\n"
        ));
    }
    bencher.bench_local(|| {
        let (checked, _) = world.check(&text);
        assert!(checked.recipe.is_some());
    });
}

/// 10,002 tensors, nearly all with a share of their own.
fn ten_thousand_tensors() -> (world::FakeWorld, &'static str) {
    let deep = || world::llama(1111, 64, 128, 256);
    let world = world::FakeWorld::new().with("a.safetensors", deep()).with("b.safetensors", deep());
    let text = "blend 1\nmodel a = \"a.safetensors\"\nmodel b = \"b.safetensors\"\n\
                output \"o.safetensors\" = mix(a, b, if(layer > 9, ramp(layer, 0, 2000), 0.5) where layer 0..)\n";
    (world, text)
}

#[divan::bench]
fn check_10k_tensors(bencher: divan::Bencher) {
    let (world, text) = ten_thousand_tensors();
    bencher.bench_local(|| {
        let (checked, _) = world.check(text);
        assert!(checked.recipe.is_some());
    });
}

#[divan::bench]
fn plan_10k_tensors(bencher: divan::Bencher) {
    let (world, text) = ten_thousand_tensors();
    let recipe = world.check(text).0.recipe.expect("the recipe is right");
    let facts = blend::plan::Facts { digests: vec![String::new(); 2], ..blend::plan::Facts::default() };
    bencher.bench_local(|| {
        let plan = blend::plan::schedule(&recipe, &blend::graph::lower(&recipe), &facts);
        assert_eq!(plan.outputs[0].tensors.len(), 10_002);
        plan
    });
}
