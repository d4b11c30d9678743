//! The stack, the memo and the making of values, with what each costs.

use super::Blob;
use super::Id;
use super::Value;
use super::fault::Bad;
use super::machine::Machine;
use super::machine::SMALL_INTS;
use super::names;
use super::names::Refused;
use crate::diag::shown;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Longer texts are noted, not read; in bytes.
const TEXT: u64 = 16 << 10;
/// Longest line of GLOBAL, in bytes.
pub(super) const LINE: usize = 512;
/// What is counted for a value, for a list of items, for an item, and for an entry of a dict with its place in the index; in
/// bytes.
const COST_VALUE: u64 = size_of::<Value>() as u64;
const COST_LIST: u64 = 24;
const COST_ITEM: u64 = 8;
const COST_ENTRY: u64 = 72;

/// A key as dicts compare it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Text(Arc<str>),
    Int(i64),
    Float(u64),
    /// Nothing else is told to be equal.
    Other(Id),
}

/// A fault of [`super::Limits`].
pub(super) fn over(what: &str, most: u64) -> Bad {
    Bad::limit(format!("more than {most} {what}"), "a checkpoint, which has fewer")
}

impl Machine<'_> {
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    pub fn top(&self) -> Result<Id, Bad> {
        match self.stack.last() {
            Some(id) if self.stack.len() > self.floor() => Ok(*id),
            _ => Err(Bad::malformed("nothing on the stack", "a value")),
        }
    }

    pub fn pop(&mut self) -> Result<Id, Bad> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    pub fn pop_some(&mut self, count: usize) -> Result<Vec<Id>, Bad> {
        let have = self.stack.len() - self.floor();
        if have < count {
            return Err(Bad::malformed(format!("{have} values on the stack"), format!("{count}")));
        }
        Ok(self.stack.split_off(self.stack.len() - count))
    }

    pub fn pop_mark(&mut self) -> Result<Vec<Id>, Bad> {
        let mark =
            self.marks.pop().ok_or_else(|| Bad::malformed("no mark on the stack", "one that began the items"))?;
        Ok(self.stack.split_off(mark))
    }

    pub fn push_id(&mut self, id: Id) -> Result<(), Bad> {
        if self.stack.len() >= self.limits.stack {
            return Err(over("values on the stack", self.limits.stack as u64));
        }
        self.stack.push(id);
        Ok(())
    }

    pub fn push(&mut self, value: Value) -> Result<(), Bad> {
        let id = self.add(value)?;
        self.push_id(id)
    }

    /// Puts a value into the arena.
    pub fn add(&mut self, value: Value) -> Result<Id, Bad> {
        if self.values.list.len() >= self.limits.values as usize {
            return Err(over("values", self.limits.values as u64));
        }
        self.charge(COST_VALUE)?;
        let id = Id(self.values.list.len() as u32);
        self.values.list.push(value);
        Ok(id)
    }

    /// Counts bytes that are about to be kept.
    pub fn charge(&mut self, bytes: u64) -> Result<(), Bad> {
        self.memory = self.memory.saturating_add(bytes);
        match self.memory <= self.limits.memory {
            true => Ok(()),
            false => Err(over("bytes of texts and lists", self.limits.memory)),
        }
    }

    /// Counts bytes of a blob that is about to be decoded.
    pub fn charge_blob(&mut self, bytes: u64) -> Result<(), Bad> {
        self.blobs = self.blobs.saturating_add(bytes);
        match self.blobs <= self.limits.blobs {
            true => Ok(()),
            false => Err(over("bytes of tensors as text (protocol 2)", self.limits.blobs)),
        }
    }

    pub fn push_int(&mut self, int: i64) -> Result<(), Bad> {
        let Some(slot) = usize::try_from(int).ok().filter(|slot| *slot < SMALL_INTS) else {
            return self.push(Value::Int(int));
        };
        let id = match self.ints[slot] {
            Some(id) => id,
            None => self.add(Value::Int(int))?,
        };
        self.ints[slot] = Some(id);
        self.push_id(id)
    }

    pub fn long(&mut self, len: u64) -> Result<(), Bad> {
        if len > self.limits.integer {
            return Err(Bad::limit(
                format!("an integer of {len} bytes"),
                format!("at most {} bytes", self.limits.integer),
            ));
        }
        self.charge(len)?;
        let bytes = self.reader.take(len as usize)?;
        let sign = if bytes.last().is_some_and(|top| top & 0x80 != 0) { 0xff } else { 0 };
        let is_small =
            bytes.len() <= 8 || (bytes[8..].iter().all(|byte| *byte == sign) && (bytes[7] & 0x80 != 0) == (sign != 0));
        if is_small {
            let mut wide = [sign; 8];
            let used = bytes.len().min(8);
            wide[..used].copy_from_slice(&bytes[..used]);
            return self.push_int(i64::from_le_bytes(wide));
        }
        let long = Value::Long(bytes.into());
        self.push(long)
    }

    pub fn bytes(&mut self, width: usize) -> Result<(), Bad> {
        let len = self.reader.uint(width)?;
        let offset = self.reader.skip(len)?;
        self.push(Value::Bytes(Blob::File { offset, len }))
    }

    pub fn text(&mut self, width: usize) -> Result<(), Bad> {
        let len = self.reader.uint(width)?;
        if len > TEXT {
            let offset = self.reader.skip(len)?;
            return self.push(Value::LongStr(Blob::File { offset, len }));
        }
        self.charge(len)?;
        let bytes = self.reader.take(len as usize)?;
        let text = std::str::from_utf8(bytes)
            .map_err(|error| Bad::malformed(format!("the text breaks at its byte {}", error.valid_up_to()), "UTF-8"))?;
        let text = Value::Str(text.into());
        self.push(text)
    }

    /// A byte string of Python 2: text where it is short, bytes always.
    pub fn latin(&mut self, len: u64) -> Result<(), Bad> {
        if len > TEXT {
            let offset = self.reader.skip(len)?;
            return self.push(Value::Bytes(Blob::File { offset, len }));
        }
        // Up to two bytes of UTF-8 each, and the place of the bytes.
        self.charge(2 * len + COST_LIST)?;
        let offset = self.reader.pos;
        let text: String = self.reader.take(len as usize)?.iter().map(|byte| char::from(*byte)).collect();
        let id = self.add(Value::Str(text.into()))?;
        self.values.latin.insert(id, (offset, len));
        self.push_id(id)
    }

    pub fn tuple(&mut self, items: Vec<Id>) -> Result<(), Bad> {
        self.charge(COST_LIST + COST_ITEM * items.len() as u64)?;
        self.push(Value::Tuple(items))
    }

    pub fn append(&mut self, items: Vec<Id>) -> Result<(), Bad> {
        let target = self.top()?;
        self.charge(COST_LIST + COST_ITEM * items.len() as u64)?;
        match &mut self.values.list[target.0 as usize] {
            Value::List(list) => list.extend(items),
            // A list of a class that is not known stays without contents.
            Value::Opaque(_) | Value::Strange(_) => {}
            other => return Err(Bad::malformed(format!("items for {}", other.noun()), "a list")),
        }
        Ok(())
    }

    pub fn add_items(&mut self, items: Vec<Id>) -> Result<(), Bad> {
        let target = self.top()?;
        self.charge(COST_LIST + COST_ITEM * items.len() as u64)?;
        match &mut self.values.list[target.0 as usize] {
            Value::Set(set) => set.extend(items),
            other => return Err(Bad::malformed(format!("members for {}", other.noun()), "a set")),
        }
        Ok(())
    }

    pub fn set_items(&mut self, items: Vec<Id>) -> Result<(), Bad> {
        let target = self.top()?;
        if !items.len().is_multiple_of(2) {
            return Err(Bad::malformed("a key without a value", "keys and values in pairs"));
        }
        match self.values.get(target) {
            Value::Dict(_) => {}
            Value::Opaque(_) | Value::Strange(_) => return Ok(()),
            other => return Err(Bad::malformed(format!("an item set on {}", other.noun()), "a dict")),
        }
        items.chunks_exact(2).try_for_each(|pair| self.set_item(target, pair[0], pair[1]))
    }

    /// Sets an entry of a dict; `target` is one.
    pub fn set_item(&mut self, target: Id, key: Id, value: Id) -> Result<(), Bad> {
        let known = match self.values.get(key) {
            Value::Str(text) | Value::Global(text) => Key::Text(text.clone()),
            Value::Int(int) => Key::Int(*int),
            Value::Bool(bool) => Key::Int(i64::from(*bool)),
            // As in Python, 1.0 is 1.
            Value::Float(float) if *float as i64 as f64 == *float => Key::Int(*float as i64),
            Value::Float(float) => Key::Float(float.to_bits()),
            // A set may be a frozen one.
            other @ (Value::Dict(_) | Value::List(_)) => {
                return Err(Bad::malformed(format!("{} as a key", other.noun()), "a key that can be hashed"));
            }
            _ => Key::Other(key),
        };
        self.charge(COST_ENTRY)?;
        let Value::Dict(entries) = &mut self.values.list[target.0 as usize] else {
            return Err(Bad::malformed("an item set on something else", "a dict"));
        };
        match self.index.entry((target, known)) {
            Entry::Occupied(place) => entries[*place.get()].1 = value,
            Entry::Vacant(place) => {
                place.insert(entries.len());
                entries.push((key, value));
            }
        }
        Ok(())
    }

    pub fn put(&mut self, slot: u64) -> Result<(), Bad> {
        let top = self.top()?;
        if slot >= self.limits.memo as u64 {
            return Err(Bad::limit(format!("slot {slot} of the memo"), format!("slots below {}", self.limits.memo)));
        }
        // Writers number slots one after another: a slot beyond the opcodes so far is a bomb.
        if slot > self.opcodes {
            return Err(Bad::malformed(format!("slot {slot} of the memo"), format!("slots up to {}", self.opcodes)));
        }
        let slot = slot as usize;
        if self.memo.len() <= slot {
            self.memo.resize(slot + 1, None);
        }
        if self.memo[slot].is_some() {
            return Err(Bad::malformed(format!("slot {slot} of the memo, set before"), "a free slot"));
        }
        self.memo[slot] = Some(top);
        self.memo_set += 1;
        Ok(())
    }

    pub fn get(&mut self, slot: u64) -> Result<(), Bad> {
        match usize::try_from(slot).ok().and_then(|slot| self.memo.get(slot)).copied().flatten() {
            Some(id) => self.push_id(id),
            None => Err(Bad::malformed(format!("slot {slot} of the memo, never set"), "a slot with a value")),
        }
    }

    pub fn stack_global(&mut self) -> Result<(), Bad> {
        let name = self.pop()?;
        let module = self.pop()?;
        let (Value::Str(module), Value::Str(name)) = (self.values.get(module), self.values.get(name)) else {
            let found = format!("{} and {}", self.values.get(module).noun(), self.values.get(name).noun());
            return Err(Bad::malformed(found, "the texts of a module and a name"));
        };
        let (module, name) = (module.clone(), name.clone());
        if module.len().max(name.len()) > LINE {
            return Err(Bad::malformed(format!("a name longer than {LINE} bytes"), "a name"));
        }
        self.global(&module, &name)
    }

    pub fn global(&mut self, module: &str, name: &str) -> Result<(), Bad> {
        let shown = || format!("`{}`", shown::name(&format!("{module}.{name}")));
        match names::refused(module, name) {
            Some(Refused::Evil(expected)) => return Err(Bad::evil(shown(), expected)),
            Some(Refused::Calls) => {
                return Err(Bad::unsupported(
                    format!("{}, which may call functions", shown()),
                    "weights and numbers alone",
                ));
            }
            None => {}
        }
        let full: Arc<str> = format!("{module}.{name}").into();
        self.charge(full.len() as u64 + COST_LIST)?;
        self.push(Value::Global(full))
    }
}
