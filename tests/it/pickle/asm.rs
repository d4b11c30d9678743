//! A tiny assembler of pickles.

/// Opcodes so far.
#[derive(Clone)]
pub struct Asm(pub Vec<u8>);

impl Asm {
    /// A part of a pickle.
    pub fn part() -> Asm {
        Asm(vec![])
    }

    /// Begins with PROTO.
    pub fn new(protocol: u8) -> Asm {
        Asm(vec![0x80, protocol])
    }

    pub fn raw(mut self, bytes: &[u8]) -> Asm {
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn op(self, opcode: u8) -> Asm {
        self.raw(&[opcode])
    }

    pub fn int(self, int: i64) -> Asm {
        match i32::try_from(int) {
            Ok(small) => self.op(b'J').raw(&small.to_le_bytes()),
            Err(_) => self.raw(&[0x8a, 8]).raw(&int.to_le_bytes()),
        }
    }

    pub fn text(self, text: &str) -> Asm {
        self.op(b'X').raw(&(text.len() as u32).to_le_bytes()).raw(text.as_bytes())
    }

    pub fn bytes(self, bytes: &[u8]) -> Asm {
        self.op(b'B').raw(&(bytes.len() as u32).to_le_bytes()).raw(bytes)
    }

    /// GLOBAL of `module.name`.
    pub fn global(self, module: &str, name: &str) -> Asm {
        self.op(b'c').raw(module.as_bytes()).op(b'\n').raw(name.as_bytes()).op(b'\n')
    }

    pub fn ints(self, ints: &[i64]) -> Asm {
        ints.iter().fold(self.op(b'('), |asm, int| asm.int(*int)).op(b't')
    }

    /// An empty `OrderedDict`.
    pub fn ordered(self) -> Asm {
        self.global("collections", "OrderedDict").raw(b")R")
    }

    /// A storage of f32 by persistent id.
    pub fn storage(self, key: &str, elements: i64) -> Asm {
        self.storage_of("FloatStorage", key, "cpu", elements)
    }

    /// A storage of a class of torch by persistent id.
    pub fn storage_of(self, class: &str, key: &str, device: &str, elements: i64) -> Asm {
        let asm = self.op(b'(').text("storage").global("torch", class).text(key).text(device);
        asm.int(elements).op(b't').op(b'Q')
    }

    /// A tensor of f32.
    pub fn tensor(self, key: &str, elements: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Asm {
        self.rebuild(|asm| asm.storage(key, elements), offset, shape, strides)
    }

    /// A tensor on the storage that these opcodes make.
    pub fn rebuild(self, storage: impl Fn(Asm) -> Asm, offset: i64, shape: &[i64], strides: &[i64]) -> Asm {
        let asm = storage(self.global("torch._utils", "_rebuild_tensor_v2").op(b'('));
        asm.int(offset).ints(shape).ints(strides).op(0x89).ordered().raw(b"tR")
    }

    pub fn stop(mut self) -> Vec<u8> {
        self.0.push(b'.');
        self.0
    }
}
