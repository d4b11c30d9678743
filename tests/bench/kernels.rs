//! Kernels beside `memcpy`: bytes of inputs per second on one core, from memory (64 MiB each, more than the caches hold)
//! into a buffer of one range, as the executor runs them.
//!
//! `cargo bench --bench kernels`

use blend::methods::CallOn;
use blend::methods::Lower;
use blend::methods::OptionValue;
use blend::tensor::Affine;
use blend::tensor::Dtype;
use blend::tensor::View;
use blend::tile::BLOCK;
use blend::tile::Binary;
use blend::tile::Builder;
use blend::tile::Fetch;
use blend::tile::Load;
use blend::tile::Program;
use blend::tile::Scratch;
use blend::tile::Share;
use divan::Bencher;
use divan::counter::BytesCount;
use std::convert::Infallible;
use std::hint::black_box;

/// Bytes of one input.
const BYTES: usize = 64 << 20;

/// Elements of one range.
const RANGE: u64 = 131_072;

/// Bytes that the yardstick copies at a time: a range of bf16.
const CHUNK: usize = 2 * RANGE as usize;

fn main() {
    divan::main();
}

/// Files in memory: read in place as from a map, or copied as by `pread`.
struct Memory {
    files: Vec<Vec<u8>>,
    mapped: bool,
}

impl Fetch for Memory {
    type Error = Infallible;

    fn fetch(&self, file: usize, offset: u64, dst: &mut [u8]) -> Result<(), Infallible> {
        dst.copy_from_slice(&self.files[file][offset as usize..offset as usize + dst.len()]);
        Ok(())
    }

    fn slice(&self, file: usize, offset: u64, len: usize) -> Option<&[u8]> {
        self.mapped.then(|| &self.files[file][offset as usize..offset as usize + len])
    }
}

impl Memory {
    /// Numbers of magnitude 2^-14 to 2, of both signs.
    fn new(count: usize, dtype: Dtype) -> Memory {
        let mut seed = 1u64;
        let mut number = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f32::from_bits((113 + (seed >> 40) as u32 % 15) << 23 | (seed >> 33) as u32 & 0x007f_ffff) * seed_sign(seed)
        };
        let file = |_| -> Vec<u8> {
            match dtype {
                Dtype::F16 => (0..BYTES / 2).flat_map(|_| half::f16::from_f32(number()).to_le_bytes()).collect(),
                Dtype::BF16 => (0..BYTES / 2).flat_map(|_| half::bf16::from_f32(number()).to_le_bytes()).collect(),
                Dtype::F64 => (0..BYTES / 8).flat_map(|_| f64::from(number()).to_le_bytes()).collect(),
                _ => (0..BYTES / 4).flat_map(|_| number().to_le_bytes()).collect(),
            }
        };
        Memory { files: (0..count).map(file).collect(), mapped: true }
    }
}

fn seed_sign(seed: u64) -> f32 {
    if seed >> 63 == 0 { 1.0 } else { -1.0 }
}

/// A builder over inputs of a type and its loads.
fn loads(count: usize, dtype: Dtype, view: &View) -> (Builder, Vec<blend::tile::NodeId>) {
    let mut b = Builder::new(view.shape.clone());
    let load = |file| Load { file, offset: 0, dtype, blocks: None, view: view.clone(), affine: Affine::IDENTITY };
    let nodes = (0..count).map(|file| b.load(load(file))).collect();
    (b, nodes)
}

fn plain(dtype: Dtype) -> View {
    View::contiguous(&[BYTES as u64 / dtype.bytes()])
}

/// Runs all stages and the result; what came out last is returned.
fn run(program: &Program, memory: &Memory, scratch: &mut Scratch, out: &mut Vec<u8>) {
    let mut state = program.start();
    for stage in 0..program.stages {
        let blocks = 0..program.blocks();
        let partials: Vec<Vec<f64>> = blocks
            .map(|block| match program.reduce(stage, block, &state, memory, scratch) {
                Ok(sums) => sums,
                Err(never) => match never {},
            })
            .collect();
        program.finish(stage, &partials, &mut state);
    }
    let Some(result) = program.result else {
        black_box(program.results(&state));
        return;
    };
    let mut at = 0;
    while at < program.elems() {
        let until = (at + RANGE).min(program.elems());
        out.resize(((until - at) * result.dtype.bytes()) as usize, 0);
        match program.evaluate(at..until, &state, memory, scratch, out) {
            Ok(tally) => black_box(tally),
            Err(never) => match never {},
        };
        black_box(&out);
        at = until;
    }
}

fn bench(bencher: Bencher, program: &Program, memory: &Memory) {
    let (mut scratch, mut out) = (Scratch::default(), vec![]);
    let bytes = BytesCount::new(BYTES * memory.files.len());
    bencher.counter(bytes).bench_local(|| run(program, memory, &mut scratch, &mut out));
}

const FLOATS: [Dtype; 3] = [Dtype::BF16, Dtype::F16, Dtype::F32];

/// The yardstick: inputs copied range by range.
#[divan::bench(args = [1, 2, 3], sample_count = 20)]
fn memcpy(bencher: Bencher, inputs: usize) {
    let memory = Memory::new(inputs, Dtype::F32);
    let mut out = vec![0u8; CHUNK];
    bencher.counter(BytesCount::new(BYTES * inputs)).bench_local(|| {
        for at in (0..BYTES).step_by(CHUNK) {
            for file in &memory.files {
                out.copy_from_slice(&file[at..at + CHUNK]);
                black_box(&mut out);
            }
        }
    });
}

fn linear(bencher: Bencher, shares: &[f64], dtype: Dtype, to: Dtype, mapped: bool) {
    let (mut b, nodes) = loads(shares.len(), dtype, &plain(dtype));
    let terms: Vec<_> = shares.iter().zip(nodes).map(|(share, node)| (Share::Const(*share), node)).collect();
    let sum = b.linear(&terms);
    let program = b.finish(sum, to, false);
    bench(bencher, &program, &Memory { mapped, ..Memory::new(shares.len(), dtype) });
}

#[divan::bench(args = FLOATS, sample_count = 20)]
fn linear_1(bencher: Bencher, dtype: Dtype) {
    linear(bencher, &[0.5], dtype, dtype, true);
}

#[divan::bench(args = FLOATS, sample_count = 20)]
fn linear_2(bencher: Bencher, dtype: Dtype) {
    linear(bencher, &[0.6, 0.4], dtype, dtype, true);
}

/// As [`linear_2`], bytes copied out of the file first.
#[divan::bench(args = FLOATS, sample_count = 20)]
fn linear_2_copied(bencher: Bencher, dtype: Dtype) {
    linear(bencher, &[0.6, 0.4], dtype, dtype, false);
}

#[divan::bench(args = FLOATS, sample_count = 20)]
fn linear_3(bencher: Bencher, dtype: Dtype) {
    linear(bencher, &[1.0, 0.7, -0.7], dtype, dtype, true);
}

/// Types change: the interpreter.
#[divan::bench(args = [(Dtype::F32, Dtype::F16), (Dtype::F32, Dtype::BF16), (Dtype::BF16, Dtype::F32), (Dtype::F64, Dtype::F32)], sample_count = 20)]
fn linear_2_converted(bencher: Bencher, (dtype, to): (Dtype, Dtype)) {
    linear(bencher, &[0.6, 0.4], dtype, to, true);
}

/// Five terms: the interpreter.
#[divan::bench(args = FLOATS, sample_count = 20)]
fn linear_5(bencher: Bencher, dtype: Dtype) {
    linear(bencher, &[0.3, 0.2, 0.2, 0.2, 0.1], dtype, dtype, true);
}

/// Reductions and result: two passes over the inputs, whose bytes are counted once.
#[divan::bench(args = FLOATS, sample_count = 20)]
fn slerp(bencher: Bencher, dtype: Dtype) {
    let (mut b, nodes) = loads(2, dtype, &plain(dtype));
    let on = CallOn { inputs: vec![vec![], vec![]], options: vec![OptionValue::Number(0.4)] };
    let Lower::Tiles(lower) = blend::methods::slerp::METHOD.lower else { return };
    let sum = lower(&mut b, &nodes, &on);
    let program = b.finish(sum, dtype, false);
    assert_eq!(program.blocks(), program.elems() / BLOCK);
    bench(bencher, &program, &Memory::new(2, dtype));
}

/// Squares and product of two inputs: the first pass of [`slerp`].
#[divan::bench(args = FLOATS, sample_count = 20)]
fn angle(bencher: Bencher, dtype: Dtype) {
    let (mut b, nodes) = loads(2, dtype, &plain(dtype));
    let sums = vec![b.dot(nodes[0], nodes[1]), b.dot(nodes[0], nodes[0]), b.dot(nodes[1], nodes[1])];
    bench(bencher, &b.measure(sums), &Memory::new(2, dtype));
}

/// Square of a difference.
#[divan::bench(args = FLOATS, sample_count = 20)]
fn distance(bencher: Bencher, dtype: Dtype) {
    let (mut b, nodes) = loads(2, dtype, &plain(dtype));
    let difference = b.binary(Binary::Sub, nodes[0], nodes[1]);
    let sums = vec![b.dot(difference, difference)];
    bench(bencher, &b.measure(sums), &Memory::new(2, dtype));
}

/// A transposed matrix brought into order.
#[divan::bench(args = FLOATS, sample_count = 10)]
fn transposed(bencher: Bencher, dtype: Dtype) {
    let columns = BYTES as u64 / dtype.bytes() / 4096;
    let view = View::strided(&[4096, columns], 0, &[1, 4096]);
    let (b, nodes) = loads(1, dtype, &view);
    bench(bencher, &b.finish(nodes[0], dtype, false), &Memory::new(1, dtype));
}
