#!/usr/bin/env python3
"""What PyTorch itself writes: the goldens of `format = pt`.

Run in this folder with PyTorch 2.15 (CPU) and NumPy; ten GB of sparse file are made in the temporary folder.

kinds.safetensors  a tensor of every type and of odd shapes, written by hand
kinds.pt           torch.save of the same dictionary
nested.pt          torch.save of ../mini-rosinality.safetensors as rosinality's generate.py wants it
zip64.txt          all bytes but the data of an archive with members beyond 4 GiB: offset and hexadecimal digits, a line a run
expected.json      length and CRC-32 of the pickle of 1,100 tensors
"""

import io
import json
import os
import struct
import tempfile
import zipfile
import zlib

import numpy as np
import torch

DTYPES = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E8M0": torch.float8_e8m0fnu,
    "U16": torch.uint16,
    "I16": torch.int16,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "U32": torch.uint32,
    "I32": torch.int32,
    "F32": torch.float32,
    "U64": torch.uint64,
    "I64": torch.int64,
    "F64": torch.float64,
    "C64": torch.complex64,
}


def read(path):
    """Names to tensors, in the order of the file."""
    data = open(path, "rb").read()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    out = {}
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = (8 + length + at for at in entry["data_offsets"])
        flat = torch.frombuffer(bytearray(data[begin:end]), dtype=torch.uint8) if end > begin else torch.empty(0, dtype=torch.uint8)
        out[name] = flat.view(DTYPES[entry["dtype"]]).reshape(entry["shape"]).clone()
    return out


def kinds():
    random = np.random.default_rng(7)
    rows = [(f"of.{name.lower()}", name, [2, 3]) for name in DTYPES]
    rows += [
        ("shape.scalar", "F32", []),
        ("shape.one", "F32", [1]),
        ("shape.five", "F16", [1, 2, 1, 3, 2]),
        ("shape.long", "U8", [300]),
        ("shape.longer", "BOOL", [65536]),
        ("shape.column", "F32", [300, 1]),
        ("näme with ☃", "I64", [2]),
        ("shape.empty", "F32", [2, 0, 3]),
    ]
    rows.sort(key=lambda row: -DTYPES[row[1]].itemsize)
    header, blob = {"__metadata__": {"made by": "make.py"}}, b""
    for name, dtype, shape in rows:
        size = int(np.prod(shape)) * DTYPES[dtype].itemsize
        # Bits that are true and false alike; no NaN that somebody could change.
        data = random.integers(0, 2 if dtype == "BOOL" else 100, size, dtype=np.uint8).tobytes()
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(blob), len(blob) + size]}
        blob += data
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open("kinds.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + blob)
    torch.save(read("kinds.safetensors"), "kinds.pt")


def nested():
    tensors = read("../mini-rosinality.safetensors")
    beside = {name: tensors.pop(name) for name in ["latent_avg"] if name in tensors}
    torch.save({"g_ema": tensors, **beside}, "nested.pt")


def many(count):
    tensors = {f"block.{at}.tensor": torch.full((at % 3 + 1,), at % 251, dtype=torch.uint8) for at in range(count)}
    stream = io.BytesIO()
    torch.save(tensors, stream)
    pickle = zipfile.ZipFile(stream).read("archive/data.pkl")
    return {"count": count, "bytes": len(pickle), "crc32": zlib.crc32(pickle)}


def zip64():
    sizes = [10, 2**32 + 5, 3, 2**32 - 1, 0, 2**32 - 2]
    tensors = {f"t{at}": torch.empty(size, dtype=torch.uint8) for at, size in enumerate(sizes)}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "zip64.pt")
        with torch.serialization.skip_data():
            torch.save(tensors, path)
        archive = zipfile.ZipFile(path)
        holes, members = [], []
        with open(path, "rb") as file:
            for info in archive.infolist():
                file.seek(info.header_offset + 26)
                begin = info.header_offset + 30 + sum(struct.unpack("<HH", file.read(4)))
                name = info.filename.split("/", 1)[1]
                if name.startswith("data/"):
                    holes.append((begin, begin + info.file_size))
                    members.append(f"hole {name} {info.file_size}")
                else:
                    file.seek(begin)
                    members.append(f"member {name} {file.read(info.file_size).hex()}")
            end, at, runs = os.path.getsize(path), 0, []
            for begin, stop in holes + [(end, end)]:
                file.seek(at)
                run = file.read(begin - at)
                if run and runs and runs[-1][0] + len(runs[-1][1]) == at:
                    runs[-1] = (runs[-1][0], runs[-1][1] + run)
                elif run:
                    runs.append((at, run))
                at = stop
    with open("zip64.txt", "w") as out:
        out.writelines(f"{line}\n" for line in members)
        out.writelines(f"bytes {offset} {run.hex()}\n" for offset, run in runs)


kinds()
nested()
zip64()
with open("expected.json", "w") as file:
    json.dump({"torch": torch.__version__.split("+")[0], "many": [many(count) for count in [1000, 1001, 1100]]}, file, indent=1)
    file.write("\n")
