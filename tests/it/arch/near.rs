//! Headers that are nearly a layout's, have more than it, are hostile, or large.

use super::SAMPLES;
use super::header;
use super::sample;
use blend::arch;
use blend::arch::Stored;
use blend::tensor::Header;
use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

/// What is said of a header that is nearly one of a layout: code, message, help.
#[track_caller]
fn check_near(file: &Header, forced: Option<&str>, layout: &str, code: &str, message: &str, help: &str) {
    let (found, problems) = match arch::detect(file, None, forced) {
        Ok(canon) => (canon.layout.to_string(), canon.remarks.clone()),
        Err(problem) => ("none".into(), vec![problem]),
    };
    let said: Vec<_> = problems
        .iter()
        .map(|problem| (problem.code.0, problem.message.as_str(), problem.help.as_deref().unwrap_or("")))
        .collect();
    let wanted: &[_] = if code.is_empty() { &[] } else { &[(code, message, help)] };
    assert_eq!((found.as_str(), said.as_slice()), (layout, wanted));
}

/// A sample without some tensors, and with some more.
fn changed(name: &str, without: &[&str], with: &str) -> Header {
    let mut file = sample(name);
    file.entries.retain(|entry| !without.iter().any(|part| entry.name.contains(part)));
    file.entries.extend(header(with).entries);
    file
}

#[test]
fn near_misses() {
    let complete = "take what it lacks from another model: `complete(THIS, from = OTHER)`";
    let one = changed("stylegan2-256", &["b16.conv0.weight"], "");
    let lacks = "the model lacks `synthesis.b16.conv0.weight` of a stylegan2 network";
    check_near(&one, None, "nvidia-pytorch", "W0402", lacks, complete);
    let block = changed("stylegan2-256", &["b16."], "");
    let lacks = "the model lacks `synthesis.b16.conv0.weight` and 18 other tensors of a stylegan2 network";
    check_near(&block, None, "nvidia-pytorch", "W0402", lacks, complete);
    let layer = changed("llama3-8b", &["layers.7."], "");
    let lacks = "the model lacks `model.layers.7.self_attn.q_proj.weight` and 8 other tensors of a llama network";
    check_near(&layer, None, "huggingface", "W0402", lacks, complete);
    let rosinality = changed("toon-rosinality", &["convs.2.activate.bias"], "");
    let lacks = "the model lacks `synthesis.b16.conv0.bias` of a stylegan2 network";
    check_near(&rosinality, None, "rosinality", "W0402", lacks, complete);
    // Without w_avg or noise images a network is whole: code bases leave them out.
    check_near(&changed("stylegan2-256", &["w_avg", "noise_const"], ""), None, "nvidia-pytorch", "", "", "");

    let headless = changed("stylegan2-256", &["b4.const"], "");
    let missing = "143 of 143 tensors are named as in the layout `nvidia-pytorch`, but `synthesis.b4.const` is missing";
    let name_it = "write `{ layout = \"nvidia-pytorch\" }`, or `{ layout = \"generic\" }` if it is meant";
    check_near(&headless, None, "generic", "W0403", missing, name_it);
    check_near(&headless, Some("generic"), "generic", "", "", "");
    let lacks = "the model lacks `synthesis.b4.const` of a stylegan2 network";
    check_near(&headless, Some("nvidia-pytorch"), "nvidia-pytorch", "W0402", lacks, complete);

    let mut prefixed = sample("toon-rosinality");
    prefixed.entries.iter_mut().for_each(|entry| entry.name.insert_str(0, "decoder."));
    prefixed.entries.extend(header("encoder.conv.weight F32 [4]").entries);
    let under = "the tensors under `decoder.` are named as in the layout `rosinality`";
    check_near(&prefixed, None, "generic", "W0403", under, "write `{ strip_prefix = \"decoder.\" }`");

    let none = "no tensor is named as in the layout `rosinality`";
    check_near(
        &sample("toon-nvidia"),
        Some("rosinality"),
        "none",
        "E0437",
        none,
        "write `layout = \"nvidia-pytorch\"`",
    );
    let typo = "there is no layout `rosinalty`";
    let names = "write `\"rosinality\"` (there are gguf-llama, gguf-qwen, huggingface, meta-llama, diffusers, ldm, ldm-unet, nvidia-pytorch, rosinality, genforce, stylegan2-tf, stylegan1-tf, lucidrains, nvidia-stylegan3, generic)";
    check_near(&sample("toon-rosinality"), Some("rosinalty"), "none", "E0431", typo, names);

    let generic = "write `{ layout = \"generic\" }` to read the file under its own names";
    let flat = changed("toon-rosinality", &["input.input"], "input.input F32 [128, 4, 4]");
    let shape = "`input.input` does not have the shape of its layout: axis 0 has size 128, and 1 is needed to drop it";
    check_near(&flat, None, "none", "E0432", shape, generic);
    let flat = changed("toon-nvidia", &["b8.conv0.weight"], "synthesis.b8.conv0.weight F32 [128, 1152]");
    let shape = "`synthesis.b8.conv0.weight` does not have the shape of its layout: `synthesis.b8.conv0.weight` has 4 axes, and 2 came out";
    check_near(&flat, None, "none", "E0432", shape, generic);
    let twice = changed("toon-rosinality", &[], "conv1.bias F32 [1, 128, 1, 1]");
    let both = "`conv1.activate.bias` and `conv1.bias` are both `synthesis.b4.conv1.bias`";
    check_near(&twice, None, "none", "E0438", both, &format!("{generic}, or remove one of them"));
}

#[test]
fn extra_tensors_keep_their_names() {
    let file = changed("stylegan2-256", &[], "D.b4.out.weight F32 [1, 512]\nsynthesis.b5.torgb.bias F32 [3]");
    let canon = arch::detect(&file, None, None).expect("an extra tensor is no error");
    assert_eq!(canon.unknown.len(), 2);
    assert_eq!(
        canon.facts.last().map(|fact| (fact.0.as_str(), fact.1.as_str())),
        Some(("not in the layout", "2: `D.b4.out.weight`, `synthesis.b5.torgb.bias`"))
    );
    let extra = &canon.tensors[canon.index["D.b4.out.weight"]].traits;
    assert_eq!((extra.words.join(" "), extra.coords.as_slice()), ("d b4 out weight extra".into(), [].as_slice()));
    assert!(canon.remarks.is_empty(), "an extra tensor is no hole: {:?}", canon.remarks);
    let stored = arch::stored(None, "rosinality", "D.b4.out.weight", &[]);
    assert_eq!(stored, Stored::Unknown);
}

#[test]
fn hostile_headers() {
    let digits = "9".repeat(40);
    let extras = [
        format!("synthesis.b{digits}.conv0.weight F32 [1, 1, 3, 3]"),
        "synthesis.b016.conv0.weight F32 [1, 1, 3, 3]".into(),
        "synthesis.b0.conv0.weight F32 [1, 1, 3, 3]".into(),
        "synthesis.b4.conv0.weight F32 [1, 1, 3, 3]".into(),
        "synthesis.b1099511627776.conv0.weight F32 [1, 1, 3, 3]".into(),
        "synthesis.b\u{664}.conv0.weight F32 [1, 1, 3, 3]".into(),
        format!("convs.{digits}.conv.weight F32 [1, 1, 1, 3, 3]"),
        "convs.4611686018427387903.conv.weight F32 [1, 1, 1, 3, 3]".into(),
        "style.0.weight F32 [1]".into(),
        "to_rgbs.900000000000000000.bias F32 [1, 3, 1, 1]".into(),
        format!("model.layers.{digits}.mlp.up_proj.weight F32 [1, 1]"),
        "model.layers.999999999999999999.mlp.up_proj.weight F32 [1, 1]".into(),
        format!("synthesis.L{digits}_36_512.weight F32 [1, 1, 1, 1]"),
        "synthesis.L5_0_0.bias F32 [0]".into(),
        "synthesis.L999999999999999999_999999999999999999_1.bias F32 [0]".into(),
        format!("{} F32 []", ".".repeat(10_000)),
    ];
    for name in SAMPLES {
        for extra in &extras {
            let file = changed(name, &[], extra);
            // Whatever is made of it, nothing panics and no tensor is lost.
            if let Ok(canon) = arch::detect(&file, None, None) {
                let entries: BTreeSet<usize> = canon.tensors.iter().map(|tensor| tensor.entry).collect();
                assert_eq!(entries.len(), file.entries.len(), "{name} with {extra:.60}");
            }
        }
        // An empty tensor may have any sizes.
        let mut file = sample(name);
        file.entries[0].shape = [1 << 40, 1 << 40, 0].as_slice().into();
        let _ = arch::detect(&file, None, None);
        // Cut anywhere, too.
        let whole = sample(name);
        for cut in [0, 1, 2, 7, whole.entries.len() / 2, whole.entries.len() - 1] {
            let mut file = whole.clone();
            file.entries.truncate(cut);
            for layout in
                [None, Some("rosinality"), Some("nvidia-pytorch"), Some("huggingface"), Some("nvidia-stylegan3")]
            {
                let _ = arch::detect(&file, None, layout);
            }
        }
    }
}

/// Best of five: what others do on the machine must not fail the test.
fn fastest(file: &Header) -> Duration {
    let run = || {
        let start = Instant::now();
        arch::detect(file, None, None).expect("the header is right");
        start.elapsed()
    };
    (0..5).map(|_| run()).min().expect("five runs")
}

#[test]
fn fast() {
    // Only a hang is told: benches measure.
    let limit = Duration::from_secs(60);
    let mut llama =
        String::from("model.embed_tokens.weight BF16 [8, 8]\nmodel.norm.weight BF16 [8]\nlm_head.weight BF16 [8, 8]\n");
    for i in 0..80 {
        for part in [
            "self_attn.q_proj",
            "self_attn.k_proj",
            "self_attn.v_proj",
            "self_attn.o_proj",
            "mlp.gate_proj",
            "mlp.up_proj",
            "mlp.down_proj",
        ] {
            llama += &format!("model.layers.{i}.{part}.weight BF16 [8, 8]\n");
        }
        llama += &format!(
            "model.layers.{i}.input_layernorm.weight BF16 [8]\nmodel.layers.{i}.post_attention_layernorm.weight BF16 [8]\n"
        );
    }
    let llama = header(&llama);
    assert_eq!(llama.entries.len(), 723);
    let generic: String =
        (0..10_000).map(|i| format!("stage.{}.unit.{}.conv.weight F32 [8, 8, 3, 3]\n", i / 10, i % 10)).collect();
    // Names that almost fit a template with arithmetic, and never do.
    let hostile: String = (0..10_000)
        .map(|i| format!("convs.{}.conv.weight F32 [1, 1, 1, 1, 1]\n", 1_000_000_007u64 * (i + 1)))
        .collect();
    let mut rosinality = sample("toon-rosinality");
    rosinality.entries.extend(header(&hostile).entries);
    for (name, file) in [("llama", &llama), ("generic", &header(&generic)), ("hostile", &rosinality)] {
        let took = fastest(file);
        println!("{name}: {} tensors in {took:?}", file.entries.len());
        assert!(took < limit, "{name}: {} tensors took {took:?}", file.entries.len());
    }
}
