//! Channels that an architecture calls free: in any other order of them a network draws what it drew.

use super::goldens::Case;
use crate::arch::header;
use crate::laws::model::Random;
use blend::arch;
use blend::render::cpu::Cpu;
use blend::render::host::Host;
use blend::render::weights::Array;
use blend::render::weights::Weights;
use blend::tensor::shape_text;
use std::collections::BTreeMap;

/// An array with index i of an axis taken from `order[i]`.
fn taken(array: &Array, axis: usize, order: &[usize]) -> Array {
    let inner: usize = array.shape[axis + 1..].iter().product();
    let blocks = array.data.chunks(inner * order.len());
    let values = blocks.flat_map(|block| order.iter().flat_map(move |at| &block[at * inner..(at + 1) * inner]));
    Array::new(&array.shape, values.copied().collect::<Vec<f32>>())
}

/// Draws a case before and after all of its free channel spaces have another order; `spaces` is how many there are.
#[track_caller]
fn check(name: &'static str, family: &str, spaces: usize) {
    let mut case = Case::load(name);
    let text = format!(
        "[layout]\nid = \"own\"\nfamily = \"{family}\"\nabout = \"canonical names\"\ndetect = []\ncanonical_names = true\n"
    );
    let own = arch::load(&text, "own.toml").expect("a layout");
    let line = |(name, array): (&blend::network::Name, &Array)| {
        let shape: Vec<u64> = array.shape.iter().map(|size| *size as u64).collect();
        format!("{name} F32 {}\n", shape_text(&shape))
    };
    let file = header(&case.weights.iter().map(line).collect::<String>());
    let canon = arch::detect(&file, Some(&own), None).expect("a network");
    let mut random = Random(7);
    let mut orders: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut changed = Weights::default();
    for tensor in &canon.tensors {
        let mut array = case.weights.get(&tensor.name).expect("it is there").clone();
        for free in &tensor.traits.free {
            let space = tensor.traits.axes[free.axis].as_ref().expect("a free axis has a space");
            let order = orders.entry(space.to_string()).or_insert_with(|| {
                let mut order: Vec<usize> = (0..array.shape[free.axis]).collect();
                (1..order.len()).rev().for_each(|last| order.swap(last, random.next() as usize % (last + 1)));
                order
            });
            array = taken(&array, free.axis, order);
        }
        changed.insert(&*tensor.name, array);
    }
    assert_eq!(orders.len(), spaces, "{name}: {:?}", orders.keys());
    let draw = |case: &Case| {
        let net = case.net();
        let host = Host::new(net.clone(), &case.weights).expect("the weights are described");
        Cpu::new(net, &case.weights).expect("the weights are described").draw(&case.frame(&host)).expect("a picture")
    };
    let before = draw(&case);
    case.weights = changed;
    let after = draw(&case);
    let largest = before.values.iter().fold(0f32, |most, value| most.max(value.abs()));
    let off = before.values.iter().zip(after.values.iter()).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
    assert!(off <= 1e-4 * largest, "{name}: off by {off} of {largest}");
    assert!(off > 0.0, "{name}: sums in another order round otherwise");
}

#[test]
fn free_channels_of_stylegan2() {
    check("skip", "stylegan2", 10);
    check("skip-labels", "stylegan2", 10);
    check("resnet", "stylegan2", 10);
    check("orig", "stylegan2", 12);
}

#[test]
fn free_channels_of_stylegan3() {
    check("t", "stylegan3", 16);
    check("r", "stylegan3", 16);
}
