//! The semantic hash: every way to write one meaning has one hash, every other meaning has another, and recipes of one hash
//! give the same bytes.

use super::run::Place;
use super::run::build;
use super::run::root;
use blend::check::Settings;
use blend::compile;
use blend::compile::Disk;
use blend::diag::render;
use blend::hir::Literal;
use blend::normal::Normal;
use blend::normal::story;
use blend::syntax;
use blend::syntax::ast::ItemKind;
use blend::syntax::token::Kind;
use blend::text::Source;
use blend::text::SourceId;
use blend::text::Sources;
use proptest::prelude::*;
use std::collections::HashMap;
use std::path::Path;

#[track_caller]
fn normal_of(text: &str, base: &Path, sets: &[(&str, Literal)]) -> Normal {
    let mut sources = Sources::default();
    let id = sources.add("test.blend", text).id;
    let sets = sets.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
    let settings = Settings { sets, ..Settings::default() };
    let (normal, problems) = compile::normal(&mut sources, id, base, &settings, &Disk);
    normal
        .unwrap_or_else(|| panic!("{}\n{text}", render::render(&problems, &sources, render::Format::Human, false, 100)))
}

#[track_caller]
fn normal(text: &str) -> Normal {
    normal_of(text, Path::new("nowhere"), &[])
}

/// Three models that do not exist, and what follows.
fn recipe(rest: &str) -> String {
    format!("blend 1\nmodel a = \"a.safetensors\"\nmodel b = \"b.pkl\"\nmodel c = \"c\"\n{rest}\n")
}

fn output(value: &str) -> String {
    recipe(&format!("output \"o.safetensors\" = {value}"))
}

#[track_caller]
fn check_same(one: &str, other: &str) {
    let (one, other) = (normal(one), normal(other));
    assert_eq!(story::tell(&one), story::tell(&other));
    assert_eq!(one.digest(), other.digest());
}

#[track_caller]
fn check_different(one: &str, other: &str) {
    let (a, b) = (normal(one), normal(other));
    assert_ne!(a.digest(), b.digest(), "{one}\n{other}");
    assert_ne!(story::tell(&a), story::tell(&b), "what is hashed apart is told apart");
}

#[test]
fn one_meaning_in_many_words() {
    let same = |one: &str, other: &str| check_same(&recipe(one), &recipe(other));
    let out = "output \"o.safetensors\" = ";
    // Names, order, layout, comments, spelling of numbers.
    check_same(
        &output("mix(a, b, 0.5)"),
        "blend 1\n# Otherwise.\noutput   \"o.safetensors\" = mix(x,\n  y, 0.50) # half\n\nmodel y = 'b.pkl'\nmodel x = \"a.safetensors\"\n",
    );
    for number in
        ["0.50", "5e-1", "1 / 2", "0.25 * 2", "abs(-0.5)", "(0.5)", "if(true, 0.5, 1)", "match { else => 0.5 }"]
    {
        check_same(&output("mix(a, b, 0.5)"), &output(&format!("mix(a, b, {number})")));
    }
    // Values, functions, patterns, parameters, written out.
    same(
        &format!("let w = match {{ mapping => 0\n else => ramp(octave, 2, 6) }}\nlet m = mix(a, b, w)\n{out}m"),
        &format!("{out}mix(a, b, match {{ mapping => 0\n else => ramp(octave, 2, 6) }})"),
    );
    same(
        &format!("fn half(x, y, t = 0.5) = slerp(x, y, t)\n{out}half(a, half(b, c))"),
        &format!("{out}slerp(a, slerp(b, c, 0.5), 0.5)"),
    );
    same(
        &format!("pattern low = resolution ..16 and not torgb\n{out}match {{ low => a\n else => b }}"),
        &format!("{out}match {{ not torgb and resolution ..16 => a\n else => b }}"),
    );
    same(
        &format!("param edge = 32 in [8, 16, 32]\n{out}std.layer_swap(a, b, at = edge)"),
        &format!("{out}match {{ mapping => a\n resolution 32.. => b\n else => a }}"),
    );
    same(
        &format!("let s = slerp(a, b, 0.3)\n{out}s + 0.5 * (c - s)"),
        &format!("{out}slerp(a, b, 0.3) + 0.5 * (c - slerp(a, b, 0.3))"),
    );
    same("param name = \"x\"\noutput \"o-{name}.safetensors\" = a", "output \"./o-x.safetensors\" = a");
    // Linear parts.
    for value in [
        "0.75 * a + 0.25 * b",
        "mix(a, b, 0.25)",
        "linear(a { weight = 3 }, b { weight = 1 })",
        "(3 * a + b) / 4",
        "a + 0.25 * (b - a)",
    ] {
        check_same(&output("mix(a, b, 0.25)"), &output(value));
    }
    for value in ["a + 1 * (b - a)", "mix(a, b, 1)", "b + 0 * a", "slerp(a, b, 1)", "b - (c - c)"] {
        check_same(&output("b"), &output(value));
    }
    // Weights: what has no order.
    same(&format!("{out}mix(a, b, octave * 0.1 + depth)"), &format!("{out}mix(a, b, depth + 0.1 * octave)"));
    same(
        &format!("{out}match {{ conv or bias or conv => a\n resolution [4, 8..16] => b\n else => c }}"),
        &format!("{out}match {{ bias or conv => a\n resolution [8..16, 4..4] => b\n else => c }}"),
    );
    // Channels: sets.
    same(
        &format!("channels x = {{ \"b8.conv1\" = [1, 2, 5..9], \"b4.conv1\" = [0] }}\n{out}mix(a, b, x)"),
        &format!(
            "channels y = {{ \"b4.conv1\" = 0, \"b8.conv1\" = [7..9, 1..2, 5..8], mode = unit }}\n{out}mix(a, b, y)"
        ),
    );
    // Order of statements that are told; what nobody uses says nothing.
    same(
        &format!("{out}a\noutput \"p.safetensors\" = b\nassert finite(a)\nassert same(a, b) where bias"),
        &format!(
            "assert same(a, b) where bias\nassert finite(a)\nlet unused = a + b\noutput \"p.safetensors\" = b\n{out}a\nassert finite(a)"
        ),
    );
    same(&format!("{out}a {{ format = safetensors }}"), &format!("{out}a"));
    same(
        &format!("{out}a {{ dtype = f16 }}"),
        &format!("param kind = \"f16\"\n{out}a {{ dtype = kind, overflow = error }}"),
    );
}

#[test]
fn every_other_meaning_is_another() {
    let base = "match { mapping => a\n resolution ..16 => mix(a, b, 0.5)\n else => slerp(a, b, octave / 10) }";
    let values = [
        base,
        // Arms, their order, their patterns.
        "match { resolution ..16 => mix(a, b, 0.5)\n mapping => a\n else => slerp(a, b, octave / 10) }",
        "match { mapping => a\n resolution ..8 => mix(a, b, 0.5)\n else => slerp(a, b, octave / 10) }",
        "match { mapping => a\n resolution 16.. => mix(a, b, 0.5)\n else => slerp(a, b, octave / 10) }",
        "match { mapping => a\n octave ..16 => mix(a, b, 0.5)\n else => slerp(a, b, octave / 10) }",
        "match { not mapping => a\n resolution ..16 => mix(a, b, 0.5)\n else => slerp(a, b, octave / 10) }",
        "match { \"mapping\" => a\n resolution ..16 => mix(a, b, 0.5)\n else => slerp(a, b, octave / 10) }",
        "match { regex 'mapping' => a\n resolution ..16 => mix(a, b, 0.5)\n else => slerp(a, b, octave / 10) }",
        // Inputs, their order, numbers, functions, methods.
        "match { mapping => b\n resolution ..16 => mix(a, b, 0.5)\n else => slerp(a, b, octave / 10) }",
        "match { mapping => a\n resolution ..16 => mix(b, a, 0.5)\n else => slerp(a, b, octave / 10) }",
        "match { mapping => a\n resolution ..16 => mix(a, b, 0.5000001)\n else => slerp(a, b, octave / 10) }",
        "match { mapping => a\n resolution ..16 => slerp(a, b, 0.5)\n else => slerp(a, b, octave / 10) }",
        "match { mapping => a\n resolution ..16 => mix(a, b, 0.5)\n else => slerp(b, a, octave / 10) }",
        "match { mapping => a\n resolution ..16 => mix(a, b, 0.5)\n else => slerp(a, b, 10 / octave) }",
        "match { mapping => a\n resolution ..16 => mix(a, b, 0.5)\n else => slerp(a, b, depth / 10) }",
        "match { mapping => a\n resolution ..16 => mix(a, b, 0.5)\n else => mix(a, b, octave / 10) }",
        "match { mapping => a\n resolution ..16 => mix(a, b, 0.5)\n else => slerp(a, b, octave * 10) }",
        "match { mapping => a\n resolution ..16 => mix(a, b, 0.5)\n else => slerp(a, b, octave - 10) }",
        "mix(a, b, ramp(octave, 2, 6))",
        "mix(a, b, ramp(octave, 2, 5))",
        "mix(a, b, smoothstep(octave, 2, 6))",
        "mix(a, b, clamp(octave, 0, 1) where conv)",
        "mix(a, b, clamp(octave, 0, 1) where not conv)",
        "mix(a, b, curve(resolution, [4: 1, 32: 0.5]))",
        "mix(a, b, curve(resolution, [4: 1, 16: 0.5]))",
        "mix(a, b, gradient([1, 4, 0.5]))",
        "mix(a, b, gradient([4, 1, 0.5]))",
        "mix(a, b, if(octave > 3, 1, 0))",
        "mix(a, b, if(octave >= 3, 1, 0))",
        "mix(a, b, octave - depth)",
        "mix(a, b, depth - octave)",
        "complete(a, from = b)",
        "complete(b, from = a)",
        "rename(a, \"x.*\", \"y.$1\")",
        "rename(a, \"x.*\", \"z.$1\")",
        "(a where conv) + (b where not conv)",
        "a",
        "b",
        "c",
    ];
    let mut seen: HashMap<[u8; 32], &str> = HashMap::new();
    for value in values {
        let digest = *normal(&output(value)).digest().as_bytes();
        if let Some(other) = seen.insert(digest, value) {
            panic!("one hash of\n{value}\nand\n{other}");
        }
    }
    let out = "output \"o.safetensors\" = ";
    let different = |one: &str, other: &str| check_different(&recipe(one), &recipe(other));
    let plain = format!("{out}mix(a, b, 0.5)");
    for other in [
        "output \"p.safetensors\" = mix(a, b, 0.5)",
        "output \"o.safetensors\" = mix(a, b, 0.5) { dtype = f16 }",
        "output \"o.safetensors\" = mix(a, b, 0.5) { layout = rosinality }",
        "output \"o.safetensors\" = mix(a, b, 0.5) { overflow = inf }",
        "output \"o.safetensors\" = mix(a, b, 0.5) { shard_size = 1000 }",
        "output \"o.safetensors\" = mix(a, b, 0.5) { metadata = { x = \"1\" } }",
        "output \"o.safetensors\" = mix(a, b, 0.5) { format = pt }",
        "output \"o.safetensors\" = mix(a, b, 0.5)\noutput \"p.safetensors\" = a",
        "output \"o.safetensors\" = mix(a, b, 0.5)\nassert finite(a)",
    ] {
        different(&plain, other);
    }
    let claims = [
        "same(a, b)",
        "same(a, b) where conv",
        "same(a, b) where bias",
        "same(b, a)",
        "finite(a)",
        "finite(b)",
        "distance(a, b) <= 0.1",
        "distance(a, b) <= 0.2",
        "distance(a, b) >= 0.1",
        "cosine(a, b) >= 0.1",
        "finite(render(a))",
        "finite(render(a, seeds = 1))",
        "finite(render(a, psi = 0.5))",
        "finite(lowpass(render(a), 3))",
        "finite(highpass(render(a), 3))",
        "psnr(render(a), render(b)) >= 30",
        "ssim(render(a), render(b)) >= 30",
        "psnr(render(a), image(\"x.png\")) >= 30",
        "psnr(render(a), image(\"y.png\")) >= 30",
    ];
    for (at, one) in claims.iter().enumerate() {
        for other in &claims[..at] {
            different(&format!("{out}a\nassert {one}"), &format!("{out}a\nassert {other}"));
        }
    }
    // Options of models, and sets of channels.
    let model = |options: &str| format!("blend 1\nmodel a = \"a.pkl\"{options}\n{out}a\n");
    let options = [
        "",
        " { key = \"g\" }",
        " { key = \"h\" }",
        " { layout = rosinality }",
        " { add_prefix = \"g\" }",
        " { strip_prefix = \"g\" }",
    ];
    for (at, one) in options.iter().enumerate() {
        options[..at].iter().for_each(|other| check_different(&model(one), &model(other)));
    }
    check_different(&model(""), &model("").replace("a.pkl", "b.pkl"));
    let mask = |block: &str| format!("channels m = {block}\n{out}mix(a, b, m)");
    let masks = [
        "{ \"x\" = [1..3] }",
        "{ \"x\" = [1..4] }",
        "{ \"y\" = [1..3] }",
        "{ \"x\" = [1..3], mode = out }",
        "{ \"x\" = [1..3], axes = both }",
        "\"m.channels\" { part = \"eyes\" }",
        "\"m.channels\" { part = \"nose\" }",
        "\"n.channels\" { part = \"eyes\" }",
        "\"m.channels\" { part = \"eyes\", epsilon = 5 }",
        "\"m.channels\" { part = \"eyes\", top = 5 }",
        "\"m.channels\" { clusters = [1, 2] }",
    ];
    for (at, one) in masks.iter().enumerate() {
        masks[..at].iter().for_each(|other| different(&mask(one), &mask(other)));
    }
}

/// Sums of three and more models keep their order: another would round otherwise.
#[test]
fn what_rounds_otherwise_is_another_meaning() {
    for (one, other) in [
        ("0.2 * a + 0.3 * b + 0.5 * c", "0.5 * c + 0.2 * a + 0.3 * b"),
        ("(a + b + c) / 3", "a / 3 + b / 3 + c / 3"),
        ("0.5 * (0.3 * a + 0.7 * (b where bias))", "0.15 * a + 0.35 * (b where bias)"),
    ] {
        let shares = |text: &str| story::tell(&normal(&output(text)));
        if shares(one) == shares(other) {
            // The shares come to the same numbers: then that is no other meaning.
            assert!(one.contains("/ 3"), "{one}");
            continue;
        }
        check_different(&output(one), &output(other));
    }
}

#[test]
fn parameters_are_what_they_are_set_to() {
    let text = recipe("param w = 0.25 in 0..1\noutput \"o.safetensors\" = mix(a, b, w)");
    let at = |sets: &[(&str, Literal)]| normal_of(&text, Path::new(""), sets).digest();
    let plain = normal(&output("mix(a, b, 0.25)")).digest();
    assert_eq!(at(&[]), plain);
    assert_eq!(at(&[("w", Literal::Number(0.25))]), plain);
    assert_eq!(at(&[("w", Literal::Number(0.5))]), normal(&output("mix(a, b, 0.5)")).digest());
}

#[test]
fn imports_are_expanded_and_their_paths_seen_from_the_recipe() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    write(
        "lib/parts.blend",
        "blend 1\nuse \"more/curve.blend\" as curve { top = 6 }\nmodel x = \"../models/x.safetensors\"\nlet made = mix(x, x, curve.up)\n",
    );
    write("lib/more/curve.blend", "blend 1\nparam top = 5\nlet up = ramp(octave, 2, top)\n");
    let used = "blend 1\nuse \"lib/parts.blend\" as parts\noutput \"o.safetensors\" = parts.made\n";
    let plain =
        "blend 1\nmodel m = \"models/x.safetensors\"\noutput \"o.safetensors\" = mix(m, m, ramp(octave, 2, 6))\n";
    let of = |text: &str| normal_of(text, folder.path(), &[]);
    assert_eq!(story::tell(&of(used)), story::tell(&of(plain)));
    assert_eq!(of(used).digest(), of(plain).digest());
    // Where the recipe itself stands does not matter.
    assert_eq!(normal_of(plain, Path::new("/else/where"), &[]).digest(), of(plain).digest());
    write("lib/more/curve.blend", "blend 1\nparam top = 5\nlet up = ramp(octave, 3, top)\n");
    assert_ne!(of(used).digest(), of(plain).digest());
}

/// The hashes of the shipped recipes: they change with the versions of methods, the edition, and the hash itself, which
/// locks of users hold.
#[test]
fn shipped_hashes_stay() {
    let of = |name: &str| {
        let text = std::fs::read_to_string(root().join("recipes").join(name)).expect("a recipe");
        normal(&text).digest().to_hex()[..16].to_string()
    };
    let found: Vec<String> = ["stylegan2/ramp.blend", "stylegan2/three-models.blend", "llm/tasks.blend"].map(of).into();
    assert_eq!(found, HASHES);
}

const HASHES: [&str; 3] = ["0d574b7228d7419e", "064f6005b93acefc", "576c30e25c768b02"];

/// Recipes of one hash, however they are written, give the same tensors.
#[test]
fn one_hash_gives_the_same_bytes() {
    let place = Place::new();
    let head = "blend 1\nmodel a = \"../models/avatars-toon.safetensors\"\nmodel b = \"../models/avatars-ink.safetensors\"\nmodel c = \"../models/avatars-pixel.safetensors\"\n";
    let tensors = |value: &str| {
        let text = format!("{head}{value}\n");
        let out = build(&text, &place.here(), 2);
        (normal(&text).digest(), std::fs::read(&out[0]).expect("an output"))
    };
    let data = |bytes: &[u8]| {
        let len = u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")) as usize;
        blake3::hash(&bytes[8 + len..])
    };
    let groups: [&[&str]; 4] = [
        &["output \"o.safetensors\" = mix(a, b, 0.3)", "output \"o.safetensors\" = 0.7 * a + 0.3 * b"],
        &[
            "let s = slerp(a, b, 0.3)\noutput \"o.safetensors\" = s + 0.7 * (c - s)",
            "output \"o.safetensors\" = slerp(a, b, 0.3) + 0.7 * (c - slerp(a, b, 0.3))",
            "fn s(t) = slerp(a, b, t)\nlet d = c - s(0.3)\noutput \"o.safetensors\" = s(0.3) + 0.7 * d",
        ],
        &[
            "let w = ramp(octave, 2, 7)\noutput \"o.safetensors\" = match { mapping => a\n else => mix(b, c, w) }",
            "output \"o.safetensors\" = match { mapping => a\n else => mix(b, c, ramp(octave, 2, 7)) }",
        ],
        &[
            "output \"o.safetensors\" = match { bias or torgb => 0.1 * a + 0.9 * b\n else => c }",
            "pattern p = torgb or bias\noutput \"o.safetensors\" = match { p => mix(a, b, 0.9)\n else => c }",
        ],
    ];
    for group in groups {
        let (hash, bytes) = tensors(group[0]);
        for other in &group[1..] {
            let (other_hash, other_bytes) = tensors(other);
            assert_eq!(data(&other_bytes), data(&bytes), "{other}");
            // The other way holds where it is promised.
            if !other.starts_with("output \"o.safetensors\" = 0.7 *") && !group[0].contains("0.1 *") {
                assert_eq!(other_hash, hash, "{other}");
            }
        }
    }
}

/// Chooses by a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % count
    }
}

/// A recipe written otherwise: statements in another order, names changed, blanks and comments put in, numbers spelt
/// otherwise.
fn rewritten(text: &str, random: &mut Random) -> String {
    let source = Source::new(SourceId(0), "test.blend", text);
    let parsed = syntax::parse(&source);
    let mut names: HashMap<String, String> = HashMap::new();
    for item in &parsed.file.items {
        let name = match &item.kind {
            ItemKind::Model { name, .. }
            | ItemKind::Let { name, .. }
            | ItemKind::Param { name, .. }
            | ItemKind::Channels { name, .. }
            | ItemKind::Fn { name, .. }
            | ItemKind::Pattern { name, .. } => name,
            _ => continue,
        };
        let new = format!("n{}_{}", names.len(), random.below(1000));
        names.entry(name.text.clone()).or_insert(new);
    }
    let mut statements: Vec<String> = vec![];
    for item in &parsed.file.items {
        let inside =
            |token: &&syntax::token::Token| item.span.start <= token.span.start && token.span.end <= item.span.end;
        let mut out = String::new();
        let tokens: Vec<_> = parsed.tokens.iter().filter(inside).collect();
        for (at, token) in tokens.iter().enumerate() {
            let own = source.slice(token.span);
            // What follows a dot is of an import, and what an option is called stands before `=` inside.
            let after_dot = at > 0 && tokens[at - 1].kind == Kind::Dot;
            let next = tokens[at + 1..].iter().find(|token| !token.kind.is_trivia()).map(|token| token.kind);
            let is_option = at > 2 && next == Some(Kind::Assign);
            match token.kind {
                Kind::Word if !after_dot && !is_option && names.contains_key(own) => out.push_str(&names[own]),
                Kind::Number => match random.below(3) {
                    0 if !own.contains('e') => out.push_str(&format!("{own}e0")),
                    1 if own.contains('.') && !own.contains('e') => out.push_str(&format!("{own}00")),
                    _ => out.push_str(own),
                },
                Kind::Text => {
                    let mut filled = own.to_string();
                    for (old, new) in &names {
                        filled = filled.replace(&format!("{{{old}}}"), &format!("{{{new}}}"));
                    }
                    out.push_str(&filled);
                }
                Kind::Blank => out.push_str(["  ", " ", "   "][random.below(3)]),
                _ => out.push_str(own),
            }
        }
        statements.push(out);
    }
    for at in (1..statements.len()).rev() {
        statements.swap(at, random.below(at + 1));
    }
    let mut out = String::from("blend 1\n");
    for statement in statements {
        if random.below(3) == 0 {
            out.push_str("# A remark: let x = 1\n");
        }
        out.push_str(&statement);
        out.push_str(["\n", "\n\n", "  # why\n"][random.below(3)]);
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rewriting_keeps_the_hash(seed: u64) {
        let mut random = Random(seed);
        for name in ["layer-swap", "linear", "pinkney", "ramp", "three-models"] {
            let text = std::fs::read_to_string(root().join(format!("recipes/stylegan2/{name}.blend"))).expect("a recipe");
            let other = rewritten(&text, &mut random);
            prop_assert_ne!(&text, &other);
            prop_assert_eq!(story::tell(&normal(&text)), story::tell(&normal(&other)), "{}", other);
            prop_assert_eq!(normal(&text).digest(), normal(&other).digest());
        }
    }

    /// Another number anywhere in a value is another meaning.
    #[test]
    fn another_number_is_another_hash(seed: u64) {
        let mut random = Random(seed);
        let text = output("match {\n mapping => mix(a, b, 0.25)\n resolution 4..99 => slerp(a, b, 0.75 * octave)\n layer [2, 3] => 0.5 * a + 0.125 * b + 0.375 * c\n else => mix(a, b, curve(depth, [0: 0.1, 1: 0.9]))\n}");
        let numbers: Vec<(usize, usize)> = {
            let source = Source::new(SourceId(0), "test.blend", text.as_str());
            let parsed = syntax::parse(&source);
            let start = text.find("match").expect("a match");
            let numbers = parsed.tokens.iter().filter(|token| token.kind == Kind::Number && token.span.start as usize > start);
            numbers.map(|token| (token.span.start as usize, token.span.end as usize)).collect()
        };
        let (start, end) = numbers[random.below(numbers.len())];
        let other = format!("{}{}1{}", &text[..start], &text[start..end], &text[end..]);
        prop_assert_ne!(normal(&text).digest(), normal(&other).digest(), "{}", other);
    }
}

/// Deep and wide recipes cost neither stack nor time.
#[test]
fn large_recipes_are_hashed() {
    let worker = std::thread::Builder::new().stack_size(64 << 20).spawn(|| {
        let mut text = String::from("let x0 = a\n");
        for at in 1..200 {
            text.push_str(&format!("let x{at} = 0.5 * x{} + 0.5 * (b where layer {at}) + 0 * x{}\n", at - 1, at - 1));
        }
        let normal = normal(&recipe(&format!("{text}output \"o.safetensors\" = x199")));
        assert!(story::tell(&normal).len() < 1 << 20);
        // Each level is used twice by the next: told once.
        let mut text = String::from("let w0 = octave\n");
        for at in 1..200 {
            text.push_str(&format!("let w{at} = clamp(w{} * depth, w{}, 1)\n", at - 1, at - 1));
        }
        let normal = self::normal(&recipe(&format!("{text}output \"o.safetensors\" = mix(a, b, w199)")));
        assert!(story::tell(&normal).len() < 1 << 16);
    });
    worker.expect("a thread").join().expect("they are");
}
