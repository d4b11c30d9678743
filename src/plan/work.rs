//! From operations of the graph to work on bytes: copies where bits are moved, programs elsewhere.

use super::Between;
use super::EqualCheck;
use super::Work;
use crate::arch::CanonTensor;
use crate::arch::ViewOp;
use crate::field::Weight;
use crate::graph::Graph;
use crate::graph::OpId;
use crate::graph::OpKind;
use crate::hir::Input;
use crate::hir::InputId;
use crate::hir::Overflow;
use crate::hir::Recipe;
use crate::methods::Lower;
use crate::tensor::Affine;
use crate::tensor::Dtype;
use crate::tensor::TableId;
use crate::tensor::View;
use crate::tile::Binary;
use crate::tile::Builder;
use crate::tile::Ground;
use crate::tile::Load;
use crate::tile::NodeId;
use crate::tile::Placed;
use crate::tile::Share;
use std::collections::HashMap;
use std::sync::Arc;

/// What is needed to turn operations into work.
pub struct Maker<'r> {
    pub recipe: &'r Recipe,
    pub graph: &'r Graph,
    /// Per input: its first file among the files of the plan.
    pub first_file: &'r [usize],
}

/// How a canonical tensor is stored in an output.
#[derive(Clone, Debug)]
pub struct Target {
    /// Canonical order to stored order.
    pub ops: Vec<ViewOp>,
    /// stored = canonical · scale + add
    pub affine: Affine,
}

impl Target {
    pub const AS_IS: Target = Target { ops: vec![], affine: Affine::IDENTITY };

    /// Whether the stored order may differ from the canonical one.
    pub fn reorders(&self) -> bool {
        self.ops.iter().any(|op| matches!(op, ViewOp::Permute(_) | ViewOp::Flip(_) | ViewOp::Deal { .. }))
    }
}

impl<'r> Maker<'r> {
    pub fn tensor(&self, input: InputId, name: &Arc<str>) -> (&'r Input, &'r CanonTensor) {
        let input = self.recipe.input(input);
        (input, &input.canon.tensors[input.canon.index[name]])
    }

    /// A load of a canonical tensor, in the order that the operations give.
    pub fn load(&self, id: InputId, name: &Arc<str>, ops: &[ViewOp]) -> Load {
        self.load_turned(id, name, ops, &[])
    }

    /// The same with axes in the order of tables.
    fn load_turned(&self, id: InputId, name: &Arc<str>, ops: &[ViewOp], turn: &[(usize, TableId)]) -> Load {
        let (input, tensor) = self.tensor(id, name);
        let entry = &input.header.entries[tensor.entry];
        let view = turn.iter().fold(tensor.view.clone(), |view, (axis, table)| view.with_table(*axis, *table));
        let view = placed(ops, view);
        Load {
            file: self.first_file[id.0 as usize] + entry.file,
            offset: entry.offset,
            dtype: entry.dtype,
            blocks: entry.blocks(),
            view,
            affine: tensor.affine,
        }
    }

    /// The value of an operation as a node of a program.
    pub fn node(&self, builder: &mut Builder, id: OpId, ops: &[ViewOp]) -> NodeId {
        let mut making = Making { ops, turn: vec![], turned_by: None, made: HashMap::new() };
        self.node_once(builder, id, &mut making)
    }

    /// The same, with the operations that the program has already: nested calls share theirs.
    fn node_once(&self, builder: &mut Builder, id: OpId, making: &mut Making) -> NodeId {
        let key = (id, making.turned_by);
        if let Some(&node) = making.made.get(&key) {
            return node;
        }
        let node = self.made(builder, id, making);
        making.made.insert(key, node);
        node
    }

    fn made(&self, builder: &mut Builder, id: OpId, making: &mut Making) -> NodeId {
        let op = self.graph.op(id);
        let ops = making.ops;
        let ground = Ground { shape: &op.shape, place: &|view| placed(ops, view) };
        match &op.kind {
            OpKind::Load { input, name } => builder.load(self.load_turned(*input, name, ops, &making.turn)),
            OpKind::Linear { shares } => {
                let mut terms: Vec<(Share, NodeId)> = vec![];
                for (share, &input) in shares.iter().zip(&op.inputs) {
                    let share = match share {
                        Weight::Number(number) => Share::Const(*number),
                        Weight::Field(field) => builder.field(Placed::new(field, &ground)),
                    };
                    terms.push((share, self.node_once(builder, input, making)));
                }
                builder.linear(&terms)
            }
            OpKind::Call { method, on } => {
                let inputs: Vec<NodeId> =
                    op.inputs.iter().map(|&input| self.node_once(builder, input, making)).collect();
                match method.lower {
                    Lower::Tiles(lower) => lower(builder, &inputs, on),
                    Lower::Rows { tiles, .. } => tiles(builder, &inputs, on, &ground),
                    Lower::Shares(_) | Lower::Keys => unreachable!("these calls were flattened by the check"),
                }
            }
            // What is below is a sum of loads: the check saw to that.
            OpKind::Align { alignment, axes } => {
                let outer = (std::mem::replace(&mut making.turn, turn(*alignment, axes)), making.turned_by.replace(id));
                let node = self.node_once(builder, op.inputs[0], making);
                (making.turn, making.turned_by) = outer;
                node
            }
            OpKind::Agree | OpKind::Write { .. } | OpKind::Draw { .. } => self.node_once(builder, op.inputs[0], making),
            OpKind::Measure { .. } => unreachable!("nothing is made of a measure"),
        }
    }

    /// The load that a write moves, if it moves bits in their order.
    pub fn moved(&self, id: OpId) -> Option<(InputId, &Arc<str>)> {
        let op = self.graph.op(id);
        match &op.kind {
            OpKind::Load { input, name } => Some((*input, name)),
            OpKind::Agree => self.moved(op.inputs[0]),
            _ => None,
        }
    }

    /// The work of a write.
    pub fn write(&self, id: OpId, target: &Target) -> Work {
        let op = self.graph.op(id);
        let OpKind::Write { dtype, overflow, .. } = &op.kind else { unreachable!("only writes are asked") };
        let (value, tables) = match &self.graph.op(op.inputs[0]).kind {
            OpKind::Align { alignment, axes } => (self.graph.op(op.inputs[0]).inputs[0], turn(*alignment, axes)),
            _ => (op.inputs[0], vec![]),
        };
        if let Some((input, name)) = self.moved(value) {
            let load = self.load_turned(input, name, &target.ops, &tables);
            let same_values = undone(load.affine, target.affine);
            if load.dtype == *dtype && same_values {
                if let Some(offset) = load.contiguous_offset() {
                    return Work::Copy { file: load.file, offset };
                }
                // A load in its own type is moved by the interpreter, bit by bit.
                let mut builder = Builder::new(load.view.shape.clone());
                let node = builder.load(Load { affine: Affine::IDENTITY, ..load });
                return Work::Gather(Arc::new(builder.finish(node, *dtype, false)));
            }
        }
        let program = self.program(op.inputs[0], target, *dtype, *overflow);
        let canonical = (target.reorders() && program.stages > 0)
            .then(|| Arc::new(self.program(op.inputs[0], &Target::AS_IS, *dtype, *overflow)));
        Work::Compute { program: Arc::new(program), canonical, strict: *overflow == Overflow::Error }
    }

    fn program(&self, value: OpId, target: &Target, dtype: Dtype, overflow: Overflow) -> crate::tile::Program {
        let shape = placed(&target.ops, View::contiguous(&self.graph.op(value).shape));
        let mut builder = Builder::new(shape.shape);
        let mut node = self.node(&mut builder, value, &target.ops);
        if target.affine.scale != 1.0 {
            node = builder.linear(&[(Share::Const(target.affine.scale), node)]);
        }
        if target.affine.add != 0.0 {
            let add = builder.constant(target.affine.add);
            node = builder.binary(Binary::Add, node, add);
        }
        builder.finish(node, dtype, overflow == Overflow::Saturate)
    }

    /// A node that holds a tensor's values, or its bytes when it is not float: then the shape is that of the bytes.
    pub fn raw_or_values(&self, builder_shape: &mut crate::tensor::Shape, id: OpId) -> Option<Load> {
        let (input, name) = self.moved(id)?;
        let load = self.load(input, name, &[]);
        if load.dtype.is_float() {
            return None;
        }
        let raw = bytes_of(load);
        *builder_shape = raw.view.shape.clone();
        Some(raw)
    }
}

/// What a program is being made with.
struct Making<'m> {
    ops: &'m [ViewOp],
    /// Axes of loads that are read in the order of tables.
    turn: Vec<(usize, TableId)>,
    /// The operation that says so.
    turned_by: Option<OpId>,
    made: HashMap<(OpId, Option<OpId>), NodeId>,
}

fn turn(alignment: u32, axes: &[(usize, u32)]) -> Vec<(usize, TableId)> {
    axes.iter().map(|&(axis, space)| (axis, TableId { alignment, space })).collect()
}

/// A view in the order that operations give.
fn placed(ops: &[ViewOp], view: View) -> View {
    ops.iter().fold(view, |view, op| op.apply(view).expect("a layout's operations fit the canonical shape"))
}

/// A load of the bytes of a tensor: one more axis, of the bytes of an element.
pub fn bytes_of(load: Load) -> Load {
    let size = load.dtype.bytes();
    Load { dtype: Dtype::U8, view: load.view.of_bytes(size), affine: Affine::IDENTITY, ..load }
}

/// Whether reading and writing change no value: the one undoes the other.
fn undone(read: Affine, write: Affine) -> bool {
    let scale = read.scale * write.scale;
    let add = read.add * write.scale + write.add;
    (scale - 1.0).abs() < 1e-15 && add.abs() < 1e-15
}

/// The checks that inputs agree where the policy wants it.
pub fn equal_checks(maker: &Maker) -> Vec<EqualCheck> {
    let mut checks = vec![];
    for &write in &maker.graph.writes {
        let agree = maker.graph.op(write).inputs[0];
        let op = maker.graph.op(agree);
        if !matches!(op.kind, OpKind::Agree) {
            continue;
        }
        let leaf = |id: OpId| match &maker.graph.op(id).kind {
            OpKind::Load { input, .. } => *input,
            _ => unreachable!("inputs of an agreement are loads"),
        };
        for &other in &op.inputs[1..] {
            let program = differing(maker, op.inputs[0], other);
            let between = Between::Inputs(leaf(op.inputs[0]), leaf(other));
            checks.push(EqualCheck { canonical: op.name.clone(), between, program, site: op.site });
        }
    }
    checks
}

/// Counts elements that differ.
pub fn differing(maker: &Maker, first: OpId, other: OpId) -> crate::tile::Program {
    let mut shape = maker.graph.op(first).shape.clone();
    let raw = (maker.raw_or_values(&mut shape, first), maker.raw_or_values(&mut shape, other));
    let mut builder = Builder::new(shape);
    let (a, b) = match raw {
        (Some(a), Some(b)) => (builder.load(a), builder.load(b)),
        _ => (maker.node(&mut builder, first, &[]), maker.node(&mut builder, other, &[])),
    };
    let differs = builder.binary(Binary::Differs, a, b);
    let count = builder.sum(differs);
    builder.measure(vec![count])
}

/// Counts elements of a float tensor that differ from those of a load.
pub fn differing_from(maker: &Maker, id: OpId, load: Load) -> crate::tile::Program {
    let mut builder = Builder::new(maker.graph.op(id).shape.clone());
    let (a, b) = (maker.node(&mut builder, id, &[]), builder.load(load));
    let differs = builder.binary(Binary::Differs, a, b);
    let count = builder.sum(differs);
    builder.measure(vec![count])
}

/// Counts all elements of a shape.
pub fn counting(shape: &[u64]) -> crate::tile::Program {
    let mut builder = Builder::new(shape.into());
    let one = builder.constant(1.0);
    let count = builder.sum(one);
    builder.measure(vec![count])
}
