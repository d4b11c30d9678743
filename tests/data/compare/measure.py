"""What `blend compare` must find, by NumPy in float64, and the files that are made from trained ones by arithmetic.

    python measure.py make              the derived files of this folder and `golden.json`
    python measure.py table A B …       median cosine and distances of pairs, as in `src/compare/verdict.rs`
"""
import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from safetensors.numpy import save_file

HERE = Path(__file__).resolve().parent
AVATARS = HERE.parents[2] / "recipes" / "models"


def part(name):
    if name.startswith("model.layers."):
        if name.endswith("norm.weight"):
            return "norm"
        return "attention" if ".self_attn." in name else "mlp"
    if name == "lm_head.weight":
        return "head"
    if name.startswith("model."):
        return "embed" if "embed" in name else "norm"
    if name == "mapping.w_avg":
        return "w_avg"
    if name.startswith("mapping."):
        return "mapping"
    ends = {"const": "const", "noise_const": "noise image", "noise_strength": "noise strength", "resample_filter": "filter"}
    last = name.split(".")[-1]
    if last in ends:
        return ends[last]
    if ".affine." in name:
        return "affine" if last == "weight" else "affine bias"
    if last == "bias":
        return "bias"
    return "torgb" if ".torgb." in name else "conv"


KIN = ("conv", "affine", "attention", "mlp")


def place(name):
    pieces = name.split(".")
    return int(pieces[2]) if name.startswith("model.") else int(pieces[1][1:])


def summary(pairs):
    cosines, farthest = [], None
    aa = ab = bb = dd = largest = 0.0
    equal = 0
    for name, a, b in pairs:
        equal += np.array_equal(a.astype("f8"), b.astype("f8"))
        a, b = a.astype("f8").ravel(), b.astype("f8").ravel()
        own = a @ a, a @ b, b @ b, (a - b) @ (a - b)
        aa, ab, bb, dd = aa + own[0], ab + own[1], bb + own[2], dd + own[3]
        largest = max(largest, float(np.abs(a - b).max(initial=0)))
        if own[0] > 0 and own[2] > 0:
            cosines.append(own[1] / np.sqrt(own[0] * own[2]))
        distance = 0.0 if own[3] == 0 else np.sqrt(own[3] / own[0]) if own[0] > 0 else None
        if distance is not None and (farthest is None or distance > farthest):
            farthest = float(distance)
    total = np.sqrt(aa * bb)
    return {
        "tensors": len(pairs),
        "equal": int(equal),
        "median_cosine": float(np.median(cosines)) if cosines else None,
        "weighted_cosine": float(ab / total) if total > 0 else None,
        "distance": float(np.sqrt(dd / aa)) if aa > 0 else None,
        "farthest": farthest,
        "largest": largest,
    }


def compared(a, b):
    both = [(name, a[name], b[name]) for name in a if name in b and a[name].shape == b[name].shape]
    of = lambda names: summary([row for row in both if row[0] in names])
    kin = [row[0] for row in both if part(row[0]) in KIN]
    return {
        "kinship": of(kin),
        "parts": {name: of([row[0] for row in both if part(row[0]) == name]) for name in sorted({part(row[0]) for row in both})},
        "places": {str(at): of([name for name in kin if place(name) == at]) for at in sorted(map(int, {place(name) for name in kin}))},
    }


def rosinality(tensors):
    """The names and axes of rosinality's code for a generator under NVIDIA's."""
    out = {"input.input": tensors["synthesis.b4.const"][None], "latent_avg": tensors["mapping.w_avg"]}
    for name, value in tensors.items():
        pieces = name.split(".")
        if pieces[0] == "mapping" and pieces[1].startswith("fc"):
            out[f"style.{int(pieces[1][2:]) + 1}.{pieces[2]}"] = value
            continue
        if len(pieces) < 4 or pieces[0] == "mapping":
            continue
        octave = int(np.log2(int(pieces[1][1:])))
        if pieces[2] == "torgb":
            stem = "to_rgb1" if octave == 2 else f"to_rgbs.{octave - 3}"
            tail = {"weight": ("conv.weight", value[None]), "bias": ("bias", value[None, :, None, None] if pieces[3] == "bias" else value)}
        else:
            index = 2 * octave - 6 + int(pieces[2][-1])
            stem = "conv1" if octave == 2 else f"convs.{index}"
            if pieces[3] == "noise_const":
                out[f"noises.noise_{index + 1}"] = value[None, None]
                continue
            if pieces[3] == "resample_filter":
                if pieces[2] == "conv0":
                    out[f"{stem}.conv.blur.kernel"] = value * 4
                continue
            tail = {
                "weight": ("conv.weight", value[None]),
                "bias": ("activate.bias", value),
                "noise_strength": ("noise.weight", value[None] if value.ndim == 0 else value),
            }
        if pieces[3] == "affine":
            out[f"{stem}.conv.modulation.{pieces[4]}"] = value
        else:
            out[f"{stem}.{tail[pieces[3]][0]}"] = tail[pieces[3]][1]
    for octave in range(3, 6):
        out[f"to_rgbs.{octave - 3}.upsample.kernel"] = tensors[f"synthesis.b{2**octave}.resample_filter"] * 4
    return out


def language_models():
    """Two of 14 layers: the second is the first with noise, more in the upper layers."""
    random = np.random.default_rng(3)
    hidden, inner, words = 8, 20, 30
    shapes = {"model.embed_tokens.weight": (words, hidden), "model.norm.weight": (hidden,), "lm_head.weight": (words, hidden)}
    for layer in range(14):
        stem = f"model.layers.{layer}"
        shapes |= {f"{stem}.self_attn.{name}_proj.weight": (hidden, hidden) for name in "qkvo"}
        shapes |= {f"{stem}.mlp.{name}_proj.weight": (inner, hidden) for name in ("gate", "up")}
        shapes |= {f"{stem}.mlp.down_proj.weight": (hidden, inner)}
        shapes |= {f"{stem}.{name}_layernorm.weight": (hidden,) for name in ("input", "post_attention")}
    a = {name: random.normal(size=shape).astype("f4") + (np.float32(8) if "norm" in name else 0) for name, shape in shapes.items()}
    b = {}
    for name, value in a.items():
        size = 0.05 + 0.02 * (place(name) if "layers" in name else 0)
        b[name] = value + (size * random.normal(size=value.shape)).astype("f4")
    return a, b


def make():
    nets = {name: load_file(HERE / f"{name}.safetensors") for name in ("parent", "child", "stranger", "worn")}
    parent, child, stranger = nets["parent"], nets["child"], nets["stranger"]

    def keep(name, tensors):
        save_file({key: np.array(value, order="C") for key, value in tensors.items()}, HERE / f"{name}.safetensors")
        nets[name] = tensors

    def high(name):
        return name.startswith("synthesis.b") and place(name) >= 16

    # Eight times as far from the parent where it paints, as by a step that is too large there.
    far = lambda a, b: (a.astype("f4") + 8 * (b.astype("f4") - a.astype("f4"))).astype("f2")
    keep("drifted", {name: far(parent[name], value) if high(name) else value for name, value in child.items()})
    half = lambda a, b: ((a.astype("f4") + b.astype("f4")) / 2).astype("f2")
    keep("mixed", {name: half(value, stranger[name]) for name, value in parent.items()})
    keep("small", {name: value for name, value in child.items() if ".b32." not in name})
    keep("child-rosinality", rosinality(child))
    a, b = language_models()
    keep("words", {name: value for name, value in a.items()})
    keep("words-tuned", b)
    nets |= {name: load_file(AVATARS / f"{name}.safetensors") for name in ("avatars-toon", "avatars-ink", "avatars-pixel")}
    pairs = [("parent", other) for other in ("child", "stranger", "worn", "drifted", "mixed", "small")]
    pairs += [("child", "parent"), ("words", "words-tuned"), ("avatars-toon", "avatars-ink"), ("avatars-ink", "avatars-pixel")]
    golden = [{"base": a, "other": b} | compared(nets[a], nets[b]) for a, b in pairs]
    (HERE / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")


def table(paths):
    for base, other in zip(paths[::2], paths[1::2]):
        found = compared(load_file(base), load_file(other))
        distances = [row["distance"] for row in found["places"].values()]
        print(f"{base} {other}: median cosine {found['kinship']['median_cosine']:.4f}, distance {min(distances):.2f} to {max(distances):.2f}")
        for name in ("noise image", "affine bias", "bias", "mapping"):
            row = found["parts"].get(name)
            print(f"  {name}: equal {row['equal']} of {row['tensors']}, median cosine {row['median_cosine']}" if row else "")


if __name__ == "__main__":
    make() if sys.argv[1] == "make" else table(sys.argv[2:])
