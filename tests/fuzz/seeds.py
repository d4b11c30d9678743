"""Makes the first seeds of corpus/pickle: small pickles of Python, PyTorch and NumPy.    python seeds.py"""

import collections
import io
import pathlib
import pickle
import struct
import sys
import types
import warnings
import zipfile

import numpy as np
import torch

warnings.simplefilter("ignore")
HERE = pathlib.Path(__file__).parent / "corpus" / "pickle"


def stand_in(name):
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        sys.modules.setdefault(".".join(parts[:count]), types.ModuleType(".".join(parts[:count])))
    return sys.modules[name]


class Network:
    pass


class Layer:
    def __reduce__(self):
        meta = {"type": "class", "version": 6, "module_src": "x", "class_name": "Layer", "state": self.__dict__}
        return (sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (meta,))


def _reconstruct_persistent_obj(meta):
    raise NotImplementedError


for thing, where in (Network, "dnnlib.tflib.network"), (_reconstruct_persistent_obj, "torch_utils.persistence"):
    thing.__module__ = where
    thing.__qualname__ = thing.__name__
    setattr(stand_in(where), thing.__name__, thing)

tensor = torch.arange(6.0).reshape(2, 3).t()
layer = Layer()
layer._parameters = collections.OrderedDict(weight=torch.nn.Parameter(torch.ones(2, 2)))
network = Network()
network.name, network.variables = "G", [("a", np.arange(4.0)), ("b", np.asfortranarray(np.ones((2, 2), np.float16))), ("c", np.float32(1))]
values = {
    "plain": {"a": [1, 2.5, None, True, 1 << 70, b"xyz", "caf\u00e9"], "b": {1, 2}, 3: (), "c": collections.OrderedDict(d=(1, (2, (3,))))},
    "tensor": {"w": tensor, "tied": tensor},
    "layer": {"G_ema": layer},
    "network": (network,),
}
for name, value in values.items():
    for protocol in 2, 3, 4, 5:
        (HERE / f"{name}-{protocol}").write_bytes(pickle.dumps(value, protocol))

state = {"model": {"w": tensor, "h": torch.ones(2).half()}, "step": 3}
out = io.BytesIO()
torch.save(state, out, _use_new_zipfile_serialization=False)
(HERE / "stream").write_bytes(out.getvalue())
out = io.BytesIO()
torch.save(state, out)
archive = zipfile.ZipFile(out)
(HERE / "archive").write_bytes(next(archive.read(name) for name in archive.namelist() if name.endswith("data.pkl")))

hostile = {
    "system": b"\x80\x02cos\nsystem\nX\x02\0\0\0id\x85R.",
    "inst": b"\x80\x02(ios\nsystem\n.",
    "frame": b"\x80\x04\x95" + struct.pack("<Q", 4) + b"\x8c\x04abcd.",
    "memo": b"\x80\x02Nr\xff\xff\xff\xff.",
    "cycle": b"\x80\x02]q\0h\0a.",
    "laughs": b"\x80\x02N" + b"2\x86" * 40 + b".",
    "deep": b"\x80\x02N" + b"\x85" * 300 + b".",
    "long-text": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 63) + b"abc.",
    "old": b"(lp0\nI1\na.",
    "byte-strings": b"\x80\x02}U\x01\xe9T\x02\0\0\0abs.",
    "opaque": b"\x80\x02cargparse\nNamespace\n)\x81}U\x01aK\x01sb.",
}
for name, data in hostile.items():
    (HERE / name).write_bytes(data)
