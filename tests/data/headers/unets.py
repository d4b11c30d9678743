#!/usr/bin/env python3
"""Writes the header samples of Stable Diffusion's UNets: `NAME-ldm.txt` as the original code names them,
`NAME-diffusers.txt` as diffusers does, the same tensor in the same line of both.

    python3 unets.py LDM SGM

LDM and SGM are checkouts of CompVis/stable-diffusion and Stability-AI/generative-models.  Names and shapes of either
side come from the networks themselves, built without weights; what is what comes from diffusers' own converter.
Needs torch, diffusers, einops.
"""

import pathlib
import sys
import types

import torch

HERE = pathlib.Path(__file__).parent
PREFIX = "model.diffusion_model."

SD1 = dict(
    image_size=32, in_channels=4, out_channels=4, model_channels=320, attention_resolutions=[4, 2, 1], num_res_blocks=2,
    channel_mult=[1, 2, 4, 4], num_heads=8, use_spatial_transformer=True, transformer_depth=1, context_dim=768,
    legacy=False,
)
SDXL = dict(
    adm_in_channels=2816, num_classes="sequential", in_channels=4, out_channels=4, model_channels=320,
    attention_resolutions=[4, 2], num_res_blocks=2, channel_mult=[1, 2, 4], num_head_channels=64,
    use_linear_in_transformer=True, transformer_depth=[1, 2, 10], context_dim=2048,
    spatial_transformer_attn_type="softmax",
)
CROSS, PLAIN = "CrossAttnDownBlock2D", "DownBlock2D"


def package(name, path):
    """A package whose own `__init__` is not run: it would import a training framework."""
    module = types.ModuleType(name)
    module.__path__ = [str(path)]
    sys.modules[name] = module


def original(module, config):
    with torch.device("meta"):
        return module.UNetModel(**config).state_dict()


def diffusers_config(down, heads, depth, context, widths, **more):
    up = [kind.replace("Down", "Up") for kind in reversed(down)]
    return dict(
        sample_size=64, in_channels=4, out_channels=4, layers_per_block=2, down_block_types=down, up_block_types=up,
        block_out_channels=widths, attention_head_dim=heads, cross_attention_dim=context,
        transformer_layers_per_block=depth, **more,
    )


CONFIGS = {
    "sd1-unet": diffusers_config([CROSS, CROSS, CROSS, PLAIN], 8, 1, 768, [320, 640, 1280, 1280]),
    "sdxl-unet": diffusers_config(
        [PLAIN, CROSS, CROSS], [5, 10, 20], [1, 2, 10], 2048, [320, 640, 1280],
        use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
    ),
}


def write(name, rows):
    lines = [f"{key} F16 [{', '.join(map(str, shape))}]\n" for key, shape in rows]
    (HERE / name).write_text("".join(lines))
    print(f"{name}: {len(lines)} tensors")


def main(ldm, sgm):
    import diffusers
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    package("ldm", pathlib.Path(ldm) / "ldm")
    package("sgm", pathlib.Path(sgm) / "sgm")
    package("sgm.modules", pathlib.Path(sgm) / "sgm/modules")
    package("sgm.modules.diffusionmodules", pathlib.Path(sgm) / "sgm/modules/diffusionmodules")
    package("sgm.util", "")
    util = sys.modules["sgm.util"]
    util.exists = lambda x: x is not None
    util.default = lambda x, other: x if x is not None else other
    # A network of video, imported beside the one of pictures and not built.
    package("sgm.modules.video_attention", "")
    sys.modules["sgm.modules.video_attention"].SpatialVideoTransformer = None
    import ldm.modules.diffusionmodules.openaimodel as first
    import sgm.modules.diffusionmodules.openaimodel as second

    for name, module, config in [("sd1-unet", first, SD1), ("sdxl-unet", second, SDXL)]:
        theirs = original(module, config)
        with torch.device("meta"):
            ours = diffusers.UNet2DConditionModel(**CONFIGS[name]).state_dict()
        names = {id(tensor): key for key, tensor in theirs.items()}
        prefixed = {PREFIX + key: tensor for key, tensor in theirs.items()}
        converted = convert_ldm_unet_checkpoint(prefixed, CONFIGS[name] | {"class_embed_type": None})
        pairs = {names[id(tensor)]: key for key, tensor in converted.items()}
        assert sorted(pairs) == sorted(theirs) and sorted(pairs.values()) == sorted(ours), name
        assert all(theirs[a].shape == ours[b].shape for a, b in pairs.items()), name
        write(f"{name}-ldm.txt", [(PREFIX + key, tensor.shape) for key, tensor in theirs.items()])
        write(f"{name}-diffusers.txt", [(pairs[key], tensor.shape) for key, tensor in theirs.items()])


if __name__ == "__main__":
    main(*sys.argv[1:])
