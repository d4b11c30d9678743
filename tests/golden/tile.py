"""Writes tile.json: casts, linear combinations, slerp and rows that meet as NumPy computes them (pip install numpy ml_dtypes).

Numbers are hexadecimal bytes, little endian.
"""

import json
import pathlib

import ml_dtypes
import numpy as np

TYPES = {"f16": np.float16, "bf16": ml_dtypes.bfloat16, "f32": np.float32, "f64": np.float64}
random = np.random.default_rng(7)


def text(array):
    return np.ascontiguousarray(array).tobytes().hex()


def casts():
    """f32 bits around every kind of edge: of f16's and bf16's ranges, their subnormals, and ties of both parities."""
    edges = [0x0, 0x1, 0x7fffff, 0x800000, 0x33000000, 0x33000001, 0x33800000, 0x33c00000, 0x387fc000, 0x387fe000, 0x387fe001, 0x387fffff,
             0x38800000, 0x477fe000, 0x477fefff, 0x477ff000, 0x47800000, 0x7f7f7fff, 0x7f7f8000, 0x7f7fffff, 0x7f800000,
             0x3f800000, 0x3f801000, 0x3f801001, 0x3f803000, 0x3f808000, 0x3f808001, 0x3f818000, 0x00008000, 0x00018000, 0x3f7fffff]
    bits = np.array(edges + [e | 0x80000000 for e in edges], np.uint32)
    bits = np.concatenate([bits, random.integers(0, 0x7f800000, 60, np.uint32)])
    values = bits.view(np.float32)
    with np.errstate(over="ignore"):
        yield {"from": "f32", "to": "f16", "values": text(values), "expected": text(values.astype(np.float16))}
        yield {"from": "f32", "to": "bf16", "values": text(values), "expected": text(values.astype(ml_dtypes.bfloat16))}
        # Not bf16: ml_dtypes goes by way of f32 and rounds twice.
        near = np.array([1 + 2**-11, 1 + 3 * 2**-11, 2**-25, 2**-14 - 2**-25, 65520.0, 1 + 2**-24, 2**-150], np.float64)
        values = np.concatenate([near, np.nextafter(near, 0), np.nextafter(near, np.inf), -near])
        yield {"from": "f64", "to": "f16", "values": text(values), "expected": text(values.astype(np.float16))}
        yield {"from": "f64", "to": "f32", "values": text(values), "expected": text(values.astype(np.float32))}


def linears():
    """Products in f32 (f64 where an input is f64), added in order, rounded once."""
    for inputs, to, shares in [
        (["bf16", "bf16"], "bf16", [0.6, 0.4]),
        (["f16", "f16"], "f16", [0.6, 0.4]),
        (["f32", "f32"], "f32", [0.6, 0.4]),
        (["f64", "f64"], "f64", [0.6, 0.4]),
        (["bf16", "bf16", "bf16"], "bf16", [1.0, 0.7, -0.7]),
        (["f32", "f32", "f32"], "f16", [0.5, 1.25, -0.75]),
        (["f16", "f32", "bf16", "f16"], "f32", [0.1, 0.2, 0.3, 0.4]),
        (["f64", "bf16"], "f16", [0.3, 0.7]),
    ]:
        work = np.float64 if "f64" in inputs else np.float32
        arrays = [random.standard_normal((4, 5)).astype(TYPES[name]) for name in inputs]
        # The first is read transposed.
        seen = [arrays[0].reshape(5, 4).T] + arrays[1:]
        sum = None
        for share, array in zip(shares, seen):
            product = work(share) * array.astype(work)
            sum = product if sum is None else sum + product
        yield {"inputs": inputs, "to": to, "shares": shares, "values": [text(a) for a in arrays], "expected": text(sum.astype(TYPES[to]))}


def slerps():
    for name in TYPES:
        for t in [0.3, 0.5]:
            x, y = (random.standard_normal(24).astype(TYPES[name]) for _ in range(2))
            a, b = x.astype(np.float64), y.astype(np.float64)
            angle = np.arccos(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))
            work = np.float64 if name == "f64" else np.float32
            first, second = work(np.sin((1 - t) * angle) / np.sin(angle)), work(np.sin(t * angle) / np.sin(angle))
            out = (first * x.astype(work) + second * y.astype(work)).astype(TYPES[name])
            yield {"type": name, "t": t, "values": [text(x), text(y)], "expected": text(out)}


def meets():
    """Rows of axis 0 brought together: n ((1 - w) a / |a| + w b / |b|), n = |a|^(1 - m) |b|^m, m the mean of w over the row."""
    for name in TYPES:
        for how in ["equal", "slerp"]:
            for along in ["none", "rows", "columns", "both"]:
                x, y = (random.standard_normal((5, 4, 3)).astype(TYPES[name]) for _ in range(2))
                # Rows of other lengths; one that is dead, and one that is nearly the other's.
                y *= np.array([1, 4, 0.25, 3, 1]).astype(TYPES[name])[:, None, None]
                x[3] = 0
                y[4] = x[4]
                rows, columns = np.array([0, 1, 0.25, 0.5, 0.75]), np.array([0, 1, 0, 0.5])
                zero = np.zeros((5, 4))
                w = {"none": zero + 0.3, "rows": zero + rows[:, None], "columns": zero + columns,
                     "both": np.maximum(rows[:, None], columns)}[along]
                whole = np.repeat(w[:, :, None], 3, 2)
                a, b = x.astype(np.float64).reshape(5, -1), y.astype(np.float64).reshape(5, -1)
                la, lb, m = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1), whole.reshape(5, -1).mean(1)
                with np.errstate(invalid="ignore", divide="ignore"):
                    n = la ** (1 - m) * lb ** m
                    cosine = np.clip((a * b).sum(1) / la / lb, -1, 1)
                    angle = np.arccos(cosine)
                    first, second = 1 - whole, whole
                    if how == "slerp":
                        straight = (np.abs(cosine) > 0.9995)[:, None, None]
                        turned = lambda t: np.where(straight, t, np.sin(t * angle[:, None, None]) / np.sin(angle)[:, None, None])
                        first, second = turned(first), turned(second)
                    dead = ((la <= 1e-8) | (lb <= 1e-8))[:, None, None]
                    first = np.where(dead, 1 - whole, first * (n / la)[:, None, None])
                    second = np.where(dead, whole, second * (n / lb)[:, None, None])
                work = np.float64 if name == "f64" else np.float32
                first, second = first.astype(work), second.astype(work)
                out = (first * x.astype(work) + second * y.astype(work)).astype(TYPES[name])
                yield {"type": name, "how": how, "along": along, "rows": list(rows), "columns": list(columns),
                       "values": [text(x), text(y)], "expected": text(out)}


golden = {"casts": list(casts()), "linears": list(linears()), "slerps": list(slerps()), "meets": list(meets())}
lines = {key: ",\n  ".join(json.dumps(case) for case in cases) for key, cases in golden.items()}
body = ",\n".join(f' "{key}": [\n  {cases}\n ]' for key, cases in lines.items())
pathlib.Path(__file__).with_name("tile.json").write_text("{\n" + body + "\n}\n")
