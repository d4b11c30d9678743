//! The machine: runs opcodes, and leaves what is named to `call`.

use super::Fault;
use super::Id;
use super::Limits;
use super::Pickle;
use super::Source;
use super::Value;
use super::Values;
use super::fault::Bad;
use super::names;
use super::numpy::Numpy;
use super::opcode;
use super::opcode::Class;
use super::read::Reader;
use super::stack::Key;
use super::stack::LINE;
use super::stack::over;
use super::walk;
use crate::diag::shown;
use std::collections::HashMap;
use std::collections::HashSet;

/// Integers that exist once.
pub(super) const SMALL_INTS: usize = 256;

pub(super) struct Machine<'a> {
    pub reader: Reader<'a>,
    pub limits: &'a Limits,
    pub values: Values,
    pub stack: Vec<Id>,
    /// Heights of the stack.
    pub marks: Vec<usize>,
    pub memo: Vec<Option<Id>>,
    /// Slots of the memo that are set.
    pub memo_set: usize,
    /// Where a dict has a key.
    pub index: HashMap<(Id, Key), usize>,
    pub ints: Vec<Option<Id>>,
    /// Of the opcode that runs.
    pub at: u64,
    opcode: Option<&'static str>,
    /// Counted against the limits.
    pub opcodes: u64,
    pub memory: u64,
    pub blobs: u64,
    pub expanded: u64,
    /// Arrays that BUILD has yet to fill.
    pub blank: HashSet<Id>,
    /// Element types of NumPy.
    pub numpy: HashMap<Id, Numpy>,
    /// Storages that stand in byte strings, by where these begin.
    pub nested: HashMap<u64, Id>,
    /// This pickle stands in such a byte string itself.
    pub is_nested: bool,
}

/// Most keys that are told of where a fault is.
const PATH: usize = 32;

const NONE: Id = Id(0);
const TRUE: Id = Id(1);
const FALSE: Id = Id(2);

impl<'a> Machine<'a> {
    pub fn new(source: &'a dyn Source, start: u64, limits: &'a Limits) -> Machine<'a> {
        let mut values = Values::default();
        // In the order of the constants.
        values.list.extend([Value::None, Value::Bool(true), Value::Bool(false)]);
        Machine {
            reader: Reader::new(source, start),
            limits,
            values,
            stack: vec![],
            marks: vec![],
            memo: vec![],
            memo_set: 0,
            index: HashMap::new(),
            ints: vec![None; SMALL_INTS],
            at: start,
            opcode: None,
            opcodes: 0,
            memory: 0,
            blobs: 0,
            expanded: 0,
            blank: HashSet::new(),
            numpy: HashMap::new(),
            nested: HashMap::new(),
            is_nested: false,
        }
    }

    /// Runs to STOP; also how many opcodes it took.
    pub fn run(mut self) -> Result<(Pickle, u64), Fault> {
        let root = match self.run_all() {
            Ok(root) => root,
            Err(bad) => return Err(self.fault(bad)),
        };
        Ok((Pickle { values: self.values, root, end: self.reader.pos }, self.opcodes))
    }

    fn fault(&self, bad: Bad) -> Fault {
        let (offset, opcode) = bad.inner.unwrap_or((self.at, self.opcode));
        Fault { offset, opcode, found: bad.found, expected: bad.expected, code: bad.kind, path: self.path() }
    }

    fn run_all(&mut self) -> Result<Id, Bad> {
        self.begin()?;
        loop {
            self.at = self.reader.pos;
            self.opcode = None;
            let byte = self.reader.opcode()?;
            self.opcodes += 1;
            if self.opcodes > self.limits.opcodes {
                return Err(over("opcodes", self.limits.opcodes));
            }
            let Some((name, class)) = opcode::find(byte) else {
                return Err(Bad::malformed(format!("the byte 0x{byte:02x}"), "an opcode"));
            };
            self.opcode = Some(name);
            match class {
                Class::Run if byte == opcode::STOP => return self.stop(),
                Class::Run => self.step(byte)?,
                Class::Old => {
                    return Err(Bad::unsupported(
                        format!("{name}, which only protocols 0 and 1 have"),
                        "protocol 2 to 5, which `torch.save` and `pickle.dump(…, protocol=4)` write",
                    ));
                }
                Class::Refused(why) => {
                    return Err(Bad::unsupported(format!("{name}, which {why}"), "the opcodes of checkpoints"));
                }
            }
        }
    }

    /// PROTO and its number come first.
    fn begin(&mut self) -> Result<(), Bad> {
        self.at = self.reader.pos;
        let first = self.reader.opcode()?;
        if first != opcode::PROTO {
            let found = match opcode::find(first) {
                Some((name, _)) => format!("{name} as the first opcode, as in protocol 0 or 1"),
                None => format!("the byte 0x{first:02x}"),
            };
            return Err(Bad::unsupported(found, "PROTO: a pickle of protocol 2 to 5"));
        }
        self.opcode = Some("PROTO");
        match self.reader.uint(1)? {
            2..=5 => Ok(()),
            0 | 1 => Err(Bad::unsupported("protocol 0 or 1", "protocol 2 to 5: `pickle.dump(…, protocol=4)`")),
            other => Err(Bad::unsupported(format!("protocol {other}"), "protocol 2 to 5")),
        }
    }

    fn stop(&mut self) -> Result<Id, Bad> {
        self.reader.stop()?;
        if !self.marks.is_empty() || self.stack.len() != 1 {
            let found = format!("{} values and {} marks on the stack", self.stack.len(), self.marks.len());
            return Err(Bad::malformed(found, "exactly one value at the end"));
        }
        let root = self.stack[0];
        walk::verify(&self.values, root, self.limits)?;
        Ok(root)
    }

    fn step(&mut self, byte: u8) -> Result<(), Bad> {
        match byte {
            opcode::MARK => {
                if self.marks.len() >= self.limits.marks {
                    return Err(over("open marks", self.limits.marks as u64));
                }
                self.marks.push(self.stack.len());
            }
            opcode::POP => drop(self.pop()?),
            opcode::POP_MARK => drop(self.pop_mark()?),
            opcode::DUP => {
                let top = self.top()?;
                self.push_id(top)?;
            }
            opcode::NONE => self.push_id(NONE)?,
            opcode::NEWTRUE => self.push_id(TRUE)?,
            opcode::NEWFALSE => self.push_id(FALSE)?,
            opcode::BININT => {
                let int = i32::from_le_bytes(self.reader.array()?);
                self.push_int(int as i64)?;
            }
            opcode::BININT1 => {
                let int = self.reader.uint(1)?;
                self.push_int(int as i64)?;
            }
            opcode::BININT2 => {
                let int = self.reader.uint(2)?;
                self.push_int(int as i64)?;
            }
            opcode::LONG1 => {
                let len = self.reader.uint(1)?;
                self.long(len)?;
            }
            opcode::LONG4 => {
                let len = i32::from_le_bytes(self.reader.array()?);
                let len = u64::try_from(len).map_err(|_| {
                    Bad::malformed(format!("an integer of {len} bytes"), "a length that is not negative")
                })?;
                self.long(len)?;
            }
            opcode::BINFLOAT => {
                let float = f64::from_be_bytes(self.reader.array()?);
                self.push(Value::Float(float))?;
            }
            opcode::BINSTRING => {
                let len = i32::from_le_bytes(self.reader.array()?);
                let len = u64::try_from(len)
                    .map_err(|_| Bad::malformed(format!("a string of {len} bytes"), "a length that is not negative"))?;
                self.latin(len)?;
            }
            opcode::SHORT_BINSTRING => {
                let len = self.reader.uint(1)?;
                self.latin(len)?;
            }
            opcode::SHORT_BINBYTES => self.bytes(1)?,
            opcode::BINBYTES => self.bytes(4)?,
            opcode::BINBYTES8 | opcode::BYTEARRAY8 => self.bytes(8)?,
            opcode::SHORT_BINUNICODE => self.text(1)?,
            opcode::BINUNICODE => self.text(4)?,
            opcode::BINUNICODE8 => self.text(8)?,
            opcode::EMPTY_TUPLE => self.push(Value::Tuple(vec![]))?,
            opcode::TUPLE => {
                let items = self.pop_mark()?;
                self.tuple(items)?;
            }
            opcode::TUPLE1..=opcode::TUPLE3 => {
                let items = self.pop_some(usize::from(byte - opcode::TUPLE1) + 1)?;
                self.tuple(items)?;
            }
            opcode::EMPTY_LIST => self.push(Value::List(vec![]))?,
            opcode::EMPTY_DICT => self.push(Value::Dict(vec![]))?,
            opcode::EMPTY_SET => self.push(Value::Set(vec![]))?,
            opcode::APPEND => {
                let items = self.pop_some(1)?;
                self.append(items)?;
            }
            opcode::APPENDS => {
                let items = self.pop_mark()?;
                self.append(items)?;
            }
            opcode::SETITEM => {
                let items = self.pop_some(2)?;
                self.set_items(items)?;
            }
            opcode::SETITEMS => {
                let items = self.pop_mark()?;
                self.set_items(items)?;
            }
            opcode::ADDITEMS => {
                let items = self.pop_mark()?;
                self.add_items(items)?;
            }
            opcode::FROZENSET => {
                let items = self.pop_mark()?;
                self.push(Value::Set(vec![]))?;
                self.add_items(items)?;
            }
            opcode::GLOBAL => {
                let module = self.reader.line(LINE)?;
                let name = self.reader.line(LINE)?;
                self.global(&module, &name)?;
            }
            opcode::STACK_GLOBAL => self.stack_global()?,
            opcode::REDUCE => {
                let args = self.pop()?;
                let callee = self.pop()?;
                let made = self.reduce(callee, args)?;
                self.push_id(made)?;
            }
            opcode::NEWOBJ => {
                let args = self.pop()?;
                let class = self.pop()?;
                let made = self.new_object(class, args)?;
                self.push_id(made)?;
            }
            opcode::BUILD => {
                let state = self.pop()?;
                let object = self.top()?;
                self.build(object, state)?;
            }
            opcode::BINPERSID => {
                let id = self.pop()?;
                let storage = self.persistent(id)?;
                self.push_id(storage)?;
            }
            opcode::BINPUT => {
                let slot = self.reader.uint(1)?;
                self.put(slot)?;
            }
            opcode::LONG_BINPUT => {
                let slot = self.reader.uint(4)?;
                self.put(slot)?;
            }
            opcode::MEMOIZE => self.put(self.memo_set as u64)?,
            opcode::BINGET => {
                let slot = self.reader.uint(1)?;
                self.get(slot)?;
            }
            opcode::LONG_BINGET => {
                let slot = self.reader.uint(4)?;
                self.get(slot)?;
            }
            opcode::FRAME => {
                let len = self.reader.uint(8)?;
                self.reader.open_frame(len)?;
            }
            opcode::PROTO => return Err(Bad::malformed("PROTO within the pickle", "PROTO only as the first opcode")),
            _ => return Err(Bad::malformed(format!("the byte 0x{byte:02x}"), "an opcode")),
        }
        Ok(())
    }

    /// The keys under construction, as far as what waits on the stack tells them.
    fn path(&self) -> String {
        let mut parts: Vec<String> = vec![];
        let bounds = [&[0], &self.marks[..], &[self.stack.len()]].concat();
        for level in bounds.windows(2) {
            self.open_keys(level[0], &self.stack[level[0]..level[1]], &mut parts);
            if parts.len() > PATH {
                break;
            }
        }
        parts.truncate(PATH);
        parts.join(".")
    }

    /// The keys of one level of the stack (what is above a mark) whose values are under construction.
    fn open_keys(&self, below: usize, level: &[Id], parts: &mut Vec<String>) {
        let last = level.len().saturating_sub(1);
        // A text before a name that is called: `"weight", _rebuild_tensor_v2, …`.
        let is_callee = |id: Id| match self.values.get(id) {
            Value::Global(name) => names::known(name).is_some(),
            _ => false,
        };
        let before_call = (last.saturating_sub(3)..last).rev().find(|at| is_callee(level[at + 1]));
        let is_dict = |id: Id| matches!(self.values.get(id), Value::Dict(_));
        if below > 0 && is_dict(self.stack[below - 1]) {
            // Keys and values in pairs for SETITEMS.
            parts.extend(level.get(before_call.unwrap_or(last & !1)).and_then(|id| self.key_text(*id)));
            return;
        }
        // A dict, a key and a value each, for SETITEM.
        let keys = (1..level.len().min(2 * PATH)).filter(|at| is_dict(level[at - 1]));
        let mut keys: Vec<usize> = keys.collect();
        keys.extend(before_call.filter(|at| !keys.contains(at)));
        parts.extend(keys.iter().filter_map(|at| self.key_text(level[*at])));
    }

    /// A key as it is told; what PyTorch and dnnlib put between those that people know is left out.
    fn key_text(&self, id: Id) -> Option<String> {
        let text = self.values.str(id)?;
        let is_frame = ["_modules", "_parameters", "_buffers", "state", "components", "variables"].contains(&text);
        (!is_frame && (1..=96).contains(&text.len())).then(|| shown::name(text))
    }
}
