#!/usr/bin/env python3
"""Checkpoints to measure with: names, shapes and types of real networks, values from a seeded generator.

    python3 tests/bench/models.py FOLDER            # three Llama-like ones of 2 GB, a pair of StyleGAN2 generators (256 px)
    python3 tests/bench/models.py FOLDER --size 0.1 # Llama-like ones of 100 MB
    python3 tests/bench/models.py FOLDER --big      # and a pair of 8 GB

The same bytes every time; a file that is there with the right size is left alone.  Memory stays under 200 MB, because
tensors are made and written in pieces.  Needs Python 3.9 and NumPy.
"""

import argparse
import json
import math
import os
import sys
import tempfile

import numpy

# Elements that are made at a time.
PIECE = 1 << 22
# A network's shape is scaled with the size that is wanted: (bytes from, width, rows of the MLP, key and value width, words).
SHAPES = [
    (5e9, 4096, 14336, 1024, 32000),
    (1e9, 2048, 5632, 256, 32000),
    (0, 512, 1408, 128, 4000),
]


def llama(size):
    """Names and shapes of a decoder of about `size` bytes in bf16."""
    _, width, inner, narrow, words = next(row for row in SHAPES if size >= row[0])
    ends = {
        "lm_head.weight": [words, width],
        "model.embed_tokens.weight": [words, width],
        "model.norm.weight": [width],
    }
    layer = {
        "input_layernorm.weight": [width],
        "mlp.down_proj.weight": [width, inner],
        "mlp.gate_proj.weight": [inner, width],
        "mlp.up_proj.weight": [inner, width],
        "post_attention_layernorm.weight": [width],
        "self_attn.k_proj.weight": [narrow, width],
        "self_attn.o_proj.weight": [width, width],
        "self_attn.q_proj.weight": [width, width],
        "self_attn.v_proj.weight": [narrow, width],
    }
    bytes_of = lambda shapes: 2 * sum(math.prod(shape) for shape in shapes.values())
    layers = max(4, round((size - bytes_of(ends)) / bytes_of(layer)))
    names = dict(ends)
    for index in range(layers):
        names.update({f"model.layers.{index}.{name}": shape for name, shape in layer.items()})
    return {name: names[name] for name in sorted(names)}


def stylegan2(pixels=256):
    """Names and shapes of NVIDIA's StyleGAN2 generator with 512 channels at most (`stylegan2-ada-pytorch`, `paper256`)."""
    channels = lambda resolution: min(16384 // resolution, 512)
    names = {f"mapping.fc{index}.weight": [512, 512] for index in range(8)}
    names.update({f"mapping.fc{index}.bias": [512] for index in range(8)})
    names["mapping.w_avg"] = [512]
    resolution = 4
    while resolution <= pixels:
        out, before = channels(resolution), channels(resolution // 2) if resolution > 4 else 0
        block = f"synthesis.b{resolution}"
        names[f"{block}.resample_filter"] = [4, 4]
        if resolution == 4:
            names[f"{block}.const"] = [out, 4, 4]
        for conv, rows in [("conv0", before), ("conv1", out)]:
            if rows == 0:
                continue
            names[f"{block}.{conv}.affine.bias"] = [rows]
            names[f"{block}.{conv}.affine.weight"] = [rows, 512]
            names[f"{block}.{conv}.bias"] = [out]
            names[f"{block}.{conv}.noise_const"] = [resolution, resolution]
            names[f"{block}.{conv}.noise_strength"] = []
            names[f"{block}.{conv}.resample_filter"] = [4, 4]
            names[f"{block}.{conv}.weight"] = [out, rows, 3, 3]
        names[f"{block}.torgb.affine.bias"] = [out]
        names[f"{block}.torgb.affine.weight"] = [out, 512]
        names[f"{block}.torgb.bias"] = [3]
        names[f"{block}.torgb.weight"] = [3, out, 1, 1]
        resolution *= 2
    return {name: names[name] for name in sorted(names)}


def bf16(numbers):
    """The upper halves of f32 numbers."""
    return (numbers.view(numpy.uint32) >> 16).astype(numpy.uint16)


def values(shapes, dtype, seed):
    """The bytes of all tensors, piece by piece: bell-shaped, of the magnitude of weights; norms lie around 1."""
    rng = numpy.random.Generator(numpy.random.SFC64(seed))
    pool = (0.02 * rng.standard_normal(PIECE, dtype=numpy.float32)).astype(numpy.float32)
    short = bf16(pool)
    for name, shape in shapes.items():
        count = math.prod(shape)
        if name.endswith("resample_filter"):
            row = numpy.array([1, 3, 3, 1], dtype=numpy.float32) / 8
            yield numpy.outer(row, row).astype(numpy.float32).tobytes()
            continue
        if "norm" in name and dtype == "BF16":
            yield bf16((1 + 0.1 * rng.standard_normal(count)).astype(numpy.float32)).tobytes()
            continue
        while count > 0:
            # Magnitudes come from the pool, from a random place on; signs and mantissas are new everywhere.  That is
            # many times faster than new normal numbers.
            some = min(count, PIECE)
            start = int(rng.integers(PIECE))
            if dtype == "BF16":
                piece = numpy.roll(short, start)[:some]
                piece ^= rng.integers(0, 1 << 16, some, dtype=numpy.uint16) & 0x807F
            else:
                piece = numpy.roll(pool, start)[:some].view(numpy.uint32)
                piece ^= rng.integers(0, 1 << 32, some, dtype=numpy.uint32) & 0x807FFFFF
            yield piece.tobytes()
            count -= some


def write(path, shapes, dtype, seed):
    """A safetensors file, unless it is there; tells its size in bytes."""
    size = {"BF16": 2, "F32": 4}[dtype]
    header, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + size * math.prod(shape)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    whole = 8 + len(text) + end
    if os.path.exists(path) and os.path.getsize(path) == whole:
        return whole
    temporary = path + ".part"
    with open(temporary, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for piece in values(shapes, dtype, seed):
            file.write(piece)
    os.rename(temporary, path)
    return whole


def read_shapes(path):
    """Shapes by name, from a file's header."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}


ORDINARY = ["llama-a", "llama-b", "llama-c", "stylegan2-a", "stylegan2-b"]
BIG = ["big-a", "big-b"]


def make(folder, size=2.0, names=ORDINARY):
    """Files by name; `size` in GB of one Llama-like checkpoint.  Gives their paths."""
    os.makedirs(folder, exist_ok=True)
    paths = {}
    for seed, name in enumerate(ORDINARY + BIG):
        if name not in names:
            continue
        if name.startswith("llama"):
            stem, shapes, dtype = f"{name}-{size:g}GB", llama(size * 1e9), "BF16"
        elif name.startswith("big"):
            stem, shapes, dtype = f"{name}-8GB", llama(8e9), "BF16"
        else:
            stem, shapes, dtype = name, stylegan2(), "F32"
        paths[name] = os.path.join(folder, stem + ".safetensors")
        whole = write(paths[name], shapes, dtype, 1 + seed)
        print(f"{paths[name]}: {whole / 1e9:.2f} GB", file=sys.stderr)
    return paths


def main():
    parser = argparse.ArgumentParser(description="Makes checkpoints to measure with.")
    parser.add_argument("folder", nargs="?", default=os.path.join(tempfile.gettempdir(), "blend-bench"))
    parser.add_argument("--size", type=float, default=2.0, help="GB of one Llama-like checkpoint [2]")
    parser.add_argument("--big", action="store_true", help="a pair of 8 GB as well")
    args = parser.parse_args()
    make(args.folder, args.size, ORDINARY + BIG if args.big else ORDINARY)


if __name__ == "__main__":
    main()
