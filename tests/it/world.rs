//! A world without files: headers and recipes written as text or made by rule, for every suite that checks recipes.
#![allow(dead_code)] // A builder's parts are used by some suites and not by others.

use blend::channels::Catalogue;
use blend::channels::Facts;
use blend::channels::Source;
use blend::channels::Space;
use blend::check;
use blend::check::Checked;
use blend::check::Settings;
use blend::check::World;
use blend::diag::Code;
use blend::diag::Problem;
use blend::tensor::Dtype;
use blend::tensor::Entry;
use blend::tensor::FileInfo;
use blend::tensor::Header;
use blend::tensor::Lies;
use blend::tensor::Shape;
use blend::text::Sources;
use std::collections::HashMap;
use std::path::Path;
use std::path::PathBuf;

/// A tensor of a fake checkpoint.
pub type Tensor = (String, Dtype, Vec<u64>);

/// Answers a checker from tables.  Paths are compared as they are joined, so a recipe at base `` names them as written.
#[derive(Clone, Default)]
pub struct FakeWorld {
    pub checkpoints: HashMap<PathBuf, Header>,
    pub recipes: HashMap<PathBuf, String>,
    pub architectures: HashMap<PathBuf, String>,
    /// Width and height.
    pub pictures: HashMap<PathBuf, [usize; 2]>,
}

impl FakeWorld {
    pub fn new() -> FakeWorld {
        FakeWorld::default()
    }

    /// What most tests need: generators of 64, 256 and 512 pixels, rosinality's names, StyleGAN3, language models, and
    /// plain files.  `faces`, `ink` and `pixel` are alike.
    pub fn full() -> FakeWorld {
        let mut world = FakeWorld::new();
        world.pictures.insert("golden/one.png".into(), [64, 64]);
        world.pictures.insert("golden/four.png".into(), [256, 64]);
        for name in ["faces", "ink", "pixel"] {
            world = world.with(&format!("{name}.safetensors"), stylegan2(64, 2048, 128, 96, 4));
        }
        for name in ["llama", "math", "code"] {
            world = world.with(&format!("{name}.safetensors"), llama(4, 64, 160, 1000));
        }
        world
            .with("toon.pt", rosinality(64, 2048, 128, 96, 4))
            .with("narrow.safetensors", stylegan2(64, 1024, 64, 96, 4))
            .with("shallow.safetensors", stylegan2(64, 2048, 128, 96, 2))
            .with("small.safetensors", stylegan2(256, 16384, 512, 512, 8))
            .with("big.safetensors", stylegan2(512, 16384, 512, 512, 8))
            .with("wide.safetensors", stylegan2(512, 32768, 512, 512, 8))
            .with("original.pth", meta_llama(4, 64, 160, 1000))
            .with("told.pth", meta_llama(4, 64, 160, 1000))
            .facts("told.pth", &[("params.json:dim", "64"), ("params.json:n_heads", "4")])
            .with("heads.safetensors", llama(4, 64, 160, 1000))
            .facts("heads.safetensors", &[("config.json:head_dim", "8")])
            .with("alias.safetensors", stylegan3(8192, 128))
            .with("alias2.safetensors", stylegan3(8192, 128))
            .with("deep.safetensors", llama(8, 64, 160, 1000))
            .text(
                "plain.safetensors",
                "enc.0.weight f32 [8,4]\nenc.0.bias f32 [8]\nenc.1.weight f32 [8,8]\nhead f32 [3,8]",
            )
            .text(
                "plain2.safetensors",
                "enc.0.weight f32 [8,4]\nenc.0.bias f32 [8]\nenc.1.weight f32 [8,8]\nhead f32 [3,8]",
            )
            .text(
                "half.safetensors",
                "enc.0.weight f16 [8,4]\nenc.0.bias f16 [8]\nenc.1.weight f16 [8,8]\nhead f16 [3,8]",
            )
            .text("counted.safetensors", "bn.weight f32 [8]\nbn.num_batches_tracked i64 []\nids i64 [5]")
            .text("counted2.safetensors", "bn.weight f32 [8]\nbn.num_batches_tracked i64 []\nids i64 [5]")
            .text("eight.safetensors", "a.weight f8_e4m3 [8,8]\nb.weight f32 [4]")
            .text("eight2.safetensors", "a.weight f8_e4m3 [8,8]\nb.weight f32 [4]")
            .text("doubled.safetensors", "decoder.weight f32 [8,8]\nvae.decoder.weight f32 [8,8]")
            .text("vae.safetensors", "decoder.weight f32 [8,8]")
            .text("unet.safetensors", "model.weight f32 [8,8]\nvae.decoder.weight f32 [8,8]")
            .text("models/faces.safetensors", "w f32 [3]")
            .text("models\\faces.safetensors", "w f32 [3]")
            .text("counts.safetensors", "a.num_batches_tracked i64 []\na.w f32 [2]\nb.num_batches_tracked i64 []")
            .text("counts2.safetensors", "a.num_batches_tracked i64 []\na.w f32 [2]\nb.num_batches_tracked i64 []")
            .with("odd.pt", rosinality_without_batch_axis())
            .recipe("curves.blend", CURVES)
            .architecture("broken.toml", "id = \"mine\"\n[[key]\n")
            .architecture("wrong-template.toml", &own_layout("enc.{i*i}.weight", "layers.{i}.w", "add 1"))
            .architecture("wrong-fix.toml", &own_layout("enc.{i}.weight", "layers.{i}.w", "rotate 1"))
            .architecture(
                "wrong-value.toml",
                &own_layout("enc.{i}.weight", "layers.{i}.w", "add 1").replace("\"t\"", "\"llama\""),
            )
            .architecture("wrong-tensor.toml", &own_layout("enc.{i}.weight", "layers.{i}.v", "add 1"))
            .architecture("right.toml", &own_layout("enc.{i}.weight", "layers.{i}.w", "add 1"))
            .with("twice.pt", plus(rosinality(64, 2048, 128, 96, 4), "conv1.bias f32 [1,128,1,1]"))
            .with("extra.safetensors", plus(stylegan2(64, 2048, 128, 96, 4), "adapter.weight f32 [8,8]"))
            .with("labels.safetensors", plus(stylegan2(64, 2048, 128, 96, 4), "mapping.embed.weight f32 [96,10]"))
            .with("holes.safetensors", without(stylegan2(64, 2048, 128, 96, 4), "b16.conv0.weight"))
            .with("headless.safetensors", without(stylegan2(64, 2048, 128, 96, 4), "b4.const"))
            .with("prefixed.safetensors", prefixed("g_ema.", rosinality(64, 2048, 128, 96, 4)))
    }

    pub fn with(mut self, path: &str, tensors: Vec<Tensor>) -> FakeWorld {
        self.checkpoints.insert(path.into(), header(path, tensors));
        self
    }

    /// What files beside a checkpoint say of it.
    pub fn facts(mut self, path: &str, facts: &[(&str, &str)]) -> FakeWorld {
        let header = self.checkpoints.get_mut(Path::new(path)).expect("the checkpoint is there");
        header.facts.extend(facts.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        self
    }

    /// A checkpoint as text: `name dtype [sizes]`, one tensor a line.
    pub fn text(self, path: &str, lines: &str) -> FakeWorld {
        let tensors = lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(tensor).collect();
        self.with(path, tensors)
    }

    /// A recipe for `use`.
    pub fn recipe(mut self, path: &str, text: &str) -> FakeWorld {
        self.recipes.insert(path.into(), text.into());
        self
    }

    /// An architecture file.
    pub fn architecture(mut self, path: &str, text: &str) -> FakeWorld {
        self.architectures.insert(path.into(), text.into());
        self
    }

    /// Checks a recipe of this world; its name in diagnostics is `recipe.blend`.
    pub fn check(&self, text: &str) -> (Checked, Sources) {
        self.check_with(text, &Settings::default())
    }

    pub fn check_with(&self, text: &str, settings: &Settings) -> (Checked, Sources) {
        let mut sources = Sources::default();
        let root = sources.add("recipe.blend", text).id;
        let checked = check::recipe(&mut sources, root, Path::new(""), settings, self);
        (checked, sources)
    }
}

/// A recipe that others use.
const CURVES: &str = "blend 1

param edge = 16 in 4..1024

let coarse = match {
  mapping           => 0
  resolution ..edge => 1
  else              => 0
}
pattern low = resolution ..edge
fn between(lo, hi) = ramp(position, lo, hi) where position 0..
";

/// Rosinality's names, but the first tensor lacks the axis that the layout drops.
fn rosinality_without_batch_axis() -> Vec<Tensor> {
    let mut tensors = rosinality(64, 2048, 128, 96, 4);
    tensors[0].2 = vec![];
    tensors
}

fn plus(mut tensors: Vec<Tensor>, line: &str) -> Vec<Tensor> {
    tensors.push(tensor(line));
    tensors
}

fn without(mut tensors: Vec<Tensor>, part: &str) -> Vec<Tensor> {
    tensors.retain(|tensor| !tensor.0.contains(part));
    tensors
}

fn prefixed(prefix: &str, mut tensors: Vec<Tensor>) -> Vec<Tensor> {
    tensors.iter_mut().for_each(|tensor| tensor.0.insert_str(0, prefix));
    tensors
}

/// An architecture file with a family of one tensor, and one key for it.
fn own_layout(name: &str, canonical: &str, fix: &str) -> String {
    format!(
        "[family]\nid = \"t\"\nabout = \"one tensor a layer\"\n[[family.tensor]]\nname = \"layers.{{i}}.w\"\n\
         words = [\"weight\"]\ncoords = {{ layer = \"i\" }}\n\n\
         [layout]\nid = \"mine\"\nfamily = \"t\"\nabout = \"my names\"\ndetect = [\"enc.0.weight\"]\n\
         [[layout.key]]\nname = \"{name}\"\nas = [\"{canonical}\"]\nfix = [\"{fix}\"]\n"
    )
}

fn missing(path: &Path) -> Problem {
    Problem::new(Code("E0501"), format!("`{}` does not exist", path.display())).help("name a file that exists")
}

impl World for FakeWorld {
    fn recipe(&self, path: &Path) -> Result<String, Problem> {
        self.recipes.get(path).cloned().ok_or_else(|| missing(path))
    }

    fn architecture(&self, path: &Path) -> Result<String, Problem> {
        self.architectures.get(path).cloned().ok_or_else(|| missing(path))
    }

    fn checkpoint(&self, path: &Path, key: Option<&str>) -> Result<Header, Problem> {
        // As the disk says it of files that have no dictionaries.
        if let (Some(key), true) = (key, path.extension().is_some_and(|ending| ending == "safetensors")) {
            return Err(blend::store::no_dictionaries(path, key));
        }
        self.checkpoints.get(path).cloned().ok_or_else(|| missing(path))
    }

    fn channels(&self, path: &Path) -> Result<(Catalogue, Option<String>), Problem> {
        let space = match path.to_str() {
            // The second was made from another network.
            Some("faces.channels" | "cats.channels") => "b32.conv1",
            Some("strange.channels") => "b32.conv9",
            _ => return Err(missing(path)),
        };
        // Two clusters: the first has the even channels of 64.
        let shares = |own: usize| (0..64).map(move |channel| f32::from(u8::from(channel % 2 == own)));
        let shares = shares(0).chain(shares(1)).collect();
        let (mean, std) = (vec![0.0; 64], vec![1.0; 64]);
        let space = Space { name: space.into(), channels: 64, shares, mean, std, other: None };
        let cats = Source { path: "cats.safetensors".into(), fingerprint: "00-00".into() };
        let models = if path == Path::new("cats.channels") { vec![cats] } else { vec![] };
        let facts = Facts { models, layers: vec![space.name.clone()], ..Facts::default() };
        let (centres, areas, differences) = (vec![0.0; 128], vec![], vec![]);
        let catalogue = Catalogue { clusters: 2, spaces: vec![space], centres, areas, differences, facts };
        Ok((catalogue, Some("[parts]\neyes = [0]\nhair = [1]\n".into())))
    }

    fn picture(&self, path: &Path) -> Result<[usize; 2], Problem> {
        self.pictures.get(path).copied().ok_or_else(|| missing(path))
    }
}

/// `name dtype [sizes]`; a colon after the name may stand.
#[track_caller]
pub fn tensor(line: &str) -> Tensor {
    let (name, rest) = line.split_once(char::is_whitespace).expect("a name, then a type");
    let (dtype, shape) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), "[]"));
    let sizes = shape.trim().trim_start_matches('[').trim_end_matches(']');
    let sizes = sizes.split(',').map(str::trim).filter(|size| !size.is_empty());
    let shape = sizes.map(|size| size.parse().expect("a size is a number")).collect();
    (name.trim_end_matches(':').into(), Dtype::from_name(dtype).expect("a type of recipes, such as f32"), shape)
}

/// A header with tensors one after the other, from byte 8 + 0 of a file on, in name order.
pub fn header(path: &str, mut tensors: Vec<Tensor>) -> Header {
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let mut offset = 8;
    let entries: Vec<Entry> = tensors
        .into_iter()
        .map(|(name, dtype, sizes)| {
            let len = sizes.iter().product::<u64>() * dtype.bytes();
            offset += len;
            Entry { name, dtype, shape: Shape::from_vec(sizes), file: 0, offset: offset - len, len, lies: Lies::Rows }
        })
        .collect();
    Header { files: vec![FileInfo { path: path.into(), size: offset, memory: None }], entries, ..Header::default() }
}

fn f32s(list: Vec<(String, Vec<u64>)>) -> Vec<Tensor> {
    list.into_iter().map(|(name, shape)| (name, Dtype::F32, shape)).collect()
}

fn resolutions(top: u64) -> Vec<u64> {
    (2..=top.ilog2()).map(|octave| 1 << octave).collect()
}

/// A StyleGAN2 generator under NVIDIA's names, kind skip: `C(r) = min(base / r, most)` channels at resolution `r`.
pub fn stylegan2(top: u64, base: u64, most: u64, w: u64, mapping: u64) -> Vec<Tensor> {
    let width = |r: u64| (base / r).min(most);
    let mut out: Vec<(String, Vec<u64>)> = vec![("mapping.w_avg".into(), vec![w])];
    for i in 0..mapping {
        out.push((format!("mapping.fc{i}.weight"), vec![w, w]));
        out.push((format!("mapping.fc{i}.bias"), vec![w]));
    }
    out.push(("synthesis.b4.const".into(), vec![width(4), 4, 4]));
    for r in resolutions(top) {
        let block = format!("synthesis.b{r}");
        out.push((format!("{block}.resample_filter"), vec![4, 4]));
        for (conv, inside) in [("conv0", width(r / 2)), ("conv1", width(r))] {
            if r == 4 && conv == "conv0" {
                continue;
            }
            let layer = format!("{block}.{conv}");
            out.push((format!("{layer}.weight"), vec![width(r), inside, 3, 3]));
            out.push((format!("{layer}.bias"), vec![width(r)]));
            out.push((format!("{layer}.noise_strength"), vec![]));
            out.push((format!("{layer}.noise_const"), vec![r, r]));
            out.push((format!("{layer}.resample_filter"), vec![4, 4]));
            out.push((format!("{layer}.affine.weight"), vec![inside, w]));
            out.push((format!("{layer}.affine.bias"), vec![inside]));
        }
        out.push((format!("{block}.torgb.weight"), vec![3, width(r), 1, 1]));
        out.push((format!("{block}.torgb.bias"), vec![3]));
        out.push((format!("{block}.torgb.affine.weight"), vec![width(r), w]));
        out.push((format!("{block}.torgb.affine.bias"), vec![width(r)]));
    }
    f32s(out)
}

/// The same generator under rosinality's names (`g_ema`), without `latent_avg`.
pub fn rosinality(top: u64, base: u64, most: u64, w: u64, mapping: u64) -> Vec<Tensor> {
    let width = |r: u64| (base / r).min(most);
    let mut out: Vec<(String, Vec<u64>)> = vec![("input.input".into(), vec![1, width(4), 4, 4])];
    for i in 0..mapping {
        out.push((format!("style.{}.weight", i + 1), vec![w, w]));
        out.push((format!("style.{}.bias", i + 1), vec![w]));
    }
    let mut conv = |name: String, out_channels: u64, inside: u64, is_up: bool| {
        out.push((format!("{name}.conv.weight"), vec![1, out_channels, inside, 3, 3]));
        out.push((format!("{name}.conv.modulation.weight"), vec![inside, w]));
        out.push((format!("{name}.conv.modulation.bias"), vec![inside]));
        out.push((format!("{name}.noise.weight"), vec![1]));
        out.push((format!("{name}.activate.bias"), vec![out_channels]));
        if is_up {
            out.push((format!("{name}.conv.blur.kernel"), vec![4, 4]));
        }
    };
    for (k, r) in resolutions(top).into_iter().enumerate() {
        if r == 4 {
            conv("conv1".into(), width(4), width(4), false);
        } else {
            conv(format!("convs.{}", 2 * (k - 1)), width(r), width(r / 2), true);
            conv(format!("convs.{}", 2 * (k - 1) + 1), width(r), width(r), false);
        }
    }
    for (k, r) in resolutions(top).into_iter().enumerate() {
        let name = if r == 4 { "to_rgb1".into() } else { format!("to_rgbs.{}", k - 1) };
        out.push((format!("{name}.conv.weight"), vec![1, 3, width(r), 1, 1]));
        out.push((format!("{name}.conv.modulation.weight"), vec![width(r), w]));
        out.push((format!("{name}.conv.modulation.bias"), vec![width(r)]));
        out.push((format!("{name}.bias"), vec![1, 3, 1, 1]));
        if r > 4 {
            out.push((format!("{name}.upsample.kernel"), vec![4, 4]));
        }
    }
    for n in 0..2 * resolutions(top).len() as u64 - 1 {
        let r = 4u64 << n.div_ceil(2);
        out.push((format!("noises.noise_{n}"), vec![1, 1, r, r]));
    }
    f32s(out)
}

/// A StyleGAN3-T generator of 256 pixels, 14 layers and ToRGB.
pub fn stylegan3(base: u64, w: u64) -> Vec<Tensor> {
    // Size and width of every layer for a base of 32768; other bases scale the widths.
    const LAYERS: [(u64, u64); 15] = [
        (36, 512),
        (36, 512),
        (36, 512),
        (52, 512),
        (52, 512),
        (84, 512),
        (84, 512),
        (148, 512),
        (148, 512),
        (148, 362),
        (276, 256),
        (276, 181),
        (276, 128),
        (256, 128),
        (256, 3),
    ];
    let width = |at: usize| if at == 14 { 3 } else { LAYERS[at].1 * base / 32768 };
    let mut out: Vec<(String, Vec<u64>)> = vec![("mapping.w_avg".into(), vec![w])];
    for i in 0..2 {
        out.push((format!("mapping.fc{i}.weight"), vec![w, w]));
        out.push((format!("mapping.fc{i}.bias"), vec![w]));
    }
    let first = width(0);
    for (name, shape) in [
        ("weight", vec![first, first]),
        ("affine.weight", vec![4, w]),
        ("affine.bias", vec![4]),
        ("freqs", vec![first, 2]),
        ("phases", vec![first]),
        ("transform", vec![3, 3]),
    ] {
        out.push((format!("synthesis.input.{name}"), shape));
    }
    for (at, (size, _)) in LAYERS.iter().enumerate() {
        let (own, before) = (width(at), width(at.saturating_sub(1)));
        let layer = format!("synthesis.L{at}_{size}_{own}");
        let kernel = if at == 14 { 1 } else { 3 };
        out.push((format!("{layer}.weight"), vec![own, before, kernel, kernel]));
        out.push((format!("{layer}.bias"), vec![own]));
        out.push((format!("{layer}.affine.weight"), vec![before, w]));
        out.push((format!("{layer}.affine.bias"), vec![before]));
        out.push((format!("{layer}.magnitude_ema"), vec![]));
        if at < 14 {
            out.push((format!("{layer}.up_filter"), vec![12]));
            out.push((format!("{layer}.down_filter"), vec![12]));
        }
    }
    f32s(out)
}

/// A Llama-like decoder in bf16 with untied head.
pub fn llama(layers: u64, hidden: u64, inner: u64, vocabulary: u64) -> Vec<Tensor> {
    let mut out: Vec<(String, Vec<u64>)> = vec![
        ("model.embed_tokens.weight".into(), vec![vocabulary, hidden]),
        ("model.norm.weight".into(), vec![hidden]),
        ("lm_head.weight".into(), vec![vocabulary, hidden]),
    ];
    for i in 0..layers {
        let layer = format!("model.layers.{i}");
        for (name, shape) in [
            ("self_attn.q_proj", vec![hidden, hidden]),
            ("self_attn.k_proj", vec![hidden / 2, hidden]),
            ("self_attn.v_proj", vec![hidden / 2, hidden]),
            ("self_attn.o_proj", vec![hidden, hidden]),
            ("mlp.gate_proj", vec![inner, hidden]),
            ("mlp.up_proj", vec![inner, hidden]),
            ("mlp.down_proj", vec![hidden, inner]),
            ("input_layernorm", vec![hidden]),
            ("post_attention_layernorm", vec![hidden]),
        ] {
            out.push((format!("{layer}.{name}.weight"), shape));
        }
    }
    out.into_iter().map(|(name, shape)| (name, Dtype::BF16, shape)).collect()
}

/// [`llama`] under the names of Meta's own releases.
pub fn meta_llama(layers: u64, hidden: u64, inner: u64, vocabulary: u64) -> Vec<Tensor> {
    let renamed = |name: String| {
        [
            ("model.embed_tokens", "tok_embeddings"),
            ("model.layers", "layers"),
            ("model.norm", "norm"),
            ("lm_head", "output"),
            ("self_attn.q_proj", "attention.wq"),
            ("self_attn.k_proj", "attention.wk"),
            ("self_attn.v_proj", "attention.wv"),
            ("self_attn.o_proj", "attention.wo"),
            ("mlp.gate_proj", "feed_forward.w1"),
            ("mlp.down_proj", "feed_forward.w2"),
            ("mlp.up_proj", "feed_forward.w3"),
            ("post_attention_layernorm", "ffn_norm"),
            ("input_layernorm", "attention_norm"),
        ]
        .into_iter()
        .fold(name, |name, (ours, theirs)| name.replace(ours, theirs))
    };
    llama(layers, hidden, inner, vocabulary)
        .into_iter()
        .map(|(name, dtype, shape)| (renamed(name), dtype, shape))
        .collect()
}

#[test]
fn builders_are_recognised() {
    let world = FakeWorld::full();
    // Counts by hand: 9 mapping + const + 5 blocks of a filter and 4 of torgb + 9 convolutions of 7, and so on.
    for (path, family, layout, tensors) in [
        ("faces.safetensors", "stylegan2", "nvidia-pytorch", 98),
        ("toon.pt", "stylegan2", "rosinality", 97),
        ("alias.safetensors", "stylegan3", "nvidia-stylegan3", 5 + 6 + 15 * 5 + 14 * 2),
        ("llama.safetensors", "llama", "huggingface", 3 + 4 * 9),
        ("told.pth", "llama", "meta-llama", 3 + 4 * 9),
        ("plain.safetensors", "generic", "generic", 4),
    ] {
        let canon = blend::arch::detect(&world.checkpoints[Path::new(path)], None, None).expect("it is no broken file");
        assert_eq!((&*canon.family, &*canon.layout, canon.tensors.len()), (family, layout, tensors), "{path}");
        assert!(canon.unknown.is_empty(), "{path}: unknown {:?}", canon.unknown);
    }
}
