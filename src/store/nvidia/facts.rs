//! What a network was built with, as metadata: texts under `stylegan.NAME`, the same names for both codes, so that what all
//! inputs share stands in the output and a network can be built for it.
//!
//! | name | meaning |
//! | --- | --- |
//! | `source` | `nvidia-pytorch` or `nvidia-tensorflow` |
//! | `network` | which one of the pickle: `G_ema`, `Gs`, `G` |
//! | `class_name` | class or function that builds it |
//! | `resolution`, `img_channels`, `z_dim`, `w_dim`, `c_dim` | sizes of image, latents and labels |
//! | `channel_base`, `channel_max` | widths: min(base / resolution, max) |
//! | `architecture` | `skip`, `orig` or `resnet` |
//! | `activation`, `use_noise`, `resample_filter` | of the synthesis network; the filter as its taps |
//! | `conv_clamp` | a number, or `none` |
//! | `num_fp16_res` | resolutions that run in half precision |
//! | `mapping_layers`, `mapping_lr_multiplier`, `embed_features`, `w_avg_beta` | of the mapping network |
//! | `num_layers`, `num_critical`, `first_cutoff`, `first_stopband`, `last_stopband_rel`, `margin_size`, `output_scale`, `conv_kernel`, `use_radial_filters`, `magnitude_ema_beta` | of StyleGAN3's synthesis network |
//! | `tf_version`, `fmap_decay`, `lod` | of TensorFlow's files; the level of detail only where it is not 0 |

use super::Scene;
use crate::diag::shown;
use crate::pickle::Id;
use crate::pickle::Value;

/// Longest text of a fact.
const LONGEST: usize = 200;

/// Most numbers of a list.
const MOST: usize = 64;

/// Where a fact of a PyTorch network stands: paths of attributes (`*` is any part, the last one counts), then those of the
/// constructor's arguments.
const ATTRIBUTES: &[(&str, &[&str], &[&str])] = &[
    ("resolution", &["img_resolution", "synthesis.img_resolution"], &["img_resolution"]),
    ("img_channels", &["img_channels", "synthesis.img_channels"], &["img_channels"]),
    ("z_dim", &["z_dim", "mapping.z_dim"], &["z_dim"]),
    ("w_dim", &["w_dim", "mapping.w_dim"], &["w_dim"]),
    ("c_dim", &["c_dim", "mapping.c_dim"], &["c_dim"]),
    ("channel_base", &[], &["channel_base", "synthesis_kwargs.channel_base"]),
    ("channel_max", &[], &["channel_max", "synthesis_kwargs.channel_max"]),
    ("architecture", &["synthesis.*.architecture", "architecture"], &["architecture", "synthesis_kwargs.architecture"]),
    ("activation", &["synthesis.*.conv1.activation"], &["activation", "synthesis_kwargs.activation"]),
    ("use_noise", &["synthesis.*.conv1.use_noise"], &["use_noise", "synthesis_kwargs.use_noise"]),
    ("resample_filter", &[], &["resample_filter", "synthesis_kwargs.resample_filter"]),
    (
        "conv_clamp",
        &["synthesis.*.conv1.conv_clamp", "synthesis.*.conv_clamp", "*.conv1.conv_clamp"],
        &["conv_clamp", "synthesis_kwargs.conv_clamp"],
    ),
    ("num_fp16_res", &["synthesis.num_fp16_res"], &["num_fp16_res", "synthesis_kwargs.num_fp16_res"]),
    ("mapping_layers", &["mapping.num_layers"], &["mapping_kwargs.num_layers"]),
    ("mapping_lr_multiplier", &["mapping.fc0.bias_gain"], &["mapping_kwargs.lr_multiplier"]),
    ("embed_features", &["mapping.embed.out_features"], &["mapping_kwargs.embed_features"]),
    ("w_avg_beta", &["mapping.w_avg_beta"], &["mapping_kwargs.w_avg_beta"]),
    ("num_layers", &["synthesis.num_layers"], &["num_layers"]),
    ("num_critical", &["synthesis.num_critical"], &["num_critical"]),
    ("first_cutoff", &[], &["first_cutoff"]),
    ("first_stopband", &[], &["first_stopband"]),
    ("last_stopband_rel", &[], &["last_stopband_rel"]),
    ("margin_size", &["synthesis.margin_size"], &["margin_size"]),
    ("output_scale", &["synthesis.output_scale"], &["output_scale"]),
    // The last layer has a kernel of its own: the argument says it, or the first.
    ("conv_kernel", &["synthesis.L0.conv_kernel"], &["conv_kernel"]),
    ("use_radial_filters", &["synthesis.L0.down_radial"], &["use_radial_filters"]),
    ("magnitude_ema_beta", &["synthesis.*.magnitude_ema_beta"], &["magnitude_ema_beta"]),
];

/// Arguments of TensorFlow's networks and what PyTorch's call them.
const ARGUMENTS: &[(&str, &str)] = &[
    ("resolution", "resolution"),
    ("img_channels", "num_channels"),
    ("z_dim", "latent_size"),
    ("w_dim", "dlatent_size"),
    ("c_dim", "label_size"),
    ("channel_max", "fmap_max"),
    ("fmap_decay", "fmap_decay"),
    ("architecture", "architecture"),
    ("activation", "nonlinearity"),
    ("use_noise", "use_noise"),
    ("resample_filter", "resample_kernel"),
    ("conv_clamp", "conv_clamp"),
    ("num_fp16_res", "num_fp16_res"),
    ("mapping_layers", "mapping_layers"),
    ("mapping_lr_multiplier", "mapping_lrmul"),
    ("embed_features", "label_fmaps"),
    ("w_avg_beta", "dlatent_avg_beta"),
];

/// Facts of a module of NVIDIA's persistence.
pub fn of_module(scene: &Scene, class: &str, state: Id, label: &str) -> Vec<(String, String)> {
    let mut facts = Facts::new("nvidia-pytorch", label);
    facts.add("class_name", Some(shown::name(class)));
    let arguments = scene.values.dict_get(state, "_init_kwargs");
    for (name, attributes, keys) in ATTRIBUTES {
        let own = attributes.iter().find_map(|path| attribute(scene, state, path));
        let argument = || keys.iter().find_map(|path| argument(scene, arguments?, path));
        facts.add(name, own.or_else(argument).and_then(|id| text(scene, id)));
    }
    facts.0
}

/// Facts of a network of TensorFlow's code.
pub fn of_network(scene: &Scene, state: Id, label: &str) -> Vec<(String, String)> {
    let values = scene.values;
    let part = |name: &str| values.dict_get(state, name);
    let mut facts = Facts::new("nvidia-tensorflow", label);
    facts.add("class_name", part("build_func_name").and_then(|id| text(scene, id)));
    facts.add("tf_version", part("version").and_then(|id| text(scene, id)));
    if let Some(arguments) = part("static_kwargs") {
        for (name, theirs) in ARGUMENTS {
            facts.add(name, values.dict_get(arguments, theirs).and_then(|id| text(scene, id)));
        }
        // Widths are base / 2^(level * decay), and level 1 is the resolution 4.
        let base = values.dict_get(arguments, "fmap_base").and_then(|id| number(scene, id));
        facts.add("channel_base", base.map(|base| format!("{}", base * 2.0)));
    }
    // A network that is still growing is none that its layers alone describe.
    let variables = part("variables").and_then(|list| values.items(list)).unwrap_or_default();
    let lod = variables.iter().find_map(|pair| match values.items(*pair) {
        Some([name, value]) if values.str(*name) == Some("lod") => number(scene, *value),
        _ => None,
    });
    facts.add("lod", lod.filter(|lod| *lod != 0.0).map(|lod| format!("{lod}")));
    facts.0
}

struct Facts(Vec<(String, String)>);

impl Facts {
    fn new(source: &str, label: &str) -> Facts {
        let mut facts = Facts(vec![]);
        facts.add("source", Some(source.to_string()));
        facts.add("network", (!label.is_empty()).then(|| shown::name(label)));
        facts
    }

    fn add(&mut self, name: &str, text: Option<String>) {
        self.0.extend(text.map(|text| (format!("stylegan.{name}"), text)));
    }
}

/// An attribute of a module or of its parts.
fn attribute(scene: &Scene, state: Id, path: &str) -> Option<Id> {
    let Some((first, rest)) = path.split_once('.') else { return scene.values.dict_get(state, path) };
    let modules = scene.values.dict_get(state, "_modules").and_then(|modules| scene.values.entries(modules))?;
    // StyleGAN3's layers have their sizes in their names.
    let fits =
        |name: &str| first == "*" || name == first || name.strip_prefix(first).is_some_and(|r| r.starts_with('_'));
    let states = modules.iter().rev().filter_map(|(name, module)| match scene.values.get(*module) {
        Value::Module { state, .. } if scene.values.str(*name).is_some_and(fits) => Some(*state),
        _ => None,
    });
    states.into_iter().find_map(|state| attribute(scene, state, rest))
}

/// An argument of a constructor, or of a dictionary among them.
fn argument(scene: &Scene, arguments: Id, path: &str) -> Option<Id> {
    match path.split_once('.') {
        Some((first, rest)) => argument(scene, scene.values.dict_get(arguments, first)?, rest),
        None => scene.values.dict_get(arguments, path),
    }
}

/// A plain value as text; `None`: it is not plain, or too long.
fn text(scene: &Scene, id: Id) -> Option<String> {
    match scene.values.get(id) {
        Value::None => Some("none".into()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Str(text) if text.len() <= LONGEST && !shown::has_hidden(text) => Some(text.to_string()),
        Value::Tuple(items) | Value::List(items) if items.len() <= MOST => {
            let items: Option<Vec<String>> =
                items.iter().map(|item| number(scene, *item).map(|n| n.to_string())).collect();
            Some(format!("[{}]", items?.join(", ")))
        }
        _ => number(scene, id).map(|number| number.to_string()),
    }
}

fn number(scene: &Scene, id: Id) -> Option<f64> {
    let number = match scene.values.get(id) {
        Value::Array(array) if array.shape.iter().all(|size| *size == 1) => array.scalar(scene.source),
        _ => scene.values.float(id),
    };
    number.filter(|number| number.is_finite())
}
