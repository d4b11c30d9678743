"""Generators of known kinship, really trained, to measure what weights tell of it (`src/compare/verdict.rs`).

    python train.py tiny OUT            the files of this folder: 32 pixels, float16, five minutes each on one core
    python train.py full OUT [MINUTES]  a stranger of the avatars' own shape, to be measured with `measure.py table`

A teacher (one of `recipes/models`) draws what a pupil learns to draw from the same latents, so that no other data is
needed.  `parent` learns toon from random weights.  `child` goes on from `parent` and learns ink with a small step;
`stranger` learns ink from other random weights; `worn` goes on from `parent` with a step forty times that of `child`, far
too long and on a picture turned upside down, as a child that was trained until little of the parent is left.
"""
import math
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from safetensors.torch import save_file

MODELS = Path(__file__).resolve().parents[3] / "recipes" / "models"
FIR = torch.tensor([1.0, 3.0, 3.0, 1.0])
FIR = FIR[:, None] * FIR[None] / 64


def activated(x):
    return F.leaky_relu(x, 0.2) * math.sqrt(2)


def filtered(x, gain, pad):
    """The filter over every channel; `pad` zeros before and after."""
    channels = x.shape[1]
    kernel = (FIR * gain).expand(channels, 1, 4, 4)
    return F.conv2d(F.pad(x, (pad[0], pad[1], pad[0], pad[1])), kernel, groups=channels)


def doubled(x):
    """Twice the size: zeros between, then the filter."""
    n, c, h, w = x.shape
    spread = x.new_zeros(n, c, h, 2, w, 2)
    spread[:, :, :, 0, :, 0] = x
    return filtered(spread.reshape(n, c, 2 * h, 2 * w), 4.0, (2, 1))


class Net:
    """StyleGAN2, skip, as a dictionary of tensors under NVIDIA's names."""

    def __init__(self, tensors):
        self.t = tensors
        self.blocks = sorted({int(name.split(".")[1][1:]) for name in tensors if name.startswith("synthesis.b")})

    @staticmethod
    def random(shapes, seed):
        random = torch.Generator().manual_seed(seed)
        tensors = {}
        for name, shape in shapes.items():
            if name.endswith("resample_filter"):
                tensors[name] = FIR.clone()
            elif name.endswith(("noise_strength", "w_avg", "bias")):
                one = name.endswith("affine.bias")
                tensors[name] = torch.ones(shape) if one else torch.zeros(shape)
            else:
                factor = 100.0 if name.startswith("mapping.") else 1.0
                tensors[name] = torch.randn(shape, generator=random) * factor
        return Net(tensors)

    def copy(self):
        return Net({name: value.clone() for name, value in self.t.items()})

    def learned(self):
        fixed = ("resample_filter", "noise_const", "w_avg", "noise_strength")
        return {name: value for name, value in self.t.items() if not name.endswith(fixed)}

    def dense(self, name, x, rate):
        weight = self.t[name + ".weight"]
        return F.linear(x, weight * (rate / math.sqrt(weight.shape[1])), self.t[name + ".bias"] * rate)

    def mapping(self, z):
        x = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        for layer in range(sum(name.startswith("mapping.fc") and name.endswith("weight") for name in self.t)):
            x = activated(self.dense(f"mapping.fc{layer}", x, 0.01))
        return x

    def conv(self, name, x, w, up):
        style, weight = self.dense(name + ".affine", w, 1.0), self.t[name + ".weight"]
        scale = (weight.square().sum((2, 3)) @ style.square().T + 1e-8).rsqrt().T
        x = x * style[:, :, None, None]
        if up:
            x = filtered(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), 4.0, (1, 1))
        else:
            x = F.conv2d(x, weight, padding=1)
        x = x * scale[:, :, None, None] + self.t[name + ".noise_const"] * self.t[name + ".noise_strength"]
        return activated(x + self.t[name + ".bias"][None, :, None, None])

    def draw(self, z):
        w = self.mapping(z)
        x, image = self.t["synthesis.b4.const"].expand(len(z), -1, -1, -1), None
        for r in self.blocks:
            block = f"synthesis.b{r}"
            if r > 4:
                x = self.conv(f"{block}.conv0", x, w, True)
            x = self.conv(f"{block}.conv1", x, w, False)
            weight = self.t[f"{block}.torgb.weight"]
            style = self.dense(f"{block}.torgb.affine", w, 1.0) / math.sqrt(weight.shape[1])
            rgb = F.conv2d(x * style[:, :, None, None], weight) + self.t[f"{block}.torgb.bias"][None, :, None, None]
            image = rgb if image is None else doubled(image) + rgb
        return image


def train(net, teacher, seed, rate, steps=None, minutes=None, turned=False, batch=16):
    """Regression on the teacher's pictures; the step falls over the last half."""
    torch.manual_seed(seed)
    learned = {name: value.requires_grad_() for name, value in net.learned().items()}
    mapping = [value for name, value in learned.items() if name.startswith("mapping.")]
    others = [value for name, value in learned.items() if not name.startswith("mapping.")]
    optimiser = torch.optim.Adam([{"params": others, "k": 1.0}, {"params": mapping, "k": 1.0}], lr=rate, betas=(0.9, 0.99))
    size, start, step, shown = net.blocks[-1], time.time(), 0, 0.0
    z_dim = net.t["mapping.fc0.weight"].shape[1]
    while True:
        done = step / steps if steps else (time.time() - start) / (60 * minutes)
        if done >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 50) * min(1.0, max(0.02, 2 * (1 - done)))
        z = torch.randn(batch, teacher.t["mapping.fc0.weight"].shape[1])
        with torch.no_grad():
            wanted = teacher.draw(z)
            wanted = F.avg_pool2d(wanted, wanted.shape[-1] // size)
            wanted = wanted.flip(2) if turned else wanted
        # A pupil with a shorter latent sees its first numbers.
        error = net.draw(z[:, :z_dim]) - wanted
        loss = error.abs().mean() + F.avg_pool2d(error, 4).abs().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        shown += loss.item()
        step += 1
        if step % 200 == 0:
            print(f"  {step} steps, {time.time() - start:.0f} s, loss {shown / 200:.4f}", flush=True)
            shown = 0.0
    with torch.no_grad():
        net.t = {name: value.detach() for name, value in net.t.items()}
        net.t["mapping.w_avg"] = net.mapping(torch.randn(20_000, z_dim)).mean(0)
    return net


def tiny_shapes():
    width = {4: 16, 8: 16, 16: 12, 32: 8}
    shapes = {"mapping.w_avg": [24], "synthesis.b4.const": [16, 4, 4]}
    for layer in range(2):
        shapes |= {f"mapping.fc{layer}.weight": [24, 24], f"mapping.fc{layer}.bias": [24]}
    for r, channels in width.items():
        block = f"synthesis.b{r}"
        shapes[f"{block}.resample_filter"] = [4, 4]
        for conv in ("conv0", "conv1"):
            if (r, conv) == (4, "conv0"):
                continue
            inside = width[r // 2] if conv == "conv0" else channels
            shapes |= {
                f"{block}.{conv}.weight": [channels, inside, 3, 3],
                f"{block}.{conv}.bias": [channels],
                f"{block}.{conv}.noise_strength": [],
                f"{block}.{conv}.noise_const": [r, r],
                f"{block}.{conv}.resample_filter": [4, 4],
                f"{block}.{conv}.affine.weight": [inside, 24],
                f"{block}.{conv}.affine.bias": [inside],
            }
        shapes |= {
            f"{block}.torgb.weight": [3, channels, 1, 1],
            f"{block}.torgb.bias": [3],
            f"{block}.torgb.affine.weight": [channels, 24],
            f"{block}.torgb.affine.bias": [channels],
        }
    return shapes


def main():
    kind, out = sys.argv[1], Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    teachers = {name: Net(load_file(MODELS / f"avatars-{name}.safetensors")) for name in ("toon", "ink")}
    minutes = float(sys.argv[3]) if len(sys.argv) > 3 else 6.0
    half = kind == "tiny"

    def keep(name, net):
        tensors = {key: (value.half() if half else value).contiguous() for key, value in net.t.items()}
        save_file(tensors, out / f"{name}.safetensors", {"format": "pt"})
        print(name, flush=True)

    if half:
        shapes = tiny_shapes()
        parent = train(Net.random(shapes, 1), teachers["toon"], 1, 1e-2, steps=2500)
        keep("parent", parent)
        keep("child", train(parent.copy(), teachers["ink"], 3, 2e-3, steps=600))
        keep("stranger", train(Net.random(shapes, 2), teachers["ink"], 2, 1e-2, steps=2500))
        keep("worn", train(parent.copy(), teachers["ink"], 4, 8e-2, steps=2500, turned=True))
        return
    shapes = {name: list(value.shape) for name, value in teachers["toon"].t.items()}
    keep("stranger", train(Net.random(shapes, 2), teachers["toon"], 2, 5e-3, minutes=minutes))


if __name__ == "__main__":
    main()
