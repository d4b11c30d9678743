#!/usr/bin/env python3
"""Writes a small Llama-like decoder three times beside it: as Hugging Face, Meta and llama.cpp name and order it.

    python3 make.py

The orders are those of the published converters (Meta to Hugging Face: view, transpose, reshape; Hugging Face to
GGUF: reshape, swapaxes, reshape), and `scores` shows what they are for: attention comes out the same when either code
turns its own rows.  `meta/a.pth` is `meta/a.safetensors` saved by PyTorch, with every matrix stored column by column.
Needs numpy, safetensors and torch.
"""

import json
import pathlib

import numpy as np
import torch
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent
HIDDEN, HEADS, KV, INNER, WORDS, LAYERS = 16, 2, 1, 24, 10, 2
HEAD = HIDDEN // HEADS

NAMES = [  # Hugging Face, Meta, llama.cpp
    ("input_layernorm.weight", "attention_norm.weight", "attn_norm.weight", (HIDDEN,)),
    ("post_attention_layernorm.weight", "ffn_norm.weight", "ffn_norm.weight", (HIDDEN,)),
    ("self_attn.q_proj.weight", "attention.wq.weight", "attn_q.weight", (HEADS * HEAD, HIDDEN)),
    ("self_attn.q_proj.bias", "attention.wq.bias", "attn_q.bias", (HEADS * HEAD,)),
    ("self_attn.k_proj.weight", "attention.wk.weight", "attn_k.weight", (KV * HEAD, HIDDEN)),
    ("self_attn.k_proj.bias", "attention.wk.bias", "attn_k.bias", (KV * HEAD,)),
    ("self_attn.v_proj.weight", "attention.wv.weight", "attn_v.weight", (KV * HEAD, HIDDEN)),
    ("self_attn.v_proj.bias", "attention.wv.bias", "attn_v.bias", (KV * HEAD,)),
    ("self_attn.o_proj.weight", "attention.wo.weight", "attn_output.weight", (HIDDEN, HEADS * HEAD)),
    ("mlp.gate_proj.weight", "feed_forward.w1.weight", "ffn_gate.weight", (INNER, HIDDEN)),
    ("mlp.down_proj.weight", "feed_forward.w2.weight", "ffn_down.weight", (HIDDEN, INNER)),
    ("mlp.up_proj.weight", "feed_forward.w3.weight", "ffn_up.weight", (INNER, HIDDEN)),
]
ENDS = [
    ("model.embed_tokens.weight", "tok_embeddings.weight", "token_embd.weight", (WORDS, HIDDEN)),
    ("model.norm.weight", "norm.weight", "output_norm.weight", (HIDDEN,)),
    ("lm_head.weight", "output.weight", "output.weight", (WORDS, HIDDEN)),
]


def rotary(name):
    return "q_proj" in name or "k_proj" in name


def to_huggingface(w):
    """What transformers' converter does to Meta's rows."""
    heads = w.shape[0] // HEAD
    return w.reshape(heads, HEAD // 2, 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def to_gguf(w):
    """What llama.cpp's converter does to Hugging Face's rows."""
    heads = w.shape[0] // HEAD
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def scores(q, k, pairs):
    """Products of turned queries and keys at two places; `pairs`: neighbours are turned together, else halves."""
    random = np.random.default_rng(7)
    x, y = random.standard_normal((2, HIDDEN))
    angles = 10000.0 ** (-np.arange(0, HEAD, 2) / HEAD)

    def turned(vector, place):
        v = vector.reshape(-1, HEAD // 2, 2) if pairs else vector.reshape(-1, 2, HEAD // 2).swapaxes(1, 2)
        cos, sin = np.cos(place * angles), np.sin(place * angles)
        return np.stack([v[..., 0] * cos - v[..., 1] * sin, v[..., 0] * sin + v[..., 1] * cos], -1)

    return (turned(q.astype(float) @ x, 5) * turned(k.astype(float) @ y, 2)).sum((1, 2))


def model(seed):
    """One model under the three names, Meta's first: the others are made of it."""
    random = np.random.default_rng(seed)
    hf, meta, gguf = {}, {}, {}

    def add(ours, theirs, cpp, shape):
        meta[theirs] = random.standard_normal(shape).astype(np.float32)
        hf[ours] = np.ascontiguousarray(to_huggingface(meta[theirs]) if rotary(ours) else meta[theirs])
        gguf[cpp] = np.ascontiguousarray(to_gguf(hf[ours]) if rotary(ours) else hf[ours])

    for names in ENDS:
        add(*names)
    for i in range(LAYERS):
        for ours, theirs, cpp, shape in NAMES:
            add(f"model.layers.{i}.{ours}", f"layers.{i}.{theirs}", f"blk.{i}.{cpp}", shape)
        ours = [hf[f"model.layers.{i}.self_attn.{part}_proj.weight"] for part in "qk"]
        theirs = [meta[f"layers.{i}.attention.w{part}.weight"] for part in "qk"]
        cpp = [gguf[f"blk.{i}.attn_{part}.weight"] for part in "qk"]
        assert np.allclose(scores(*ours, False), scores(*theirs, True))
        assert np.allclose(scores(*cpp, True), scores(*theirs, True))
        assert not np.allclose(scores(*theirs, False), scores(*theirs, True))
    return hf, meta, gguf


for seed, name in [(1, "a"), (2, "b")]:
    hf, meta, gguf = model(seed)
    save_file(hf, HERE / f"hf/{name}.safetensors", {"format": "pt"})
    save_file(meta, HERE / f"meta/{name}.safetensors", {"format": "pt"})
    facts = {
        "general.architecture": "llama",
        "llama.embedding_length": str(HIDDEN),
        "llama.attention.head_count": str(HEADS),
    }
    if name == "a":
        columns = {key: torch.from_numpy(value.T.copy()).permute(*range(value.ndim)[::-1]) for key, value in meta.items()}
        assert not columns["output.weight"].is_contiguous()
        torch.save(columns, HERE / "meta/a.pth")
    save_file(gguf, HERE / f"gguf/{name}.safetensors", facts)
config = {"architectures": ["LlamaForCausalLM"], "head_dim": None, "hidden_size": HIDDEN, "num_attention_heads": HEADS}
(HERE / "hf/config.json").write_text(json.dumps(config) + "\n")
(HERE / "meta/params.json").write_text(json.dumps({"dim": HIDDEN, "n_heads": HEADS, "norm_eps": 1e-05}) + "\n")
