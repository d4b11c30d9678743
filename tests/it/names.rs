//! Names of UNets and language models: two code bases' names of one network, and rows in another order.

use crate::arch::files::Tensors;
use crate::arch::files::built;
use crate::arch::files::check;
use crate::arch::files::read;
use crate::arch::header;
use crate::arch::sample;
use crate::arrays::gguf::Gguf;
use crate::run::root;
use blend::arch;
use blend::arch::Canon;
use blend::arch::Instead;
use blend::arch::Stored;
use blend::tensor::Header;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

fn seen(header: &Header) -> Canon {
    arch::detect(header, None, None).expect("the header is of a layout")
}

/// Where a tensor goes in a layout, given the numbers of its checkpoint.
fn stored(canon: &Canon, at: usize, layout: &str) -> Stored {
    let tensor = &canon.tensors[at];
    let numbers = [tensor.numbers.as_slice(), &canon.numbers].concat();
    arch::stored(None, layout, &tensor.name, &numbers)
}

#[track_caller]
fn name_of(stored: Stored) -> String {
    match stored {
        Stored::Name { name, ops, .. } if ops.is_empty() => name,
        other => panic!("no name: {other:?}"),
    }
}

/// The samples have the same tensor in the same line: what is what comes from diffusers' own converter.
#[track_caller]
fn check_unets(name: &str) {
    let (theirs, ours) = (sample(&format!("{name}-ldm")), sample(&format!("{name}-diffusers")));
    let (ldm, diffusers) = (seen(&theirs), seen(&ours));
    assert_eq!(theirs.entries.len(), ours.entries.len());
    assert_eq!(ldm.tensors.len(), ours.entries.len());
    for (at, (their, our)) in theirs.entries.iter().zip(&ours.entries).enumerate() {
        assert_eq!((&*ldm.tensors[at].name, &*diffusers.tensors[at].name), (our.name.as_str(), our.name.as_str()));
        assert_eq!(ldm.tensors[at].traits, diffusers.tensors[at].traits, "{}", our.name);
        assert_eq!(name_of(stored(&diffusers, at, "ldm")), their.name);
        assert_eq!(name_of(stored(&ldm, at, "diffusers")), our.name);
        let bare = their.name.strip_prefix("model.diffusion_model.").expect("the sample has the prefix");
        assert_eq!(name_of(stored(&diffusers, at, "ldm-unet")), bare);
    }
}

#[test]
fn unets() {
    check_unets("sd1-unet");
    check_unets("sdxl-unet");
}

/// Without the prefix, and within a whole checkpoint.
#[test]
fn unets_alone_and_in_checkpoints() {
    let mut bare = sample("sdxl-unet-ldm");
    for entry in &mut bare.entries {
        entry.name = entry.name.strip_prefix("model.diffusion_model.").expect("the sample has the prefix").into();
    }
    assert_eq!(arch::claimants(&bare), ["ldm-unet"]);
    assert_eq!(seen(&bare).tensors[0].name, seen(&sample("sdxl-unet-ldm")).tensors[0].name);

    let mut whole = sample("sd1-unet-ldm");
    let others = "first_stage_model.decoder.conv_in.weight F16 [512, 4, 3, 3]\n\
                  cond_stage_model.transformer.text_model.final_layer_norm.bias F16 [768]";
    whole.entries.extend(header(others).entries);
    let canon = seen(&whole);
    assert_eq!((&*canon.layout, canon.unknown.as_slice()), ("ldm", [686, 687].as_slice()));
    assert!(canon.tensors[686].traits.has_word("extra") && canon.tensors[686].traits.has_word("decoder"));
    assert_eq!(
        stored(&canon, 686, "diffusers"),
        Stored::Name {
            name: "first_stage_model.decoder.conv_in.weight".into(),
            ops: vec![],
            affine: blend::tensor::Affine::IDENTITY,
        }
    );
}

/// Words, coordinates and channel spaces, under LDM's names.
#[track_caller]
fn check_traits(sample_name: &str, stored: &str, words: &str, coords: &str, axes: &str) {
    let file = sample(sample_name);
    let canon = seen(&file);
    let entry = file.entries.iter().position(|entry| entry.name == format!("model.diffusion_model.{stored}"));
    let traits = &canon.tensors[entry.unwrap_or_else(|| panic!("there is no `{stored}`"))].traits;
    assert_eq!(traits.words.join(" "), words, "{stored}");
    let own: Vec<String> = traits.coords.iter().map(|(coord, value)| format!("{}={value}", coord.text())).collect();
    assert_eq!(own.join(" "), coords, "{stored}");
    let own: Vec<&str> = traits.axes.iter().map(|axis| axis.as_deref().unwrap_or("-")).collect();
    assert_eq!(own.join(" "), axes, "{stored}");
}

/// Layers and blocks are those that block-weighted merging counts (IN00 to IN11, M00, OUT00 to OUT11).
#[test]
fn words_and_coordinates() {
    let s = "sd1-unet-ldm";
    check_traits(s, "time_embed.0.weight", "time embed weight", "layer=0 depth=0", "time -");
    check_traits(
        s,
        "input_blocks.0.0.weight",
        "down conv conv_in weight",
        "layer=0 depth=0 block=0",
        "down0 latent - -",
    );
    let in04 = format!("layer=4 depth={} block=4", 4.0 / 24.0);
    check_traits(s, "input_blocks.4.0.in_layers.2.weight", "down resnet conv weight", &in04, "down1 - - -");
    check_traits(s, "input_blocks.4.0.emb_layers.1.weight", "down resnet time weight", &in04, "down1 time");
    check_traits(s, "input_blocks.4.1.proj_in.weight", "down attention proj_in weight", &in04, "");
    let block = "input_blocks.4.1.transformer_blocks.0";
    check_traits(s, &format!("{block}.attn1.to_q.weight"), "down attention self q weight", &in04, "down1 -");
    check_traits(s, &format!("{block}.attn2.to_k.weight"), "down attention cross k weight", &in04, "down1 context");
    check_traits(s, &format!("{block}.attn2.to_out.0.bias"), "down attention cross o bias", &in04, "down1");
    check_traits(s, &format!("{block}.ff.net.0.proj.weight"), "down attention ff weight", &in04, "- down1");
    check_traits(s, &format!("{block}.norm3.bias"), "down attention ff norm bias", &in04, "down1");
    let in06 = "layer=6 depth=0.25 block=6";
    check_traits(s, "input_blocks.6.0.op.weight", "down downsampler conv weight", in06, "down1 down1 - -");
    let m00 = "layer=12 depth=0.5 block=0";
    check_traits(s, "middle_block.2.out_layers.3.weight", "mid resnet conv weight", m00, "mid mid - -");
    check_traits(s, "middle_block.1.norm.bias", "mid attention norm bias", m00, "mid");
    let out02 = format!("layer=15 depth={} block=2", 15.0 / 24.0);
    check_traits(s, "output_blocks.2.1.conv.bias", "up upsampler conv bias", &out02, "up0");
    check_traits(s, "output_blocks.2.0.skip_connection.bias", "up resnet conv shortcut bias", &out02, "up0");
    let out11 = "layer=24 depth=1 block=11";
    check_traits(s, "output_blocks.11.1.norm.weight", "up attention norm weight", out11, "up3");
    check_traits(s, "out.2.weight", "up conv conv_out weight", out11, "- down0 - -");

    let s = "sdxl-unet-ldm";
    check_traits(s, "label_emb.0.2.bias", "add embed bias", "layer=0 depth=0", "time");
    let m00 = "layer=9 depth=0.5 block=0";
    let last = "middle_block.1.transformer_blocks.9.attn2.to_v.weight";
    check_traits(s, last, "mid attention cross v weight", m00, "mid context");
    let out02 = format!("layer=12 depth={} block=2", 12.0 / 18.0);
    check_traits(s, "output_blocks.2.2.conv.weight", "up upsampler conv weight", &out02, "up0 up0 - -");
    check_traits(s, "out.0.bias", "up norm conv_norm_out bias", "layer=18 depth=1 block=8", "down0");
}

/// The tensors of a small decoder of `tests/data/names`.
fn decoder(path: &str) -> Tensors {
    read(&root().join("tests/data/names").join(path))
}

const DECODERS: [(&str, &str); 3] = [("hf", "huggingface"), ("meta", "meta-llama"), ("gguf", "gguf-llama")];

/// From every code base's names and order to every other's, against what the published converters make of them.
#[test]
fn decoders_converted() {
    for (from, _) in DECODERS {
        for (to, layout) in DECODERS {
            let model = format!("\"data/names/{from}/a.safetensors\"");
            let value = format!("a {{ layout = \"{layout}\" }}");
            check(&built(&[("a", &model)], &value, &[]), &decoder(&format!("{to}/a.safetensors")));
        }
    }
}

/// Written in one layout after another, each file read as what it is by itself, the last one as Hugging Face has it.
#[track_caller]
fn check_told(from: &str, layouts: &[&str]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::os::unix::fs::symlink(root().join("tests/data/names"), folder.path().join("names")).expect("a link");
    let mut model = format!("names/{from}");
    let chain: Vec<&str> = layouts.iter().copied().chain(["huggingface"]).collect();
    for (step, layout) in chain.iter().enumerate() {
        let text =
            format!("blend 1\nmodel a = \"{model}\"\noutput \"{step}.safetensors\" = a {{ layout = \"{layout}\" }}\n");
        let written = crate::run::build(&text, folder.path(), 1);
        let header = blend::store::open(&written[0], None).expect("the file can be read");
        assert_eq!(&*seen(&header).layout, *layout, "step {step}");
        model = format!("{step}.safetensors");
    }
    check(&read(&folder.path().join(&model)), &decoder("hf/a.safetensors"));
}

#[test]
fn decoders_tell_their_layout() {
    check_told("hf/a.safetensors", &["gguf-llama"]);
    check_told("hf/a.safetensors", &["meta-llama"]);
    check_told("gguf/a.safetensors", &["gguf-qwen"]);
    check_told("hf/a.safetensors", &["gguf-llama", "gguf-qwen", "gguf-llama"]);
    check_told("meta/a.safetensors", &["gguf-qwen", "huggingface"]);
}

/// An input's own value is kept where the layout allows it, and what tells of another layout is not.
#[test]
fn decoders_keep_their_architecture() {
    let header = |architecture: &str, more: &[(&str, &str)]| {
        let mut file = decoder_header("gguf", "");
        file.metadata.insert("general.architecture".into(), architecture.into());
        file.metadata.extend(more.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        file
    };
    let said = |file: &Header, layout: &str| arch::metadata_of(None, layout, &[(file, &seen(file))]);
    let pair = |name: &str, value: &str| (name.to_string(), value.to_string());
    let qwen3 = header("qwen3", &[("qwen3.attention.key_length", "4")]);
    assert_eq!(said(&qwen3, "gguf-qwen"), [pair("general.architecture", "qwen3")]);
    let llama = [pair("general.architecture", "llama"), pair("llama.attention.key_length", "4")];
    assert_eq!(said(&qwen3, "gguf-llama"), llama);
    let qwen2 = header("qwen2", &[("qwen2.embedding_length", "16"), ("qwen2.attention.head_count", "4")]);
    assert_eq!(said(&qwen2, "gguf-llama"), llama);
    assert_eq!(said(&qwen2, "huggingface"), []);
}

/// What is merged does not depend on the names and orders of the inputs, nor its order on anything but the output's.
#[test]
fn decoders_merged() {
    for value in [
        "mix(a, b, 0.25)",
        "slerp(a, b, 0.3)",
        "match { mlp => a  attention => mix(a, b, depth)  else => b }",
        "align(b, to = a)",
        "mix(a, align(b, to = a), 0.5)",
        "mix(a, b, some)",
    ] {
        for (_, layout) in DECODERS {
            let value = format!("{value} {{ layout = \"{layout}\" }}");
            let merged = |one: &str, two: &str| {
                let path = |code: &str, name: &str| format!("\"data/names/{code}/{name}.safetensors\"");
                let some = "channels some = { \"L0.head\" = [1], \"L1.q\" = [0, 3..9], hidden = [2, 5..11] }";
                built(&[("a", &path(one, "a")), ("b", &format!("{}\n{some}", path(two, "b")))], &value, &[])
            };
            let plain = merged("hf", "hf");
            for (one, two) in [("meta", "hf"), ("hf", "gguf"), ("gguf", "meta"), ("meta", "meta")] {
                check(&merged(one, two), &plain);
            }
        }
    }
}

/// Matrices stored column by column and rows in the order of pairs, at once.
#[test]
fn decoders_by_columns() {
    let model = ("a", "\"data/names/meta/a.pth\"");
    for (code, layout) in DECODERS {
        let value = format!("a {{ layout = \"{layout}\" }}");
        check(&built(&[model], &value, &[]), &decoder(&format!("{code}/a.safetensors")));
    }
    let hf = ("b", "\"data/names/hf/b.safetensors\"");
    let value = "mix(a, b, 0.25) { layout = \"meta-llama\" }";
    let rows = ("a", "\"data/names/meta/a.safetensors\"");
    check(&built(&[model, hf], value, &[]), &built(&[rows, hf], value, &[]));
}

/// Rows of quantised blocks: a GGUF model whose heads have 8 rows of 32 values.
#[test]
fn decoders_in_blocks() {
    const Q8_0: u32 = 8;
    let text = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
    let block = |row: u64| {
        let scale = half::f16::from_f64(0.25 + row as f64);
        let values: Vec<u8> = (0..32).map(|column| (row as i64 * 7 + column * 5 - 80) as i8 as u8).collect();
        [scale.to_le_bytes().to_vec(), values].concat()
    };
    let (rows, down, embed) = (24u64, 32 * 32 * 4, 4 * 32 * 4);
    let mut bytes = Gguf::new()
        .pair("general.architecture", 8, &text("llama"))
        .pair("llama.attention.key_length", 4, &8u32.to_le_bytes())
        .tensor("blk.0.attn_q.weight", &[32, 16], Q8_0, 0)
        .tensor("blk.0.attn_k.weight", &[32, 8], Q8_0, 16 * 34)
        .tensor("blk.0.ffn_down.weight", &[32, 32], 0, 26 * 32)
        .tensor("token_embd.weight", &[32, 4], 0, 26 * 32 + down)
        .data((26 * 32 + down + embed) as usize)
        .bytes();
    let start = bytes.len() - (26 * 32 + down + embed) as usize;
    let blocks: Vec<u8> = (0..rows).flat_map(block).collect();
    bytes[start..start + blocks.len()].copy_from_slice(&blocks);

    // Row `half · 4 + pair` of a head is row `2 · pair + half` of the file.
    let decoded = |first: u64, rows: u64| -> Vec<u8> {
        let stored = |row: u64| first + row / 8 * 8 + row % 4 * 2 + row % 8 / 4;
        let value = |row: u64, column: i64| {
            ((0.25 + row as f32) * f32::from((row as i64 * 7 + column * 5 - 80) as i8)).to_le_bytes()
        };
        (0..rows).flat_map(|row| (0..32).flat_map(move |column| value(stored(row), column))).collect()
    };
    let own = [("a.gguf", bytes)];
    let found = built(&[("a", "\"a.gguf\"")], "a { layout = \"huggingface\" }", &own);
    let part = |part: &str| found[&format!("model.layers.0.self_attn.{part}_proj.weight")].clone();
    assert_eq!(part("q"), (vec![16, 32], decoded(0, 16)));
    assert_eq!(part("k"), (vec![8, 32], decoded(16, 8)));
    // Back in the file's order, and through arithmetic: the file's own rows, twice halved.
    let back = built(&[("a", "\"a.gguf\""), ("b", "\"a.gguf\"")], "mix(a, b, 0.5) { layout = \"gguf-llama\" }", &own);
    let generic = built(&[("a", "\"a.gguf\" { layout = \"generic\" }")], "a", &own);
    check(&back, &generic);
}

/// Claims see through orders: two files of one model are the same.
#[test]
fn decoders_compared() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::os::unix::fs::symlink(root().join("tests/data/names"), folder.path().join("names")).expect("a link");
    let text = "blend 1\nmodel a = \"names/hf/a.safetensors\"\nmodel b = \"names/meta/a.safetensors\"\n\
                model c = \"names/gguf/b.safetensors\"\n\
                output \"out.safetensors\" = b { layout = \"huggingface\" }\n\
                output \"two.safetensors\" = mix(a, c, 0.5) { layout = \"meta-llama\" }\n\
                assert same(a, b)\nassert not same(a, c)\nassert cosine(a, b) > 0.999\nassert finite(mix(a, c, 0.5))\n";
    crate::run::build(text, folder.path(), 2);
}

/// A file with the names and types of a sample, every axis of at most 2: the tensor of a line has values of its own.
fn small(sample_name: &str, seed: u64) -> Vec<u8> {
    let file = sample(sample_name);
    let mut made: Vec<(String, Vec<usize>, Vec<u8>)> = vec![];
    for (line, entry) in file.entries.iter().enumerate() {
        let shape: Vec<usize> = entry.shape.iter().map(|&size| size.min(2) as usize).collect();
        let value = |at: usize| half::f16::from_f64(((line as u64 * 31 + seed * 17 + at as u64) % 997) as f64 / 64.0);
        let bytes = (0..shape.iter().product()).flat_map(|at| value(at).to_le_bytes()).collect();
        made.push((entry.name.clone(), shape, bytes));
    }
    let views = made
        .iter()
        .map(|(name, shape, bytes)| (name, TensorView::new(Dtype::F16, shape.clone(), bytes).expect("the sizes fit")));
    safetensors::serialize(views, None).expect("the names differ")
}

#[test]
fn unets_merged() {
    for name in ["sd1-unet", "sdxl-unet"] {
        let own: Vec<(String, Vec<u8>)> = [("a", 1), ("b", 2)]
            .into_iter()
            .flat_map(|(file, seed)| {
                ["ldm", "diffusers"].map(|side| (format!("{file}-{side}"), small(&format!("{name}-{side}"), seed)))
            })
            .collect();
        let own: Vec<(&str, Vec<u8>)> = own.iter().map(|(path, bytes)| (path.as_str(), bytes.clone())).collect();
        let merged = |one: &str, two: &str, layout: &str| {
            let path = |file: &str, side: &str| format!("\"{file}-{side}\"");
            let value = "mix(a, b, match { down and block ..3 => 0.25  cross => 1  up => depth  else => 0 })";
            let value = format!("{value} {{ layout = \"{layout}\" }}");
            built(&[("a", &path("a", one)), ("b", &path("b", two))], &value, &own)
        };
        for layout in ["diffusers", "ldm"] {
            let plain = merged(layout, layout, layout);
            check(&merged("ldm", "diffusers", layout), &plain);
            check(&merged("diffusers", "ldm", layout), &plain);
        }
    }
}

/// The names of a decoder of one layer, with more lines.
fn decoder_header(code: &str, more: &str) -> Header {
    let (names, q): (&[&str], &str) = match code {
        "hf" => (
            &["model.embed_tokens.weight", "model.layers.0.mlp.down_proj.weight"],
            "model.layers.0.self_attn.q_proj.weight",
        ),
        "meta" => (&["tok_embeddings.weight", "layers.0.feed_forward.w1.weight"], "layers.0.attention.wq.weight"),
        _ => (&["token_embd.weight", "blk.0.ffn_down.weight"], "blk.0.attn_q.weight"),
    };
    let lines: Vec<String> = names.iter().chain([&q]).map(|name| format!("{name} F32 [16, 16]")).collect();
    header(&format!("{}\n{more}", lines.join("\n")))
}

/// Facts of a checkpoint of one layer, and its layout with how large a head is, or the refusal.
#[track_caller]
fn check_heads(code: &str, more: &str, facts: &[(&str, &str)], expected: &str) {
    let mut file = decoder_header(code, more);
    for (name, value) in facts {
        let map = if name.contains(':') { &mut file.facts } else { &mut file.metadata };
        map.insert(name.to_string(), value.to_string());
    }
    let found = match arch::detect(&file, None, None) {
        Ok(canon) => {
            let head = canon.numbers.iter().find(|number| &*number.0 == "head_dim");
            format!("{} {}", canon.layout, head.map_or("-".into(), |head| head.1.to_string()))
        }
        Err(problem) => format!("{} {}", problem.code.0, problem.message),
    };
    assert_eq!(found, expected);
}

#[test]
fn heads() {
    let params = [("params.json:dim", "16"), ("params.json:n_heads", "4")];
    check_heads("meta", "", &params, "meta-llama 4");
    check_heads("meta", "", &[params.as_slice(), &[("params.json:head_dim", "8")]].concat(), "meta-llama 8");
    check_heads("meta", "", &[("config.json:head_dim", "2")], "meta-llama 2");
    // The checkpoint's own word counts more than that of files beside it.
    check_heads("meta", "rope.freqs F32 [4]", &params, "meta-llama 8");
    let unknown = "E0440 the `head_dim` of the model is not told, and the layout `meta-llama` needs it";
    check_heads("meta", "", &[], unknown);
    check_heads("meta", "", &params[..1], unknown);
    check_heads("meta", "", &[("params.json:dim", "16"), ("params.json:n_heads", "3")], unknown);
    for nonsense in ["0", "-8", "many", "8.0", "99999999999999999999", ""] {
        check_heads("meta", "", &[("config.json:head_dim", nonsense)], unknown);
    }
    for (size, reason) in [("6", "6"), ("5", "5"), ("32", "32"), ("1", "1")] {
        let shape = "`layers.0.attention.wq.weight` does not have the shape of its layout: axis 0 has size 16";
        let message = format!("E0432 {shape}, which is not whole heads of {reason}");
        check_heads("meta", "", &[("config.json:head_dim", size)], &message);
    }
    check_heads("hf", "", &[], "huggingface -");
    check_heads("hf", "model.layers.0.self_attn.rotary_emb.inv_freq F32 [2]", &[], "huggingface 4");
    check_heads(
        "hf",
        "",
        &[("config.json:hidden_size", "16"), ("config.json:num_attention_heads", "2")],
        "huggingface 8",
    );
    let llama = ("general.architecture", "llama");
    check_heads("gguf", "", &[llama, ("llama.attention.key_length", "4")], "gguf-llama 4");
    check_heads(
        "gguf",
        "rope_freqs.weight F32 [4]",
        &[llama, ("llama.embedding_length", "16"), ("llama.attention.head_count", "4")],
        "gguf-llama 4",
    );
    // The same names with the rows as Hugging Face has them, and with nobody knows what.
    check_heads("gguf", "", &[("general.architecture", "qwen2")], "gguf-qwen -");
    check_heads("gguf", "", &[("general.architecture", "gemma2")], "generic -");
    check_heads("gguf", "", &[], "generic -");
}

/// Frequencies that loaders compute are in no other code base's files, and no merge asks for them.
#[test]
fn frequencies() {
    let meta = decoder_header("meta", "rope.freqs BF16 [4]");
    let canon = seen(&meta);
    assert_eq!((canon.tensors.len(), canon.unknown.len(), canon.remarks.len()), (3, 0, 0));
    // Whoever looks at the file sees what no output will have.
    let left_out = |canon: &Canon| canon.facts.iter().find(|fact| fact.0 == "left out").map(|fact| fact.1.clone());
    assert_eq!(left_out(&canon).as_deref(), Some("1: `rope.freqs`"));
    assert_eq!(left_out(&seen(&decoder_header("hf", ""))), None);
    let hf = seen(&decoder_header("hf", "model.layers.0.self_attn.rotary_emb.inv_freq F32 [4]"));
    assert_eq!(stored(&hf, 3, "meta-llama"), Stored::Dropped(Instead::Nothing));
    assert_eq!(stored(&hf, 3, "gguf-llama"), Stored::Dropped(Instead::Nothing));
    let norm = seen(&decoder_header("hf", "model.layers.0.self_attn.q_norm.weight F32 [8]"));
    assert_eq!(stored(&norm, 3, "meta-llama"), Stored::NoPlace);
    assert_eq!(stored(&norm, 2, "meta-llama"), Stored::Lacks { number: "head_dim".into() });
}

/// What a file says of itself is not overruled by a layout that the recipe names: its rows have another order.
#[test]
fn a_layout_against_the_metadata() {
    let mut llama = decoder_header("gguf", "");
    llama.metadata.insert("general.architecture".into(), "llama".into());
    let problem = arch::detect(&llama, None, Some("gguf-qwen")).expect_err("another order");
    let message = "its metadata say `general.architecture` is `llama`, but files of the layout `gguf-qwen` have `qwen2` or `qwen3`";
    assert_eq!((problem.code.0, problem.message.as_str()), ("E0437", message));
    assert_eq!(problem.help.as_deref(), Some("write `layout = \"gguf-llama\"`"));
    llama.metadata.clear();
    assert!(arch::detect(&llama, None, Some("gguf-qwen")).is_ok(), "a file that says nothing is what the recipe says");
}

/// llama.cpp's names without its metadata are told, not guessed.
#[test]
fn no_architecture_in_the_metadata() {
    let canon = seen(&decoder_header("gguf", ""));
    let said: Vec<_> = canon.remarks.iter().map(|problem| (problem.code.0, problem.message.as_str())).collect();
    let message =
        "3 of 3 tensors are named as in the layout `gguf-llama`, but its metadata do not have `general.architecture`";
    assert_eq!(said, [("W0403", message)]);
    // Names alone do not tell the order of rotary rows: no layout is proposed.
    let note = "these layouts have the same names and other orders: `gguf-llama` (`general.architecture` llama), `gguf-qwen` (`general.architecture` qwen2 or qwen3)";
    assert!(canon.remarks[0].notes.iter().any(|own| own == note), "{:?}", canon.remarks[0].notes);
    assert_eq!(
        canon.remarks[0].help.as_deref(),
        Some("find out which of them made the file, and write it as `{ layout = … }`")
    );
    let mut other = decoder_header("gguf", "");
    other.metadata.insert("general.architecture".into(), "gemma2".into());
    assert_eq!(seen(&other).remarks, []);
}
