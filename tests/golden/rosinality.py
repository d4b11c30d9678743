#!/usr/bin/env python3
"""Small StyleGAN2 generators under two code bases' names, to test layouts and whole merges with.

    python3 rosinality.py            writes ../data/mini-{nvidia,nvidia-b,rosinality}.safetensors
    python3 rosinality.py MODELS     checks the conversion against two real files in the folder MODELS

`mini-nvidia` is a random generator of 16 x 16 pixels by the name table of G_ema in NVIDIA's PyTorch code (seeded: the
files never change); `mini-nvidia-b` is a child of it (other weights, the same noise images and filters);
`mini-rosinality` is `mini-nvidia` under the names and shapes of rosinality's stylegan2-pytorch, by `convert` below.

The conversion was checked (second form, on the 64-pixel toon generator that the project ships, which exists under both
names: `avatars-toon.safetensors` and `avatars-toon.rosinality.pt`): `convert` of the first gives exactly the names,
shapes and bytes of `g_ema` and `latent_avg` of the second, 92 tensors, and `convert` drops only filters that other
filters repeat.  NumPy only; the checkpoint's pickle is read without running anything that it names.
"""

import io
import json
import pathlib
import pickle
import struct
import sys
import zipfile

import numpy as np

DATA = pathlib.Path(__file__).parent.parent / "data"


def generator(seed, resolution=16, width={4: 8, 8: 8, 16: 4}, w=8, layers=2):
    """Tensors of a random generator, in the order of NVIDIA's state."""
    random = np.random.RandomState(seed)
    shared = np.random.RandomState(7)  # noise images: a child has those of its parent
    out = {}
    taps = np.array([1, 3, 3, 1], np.float32)
    filter2d = np.outer(taps, taps) / np.float32(64)

    def draw(name, *shape, mean=0.0, scale=1.0):
        out[name] = np.asarray(random.randn(*shape) * scale + mean, np.float32)

    def affine(name, inputs):
        draw(f"{name}.affine.weight", inputs, w)
        draw(f"{name}.affine.bias", inputs, mean=1.0, scale=0.1)

    def conv(name, r, inputs, outputs):
        draw(f"{name}.weight", outputs, inputs, 3, 3)
        draw(f"{name}.noise_strength", scale=0.01)
        draw(f"{name}.bias", outputs, scale=0.1)
        out[f"{name}.resample_filter"] = filter2d
        out[f"{name}.noise_const"] = np.asarray(shared.randn(r, r), np.float32)
        affine(name, inputs)

    r = 4
    while r <= resolution:
        block = f"synthesis.b{r}"
        if r == 4:
            draw(f"{block}.const", width[4], 4, 4)
        out[f"{block}.resample_filter"] = filter2d
        if r > 4:
            conv(f"{block}.conv0", r, width[r // 2], width[r])
        conv(f"{block}.conv1", r, width[r], width[r])
        draw(f"{block}.torgb.weight", 3, width[r], 1, 1)
        draw(f"{block}.torgb.bias", 3, scale=0.1)
        affine(f"{block}.torgb", width[r])
        r *= 2
    draw("mapping.w_avg", w, scale=0.3)
    for j in range(layers):
        draw(f"mapping.fc{j}.weight", w, w, scale=100.0)
        draw(f"mapping.fc{j}.bias", w)
    return out


def convert(net):
    """NVIDIA's names and shapes to rosinality's."""
    out = {}
    blocks = sorted(int(name.split(".")[1][1:]) for name in net if name.endswith(".torgb.weight"))

    def styled(ours, theirs):
        out[f"{theirs}.conv.weight"] = net[f"{ours}.weight"][None]
        out[f"{theirs}.conv.modulation.weight"] = net[f"{ours}.affine.weight"]
        out[f"{theirs}.conv.modulation.bias"] = net[f"{ours}.affine.bias"]

    def conv(ours, theirs, noise, upsamples):
        styled(ours, theirs)
        if upsamples:
            out[f"{theirs}.conv.blur.kernel"] = net[f"{ours}.resample_filter"] * np.float32(4)
        out[f"{theirs}.noise.weight"] = net[f"{ours}.noise_strength"].reshape(1)
        out[f"{theirs}.activate.bias"] = net[f"{ours}.bias"]
        out[f"noises.noise_{noise}"] = net[f"{ours}.noise_const"][None, None]

    def rgb(ours, theirs):
        styled(ours, theirs)
        out[f"{theirs}.bias"] = net[f"{ours}.bias"].reshape(1, -1, 1, 1)

    j = 0
    while f"mapping.fc{j}.weight" in net:
        out[f"style.{j + 1}.weight"] = net[f"mapping.fc{j}.weight"]
        out[f"style.{j + 1}.bias"] = net[f"mapping.fc{j}.bias"]
        j += 1
    out["input.input"] = net["synthesis.b4.const"][None]
    conv("synthesis.b4.conv1", "conv1", 0, False)
    rgb("synthesis.b4.torgb", "to_rgb1")
    for i, r in enumerate(blocks[1:]):
        conv(f"synthesis.b{r}.conv0", f"convs.{2 * i}", 2 * i + 1, True)
        conv(f"synthesis.b{r}.conv1", f"convs.{2 * i + 1}", 2 * i + 2, False)
        rgb(f"synthesis.b{r}.torgb", f"to_rgbs.{i}")
        out[f"to_rgbs.{i}.upsample.kernel"] = net[f"synthesis.b{r}.resample_filter"] * np.float32(4)
    out["latent_avg"] = net["mapping.w_avg"]
    return out


def save(name, net):
    header, at = {}, 0
    for key, value in net.items():
        header[key] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [at, at + value.nbytes]}
        at += value.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    body = b"".join(np.ascontiguousarray(value, "<f4").tobytes() for value in net.values())
    (DATA / name).write_bytes(struct.pack("<Q", len(text)) + text + body)
    print(f"{name}: {len(net)} tensors, {8 + len(text) + len(body)} bytes")


# The check against real files.


def load_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)

    def tensor(entry):
        first, last = entry["data_offsets"]
        return np.frombuffer(data[8 + length + first : 8 + length + last], "<f4").reshape(entry["shape"])

    return {name: tensor(entry) for name, entry in header.items()}


class Opaque:
    def __init__(self, *_):
        pass


def load_checkpoint(path):
    archive = zipfile.ZipFile(path)
    (pickled,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    folder = pickled[: -len("data.pkl")]

    def rebuilt(storage, offset, size, stride, *_):
        contiguous = [int(np.prod(size[axis + 1 :])) for axis in range(len(size))]
        assert list(stride) == contiguous, "only contiguous tensors are stored"
        count = int(np.prod(size))
        return storage[offset : offset + count].reshape(size)

    class Reader(pickle.Unpickler):
        def find_class(self, module, name):
            if (module, name) == ("collections", "OrderedDict"):
                return dict
            if name == "_rebuild_tensor_v2":
                return rebuilt
            return name if module == "torch" and name == "FloatStorage" else Opaque

        def persistent_load(self, pid):
            return np.frombuffer(archive.read(f"{folder}data/{pid[2]}"), "<f4")

    return Reader(io.BytesIO(archive.read(pickled))).load()


def check(models):
    ours = load_safetensors(models / "avatars-toon.safetensors")
    top = load_checkpoint(models / "avatars-toon.rosinality.pt")
    theirs = {**top["g_ema"], "latent_avg": top["latent_avg"]}
    made = convert(ours)
    assert sorted(made) == sorted(theirs), sorted(set(made) ^ set(theirs))
    for name, value in made.items():
        assert value.shape == theirs[name].shape, (name, value.shape, theirs[name].shape)
        assert value.tobytes() == theirs[name].tobytes(), name
    filters = [value for name, value in ours.items() if name.endswith("resample_filter")]
    assert all(value.tobytes() == filters[0].tobytes() for value in filters)
    print(f"{len(made)} tensors have the same names, shapes and bytes")


if len(sys.argv) > 1:
    check(pathlib.Path(sys.argv[1]))
else:
    parent = generator(1)
    save("mini-nvidia.safetensors", parent)
    save("mini-nvidia-b.safetensors", generator(2))
    save("mini-rosinality.safetensors", convert(parent))
