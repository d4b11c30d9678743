"""What the recipes of recipes/stylegan2 must give, computed with NumPy alone; writes recipes.json beside this script.

    python3 tests/golden/recipes.py

For every recipe the weights are written out here once more, by hand, from the definitions of the tools (the positions
along the pyramid, Pinkney's two curves), not taken from the program.  Sums are f32 products added in order, shares
computed in double and rounded once, as the language says.  Per output the CRC-32 of every tensor's bytes is kept.
"""

import json
import math
import pathlib
import struct
import tomllib
import zlib

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
MODELS = HERE.parent.parent / "recipes" / "models"
TYPES = {"F32": np.float32, "F16": np.float16}


def load(name):
    return tensors_of(MODELS / f"avatars-{name}.safetensors")


def tensors_of(path):
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + size])
    header.pop("__metadata__", None)
    out = {}
    for key, entry in header.items():
        start, end = entry["data_offsets"]
        data = np.frombuffer(raw[8 + size + start : 8 + size + end], dtype=TYPES[entry["dtype"]])
        out[key] = data.reshape(entry["shape"])
    return out


TOON, INK, PIXEL = load("toon"), load("ink"), load("pixel")


def resolution(name):
    """Pixels of the block, or None for the mapping network."""
    part = name.split(".")
    return int(part[1][1:]) if part[0] == "synthesis" else None


def octave(name):
    return int(math.log2(resolution(name)))


def position(name):
    """const 0, b4.conv1 1, conv0 2(k-2), conv1, torgb 2(k-2)+1"""
    k = octave(name)
    if ".const" in name or ".conv0." in name:
        return 2 * (k - 2)
    return 2 * (k - 2) + 1


def is_buffer(name):
    return name.endswith(("noise_const", "resample_filter"))


def combine(terms):
    """Sum of share times tensor; shares that are 0 drop out, one share of 1 moves the tensor."""
    terms = [(share, tensor) for share, tensor in terms if share != 0]
    if len(terms) == 1 and terms[0][0] == 1:
        return terms[0][1]
    total = None
    for share, tensor in terms:
        product = np.float32(share) * tensor
        assert product.dtype == np.float32
        total = product if total is None else total + product
    return total


def mixed(a, b, share):
    """share(name) of the second; filters, which are equal in all models, are moved."""
    out = {}
    for name in a:
        w = share(name)
        if name.endswith("resample_filter"):
            assert np.array_equal(a[name], b[name])
            w = 0
        out[name] = combine([(1 - w, a[name]), (w, b[name])])
    return out


def swap(low, high, edge):
    return mixed(low, high, lambda name: 1 if resolution(name) is not None and resolution(name) >= edge else 0)


def ramp(name):
    return 0 if resolution(name) is None else min(max((octave(name) - 2) / (6 - 2), 0), 1)


def pinkney(at, level, curve):
    middle = 2 * (int(math.log2(at)) - 2) + level

    def share(name):
        r = resolution(name)
        # Not trainable, not matched by the prefixes, or of the mapping network: the low model's.
        if r is None or is_buffer(name) or (r == 4 and ".conv1." in name):
            return 0
        return curve(position(name), middle)

    return share


def hard(x, middle):
    return 1 if x - middle > 1 else 0


def smooth(width):
    return lambda x, middle: 1 / (1 + math.exp(-(x - middle) / width))


def slerp(a, b, t):
    out = {}
    for name in a:
        if name.endswith("resample_filter"):
            out[name] = a[name]
            continue
        x, y = a[name].astype(np.float64).ravel(), b[name].astype(np.float64).ravel()
        nx, ny = math.sqrt(x @ x), math.sqrt(y @ y)
        cosine = (x @ y) / (nx if nx > 1e-8 else 1) / (ny if ny > 1e-8 else 1)
        cosine = min(max(cosine, -1), 1)
        if abs(cosine) > 0.9995:
            first, second = 1 - t, t
        else:
            angle = math.acos(cosine)
            first, second = math.sin((1 - t) * angle) / math.sin(angle), math.sin(t * angle) / math.sin(angle)
        out[name] = np.float32(first) * a[name] + np.float32(second) * b[name]
    return out


def three(strength):
    out = {}
    for name in TOON:
        r = resolution(name)
        toon, ink, pixel = TOON[name], INK[name], PIXEL[name]
        if r is None or r <= 8 or name.endswith("resample_filter"):
            value = toon
        elif r <= 32:
            value = combine([(2 / 4, toon), (1 / 4, ink), (1 / 4, pixel)])
        else:
            # toon + s (pixel - toon) + (1 - s) (ink - toon), shares collected per model in order of appearance
            of_toon = 1 - strength - (1 - strength)
            of_toon = 0 if abs(of_toon) <= 1e-12 else of_toon
            value = combine([(of_toon, toon), (strength, pixel), (1 - strength, ink)])
        out[name] = value.astype(np.float16)
    return out


def spaces(name):
    """Per axis the channel space and what the axis does with its channels."""
    part = name.split(".")
    if name == "synthesis.b4.const":
        return [("b4.const", "makes")]
    if part[0] != "synthesis" or len(part) < 4 or part[2] not in ("conv0", "conv1", "torgb"):
        return []
    r, layer = resolution(name), part[2]
    own = None if layer == "torgb" else f"b{r}.{layer}"
    read = f"b{r // 2}.conv1" if layer == "conv0" else f"b{r}.conv1" if layer == "torgb" else f"b{r}.conv0" if r > 4 else "b4.const"
    if part[3] == "affine":
        return [(read, "scales")]
    if part[3] == "weight":
        return [(own, "makes"), (read, "reads")]
    return [(own, "makes")] if part[3] == "bias" and own else []


def masks(part):
    """Greedily by falling M while the sum of 1 - M stays under a 512th of 50 channels of each; none with M of 0.1 or less."""
    catalogue = tensors_of(MODELS / "avatars-pixel.channels")
    clusters = tomllib.loads((MODELS / "avatars-pixel.toml").read_text())["parts"][part]
    out = {}
    for name in catalogue:
        if name.startswith("M."):
            m = catalogue[name][clusters].astype(np.float64).sum(0)
            order = np.argsort(-m, kind="stable")
            chosen = np.zeros(len(m), bool)
            chosen[order[np.cumsum(1 - m[order]) < 50 / 512 * len(m)]] = True
            out[name[2:]] = chosen & (m > 0.1)
    return out


def exchanged(a, b, part, acts):
    mask, out = masks(part), {}
    for name in a:
        chosen = np.zeros(a[name].shape, bool)
        for axis, (space, act) in enumerate(spaces(name)):
            if act in acts and space in mask:
                along = [1] * a[name].ndim
                along[axis] = -1
                chosen |= mask[space].reshape(along)
        out[name] = np.where(chosen, b[name], a[name])
    return out


OUTPUTS = {
    "layer-swap.blend": {
        "toon-ink-32.safetensors": swap(TOON, INK, 32),
        "ink-toon-32.safetensors": swap(INK, TOON, 32),
    },
    "ramp.blend": {"ramp.safetensors": mixed(TOON, INK, ramp)},
    "pinkney.blend": {
        "pinkney-32.safetensors": mixed(TOON, PIXEL, pinkney(32, 0, hard)),
        "pinkney-32-0.8.safetensors": mixed(TOON, PIXEL, pinkney(32, 0, smooth(0.8))),
    },
    "hair.blend": {"pixel-ink-hair.safetensors": exchanged(PIXEL, INK, "hair", ["makes"])},
    "parts.blend": {"pixel-toon-mouth.safetensors": exchanged(PIXEL, TOON, "mouth", ["reads", "scales"])},
    "three-models.blend": {"three.safetensors": three(0.8)},
    "linear.blend": {
        "linear-0.5.safetensors": mixed(TOON, PIXEL, lambda name: 0.5),
        "slerp-0.5.safetensors": slerp(TOON, PIXEL, 0.5),
    },
}


def main():
    table = {
        recipe: {
            path: {name: f"{zlib.crc32(tensor.tobytes()):08x}" for name, tensor in sorted(tensors.items())}
            for path, tensors in outputs.items()
        }
        for recipe, outputs in OUTPUTS.items()
    }
    (HERE / "recipes.json").write_text(json.dumps(table, indent=1) + "\n")


main()
