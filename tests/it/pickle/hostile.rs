//! Pickles that lie: every family of them is refused with its code, and the problem says where and why.

use super::asm::Asm;
use super::data;
use blend::pickle;
use blend::pickle::Fault;
use blend::pickle::Kind;
use blend::pickle::Kind::Evil;
use blend::pickle::Kind::Limit;
use blend::pickle::Kind::Malformed;
use blend::pickle::Kind::Unsupported;
use blend::pickle::Limits;
use blend::pickle::Value;
use std::time::Duration;
use std::time::Instant;

/// The fault of these bytes, which is complete, soon found and safe to print.
#[track_caller]
pub fn refused(bytes: &[u8]) -> Fault {
    let start = Instant::now();
    let fault = match pickle::run(&bytes, 0, &Limits::default()) {
        Ok(_) => panic!("it was accepted"),
        Err(fault) => fault,
    };
    assert!(start.elapsed() < Duration::from_secs(20), "took {:?}", start.elapsed());
    assert!(fault.offset <= bytes.len() as u64);
    sound(&fault);
    fault
}

/// Every fault makes a problem that is complete and safe to print.
#[track_caller]
pub fn sound(fault: &Fault) {
    assert!(!fault.found.is_empty() && !fault.expected.is_empty(), "{fault:?}");
    let problem = pickle::problem(fault, "a.pkl", 0);
    let text = [vec![problem.message.clone()], problem.notes.clone()].concat().join("\n");
    assert!(problem.help.is_some() && text.len() < 1000, "{text}");
    assert!(!text.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{text}");
    assert!(fault.path.len() < 4000);
}

/// A pickle is refused for this, and what was found says this.
#[track_caller]
fn check(asm: Asm, code: Kind, part: &str) {
    check_bytes(&asm.stop(), code, part);
}

#[track_caller]
fn check_bytes(bytes: &[u8], code: Kind, part: &str) {
    let fault = refused(bytes);
    let text = format!("{}, expected {}", fault.found, fault.expected);
    assert_eq!(fault.code, code, "{text}");
    assert!(text.contains(part), "{text}\nlacks: {part}");
}

#[track_caller]
fn accepted(asm: Asm) -> pickle::Pickle {
    pickle::run(&&asm.stop()[..], 0, &Limits::default()).unwrap_or_else(|fault| panic!("{fault:?}"))
}

fn new() -> Asm {
    Asm::new(2)
}

// ---- 25, 26: names ----

/// Names that published attacks and the lists of scanners have.
const EVIL: &[&str] = &[
    "os system",
    "posix system",
    "nt system",
    "os popen",
    "os.path join",
    "subprocess Popen",
    "subprocess check_output",
    "sys exit",
    "builtins eval",
    "builtins exec",
    "builtins __import__",
    "builtins open",
    "builtins compile",
    "builtins breakpoint",
    "builtins setattr",
    "__builtin__ eval",
    "__builtin__ apply",
    "__builtin__ execfile",
    "pty spawn",
    "socket create_connection",
    "shutil rmtree",
    "runpy run_path",
    "runpy _run_code",
    "importlib import_module",
    "imp load_source",
    "pip main",
    "pip._internal main",
    "pickle loads",
    "_pickle loads",
    "cPickle loads",
    "dill loads",
    "cloudpickle loads",
    "joblib load",
    "torch load",
    "torch.hub load",
    "torch.serialization load",
    "torch.jit load",
    "torch._dynamo.guards GuardBuilder",
    "torch._inductor.codecache compile_file",
    "torch.fx.experimental.symbolic_shapes ShapeEnv",
    "torch.utils.collect_env run",
    "torch.utils.bottleneck.__main__ run_cprofile",
    "torch.utils._config_module ConfigModule",
    "torch.utils.data.datapipes.utils.decoder basichandlers",
    "torch.jit.unsupported_tensor_ops execWrapper",
    "torch.utils.cpp_extension load",
    "torch.distributed.rpc rpc_sync",
    "webbrowser open",
    "ctypes CDLL",
    "code InteractiveInterpreter",
    "codeop compile_command",
    "timeit timeit",
    "pdb run",
    "bdb Bdb",
    "asyncio.unix_events _UnixSubprocessTransport",
    "multiprocessing.util spawnv_passfds",
    "functools reduce",
    "operator attrgetter",
    "operator methodcaller",
    "_operator itemgetter",
    "types CodeType",
    "types FunctionType",
    "pkgutil resolve_name",
    "http.client HTTPSConnection",
    "httplib HTTPSConnection",
    "urllib.request urlopen",
    "urllib2 urlopen",
    "requests.api get",
    "aiohttp.client ClientSession",
    "numpy.testing._private.utils runstring",
    "numpy.f2py.crackfortran myeval",
    "numpy load",
    "numpy fromfile",
    "pandas read_csv",
    "pandas.io.common get_handle",
    "profile Profile",
    "cProfile run",
    "trace Trace",
    "idlelib.pyshell ModifiedInterpreter",
    "lib2to3.pgen2.pgen ParserGenerator",
    "ensurepip _run_pip",
    "doctest debug_script",
    "cgitb lookup",
    "pydoc pipepager",
    "pydoc locate",
    "imaplib IMAP4_stream",
    "uuid _get_command_stdout",
    "_aix_support _read_cmd_output",
    "_osx_support _read_output",
    "_pyrepl.pager pipe_pager",
    "test.support.script_helper assert_python_ok",
    "distutils.file_util write_file",
    "logging.config listen",
    "io open",
    "_io FileIO",
    "tempfile mktemp",
    "zipimport zipimporter",
    "site main",
    "platform popen",
    "smtplib SMTP",
    "ftplib FTP",
    "telnetlib Telnet",
    "xmlrpc.client ServerProxy",
    "sqlite3 connect",
    "shelve open",
    "marshal loads",
    "signal signal",
    "threading Thread",
    "concurrent.futures.process ProcessPoolExecutor",
    "venv create",
    "setuptools setup",
    "pkg_resources run_script",
    "codecs open",
    "gc get_objects",
    "object __reduce__",
    "mailcap findmatch",
    "commands getoutput",
];

#[test]
fn evil_names_are_told_as_such() {
    for name in EVIL {
        let (module, name) = name.split_once(' ').unwrap();
        let shown = format!("`{module}.{name}`");
        check(new().global(module, name).text("id").raw(b"\x85R"), Evil, &shown);
        // Also from the stack, and where nothing calls it.
        check(Asm::new(4).text(module).text(name).raw(b"\x930N"), Evil, &shown);
    }
}

#[test]
fn names_are_plain_words() {
    for (module, name) in [
        ("pathlib", "os.system"),
        ("torch", "storage._load_from_bytes"),
        ("torch", "Tensor.__class__.__base__"),
        ("builtins", "Object.Inner"),
        ("subprocess", "Popen.Inner"),
        ("my", "Model.os.system"),
        ("torch.package", "PackageImporter.Inner"),
        ("torch", "_utils._rebuild_tensor_v2 "),
        (" torch", "FloatStorage"),
        ("torch.", "FloatStorage"),
        ("torch..storage", "_load_from_bytes"),
        ("", "eval"),
        ("torch", ""),
        ("torch/../os", "system"),
        ("torch", "Float\u{1b}[31mStorage"),
    ] {
        check(Asm::new(4).text(module).text(name).op(0x93), Evil, "a");
    }
    // A Cyrillic letter that looks like `o`, and a mark that turns text around.
    check(Asm::new(4).text("t\u{43e}rch").text("FloatStorage").op(0x93), Evil, "the plain name");
    check(Asm::new(4).text("torch").text("a\u{202e}b").op(0x93), Evil, "\\u{202e}");
    check(new().raw("ct\u{43e}rch\nx\n".as_bytes()), Evil, "ASCII");
    check(new().raw(b"c\x1b[31m\xff\nx\n"), Evil, "\\u{1b}");
    check(new().raw(b"c").raw(&[b'a'; 600]).raw(b"\nb\n"), Malformed, "longer than 512");
    // A name from the memo is the name that it is.
    let built = Asm::new(4).text("os").op(0x94).text("system").op(0x94).raw(b"00h\0h\x01\x93");
    check(built, Evil, "`os.system`");
    check(new().int(1).text("x").op(0x93), Malformed, "an integer and a text");
}

/// What training scripts write besides weights is refused, but is no attack.
#[test]
fn calls_of_ordinary_checkpoints_are_told() {
    for (module, name) in [
        ("functools", "partial"),
        ("builtins", "getattr"),
        ("__builtin__", "getattr"),
        ("__main__", "Model.Config"),
        ("my.models", "_Net.Block.kind"),
    ] {
        let fault = refused(&Asm::new(4).text("key").text(module).text(name).raw(b"\x93").stop());
        assert_eq!(fault.code, Unsupported, "{fault:?}");
        assert!(fault.found.contains(&format!("`{module}.{name}`, which may call functions")), "{fault:?}");
        let help = pickle::problem(&fault, "a.pt", 0).help.expect("a help");
        assert!(help.contains("torch.save(model.state_dict()") && !help.contains("rm"), "{help}");
    }
    // Frozen sets are sets, and may be keys.
    let pickle = accepted(Asm::new(4).raw(b"}(").int(1).int(2).raw(b"\x91").int(3).op(b's'));
    let entries = pickle.values.entries(pickle.root).expect("a dict");
    assert!(matches!(pickle.values.get(entries[0].0), Value::Set(members) if members.len() == 2));
    let pickle = accepted(new().global("__builtin__", "frozenset").raw(b"](").int(1).raw(b"e\x85R"));
    assert!(matches!(pickle.values.get(pickle.root), Value::Set(members) if members.len() == 1));
}

/// Names outside the table stay names; what they would make has no contents.
#[test]
fn other_names_are_inert() {
    let opaque = |asm: Asm, name: &str| {
        let pickle = accepted(asm);
        assert_eq!(*pickle.values.get(pickle.root), Value::Opaque(name.into()));
    };
    opaque(new().global("argparse", "Namespace").raw(b")\x81}").text("size").int(4).raw(b"sb"), "argparse.Namespace");
    opaque(new().global("my.models", "Net").tensor("0", 4, 0, &[4], &[1]).raw(b"\x85R"), "my.models.Net");
    opaque(
        new().global("numpy.random._pickle", "__randomstate_ctor").raw(b")R}b"),
        "numpy.random._pickle.__randomstate_ctor",
    );
    opaque(new().global("yacs.config", "CfgNode").raw(b")\x81").text("a").int(1).raw(b"s"), "yacs.config.CfgNode");
    opaque(new().global("collections", "deque").raw(b")R").int(1).raw(b"a"), "collections.deque");
    opaque(new().global("torch", "device").text("cpu").raw(b"\x85R"), "torch.device");
    // But tensors that are not rebuilt are told from what is none.
    let strange = |asm: Asm, name: &str| {
        let pickle = accepted(asm);
        assert_eq!(*pickle.values.get(pickle.root), Value::Strange(name.into()));
    };
    strange(new().global("torch._utils", "_rebuild_qtensor").raw(b"NN\x86R"), "torch._utils._rebuild_qtensor");
    strange(new().global("torch.nn.parameter", "Parameter").raw(b")\x81}b"), "torch.nn.parameter.Parameter");
    let typed = |class: (&str, &str), function: &str| {
        let asm = new().global("torch._tensor", "_rebuild_from_type_v2").op(b'(').global("torch._utils", function);
        asm.global(class.0, class.1).raw(b"N\x85}tR")
    };
    strange(typed(("fastai.torch_core", "TensorImage"), "_rebuild_tensor_v2"), "fastai.torch_core.TensorImage");
    strange(typed(("torch", "Tensor"), "_rebuild_sparse_tensor"), "torch._utils._rebuild_sparse_tensor");
    let id = new().op(b'(').text("storage").global("torch", "ComplexDoubleStorage").text("0").text("cpu").int(1);
    strange(id.raw(b"tQ"), "torch.ComplexDoubleStorage");
    let pickle = accepted(new().global("torch", "float32"));
    assert_eq!(*pickle.values.get(pickle.root), Value::Global("torch.float32".into()));
}

// ---- 27, 28: calls and states ----

fn rebuild(args: impl Fn(Asm) -> Asm) -> Asm {
    args(new().global("torch._utils", "_rebuild_tensor_v2").op(b'(')).raw(b"tR")
}

#[test]
fn known_functions_get_what_they_always_get() {
    let rest = |asm: Asm| asm.int(0).ints(&[2]).ints(&[1]).op(0x89).ordered();
    accepted(rebuild(|asm| rest(asm.storage("0", 2))));
    check(rebuild(|asm| rest(asm.text("storage"))), Malformed, "the text `storage` as the storage");
    check(rebuild(|asm| rest(asm.global("torch", "FloatStorage"))), Malformed, "`torch.FloatStorage` as the storage");
    check(rebuild(|asm| rest(asm.global("my", "Thing").raw(b")R"))), Malformed, "`my.Thing` as the storage");
    check(rebuild(|asm| asm.storage("0", 2).int(0).ints(&[2])), Malformed, "3 arguments");
    check(rebuild(|asm| rest(asm.storage("0", 2)).op(b'N').op(b'N')), Malformed, "8 arguments");
    let numbers = |offset: i64, shape: &[i64], strides: &[i64]| {
        let (shape, strides) = (shape.to_vec(), strides.to_vec());
        rebuild(move |asm| asm.storage("0", 2).int(offset).ints(&shape).ints(&strides).op(0x89).ordered())
    };
    check(numbers(-1, &[2], &[1]), Malformed, "-1 as the offset");
    check(numbers(0, &[2], &[1, 1]), Malformed, "1 sizes and 2 strides");
    check(numbers(0, &[1; 40], &[1; 40]), Malformed, "40 axes");
    check(
        rebuild(|asm| asm.storage("0", 2).int(0).raw(b"(J\0\0\0\0t").text("x").op(0x89).ordered()),
        Malformed,
        "the strides",
    );
    check(
        rebuild(|asm| asm.storage("0", 2).int(0).ints(&[2]).ints(&[1]).int(1).ordered()),
        Malformed,
        "`requires_grad`",
    );
    let hooks =
        rebuild(|asm| asm.storage("0", 2).int(0).ints(&[2]).ints(&[1]).op(0x89).raw(b"}").int(1).int(2).op(b's'));
    check(hooks, Malformed, "an empty dict");
    let negated = rebuild(|asm| rest(asm.storage("0", 2)).raw(b"}").text("neg").raw(b"\x88s"));
    check(negated, Unsupported, "negated");
    // Ordered dicts hold pairs, never what calls something.
    let ordered = |args: &[u8]| new().global("collections", "OrderedDict").raw(args).op(b'R');
    check(ordered(b"N\x85"), Malformed, "a list of pairs");
    check(ordered(b"]Na\x85"), Malformed, "pairs of a key and a value");
    check(ordered(b"NN\x86"), Malformed, "2 arguments");
    check(new().global("collections", "OrderedDict").global("my", "f").raw(b"\x85R"), Malformed, "`my.f` as the items");
    check(new().global("collections", "defaultdict").raw(b")\x85R"), Malformed, "the name of a class");
    check(new().global("collections", "OrderedDict").raw(b"NR"), Malformed, "None as the arguments");
    check(new().raw(b"N)R"), Malformed, "a call of None");
    check(new().text("os.system").raw(b")R"), Malformed, "a call of a text");
    check(new().global("my", "f").raw(b")R)R"), Malformed, "a call of an object");
    check(
        new().global("collections", "OrderedDict").raw(b")\x81"),
        Malformed,
        "an object of `collections.OrderedDict`",
    );
    check(new().global("dnnlib.tflib.network", "Network").raw(b"K\x01\x85\x81"), Malformed, "1 arguments");
    check(
        new().global("_codecs", "encode").text("a").text("rot13").raw(b"\x86R"),
        Malformed,
        "`rot13` as the encoding",
    );
    check(new().global("_codecs", "encode").text("\u{100}").text("latin1").raw(b"\x86R"), Malformed, "Latin-1");
    check(
        new().global("torch._utils", "_rebuild_parameter").raw(b"N\x89").ordered().raw(b"\x87R"),
        Malformed,
        "None as the data",
    );
    let typed = new().global("torch._tensor", "_rebuild_from_type_v2").op(b'(').global("collections", "OrderedDict");
    check(typed.global("torch", "Tensor").raw(b")NtR"), Malformed, "`collections.OrderedDict` as the function");
    let meta = |part: &str, asm: Asm| {
        let keys = ["type", "version", "module_src", "class_name", "state"];
        let asm = keys.iter().fold(asm.op(b'}').op(b'('), |asm, key| match *key {
            _ if *key == part => asm.text(key).raw(b"]"),
            "version" => asm.text(key).int(6),
            "state" => asm.text(key).raw(b"}"),
            "type" => asm.text(key).text("class"),
            _ => asm.text(key).text("Generator"),
        });
        asm.raw(b"u\x85R")
    };
    let persistent = || new().global("torch_utils.persistence", "_reconstruct_persistent_obj");
    let pickle = accepted(meta("", persistent()));
    assert!(matches!(pickle.values.get(pickle.root), Value::Module { class, .. } if &**class == "Generator"));
    for part in ["type", "version", "module_src", "class_name", "state"] {
        check(meta(part, persistent()), Malformed, &format!("a list as the `{part}`"));
    }
    check(persistent().raw(b"}\x85R"), Malformed, "without `type`");
}

#[test]
fn states_go_where_they_belong() {
    // `_metadata` of PyTorch, and the state of a network.
    accepted(new().ordered().raw(b"}").text("_metadata").raw(b"}sb"));
    let network = || new().global("dnnlib.tflib.network", "Network").raw(b")\x81");
    accepted(network().raw(b"}b"));
    check(network().raw(b"Nb"), Malformed, "None as the state of an object");
    check(network().raw(b"}b}b"), Malformed, "that has none yet");
    check(network().raw(b"N}\x86b"), Unsupported, "a state of slots");
    check(new().ordered().raw(b"}}\x86b"), Unsupported, "a state of slots");
    check(new().global("argparse", "Namespace").raw(b")\x81N}\x86b"), Unsupported, "a state of slots");
    check(new().tensor("0", 4, 0, &[4], &[1]).raw(b"}b"), Malformed, "the state of a tensor");
    check(new().storage("0", 4).raw(b"}b"), Malformed, "the state of a storage");
    check(new().global("my", "Class").raw(b"}b"), Malformed, "the state of a name");
    check(new().raw(b"]}b"), Malformed, "the state of a list");
    check(new().tensor("0", 4, 0, &[4], &[1]).int(0).int(1).op(b's'), Malformed, "an item set on a tensor");
    check(new().storage("0", 4).raw(b"(").int(0).int(1).op(b'u'), Malformed, "an item set on a storage");
    check(new().raw(b"]K\0K\x01s"), Malformed, "an item set on a list");
    check(new().raw(b"}K\0a"), Malformed, "items for a dict");
    check(new().raw(b")K\0a"), Malformed, "items for a tuple");
    check(new().raw(b"](K\0\x90"), Malformed, "members for a list");
    check(new().raw(b"}](K\0K\x01u"), Malformed, "an item set on a list");
    check(new().raw(b"}]K\0s"), Malformed, "a list as a key");
    check(new().raw(b"}(K\0u"), Malformed, "a key without a value");
}

// ---- 29, 30: storages and windows ----

#[test]
fn storages_are_what_they_say() {
    let id = |kind: &str, class: (&str, &str), key: &str, device: &str, count: i64| {
        new().op(b'(').text(kind).global(class.0, class.1).text(key).text(device).int(count).op(b't').op(b'Q')
    };
    let float = ("torch", "FloatStorage");
    accepted(id("storage", float, "0", "cuda:0", 4));
    check(id("module", float, "0", "cpu", 4), Malformed, "`module` as the kind");
    check(id("storage", ("torch", "Tensor"), "0", "cpu", 4), Malformed, "`torch.Tensor` as the class");
    check(id("storage", ("my", "FloatStorage"), "0", "cpu", 4), Malformed, "`my.FloatStorage` as the class");
    for key in ["../0", "a/b", "", "..", "a\0b", "C:", &"1".repeat(200)] {
        check(id("storage", float, key, "cpu", 4), Malformed, "as the key");
    }
    check(id("storage", float, "0", &"c".repeat(1 << 14), 4), Malformed, "as the device");
    check(id("storage", float, "0", "", 4), Malformed, "as the device");
    check(id("storage", float, "0", "cpu", -1), Malformed, "-1 as the number of elements");
    check(id("storage", float, "0", "cpu", i64::MAX), Malformed, "whose bytes can be counted");
    check(new().text("0").op(b'Q'), Malformed, "a text as a persistent id");
    check(new().ints(&[1, 2, 3]).op(b'Q'), Malformed, "a persistent id of 3 parts");
    check(new().ints(&[1, 2, 3, 4, 5]).op(b'Q'), Malformed, "1 as the kind");
    let view = new().op(b'(').text("storage").global("torch", "FloatStorage").text("0").text("cpu").int(4);
    check(view.clone().raw(b"(K\x01K\0K\x02ttQ"), Unsupported, "a view of another storage");
    accepted(view.raw(b"NtQ"));
    // One key is one storage.
    let half =
        |asm: Asm| asm.op(b'(').text("storage").global("torch", "HalfStorage").text("0").text("cpu").int(4).raw(b"tQ");
    check(half(new().op(b'(').storage("0", 4)).op(b't'), Malformed, "as before");
    check(new().storage("0", 4).storage("0", 5).op(0x86), Malformed, "as before");
}

#[test]
fn windows_stay_in_their_storages() {
    let tensor = |elements: i64, offset: i64, shape: &[i64], strides: &[i64]| {
        new().tensor("0", elements, offset, shape, strides)
    };
    for (elements, offset, shape, strides) in [
        (6, 0, &[2, 3][..], &[3, 1][..]),
        (6, 0, &[2, 3], &[1, 2]),
        (6, 5, &[], &[]),
        (0, 0, &[0], &[1]),
        (6, 6, &[0, 3], &[3, 1]),
        (6, 1, &[1, 5], &[1 << 40, 1]),
        (1, 0, &[4000], &[0]),
    ] {
        accepted(tensor(elements, offset, shape, strides));
    }
    let far = i64::MAX;
    for (elements, offset, shape, strides) in [
        (6, 1, &[2, 3][..], &[3, 1][..]),
        (6, 0, &[2, 3], &[4, 1]),
        (6, 6, &[], &[]),
        (0, 0, &[1], &[1]),
        (6, 7, &[0], &[1]),
        (6, far, &[2], &[1]),
        (6, far, &[3], &[far]),
        (6, 0, &[far, 2], &[far, 1]),
        (6, 0, &[1 << 40, 1 << 40], &[0, 0]),
        (6, 0, &[0, 1 << 40, 1 << 40], &[0, 0, 0]),
    ] {
        check(tensor(elements, offset, shape, strides), Malformed, "expected");
    }
    check(tensor(6, 0, &[2], &[-1]), Malformed, "-1 as the strides");
    check(tensor(6, 0, &[-2], &[1]), Malformed, "-2 as the shape");
    check(tensor(1, 0, &[1 << 59], &[0]), Limit, "elements more than their storages");
    // Many small lies are one large one.
    let mut asm = new().op(b'(');
    for key in 0..70 {
        asm = asm.tensor(&key.to_string(), 1, 0, &[1 << 20], &[0]);
    }
    check(asm.op(b't'), Limit, "elements more than their storages");
}

// ---- 31, 32: opcodes and frames ----

#[test]
fn opcodes_outside_the_list_are_refused() {
    for (bytes, name) in [
        (&b"(ios\nsystem\n"[..], "INST"),
        (b"(N)o", "OBJ"),
        (b"N)}\x92", "NEWOBJ_EX"),
        (b"\x82\x01", "EXT1"),
        (b"\x83\x01\0", "EXT2"),
        (b"\x84\x01\0\0\0", "EXT4"),
        (b"P0\n", "PERSID"),
        (b"\x97", "NEXT_BUFFER"),
        (b"N\x98", "READONLY_BUFFER"),
        (b"I01\n", "INT"),
        (b"L5L\n", "LONG"),
        (b"F1.5\n", "FLOAT"),
        (b"S'a'\n", "STRING"),
        (b"Va\n", "UNICODE"),
        (b"Np0\n", "PUT"),
        (b"g0\n", "GET"),
        (b"(d", "DICT"),
        (b"(l", "LIST"),
    ] {
        let bytes = new().raw(bytes).stop();
        let fault = refused(&bytes);
        assert_eq!((fault.code, fault.opcode), (Unsupported, Some(name)), "{fault:?}");
    }
    for byte in [0u8, b'?', 0x99, 0xff] {
        check(new().op(byte), Malformed, "an opcode");
    }
    for start in [
        &b"(lp0\n."[..],
        b"I5\n.",
        b"c__main__\nx\n.",
        b"cos\nsystem\n(S'id'\ntR.",
        b"PK\x03\x04",
        b"\x80\x01N.",
        b"\x80\x06N.",
        b"N.",
    ] {
        check_bytes(start, Unsupported, "protocol");
    }
    check(Asm::new(2).raw(b"\x80\x02N"), Malformed, "PROTO within");
    // A hidden call: made, and thrown away.
    check(new().raw(b"(").global("os", "system").text("id").raw(b"o0N"), Evil, "`os.system`");
}

#[test]
fn frames_do_not_lie() {
    let frame = |len: u64, rest: &[u8]| Asm::new(4).op(0x95).raw(&len.to_le_bytes()).raw(rest).0;
    assert!(pickle::run(&&frame(2, b"N.")[..], 0, &Limits::default()).is_ok());
    assert!(pickle::run(&&frame(1, b"N.")[..], 0, &Limits::default()).is_ok());
    check_bytes(&frame(3, b"N."), Malformed, "a frame of 3 bytes");
    check_bytes(&frame(0, b"N."), Malformed, "a frame of 0 bytes");
    check_bytes(&frame(u64::MAX, b"N."), Malformed, "a frame of");
    check_bytes(&frame(3, b"N.N"), Malformed, "before the end of its frame");
    // The text reaches over the end.
    check_bytes(&frame(4, b"\x8c\x04abcd."), Malformed, "that the frame has left");
    check_bytes(&frame(3, b"J\0\0\0\0."), Malformed, "that the frame has left");
    check_bytes(&frame(11, b"N\x95\x01\0\0\0\0\0\0\0.."), Malformed, "a frame within a frame");
    let straddling = [&b"C\xffcos\n"[..], &[b'x'; 300]].concat();
    check_bytes(&frame(8, &straddling), Malformed, "that the frame has left");
}

// ---- 33, 34: memo and lengths ----

#[test]
fn the_memo_is_dense_and_laughs_stay_small() {
    check(new().raw(b"Nr\xff\xff\xff\xff"), Limit, "slot 4294967295");
    check(new().raw(b"Nr\0\0\x01\0"), Malformed, "slot 65536");
    check(new().raw(b"h\0"), Malformed, "never set");
    check(new().raw(b"Nq\0h\x01"), Malformed, "never set");
    check(new().raw(b"Nq\0q\0"), Malformed, "set before");
    check(new().raw(b"q\0"), Malformed, "nothing on the stack");
    // Sixty lists, each twice in the next.
    let dup = (0..60).fold(new().raw(b"N"), |asm, _| asm.raw(b"2\x86"));
    check(dup, Limit, "unfolds to");
    let memo = (0..60u8)
        .fold(new().raw(b"]"), |asm, slot| asm.raw(&[b'q', slot]).raw(b"0](h").op(slot).op(b'h').op(slot).op(b'e'));
    check(memo, Limit, "unfolds to");
    // Twenty levels are a million places, and still one small arena.
    let pickle = accepted((0..18).fold(new().raw(b"N"), |asm, _| asm.raw(b"2\x86")));
    assert!(pickle.values.len() < 40);
}

#[test]
fn lengths_are_believed_only_as_far_as_the_file_reaches() {
    for (opcode, width) in [(0x8du8, 8), (0x8e, 8), (0x96, 8), (b'X', 4), (b'B', 4)] {
        let huge = vec![0xff; width];
        check(Asm::new(4).op(opcode).raw(&huge).raw(b"abc"), Malformed, "an argument of");
    }
    check(Asm::new(4).raw(b"\x8d\0\0\0\0\0\0\0\x80abc"), Malformed, "an argument of 9223372036854775808 bytes");
    check(new().raw(b"T\xff\xff\xff\xffabc"), Malformed, "a string of -1 bytes");
    check(new().raw(b"T\xff\xff\xff\x7fabc"), Malformed, "an argument of 2147483647 bytes");
    check(new().raw(b"\x8b\xff\xff\xff\xff"), Malformed, "an integer of -1 bytes");
    check(new().raw(b"\x8b\0\0\0\x10"), Limit, "an integer of 268435456 bytes");
    check(new().raw(b"\x8a\x05ab"), Malformed, "an argument of 5 bytes");
    check_bytes(&[b"\x80\x02I".to_vec(), vec![b'9'; 1 << 20]].concat(), Unsupported, "INT");
    check(new().raw(b"X\x02\0\0\0\xff\xfe"), Malformed, "UTF-8");
}

/// Floods end at the limits, before they cost much.
#[test]
fn floods_end_at_the_limits() {
    let flood = |piece: &[u8], count: usize| new().op(b'(').raw(&piece.repeat(count)).op(b't');
    check(flood(b"N", 2 << 20), Limit, "values on the stack");
    check(flood(b"]", 2 << 20), Limit, "more than");
    check(flood(b"N0", 5 << 20), Limit, "opcodes");
    check(flood(b"(", 4000), Limit, "open marks");
    check(flood(b"]Na", 1 << 20), Limit, "bytes of texts and lists");
    check(flood(b"U\x01a", 1 << 20), Limit, "bytes of texts and lists");
    check(flood(&[&b"X\0\x20\0\0"[..], &[b'a'; 8192]].concat(), 7000), Limit, "bytes of texts and lists");
    // One long text, decoded again and again.
    let long = "\u{ff}".repeat(1 << 20);
    let asm =
        new().op(b'(').global("_codecs", "encode").raw(b"q\0").text(&long).raw(b"q\x01").text("latin1").raw(b"q\x02");
    check(asm.raw(&b"h\0h\x01h\x02\x86R".repeat(200)).op(b't'), Limit, "bytes of tensors as text");
}

// ---- 35, 36: the end, cycles, depth ----

#[test]
fn every_pickle_ends_with_one_value() {
    check_bytes(&new().raw(b"N").0, Malformed, "the end of the bytes");
    check_bytes(b"", Malformed, "the end of the bytes");
    check_bytes(b"\x80", Malformed, "1 bytes");
    check(new(), Malformed, "0 values and 0 marks");
    check(new().raw(b"NN"), Malformed, "2 values and 0 marks");
    check(new().raw(b"N("), Malformed, "1 values and 1 marks");
    check(new().raw(b"0"), Malformed, "nothing on the stack");
    check(new().raw(b"N(0"), Malformed, "nothing on the stack");
    check(new().raw(b"1"), Malformed, "no mark");
    check(new().raw(b"K\x01\x86"), Malformed, "1 values on the stack");
    // What follows STOP is left to the caller.
    let two = [new().raw(b"N").stop(), b"\x80\x02cos\nsystem\n.".to_vec()].concat();
    assert_eq!(pickle::run(&&two[..], 0, &Limits::default()).unwrap().end, 4);
    assert_eq!(pickle::run(&&two[..], 4, &Limits::default()).unwrap_err().code, Evil);
    // A payload, then rubbish: nothing of it is returned.
    check_bytes(&[new().tensor("0", 4, 0, &[4], &[1]).0, vec![0xff; 4]].concat(), Malformed, "0xff");
}

#[test]
fn cycles_and_depths_are_refused() {
    check(new().raw(b"]q\0h\0a"), Malformed, "a list that contains itself");
    check(new().raw(b"}q\0K\x01h\0s"), Malformed, "a dict that contains itself");
    check(new().raw(b"]q\0h\0\x85a"), Malformed, "that contains itself");
    check(new().raw(b"\x8fq\0(h\0\x90"), Malformed, "a set that contains itself");
    let network = new().global("dnnlib.tflib.network", "Network").raw(b")\x81q\0}K\x01h\0sb");
    check(network, Malformed, "that contains itself");
    // A tuple as a key that reaches back.
    check(new().raw(b"}q\0h\0\x85Ns"), Malformed, "that contains itself");
    let nested = |depth: usize| new().op(b'N').raw(&vec![0x85; depth]);
    accepted(nested(255));
    check(nested(256), Limit, "nested more than 256 deep");
    check(nested(500_000), Limit, "nested more than 256 deep");
    let lists = |depth: usize| new().op(b']').raw(&b"]".repeat(depth)).raw(&b"a".repeat(depth));
    accepted(lists(255));
    check(lists(300), Limit, "nested more than 256 deep");
    // Depth that comes after the fact: the inner one grows when it stands in the outer one.
    let late = new().raw(b"]q\0").raw(&[0x85; 200]).raw(b"q\x01h\0]").raw(&[0x85; 200]).raw(b"a0");
    check(late, Limit, "nested more than 256 deep");
    // What was thrown away does no harm.
    accepted(new().raw(b"]q\0h\0a0N"));
}

// ---- 37: legacy streams ----

/// A legacy stream of one storage of f32.
fn stream(magic: &[u8], version: i64, little: u8, count: i64, data: &[u8]) -> Vec<u8> {
    let facts = new().raw(b"}").text("little_endian").op(little).op(b's').stop();
    let object =
        new().op(b'(').text("storage").global("torch", "FloatStorage").text("7").text("cpu").int(2).raw(b"NtQ").stop();
    let keys = new().raw(b"]").text("7").op(b'a').stop();
    let head = [new().raw(magic).stop(), new().int(version).stop(), facts, object, keys].concat();
    [head, count.to_le_bytes().to_vec(), data.to_vec()].concat()
}

const MAGIC: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

#[test]
fn legacy_streams_are_what_torch_writes() {
    let of = |bytes: &[u8]| new().global("torch.storage", "_load_from_bytes").bytes(bytes).raw(b"\x85R");
    let good = stream(MAGIC, 1001, 0x88, 2, &[0; 8]);
    let pickle = accepted(of(&good));
    assert!(matches!(pickle.values.get(pickle.root), Value::Storage(storage) if storage.elements == 2));
    check(of(&stream(MAGIC, 1002, 0x88, 2, &[0; 8])), Malformed, "the version 1001");
    check(of(&stream(MAGIC, 1001, 0x89, 2, &[0; 8])), Unsupported, "big-endian");
    check(of(&stream(MAGIC, 1001, b'N', 2, &[0; 8])), Malformed, "little_endian");
    check(of(&stream(MAGIC, 1001, 0x88, 3, &[0; 8])), Malformed, "3 elements");
    check(of(&stream(MAGIC, 1001, 0x88, -1, &[0; 8])), Malformed, "-1 elements");
    check(of(&stream(MAGIC, 1001, 0x88, 2, &[0; 7])), Malformed, "15 bytes for the storage `7`");
    check(of(&stream(MAGIC, 1001, 0x88, 2, &[0; 9])), Malformed, "1 bytes after them");
    check(of(&stream(b"K\x07", 1001, 0x88, 2, &[0; 8])), Malformed, "the magic number");
    // A magic number that is computed.
    let computed = new().global("builtins", "int").raw(MAGIC).raw(b"\x85R").0;
    check(of(&stream(&computed[2..], 1001, 0x88, 2, &[0; 8])), Malformed, "the magic number");
    check(of(&stream(b"cos\nsystem\nU\x02id\x85R", 1001, 0x88, 2, &[0; 8])), Evil, "`os.system`");
    // Bytes in bytes in bytes.
    let inner = of(&good).stop();
    check(of(&stream(&inner[2..inner.len() - 1], 1001, 0x88, 2, &[0; 8])), Malformed, "within the bytes of");
    check(of(b""), Malformed, "the end of the bytes");
    check(of(b"\x80\x02N."), Malformed, "the magic number");
    check(new().global("torch.storage", "_load_from_bytes").text("a").raw(b"\x85R"), Malformed, "`a` as the argument");
    // Old tar files and other containers are no streams.
    for bytes in [&b"sys_info\0\0\0"[..], b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c"] {
        let fault = pickle::legacy(&bytes, 0, &Limits::default()).unwrap_err();
        sound(&fault);
    }
    // The offset of a fault in nested bytes is one of the file.
    let bytes = of(&stream(b"cos\nsystem\nU\x02id\x85R", 1001, 0x88, 2, &[0; 8])).stop();
    let at = bytes.windows(3).position(|window| window == b"cos").unwrap();
    assert_eq!(refused(&bytes).offset, at as u64);
}

#[test]
fn whole_streams_hold_all_their_storages() {
    let file = std::fs::read(data("torch-legacy.pkl")).unwrap();
    let legacy = pickle::legacy(&&file[..], 0, &Limits::default()).unwrap();
    let cut = &file[..file.len() - 1];
    let fault = legacy.blobs(&cut).unwrap_err();
    assert!(fault.found.contains("bytes for the storage"), "{fault:?}");
    let mut wrong = file.clone();
    wrong[legacy.data as usize] ^= 1;
    assert!(legacy.blobs(&&wrong[..]).unwrap_err().found.contains("elements in the storage"));
    for keys in [&b"]"[..], b"](U\x017U\x018e", b"](U\x017U\x017e", b"]Na", b"N"] {
        let bytes = stream(MAGIC, 1001, 0x88, 2, &[0; 8]);
        let at = bytes.windows(4).rposition(|window| window == [0x80, 2, b']', b'X']).unwrap();
        let bytes = [&bytes[..at], &new().raw(keys).stop(), &bytes[bytes.len() - 16..]].concat();
        let read = pickle::legacy(&&bytes[..], 0, &Limits::default());
        let fault = read.and_then(|legacy| legacy.blobs(&&bytes[..]).map(|_| ())).unwrap_err();
        assert_eq!(fault.code, Malformed, "{fault:?}");
        sound(&fault);
    }
}

// ---- arrays ----

/// An element type of NumPy.
fn dtype(to: Asm, code: &str, order: &str) -> Asm {
    let asm = to.global("numpy", "dtype").text(code).raw(b"\x89\x88\x87R(").int(3).text(order).raw(b"NNN");
    asm.int(-1).int(-1).int(0).raw(b"tb")
}

#[test]
fn arrays_are_what_numpy_writes() {
    let blank =
        || new().global("numpy.core.multiarray", "_reconstruct").global("numpy", "ndarray").raw(b"K\0\x85C\x01b\x87R");
    let built = |code: &str, order: &str, shape: &[i64], data: &[u8]| {
        dtype(blank().op(b'(').int(1).ints(shape), code, order).op(0x89).bytes(data).raw(b"tb")
    };
    let pickle = accepted(built("f4", "<", &[2], &[0; 8]));
    assert!(matches!(pickle.values.get(pickle.root), Value::Array(array) if array.shape[..] == [2]));
    check(built("f4", ">", &[2], &[0; 8]), Unsupported, "big-endian");
    check(built("f4", "|", &[2], &[0; 8]), Malformed, "the byte order");
    check(built("f4", "<", &[2], &[0; 7]), Malformed, "7 bytes for [2]");
    check(built("f4", "<", &[2], &[0; 9]), Malformed, "9 bytes for [2]");
    check(built("f4", "<", &[-2], &[0; 8]), Malformed, "-2 as the shape");
    check(built("f4", "<", &[1 << 40, 1 << 40], &[0; 8]), Malformed, "whose product can be counted");
    check(built("f8", "<", &[i64::MAX], &[0; 8]), Malformed, "whose product can be counted");
    check(built("f4", "<", &[1; 70], &[0; 4]), Malformed, "70 axes");
    let made = |asm: Asm, value: Value| {
        let pickle = accepted(asm);
        assert_eq!(*pickle.values.get(pickle.root), value);
    };
    // Dates and texts are no tensors, and stay inert; other numbers are, and one that nothing fills may be.
    let strange = |text: &str| Value::Strange(text.into());
    made(built("M8", "<", &[1], &[0; 8]), Value::Opaque("numpy.ndarray".into()));
    made(built("U1", "<", &[1], &[0; 4]), Value::Opaque("numpy.ndarray".into()));
    made(built("c16", "<", &[1], &[0; 16]), strange("numpy.ndarray of another type"));
    made(built("f16", "<", &[1], &[0; 16]), strange("numpy.ndarray of another type"));
    made(built("O8", "|", &[1], &[0; 8]), strange("numpy.ndarray of another type"));
    let objects = |items: &[u8]| {
        let asm = dtype(blank().op(b'(').int(1).ints(&[1]), "O8", "|").op(0x89);
        asm.raw(b"](").raw(items).raw(b"etb")
    };
    made(objects(b"U\x03cat"), Value::Opaque("numpy.ndarray".into()));
    made(objects(b"NK\x01"), Value::Opaque("numpy.ndarray".into()));
    made(objects(&Asm::part().tensor("0", 4, 0, &[4], &[1]).0), strange("numpy.ndarray of another type"));
    made(objects(b"]"), strange("numpy.ndarray of another type"));
    made(built("c16", "<", &[], &[0; 16]), Value::Opaque("numpy.ndarray".into()));
    made(blank(), strange("numpy.ndarray"));
    let other =
        new().global("numpy.core.multiarray", "_reconstruct").global("numpy", "matrix").raw(b"K\0\x85C\x01b\x87R");
    made(other.raw(b"}b"), strange("numpy.matrix"));
    check(blank().raw(b"Nb"), Malformed, "None as the state");
    check(blank().raw(b"N\x85b"), Malformed, "1 parts");
    check(blank().raw(b"K\x01q\0h\0h\0h\0h\0").raw(b"0000").raw(b"b"), Malformed, "1 as the state");
    let unordered = new().global("numpy", "dtype").text("f4").raw(b"\x89\x88\x87R");
    let scalar = new().global("numpy.core.multiarray", "scalar").raw(&unordered.0[2..]).bytes(&[0; 4]).raw(b"\x86R");
    check(scalar, Malformed, "without byte order");
    check(
        new().global("numpy.core.multiarray", "scalar").text("f4").bytes(&[0; 4]).raw(b"\x86R"),
        Malformed,
        "`f4` as the type",
    );
    let buffer = |shape: &[i64], order: &str, axes: Option<&[i64]>| {
        let asm = new().global("numpy.core.numeric", "_frombuffer").op(b'(').bytes(&[0; 96]);
        let asm = dtype(asm, "f4", "<").ints(shape).text(order);
        axes.into_iter().fold(asm, |asm, axes| asm.ints(axes)).raw(b"tR")
    };
    accepted(buffer(&[24], "F", None));
    // NumPy: `frombuffer(…).reshape(2, 3, 4).transpose(2, 0, 1)` has the shape (4, 2, 3) and the strides 1, 12 and 4.
    let pickle = accepted(buffer(&[2, 3, 4], "K", Some(&[2, 0, 1])));
    let Value::Array(array) = pickle.values.get(pickle.root) else { panic!("an array") };
    assert_eq!((&array.shape[..], &array.strides[..]), (&[4, 2, 3][..], &[1, 12, 4][..]));
    check(buffer(&[24], "K", None), Malformed, "`K` as the order");
    check(buffer(&[24], "C", Some(&[0])), Malformed, "`C` as the order");
    for axes in [&[0, 1][..], &[0, 1, 1], &[0, 1, 3], &[0, 1, 2, 3]] {
        check(buffer(&[2, 3, 4], "K", Some(axes)), Malformed, "each of the 3 axes once");
    }
    check(buffer(&[2, 3, 4], "K", Some(&[0, 1, -1])), Malformed, "-1 as the shape");
}

// ---- what is said ----

#[test]
fn faults_say_where_they_are() {
    let module = |asm: Asm| asm.raw(b"}").text("_modules").raw(b"}(").text("b4").raw(b"}(").text("conv1").raw(b"}(");
    let asm = module(new().raw(b"}").text("G_ema")).text("bias").op(b'N').text("weight");
    let fault = refused(&asm.tensor("0", 4, 2, &[4], &[1]).stop());
    assert_eq!(fault.path, "G_ema.b4.conv1.weight");
    assert_eq!(fault.opcode, Some("REDUCE"));
    let asm = new().raw(b"}(").text("a").int(1).text("b").raw(b"\xff");
    assert_eq!(refused(&asm.stop()).path, "b");
    // A dict of one entry is built without a mark.
    let asm = new().raw(b"}").text("a").raw(b"}").text("b").raw(b"\xff");
    assert_eq!(refused(&asm.stop()).path, "a.b");
}
