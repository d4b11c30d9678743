//! `blend compare` and `blend check --weights`: numbers against NumPy, verdicts on nets of known kinship (trained by
//! `tests/data/compare/train.py`), layouts, what does not fit, and what is printed.

use super::run::forgetful;
use super::run::root;
use blend::arch;
use blend::compare;
use blend::compare::By;
use blend::compare::Comparison;
use blend::compare::Model;
use blend::compare::Pair;
use blend::compare::Relation;
use blend::compare::Style;
use blend::compare::Summary;
use blend::diag::Problem;
use blend::exec::Progress;
use blend::exec::Stop;
use blend::store;
use blend::text::Sources;
use serde_json::Value;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::sync::Arc;

/// A net of `tests/data/compare`, or one of the shipped ones.
fn path(name: &str) -> PathBuf {
    let folder = if name.starts_with("avatars") { "recipes/models" } else { "tests/data/compare" };
    root().join(folder).join(format!("{name}.safetensors"))
}

fn model(path: &Path) -> Model {
    let header = store::open(path, None).unwrap_or_else(|problem| panic!("{}", problem.message));
    let canon = arch::detect(&header, None, None).expect("it is a checkpoint");
    let name = path.file_stem().expect("a name").to_string_lossy().replace('-', "_");
    Model { name, path: path.display().to_string(), header: Arc::new(header), canon: Arc::new(canon) }
}

fn compared(names: &[&str], threads: usize) -> Comparison {
    compared_files(&names.iter().map(|name| path(name)).collect::<Vec<_>>(), threads)
}

fn compared_files(paths: &[PathBuf], threads: usize) -> Comparison {
    let models = paths.iter().map(|path| model(path)).collect();
    match compare::compare(models, threads, &Progress::default()) {
        Ok(comparison) => comparison,
        Err(Stop::Cancelled) => panic!("nobody cancels"),
        Err(Stop::Problems(list)) => panic!("{}", list[0].message),
    }
}

/// A summary against the golden one: counts exactly, numbers up to the rounding of differences in f32.
#[track_caller]
fn check_summary(what: &str, summary: &Summary, golden: &Value) {
    let counts = [("tensors", summary.tensors), ("equal", summary.equal)];
    counts.iter().for_each(|(name, count)| assert_eq!(golden[name].as_u64(), Some(*count as u64), "{what}: {name}"));
    let farthest = summary.farthest.as_ref().map(|entry| entry.1);
    let numbers = [
        ("median_cosine", summary.median),
        ("weighted_cosine", summary.cosine),
        ("distance", summary.distance),
        ("farthest", farthest),
        ("largest", Some(summary.largest)),
    ];
    for (name, number) in numbers {
        let close = match (number, golden[name].as_f64()) {
            (None, None) => true,
            (Some(number), Some(golden)) => (number - golden).abs() <= 1e-6 * golden.abs().max(1e-3),
            _ => false,
        };
        assert!(close, "{what}: {name} is {number:?}, NumPy says {}", golden[name]);
    }
}

#[test]
fn numbers_are_those_of_numpy() {
    let text = std::fs::read_to_string(root().join("tests/data/compare/golden.json")).expect("the golden numbers");
    let golden: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    assert_eq!(golden.len(), 10);
    for row in &golden {
        let names = [row["base"].as_str().expect("a name"), row["other"].as_str().expect("a name")];
        let comparison = compared(&names, 2);
        let pair = &comparison.pairs[0];
        check_summary(&format!("{names:?}"), &pair.kin, &row["kinship"]);
        let parts = row["parts"].as_object().expect("parts");
        assert_eq!(pair.parts.len(), parts.len(), "{names:?}");
        for part in &pair.parts {
            check_summary(&format!("{names:?}, {}", part.name), &part.summary, &parts[&part.name]);
        }
        let places = row["places"].as_object().expect("places");
        // Fourteen layers are shown by two; each alone is in the resolutions.
        if places.len() <= 12 {
            assert_eq!(pair.places.len(), places.len(), "{names:?}");
            for place in &pair.places {
                check_summary(&format!("{names:?}, {}", place.name), &place.summary, &places[&place.name]);
            }
        } else {
            let names: Vec<&str> = pair.places.iter().map(|place| place.name.as_str()).collect();
            assert_eq!(names, ["0..1", "2..3", "4..5", "6..7", "8..9", "10..11", "12..13"]);
        }
    }
}

/// Relation, over-training, and where it is far.
#[track_caller]
fn check(base: &str, other: &str, relation: Relation, over_trained: bool, far: &[&str]) {
    let comparison = compared(&[base, other], 2);
    let pair: &Pair = &comparison.pairs[0];
    let places: Vec<&str> = pair.far.iter().map(|&at| pair.places[at].name.as_str()).collect();
    let found = (pair.relation, pair.is_over_trained(), places.as_slice());
    assert_eq!(found, (relation, over_trained, far), "{base} and {other}");
}

#[test]
fn verdicts() {
    check("parent", "parent", Relation::Identical, false, &[]);
    check("child", "child-rosinality", Relation::Identical, false, &[]);
    check("parent", "child", Relation::Siblings, false, &[]);
    check("child", "parent", Relation::Siblings, false, &[]);
    check("parent", "small", Relation::Siblings, false, &[]);
    check("child", "small", Relation::Siblings, false, &[]);
    check("avatars-toon", "avatars-ink", Relation::Siblings, false, &[]);
    check("avatars-toon", "avatars-pixel", Relation::Siblings, false, &[]);
    check("avatars-ink", "avatars-pixel", Relation::Siblings, false, &[]);
    check("words", "words-tuned", Relation::Siblings, false, &[]);
    check("parent", "stranger", Relation::Strangers, false, &["4", "8", "16", "32"]);
    check("child", "stranger", Relation::Strangers, false, &["4", "8", "16", "32"]);
    // The mean of two strangers is shorter than both, and far from each in its own measure.
    check("parent", "mixed", Relation::Weak, false, &["4", "8", "16", "32"]);
    check("mixed", "parent", Relation::Weak, false, &["4", "8", "16", "32"]);
    check("parent", "worn", Relation::Weak, true, &["4", "8", "16", "32"]);
    check("parent", "drifted", Relation::Weak, true, &["16", "32"]);
    // The order of the files has no say.
    check("worn", "parent", Relation::Weak, true, &["4", "8", "16", "32"]);
    check("drifted", "parent", Relation::Weak, true, &["16", "32"]);
    // Nets of other widths share biases of colours at most.
    check("parent", "avatars-toon", Relation::Unknown, false, &[]);
    check("parent", "words", Relation::Unknown, false, &[]);
}

/// The child is named, whether it comes first or last.
#[test]
fn the_over_trained_one_is_named_in_any_order() {
    for child in ["worn", "drifted"] {
        for names in [["parent", child], [child, "parent"]] {
            let comparison = compared(&names, 2);
            let style = Style { unicode: false, color: false, width: 100 };
            let shown = compare::show(&comparison, By::Part, style);
            let line = shown.lines().find(|line| line.contains("over-trained")).expect("a verdict").to_string();
            assert!(line.starts_with(&format!("{child}: over-trained child: distance ")), "{names:?}: {line}");
            let json = compare::json(&comparison);
            let gone = json["pairs"][0]["gone"].as_u64().expect("one has gone");
            assert_eq!(names[gone as usize], child);
        }
    }
}

/// Bit for bit, whoever counts.
#[test]
fn numbers_do_not_depend_on_threads_or_layouts() {
    let json = |names: &[&str], threads| compare::json(&compared(names, threads));
    let names = ["avatars-toon", "avatars-ink", "avatars-pixel"];
    let alone = json(&names, 1);
    for threads in [2, 7] {
        assert_eq!(alone.to_string(), json(&names, threads).to_string(), "{threads} threads");
    }
    let (plain, other) = (json(&["parent", "child"], 2), json(&["parent", "child-rosinality"], 2));
    for key in ["kinship", "parts", "places", "tensors", "relation", "origin"] {
        assert_eq!(plain["pairs"][0][key], other["pairs"][0][key], "{key}");
    }
}

#[test]
fn models_against_each_other() {
    let comparison = compared(&["parent", "child", "stranger"], 2);
    let (cosines, distances) = (&comparison.cosines, &comparison.distances);
    for (at, row) in cosines.iter().enumerate() {
        assert_eq!((row[at], distances[at][at]), (None, None));
        let column: Vec<Option<f64>> = cosines.iter().map(|other| other[at]).collect();
        assert_eq!(*row, column, "cosines have no direction");
    }
    assert_eq!(distances[0][1], comparison.pairs[0].kin.distance);
    assert_eq!(distances[1][0], compared(&["child", "parent"], 1).pairs[0].kin.distance);
    assert_eq!(distances[1][2], compared(&["child", "stranger"], 1).pairs[0].kin.distance);
    assert!(cosines[1][2].is_some_and(|cosine| cosine.abs() < 0.1), "{cosines:?}");
}

/// What headers say differently, and a recipe that mixes what fits and builds.
#[track_caller]
fn check_advice(base: &str, other: &str, differences: &str, advice: &str) {
    let comparison = compared(&[base, other], 2);
    let lines = comparison.differences.iter().map(|row| {
        let values: Vec<&str> = row.values.iter().map(|value| value.as_deref().unwrap_or("none")).collect();
        format!("{}: {}", row.fact, values.join(" | "))
    });
    assert_eq!(lines.collect::<Vec<_>>().join("\n"), differences, "{base} and {other}");
    assert_eq!(comparison.pairs[0].advice.as_deref().unwrap_or(""), advice, "{base} and {other}");
    if !advice.is_empty() {
        let [a, b] = [base, other].map(|name| (name.replace('-', "_"), path(name).display().to_string()));
        let recipe = format!(
            "blend 1\nmodel {} = \"{}\"\nmodel {} = \"{}\"\noutput \"o.safetensors\" = {advice}\n",
            a.0, a.1, b.0, b.1
        );
        let dir = tempfile::tempdir().expect("a temporary folder");
        super::run::build(&recipe, dir.path(), 1);
    }
}

#[test]
fn what_differs_and_what_to_type() {
    check_advice("parent", "child", "", "");
    check_advice("child", "child-rosinality", "layout: nvidia-pytorch | rosinality", "");
    check_advice(
        "parent",
        "small",
        "resolution: 32 | 16",
        "match { resolution 32.. => parent  else => mix(parent, small, 0.5) }",
    );
    check_advice(
        "small",
        "parent",
        "resolution: 16 | 32",
        "match { resolution 32.. => parent  else => mix(small, parent, 0.5) }",
    );
    // Nothing but filters is left: no advice is better than that one.
    check_advice(
        "parent",
        "avatars-toon",
        "resolution: 32 | 64\nmapping layers: 2 | 4\nchannels: 4: 16, 8: 16, 16: 12, 32: 8 | 4: 128, 8: 128, 16: 128, 32: 64, 64: 32\ntypes: f16 | f32",
        "",
    );
}

/// A safetensors file of f32 tensors, and i64 where the name says so.
fn file(folder: &Path, name: &str, tensors: &[(&str, &[usize], &[f32])]) -> PathBuf {
    let (mut header, mut bytes) = (serde_json::Map::new(), vec![]);
    for (name, shape, values) in tensors {
        let start = bytes.len();
        let is_int = name.contains("ids");
        for value in *values {
            if is_int {
                bytes.extend((*value as i64).to_le_bytes());
            } else {
                bytes.extend(value.to_le_bytes());
            }
        }
        let dtype = if is_int { "I64" } else { "F32" };
        let entry = serde_json::json!({ "dtype": dtype, "shape": shape, "data_offsets": [start, bytes.len()] });
        header.insert((*name).into(), entry);
    }
    let header = Value::Object(header).to_string();
    let mut all = (header.len() as u64).to_le_bytes().to_vec();
    all.extend(header.as_bytes());
    all.extend(bytes);
    let path = folder.join(name);
    std::fs::write(&path, all).expect("a file");
    path
}

/// Values without a direction: zeros, NaN, infinities, integers, nothing at all.
#[test]
fn odd_values() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let tensors = |nan: f32, id: f32| {
        vec![
            ("net.0.weight", vec![2usize, 2], vec![1.0, 2.0, 3.0, 4.0]),
            ("net.1.weight", vec![2, 2], vec![0.0; 4]),
            ("net.2.weight", vec![2, 2], vec![nan, 1.0, 1.0, 1.0]),
            ("net.3.weight", vec![0, 2], vec![]),
            ("net.4.weight", vec![1, 2], vec![if id > 7.0 { 0.0 } else { 1.0 }, 0.0]),
            ("net.ids", vec![2], vec![7.0, id]),
        ]
    };
    let write = |name: &str, nan, id| {
        let list = tensors(nan, id);
        let list: Vec<(&str, &[usize], &[f32])> =
            list.iter().map(|(name, shape, values)| (*name, shape.as_slice(), values.as_slice())).collect();
        file(dir.path(), name, &list)
    };
    let paths = [write("a.safetensors", f32::NAN, 7.0), write("b.safetensors", f32::INFINITY, 8.0)];
    for pair in [[0, 1], [1, 0], [0, 0]] {
        let comparison = compared_files(&pair.map(|at| paths[at].clone()), 2);
        let found = &comparison.pairs[0];
        let row = |name: &str| found.rows.iter().find(|row| &*row.name == name).expect("the row");
        let same = pair[0] == pair[1];
        assert_eq!(row("net.0.weight").cosine(), Some(1.0));
        assert_eq!((row("net.1.weight").cosine(), row("net.1.weight").distance()), (None, Some(0.0)));
        assert_eq!((row("net.2.weight").cosine(), row("net.2.weight").distance()), (None, None));
        assert_eq!(row("net.2.weight").differs, if same { 0 } else { 1 });
        assert_eq!((row("net.3.weight").elems, row("net.3.weight").cosine()), (0, None));
        assert_eq!((row("net.ids").sums, row("net.ids").differs), (None, u64::from(!same)));
        let last = row("net.4.weight");
        let wanted = match pair {
            [0, 1] => (None, Some(1.0)),
            // Nothing to measure it by.
            [1, 0] => (None, None),
            _ => (Some(1.0), Some(0.0)),
        };
        assert_eq!((last.cosine(), last.distance()), wanted, "{pair:?}");
        let odd: usize = found.parts.iter().map(|part| part.summary.not_finite).sum();
        assert_eq!((odd, found.relation), (1, if same { Relation::Identical } else { Relation::Siblings }));
        let text = compare::show(&comparison, By::Tensor, Style { unicode: true, color: false, width: 80 });
        assert!(text.contains("1 tensor holds NaN"), "{text}");
    }
}

#[test]
fn what_is_printed_fits_the_terminal() {
    let comparisons = [
        compared(&["parent", "child", "worn"], 1),
        compared(&["words", "words-tuned"], 1),
        compared(&["parent", "words"], 1),
    ];
    for comparison in &comparisons {
        for by in [By::Part, By::Place, By::Tensor] {
            for width in [80, 100, 160] {
                let text = compare::show(comparison, by, Style { unicode: true, color: false, width });
                // Facts and verdicts are sentences; tables and bars are not.
                for line in text.lines().filter(|line| line.starts_with("  ") && !line.contains(": ")) {
                    assert!(line.chars().count() <= width, "{width} columns: {line}");
                }
                assert!(
                    !text.contains('\u{1b}') && text.contains('█') == (comparison.pairs[0].kin.tensors > 0),
                    "{text}"
                );
                let plain = compare::show(comparison, by, Style { unicode: false, color: false, width });
                assert!(plain.is_ascii() || plain.contains('…'), "{plain}");
                assert!(!plain.contains('█'), "{plain}");
                let color = compare::show(comparison, by, Style { unicode: true, color: true, width });
                let mut bare = String::new();
                let mut rest = color.as_str();
                while let Some(at) = rest.find('\u{1b}') {
                    bare.push_str(&rest[..at]);
                    rest = &rest[at + rest[at..].find('m').expect("it ends") + 1..];
                }
                bare.push_str(rest);
                assert_eq!(bare, text, "colour changes nothing but colour");
            }
        }
    }
}

/// Warnings of `check --weights` over a recipe of two models, `a` and `b`, and perhaps `c`.
#[track_caller]
fn check_lints(models: &[&str], value: &str, wanted: &[(&str, usize)]) {
    let mut recipe = String::from("blend 1\n");
    for (letter, name) in ["a", "b", "c"].iter().zip(models) {
        recipe.push_str(&format!("model {letter} = \"{}\"\n", path(name).display()));
    }
    recipe.push_str(&format!("output \"o.safetensors\" = {value}\n"));
    let (compiled, sources) = super::run::compile(&recipe, Path::new(""), &Default::default()).expect("it is right");
    let lints = match compare::lints(&compiled.recipe, 2, &Progress::default()) {
        Ok(lints) => lints,
        Err(_) => panic!("the files can be read"),
    };
    let found: Vec<(&str, usize)> =
        lints.problems.iter().map(|problem| (problem.code.0, line(problem, &sources))).collect();
    assert_eq!(found, wanted, "{models:?} {value}");
    for problem in &lints.problems {
        assert!(problem.help.is_some() && !problem.message.ends_with('.'), "{}", problem.message);
    }
}

fn line(problem: &Problem, sources: &Sources) -> usize {
    let site = problem.site().expect("a place");
    sources.get(site.source).line_column(site.span.start).0
}

#[test]
fn lints_of_recipes() {
    check_lints(&["parent", "child"], "mix(a, b, 0.5)", &[]);
    check_lints(&["parent", "child-rosinality"], "mix(a, b, 0.5)", &[]);
    // A swap of layers needs kin as much as a mean does; its noise images stay whole.
    check_lints(&["parent", "stranger"], "layer_swap(a, b, at = 16)", &[("W0405", 3)]);
    check_lints(&["parent", "stranger"], "mix(a, b, 0.5)", &[("W0405", 3), ("W0408", 4)]);
    check_lints(&["parent", "stranger"], "mix(a, b, 0)", &[]);
    check_lints(&["parent", "stranger"], "match { noise and image => b  else => mix(a, b, 0.5) }", &[("W0405", 3)]);
    check_lints(&["parent", "stranger"], "slerp(a, b, t = 0.5)", &[("W0405", 3), ("W0408", 4)]);
    check_lints(&["parent", "mixed"], "mix(a, b, match { noise => 0  else => 0.5 })", &[("W0406", 3)]);
    check_lints(&["parent", "worn"], "mix(a, b, 0.5)", &[("W0407", 3)]);
    check_lints(&["parent", "drifted"], "mix(a, b, 0.5)", &[("W0407", 3)]);
    check_lints(&["parent", "child", "stranger"], "(a + b + c) / 3", &[("W0405", 4), ("W0408", 5)]);
    // The third is left alone.
    check_lints(&["parent", "child", "stranger"], "mix(a, b, 0.5)", &[]);
}

/// `blend` in the folder of the data.
fn blend(args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_blend"));
    command.current_dir(root().join("tests/data/compare")).args(args);
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "COLUMNS", "LC_ALL", "LC_CTYPE", "LANG", "TERM"] {
        command.env_remove(name);
    }
    forgetful(&mut command).envs(env.iter().copied()).output().expect("blend starts")
}

#[test]
fn command_line() {
    let rows: &[(&[&str], i32)] = &[
        (&["parent.safetensors", "child.safetensors"], 0),
        (&["parent.safetensors", "stranger.safetensors"], 0),
        (&["parent.safetensors", "child.safetensors", "--require", "related"], 0),
        (&["parent.safetensors", "child.safetensors", "--require", "siblings"], 0),
        (&["parent.safetensors", "worn.safetensors", "--require", "related"], 0),
        (&["parent.safetensors", "worn.safetensors", "--require", "siblings"], 1),
        (&["parent.safetensors", "child.safetensors", "stranger.safetensors", "--require", "related"], 1),
        (&["parent.safetensors", "words.safetensors", "--require", "related"], 1),
        (&["parent.safetensors", "words.safetensors", "--json"], 0),
        (&["parent.safetensors"], 2),
        (&["parent.safetensors", "missing.safetensors"], 2),
        (&["parent.safetensors", "golden.json"], 2),
        (&["parent.safetensors", "child.safetensors", "--layout", "nothing"], 2),
        (&["parent.safetensors", "child.safetensors", "--by", "colour"], 2),
        (&["parent.safetensors", "child.safetensors", "--width", "3"], 2),
    ];
    for (args, code) in rows {
        let output = blend(&[&["compare"], *args].concat(), &[]);
        assert_eq!(output.status.code(), Some(*code), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let json = blend(&["compare", "parent.safetensors", "stranger.safetensors", "--json", "--threads", "1"], &[]);
    let value: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(
        (&value["pairs"][0]["relation"], &value["models"][0]["family"]),
        (&"strangers".into(), &"stylegan2".into())
    );
    let more = blend(&["compare", "parent.safetensors", "stranger.safetensors", "--json", "--threads", "5"], &[]);
    assert_eq!(json.stdout, more.stdout);
}

/// Block characters where the locale has them, and not on a dumb terminal.
#[test]
fn terminals() {
    let rows: &[(&[(&str, &str)], bool)] = &[
        (&[], false),
        (&[("LANG", "C.UTF-8")], true),
        (&[("LANG", "de_DE.utf8")], true),
        (&[("LC_ALL", "C"), ("LANG", "C.UTF-8")], false),
        (&[("LC_ALL", ""), ("LANG", "C.UTF-8")], true),
        (&[("LC_CTYPE", "C.UTF-8")], true),
        (&[("LANG", "C.UTF-8"), ("TERM", "dumb")], false),
    ];
    for (env, blocks) in rows {
        let output = blend(&["compare", "parent.safetensors", "child.safetensors"], env);
        assert_eq!(String::from_utf8_lossy(&output.stdout).contains('█'), *blocks, "{env:?}");
    }
    let colored = |args: &[&str]| blend(&[&["compare", "parent.safetensors", "child.safetensors"], args].concat(), &[]);
    assert!(colored(&["--color", "always"]).stdout.contains(&0x1b) && !colored(&[]).stdout.contains(&0x1b));
}

/// An architecture of one's own says what its parts tell.
const OWN: &str = r#"
[family]
id = "tiny"
about = "a made-up network"

[[family.tensor]]
name = "net.{i}.weight"
words = ["core", "weight"]
coords = { layer = "i" }

[[family.tensor]]
name = "seed"
words = ["seed"]

[[family.tensor]]
name = "mean"
words = ["mean"]

[[family.part]]
name = "core"
words = ["core"]
tells = "kinship"

[[family.part]]
name = "random start"
words = ["seed"]
tells = "origin"

[[family.part]]
name = "mean"
words = ["mean"]
of = "core"

[layout]
id = "tiny-research"
family = "tiny"
about = "names of the paper's code"
detect = ["net.{i}.weight"]
canonical_names = true
"#;

#[test]
fn parts_of_own_architectures() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let list: &[(&str, &[usize], &[f32])] =
        &[("net.0.weight", &[2], &[1.0, 2.0]), ("seed", &[1], &[1.0]), ("mean", &[1], &[2.0]), ("more", &[1], &[3.0])];
    let header = store::open(&file(dir.path(), "a.safetensors", list), None).expect("it is right");
    let own = arch::load(OWN, "my.toml").unwrap_or_else(|faults| panic!("{}", faults[0].problem.message));
    let canon = arch::detect(&header, Some(&own), None).expect("it fits");
    let part = |name: &str| {
        let found = arch::part(&canon, &canon.tensors[canon.index[name]]);
        (found.name.to_string(), found.tells, found.of.map(String::from))
    };
    assert_eq!(part("net.0.weight"), ("core".into(), arch::Tells::Kinship, None));
    assert_eq!(part("seed"), ("random start".into(), arch::Tells::Origin, None));
    assert_eq!(part("mean"), ("mean".into(), arch::Tells::Nothing, Some("core".into())));
    assert_eq!(part("more"), ("not in the layout".into(), arch::Tells::Nothing, None));
    // What is wrong in a part is told with what to write.
    for (right, wrong, help) in [
        ("words = [\"core\"]\ntells", "words = [\"cor\"]\ntells", "write `\"core\"`, or give the word to a tensor"),
        ("\"kinship\"", "\"kin\"", "write `\"kinship\"` (there are kinship, origin)"),
        ("of = \"core\"", "of = \"coree\"", "write `\"core\"`"),
    ] {
        let faults = arch::load(&OWN.replacen(right, wrong, 1), "my.toml").expect_err("it is wrong");
        let told: Vec<(&str, Option<&str>)> =
            faults.iter().map(|fault| (fault.problem.code.0, fault.problem.help.as_deref())).collect();
        assert_eq!(told, [("E0435", Some(help))], "{wrong}");
    }
}

/// Every tensor of the shipped generators is of a named part, in an order that people expect.
#[test]
fn parts_of_shipped_families() {
    for (name, wanted) in [
        (
            "avatars-toon",
            "w_avg, mapping, const, affine, conv, torgb, affine bias, bias, noise strength, noise image, filter",
        ),
        ("words", "embed, norm, attention, mlp, head"),
    ] {
        let comparison = compared(&[name, name], 1);
        let parts: Vec<&str> = comparison.pairs[0].parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(parts.join(", "), wanted);
    }
}

/// An output where an input lies is found before anything is read but headers.
#[test]
fn outputs_over_inputs_are_told_by_check() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| dir.path().join(name);
    std::fs::copy(path("parent"), at("a.safetensors")).expect("a copy");
    std::os::unix::fs::symlink(at("a.safetensors"), at("link.safetensors")).expect("a link");
    for (output, code) in [("a.safetensors", 2), ("./a.safetensors", 2), ("link.safetensors", 2), ("b.safetensors", 0)]
    {
        let recipe = format!("blend 1\nmodel a = \"a.safetensors\"\noutput \"{output}\" = a\n");
        std::fs::write(at("r.blend"), recipe).expect("a recipe");
        let recipe = at("r.blend").display().to_string();
        let told = blend(&["check", &recipe, "--message-format", "short"], &[]);
        let text = String::from_utf8_lossy(&told.stderr).into_owned();
        assert_eq!((told.status.code(), text.contains("r.blend:3:8: error[E0515]")), (Some(code), code == 2), "{text}");
    }
    assert_eq!(
        std::fs::read(at("a.safetensors")).expect("it is there"),
        std::fs::read(path("parent")).expect("it is there")
    );
}
