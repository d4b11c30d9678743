"""Makes the files of this folder: run it here, with torch 2.x, numpy and safetensors.

Every file is written by torch.save itself.  `expected.json` says what is in each: the names that blend gives, dtype, shape
and CRC-32 of the values in row-major order, taken from the tensors in memory and never from a reader.
"""
import argparse
import collections
import json
import os
import shutil
import zipfile
import zlib

import numpy as np
import torch
from safetensors.torch import load_file

NAMES = {torch.float32: "F32", torch.float64: "F64", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
         torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
         torch.complex64: "C64", torch.float8_e4m3fn: "F8_E4M3", torch.float8_e5m2: "F8_E5M2", torch.uint16: "U16",
         torch.uint32: "U32", torch.uint64: "U64"}
expected = {}


def rows(value):
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(np.ascontiguousarray(value))
    flat = value.detach().resolve_neg().resolve_conj().contiguous()
    raw = flat.reshape(-1).view(torch.uint8) if flat.numel() else torch.empty(0, dtype=torch.uint8)
    return f"{NAMES[value.dtype]} {list(value.shape)} {zlib.crc32(raw.numpy().tobytes()):08x}"


def expect(name, tensors, key=None, facts=None):
    expected.setdefault(name, []).append(
        {"key": key, "facts": facts or {}, "tensors": {k: rows(v) for k, v in sorted(tensors.items())}})


def save(name, value, tensors, key=None, facts=None, **options):
    torch.save(value, name, **options)
    expect(name, tensors, key, facts)


def some(*shape):
    return torch.randn(*shape, generator=GENERATOR)


GENERATOR = torch.Generator().manual_seed(1)


def kinds():
    """One tensor of every element type, and of every awkward shape."""
    base = some(24)
    out = {"f32": some(3, 4), "f64": some(2).double(), "f16": some(5).half(), "bf16": some(5).bfloat16(),
           "i64": torch.tensor([1, -2, 2**40]), "i32": torch.tensor([7], dtype=torch.int32),
           "i16": torch.tensor([-3], dtype=torch.int16), "i8": torch.tensor([-1, 5], dtype=torch.int8),
           "u8": torch.tensor([0, 255], dtype=torch.uint8), "bool": torch.tensor([True, False, True]),
           "c64": torch.complex(some(2), some(2)), "scalar": torch.tensor(1.5), "empty": torch.zeros(0, 3),
           "transposed": some(3, 5).t(), "window": base[4:16:3], "permuted": some(2, 3, 4, 5).permute(0, 3, 1, 2),
           "channels_last": some(2, 3, 4, 4).contiguous(memory_format=torch.channels_last),
           "expanded": some(1, 3).expand(4, 3), "tied.a": base, "tied.b": base[:12].view(3, 4),
           "parameter": torch.nn.Parameter(some(2, 2))}
    return out


def main():
    sd = kinds()
    save("kinds.pt", sd, sd)
    save("kinds-stream.pt", sd, sd, _use_new_zipfile_serialization=False)
    few = {"weight": some(2, 3), "bias": some(2).half()}
    for protocol in range(2, 6):
        save(f"protocol{protocol}.pt", few, few, pickle_protocol=protocol)
        save(f"protocol{protocol}-stream.pt", few, few, pickle_protocol=protocol, _use_new_zipfile_serialization=False)
    new = {"f8": some(4).to(torch.float8_e4m3fn), "f8b": some(4).to(torch.float8_e5m2),
           "u16": torch.tensor([1, 65535], dtype=torch.uint16), "u32": torch.tensor([2**32 - 1], dtype=torch.uint32),
           "u64": torch.tensor([2**63], dtype=torch.uint64)}
    save("new-types.pt", new, new)
    torch.serialization.set_crc32_options(False)
    save("no-crc.pt", few, few)
    torch.serialization.set_crc32_options(True)

    module = torch.nn.Sequential(collections.OrderedDict(conv=torch.nn.Conv2d(2, 3, 1), norm=torch.nn.BatchNorm2d(3)))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(some(*parameter.shape))
    save("module.pt", module.state_dict(), module.state_dict())
    parallel = torch.nn.DataParallel(module)
    save("parallel.pt", parallel.state_dict(), module.state_dict())

    # What training scripts write.
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.ones(1, 2, 2, 2)).sum().backward()
    optimizer.step()
    now = {k: v.clone() for k, v in module.state_dict().items()}
    average = {k: v + 1 for k, v in now.items()}
    latent = some(4)
    options = argparse.Namespace(size=256, path="x", nested=argparse.Namespace(lr=0.1))
    save("rosinality.pt", {"g": now, "d": {"w": some(2)}, "g_ema": average, "g_optim": optimizer.state_dict(),
                           "d_optim": optimizer.state_dict(), "args": options, "ada_aug_p": 0.25,
                           "latent_avg": latent}, {**average, "latent_avg": latent}, facts={"ada_aug_p": "0.25"})
    expect("rosinality.pt", {**now, "latent_avg": latent}, key="g", facts={"ada_aug_p": "0.25"})
    save("lucidrains.pt", {"GAN": now, "version": "1.5.1"}, now, facts={"version": "1.5.1"})
    save("esrgan.pth", {"params": now, "params_ema": average}, average)
    save("lightning.ckpt", {"epoch": 3, "global_step": 1000, "pytorch-lightning_version": "1.9.0", "state_dict": now,
                            "callbacks": {"ModelCheckpoint": {"best": torch.tensor(0.5)}},
                            "optimizer_states": [optimizer.state_dict()], "lr_schedulers": [],
                            "rng_state": torch.zeros(16, dtype=torch.uint8)},
         now, facts={"epoch": "3", "global_step": "1000", "pytorch-lightning_version": "1.9.0"})
    save("deep.pt", {"step": 5, "model": {"state_dict": now, "optimizer": optimizer.state_dict()},
                     "optimizer": optimizer.state_dict()}, now, facts={"step": "5"})
    expect("deep.pt", now, key="model", facts={"step": "5"})
    expect("deep.pt", now, key="model.state_dict", facts={"step": "5"})
    left, right = {"w": some(3)}, {"w": some(3), "b": some(1)}
    torch.save({"left": left, "right": right}, "two.pt")
    expect("two.pt", left, key="left")
    expect("two.pt", right, key="right")
    expect("two.pt", {"left.w": left["w"], "right.w": right["w"], "right.b": right["b"]}, key=".")
    save("nested.pt", {"epoch": 1, "weights_of_mine": {"enc": {"w": some(0)}, **left}},
         {"enc.w": torch.zeros(0), **left}, facts={"epoch": "1"})
    save("prefix.pt", {"enc.a.w": left["w"], "enc.b": right["b"], "head": some(2)}, {"a.w": left["w"], "b": right["b"]},
         key="enc")
    save("list.pt", [left, {"epoch": 1}], left)
    arrays = {"rows": some(2, 3).numpy(), "columns": np.asfortranarray(some(3, 4).numpy()), "double": some(2).double().numpy(),
              "best": np.float32(0.5), "t": some(2)}
    for protocol in (2, 4):
        save(f"arrays{protocol}.pt", arrays, {k: v for k, v in arrays.items() if k != "best"}, facts={"best": "0.5"},
             pickle_protocol=protocol)

    # A sharded checkpoint, as transformers wrote them.
    shutil.rmtree("sharded", ignore_errors=True)
    os.mkdir("sharded")
    shards = [{"a.w": some(2, 2), "a.b": some(2)}, {"b.w": some(3)}]
    weight_map = {}
    for index, shard in enumerate(shards):
        file = f"pytorch_model-{index + 1:05}-of-00002.bin"
        torch.save(shard, f"sharded/{file}")
        weight_map.update({k: file for k in shard})
    with open("sharded/pytorch_model.bin.index.json", "w") as file:
        json.dump({"metadata": {"total_size": 36}, "weight_map": weight_map}, file, indent=2)
    expect("sharded", {**shards[0], **shards[1]})

    # The same archive, written anew by Python's zipfile: sizes in the local headers, no descriptors, no alignment.
    with zipfile.ZipFile("protocol2.pt") as old, zipfile.ZipFile("rezipped.pt", "w", zipfile.ZIP_STORED) as new_zip:
        for info in old.infolist():
            new_zip.writestr(zipfile.ZipInfo(info.filename), old.read(info))
    expect("rezipped.pt", few)
    with zipfile.ZipFile("protocol2.pt") as old, zipfile.ZipFile("packed.pt", "w", zipfile.ZIP_DEFLATED) as new_zip:
        for info in old.infolist():
            new_zip.writestr(info.filename, old.read(info))

    # Refused.
    torch.save({"w": some(2), "s": torch.eye(3).to_sparse()}, "sparse.pt")
    torch.save({"w": some(2), "q": torch.quantize_per_tensor(some(4), 0.1, 0, torch.qint8)}, "quantized.pt")
    torch.save({"w": some(2), "c": torch.complex(some(2).double(), some(2).double())}, "complex128.pt")
    torch.save(module, "whole.pt")
    torch.save({"model": module, "epoch": 2}, "whole-inside.pt")
    torch.save(some(3), "bare.pt")

    # The small generator of the folder above as rosinality's file.
    mini = load_file("../mini-rosinality.safetensors")
    save("mini-rosinality.pt", {"g_ema": mini, "args": options}, mini)
    save("mini-rosinality-stream.pt", {"g_ema": mini, "args": options}, mini, _use_new_zipfile_serialization=False)

    with open("expected.json", "w") as file:
        json.dump(expected, file, indent=0, sort_keys=True)
        file.write("\n")


main()
