//! What two recipes mean differently: what counts, what does not, and how it is told.

use super::run;
use super::run::Place;
use super::world::FakeWorld;
use super::world::llama;
use blend::check::Settings;
use blend::diff;
use blend::diff::Changes;
use blend::diff::Look;

const HEAD: &str =
    "blend 1\nmodel toon = \"../models/avatars-toon.safetensors\"\nmodel ink = \"../models/avatars-ink.safetensors\"\n";

fn changes(before: &str, after: &str) -> Changes {
    let place = Place::new();
    let compiled = |text: &str| {
        let whole = if text.starts_with("blend") { text.to_string() } else { format!("{HEAD}{text}") };
        run::compile(&whole, &place.here(), &Settings::default()).unwrap_or_else(|shown| panic!("{shown}")).0
    };
    diff::recipes(&compiled(before).recipe, &compiled(after).recipe)
}

const BEFORE: &str = "
param edge = 32 in [16, 32]
let share = match {
  mapping => 0
  resolution 16 => 0.3
  else => 0.5
}
let mixed = mix(toon, ink, share)
output \"o.safetensors\" = mixed
assert finite(mixed)
assert distance(mixed, toon) <= 0.9
assert same(mixed, toon) where mapping
";

/// `BEFORE` with one text in the place of another.
fn with(old: &str, new: &str) -> String {
    assert!(BEFORE.contains(old), "{old}");
    BEFORE.replace(old, new)
}

#[track_caller]
fn check(after: &str, expected: &str) {
    let changes = changes(BEFORE, after);
    let shown = diff::show(&changes, Look { blocks: true, color: false, width: 100 });
    let shown: String =
        shown.lines().filter(|line| !line.contains("unchanged")).map(|line| format!("{}\n", line.trim_end())).collect();
    let told = shown.split("        ").next().unwrap_or("").trim_end().to_string() + "\n";
    let told: String = told.lines().filter(|line| !line.trim().is_empty()).map(|line| format!("{line}\n")).collect();
    assert_eq!(told, expected);
    let json = diff::json(&changes);
    assert_eq!(json["same"], changes.is_same());
    assert_eq!(changes.is_same(), expected == "same meaning\n");
}

#[test]
fn what_means_the_same_is_no_change() {
    let same = "same meaning\n";
    check(BEFORE, same);
    check(&with("0.3", "0.30"), same);
    check(&with("0.3", "1 - 0.7"), same);
    check(&with("\nlet share", "\n# why\n\nlet share"), same);
    check(&BEFORE.replace("share", "weight").replace("mixed", "result"), same);
    check(&with("mix(toon, ink, share)", "toon + share * (ink - toon)"), same);
    check(&with("mix(toon, ink, share)", "mix(ink, toon, 1 - share)"), same);
    check(&with("else => 0.5", "maybe \"no.such.*\" => 7 resolution 4..8 => 0.5 else => 0.5"), same);
    check(&with("distance(mixed, toon) <= 0.9", "distance(mix(toon, ink, share), toon) <= 1 - 0.1"), same);
    let renamed = format!("{HEAD}{BEFORE}").replace("toon", "cartoon").replace("avatars-cartoon", "avatars-toon");
    check(&renamed, same);
    let (head, claims) = BEFORE.split_once("assert").expect("claims");
    check(&format!("blend 1\nassert{claims}{head}{}", &HEAD[8..]), same);
}

#[test]
fn changes_are_told_where_they_are() {
    check(
        &with("resolution 16 => 0.3", "resolution 16 => 0.5"),
        "output o.safetensors\n  resolution 16: ink 0.3 → 0.5 (16 tensors)\n",
    );
    check(
        &with("resolution 16 => 0.3", "resolution 16 and (conv0 or conv1) => 0.4 resolution 16 => 0.3"),
        "output o.safetensors\n  resolution 16, conv: ink 0.3 → 0.4 (12 tensors)\n",
    );
    check(
        &with("mapping => 0", "mapping => 1").replace("assert same(mixed, toon) where mapping\n", ""),
        "output o.safetensors\n  mapping: toon → ink (9 tensors)\n",
    );
    check(
        &with("= mixed\n", "= mixed { dtype = f16 }\n"),
        "output o.safetensors\n  everywhere: type f32 → f16 (98 tensors)\n",
    );
    check(
        &with("mix(toon, ink, share)", "slerp(toon, ink, share)"),
        "output o.safetensors\n  resolution 4..8, 32..64: 0.5 toon + 0.5 ink → slerp(toon, ink, t = 0.5) (59 tensors)\n  \
         resolution 16: 0.7 toon + 0.3 ink → slerp(toon, ink, t = 0.3) (16 tensors)\n",
    );
}

#[test]
fn other_changes_are_told() {
    check(&with("edge = 32", "edge = 16"), "~ param   edge: default 32 → 16\n");
    check(&with("[16, 32]", "[16, 32, 64]"), "~ param   edge: in [16, 32] → [16, 32, 64]\n");
    check(&with("assert finite(mixed)\n", ""), "- assert  finite(mixed)\n");
    check(&with("<= 0.9", "<= 0.8"), "~ assert  distance(mixed, toon) <= 0.9 → distance(mixed, toon) <= 0.8\n");
    check(
        &with("where mapping", "where w_avg"),
        "- assert  same(mixed, toon) where mapping\n+ assert  same(mixed, toon) where w_avg\n",
    );
    check(
        &with("\"o.safetensors\"", "\"p.safetensors\""),
        "output p.safetensors\n  path o.safetensors → p.safetensors\n",
    );
    check(&format!("{BEFORE}output \"p.safetensors\" = ink\n"), "+ output  p.safetensors: 98 tensors\n");
    check(
        &with("= mixed\n", "= mixed { overflow = inf, metadata = { note = \"x\" } }\n"),
        "output o.safetensors\n  overflow error → inf\n  metadata note = none → note = \"x\"\n",
    );
    check(
        &format!("{}{BEFORE}", HEAD.replace("avatars-ink", "avatars-pixel")),
        "~ input   ink: file ../models/avatars-ink.safetensors → ../models/avatars-pixel.safetensors\n",
    );
    check(
        &format!("{HEAD}model pixel = \"../models/avatars-pixel.safetensors\"\n{BEFORE}"),
        "+ input   pixel: ../models/avatars-pixel.safetensors\n",
    );
}

/// Many places that differ in their numbers alone are one line, and the drawing keeps to the width.
#[test]
fn many_layers_are_told_together() {
    let world = FakeWorld::new()
        .with("chat.safetensors", llama(80, 64, 160, 1000))
        .with("code.safetensors", llama(80, 64, 160, 1000));
    let text = "blend 1\nmodel chat = \"chat.safetensors\"\nmodel code = \"code.safetensors\"\nlet share = match {\n  \
                layer 0.. => gradient([0, 0.5, 1])\n  else => 0.5\n}\noutput \"o.safetensors\" = mix(chat, code, share)\n";
    let recipe = |text: &str| world.check(text).0.recipe.expect("it checks");
    let changes = diff::recipes(&recipe(text), &recipe(&text.replace("0, 0.5, 1", "0.1, 0.5, 0.9")));
    for width in [40, 60, 100, 200] {
        let shown = diff::show(&changes, Look { blocks: true, color: false, width });
        assert!(shown.contains("layer 0..79: code 0..1 → 0.1..0.9 (720 tensors, by layer)\n"), "{shown}");
        let drawn: Vec<&str> = shown.lines().skip_while(|line| !line.contains("unchanged")).skip(1).collect();
        assert!(drawn.len() == 5 && drawn.iter().all(|line| line.chars().count() <= width), "{width}\n{shown}");
    }
    let plain = diff::show(&changes, Look { blocks: false, color: false, width: 100 });
    assert!(plain.is_ascii(), "{plain}");
    let coloured = diff::show(&changes, Look { blocks: true, color: true, width: 100 });
    assert!(coloured.contains("\u{1b}[31m") && coloured.contains("\u{1b}[32m"));
    assert_eq!(diff::stat(&changes), "o.safetensors: 720 of 723 tensors changed\n");
}

/// Recipes whose models are elsewhere: statements, arms and options.
#[test]
fn texts_are_compared_piece_by_piece() {
    let check = |before: &str, after: &str, expected: &str| {
        let mut sources = blend::text::Sources::default();
        let (before, after) = (sources.add("before", before), sources.add("after", after));
        let entries = diff::text::recipes(&before, &after).expect("they parse");
        assert_eq!(diff::text::show(&entries, Look { blocks: true, color: false, width: 100 }), expected);
    };
    check(&format!("{HEAD}{BEFORE}"), &format!("{HEAD}# why\n{}", with("0.3", "0.30")), "same meaning\n");
    let text = format!("{HEAD}{BEFORE}");
    let steps: &[(&str, &str, &str)] = &[
        ("resolution 16 => 0.3", "resolution 16 => 0.4", "~ let share: resolution 16: 0.3 → 0.4\n"),
        ("resolution 16 => 0.3", "torgb => 1 resolution 16 => 0.3", "+ let share: torgb => 1\n"),
        ("  resolution 16 => 0.3\n", "", "- let share: resolution 16 => 0.3\n"),
        ("= mixed\n", "= mixed { dtype = f16 }\n", "+ output \"o.safetensors\": dtype = f16\n"),
        ("edge = 32 in", "edge = 16 in", "~ param edge: 32 → 16\n"),
        ("<= 0.9", "<= 0.8", "~ assert: distance(mixed, toon) <= 0.9 → distance(mixed, toon) <= 0.8\n"),
        ("let mixed", "let x = 1\nlet mixed", "+ let x = 1\n"),
        (
            "mapping => 0\n  resolution 16 => 0.3",
            "resolution 16 => 0.3 mapping => 0",
            "~ let share: order of arms: mapping, resolution 16, else → resolution 16, mapping, else\n",
        ),
    ];
    for (old, new, expected) in steps {
        assert!(text.contains(old), "{old}");
        check(&text, &text.replace(old, new), expected);
    }
}

/// Checkpoints: what is equal bit by bit, what has other values, types, shapes, and what only one has.
#[test]
fn checkpoints_are_compared() {
    let place = Place::new();
    let here = place.here();
    let head = format!("{HEAD}model pixel = \"../models/avatars-pixel.safetensors\"\n");
    let build = |name: &str, body: &str| {
        run::build(&format!("{head}output \"{name}.safetensors\" = {body}\n"), &here, 2);
    };
    build("a", "toon");
    build("b", "match { resolution 16 and weight and conv => ink else => toon }");
    build("c", "toon { dtype = f16 }");
    let blend = |args: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_blend")).args(args).current_dir(&here).output();
        let output = output.expect("blend starts");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let toon = "../models/avatars-toon.safetensors";
    let (code, text) = blend(&["diff", "a.safetensors", toon, "--exit-code"]);
    assert_eq!((code, text.as_str()), (Some(0), "same weights: 98 tensors\n"));
    let (code, text) = blend(&["diff", "a.safetensors", "b.safetensors", "--exit-code", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let changed: Vec<_> = value["changed"].as_array().expect("a list").iter().map(|row| row["name"].clone()).collect();
    assert_eq!(code, Some(1));
    assert!(!changed.is_empty() && changed.iter().all(|name| name.to_string().contains("b16.conv")), "{changed:?}");
    assert_eq!(value["equal"].as_u64(), Some(98 - changed.len() as u64));
    let (_, text) = blend(&["diff", "a.safetensors", "c.safetensors"]);
    assert!(text.contains("98 tensors f32 "), "{text}");
    let (code, text) = blend(&["diff", "a.safetensors", "b.safetensors", "--stat"]);
    assert!(code == Some(0) && text.starts_with("b.safetensors: ") && text.lines().count() == 1, "{text}");
}
