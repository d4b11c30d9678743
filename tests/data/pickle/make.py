"""Makes the pickles of this folder with Python's own pickle, PyTorch and NumPy, and beside each a listing of what is in it.

    python make.py

The classes that NVIDIA's files name are stand-ins of our own under the same module paths.  A listing is made by walking the
objects in memory, never by reading the pickle: `path` is keys and positions, `crc` is zlib.crc32 over the little-endian values
in row-major order.
"""

import argparse
import collections
import importlib.machinery
import io
import json
import pathlib
import pickle
import pickletools
import struct
import sys
import types
import warnings
import zipfile
import zlib

import numpy as np
import torch

warnings.simplefilter("ignore")
HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(7)


def module(name):
    """A module that can be imported by this name."""
    for parent in [name.rsplit(".", i)[0] for i in range(name.count("."), -1, -1)]:
        if parent not in sys.modules:
            made = types.ModuleType(parent)
            made.__path__ = []
            made.__spec__ = importlib.machinery.ModuleSpec(parent, None)
            sys.modules[parent] = made
            if "." in parent:
                up, own = parent.rsplit(".", 1)
                setattr(sys.modules[up], own, made)
    return sys.modules[name]


def place(thing, where):
    thing.__module__ = where
    thing.__qualname__ = thing.__name__
    setattr(module(where), thing.__name__, thing)
    return thing


# ---- stand-ins for NVIDIA's PyTorch code ----


def _reconstruct_persistent_obj(meta):
    made = KINDS[meta["class_name"]].__new__(KINDS[meta["class_name"]])
    made.__dict__.update(meta["state"])
    return made


place(_reconstruct_persistent_obj, "torch_utils.persistence")
KINDS = {}
SOURCE = "# The source of a module: read by nobody.\n" + "x = 1\n" * 7000


def persistent(kind):
    KINDS[kind.__name__] = kind

    def reduce(self):
        meta = {"type": "class", "version": 6, "module_src": SOURCE, "class_name": kind.__name__, "state": self.__dict__}
        return (_reconstruct_persistent_obj, (meta,))

    kind.__reduce__ = reduce
    # nn.Module has no __reduce_ex__ of its own: pickle takes __reduce__.
    return kind


class EasyDict(dict):
    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name)


place(EasyDict, "dnnlib.util")


def draw(*shape):
    return torch.from_numpy(rng.standard_normal(shape).astype(np.float32))


@persistent
class FullyConnectedLayer(torch.nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.in_features, self.out_features, self.activation = i, o, "lrelu"
        self.weight = torch.nn.Parameter(draw(o, i))
        self.bias = torch.nn.Parameter(draw(o))
        self.weight_gain = 1 / np.sqrt(np.float64(i))
        self.bias_gain = 0.01


@persistent
class SynthesisLayer(torch.nn.Module):
    def __init__(self, i, o, r):
        super().__init__()
        self.resolution, self.up, self.conv_clamp, self.use_noise = r, 2, 256, True
        self.affine = FullyConnectedLayer(8, i)
        memory = torch.channels_last if r > 4 else torch.contiguous_format
        self.weight = torch.nn.Parameter(draw(o, i, 3, 3).to(memory_format=memory))
        self.noise_strength = torch.nn.Parameter(torch.zeros([]))
        self.bias = torch.nn.Parameter(draw(o))
        self.register_buffer("noise_const", draw(r, r))
        self.register_buffer("resample_filter", torch.tensor([1.0, 3.0, 3.0, 1.0]).outer(torch.tensor([1.0, 3.0, 3.0, 1.0])) / 64)


@persistent
class Generator(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.img_resolution = 8, 0, 8, 8
        self._init_args, self._init_kwargs = (), EasyDict(z_dim=8, mapping_kwargs=EasyDict(num_layers=2), clamp=None)
        self.fc0, self.fc1 = FullyConnectedLayer(8, 8), FullyConnectedLayer(8, 8)
        self.b4, self.b8 = SynthesisLayer(4, 4, 4), SynthesisLayer(4, 4, 8)
        self.half_weight = torch.nn.Parameter(draw(3, 5).half())
        self.register_buffer("w_avg", draw(8))
        self.register_buffer("counter", torch.tensor(5), persistent=False)


# ---- stand-ins for NVIDIA's TensorFlow code ----


class Network:
    def __getstate__(self):
        return dict(self.__dict__)


place(Network, "dnnlib.tflib.network")


def network(name, variables, **components):
    made = Network()
    made.version, made.name = 4, name
    made.static_kwargs = EasyDict(num_channels=3, resolution=8, label_size=0, fmap_base=8192.0, truncation_psi=np.float32(0.5))
    made.components = EasyDict(components)
    made.build_module_src, made.build_func_name = SOURCE, "G_main"
    made.variables = variables
    return made


def arrays():
    one = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    return [
        ("4x4/Conv/weight", one + 0.25),
        ("4x4/Conv/fortran", np.asfortranarray(one - 1)),
        ("4x4/Conv/slice", one[:, ::2, 1:]),
        ("lod", np.float32(0.0)),
        ("empty", np.zeros((0, 3), np.float32)),
        ("double", rng.standard_normal((3, 2))),
        ("half", rng.standard_normal(5).astype(np.float16)),
        ("ints", np.arange(-3, 3, dtype=np.int64)),
        ("bytes", np.arange(250, 256).astype(np.uint8)),
        ("truth", np.array([True, False, True])),
        ("point", np.array(1.5, np.float32)),
        ("all-bytes", np.arange(256, dtype=np.uint8)),
        ("long", rng.standard_normal((8, 1024)).astype(np.float32)),
        ("names", np.array(["a", "bc"])),
        ("objects", np.array([None, {"a": 1}], dtype=object)),
    ]


# ---- listings ----

DTYPES = {"float32": "f32", "float64": "f64", "float16": "f16", "bfloat16": "bf16", "int64": "i64", "int32": "i32", "int16": "i16",
          "int8": "i8", "uint8": "u8", "uint16": "u16", "bool": "bool", "complex64": "c64", "float8_e4m3fn": "f8_e4m3", "float8_e5m2": "f8_e5m2"}


def described(kind, dtype, shape, raw):
    return {"kind": kind, "dtype": DTYPES[str(dtype).replace("torch.", "")], "shape": list(shape), "crc": zlib.crc32(raw)}


def raw(tensor):
    flat = tensor.detach().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def leaves(value, path, out):
    def leaf(**facts):
        out.append({"path": ".".join(path), **facts})

    if isinstance(value, torch.Tensor):
        if value.is_sparse or value.is_quantized:
            leaf(kind="opaque")
        else:
            leaf(**described("tensor", value.dtype, value.shape, raw(value)))
    elif isinstance(value, (np.ndarray, np.generic)):
        if value.dtype.kind in "OUSM":
            leaf(kind="opaque")
        else:
            leaf(**described("array", value.dtype, value.shape, np.ascontiguousarray(value).tobytes()))
    elif isinstance(value, dict):
        for key, item in value.items():
            leaves(item, path + [str(key)], out)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            leaves(item, path + [str(index)], out)
    elif isinstance(value, (torch.nn.Module, Network)):
        leaves(value.__dict__, path, out)
    elif isinstance(value, set):
        for index in range(len(value)):
            leaf(kind="member")
    elif isinstance(value, str):
        leaf(kind="text", crc=zlib.crc32(value.encode()))
    elif isinstance(value, bytes):
        leaf(kind="bytes", crc=zlib.crc32(value))
    elif value is None or isinstance(value, bool):
        leaf(kind=str(value))
    elif isinstance(value, int):
        leaf(kind="int", value=str(value))
    elif isinstance(value, float):
        leaf(kind="float", value=struct.pack("<d", value).hex())
    else:
        leaf(kind="opaque")


def keep(name, data, value, **more):
    out = []
    leaves(value, [], out)
    HERE.joinpath(name + ".pkl").write_bytes(data)
    text = ",\n".join(json.dumps(row) for row in out)
    more = "".join(f' "{key}": {json.dumps(item)},\n' for key, item in more.items())
    HERE.joinpath(name + ".json").write_text("{\n" + more + ' "leaves": [\n' + text + "\n]}\n")


class OldNumpy(pickle._Pickler):
    """Writes the module names of NumPy 1."""

    def save_global(self, obj, name=None):
        where = getattr(obj, "__module__", None) or ""
        if not where.startswith("numpy._core"):
            return super().save_global(obj, name)
        where, name = where.replace("numpy._core", "numpy.core"), obj.__name__
        if self.proto >= 4:
            self.save(where)
            self.save(name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{where}\n{name}\n".encode())
        self.memoize(obj)

    dispatch = dict(pickle._Pickler.dispatch)
    dispatch[type] = lambda self, obj: self.save_global(obj)
    dispatch[types.FunctionType] = lambda self, obj: self.save_global(obj)


class Python2(OldNumpy):
    """Writes text and bytes as Python 2 did: byte strings."""

    def save_string(self, obj):
        data = obj if isinstance(obj, bytes) else obj.encode("latin-1")
        short = len(data) < 256
        self.write((pickle.SHORT_BINSTRING + bytes([len(data)]) if short else pickle.BINSTRING + struct.pack("<i", len(data))) + data)
        self.memoize(obj)

    dispatch = dict(OldNumpy.dispatch)
    dispatch[str] = save_string
    dispatch[bytes] = save_string


def dumped(value, protocol, pickler=None):
    out = io.BytesIO()
    (pickler or pickle.Pickler)(out, protocol).dump(value)
    return out.getvalue()


def state():
    """What PyTorch's tensors can be."""
    base = draw(4, 6)
    parameter = torch.nn.Parameter(draw(3))
    parameter.group = "slow"
    marked = draw(2)
    marked.note = 1
    return collections.OrderedDict(
        plain=base,
        tied=base,
        transposed=base.t(),
        window=base[1:3, 2:5],
        expanded=draw(1, 3).expand(4, 3),
        strided=draw(30)[3::4],
        scalar=torch.tensor(2.5),
        empty=torch.zeros(0, 7),
        late=draw(6)[6:],
        parameter=torch.nn.Parameter(draw(2, 2)),
        with_state=parameter,
        with_attribute=marked,
        double=draw(3).double(),
        half=draw(3).half(),
        bfloat16=draw(3).bfloat16(),
        int64=torch.arange(3),
        int32=torch.arange(3).int(),
        int16=torch.arange(3).short(),
        int8=torch.arange(-3, 3).to(torch.int8),
        uint8=torch.arange(3).to(torch.uint8),
        uint16=torch.arange(65530, 65536).to(torch.uint16),
        truth=torch.tensor([True, False]),
        complex64=torch.complex(draw(2), draw(2)),
        e4m3=draw(5).to(torch.float8_e4m3fn),
        e5m2=draw(5).to(torch.float8_e5m2),
        sparse=torch.eye(3).to_sparse(),
        quantized=torch.quantize_per_tensor(draw(4), 0.1, 0, torch.qint8),
    )


def main():
    torch.manual_seed(0)
    trained = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    checkpoint = {
        "g_ema": trained.state_dict(),
        "tensors": state(),
        "args": argparse.Namespace(size=256, path="a", nested={"b": 1}),
        "latent_avg": draw(8),
        "step": 1 << 70,
        "sizes": [base for base in torch.Size([2, 3])],
        "device": torch.device("cpu"),
        "dtype": torch.float32,
        "counts": collections.defaultdict(list, a=1),
        "lr": 0.002,
        "words": {"a", "b"},
    }
    checkpoint["size"] = torch.Size([4, 5])

    out = io.BytesIO()
    torch.save(checkpoint, out)
    archive = zipfile.ZipFile(out)
    inside = {info.filename.split("/", 1)[1]: archive.read(info) for info in archive.infolist()}
    storages, places = b"", {}
    for name, data in inside.items():
        if name.startswith("data/"):
            places[name[5:]] = [len(storages), len(data)]
            storages += data
    HERE.joinpath("torch-zip.storages").write_bytes(storages)
    keep("torch-zip", inside["data.pkl"], checkpoint, places=places)

    out = io.BytesIO()
    torch.save(checkpoint, out, _use_new_zipfile_serialization=False)
    keep("torch-legacy", out.getvalue(), checkpoint)

    # Tensors in plain pickles bring their storages as bytes.
    for protocol in 2, 3, 4, 5:
        value = state()
        keep(f"torch-plain-{protocol}", dumped(value, protocol), value)

    for protocol in 2, 3, 4, 5:
        made = Generator()
        value = {"G": None, "D": None, "G_ema": made, "training_set_kwargs": EasyDict(path="x", mirror=True), "augment_pipe": None}
        keep(f"nvidia-{protocol}", dumped(value, protocol), value)

    def triple():
        synthesis, mapping = network("G_synthesis", arrays()), network("G_mapping", [("Dense0/weight", rng.standard_normal((4, 4)))])
        whole = network("Gs", [("dlatent_avg", np.zeros(4, np.float32))], synthesis=synthesis, mapping=mapping)
        return (network("G", []), network("D", []), whole)

    for protocol in 2, 3, 4, 5:
        value = triple()
        keep(f"tf-{protocol}", dumped(value, protocol), value)
        if protocol in (2, 3, 4):
            value = triple()
            keep(f"tf-numpy1-{protocol}", dumped(value, protocol, OldNumpy), value)
    value = triple()
    data = dumped(value, 2, Python2)
    keep("tf-python2", data, value)

    # What pickletools makes of a pickle: no frames, a dense memo.
    value = triple()
    keep("tf-optimized", pickletools.optimize(dumped(value, 4)), value)


main()
