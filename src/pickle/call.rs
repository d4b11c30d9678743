//! What pickles call: the few names that are rebuilt here, and everything else, which becomes an inert value.

use super::Blob;
use super::Id;
use super::Value;
use super::fault::Bad;
use super::machine::Machine;
use super::names;
use super::names::Known;
use crate::diag::shown;
use std::sync::Arc;

/// More arguments than any known function has.
const ARGUMENTS: usize = 8;

impl Machine<'_> {
    /// REDUCE: what `callee(*args)` would be.
    pub fn reduce(&mut self, callee: Id, args: Id) -> Result<Id, Bad> {
        let (name, args) = self.callee(callee, args)?;
        let Some(known) = names::known(&name) else { return self.add(unknown(name)) };
        let args = self.few(&name, args)?;
        match known {
            Known::Bytes => self.empty_bytes(&name, &args),
            Known::DefaultDict => self.default_dict(&name, &args),
            Known::EasyDict | Known::OrderedDict => self.ordered_dict(&name, &args),
            Known::Encode => self.encode(&name, &args),
            Known::Frombuffer => self.numpy_from_buffer(&name, &args),
            Known::LoadFromBytes => self.load_from_bytes(&name, &args),
            Known::Ndarray | Known::Network => {
                Err(Bad::malformed(format!("a call of `{name}`"), "an object of it by NEWOBJ or `_reconstruct`"))
            }
            Known::NumpyDtype => self.numpy_dtype(&name, &args),
            Known::NumpyReconstruct => self.numpy_reconstruct(&name, &args),
            Known::NumpyScalar => self.numpy_scalar(&name, &args),
            Known::Persistent => self.persistent_module(&name, &args),
            Known::RebuildFromType => self.rebuild_from_type(&name, &args),
            Known::RebuildParameter | Known::RebuildParameterWithState => self.rebuild_parameter(known, &name, &args),
            Known::RebuildTensor | Known::RebuildTensorV2 | Known::RebuildTensorV3 => {
                self.rebuild_tensor(known, &name, &args)
            }
            Known::Set => self.set(&name, &args),
            Known::Size => self.size(&name, &args),
        }
    }

    /// NEWOBJ: what `class.__new__(class, *args)` would be.
    pub fn new_object(&mut self, class: Id, args: Id) -> Result<Id, Bad> {
        let (name, args) = self.callee(class, args)?;
        match names::known(&name) {
            None => self.add(unknown(name)),
            Some(Known::EasyDict) => {
                self.few(&name, args).and_then(|args| arity(&name, &args, 0..=0))?;
                self.add(Value::Dict(vec![]))
            }
            Some(Known::Network) => {
                self.few(&name, args).and_then(|args| arity(&name, &args, 0..=0))?;
                self.add(Value::Object { class: name, state: None })
            }
            Some(_) => Err(Bad::malformed(format!("an object of `{name}`"), "a class that is made without a call")),
        }
    }

    /// BUILD: gives an object its state.
    pub fn build(&mut self, object: Id, state: Id) -> Result<(), Bad> {
        if self.blank.remove(&object) {
            return self.fill_array(object, state);
        }
        if self.numpy.contains_key(&object) {
            return self.order_dtype(object, state);
        }
        if let Value::Tuple(parts) = self.values.get(state)
            && let [first, second] = parts[..]
            && matches!(self.values.get(first), Value::None | Value::Dict(_))
            && matches!(self.values.get(second), Value::Dict(_))
        {
            return Err(Bad::unsupported("a state of slots", "a dict as the state of an object"));
        }
        let is_dict = matches!(self.values.get(state), Value::Dict(_));
        match &mut self.values.list[object.0 as usize] {
            Value::Object { state: empty @ None, .. } if is_dict => *empty = Some(state),
            // `torch` leaves `_metadata` on ordered dicts: versions of modules.
            Value::Dict(_) if is_dict => {}
            Value::Opaque(_) | Value::Strange(_) => {}
            other => {
                let noun = other.noun();
                let found = format!("{} as the state of {noun}", self.values.get(state).noun());
                return Err(Bad::malformed(found, "a dict as the state of an object that has none yet"));
            }
        }
        Ok(())
    }

    /// The name of what is called; its arguments are a tuple.
    fn callee(&self, callee: Id, args: Id) -> Result<(Arc<str>, Id), Bad> {
        let Value::Global(name) = self.values.get(callee) else {
            return Err(Bad::malformed(format!("a call of {}", self.values.get(callee).noun()), "a call of a name"));
        };
        match self.values.get(args) {
            Value::Tuple(_) => Ok((name.clone(), args)),
            other => Err(Bad::malformed(format!("{} as the arguments of `{name}`", other.noun()), "a tuple")),
        }
    }

    /// The arguments of a known function.
    fn few(&self, name: &str, args: Id) -> Result<Vec<Id>, Bad> {
        match self.values.items(args) {
            Some(args) if args.len() <= ARGUMENTS => Ok(args.to_vec()),
            args => Err(Bad::malformed(
                format!("{} arguments for `{name}`", args.map_or(0, <[Id]>::len)),
                format!("at most {ARGUMENTS}"),
            )),
        }
    }

    /// A fault of an argument.
    pub fn wrong(&self, name: &str, what: &str, arg: Id, expected: &str) -> Bad {
        let found = match self.values.get(arg) {
            Value::Str(text) => format!("the text `{}`", shown::name(text)),
            Value::Int(int) => int.to_string(),
            Value::Global(global) | Value::Opaque(global) | Value::Strange(global) => {
                format!("`{}`", shown::name(global))
            }
            other => other.noun().to_string(),
        };
        Bad::malformed(format!("{found} as the {what} of `{name}`"), expected)
    }

    /// Bytes of protocol 2: every byte is a character of a text.
    fn encode(&mut self, name: &str, args: &[Id]) -> Result<Id, Bad> {
        arity(name, args, 2..=2)?;
        if !matches!(self.values.str(args[1]), Some("latin1" | "latin-1")) {
            return Err(self.wrong(name, "encoding", args[1], "`latin1`"));
        }
        let bytes: Arc<[u8]> = match self.values.get(args[0]) {
            Value::Str(text) => {
                let text = text.clone();
                self.charge_blob(text.len() as u64)?;
                let mut bytes = Vec::with_capacity(text.len());
                decode(text.as_bytes(), &mut bytes)?;
                bytes.into()
            }
            Value::LongStr(Blob::File { offset, len }) => {
                let (offset, len) = (*offset, *len);
                self.charge_blob(len)?;
                self.decode_long(offset, len)?.into()
            }
            _ => return Err(self.wrong(name, "text", args[0], "a text")),
        };
        self.add(Value::Bytes(Blob::Memory(bytes)))
    }

    /// Reads a long text piece by piece, so that only its bytes are kept.
    fn decode_long(&self, offset: u64, len: u64) -> Result<Vec<u8>, Bad> {
        const PIECE: usize = 256 << 10;
        let mut bytes = vec![];
        let mut piece = vec![];
        let mut at = offset;
        while at < offset + len || !piece.is_empty() {
            // What the last piece left: at most the first byte of a character.
            let kept = piece.len();
            let next = PIECE.min((offset + len - at) as usize);
            piece.resize(kept + next, 0);
            self.reader.source().read_at(at, &mut piece[kept..]).map_err(|error| Bad::read(&error))?;
            at += next as u64;
            let whole = if piece.last().is_some_and(|byte| *byte >= 0xc0) { piece.len() - 1 } else { piece.len() };
            if next == 0 && whole < piece.len() {
                return Err(Bad::malformed("a text that breaks within a character", "UTF-8"));
            }
            decode(&piece[..whole], &mut bytes)?;
            piece.drain(..whole);
        }
        Ok(bytes)
    }

    /// `bytes()`: how protocol 2 writes bytes of length 0.
    fn empty_bytes(&mut self, name: &str, args: &[Id]) -> Result<Id, Bad> {
        arity(name, args, 0..=0)?;
        self.add(Value::Bytes(Blob::Memory(Arc::new([]))))
    }

    fn default_dict(&mut self, name: &str, args: &[Id]) -> Result<Id, Bad> {
        arity(name, args, 0..=1)?;
        if let Some(factory) = args.first()
            && !matches!(self.values.get(*factory), Value::None | Value::Global(_))
        {
            return Err(self.wrong(name, "default", *factory, "the name of a class"));
        }
        self.add(Value::Dict(vec![]))
    }

    /// Empty, or with the list of pairs that Python 2 writes.
    fn ordered_dict(&mut self, name: &str, args: &[Id]) -> Result<Id, Bad> {
        arity(name, args, 0..=1)?;
        let dict = self.add(Value::Dict(vec![]))?;
        let Some(list) = args.first() else { return Ok(dict) };
        let Value::List(pairs) = self.values.get(*list) else {
            return Err(self.wrong(name, "items", *list, "a list of pairs"));
        };
        // A second list of ids beside the dict: counted before it is made.
        let count = pairs.len() as u64;
        self.charge(4 * count)?;
        for pair in self.values.items(*list).unwrap_or_default().to_vec() {
            match self.values.items(pair) {
                Some(&[key, value]) => self.set_item(dict, key, value)?,
                _ => return Err(self.wrong(name, "items", pair, "pairs of a key and a value")),
            }
        }
        Ok(dict)
    }

    fn set(&mut self, name: &str, args: &[Id]) -> Result<Id, Bad> {
        arity(name, args, 0..=1)?;
        let Some(list) = args.first() else { return self.add(Value::Set(vec![])) };
        let Value::List(members) = self.values.get(*list) else {
            return Err(self.wrong(name, "members", *list, "a list"));
        };
        let count = members.len() as u64;
        self.charge(8 * count)?;
        let members = self.values.items(*list).unwrap_or_default().to_vec();
        self.add(Value::Set(members))
    }

    /// `torch.Size` is its tuple.
    fn size(&mut self, name: &str, args: &[Id]) -> Result<Id, Bad> {
        arity(name, args, 1..=1)?;
        match self.values.get(args[0]) {
            Value::Tuple(sizes) if sizes.iter().all(|size| self.values.int(*size).is_some()) => Ok(args[0]),
            _ => Err(self.wrong(name, "sizes", args[0], "a tuple of integers")),
        }
    }

    /// A module of NVIDIA's: its state is data, and its source text is never looked at.
    fn persistent_module(&mut self, name: &str, args: &[Id]) -> Result<Id, Bad> {
        arity(name, args, 1..=1)?;
        let meta = args[0];
        let Some(entries) = self.values.entries(meta) else {
            return Err(self.wrong(name, "description", meta, "a dict"));
        };
        if entries.len() > 16 {
            return Err(Bad::malformed(format!("{} entries in the description of a module", entries.len()), "5"));
        }
        let part = |key: &str| {
            let expected = "`type`, `version`, `module_src`, `class_name` and `state`";
            self.values
                .dict_get(meta, key)
                .ok_or_else(|| Bad::malformed(format!("the description of a module without `{key}`"), expected))
        };
        let (kind, version, source) = (part("type")?, part("version")?, part("module_src")?);
        let (class, state) = (part("class_name")?, part("state")?);
        if self.values.str(kind) != Some("class") {
            return Err(self.wrong(name, "`type`", kind, "`class`"));
        }
        if self.values.int(version).is_none() {
            return Err(self.wrong(name, "`version`", version, "an integer"));
        }
        if !matches!(self.values.get(source), Value::Str(_) | Value::LongStr(_)) {
            return Err(self.wrong(name, "`module_src`", source, "a text"));
        }
        if !matches!(self.values.get(state), Value::Dict(_) | Value::None) {
            return Err(self.wrong(name, "`state`", state, "a dict"));
        }
        match self.values.get(class) {
            Value::Str(class) if is_word(class) => {
                let class = class.clone();
                self.add(Value::Module { class, state })
            }
            _ => Err(self.wrong(name, "`class_name`", class, "the name of a class")),
        }
    }
}

/// What a name outside the table makes.
fn unknown(name: Arc<str>) -> Value {
    if names::makes_tensor(&name) { Value::Strange(name) } else { Value::Opaque(name) }
}

/// A plain word of ASCII letters, digits and `_`, of a readable length.
pub(super) fn is_word(text: &str) -> bool {
    (1..=96).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The number of arguments is one of these.
pub(super) fn arity(name: &str, args: &[Id], counts: std::ops::RangeInclusive<usize>) -> Result<(), Bad> {
    if counts.contains(&args.len()) {
        return Ok(());
    }
    let expected = match counts.start() == counts.end() {
        true => counts.start().to_string(),
        false => format!("{} to {}", counts.start(), counts.end()),
    };
    Err(Bad::malformed(format!("{} arguments for `{name}`", args.len()), expected))
}

/// Characters below 256 as bytes; `text` is whole characters of UTF-8.
fn decode(text: &[u8], out: &mut Vec<u8>) -> Result<(), Bad> {
    let mut at = 0;
    while at < text.len() {
        let (byte, width) = match (text[at], text.get(at + 1)) {
            (byte @ 0..0x80, _) => (byte, 1),
            (first @ (0xc2 | 0xc3), Some(second @ 0x80..0xc0)) => ((first << 6) | (second & 0x3f), 2),
            _ => return Err(Bad::malformed("a text of other characters than bytes", "Latin-1")),
        };
        out.push(byte);
        at += width;
    }
    Ok(())
}
