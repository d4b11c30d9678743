r"""Clusters, contributions M and masks q of a shipped generator, computed independently of the Rust code.

NumPy alone, in float64, from the published formulas.  The definitions:

* A position of the finest clustered layer is one point: the channels of all clustered layers there (coarser layers repeated
  up to it), each minus its mean and over its deviation (over all positions of all samples), scaled to length 1.  It is of the
  cluster whose centre has the largest inner product with it.
* U[k] is 1 where a position is of cluster k.  A pixel of another layer takes it from the position under its middle.
* M[k, c] = mean over samples and positions of A[c]² · U[k], the channel's activations A standardised likewise.
* q: greedily by falling M while the sum of 1 − M is under epsilon, without M <= rho; or the first `top`; or a ramp.

    blend channels find recipes/models/avatars-toon.safetensors --seeds 0..3 --clusters 7 --layers b16.conv1,b32.conv1 \
        -o toon.channels
    python3 tests/golden/channels.py toon.channels recipes/models/avatars-toon.safetensors --write

takes the centres of a catalogue of one model and computes everything else anew, tells the largest difference to what the
catalogue says, and with `--write` keeps the result as channels.safetensors beside this script, for the tests.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

HERE = Path(__file__).parent
RESOLUTIONS = [4, 8, 16, 32, 64]


def leaky(x):
    return np.where(x < 0, 0.2 * x, x) * math.sqrt(2)


def latent(m, seed, psi):
    z = np.random.RandomState(seed).randn(m["mapping.fc0.weight"].shape[1]).astype(np.float32).astype(np.float64)
    x = z / np.sqrt((z * z).mean() + 1e-8)
    for i in range(4):
        w = m[f"mapping.fc{i}.weight"]
        x = leaky(w @ x * (0.01 / math.sqrt(w.shape[1])) + m[f"mapping.fc{i}.bias"] * 0.01)
    return m["mapping.w_avg"] + psi * (x - m["mapping.w_avg"])


def correlate(x, k):
    """3 x 3, zeros around: [I, H, W] and [O, I, 3, 3]."""
    h, w = x.shape[1:]
    p = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    return sum(np.einsum("oi,ihw->ohw", k[:, :, a, b], p[:, a:a + h, b:b + w]) for a in range(3) for b in range(3))


def scatter(x, k):
    """Transposed convolution by 2, then [1, 3, 3, 1] / 4 along both axes."""
    h, w = x.shape[1:]
    u = np.zeros((k.shape[0], 2 * h + 3, 2 * w + 3))
    for a in range(3):
        for b in range(3):
            u[:, 1 + a:1 + a + 2 * h:2, 1 + b:1 + b + 2 * w:2] += np.einsum("oi,ihw->ohw", k[:, :, a, b], x)
    f = [0.25, 0.75, 0.75, 0.25]
    u = sum(f[n] * u[:, n:n + 2 * h] for n in range(4))
    return sum(f[n] * u[:, :, n:n + 2 * w] for n in range(4))


def activations(m, w):
    """Per channel space [C, r, r]: what its layer gives after noise, bias and leaky ReLU."""
    x = m["synthesis.b4.const"]
    out = {"b4.const": x}
    for r in RESOLUTIONS:
        for layer in ["conv1"] if r == 4 else ["conv0", "conv1"]:
            t = f"synthesis.b{r}.{layer}"
            affine = m[f"{t}.affine.weight"]
            style = affine @ w / math.sqrt(affine.shape[1]) + m[f"{t}.affine.bias"]
            k = m[f"{t}.weight"] * style[None, :, None, None]
            k = k / np.sqrt((k * k).sum((1, 2, 3), keepdims=True) + 1e-8)
            x = scatter(x, k) if layer == "conv0" else correlate(x, k)
            x = leaky(x + m[f"{t}.noise_const"] * m[f"{t}.noise_strength"] + m[f"{t}.bias"][:, None, None])
            out[f"b{r}.{layer}"] = x
    return out


def repeated(x, r):
    n = r // x.shape[-1]
    return x.repeat(n, axis=-1).repeat(n, axis=-2)


def sampled(u, r):
    """What lies under the middle of each of r x r pixels."""
    at = ((np.arange(r) + 0.5) * u.shape[-1] / r).astype(int)
    return u[..., at, :][..., at]


def select(m, rule):
    rho = rule.get("rho", 0.1)
    order = np.argsort(-m, kind="stable")
    q = np.zeros(len(m))
    if "epsilon" in rule:
        q[order[np.cumsum(1 - m[order]) < rule["epsilon"]]] = 1
        q[m <= rho] = 0
    elif "top" in rule:
        q[order[:rule["top"]]] = 1
        q[m <= rho] = 0
    else:
        q = np.clip((m - rho) / (rule["soft"] - rho), 0, 1)
    return q


def seeds_of(text):
    ends = [[int(end) for end in part.split("..")] for part in text.split(",")]
    return [seed for end in ends for seed in range(end[0], end[-1] + 1)]


def main():
    path, model = sys.argv[1:3]
    with safe_open(path, "numpy") as file:
        about = file.metadata()
        stored = {name: file.get_tensor(name) for name in file.keys()}
    seeds, psi, layers = seeds_of(about["seeds"]), float(about["psi"]), about["layers"].split("\n")
    m = {name: value.astype(np.float64) for name, value in load_file(model).items()}
    latents = [latent(m, seed, psi) for seed in seeds]
    sums = {}
    for w in latents:
        for space, x in activations(m, w).items():
            own = np.stack([x.sum((1, 2)), (x * x).sum((1, 2))]) / x[0].size
            sums[space] = sums.get(space, 0) + own / len(seeds)
    mean = {space: own[0] for space, own in sums.items()}
    std = {space: np.sqrt(own[1] - own[0] ** 2) for space, own in sums.items()}
    centres = stored["centres"].astype(np.float64)
    shares, margin, counts = {space: 0 for space in sums}, 1.0, np.zeros(len(centres), int)
    for w in latents:
        a = activations(m, w)
        scaled = {s: (x - mean[s][:, None, None]) / std[s][:, None, None] for s, x in a.items()}
        finest = max(a[layer].shape[-1] for layer in layers)
        points = np.concatenate([repeated(scaled[layer], finest) for layer in layers])
        points = points.reshape(len(points), -1).T
        likeness = points / np.linalg.norm(points, axis=1, keepdims=True) @ centres.T
        own = likeness.argmax(1).reshape(finest, finest)
        best = np.sort(likeness, 1)
        margin = min(margin, (best[:, -1] - best[:, -2]).min())
        counts += np.bincount(own.ravel(), minlength=len(centres))
        u = np.stack([own == k for k in range(len(centres))]).astype(np.float64)
        for space, x in scaled.items():
            here = sampled(u, x.shape[-1])
            shares[space] = shares[space] + np.einsum("khw,chw->kc", here, x * x) / x[0].size / len(seeds)
    part = [len(centres) - 1, 2]
    rules = [{"epsilon": 6.4, "rho": 0.1}, {"epsilon": 25.0, "rho": 0.25}, {"epsilon": 0.5, "rho": 0.0}, {"top": 9, "rho": 0.1},
             {"top": 60, "rho": 0.3}, {"soft": 0.5, "rho": 0.1}, {"soft": 0.9, "rho": 0.2}]
    tensors, apart = {"centres": stored["centres"]}, {}
    for space in shares:
        assert np.allclose(shares[space].sum(0), 1)
        tensors[f"M.{space}"] = shares[space].astype(np.float32)
        tensors[f"mean.{space}"] = mean[space].astype(np.float32)
        tensors[f"std.{space}"] = std[space].astype(np.float32)
        for kind in ["M", "mean", "std"]:
            name = f"{kind}.{space}"
            apart[kind] = max(apart.get(kind, 0), abs(tensors[name] - stored[name]).max())
        # From the rounded M, as a mask is made from a file.
        rounded = tensors[f"M.{space}"][part].astype(np.float64).sum(0)
        tensors[f"q.{space}"] = np.stack([select(rounded, rule) for rule in rules]).astype(np.float32)
    print("largest differences:", {kind: float(value) for kind, value in apart.items()})
    print(f"the nearest that a position is to two centres: {margin:.1e}; positions per cluster: {counts.tolist()}")
    if "--write" in sys.argv:
        assert margin > 1e-5, "float32 may see a position otherwise: take other seeds"
        facts = {"seeds": about["seeds"], "layers": ",".join(layers), "clusters": len(centres), "part": part, "rules": rules}
        # safetensors writes memory as it lies.
        tensors = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
        save_file(tensors, HERE / "channels.safetensors", {"about": json.dumps(facts)})


main()
