//! What right recipes come to: effective shares, by hand from the language page.

use super::Case;
use crate::world::FakeWorld;
use blend::check::Settings;
use blend::diag::render::Format;
use blend::diag::render::render;
use blend::hir::Atom;
use blend::hir::ExprKind;
use blend::hir::Form;
use blend::hir::Literal;
use blend::hir::Metric;
use blend::hir::Recipe;
use std::time::Instant;

const TWO: &str =
    "blend 1\nmodel a = \"faces.safetensors\"\nmodel b = \"ink.safetensors\"\nmodel c = \"pixel.safetensors\"\n";
const WORDS: &str =
    "blend 1\nmodel a = \"llama.safetensors\"\nmodel b = \"math.safetensors\"\nmodel c = \"code.safetensors\"\n";

/// `0.25 a + 0.75 b`; a method call shows its inputs.
fn shown(form: &Form, recipe: &Recipe) -> String {
    let term = |(atom, share): &(Atom, blend::field::Weight)| {
        let what = match atom {
            Atom::Tensor { input, .. } => recipe.input(*input).name.to_string(),
            Atom::Call(call) => {
                let call = &recipe.calls[*call as usize];
                let inputs: Vec<String> = call.inputs.iter().map(|form| shown(form, recipe)).collect();
                format!("{}({})", call.method.name, inputs.join(", "))
            }
            Atom::Absent(_) => "nothing".into(),
        };
        if share.is(1.0) { what } else { format!("{share} {what}") }
    };
    form.terms.iter().map(term).collect::<Vec<_>>().join(" + ")
}

#[track_caller]
fn recipe(text: &str, settings: &Settings) -> Recipe {
    let (checked, sources) = FakeWorld::full().check_with(text, settings);
    let printed = render(&checked.problems, &sources, Format::Human, false, 100);
    assert!(checked.problems.is_empty(), "{text}\n{printed}");
    checked.recipe.expect("there is no problem")
}

/// The first output's tensors against pairs of a name and a sum.
#[track_caller]
fn check(text: &str, expected: &[(&str, &str)]) {
    check_with(text, &Settings::default(), expected);
}

#[track_caller]
fn check_with(text: &str, settings: &Settings, expected: &[(&str, &str)]) {
    let recipe = recipe(text, settings);
    for (name, sum) in expected {
        let made = recipe.outputs[0].tensors.iter().find(|made| &*made.name == *name);
        let found = made.map(|made| shown(&made.form, &recipe));
        assert_eq!(found.as_deref().unwrap_or("no such tensor"), *sum, "{name} of\n{text}");
    }
}

/// `mix(a, b, WEIGHT)` of two small generators; what is expected is the share of b.
#[track_caller]
fn weight(weight: &str, expected: &[(&str, f64)]) {
    let recipe = recipe(&format!("{TWO}output \"o.safetensors\" = mix(a, b, {weight})\n"), &Settings::default());
    for (name, share) in expected {
        let made = recipe.outputs[0].tensors.iter().find(|made| &*made.name == *name).expect("the tensor is there");
        let of_b = made.form.terms.iter().find_map(|(atom, share)| match atom {
            Atom::Tensor { input, .. } if &*recipe.input(*input).name == "b" => Some(share.clone()),
            _ => None,
        });
        assert_eq!(of_b.unwrap_or(blend::field::Weight::ZERO), (*share).into(), "{weight} at {name}");
    }
}

const W_AVG: &str = "mapping.w_avg";
const CONST: &str = "synthesis.b4.const";
const CONV4: &str = "synthesis.b4.conv1.weight";
const RGB4: &str = "synthesis.b4.torgb.weight";
const CONV8: &str = "synthesis.b8.conv0.weight";
const CONV16: &str = "synthesis.b16.conv1.weight";
const CONV32: &str = "synthesis.b32.conv0.weight";
const CONV64: &str = "synthesis.b64.conv1.weight";
const NOISE64: &str = "synthesis.b64.conv1.noise_const";
const FILTER: &str = "synthesis.b64.conv1.resample_filter";

#[test]
fn arithmetic_flattens() {
    for (value, sum) in [
        ("a", "a"),
        ("a + 1 * (b - a)", "b"),
        ("a + 0 * (b - a)", "a"),
        ("(a + b) / 2", "0.5 a + 0.5 b"),
        ("mix(a, b, 0.25)", "0.75 a + 0.25 b"),
        ("mix(b, a, 0.25)", "0.75 b + 0.25 a"),
        ("mix(mix(a, b, 0.5), c, 0.5)", "0.25 a + 0.25 b + 0.5 c"),
        ("a + 0.5 * (b - a) + 0.25 * (c - a)", "0.25 a + 0.5 b + 0.25 c"),
        ("-a + 2 * b", "-1 a + 2 b"),
        ("b - a + a", "b"),
        ("linear(a { weight = 3 }, b { weight = 1 })", "0.75 a + 0.25 b"),
        ("linear(a { weight = 0.75 }, b { weight = 0.25 }, normalize = false)", "0.75 a + 0.25 b"),
        ("if(2 > 1, a, b)", "a"),
        ("if(not (2 > 1 and 1 in [1, 3..5]), a, b)", "b"),
        ("slerp(a, mix(b, c, 0.5), 0.5)", "slerp(a, 0.5 b + 0.5 c)"),
        ("mix(slerp(a, b, 0.5), c, 0.5)", "0.5 slerp(a, b) + 0.5 c"),
        ("(a + b + c) / 3", "0.3333333333333333 a + 0.3333333333333333 b + 0.3333333333333333 c"),
    ] {
        check(&format!("{TWO}output \"o.safetensors\" = {value}\n"), &[(CONST, sum), (W_AVG, sum), (CONV64, sum)]);
    }
}

#[test]
fn weights_by_pattern() {
    let all = |value: f64| [(W_AVG, value), (CONST, value), (CONV64, value)];
    weight("match { mapping => 0.25  else => 0.5 }", &[(W_AVG, 0.25), (CONST, 0.5), (CONV64, 0.5)]);
    weight("match { resolution ..16 => 1  else => 0 }", &[(W_AVG, 0.0), (CONV16, 1.0), (CONV32, 0.0)]);
    weight("match { resolution 8..32 => 1  else => 0 }", &[(CONST, 0.0), (CONV8, 1.0), (CONV32, 1.0), (CONV64, 0.0)]);
    weight(
        "match { resolution [4, 32..] => 1  else => 0 }",
        &[(CONST, 1.0), (CONV8, 0.0), (CONV32, 1.0), (CONV64, 1.0)],
    );
    weight("match { resolution 4 => 1  else => 0 }", &[(RGB4, 1.0), (CONV8, 0.0)]);
    weight(
        "match { octave 5.. and not (torgb or noise) => 1  else => 0 }",
        &[(CONV32, 1.0), (NOISE64, 0.0), (CONV16, 0.0)],
    );
    weight("match { \"synthesis.b{4,8}.**\" => 1  else => 0 }", &[(CONST, 1.0), (CONV8, 1.0), (CONV16, 0.0)]);
    weight("match { \"synthesis.b{4..8}.conv?.weight\" => 1  else => 0 }", &[(CONV4, 1.0), (CONV8, 1.0), (CONST, 0.0)]);
    weight("match { \"**.weight\" => 1  else => 0 }", &[(CONV64, 1.0), (CONST, 0.0)]);
    weight("match { regex 'b(4|64)\\.conv' => 1  else => 0 }", &[(CONV4, 1.0), (CONV64, 1.0), (CONV8, 0.0)]);
    weight("match { affine and bias => 1  else => 0 }", &[("synthesis.b8.conv0.affine.bias", 1.0), (CONV8, 0.0)]);
    weight("match { filter or image => 0  maybe resolution 1024 => 1  else => 0.5 }", &[(NOISE64, 0.0), (CONST, 0.5)]);
    weight("0.5 where synthesis", &[(W_AVG, 0.0), (CONST, 0.5)]);
    weight("(0.5 where synthesis) + (0.25 where resolution 64..)", &[(W_AVG, 0.0), (CONST, 0.5), (CONV64, 0.75)]);
    weight("(1 where resolution 32..) * resolution / 64", &[(W_AVG, 0.0), (CONV16, 0.0), (CONV32, 0.5), (CONV64, 1.0)]);
    weight("(resolution / 64) where resolution 4..", &[(W_AVG, 0.0), (CONST, 0.0625), (CONV64, 1.0)]);
    weight(
        "match { mapping => 1  else => if(resolution > 16, 0.5, 0.25) }",
        &[(W_AVG, 1.0), (CONV16, 0.25), (CONV32, 0.5)],
    );
    weight("1", &all(1.0));
    weight("0", &all(0.0));
    // Within 1e-12 of 1 it is 1, and the other model is not read.
    weight("0.1 + 0.2 + 0.7", &all(1.0));
}

#[test]
fn functions_of_coordinates() {
    let on = |function: &str| format!("match {{ mapping => 0  else => {function} }}");
    weight(&on("step(resolution, 16)"), &[(CONV8, 0.0), (CONV16, 1.0), (CONV32, 1.0)]);
    weight(&on("ramp(octave, 2, 6)"), &[(CONST, 0.0), (CONV8, 0.25), (CONV16, 0.5), (CONV64, 1.0)]);
    weight(&on("smoothstep(octave, 2, 6)"), &[(CONST, 0.0), (CONV16, 0.5), (CONV8, 0.0625 * 2.5), (CONV64, 1.0)]);
    weight(&on("logistic(octave, 4, 1)"), &[(CONV16, 0.5)]);
    weight(
        &on("curve(resolution, [4: 1, 32: 0.5])"),
        &[(CONST, 1.0), (CONV32, 0.5), (CONV64, 0.5), (CONV16, 1.0 - 0.5 * 12.0 / 28.0)],
    );
    weight(&on("octaves([0, 0.1, 0.2, 0.3, 1])"), &[(CONST, 0.0), (CONV8, 0.1), (CONV32, 0.3), (CONV64, 1.0)]);
    // position: const 0, b4.conv1 1, conv0 2(k-2), conv1 and torgb 2(k-2)+1
    weight(
        &on("positions([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])"),
        &[(CONST, 0.0), (CONV4, 0.1), (RGB4, 0.1), (CONV8, 0.2), (CONV16, 0.5), (CONV32, 0.6), (CONV64, 0.9)],
    );
    weight(&on("min(1, max(0, octave - 4), 0.75)"), &[(CONST, 0.0), (CONV32, 0.75)]);
    weight(&on("clamp(octave / 4, 0.6, 1)"), &[(CONST, 0.6), (CONV8, 0.75), (CONV64, 1.0)]);
    weight(&on("abs(octave - 4) / 2"), &[(CONST, 1.0), (CONV16, 0.0), (CONV64, 1.0)]);
    weight(&on("sqrt(resolution) / 8"), &[(CONV16, 0.5), (CONV64, 1.0)]);
    weight(&on("log2(resolution) / 8"), &[(CONV16, 0.5), (CONV64, 0.75)]);
    weight(&on("exp(0) - 0.5"), &[(CONV16, 0.5)]);
}

#[test]
fn depth_of_language_models() {
    let text = format!("{WORDS}let w = gradient([0, 0.3, 1]) where depth 0..\noutput \"o\" = mix(a, b, w)\n");
    // Four layers: depth 0, 1/3, 2/3, 1; between the items at 0, 0.5 and 1.
    check(
        &text,
        &[
            ("model.embed_tokens.weight", "a"),
            ("model.layers.0.mlp.up_proj.weight", "a"),
            ("model.layers.1.mlp.up_proj.weight", "0.8 a + 0.19999999999999998 b"),
            ("model.layers.3.self_attn.q_proj.weight", "b"),
        ],
    );
    let text = format!(
        "{WORDS}output \"o\" = match {{\n  layer ..1 and attention => a\n  layer [2, 3] => mix(a, c, 0.5)\n  embed or head => b\n  else => c\n}}\n"
    );
    check(
        &text,
        &[
            ("model.layers.1.self_attn.k_proj.weight", "a"),
            ("model.layers.1.mlp.gate_proj.weight", "c"),
            ("model.layers.2.mlp.gate_proj.weight", "0.5 a + 0.5 c"),
            ("model.embed_tokens.weight", "b"),
            ("lm_head.weight", "b"),
            ("model.norm.weight", "c"),
        ],
    );
}

#[test]
fn names_functions_and_patterns() {
    let out = "output \"o.safetensors\" = mix(a, b, w)\n";
    check(
        &format!(
            "{out_first}{TWO_REST}",
            out_first =
                "blend 1\noutput \"o.safetensors\" = mix(a, b, w)\nlet w = half(0.5)\nfn half(x, by = 2) = x / by\n",
            TWO_REST = &TWO[8..]
        ),
        &[(CONST, "0.75 a + 0.25 b")],
    );
    check(&format!("{TWO}fn f(x, y = x * 2) = x + y\nlet w = f(0.25)\n{out}"), &[(CONST, "0.25 a + 0.75 b")]);
    check(&format!("{TWO}fn f(x, y = x * 2) = x + y\nlet w = f(y = 0.5, x = 0)\n{out}"), &[(CONST, "0.5 a + 0.5 b")]);
    check(
        &format!("{TWO}pattern low = resolution ..16 and not torgb\nlet w = 0.5 where low\n{out}"),
        &[(CONST, "0.5 a + 0.5 b"), (RGB4, "a")],
    );
    // A model may be called as a word of the architecture, and a method as a model.
    check(
        "blend 1\nmodel mapping = \"faces.safetensors\"\nmodel mix = \"ink.safetensors\"\noutput \"o.safetensors\" = mix(mapping, mix, 0.5 where mapping)\n",
        &[(W_AVG, "0.5 mapping + 0.5 mix"), (CONST, "mapping")],
    );
    // A function of one's own comes before a method.
    check(&format!("{TWO}fn mix(x, y, w) = x\nlet w = 1\n{out}"), &[(CONST, "a")]);
    // A function on models.
    check(
        &format!(
            "{TWO}fn add(x, from, to, s = 1) = x + s * (to - from)\nlet w = 0\noutput \"o.safetensors\" = add(a, b, c, 0.5)\n"
        ),
        &[(CONST, "a + 0.5 c + -0.5 b")],
    );
}

#[test]
fn parameters() {
    let text = format!(
        "{TWO}param strength = 0.5 in 0..1\nparam edge = 16 in [8, 16]\nparam kind = \"soft\"\nparam on = true\noutput \"o-{{strength}}-{{kind}}.safetensors\" = if(on, mix(a, b, strength where resolution 4..edge), c)\n"
    );
    check(&text, &[(CONST, "0.5 a + 0.5 b"), (CONV16, "0.5 a + 0.5 b"), (CONV32, "a")]);
    let set = |name: &str, value: Literal| (name.to_string(), value);
    let settings = Settings {
        sets: vec![set("strength", Literal::Number(1.0)), set("edge", Literal::Number(8.0))],
        ..Settings::default()
    };
    check_with(&text, &settings, &[(CONST, "b"), (CONV16, "a")]);
    let settings = Settings { sets: vec![set("on", Literal::Bool(false))], ..Settings::default() };
    check_with(&text, &settings, &[(CONST, "c")]);
    assert_eq!(recipe(&text, &Settings::default()).outputs[0].written, "o-0.5-soft.safetensors");
}

#[test]
fn used_recipes() {
    let used = |block: &str| {
        format!("{TWO}use \"curves.blend\" as curves{block}\noutput \"o.safetensors\" = mix(a, b, curves.coarse)\n")
    };
    check(&used(""), &[(W_AVG, "a"), (CONV16, "b"), (CONV32, "a")]);
    check(&used(" { edge = 32 }"), &[(W_AVG, "a"), (CONV32, "b"), (CONV64, "a")]);
    check(
        &format!("{TWO}use \"curves.blend\" as curves\noutput \"o.safetensors\" = mix(a, b, curves.between(0, 10))\n"),
        &[(CONST, "a"), (CONV16, "0.5 a + 0.5 b")],
    );
    check(
        &format!("{TWO}use \"curves.blend\" as curves\noutput \"o.safetensors\" = mix(a, b, 1 where curves.low)\n"),
        &[(W_AVG, "a"), (CONV16, "b"), (CONV32, "a")],
    );
    check(
        &format!(
            "{TWO}param e = 8\nuse \"curves.blend\" as curves {{ edge = e }}\noutput \"o.safetensors\" = mix(a, b, curves.coarse)\n"
        ),
        &[(CONV8, "b"), (CONV16, "a")],
    );
}

#[test]
fn statements_stand_in_any_order() {
    let out = "output \"o.safetensors\" = mix(a, b, w)\n";
    check(&format!("{TWO}param w = 0.5 in 0..most\n{out}param most = 1\n"), &[(CONST, "0.5 a + 0.5 b")]);
    check(
        &format!(
            "{TWO}use \"curves.blend\" as late {{ edge = e }}\nlet e = early.edge / 2\nlet w = late.coarse\n{out}use \"curves.blend\" as early {{ edge = 32 }}\n"
        ),
        &[(CONV16, "b"), (CONV32, "a")],
    );
}

/// An arm that one use of a recipe leaves empty is not dead when another takes it.
#[test]
fn arms_of_used_recipes_are_counted_once() {
    check(
        &format!(
            "{TWO}use \"curves.blend\" as x\nuse \"curves.blend\" as y\noutput \"o.safetensors\" = mix(a, b, x.coarse where mapping)\noutput \"p.safetensors\" = mix(a, b, y.coarse where not mapping)\n"
        ),
        &[(W_AVG, "a")],
    );
}

/// A recipe terminates, however often recipes use recipes.
#[test]
fn uses_that_double_are_told() {
    let mut case = Case::new("blend 1\nuse \"u0.blend\" as x\n");
    for at in 0..40 {
        let next = at + 1;
        let text = format!("blend 1\nuse \"u{next}.blend\" as x\nuse \"u{next}.blend\" as y\nlet w = 1\n");
        case.recipes.insert(format!("u{at}.blend"), text);
    }
    case.recipes.insert("u40.blend".into(), "blend 1\nlet w = 1\n".into());
    let codes: Vec<&str> = case.run().problems.iter().map(|problem| problem.code.0).collect();
    assert_eq!(codes, ["E0310"]);
}

#[test]
fn a_range_that_a_parameter_turns_is_empty() {
    let text = |edge: u32| {
        format!(
            "{TWO}param edge = {edge}\noutput \"o.safetensors\" = mix(a, b, match {{ resolution 16..edge => 1  else => 0 }})\n"
        )
    };
    check(&text(8), &[(CONV8, "a"), (CONV16, "a")]);
    check(&text(32), &[(CONV8, "a"), (CONV16, "b")]);
}

#[test]
fn methods_ask_what_counts() {
    let sizes = "blend 1\nmodel small = \"small.safetensors\"\nmodel big = \"big.safetensors\"\n";
    let high = "synthesis.b512.conv1.weight";
    check(
        &format!("{sizes}output \"o.safetensors\" = slerp(big, small, 0.5 where resolution ..64)\n"),
        &[(CONST, "slerp(big, small)"), (high, "big"), (W_AVG, "big")],
    );
    check(
        &format!("{sizes}output \"o.safetensors\" = slerp(small, big, match {{ resolution ..64 => 0  else => 1 }})\n"),
        &[(CONST, "small"), (high, "big")],
    );
}

#[test]
fn the_library() {
    check(
        &format!("{TWO}output \"o.safetensors\" = layer_swap(a, b)\n"),
        &[(W_AVG, "a"), (CONV16, "a"), (CONV32, "b"), (NOISE64, "b")],
    );
    check(
        &format!("{TWO}output \"o.safetensors\" = std.layer_swap(a, b, at = 16, mapping = c)\n"),
        &[(W_AVG, "c"), (CONV8, "a"), (CONV16, "b")],
    );
    // A name of one's own before the library's.
    check(
        &format!("{TWO}fn paper(x) = 0.5\noutput \"o.safetensors\" = mix(a, b, paper(1))\n"),
        &[(W_AVG, "0.5 a + 0.5 b")],
    );
    check(
        &format!("{TWO}output \"o.safetensors\" = mix(a, b, paper(16))\n"),
        &[(W_AVG, "a"), (CONV16, "a"), (CONV32, "b"), (FILTER, "a")],
    );
}

#[test]
fn key_sets() {
    let sizes = "blend 1\nmodel small = \"small.safetensors\"\nmodel big = \"big.safetensors\"\n";
    let (low, high) = ("synthesis.b256.conv1.weight", "synthesis.b512.conv1.weight");
    check(
        &format!(
            "{sizes}output \"o.safetensors\" = match {{ mapping or resolution ..64 => mix(small, big, 0.5)  else => big }}\n"
        ),
        &[(W_AVG, "0.5 small + 0.5 big"), (low, "big"), (high, "big"), (CONV64, "0.5 small + 0.5 big")],
    );
    check(
        &format!(
            "{sizes}output \"o.safetensors\" = complete(mix(small, big, 0.5) where resolution ..256, from = big)\n"
        ),
        &[(low, "0.5 small + 0.5 big"), (high, "big"), (W_AVG, "big")],
    );
    check(
        &format!("{sizes}output \"o.safetensors\" = mix(complete(small, from = big), big, 0.5)\n"),
        &[(low, "0.5 small + 0.5 big"), (high, "big")],
    );
    check(
        &format!("{sizes}output \"o.safetensors\" = big + (0.5 where resolution ..256) * (small - big)\n"),
        &[(low, "0.5 big + 0.5 small"), (high, "big")],
    );
    // A share of 0 needs no tensor.
    check(&format!("{sizes}output \"o.safetensors\" = mix(big, small, 0)\n"), &[(high, "big")]);
    // A baked part needs only its prefix.
    check(
        "blend 1\nmodel a = \"unet.safetensors\"\nmodel v = \"vae.safetensors\" { add_prefix = \"vae.\" }\noutput \"o.safetensors\" = match { \"vae.**\" => v  else => a }\n",
        &[("vae.decoder.weight", "v"), ("model.weight", "a")],
    );
    check(
        "blend 1\nmodel a = \"unet.safetensors\"\nmodel v = \"vae.safetensors\"\noutput \"o.safetensors\" = complete(rename(v, \"**\", \"vae.$1\"), from = a)\n",
        &[("vae.decoder.weight", "v"), ("model.weight", "a")],
    );
    check(
        "blend 1\nmodel a = \"unet.safetensors\" { strip_prefix = \"vae.\" }\nmodel v = \"vae.safetensors\"\noutput \"o.safetensors\" = v + 0.5 * (match { \"decoder.**\" => a - v } where \"decoder.**\")\n",
        &[("decoder.weight", "0.5 v + 0.5 a")],
    );
    // Two namings of one network mix; what one lacks is completed.
    check(
        "blend 1\nmodel t = \"toon.pt\"\nmodel a = \"faces.safetensors\"\noutput \"o.safetensors\" = mix(a, complete(t, from = a), 0.5)\n",
        &[(CONST, "0.5 a + 0.5 t"), (W_AVG, "a")],
    );
}

#[test]
fn types_and_options() {
    let text = format!(
        "{TWO}output \"o\" = a {{\n  dtype = match {{ mapping => f32  else => f16 }},\n  shard_size = \"5GB\",\n  overflow = saturate,\n  layout = \"rosinality\",\n  metadata = {{ author = \"me\", \"x.y\" = 2 }},\n}}\n"
    );
    let recipe = recipe(&text, &Settings::default());
    let output = &recipe.outputs[0];
    let dtype = |name: &str| output.tensors.iter().find(|made| &*made.name == name).expect("it is there").dtype.name();
    assert_eq!((dtype(W_AVG), dtype(CONST)), ("f32", "f16"));
    assert_eq!(output.shard_size, Some(5_000_000_000));
    assert_eq!(output.metadata, [("author".to_string(), "me".to_string()), ("x.y".to_string(), "2".to_string())]);
    assert_eq!(&*output.layout, "rosinality");
    assert_eq!(output.overflow, blend::hir::Overflow::Saturate);
}

#[test]
fn mixed_types_become_f32_and_bits_stay() {
    let text = "blend 1\nmodel a = \"plain.safetensors\"\nmodel h = \"half.safetensors\"\noutput \"o.safetensors\" = match { \"head\" => h  \"enc.0.*\" => mix(h, h, 0.5)  else => mix(a, h, 0.5) }\n";
    let recipe = recipe(text, &Settings::default());
    let dtype = |name: &str| {
        recipe.outputs[0].tensors.iter().find(|made| &*made.name == name).expect("it is there").dtype.name()
    };
    assert_eq!((dtype("head"), dtype("enc.0.weight"), dtype("enc.1.weight")), ("f16", "f16", "f32"));
}

#[test]
fn integers_come_from_one_model() {
    let text = "blend 1\nmodel a = \"counted.safetensors\"\nmodel b = \"counted2.safetensors\"\noutput \"o.safetensors\" = match { \"**.num_batches_tracked\" => b  else => mix(a, b, 0.5) }\n";
    check(text, &[("bn.weight", "0.5 a + 0.5 b"), ("bn.num_batches_tracked", "b"), ("ids", "a")]);
    let recipe = recipe(text, &Settings::default());
    let ids = recipe.outputs[0].tensors.iter().find(|made| &*made.name == "ids").expect("it is there");
    assert_eq!(ids.equal.len(), 1, "b must hold the same values");
}

#[test]
fn claims() {
    let text = format!(
        "{TWO}let m = layer_swap(a, b)\noutput \"o.safetensors\" = m {{ dtype = f16 }}\nassert finite(m)\nassert same(m, a) where resolution ..16\nassert distance(m, a) <= 0.5 + 0.1 and cosine(m, b) > -1\nassert not same(a, b)\nassert distance(b - a, c - a) in 0..2 where synthesis\n"
    );
    let recipe = recipe(&text, &Settings::default());
    assert_eq!(recipe.claims.len(), 5);
    assert_eq!(recipe.measured.len(), 6);
    assert_eq!(recipe.claims[1].text, "same(m, a) where resolution ..16");
    // 27 tensors of b4, b8 and b16: const, 3 filters, 5 convolutions of 7 and 3 torgb of 4.
    assert_eq!(recipe.measured[1].args[0].len(), 1 + 3 + 5 * 7 + 3 * 4);
    // Judged as written.
    assert!(recipe.measured[1].args.iter().flatten().all(|made| made.dtype.name() == "f16"));
}

/// A function in two claims measures what each is about; conditions are settled before the build.
#[test]
fn claims_of_functions_and_choices() {
    let text = format!(
        "{TWO}param strict = true\nlet x = a\nlet y = b\nfn alike(p, q) = same(p, q)\nassert alike(x, y) where mapping\nassert alike(x, y) where resolution 64\nassert if(strict, finite(x), same(x, y))\nassert distance(x, y) in if(strict, 0..1, 0..2)\nassert strict or finite(y)\nassert 1 in [1, 2] and strict == true\n"
    );
    let recipe = recipe(&text, &Settings::default());
    assert_eq!(recipe.claims.len(), 6);
    let about: Vec<(&str, usize, &str)> = recipe
        .measured
        .iter()
        .map(|measured| (measured.metric.name(), measured.args[0].len(), &*measured.args[0][0].name))
        .collect();
    // 4 layers of the mapping network and w_avg; b64 has a filter, 2 convolutions of 7 tensors and a torgb of 4.
    let of = |name: &str| about.iter().filter(|row| row.0 == name).map(|row| row.1).collect::<Vec<_>>();
    assert_eq!(of("same"), [9, 1 + 2 * 7 + 4]);
    assert_eq!((of("finite").len(), of("distance").len()), (2, 1));
    let kind = |at: usize| recipe.expr(recipe.claims[at].expr).kind.clone();
    assert!(matches!(kind(2), ExprKind::Metric { metric: Metric::Finite, .. }));
    assert!(matches!(kind(5), ExprKind::Bool(true)));
}

#[test]
fn only_and_output() {
    let text = format!("{TWO}output \"x/one.safetensors\" = a\noutput \"two\" = b\n");
    let settings =
        Settings { only: vec!["two".into()], output: Some("elsewhere.safetensors".into()), ..Settings::default() };
    let recipe = recipe(&text, &settings);
    assert_eq!(recipe.outputs.len(), 1);
    assert_eq!(recipe.outputs[0].written, "two");
    assert_eq!(recipe.outputs[0].path.to_str(), Some("elsewhere.safetensors"));
}

/// A recipe of a thousand lines: values on values, a long match, functions.
pub fn thousand_lines() -> String {
    let mut text = String::from(TWO);
    text.push_str("fn soft(x, at, width = 1) = logistic(x, at, width)\nlet w = match {\n");
    for layer in ["conv0", "conv1", "torgb"] {
        for r in [4, 8, 16, 32, 64] {
            text.push_str(&format!("  maybe {layer} and resolution {r} and weight => 0.{r}\n"));
        }
    }
    text.push_str("  else => 0.5\n}\nlet x0 = a\n");
    for i in 1..950 {
        text.push_str(&format!(
            "let x{i} = mix(x{}, b, (soft(position, {}) where position 0..) * 0.01) # line {i}\n",
            i.max(5) - 5,
            i % 7
        ));
    }
    text.push_str("output \"o.safetensors\" = mix(x949, c, w)\n");
    text
}

#[test]
fn a_thousand_lines_check_quickly() {
    let text = thousand_lines();
    assert!(text.lines().count() > 950);
    let world = FakeWorld::full();
    let start = Instant::now();
    let (checked, _) = world.check(&text);
    assert!(checked.recipe.is_some());
    // A guard against hanging only: `tests/bench/check.rs` measures (50 ms in a release build is the aim).
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

#[test]
fn deep_recipes_are_told_not_crashed() {
    let chain = |count: usize, turned: bool| {
        let mut lets: Vec<String> = (1..count).map(|i| format!("let x{i} = mix(x{}, b, 0.01)\n", i - 1)).collect();
        if turned {
            lets.reverse();
        }
        format!("{TWO}let x0 = a\n{}output \"o.safetensors\" = x{}\n", lets.concat(), count - 1)
    };
    let sum = |count: usize| format!("{TWO}output \"o.safetensors\" = a{}\n", " + 0.1 * (b - a)".repeat(count));
    let codes = |text: &str| Case::new(text).run().problems.iter().map(|problem| problem.code.0).collect::<Vec<_>>();
    assert!(codes(&chain(2_000, false)).is_empty());
    assert_eq!(codes(&chain(5_000, false)), ["E0310"]);
    assert_eq!(codes(&chain(5_000, true)), ["E0310"]);
    assert!(codes(&sum(900)).is_empty());
    assert_eq!(codes(&sum(5_000)), ["E0108"]);
    let functions: String = (1..2_000).map(|i| format!("fn f{i}(x) = f{}(x) + 0.1\n", i - 1)).collect();
    let text = format!("{TWO}fn f0(x) = x\n{functions}output \"o.safetensors\" = mix(a, b, f1999(0))\n");
    assert_eq!(codes(&text), ["E0310"]);
}

/// Calls in calls share theirs: each is looked at once, not once per path to it (here 2⁵⁹ of them).
#[test]
fn nested_calls_check_quickly() {
    let calls: String = (1..60).map(|i| format!("let x{i} = slerp(x{0}, mix(x{0}, b, 0.1), 0.3)\n", i - 1)).collect();
    for (value, codes) in [("x59", &[][..]), ("match { w_avg => x59  else => a }", &["W0409"])] {
        let start = Instant::now();
        let text = format!("{TWO}let x0 = a\n{calls}output \"o.safetensors\" = {value}\n");
        let problems = Case::new(&text).run().problems;
        let found: Vec<&str> = problems.iter().map(|problem| problem.code.0).collect();
        assert_eq!(found, codes, "{value}");
        assert!(problems.iter().all(|problem| problem.message.len() < 300), "{value}");
        // A guard against hanging only.
        assert!(start.elapsed().as_secs() < 60, "{value}: {:?}", start.elapsed());
    }
}

/// What stands before the output, the weight of b, and the shares of b by mean and channels.
#[track_caller]
fn masked(statements: &str, weight: &str, expected: &[(&str, &str)]) {
    let text = format!("{TWO}{statements}\noutput \"o.safetensors\" = mix(a, b, {weight})\n");
    let recipe = recipe(&text, &Settings::default());
    for (name, share) in expected {
        let made = recipe.outputs[0].tensors.iter().find(|made| &*made.name == *name).expect("the tensor is there");
        let of_b = made.form.terms.iter().find_map(|(atom, share)| match atom {
            Atom::Tensor { input, .. } if &*recipe.input(*input).name == "b" => Some(share.to_string()),
            _ => None,
        });
        assert_eq!(of_b.as_deref().unwrap_or("0"), *share, "{name} of\n{text}");
        let total = made.form.terms.iter().map(|term| term.1.mean()).sum::<f64>();
        assert!((total - 1.0).abs() < 1e-12, "{name}: {total}");
    }
}

#[test]
fn channel_weights() {
    let half = "channels some = { \"b32.conv1\" = [0..31] }";
    let conv1 = "synthesis.b32.conv1.weight";
    let (bias, style) = ("synthesis.b32.conv1.bias", "synthesis.b64.conv0.affine.weight");
    let (next, torgb) = ("synthesis.b64.conv0.weight", "synthesis.b32.torgb.weight");
    let of = "0..1 by channel (mean 0.5)";
    masked(half, "some", &[(conv1, of), (bias, of), (style, of), (next, of), (torgb, of), ("mapping.w_avg", "0")]);
    let with = |options: &str| format!("channels some = {{ \"b32.conv1\" = [0..31], {options} }}");
    masked(&with("mode = out"), "some", &[(conv1, of), (bias, of), (style, "0"), (next, "0")]);
    masked(&with("mode = \"in\""), "some", &[(conv1, "0"), (style, of), (next, of), (torgb, of)]);
    masked(&with("mode = style"), "some", &[(conv1, "0"), (style, of), (next, "0")]);
    // Weights of all kinds, channel by channel.
    masked(half, "0.5 * some", &[(bias, "0..0.5 by channel (mean 0.25)")]);
    masked(half, "1 - some", &[(bias, of), ("mapping.w_avg", "1")]);
    masked(half, "clamp(some + 0.25, 0, 1)", &[(bias, "0.25..1 by channel (mean 0.625)")]);
    masked(half, "some * some / 2 - -some / 2", &[(bias, of)]);
    masked(half, "some * smoothstep(octave, 3, 5)", &[(bias, of), ("synthesis.b4.conv1.bias", "0")]);
    masked(half, "max(some, 1 - some)", &[(bias, "1"), (conv1, "1")]);
    masked(half, "some where not affine", &[(bias, of), (style, "0")]);
    // Two spaces meet in one tensor.
    let two =
        |axes: &str| format!("channels some = {{ \"b32.conv0\" = [0..15], \"b32.conv1\" = [0..31], axes = {axes} }}");
    masked(&two("either"), "some", &[(conv1, "0..1 by channel (mean 0.625)")]);
    masked(&two("both"), "some", &[(conv1, "0..1 by channel (mean 0.125)")]);
    masked(&two("mean"), "some", &[(conv1, "0..1 by channel (mean 0.375)")]);
    masked(&two("out"), "some", &[(conv1, of)]);
    // A catalogue: the even channels of 64.
    let file = |options: &str| format!("channels some = \"faces.channels\" {{ {options} }}");
    masked(&file("part = \"eyes\", epsilon = 50"), "some", &[(bias, of)]);
    masked(&file("clusters = [0, 1], epsilon = 50"), "some", &[(bias, "1")]);
    masked(&file("part = \"hair\", top = 16"), "some", &[(bias, "0..1 by channel (mean 0.25)")]);
    masked(&file("part = \"eyes\", soft = true"), "some", &[(bias, of)]);
}

#[test]
fn channels_of_language_models() {
    let check = |set: &str, expected: &[(&str, &str)]| {
        let text = format!("{WORDS}channels some = {set}\noutput \"o.safetensors\" = mix(a, b, some)\n");
        let recipe = recipe(&text, &Settings::default());
        for (name, share) in expected {
            let made = recipe.outputs[0].tensors.iter().find(|made| &*made.name == *name).expect("the tensor is there");
            let of_b = made.form.terms.get(1).map_or("0".into(), |term| term.1.to_string());
            assert_eq!(of_b, *share, "{name} of {set}");
        }
    };
    let of = "0..1 by channel (mean 0.5)";
    let (gate, down) = ("model.layers.1.mlp.gate_proj.weight", "model.layers.1.mlp.down_proj.weight");
    check("{ \"L1.mlp\" = [0..79] }", &[(gate, of), (down, of), ("model.layers.2.mlp.up_proj.weight", "0")]);
    check("{ \"L1.mlp\" = [0..79], mode = out }", &[(gate, of), (down, "0")]);
    let (q, o) = ("model.layers.0.self_attn.q_proj.weight", "model.layers.0.self_attn.o_proj.weight");
    check("{ \"L0.q\" = [0..31] }", &[(q, of), (o, of)]);
    let norm = "model.layers.0.input_layernorm.weight";
    check("{ hidden = [0..31], mode = style }", &[(norm, of), (q, "0")]);
}

/// Heads of 16 rows, where a file beside the checkpoint tells it.
#[test]
fn heads_are_channels() {
    let text = "blend 1\nmodel a = \"told.pth\"\nmodel b = \"told.pth\"\nchannels some = { \"L0.head\" = [0, 3] }\n\
                output \"o.safetensors\" = mix(a, b, some) { layout = huggingface }\n";
    let recipe = recipe(text, &Settings::default());
    let named = |name: &str| {
        let made = recipe.outputs[0].tensors.iter().find(|made| &*made.name == name).expect("the tensor is there");
        made.form.terms.get(1).map_or("0".into(), |term| term.1.to_string())
    };
    let of = "0..1 by channel (mean 0.5)";
    assert_eq!(named("model.layers.0.self_attn.q_proj.weight"), of);
    assert_eq!(named("model.layers.0.self_attn.o_proj.weight"), of);
    assert_eq!(named("model.layers.1.self_attn.q_proj.weight"), "0");
}
