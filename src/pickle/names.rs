//! Names that pickles import by: the few that the machine knows how to rebuild, and the many that only an attack needs.
//! All others are inert, but told apart where they make tensors.  The second list protects nobody, as nothing is ever called: it is there so that people are told.

use crate::tensor::Dtype;

/// What is rebuilt by our own code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Bytes,
    DefaultDict,
    EasyDict,
    Encode,
    Frombuffer,
    LoadFromBytes,
    Ndarray,
    Network,
    NumpyDtype,
    NumpyReconstruct,
    NumpyScalar,
    OrderedDict,
    Persistent,
    RebuildFromType,
    RebuildParameter,
    RebuildParameterWithState,
    RebuildTensor,
    RebuildTensorV2,
    RebuildTensorV3,
    Set,
    Size,
}

pub(super) fn known(name: &str) -> Option<Known> {
    Some(match name {
        "builtins.bytes" | "__builtin__.bytes" => Known::Bytes,
        "collections.defaultdict" => Known::DefaultDict,
        "dnnlib.util.EasyDict" | "dnnlib.EasyDict" => Known::EasyDict,
        "_codecs.encode" => Known::Encode,
        "numpy.core.numeric._frombuffer" | "numpy._core.numeric._frombuffer" => Known::Frombuffer,
        "torch.storage._load_from_bytes" => Known::LoadFromBytes,
        "numpy.ndarray" => Known::Ndarray,
        "dnnlib.tflib.network.Network" | "dnnlib.tflib.Network" => Known::Network,
        "numpy.dtype" => Known::NumpyDtype,
        "numpy.core.multiarray._reconstruct" | "numpy._core.multiarray._reconstruct" => Known::NumpyReconstruct,
        "numpy.core.multiarray.scalar" | "numpy._core.multiarray.scalar" => Known::NumpyScalar,
        "collections.OrderedDict" => Known::OrderedDict,
        "torch_utils.persistence._reconstruct_persistent_obj" => Known::Persistent,
        "torch._tensor._rebuild_from_type_v2" => Known::RebuildFromType,
        "torch._utils._rebuild_parameter" => Known::RebuildParameter,
        "torch._utils._rebuild_parameter_with_state" => Known::RebuildParameterWithState,
        "torch._utils._rebuild_tensor" => Known::RebuildTensor,
        "torch._utils._rebuild_tensor_v2" => Known::RebuildTensorV2,
        "torch._utils._rebuild_tensor_v3" => Known::RebuildTensorV3,
        "builtins.set" | "__builtin__.set" | "builtins.frozenset" | "__builtin__.frozenset" => Known::Set,
        "torch.Size" => Known::Size,
        _ => return None,
    })
}

/// Whether what a name outside the table makes is a tensor or an array.
pub(super) fn makes_tensor(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let of_torch = ["Buffer", "Parameter", "Storage", "Tensor", "Variable"].iter().any(|end| last.ends_with(end));
    match name.strip_prefix("torch.") {
        Some(rest) => of_torch || rest.starts_with("_utils._rebuild") || rest.starts_with("_tensor._rebuild"),
        None => name == "numpy.ma.core._mareconstruct",
    }
}

/// The elements of a class of storages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Elements {
    Known(Dtype),
    /// Of a type that blend has not: so many bytes each.
    Other(u64),
}

pub(super) fn storage(name: &str) -> Option<Elements> {
    let known = match name.strip_prefix("torch.")?.strip_suffix("Storage")? {
        "BFloat16" => Dtype::BF16,
        "Bool" => Dtype::Bool,
        "Byte" | "Untyped" | "storage.Untyped" => Dtype::U8,
        "Char" => Dtype::I8,
        "ComplexFloat" => Dtype::C64,
        "Double" => Dtype::F64,
        "Float" => Dtype::F32,
        "Float8_e4m3fn" => Dtype::F8E4M3,
        "Float8_e5m2" => Dtype::F8E5M2,
        "Half" => Dtype::F16,
        "Int" => Dtype::I32,
        "Long" => Dtype::I64,
        "Short" => Dtype::I16,
        "ComplexDouble" => return Some(Elements::Other(16)),
        "QInt8" | "QUInt8" => return Some(Elements::Other(1)),
        "QInt32" => return Some(Elements::Other(4)),
        _ => return None,
    };
    Some(Elements::Known(known))
}

/// The type that `torch.float32` and its like name.
pub(super) fn torch_dtype(name: &str) -> Option<Dtype> {
    Some(match name.strip_prefix("torch.")? {
        "bfloat16" => Dtype::BF16,
        "bool" => Dtype::Bool,
        "complex64" => Dtype::C64,
        "float16" | "half" => Dtype::F16,
        "float32" | "float" => Dtype::F32,
        "float64" | "double" => Dtype::F64,
        "float8_e4m3fn" => Dtype::F8E4M3,
        "float8_e5m2" => Dtype::F8E5M2,
        "float8_e8m0fnu" => Dtype::F8E8M0,
        "int16" | "short" => Dtype::I16,
        "int32" | "int" => Dtype::I32,
        "int64" | "long" => Dtype::I64,
        "int8" => Dtype::I8,
        "uint16" => Dtype::U16,
        "uint32" => Dtype::U32,
        "uint64" => Dtype::U64,
        "uint8" => Dtype::U8,
        _ => return None,
    })
}

/// Modules (first part of the name) of which a checkpoint never needs anything.  Sorted.
#[rustfmt::skip]
const EVIL_ROOTS: &[&str] = &[
    "SimpleHTTPServer", "_aix_support", "_asyncio", "_ctypes", "_imp", "_operator", "_osx_support", "_pickle",
    "_posixsubprocess", "_pyrepl", "_socket", "_ssl", "_thread", "_winapi", "aiohttp", "ast", "asyncio", "asyncore",
    "bdb", "cPickle", "cProfile", "cffi", "cgi", "cgitb", "cloudpickle", "cmd", "codecs", "codeop", "commands",
    "compileall", "concurrent", "ctypes", "dbm", "dill", "distutils", "doctest", "dummy_threading", "ensurepip",
    "faulthandler", "fileinput", "ftplib", "gc", "getpass", "glob", "http", "httplib", "httpx", "idlelib", "imaplib",
    "imp", "importlib", "joblib", "jsonpickle", "lib2to3", "linecache", "mailbox", "mailcap", "marshal", "mmap",
    "modulefinder", "msvcrt", "multiprocessing", "nntplib", "nt", "ntpath", "nturl2path", "operator", "os",
    "paramiko", "pathos", "pdb", "pexpect", "pickle", "pickletools", "pip", "pipes", "pkgutil", "platform", "popen2",
    "poplib", "posix", "posixpath", "posixsubprocess", "profile", "pstats", "pty", "py_compile", "pyclbr", "pydoc",
    "requests", "resource", "rlcompleter", "runpy", "select", "selectors", "setuptools", "sh", "shelve", "shutil",
    "signal", "site", "smtpd", "smtplib", "socket", "socketserver", "sqlite3", "ssl", "subprocess", "symtable", "sys",
    "sysconfig", "tarfile", "telnetlib", "tempfile", "thread", "threading", "timeit", "tkinter", "trace", "turtle",
    "unittest", "urllib", "urllib2", "urllib3", "urlparse", "venv", "webbrowser", "winreg", "wsgiref", "xml",
    "xmlrpc", "xmlrpclib", "zipapp", "zipfile", "zipimport",
];

/// Names, and beginnings of names (those that end with a dot or `_`), in modules that are otherwise innocent.
#[rustfmt::skip]
const EVIL_NAMES: &[&str] = &[
    "_io.FileIO", "_io.open", "_io.open_code", "code.InteractiveConsole", "code.InteractiveInterpreter", "code.compile_command",
    "code.interact", "copyreg.add_extension", "copy_reg.add_extension", "dis.dis", "functools.partialmethod",
    "functools.reduce", "inspect.getattr_static", "io.FileIO", "io.open", "io.open_code", "keras.models.", "logging.config.",
    "numpy.ctypeslib.", "numpy.distutils.", "numpy.f2py.", "numpy.fromfile", "numpy.lib.npyio.", "numpy.load", "numpy.memmap",
    "numpy.save", "numpy.testing.", "pandas.core.computation.", "pandas.eval", "pandas.io.", "pandas.read_csv", "pandas.read_pickle",
    "pkg_resources.", "tensorflow.io.", "test.support.", "torch._dynamo.", "torch._inductor.", "torch.classes.",
    "torch.distributed.elastic.", "torch.distributed.launch.", "torch.distributed.remote_device", "torch.distributed.rpc.",
    "torch.distributed.run.", "torch.fx.", "torch.hub.", "torch.jit.frontend.", "torch.jit.load", "torch.jit.unsupported_tensor_ops.", "torch.load",
    "torch.multiprocessing.", "torch.ops.", "torch.package.", "torch.save", "torch.serialization.", "torch.utils._config_module.",
    "torch.utils.bottleneck.", "torch.utils.collect_env.", "torch.utils.cpp_extension.", "torch.utils.data.datapipes.",
    "torch.utils.hipify.", "torch.utils.model_zoo.", "types.CodeType", "types.FunctionType", "types.LambdaType",
    "types.MethodType", "types.ModuleType", "types.new_class", "uuid._",
];

/// What of the built-in names is a type of plain data; all others (`eval`, `exec`, `getattr`, `open` …) are evil.
#[rustfmt::skip]
const BUILTIN_TYPES: &[&str] = &[
    "Ellipsis", "NotImplemented", "bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "long",
    "object", "range", "set", "slice", "str", "tuple", "unicode", "xrange",
];

/// A name that `torch.serialization` writes for the layout of a tensor: the one of that module that files do have.
const LAYOUT: &str = "torch.serialization._get_layout";

/// Names of ordinary checkpoints that reach something by a call: as data they say nothing.
const CALLS: &[&str] = &["__builtin__.getattr", "builtins.getattr", "functools.partial"];

/// Why a name that a pickle imports by is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Only an attack needs it; what was expected.
    Evil(&'static str),
    /// What training scripts write too, and blend does not follow: a call, a class within a class.
    Calls,
}

/// Why a name that a pickle imports by is refused; `None`: it may stand there.
pub(super) fn refused(module: &str, name: &str) -> Option<Refused> {
    if CALLS.contains(&format!("{module}.{name}").as_str()) {
        return Some(Refused::Calls);
    }
    match name.rsplit_once('.') {
        // `Model` + `Config` + … : each of them as if it stood alone, and then what leads to the last.
        Some((classes, _)) if name.split('.').all(is_word) && classes.split('.').all(is_class) => {
            let parts = name.split('.').find_map(|part| evil(module, part));
            Some(parts.or_else(|| evil_start(&format!("{module}.{name}"))).map_or(Refused::Calls, Refused::Evil))
        }
        _ => evil(module, name).map(Refused::Evil),
    }
}

fn is_word(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && word.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

/// Whether a word is written as classes are.
fn is_class(word: &str) -> bool {
    word.trim_start_matches('_').starts_with(|first: char| first.is_ascii_uppercase())
}

/// What was expected where a name is one that only an attack needs.
fn evil(module: &str, name: &str) -> Option<&'static str> {
    if !module.split('.').all(is_word) {
        return Some("the plain name of a module");
    }
    if !is_word(name) {
        // `pathlib` + `os.system` reaches through one module into another.
        return Some("the plain name of a class or function, without dots");
    }
    let never = Some(NEVER);
    let root = module.split('.').next().unwrap_or(module);
    if EVIL_ROOTS.binary_search(&root).is_ok() {
        return never;
    }
    if matches!(root, "builtins" | "__builtin__" | "__builtins__") {
        let is_type = BUILTIN_TYPES.contains(&name) || name.ends_with("Error") || name.ends_with("Exception");
        return if is_type { None } else { never };
    }
    // `__reduce__`, `__class__` and the like; `copyreg` has a few that pickles are made of.
    if name.starts_with("__") && name.ends_with("__") && !matches!(root, "copyreg" | "copy_reg") {
        return never;
    }
    evil_start(&format!("{module}.{name}"))
}

const NEVER: &str = "a name that a checkpoint needs";

fn evil_start(full: &str) -> Option<&'static str> {
    let is_start = |evil: &str| evil.ends_with('.') || evil.ends_with('_');
    let is_listed = EVIL_NAMES.iter().any(|evil| full == *evil || (is_start(evil) && full.starts_with(evil)));
    (is_listed && full != LAYOUT).then_some(NEVER)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_roots_are_sorted() {
        assert!(super::EVIL_ROOTS.is_sorted());
    }
}
