#!/usr/bin/env python3
"""Writes the header samples beside it: one tensor a line, `name dtype [shape]`, in the order of the file.

    python3 make.py [MODELS]

MODELS is a folder with `avatars-toon.safetensors` and `avatars-toon.rosinality.pt`: the two samples of real files
(`toon-nvidia.txt`, `toon-rosinality.txt`) are read from them, names and shapes only.  Without it they are left alone.
The others are tables: StyleGAN2 by NVIDIA's PyTorch code (config-f and its halves), StyleGAN3 T and R by the published
layer names, decoders by their published configurations, and the variational autoencoder of Stable Diffusion 1.
Standard library only.
"""

import io
import json
import pathlib
import pickle
import struct
import sys
import zipfile

HERE = pathlib.Path(__file__).parent


def write(name, rows):
    lines = [f"{key} {dtype} [{', '.join(map(str, shape))}]\n" for key, dtype, shape in rows]
    (HERE / name).write_text("".join(lines))
    print(f"{name}: {len(lines)} tensors")


# Real files.


def safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    rows = sorted(header.items(), key=lambda entry: entry[1]["data_offsets"][0])
    return [(name, entry["dtype"], entry["shape"]) for name, entry in rows]


class Opaque:
    """Whatever a checkpoint names that is no tensor: never called, never imported."""

    def __init__(self, *_):
        pass


def checkpoint(path):
    """Top-level object of a torch.save zip, with every tensor as (dtype, shape); nothing is executed."""

    class Reader(pickle.Unpickler):
        def find_class(self, module, name):
            if (module, name) == ("collections", "OrderedDict"):
                return dict
            if name == "_rebuild_tensor_v2":
                return lambda storage, offset, size, stride, *rest: (storage, list(size))
            if module == "torch" and name.endswith("Storage"):
                return name
            return Opaque

        def persistent_load(self, pid):
            return {"FloatStorage": "F32", "HalfStorage": "F16", "LongStorage": "I64"}[pid[1]]

    with zipfile.ZipFile(path) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        return Reader(io.BytesIO(archive.read(name))).load()


def rosinality(path):
    top = checkpoint(path)
    rows = [(name, *tensor) for name, tensor in top["g_ema"].items()]
    if "latent_avg" in top:
        rows.append(("latent_avg", *top["latent_avg"]))
    return rows


# Tables.


def stylegan2(resolution, base, most=512, z=512, w=512, layers=8, labels=0, kind="skip", colours=3):
    def width(r):
        return min(base // r, most)

    def conv(name, r, inputs, outputs):
        yield f"{name}.weight", [outputs, inputs, 3, 3]
        yield f"{name}.noise_strength", []
        yield f"{name}.bias", [outputs]
        yield f"{name}.resample_filter", [4, 4]
        yield f"{name}.noise_const", [r, r]
        yield from affine(name, inputs)

    def affine(name, inputs):
        yield f"{name}.affine.weight", [inputs, w]
        yield f"{name}.affine.bias", [inputs]

    def rows():
        r = 4
        while r <= resolution:
            block = f"synthesis.b{r}"
            if r == 4:
                yield f"{block}.const", [width(4), 4, 4]
            yield f"{block}.resample_filter", [4, 4]
            if r > 4:
                yield from conv(f"{block}.conv0", r, width(r // 2), width(r))
            yield from conv(f"{block}.conv1", r, width(r), width(r))
            if kind == "skip" or r == resolution:
                yield f"{block}.torgb.weight", [colours, width(r), 1, 1]
                yield f"{block}.torgb.bias", [colours]
                yield from affine(f"{block}.torgb", width(r))
            if kind == "resnet" and r > 4:
                yield f"{block}.skip.weight", [width(r), width(r // 2), 1, 1]
                yield f"{block}.skip.resample_filter", [4, 4]
            r *= 2
        yield "mapping.w_avg", [w]
        if labels:
            yield "mapping.embed.weight", [w, labels]
            yield "mapping.embed.bias", [w]
        for j in range(layers):
            inputs = z + (w if labels else 0) if j == 0 else w
            yield f"mapping.fc{j}.weight", [w, inputs]
            yield f"mapping.fc{j}.bias", [w]

    return [(name, "F32", shape) for name, shape in rows()]


T256 = "36_512 36_512 36_512 52_512 52_512 84_512 84_512 148_512 148_512 148_362 276_256 276_181 276_128 256_128 256_3"
T1024 = "36_512 36_512 52_512 52_512 84_512 148_512 148_512 276_323 276_203 532_128 1044_81 1044_51 1044_32 1024_32 1024_3"
R256 = "36_1024 36_1024 36_1024 52_1024 52_1024 84_1024 84_1024 148_1024 148_1024 148_724 276_512 276_362 276_256 256_256 256_3"
R1024 = "36_1024 36_1024 52_1024 52_1024 84_1024 148_1024 148_1024 276_645 276_406 532_256 1044_161 1044_102 1044_64 1024_64 1024_3"


def stylegan3(names, radial, w=512):
    layers = [tuple(map(int, name.split("_"))) for name in names.split()]

    def rows():
        first = layers[0][1]
        yield "mapping.w_avg", [w]
        for j in range(2):
            yield f"mapping.fc{j}.weight", [w, w]
            yield f"mapping.fc{j}.bias", [w]
        yield "synthesis.input.weight", [first, first]
        yield "synthesis.input.freqs", [first, 2]
        yield "synthesis.input.phases", [first]
        yield "synthesis.input.transform", [3, 3]
        yield "synthesis.input.affine.weight", [4, w]
        yield "synthesis.input.affine.bias", [4]
        previous, rate = first, layers[0][0]
        for i, (size, channels) in enumerate(layers):
            name = f"synthesis.L{i}_{size}_{channels}"
            kernel = 1 if radial or i == 14 else 3
            yield f"{name}.weight", [channels, previous, kernel, kernel]
            yield f"{name}.bias", [channels]
            yield f"{name}.magnitude_ema", []
            if i < 14:
                yield f"{name}.up_filter", [24 if i < 13 and size > rate else 12]
                yield f"{name}.down_filter", [12, 12] if radial and i < 12 else [12]
            yield f"{name}.affine.weight", [previous, w]
            yield f"{name}.affine.bias", [previous]
            previous, rate = channels, size

    return [(name, "F32", shape) for name, shape in rows()]


def decoder(layers, hidden, kv, inner, words, dtype="BF16", biases=False, tied=False, rotary=0):
    def rows():
        yield "model.embed_tokens.weight", dtype, [words, hidden]
        for i in range(layers):
            at = f"model.layers.{i}"
            yield f"{at}.input_layernorm.weight", dtype, [hidden]
            yield f"{at}.mlp.down_proj.weight", dtype, [hidden, inner]
            yield f"{at}.mlp.gate_proj.weight", dtype, [inner, hidden]
            yield f"{at}.mlp.up_proj.weight", dtype, [inner, hidden]
            yield f"{at}.post_attention_layernorm.weight", dtype, [hidden]
            for part, rows in [("k", kv), ("o", hidden), ("q", hidden), ("v", kv)]:
                if biases and part != "o":
                    yield f"{at}.self_attn.{part}_proj.bias", dtype, [rows]
                yield f"{at}.self_attn.{part}_proj.weight", dtype, [rows, hidden]
            if rotary:
                yield f"{at}.self_attn.rotary_emb.inv_freq", "F32", [rotary]
        yield "model.norm.weight", dtype, [hidden]
        if not tied:
            yield "lm_head.weight", dtype, [words, hidden]

    return list(rows())


def autoencoder():
    widths = [128, 256, 512, 512]

    def pair(name, *shape):
        yield f"{name}.weight", list(shape)
        yield f"{name}.bias", [shape[0]]

    def resnet(name, inputs, outputs):
        yield from pair(f"{name}.norm1", inputs)
        yield from pair(f"{name}.conv1", outputs, inputs, 3, 3)
        yield from pair(f"{name}.norm2", outputs)
        yield from pair(f"{name}.conv2", outputs, outputs, 3, 3)
        if inputs != outputs:
            yield from pair(f"{name}.conv_shortcut", outputs, inputs, 1, 1)

    def middle(name):
        yield from resnet(f"{name}.mid_block.resnets.0", 512, 512)
        yield from pair(f"{name}.mid_block.attentions.0.group_norm", 512)
        for part in ["to_q", "to_k", "to_v", "to_out.0"]:
            yield from pair(f"{name}.mid_block.attentions.0.{part}", 512, 512)
        yield from resnet(f"{name}.mid_block.resnets.1", 512, 512)

    def rows():
        yield from pair("encoder.conv_in", 128, 3, 3, 3)
        inputs = 128
        for i, outputs in enumerate(widths):
            for j in range(2):
                yield from resnet(f"encoder.down_blocks.{i}.resnets.{j}", inputs, outputs)
                inputs = outputs
            if i < 3:
                yield from pair(f"encoder.down_blocks.{i}.downsamplers.0.conv", outputs, outputs, 3, 3)
        yield from middle("encoder")
        yield from pair("encoder.conv_norm_out", 512)
        yield from pair("encoder.conv_out", 8, 512, 3, 3)
        yield from pair("decoder.conv_in", 512, 4, 3, 3)
        yield from middle("decoder")
        inputs = 512
        for i, outputs in enumerate(reversed(widths)):
            for j in range(3):
                yield from resnet(f"decoder.up_blocks.{i}.resnets.{j}", inputs, outputs)
                inputs = outputs
            if i < 3:
                yield from pair(f"decoder.up_blocks.{i}.upsamplers.0.conv", outputs, outputs, 3, 3)
        yield from pair("decoder.conv_norm_out", 128)
        yield from pair("decoder.conv_out", 3, 128, 3, 3)
        yield from pair("quant_conv", 8, 8, 1, 1)
        yield from pair("post_quant_conv", 4, 4, 1, 1)

    return [(name, "F16", shape) for name, shape in rows()]


def main():
    if len(sys.argv) > 1:
        models = pathlib.Path(sys.argv[1])
        write("toon-nvidia.txt", safetensors(models / "avatars-toon.safetensors"))
        write("toon-rosinality.txt", rosinality(models / "avatars-toon.rosinality.pt"))
    write("stylegan2-256.txt", stylegan2(256, 16384))
    write("stylegan2-512.txt", stylegan2(512, 32768))
    write("stylegan2-1024.txt", stylegan2(1024, 32768))
    write("stylegan2-labels.txt", stylegan2(32, 16384, labels=10, layers=2))
    write("stylegan2-resnet.txt", stylegan2(64, 16384, kind="resnet"))
    write("stylegan2-orig.txt", stylegan2(64, 16384, kind="orig", colours=1))
    write("stylegan3-t-256.txt", stylegan3(T256, False))
    write("stylegan3-t-1024.txt", stylegan3(T1024, False))
    write("stylegan3-r-256.txt", stylegan3(R256, True))
    write("stylegan3-r-1024.txt", stylegan3(R1024, True))
    write("llama2-7b.txt", decoder(32, 4096, 4096, 11008, 32000, "F16", rotary=64))
    write("llama3-8b.txt", decoder(32, 4096, 1024, 14336, 128256))
    write("mistral-7b.txt", decoder(32, 4096, 1024, 14336, 32000))
    write("qwen2-0.5b.txt", decoder(24, 896, 128, 4864, 151936, biases=True, tied=True))
    write("sd-vae.txt", autoencoder())


main()
