"""Clusters, contributions M and masks q of a shipped generator, computed independently of the Rust code.

NumPy alone, in float64, from the published formulas.  The definitions:

* A position of the finest clustered layer is one point: the channels of all clustered layers there (coarser layers repeated
  up to it), each minus its mean and over its deviation (over all positions of all samples), scaled to length 1.  It is of the
  cluster whose centre has the largest inner product with it.
* U[k] is 1 where a position is of cluster k.  A pixel of another layer takes it from the position under its middle.
* M[k, c] = mean over samples and positions of A[c]² · U[k], the channel's activations A standardised likewise.
* q: greedily by falling M while the sum of 1 − M is under epsilon, without M <= rho; or the first `top`; or a ramp.

    python3 tests/golden/channels.py
"""

import json
import math
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

HERE = Path(__file__).parent
MODEL = HERE.parent.parent / "recipes/models/avatars-toon.safetensors"
SEEDS, PSI, LAYERS, CLUSTERS = range(4), 0.7, ["b16.conv1", "b32.conv1"], 7
RESOLUTIONS = [4, 8, 16, 32, 64]


def leaky(x):
    return np.where(x < 0, 0.2 * x, x) * math.sqrt(2)


def latent(m, seed):
    z = np.random.RandomState(seed).randn(m["mapping.fc0.weight"].shape[1]).astype(np.float32).astype(np.float64)
    x = z / np.sqrt((z * z).mean() + 1e-8)
    for i in range(4):
        w = m[f"mapping.fc{i}.weight"]
        x = leaky(w @ x * (0.01 / math.sqrt(w.shape[1])) + m[f"mapping.fc{i}.bias"] * 0.01)
    return m["mapping.w_avg"] + PSI * (x - m["mapping.w_avg"])


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


def main():
    m = {name: value.astype(np.float64) for name, value in load_file(MODEL).items()}
    samples = [activations(m, latent(m, seed)) for seed in SEEDS]
    a = {space: np.stack([sample[space] for sample in samples], 1) for space in samples[0]}
    mean = {space: x.mean((1, 2, 3)) for space, x in a.items()}
    std = {space: x.std((1, 2, 3)) for space, x in a.items()}
    scaled = {s: (x - mean[s][:, None, None, None]) / std[s][:, None, None, None] for s, x in a.items()}
    finest = max(a[layer].shape[-1] for layer in LAYERS)
    points = np.concatenate([repeated(scaled[layer], finest) for layer in LAYERS])
    points = points.reshape(len(points), -1).T
    points = points / np.linalg.norm(points, axis=1, keepdims=True)
    # Any centres would do: some that are far from each other, moved a few times.
    centres = points[:1]
    while len(centres) < CLUSTERS:
        centres = np.concatenate([centres, points[(points @ centres.T).max(1).argmin()][None]])
    for _ in range(12):
        own = (points @ centres.T).argmax(1)
        sums = np.stack([points[own == k].sum(0) for k in range(CLUSTERS)])
        centres = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    centres = centres.astype(np.float32)
    likeness = np.sort(points @ centres.astype(np.float64).T, 1)
    margin = (likeness[:, -1] - likeness[:, -2]).min()
    assert margin > 2e-5, f"a position lies {margin} from two centres: float32 may see it otherwise"
    own = (points @ centres.astype(np.float64).T).argmax(1).reshape(len(SEEDS), finest, finest)
    u = np.stack([own == k for k in range(CLUSTERS)]).astype(np.float64)
    shares = {}
    for space, x in scaled.items():
        r = x.shape[-1]
        here = sampled(u, r)
        shares[space] = np.einsum("knhw,cnhw->kc", here, x * x) / x[0].size
        assert np.allclose(shares[space].sum(0), 1)
    part = [2, 5]
    rules = [{"epsilon": 6.4, "rho": 0.1}, {"epsilon": 25.0, "rho": 0.25}, {"epsilon": 0.5, "rho": 0.0}, {"top": 9, "rho": 0.1},
             {"top": 60, "rho": 0.3}, {"soft": 0.5, "rho": 0.1}, {"soft": 0.9, "rho": 0.2}]
    tensors = {"centres": centres, "labels": own.astype(np.int32)}
    for space in shares:
        tensors[f"M.{space}"] = shares[space].astype(np.float32)
        tensors[f"mean.{space}"] = mean[space].astype(np.float32)
        tensors[f"std.{space}"] = std[space].astype(np.float32)
        # From the rounded M, as a mask is made from a file.
        rounded = tensors[f"M.{space}"][part].astype(np.float64).sum(0)
        tensors[f"q.{space}"] = np.stack([select(rounded, rule) for rule in rules]).astype(np.float32)
    about = {"seeds": [*SEEDS], "psi": PSI, "layers": LAYERS, "part": part, "rules": rules}
    save_file(tensors, HERE / "channels.safetensors", {"about": json.dumps(about)})
    print(margin, {space: q.sum(1).tolist() for space, q in tensors.items() if space.startswith("q.")})


main()
