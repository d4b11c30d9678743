#!/usr/bin/env python3
"""Skeletons of files of every kind that hold the toon generator of recipes/models: `python3 make.py`.

The real package writes the real file (torch, pickle, NumPy, gguf); then every run of bytes that is a tensor of
avatars-toon.safetensors, perhaps with its axes in another order, is replaced by a reference, so that 4 MB become some kB.
A skeleton is zlib over a line of JSON (size, CRC-32 and parts of the file) and the literal bytes one after another.  A part
is a number (so many literal bytes) or [name, axes, flipped, op]: the tensor, its axes permuted, then the named axes of
that reversed, then op: "-1" or "*4" in f32, or nothing.  Needs numpy, torch and gguf.
"""

import io
import json
import pathlib
import pickle
import re
import struct
import sys
import tempfile
import zlib

import gguf
import numpy as np
import torch

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent.parent
sys.dont_write_bytecode = True


def code_of(path, end, replacements=()):
    """The definitions of another script of the test data, without what it does."""
    text = path.read_text().split(end)[0]
    for old, new in replacements:
        text = re.sub(old, new, text)
    scope = {"__file__": str(path), "__name__": "part"}
    exec(compile(text, str(path), "exec"), scope)
    return scope


# The stand-ins of NVIDIA's classes, with the sizes of this network.
SIZES = [(r"\b(z_dim|w_dim|latent_size|dlatent_size)=8\b", r"\1=96"), (r"resolution=16\b", "resolution=64")]
SIZES += [(r"num_ws=6\b", "num_ws=10"), (r"\b(num_layers|mapping_layers)=2\b", r"\1=4"), (r'"b16"', '"b64"')]
SIZES += [(r"channel_base=64\b", "channel_base=2048"), (r"(channel_max|fmap_max)=8\b", r"\1=128")]
SIZES += [(r"fmap_base=32\b", "fmap_base=1024"), (r"RESOLUTIONS = .*", "RESOLUTIONS = [4, 8, 16, 32, 64]")]
NVIDIA = code_of(HERE.parent / "nvidia/make.py", "\npytorch()\n", SIZES)
ROSINALITY = code_of(HERE.parent.parent / "golden/rosinality.py", "\nif len(sys.argv)")
NET = NVIDIA["load"](ROOT / "recipes/models/avatars-toon.safetensors")


def variants():
    """Bytes, and the reference that makes them; the plain tensors come first."""
    out = {}

    def add(name, axes, flipped, op):
        value = NET[name].transpose(axes)
        for axis in flipped:
            value = np.flip(value, axis)
        value = value - np.float32(1) if op == "-1" else value * np.float32(4) if op == "*4" else value
        if value.nbytes >= 64:
            out.setdefault(value.tobytes("C"), [name, list(axes), list(flipped), op])

    for name, value in NET.items():
        add(name, range(value.ndim), [], "")
        add(name, range(value.ndim), [], "-1" if name.endswith("affine.bias") else "*4")
        if value.ndim == 2:
            add(name, [1, 0], [], "")
        if value.ndim == 4:
            add(name, [2, 3, 1, 0], [], "")
            add(name, [2, 3, 1, 0], [0, 1], "")
    return sorted(out.items(), key=lambda item: -len(item[0]))


VARIANTS = variants()


def skeleton(name, data):
    found, taken = {}, []
    for value, reference in VARIANTS:
        at = data.find(value)
        while at >= 0:
            end = at + len(value)
            if all(end <= a or b <= at for a, b in taken):
                found[at] = (end, reference)
                taken.append((at, end))
            at = data.find(value, end)
    parts, literal, at = [], b"", 0
    for start in sorted(found):
        end, reference = found[start]
        parts += [start - at, reference] if start > at else [reference]
        literal += data[at:start]
        at = end
    parts += [len(data) - at]
    literal += data[at:]
    head = {"size": len(data), "crc32": zlib.crc32(data), "parts": parts}
    out = zlib.compress(json.dumps(head, separators=(",", ":")).encode() + b"\n" + literal, 9)
    (HERE / f"{name}.skeleton").write_bytes(out)
    print(name, len(data), "->", len(out))
    assert len(out) < 60_000


def torch_bytes(thing, **options):
    out = io.BytesIO()
    torch.save(thing, out, **options)
    return out.getvalue()


tensors = {name: torch.from_numpy(value) for name, value in NET.items()}
skeleton("plain.pt", torch_bytes(tensors))
skeleton("nested.pt", torch_bytes({"step": 7, "state_dict": tensors}))
skeleton("legacy.pt", torch_bytes(tensors, _use_new_zipfile_serialization=False))
theirs = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in ROSINALITY["convert"](NET).items()}
latent_avg = theirs.pop("latent_avg")
skeleton("rosinality.pt", torch_bytes({"g_ema": theirs, "latent_avg": latent_avg}))

names = list(tensors)
halves = [names[: len(names) // 2], names[len(names) // 2 :]]
weight_map = {}
for number, half in enumerate(halves):
    file = f"pytorch_model-0000{number + 1}-of-00002.bin"
    skeleton(file, torch_bytes({name: tensors[name] for name in half}))
    weight_map |= {name: file for name in half}
index = {"metadata": {"total_size": sum(value.nbytes for value in NET.values())}, "weight_map": weight_map}
skeleton("pytorch_model.bin.index.json", json.dumps(index, indent=2).encode())

for protocol in [3, 4]:
    skeleton(f"nvidia-{protocol}.pkl", pickle.dumps(dict(G=None, D=None, G_ema=NVIDIA["stylegan2"](NET)), protocol=protocol))
    parts = [{k: np.array(v, order="C") if np.ndim(v) else v for k, v in part.items()} for part in NVIDIA["tensorflow"](NET)]
    thing = (None, None, NVIDIA["generator"]("Gs", parts, protocol, NVIDIA["KWARGS"]))
    skeleton(f"tf-{protocol}.pkl", pickle.dumps(thing, protocol=protocol))

out = io.BytesIO()
np.savez(out, **NET)
skeleton("stored.npz", out.getvalue())
with tempfile.TemporaryDirectory() as folder:
    writer = gguf.GGUFWriter(f"{folder}/a.gguf", "stylegan2")
    for name, value in NET.items():
        writer.add_tensor(name, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    skeleton("f32.gguf", pathlib.Path(f"{folder}/a.gguf").read_bytes())
