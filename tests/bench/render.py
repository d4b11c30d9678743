"""The nets of tests/bench/render.rs in PyTorch on the CPU, plain operations, beside it in the same run.

    cargo build --release --bench render && python3 tests/bench/render.py target/release/deps/render-HASH [NET...]

The modulated convolution is the faster of PyTorch's two usual forms: inputs scaled, one shared weight, outputs scaled.
Times are the best of several pictures, synthesis alone; programs take turns so that both see the same machine.
"""

import math
import re
import subprocess
import sys
import time

import torch
import torch.nn.functional as F


def net(resolution, w_dim=512):
    def channels(r):
        return min(32768 // r, 512)

    torch.manual_seed(0)
    blocks, r = [], 4
    while r <= resolution:
        layers = {}
        for name, inputs in [("conv0", channels(r // 2)), ("conv1", channels(r))]:
            if r > 4 or name == "conv1":
                weight = torch.randn(channels(r), inputs, 3, 3)
                layers[name] = (weight, weight.square().sum((2, 3)), torch.randn(inputs, w_dim), torch.randn(channels(r)),
                                torch.randn(r, r) * 0.1)
        rgb = (torch.randn(3, channels(r), 1, 1), torch.randn(channels(r), w_dim), torch.randn(3))
        blocks.append((r, layers, rgb))
        r *= 2
    return torch.randn(1, channels(4), 4, 4), blocks


def fir(channels):
    f = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
    return torch.outer(f, f).expand(channels, 1, 4, 4).contiguous()


def layer(x, parts, w, up):
    weight, squares, affine, bias, noise = parts
    s = affine @ w / math.sqrt(len(w)) + 1
    d = (squares @ s.square() + 1e-8).rsqrt()
    x = x * s[None, :, None, None]
    if up:
        x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
        x = F.conv2d(x, fir(x.shape[1]), padding=1, groups=x.shape[1])
    else:
        x = F.conv2d(x, weight, padding=1)
    x = x * d[None, :, None, None] + noise
    return F.leaky_relu_(x + bias[None, :, None, None], 0.2) * math.sqrt(2)


def draw(constant, blocks, w):
    x, image = constant, None
    for _, layers, (weight, affine, bias) in blocks:
        for name, parts in layers.items():
            x = layer(x, parts, w, name == "conv0")
        s = (affine @ w / math.sqrt(len(w)) + 1) / math.sqrt(x.shape[1])
        y = F.conv2d(x * s[None, :, None, None], weight, bias)
        image = y if image is None else F.conv_transpose2d(image, fir(3), stride=2, padding=1, groups=3) + y
    return image


def main():
    binary, nets = sys.argv[1], sys.argv[2:] or ["256", "1024"]
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads")
    for name in nets:
        constant, blocks = net(int(name))
        w = torch.randn(512)
        ours, theirs = math.inf, math.inf
        for _ in range(2):
            with torch.inference_mode():
                begun = time.perf_counter()
                while time.perf_counter() - begun < 6:
                    start = time.perf_counter()
                    draw(constant, blocks, w)
                    theirs = min(theirs, time.perf_counter() - start)
            text = subprocess.run([binary, name], capture_output=True, text=True, check=True).stdout
            ours = min(ours, float(re.search(r": ([0-9.]+) ms a picture", text).group(1)))
        print(f"{name}: blend {ours:.0f} ms, PyTorch {1e3 * theirs:.0f} ms, {1e3 * theirs / ours:.2f} times as long")


if __name__ == "__main__":
    main()
