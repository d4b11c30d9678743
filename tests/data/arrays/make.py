"""Makes the files beside it: `pip install numpy safetensors gguf`, then `python make.py`.

NumPy writes the .npy and .npz files, the gguf package the GGUF files and what their blocks decode to; the .safetensors
beside them hold the same tensors, as those packages read them.  The files here came from numpy 2.x and gguf 0.19.0.
"""

from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).parent
KINDS = {
    "q4_0": gguf.GGMLQuantizationType.Q4_0,
    "q8_0": gguf.GGMLQuantizationType.Q8_0,
    "q4_k": gguf.GGMLQuantizationType.Q4_K,
    "q6_k": gguf.GGMLQuantizationType.Q6_K,
}
# Where the f16 scales of a block stand.
SCALES = {"q4_0": [0], "q8_0": [0], "q4_k": [0, 2], "q6_k": [208]}
CANONICAL_NAN = np.uint32(0x7FC00000).view(np.float32)


def blocks_of(kind, count, rng, scales):
    """Random blocks whose scales are those numbers in turn."""
    _, size = gguf.GGML_QUANT_SIZES[KINDS[kind]]
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for number, at in enumerate(SCALES[kind]):
        values = np.array([scales[(i * (number + 1) + number) % len(scales)] for i in range(count)], "<f2")
        blocks[:, at : at + 2] = values.view(np.uint8).reshape(count, 2)
    return blocks


def decoded(kind, blocks):
    with np.errstate(all="ignore"):
        values = gguf.quants.dequantize(blocks, KINDS[kind])
    return np.where(np.isnan(values), CANONICAL_NAN, values).astype("<f4")


def blocks():
    """Blocks with scales of every kind: largest, subnormal, zeros, infinities, NaNs."""
    rng = np.random.default_rng(1)
    odd = np.array([0x7C00, 0xFC00, 0x7E00, 0xFE01, 0x7C01, 0x0001, 0x8001, 0x03FF, 0x0400, 0x8000], "<u2").view("<f2")
    scales = [0.0123, -1.5, 65504.0, -65504.0, 0.0, *odd, 3.1e-5, 1.0]
    for kind in KINDS:
        stored = blocks_of(kind, 34, rng, scales)
        (HERE / f"{kind}.blocks").write_bytes(stored.tobytes())
        (HERE / f"{kind}.f32").write_bytes(decoded(kind, stored).tobytes())


def model(name, seed):
    """A model of no known architecture with a tensor of every type that blend reads."""
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(HERE / f"{name}.gguf", "mini")
    writer.add_name(f"Mini {seed}")
    writer.add_license("apache-2.0")
    writer.add_context_length(2048)
    writer.add_embedding_length(256)
    writer.add_head_count(4)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(15)
    writer.add_quantization_version(2)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["a", "b", "\n", "ab"] * 20)
    writer.add_token_scores([0.5] * 80)
    writer.add_bool("test.flag", True)
    tensors = {}

    def plain(key, values):
        tensors[key] = values
        writer.add_tensor(key, values)

    def quantised(key, kind, rows, columns):
        elems, _ = gguf.GGML_QUANT_SIZES[KINDS[kind]]
        scales = (rng.standard_normal(31) * 0.01).astype("<f2").tolist()
        stored = blocks_of(kind, rows * columns // elems, rng, scales)
        writer.add_tensor(key, stored.reshape(rows, -1), raw_dtype=KINDS[kind])
        tensors[key] = decoded(kind, stored).reshape(rows, columns)

    quantised("token_embd.weight", "q8_0", 6, 64)
    plain("blk.0.attn_norm.weight", rng.standard_normal(33).astype("<f4"))
    quantised("blk.0.attn_q.weight", "q4_k", 5, 256)
    quantised("blk.0.attn_k.weight", "q4_0", 3, 96)
    quantised("blk.0.ffn_down.weight", "q6_k", 3, 512)
    plain("blk.0.ffn_up.weight", rng.standard_normal((2, 3, 5)).astype("<f2"))
    plain("blk.0.wide", rng.standard_normal((4, 1)).astype("<f8"))
    for dtype in ["<i1", "<i2", "<i4", "<i8"]:
        # The same in every model: whole numbers are not mixed.
        plain(f"blk.0.whole_{dtype[1:]}", np.arange(-3, 4, dtype=dtype))
    # NumPy has no bf16: its bits, written as that type, and as u16 for safetensors to be named BF16.
    narrow = (rng.standard_normal((3, 4)).astype("<f4").view("<u4") >> 16).astype("<u2")
    writer.add_tensor("output.weight", narrow.view(np.uint8).reshape(3, 8), raw_dtype=gguf.GGMLQuantizationType.BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_with_bf16(tensors, {"output.weight": narrow}, HERE / f"{name}.safetensors")


def save_with_bf16(tensors, narrow, path):
    """Safetensors with some 16-bit tensors under the name BF16."""
    save_file({**tensors, **narrow}, path)
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    # "U16" becomes "BF16"; a space of the padding goes, or a whole new one comes.
    head = content[8 : 8 + length].rstrip(b" ").replace(b'"U16"', b'"BF16"')
    head += b" " * (-len(head) % 8)
    path.write_bytes(len(head).to_bytes(8, "little") + head + content[8 + length :])


def llama(seed):
    """A Llama of one layer, quantised; and its weights under Hugging Face's names, in Hugging Face's order of rows."""
    rng = np.random.default_rng(seed)
    width, heads, groups, head = 256, 4, 2, 8
    writer = gguf.GGUFWriter(HERE / "llama.gguf", "llama")
    writer.add_embedding_length(width)
    writer.add_head_count(heads)
    writer.add_head_count_kv(groups)
    writer.add_key_length(head)
    out = {}

    def quantised(key, theirs, kind, rows, columns, turned=0):
        elems, _ = gguf.GGML_QUANT_SIZES[KINDS[kind]]
        scales = (rng.standard_normal(31) * 0.01).astype("<f2").tolist()
        stored = blocks_of(kind, rows * columns // elems, rng, scales)
        writer.add_tensor(key, stored.reshape(rows, -1), raw_dtype=KINDS[kind])
        values = decoded(kind, stored).reshape(rows, columns)
        if turned:
            # Neighbouring rows of a head belong together there, its halves here.
            values = values.reshape(turned, head // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)
        out[theirs] = np.array(values, order="C")

    def ones(key, theirs):
        out[theirs] = np.ones(width, "<f4")
        writer.add_tensor(key, out[theirs])

    layer = "model.layers.0"
    quantised("token_embd.weight", "model.embed_tokens.weight", "q6_k", 4, width)
    ones("blk.0.attn_norm.weight", f"{layer}.input_layernorm.weight")
    quantised("blk.0.attn_q.weight", f"{layer}.self_attn.q_proj.weight", "q4_k", heads * head, width, heads)
    quantised("blk.0.attn_k.weight", f"{layer}.self_attn.k_proj.weight", "q6_k", groups * head, width, groups)
    quantised("blk.0.attn_v.weight", f"{layer}.self_attn.v_proj.weight", "q8_0", groups * head, width)
    quantised("blk.0.attn_output.weight", f"{layer}.self_attn.o_proj.weight", "q4_0", width, heads * head)
    ones("blk.0.ffn_norm.weight", f"{layer}.post_attention_layernorm.weight")
    quantised("blk.0.ffn_gate.weight", f"{layer}.mlp.gate_proj.weight", "q4_0", 32, width)
    quantised("blk.0.ffn_up.weight", f"{layer}.mlp.up_proj.weight", "q4_k", 32, width)
    quantised("blk.0.ffn_down.weight", f"{layer}.mlp.down_proj.weight", "q8_0", width, 32)
    ones("output_norm.weight", "model.norm.weight")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(out, HERE / "llama.safetensors")


def arrays(name, seed):
    """The same arrays as .npz (stored and compressed) and as safetensors; one of them as .npy."""
    rng = np.random.default_rng(seed)
    out = {
        "conv.weight": rng.standard_normal((4, 3, 2, 2)).astype("<f4"),
        "conv.bias": rng.standard_normal(4).astype("<f2"),
        "turned": np.asfortranarray(rng.standard_normal((5, 7, 3)).astype("<f4")),
        "wide": rng.standard_normal((2, 2)),
        "scalar": np.array(rng.standard_normal(), "<f4"),
        "empty": np.zeros((0, 3), "<f4"),
        # The same in every model: whole numbers are not mixed.
        "flags": np.array([True, False, True]),
        "bytes": np.arange(250, 256, dtype="u1"),
        "counter": np.array(7, "<i8"),
        "zeros": np.zeros((40, 50), "<f4"),
    }
    np.savez(HERE / f"{name}.npz", **out)
    np.savez_compressed(HERE / f"{name}-compressed.npz", **out)
    save_file({key: np.array(array, order="C") for key, array in out.items()}, HERE / f"{name}-arrays.safetensors")
    turned = out["turned"]
    np.save(HERE / f"{name}.npy", turned)
    save_file({"arr_0": np.array(turned, order="C")}, HERE / f"{name}-npy.safetensors")


def versions():
    """The same array in every version of the format."""
    values = np.arange(6, dtype="<f4").reshape(2, 3)
    for version in [(1, 0), (2, 0), (3, 0)]:
        with open(HERE / f"version{version[0]}.npy", "wb") as file:
            np.lib.format.write_array(file, values, version=version)


blocks()
model("a", 11)
model("b", 12)
llama(13)
arrays("a", 21)
arrays("b", 22)
versions()
