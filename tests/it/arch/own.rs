//! Users' own architecture files, through a whole check.

use super::Files;
use super::checked;
use super::clean;
use super::header;
use super::shares;
use blend::arch;
use blend::arch::Instead;
use blend::arch::Stored;
use blend::tensor::Affine;
use blend::tensor::Coord;

pub const OWN: &str = r#"
# A transformer whose projections are stored transposed, with a gate that is off by one.
[family]
id = "tiny"
about = "a made-up transformer"

[[family.tensor]]
name = "layers.{i}.mix.weight"
words = ["attention", "weight"]
coords = { layer = "i", depth = "i / (n - 1)" }
axes = ["hidden", "hidden"]

[[family.tensor]]
name = "layers.{i}.gate"
words = ["mlp", "gate"]
coords = { layer = "i", resolution = "4 * size" }

[layout]
id = "tiny-research"
family = "tiny"
about = "names of the paper's code"
detect = ["net.block_{i+1}/w"]

[[layout.key]]
name = "net.block_{i+1}/w"
as = ["layers.{i}.mix.weight"]
fix = ["permute 1 0"]

[[layout.key]]
name = "net.block_{i+1}/gate{size}"
as = ["layers.{i}.gate"]
fix = ["scale 0.5", "add 1"]
"#;

const OWN_HEADER: &str = "net.block_1/w F32 [4, 4]\nnet.block_1/gate7 F32 [4]\nnet.block_2/w F32 [4, 4]\nnet.block_2/gate8 F32 [4]\nother F32 [2]";

#[test]
fn own_architecture() {
    let mut files = Files::default();
    files.headers.insert("a.safetensors".into(), header(OWN_HEADER));
    files.headers.insert("b.safetensors".into(), header(OWN_HEADER));
    files.texts.insert("my.toml".into(), OWN.into());
    let recipe = clean(
        &files,
        "blend 1\nmodel a = \"a.safetensors\" { arch = \"my.toml\" }\nmodel b = \"b.safetensors\" { arch = \"my.toml\" }\n\
         output \"out.safetensors\" = mix(a, b, match {\n  attention => depth\n  \"layers.*.gate\" and layer 1 => 1\n  resolution 28 => 0.25\n  extra => 0\n})\n",
    );
    let output = &recipe.outputs[0];
    assert_eq!((&*output.family, &*output.layout), ("tiny", "tiny-research"));
    let made: Vec<String> =
        output.tensors.iter().map(|made| format!("{}: {}", made.name, shares(&recipe, made))).collect();
    assert_eq!(
        made,
        [
            "layers.0.mix.weight: 1 a",
            "layers.0.gate: 0.75 a + 0.25 b",
            "layers.1.mix.weight: 1 b",
            "layers.1.gate: 1 b",
            "other: 1 a",
        ]
    );
    // Written again under the paper's names, fixes undone.
    let stored: Vec<Stored> = output.tensors.iter().map(|made| recipe.stored(output, made)).collect();
    let name =
        |stored: &Stored| if let Stored::Name { name, .. } = stored { name.clone() } else { format!("{stored:?}") };
    assert_eq!(
        stored.iter().map(name).collect::<Vec<_>>(),
        ["net.block_1/w", "net.block_1/gate7", "net.block_2/w", "net.block_2/gate8", "Unknown"]
    );
    assert_eq!(
        stored[3],
        Stored::Name {
            name: "net.block_2/gate8".into(),
            ops: vec![],
            // canonical = stored / 2 + 1
            affine: Affine { scale: 2.0, add: -2.0 },
        }
    );
}

/// Words of a family that no tensor of these models has may be said, and no others.
#[test]
fn own_words() {
    let mut files = Files::default();
    files.headers.insert("a.safetensors".into(), header(OWN_HEADER));
    let with = OWN.replacen("about = ", "words = [\"adapter\"]\nabout = ", 1);
    files.texts.insert("my.toml".into(), with);
    let recipe = |word: &str| {
        format!(
            "blend 1\nmodel a = \"a.safetensors\" {{ arch = \"my.toml\" }}\noutput \"o.safetensors\" = a where not {word}\n"
        )
    };
    let said = |word: &str| {
        let (checked, _) = checked(&files, &recipe(word));
        checked.problems.iter().map(|problem| problem.code.0).collect::<Vec<_>>()
    };
    assert!(!said("adapter").contains(&"E0212"), "{:?}", said("adapter"));
    assert!(said("adapters").contains(&"E0212"));
}

/// Other beginnings stand under the prefix, whatever the names are for; the longest counts.
#[test]
fn other_beginnings() {
    let own = OWN.replacen(
        "\n[[layout.key]]",
        "prefix = \"m.\"\ndrop = [\"net.step\"]\n[[layout.also]]\n\"net.\" = \"G.\"\n\"net.block_{i+1}/gate\" = \"G.gates/{i}/\"\n\n[[layout.key]]",
        1,
    );
    let own = arch::load(&own, "my.toml").unwrap_or_else(|faults| panic!("{faults:?}"));
    let file = header("m.G.block_1/w F32 [4, 4]\nm.G.gates/0/7 F32 [4]\nm.G.step F32 []");
    let canon = arch::detect(&file, Some(&own), None).expect("it fits");
    let names: Vec<&str> = canon.tensors.iter().map(|tensor| &*tensor.name).collect();
    assert_eq!(names, ["layers.0.mix.weight", "layers.0.gate"]);
    assert_eq!((canon.unknown.len(), canon.remarks.len()), (0, 0));
}

/// What a layout omits or implies is not written under its canonical name either.
#[test]
fn canonical_names_are_omitted() {
    let layout = OWN.find("\n[layout]").expect("it has a layout");
    let own = format!(
        "{}\n[layout]\nid = \"plain\"\nfamily = \"tiny\"\nabout = \"own names\"\ndetect = [\"layers.{{i}}.gate\"]\n\
         canonical_names = true\nomit = [\"layers.{{i}}.mix.weight\"]\n\
         [[layout.implied]]\nas = \"layers.0.gate\"\nbeside = \"layers.1.gate\"\ntaps = [1, 1]\n",
        OWN[..layout].replacen("4 * size", "4", 1)
    );
    let own = arch::load(&own, "my.toml").unwrap_or_else(|faults| panic!("{faults:?}"));
    let stored = |name: &str| arch::stored(Some(&own), "plain", name, &[]);
    assert_eq!(stored("layers.3.mix.weight"), Stored::Dropped(Instead::Nothing));
    assert_eq!(stored("layers.0.gate"), Stored::Dropped(Instead::Filter { taps: vec![1.0, 1.0], fact: None }));
    assert!(matches!(stored("layers.1.gate"), Stored::Name { name, .. } if name == "layers.1.gate"));
}

/// The highest number of names counts in coordinates too.
#[test]
fn coordinates_by_top() {
    let own = OWN.replacen("\n[[layout.key]]", "top = \"net.block_{b}/w\"\n\n[[layout.key]]", 1);
    let own = own.replacen("4 * size", "pow2(top - i)", 1);
    let own = arch::load(&own, "my.toml").unwrap_or_else(|faults| panic!("{faults:?}"));
    let canon = arch::detect(&header(OWN_HEADER), Some(&own), None).expect("it fits");
    let resolution = |name: &str| canon.tensors[canon.index[name]].traits.coord(Coord::Resolution);
    assert_eq!([resolution("layers.0.gate"), resolution("layers.1.gate")], [Some(4.0), Some(2.0)]);
}

/// What is said of a changed architecture file: code, message, help, and the text that the label is at.
#[track_caller]
fn check_wrong(find: &str, replace: &str, expected: &[(&str, &str, &str, &str)]) {
    assert!(find.is_empty() || OWN.contains(find), "`{find}` is not in the file");
    let mut files = Files::default();
    files.headers.insert("a.safetensors".into(), header(OWN_HEADER));
    files.texts.insert("my.toml".into(), if find.is_empty() { replace.into() } else { OWN.replacen(find, replace, 1) });
    let recipe = "blend 1\nmodel a = \"a.safetensors\" { arch = \"my.toml\" }\noutput \"o.safetensors\" = a\n";
    let (checked, sources) = checked(&files, recipe);
    assert!(checked.recipe.is_none());
    let said: Vec<(String, String, String, String)> = checked
        .problems
        .sorted()
        .into_iter()
        .map(|problem| {
            let site = problem.site().expect("the place is told");
            let source = sources.get(site.source);
            assert_eq!(&*source.name, "my.toml");
            let (line, _) = source.line_column(site.span.start);
            let second = problem.labels.iter().find(|label| !label.primary).expect("the recipe is shown, too");
            assert_eq!(sources.get(second.site.source).slice(second.site.span), "\"my.toml\"");
            let place = format!("{line}: {}", source.slice(site.span).lines().next().unwrap_or(""));
            (problem.code.0.into(), problem.message.clone(), problem.help.clone().unwrap_or_default(), place)
        })
        .collect();
    let said: Vec<(&str, &str, &str, &str)> =
        said.iter().map(|said| (said.0.as_str(), said.1.as_str(), said.2.as_str(), said.3.as_str())).collect();
    assert_eq!(said, expected);
}

#[test]
fn wrong_architectures() {
    let variable =
        "write a name with one variable per `{…}`, such as `layers.{i}.weight` or `convs.{2*log2(r)-6}.weight`";
    check_wrong(
        "id = \"tiny\"",
        "id = \"tiny",
        &[(
            "E0430",
            "the file cannot be read: invalid basic string, expected `\"` (in `my.toml`)",
            "write `[layout]` with `id`, `family`, `about` and `detect`, then a `[[layout.key]]` with `name` and `as` per tensor",
            "4: ",
        )],
    );
    check_wrong(
        "words = [\"attention\"",
        "word = [\"attention\"",
        &[(
            "E0430",
            "the file cannot be read: unknown field `word`, expected one of `name`, `words`, `coords`, `axes`, `acts`, `policy`, `demodulated`, `from`, `for` (in `my.toml`)",
            "write `words`",
            "9: word",
        )],
    );
    check_wrong(
        "{ layer = \"i\", depth",
        "{ layr = \"i\", depth",
        &[(
            "E0435",
            "`layr` is no coordinate (in `my.toml`)",
            "write `layer` (there are resolution, octave, position, layer, depth, block, head)",
            "10: layr",
        )],
    );
    check_wrong(
        "detect = [\"net.block_{i+1}/w\"]",
        "detect = [\"net.block_{i+1/w\"]",
        &[("E0433", "`net.block_{i+1/w` has a `{` without `}` (in `my.toml`)", variable, "22: \"net.block_{i+1/w\"")],
    );
    check_wrong(
        "name = \"net.block_{i+1}/w\"",
        "name = \"net.block_{i*i}/w\"",
        &[(
            "E0433",
            "`{i*i}` cannot be solved: it needs one variable, mentioned once (in `my.toml`)",
            variable,
            "25: \"net.block_{i*i}/w\"",
        )],
    );
    check_wrong(
        "as = [\"layers.{i}.gate\"]",
        "as = [\"layers.{k}.gate\"]",
        &[(
            "E0433",
            "`{k}` has no value: `net.block_{i+1}/gate{size}` does not mention it (in `my.toml`)",
            "use the variables of `net.block_{i+1}/gate{size}`, or put `{k}` into it",
            "31: \"layers.{k}.gate\"",
        )],
    );
    check_wrong(
        "4 * size",
        "4 * sise",
        &[(
            "E0433",
            "the resolution of `layers.{i}.gate` uses `sise`, which has no value (in `my.toml`)",
            "use a variable of the tensor's name or of a key's, or `n`, the number of layers, where some tensor has a `layer`",
            "14: \"layers.{i}.gate\"",
        )],
    );
    check_wrong(
        "\"permute 1 0\"",
        "\"transpose\"",
        &[(
            "E0434",
            "`transpose` is no fix: there are drop_axis, add_axis, permute, flip, rotary, scale and add (in `my.toml`)",
            "write one of `drop_axis 0`, `add_axis 0`, `permute 1 0`, `flip 2`, `rotary 128`, `scale 0.25`, `add 1`",
            "27: \"transpose\"",
        )],
    );
    check_wrong(
        "as = [\"layers.{i}.mix.weight\"]",
        "as = [\"layers.{i}.mix.wight\"]",
        &[(
            "E0436",
            "the family `tiny` has no tensor `layers.{i}.mix.wight` (in `my.toml`)",
            "write `\"layers.{i}.mix.weight\"`, or leave the key out: the tensor then keeps its own name",
            "26: \"layers.{i}.mix.wight\"",
        )],
    );
    check_wrong(
        "as = [\"layers.{i}.mix.weight\"]",
        "as = []",
        &[(
            "E0436",
            "`net.block_{i+1}/w` gives no canonical tensor (in `my.toml`)",
            "name one in `as`, for example `as = [\"layers.{i}.weight\"]`, or leave the key out",
            "26: []",
        )],
    );
    check_wrong(
        "family = \"tiny\"",
        "family = \"tinny\"",
        &[(
            "E0435",
            "the family `tinny` is not known and not given in the file (in `my.toml`)",
            "write `\"tiny\"` (there are tiny, llama, lucidrains, stylegan1, sd-unet, stylegan2, stylegan3), or describe it in `[family]`",
            "20: \"tinny\"",
        )],
    );
    check_wrong(
        "id = \"tiny-research\"",
        "id = \"rosinality\"",
        &[(
            "E0435",
            "the id `rosinality` is taken by an architecture that blend knows (in `my.toml`)",
            "call it `\"my-rosinality\"`",
            "19: \"rosinality\"",
        )],
    );
    check_wrong(
        "axes = [\"hidden\", \"hidden\"]",
        "policy = \"same\"",
        &[(
            "E0435",
            "`same` is no policy (in `my.toml`)",
            "write `\"mix\"` (there are mix, equal, first)",
            "11: \"same\"",
        )],
    );
    check_wrong(
        "words = [\"mlp\", \"gate\"]",
        "words = [\"mlp\", \"Gate-1\"]",
        &[(
            "E0435",
            "`Gate-1` is no word: patterns cannot say it (in `my.toml`)",
            "write `\"gate_1\"`",
            "15: \"Gate-1\"",
        )],
    );
    check_wrong(
        "words = [\"mlp\", \"gate\"]",
        "words = [\"mlp\", \"lora\", \"head\"]",
        &[(
            "E0435",
            "`lora` is a word of the language: patterns cannot say it (in `my.toml`)",
            "write `\"lora_\"`",
            "15: \"lora\"",
        )],
    );
    let mix = "as = [\"layers.{i}.mix.weight\"]";
    check_wrong(
        mix,
        &format!("{mix}\nfor = {{ x = \"parts\" }}"),
        &[("E0435", "there is no list `parts` (in `my.toml`)", "describe it in `lists`", "27: \"parts\"")],
    );
    check_wrong(
        "as = [\"layers.{i}.gate\"]",
        "as = [\"layers.{i}.gote{x}\"]\nfor = { x = [1, 2, 3] }",
        &[(
            "E0436",
            "the family `tiny` has no tensor `layers.{i}.gote1` (in `my.toml`)",
            "write `\"layers.{i}.gate\"`, or leave the key out: the tensor then keeps its own name",
            "31: \"layers.{i}.gote{x}\"",
        )],
    );
    check_wrong(
        "detect = [",
        "bare = \"x\"\ndetect = [",
        &[(
            "E0435",
            "`bare` is for shipped layouts: a model is read through one layout (in `my.toml`)",
            "remove `bare`",
            "22: \"x\"",
        )],
    );
    check_wrong(
        "[[family.tensor]]",
        "[[family.number]]\nname = \"k\"\nsize = \"gate\"\nfact = \"k\"\n\n[[family.tensor]]",
        &[(
            "E0435",
            "the number `k` is not of one kind (in `my.toml`)",
            "give it one of `fact`, `size`, `count`, `has` with `value`, and `value`",
            "8: \"k\"",
        )],
    );
    check_wrong(
        "[[layout.key]]",
        "[[layout.also]]\n\"net.\" = \"G.\"\n\"nat.\" = \"N.\"\n\n[[layout.key]]",
        &[(
            "E0435",
            "no name of the layout begins with `nat.` (in `my.toml`)",
            "write a beginning of a name, such as of `net.block_{i+1}/w`, or remove it",
            "26: \"nat.\"",
        )],
    );
    let unread = "`}block_{i+1}/w` has a `}` without `{` (in `my.toml`)";
    check_wrong(
        "[[layout.key]]",
        "[[layout.also]]\n\"net.\" = \"}\"\n\n[[layout.key]]",
        &[
            ("E0433", unread, variable, "22: \"net.block_{i+1}/w\""),
            ("E0433", unread, variable, "28: \"net.block_{i+1}/w\""),
            (
                "E0433",
                "`}block_{i+1}/gate{size}` has a `}` without `{` (in `my.toml`)",
                variable,
                "33: \"net.block_{i+1}/gate{size}\"",
            ),
        ],
    );
    check_wrong(
        "detect = [",
        "omit = [\"layers.{i}.gait\"]\ndetect = [",
        &[(
            "E0436",
            "the family `tiny` has no tensor `layers.{i}.gait` (in `my.toml`)",
            "write `\"layers.{i}.gate\"`, or leave the key out: the tensor then keeps its own name",
            "22: \"layers.{i}.gait\"",
        )],
    );
    // Everything that is wrong is told at once, in the order of the file.
    let two = OWN.replace("4 * size", "4 * sise").replace("\"permute 1 0\"", "\"permute 1 1\"");
    let problems = arch::load(&two, "my.toml").expect_err("two things are wrong");
    let mut places: Vec<(usize, &str)> = problems.iter().map(|fault| (fault.at.start, fault.problem.code.0)).collect();
    places.sort();
    assert_eq!(places.iter().map(|place| place.1).collect::<Vec<_>>(), ["E0433", "E0434"]);
}

/// A code base with a prefix, parts in lists, rows in the order of rotary pairs, and a tensor that nobody needs.
const SPREAD: &str = r#"
[family]
id = "spread"
about = "a made-up decoder"

[[family.number]]
name = "size"
fact = "config.json:size"

[[family.number]]
name = "levels"
count = "layers.{i}.a.w"

[[family.tensor]]
name = "{where}.{part}.w"
words = ["{part}", "{words}"]
coords = { layer = "{layer}", block = "levels * k", depth = "({layer}) / (n - 1)" }
axes = ["{part}", "{from}"]
for = { "where, layer" = [["layers.{i}", "i"], ["end", "levels"]], "part, words, from, k" = "parts" }

[family.lists]
parts = [["a", "attention q", "hidden", 1], ["b", "mlp", "", 2]]

[layout]
id = "spread-code"
family = "spread"
about = "names of the code"
prefix = "net."
detect = ["block_0.a"]
drop = ["freqs"]

[[layout.key]]
name = "block_{2*i+k}.{part}"
as = ["layers.{2*i+k}.{part}.w"]
fix = ["rotary size / 2"]
for = { k = [0, 1], part = ["a", "b"] }

[[layout.key]]
name = "last_{part}"
as = ["end.{part}.w"]
for = { part = ["a", "b"] }
"#;

#[test]
fn entries_for_many() {
    let own = arch::load(SPREAD, "my.toml").unwrap_or_else(|faults| panic!("{faults:?}"));
    let mut file = header(
        "net.block_0.a F32 [8, 2]\nnet.block_0.b F32 [8, 2]\nnet.block_1.a F32 [8, 2]\nnet.last_b F32 [1, 1]\nnet.freqs F32 [9]\nblock_0.b F32 [1]",
    );
    file.facts.insert("config.json:size".into(), "8".into());
    let canon = arch::detect(&file, Some(&own), None).expect("it fits");
    let described: Vec<String> = canon
        .tensors
        .iter()
        .map(|tensor| {
            let traits = &tensor.traits;
            let coords: Vec<String> = traits.coords.iter().map(|(c, value)| format!("{}={value}", c.text())).collect();
            let strides: Vec<String> = tensor.view.steps.iter().map(|step| step.stride.to_string()).collect();
            format!("{}: {} | {} | {}", tensor.name, traits.words.join(" "), coords.join(" "), strides.join(" "))
        })
        .collect();
    assert_eq!(
        described,
        [
            "layers.0.a.w: a attention q | layer=0 depth=0 block=2 | 8 2 4 1",
            "layers.0.b.w: b mlp | layer=0 depth=0 block=4 | 8 2 4 1",
            "layers.1.a.w: a attention q | layer=1 depth=0.5 block=2 | 8 2 4 1",
            "end.b.w: b mlp | layer=2 depth=1 block=4 | 1 1",
            "block_0.b: block_0 b extra |  | 1",
        ]
    );
    let numbers = canon.numbers.clone();
    let Stored::Name { name, ops, .. } = arch::stored(Some(&own), "spread-code", "layers.7.a.w", &numbers) else {
        panic!("it has a place")
    };
    assert_eq!((name.as_str(), ops.len()), ("net.block_7.a", 1));
}

#[test]
fn hostile_architectures() {
    // Entries for more than memory holds are refused by count.
    let many = format!("for = {{ a = [{0}], b = [{0}] }}", "0,".repeat(60));
    let gate = "as = [\"layers.{i}.gate\"]";
    let key = format!("\n[[layout.key]]\nname = \"x{{i}}.{{a}}.{{b}}\"\n{gate}\n{many}\n");
    let faults = arch::load(&format!("{OWN}{}", key.repeat(5)), "my.toml").expect_err("that is too much");
    assert_eq!(faults[0].problem.message, "`for` makes more than 16384 entries in this file (in `my.toml`)");
    let open = "[".repeat(20_000);
    let deep = format!("x = {open}");
    let nested = OWN.replace("i / (n - 1)", &format!("{}i{}", "(".repeat(10_000), ")".repeat(10_000)));
    let long = OWN.replace("net.block_{i+1}/w", &format!("net.{{i{}}}/w", "+1".repeat(10_000)));
    for text in ["", "\0", "[layout]", "\u{feff}[layout]", "layout = 3", &deep, &nested, &long] {
        assert!(arch::load(text, "my.toml").is_err(), "{text:.40}");
    }
}
