//! The presets of `std`, tensor by tensor, against tables written by hand from what the published tools do.
//! The weight of a tensor is the share of the second model, read off a checked recipe.

use super::arch::Files;
use super::arch::checked;
use super::arch::clean;
use super::arch::sample;
use super::arch::shares;
use blend::hir::Atom;
use blend::hir::Recipe;
use std::collections::BTreeMap;

/// Two models of a sample, `a` and `b`, and an output.
fn recipe(value: &str) -> String {
    format!("blend 1\nmodel a = \"a.safetensors\"\nmodel b = \"b.safetensors\"\noutput \"o.safetensors\" = {value}\n")
}

fn files(name: &str) -> Files {
    let mut files = Files::default();
    files.headers.insert("a.safetensors".into(), sample(name));
    files.headers.insert("b.safetensors".into(), sample(name));
    files
}

/// The share of `b` per tensor.
fn weights(recipe: &Recipe) -> BTreeMap<String, f64> {
    let of_b = |made: &blend::hir::Made| {
        let is_b = |atom: &Atom| matches!(atom, Atom::Tensor { input, .. } if &*recipe.input(*input).name == "b");
        made.form.terms.iter().find(|term| is_b(&term.0)).map_or(0.0, |term| term.1.number().expect("one number"))
    };
    recipe.outputs[0].tensors.iter().map(|made| (made.name.to_string(), of_b(made))).collect()
}

/// What a row of a table says of a tensor: the row's name and the column.
fn place(name: &str) -> (&str, &str) {
    let parts: Vec<&str> = name.split('.').collect();
    match parts.as_slice() {
        ["mapping", "w_avg"] => ("w_avg", "all"),
        ["mapping", ..] => ("mapping", "all"),
        [.., "resample_filter"] => ("filter", "all"),
        [.., "noise_const"] => ("image", "all"),
        // Weight, bias, noise strength and affine parts go with their convolution.
        ["synthesis", block, column, ..] => (block, column),
        _ => panic!("`{name}` is of no StyleGAN2 generator"),
    }
}

/// A table: a head with columns, then a row a block; `-` where there is no such layer.  The rows `mapping`, `w_avg`,
/// `image` and `filter` have one number.  Every tensor must be told of, and every number must be of some tensor.
#[track_caller]
fn check_table(name: &str, value: &str, table: &str) {
    let made = weights(&clean(&files(name), &recipe(value)));
    let mut lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
    let columns: Vec<&str> = lines.next().expect("a table has a head").split_whitespace().collect();
    let mut wanted: BTreeMap<(&str, &str), (f64, usize)> = BTreeMap::new();
    for line in lines {
        let (row, numbers) = line.split_once(' ').expect("a row has numbers");
        let numbers: Vec<&str> = numbers.split_whitespace().collect();
        let columns: &[&str] = if numbers.len() == 1 { &["all"] } else { &columns };
        for (column, number) in columns.iter().zip(numbers).filter(|entry| entry.1 != "-") {
            wanted.insert((row, column), (number.parse().expect("a weight is a number"), 0));
        }
    }
    for (tensor, weight) in &made {
        let (row, column) = place(tensor);
        let entry = wanted.get_mut(&(row, column)).unwrap_or_else(|| panic!("the table lacks {row}, {column}"));
        assert!((weight - entry.0).abs() <= 2e-16, "{value}: `{tensor}` has {weight}, and the table {}", entry.0);
        entry.1 += 1;
    }
    let idle: Vec<_> = wanted.iter().filter(|entry| entry.1.1 == 0).map(|entry| entry.0).collect();
    assert!(idle.is_empty(), "of no tensor: {idle:?}");
}

/// What every tool here leaves with the low model.
const LOW: &str = "mapping 0\n w_avg 0\n image 0\n filter 0\n";

#[test]
fn pinkney_hard() {
    // y = 1 where position - mid > 1; mid = 2 (log2 r - 2) + level; 4x4/Conv is not matched by the tool.
    check_table(
        "toon-nvidia",
        "mix(a, b, std.pinkney(16, 0))",
        &format!(
            "     const conv0 conv1 torgb
             b4   0     -     0     0
             b8   -     0     0     0
             b16  -     0     0     0
             b32  -     1     1     1
             b64  -     1     1     1
             {LOW}"
        ),
    );
    check_table(
        "toon-nvidia",
        "mix(a, b, std.pinkney(4))",
        &format!(
            "     const conv0 conv1 torgb
             b4   0     -     0     0
             b8   -     1     1     1
             b16  -     1     1     1
             b32  -     1     1     1
             b64  -     1     1     1
             {LOW}"
        ),
    );
    check_table(
        "toon-rosinality",
        "mix(a, b, std.pinkney(16, 1))",
        &format!(
            "     const conv0 conv1 torgb
             b4   0     -     0     0
             b8   -     0     0     0
             b16  -     0     0     0
             b32  -     0     1     1
             b64  -     1     1     1
             {LOW}"
        ),
    );
    // Rows "level 0, hard" and "level 1, hard" of the published run for 256 px, resolution 32.
    check_table(
        "stylegan2-256",
        "mix(a, b, std.pinkney(32, 0))",
        &format!(
            "     const conv0 conv1 torgb
             b4   0     -     0     0
             b8   -     0     0     0
             b16  -     0     0     0
             b32  -     0     0     0
             b64  -     1     1     1
             b128 -     1     1     1
             b256 -     1     1     1
             {LOW}"
        ),
    );
    check_table(
        "stylegan2-256",
        "mix(a, b, std.pinkney(32, 1))",
        &format!(
            "     const conv0 conv1 torgb
             b4   0     -     0     0
             b8   -     0     0     0
             b16  -     0     0     0
             b32  -     0     0     0
             b64  -     0     1     1
             b128 -     1     1     1
             b256 -     1     1     1
             {LOW}"
        ),
    );
    check_table(
        "stylegan2-1024",
        "mix(a, b, std.pinkney(64, level = 1))",
        &format!(
            "      const conv0 conv1 torgb
             b4    0     -     0     0
             b8    -     0     0     0
             b16   -     0     0     0
             b32   -     0     0     0
             b64   -     0     0     0
             b128  -     0     1     1
             b256  -     1     1     1
             b512  -     1     1     1
             b1024 -     1     1     1
             {LOW}"
        ),
    );
    // Skips of a residual generator are matched by no prefix; it has one torgb.
    check_table(
        "stylegan2-resnet",
        "mix(a, b, std.pinkney(8, 0))",
        &format!(
            "     const conv0 conv1 torgb skip
             b4   0     -     0     -     -
             b8   -     0     0     -     0
             b16  -     1     1     -     0
             b32  -     1     1     -     0
             b64  -     1     1     1     0
             {LOW}"
        ),
    );
}

/// Logistic values by CPython's `math.exp`: 1 / (1 + exp(-(position - mid) / width)).
#[test]
fn pinkney_with_width() {
    check_table(
        "toon-nvidia",
        "mix(a, b, std.pinkney_smooth(16, 1, 0.5))",
        &format!(
            "     const                  conv0                 conv1                 torgb
             b4   4.5397868702434395e-05 -                     0                     0.0003353501304664781
             b8   -                      0.0024726231566347743 0.01798620996209156   0.01798620996209156
             b16  -                      0.11920292202211755   0.5                   0.5
             b32  -                      0.8807970779778823    0.9820137900379085    0.9820137900379085
             b64  -                      0.9975273768433653    0.9996646498695336    0.9996646498695336
             {LOW}"
        ),
    );
    check_table(
        "stylegan2-256",
        "mix(a, b, std.pinkney_smooth(32, 0, 1))",
        &format!(
            "     const                 conv0               conv1               torgb
             b4   0.0024726231566347743 -                   0                   0.0066928509242848554
             b8   -                     0.01798620996209156 0.04742587317756678 0.04742587317756678
             b16  -                     0.11920292202211755 0.2689414213699951  0.2689414213699951
             b32  -                     0.5                 0.7310585786300049  0.7310585786300049
             b64  -                     0.8807970779778823  0.9525741268224334  0.9525741268224334
             b128 -                     0.9820137900379085  0.9933071490757153  0.9933071490757153
             b256 -                     0.9975273768433653  0.9990889488055994  0.9990889488055994
             {LOW}"
        ),
    );
    check_table(
        "stylegan2-256",
        "mix(a, b, std.pinkney_smooth(32, 0, width = 2))",
        &format!(
            "     const               conv0               conv1               torgb
             b4   0.04742587317756678 -                   0                   0.07585818002124355
             b8   -                   0.11920292202211755 0.18242552380635635 0.18242552380635635
             b16  -                   0.2689414213699951  0.3775406687981454  0.3775406687981454
             b32  -                   0.5                 0.6224593312018546  0.6224593312018546
             b64  -                   0.7310585786300049  0.8175744761936437  0.8175744761936437
             b128 -                   0.8807970779778823  0.9241418199787566  0.9241418199787566
             b256 -                   0.9525741268224334  0.9706877692486436  0.9706877692486436
             {LOW}"
        ),
    );
    check_table(
        "stylegan2-1024",
        "mix(a, b, std.pinkney_smooth(64, 1, 3))",
        &format!(
            "      const               conv0               conv1               torgb
             b4    0.04742587317756678 -                   0                   0.06496916912866407
             b8    -                   0.08839967720705841 0.11920292202211755 0.11920292202211755
             b16   -                   0.15886910488091516 0.20860852732604496 0.20860852732604496
             b32   -                   0.2689414213699951  0.33924363123418283 0.33924363123418283
             b64   -                   0.4174297935376853  0.5                 0.5
             b128  -                   0.5825702064623147  0.6607563687658172  0.6607563687658172
             b256  -                   0.7310585786300049  0.791391472673955   0.791391472673955
             b512  -                   0.8411308951190849  0.8807970779778823  0.8807970779778823
             b1024 -                   0.9116003227929417  0.935030830871336   0.935030830871336
             {LOW}"
        ),
    );
    // The tool takes a width of 0 for a hard edge.
    check_table(
        "toon-nvidia",
        "mix(a, b, std.pinkney_smooth(16, 1, 0))",
        &format!(
            "     const conv0 conv1 torgb
             b4   0     -     0     0
             b8   -     0     0     0
             b16  -     0     0     0
             b32  -     0     1     1
             b64  -     1     1     1
             {LOW}"
        ),
    );
}

#[test]
fn dvschultz() {
    // Whole blocks; 4 to `split` stay low, `split` itself included.
    check_table(
        "toon-nvidia",
        "mix(a, b, std.dvschultz(16))",
        &format!(
            "     const conv0 conv1 torgb
             b4   0     -     0     0
             b8   -     0     0     0
             b16  -     0     0     0
             b32  -     1     1     1
             b64  -     1     1     1
             {LOW}"
        ),
    );
    check_table(
        "stylegan2-256",
        "mix(a, b, std.dvschultz(64))",
        &format!(
            "     const conv0 conv1 torgb
             b4   0     -     0     0
             b8   -     0     0     0
             b16  -     0     0     0
             b32  -     0     0     0
             b64  -     0     0     0
             b128 -     1     1     1
             b256 -     1     1     1
             {LOW}"
        ),
    );
    check_table(
        "stylegan2-1024",
        "mix(a, b, std.dvschultz(4))",
        &format!(
            "      const conv0 conv1 torgb
             b4    0     -     0     0
             b8    -     1     1     1
             b16   -     1     1     1
             b32   -     1     1     1
             b64   -     1     1     1
             b128  -     1     1     1
             b256  -     1     1     1
             b512  -     1     1     1
             b1024 -     1     1     1
             {LOW}"
        ),
    );
}

#[test]
fn paper() {
    // alpha = 1 (the transferred model, here the first) where r <= r_swap.
    check_table(
        "toon-rosinality",
        "mix(a, b, std.paper(8))",
        &format!(
            "     const conv0 conv1 torgb
             b4   0     -     0     0
             b8   -     0     0     0
             b16  -     1     1     1
             b32  -     1     1     1
             b64  -     1     1     1
             {LOW}"
        ),
    );
    check_table(
        "stylegan2-1024",
        "mix(a, b, std.paper(64))",
        &format!(
            "      const conv0 conv1 torgb
             b4    0     -     0     0
             b8    -     0     0     0
             b16   -     0     0     0
             b32   -     0     0     0
             b64   -     0     0     0
             b128  -     1     1     1
             b256  -     1     1     1
             b512  -     1     1     1
             b1024 -     1     1     1
             {LOW}"
        ),
    );
    check_table(
        "stylegan2-resnet",
        "mix(a, b, std.paper(16))",
        &format!(
            "     const conv0 conv1 torgb skip
             b4   0     -     0     -     -
             b8   -     0     0     -     0
             b16  -     0     0     -     0
             b32  -     1     1     -     1
             b64  -     1     1     1     1
             {LOW}"
        ),
    );
}

/// Share of `b` per tensor for a layer swap: whole blocks, with noise and filters; the mapping network by name.
#[track_caller]
fn check_swap(name: &str, value: &str, at: u64, mapping: f64) {
    let recipe = clean(&files(name), &recipe(value));
    for (tensor, weight) in weights(&recipe) {
        let block = tensor.strip_prefix("synthesis.b").and_then(|rest| rest.split('.').next()?.parse::<u64>().ok());
        let wanted = block.map_or(mapping, |r| if r >= at { 1.0 } else { 0.0 });
        assert_eq!(weight, wanted, "{value}: `{tensor}`");
    }
    // Nothing is computed: each tensor is one input's.
    assert!(recipe.outputs[0].tensors.iter().all(|made| made.form.whole().is_some()));
}

#[test]
fn layer_swap() {
    check_swap("toon-nvidia", "std.layer_swap(a, b)", 32, 0.0);
    check_swap("toon-nvidia", "std.layer_swap(a, b, at = 16)", 16, 0.0);
    check_swap("toon-nvidia", "layer_swap(a, b, at = 16)", 16, 0.0);
    check_swap("toon-rosinality", "std.layer_swap(low = a, high = b, at = 8, mapping = b)", 8, 1.0);
    check_swap("stylegan2-256", "std.layer_swap(a, b, 64)", 64, 0.0);
    check_swap("stylegan2-1024", "std.layer_swap(a, b, 1024, b)", 1024, 1.0);
    check_swap("stylegan2-resnet", "std.layer_swap(a, b, at = 4)", 4, 0.0);
    // A third model may own the mapping network.
    let mut files = files("toon-nvidia");
    files.headers.insert("c.safetensors".into(), sample("toon-rosinality"));
    let text = recipe("layer_swap(a, b, mapping = c)").replace("output", "model c = \"c.safetensors\"\noutput");
    let recipe = clean(&files, &text);
    let of = |name: &str| {
        let made = recipe.outputs[0].tensors.iter().find(|made| &*made.name == name).expect("the tensor is there");
        shares(&recipe, made)
    };
    assert_eq!(of("mapping.fc0.weight"), "1 c");
    assert_eq!(of("mapping.w_avg"), "1 c");
    assert_eq!(of("synthesis.b16.conv1.weight"), "1 a");
    assert_eq!(of("synthesis.b32.conv0.noise_const"), "1 b");
}

/// The list of the published notebook: one number a layer.
const SXELA: [f64; 15] = [0.0, 0.0, 0.0, 0.0, 0.0, 0.2, 0.2, 0.2, 0.5, 0.7, 0.8, 0.8, 0.8, 0.8, 1.0];

#[test]
fn sxela() {
    let list = "[0, 0, 0, 0, 0, 0.2, 0.2, 0.2, 0.5, 0.7, 0.8, .8, .8, .8, 1]".replace(" .", " 0.");
    for name in ["stylegan3-t-256", "stylegan3-t-1024", "stylegan3-r-256", "stylegan3-r-1024"] {
        let recipe = clean(&files(name), &recipe(&format!("mix(a, b, std.sxela({list}))")));
        let made = weights(&recipe);
        assert_eq!(made.len(), 114);
        for (tensor, weight) in made {
            let parts: Vec<&str> = tensor.split('.').collect();
            let wanted = match parts.as_slice() {
                ["mapping", ..] => 0.0,
                // All of the input features come from the tuned model, their affine part too.
                ["synthesis", "input", ..] => 1.0,
                ["synthesis", _, "affine", _] => 0.0,
                // The tool blends equal filters; here they must be equal, and one is taken.
                ["synthesis", _, "up_filter" | "down_filter"] => 0.0,
                ["synthesis", layer, "weight" | "bias" | "magnitude_ema"] => {
                    SXELA[layer[1..].parse::<usize>().expect("layers have numbers")]
                }
                _ => panic!("`{tensor}` is of no StyleGAN3 generator"),
            };
            assert_eq!(weight, wanted, "{name}: `{tensor}`");
        }
        let equal = recipe.outputs[0].tensors.iter().filter(|made| !made.equal.is_empty()).count();
        assert_eq!(equal, 18, "filters of the nine layers whose number lies between 0 and 1 are compared");
    }
    let short = list.replace(", 1]", "]");
    let (checked, _) = checked(&files("stylegan3-t-256"), &recipe(&format!("mix(a, b, std.sxela({short}))")));
    let codes: Vec<&str> = checked.problems.iter().map(|problem| problem.code.0).collect();
    assert_eq!(codes, ["E0405"], "fourteen numbers do not do for fifteen layers");
}

#[test]
fn a_preset_composes() {
    // Half as strong, and nothing above 32: products and restrictions of a preset are weights again.
    let made = weights(&clean(&files("toon-nvidia"), &recipe("mix(a, b, 0.5 * std.paper(8) where resolution ..32)")));
    assert_eq!(made["synthesis.b16.conv0.weight"], 0.5);
    assert_eq!(made["synthesis.b64.conv0.weight"], 0.0);
    assert_eq!(made["mapping.fc0.weight"], 0.0);
}

#[test]
fn language_models_have_words_and_depth() {
    let made = weights(&clean(
        &files("llama3-8b"),
        &recipe(
            "mix(a, b, match {\n  embed or lm_head or (norm and not layer 0..) => 0\n  attention => 0.25\n  mlp and layer 16.. => 1\n  else => depth\n})",
        ),
    ));
    assert_eq!(made["lm_head.weight"], 0.0);
    assert_eq!(made["model.norm.weight"], 0.0);
    assert_eq!(made["model.layers.3.self_attn.o_proj.weight"], 0.25);
    assert_eq!(made["model.layers.16.mlp.up_proj.weight"], 1.0);
    assert_eq!(made["model.layers.15.mlp.up_proj.weight"], 15.0 / 31.0);
    assert_eq!(made["model.layers.31.input_layernorm.weight"], 1.0);
}
