#!/usr/bin/env python3
"""Pickles as NVIDIA's StyleGAN codes write them, and one network under the names of every code base.

    python3 make.py            writes the files beside this one, and expected.json

The classes are stand-ins: modules called `torch_utils.persistence`, `dnnlib.tflib.network`, `training.networks_stylegan2`
and so on are made here, with the attributes that the real classes have and without their code, so that real `torch` and
`pickle` write the very structure of such files (a reduction to `_reconstruct_persistent_obj` with one dictionary; storages
as legacy streams; networks by NEWOBJ and BUILD).  Weights are those of ../mini-nvidia.safetensors and its sibling.

What is expected comes from torch and NumPy: names, types, shapes and the CRC-32 of the elements in
C order.  (Keys of storages are addresses, so that files differ between runs in them, and in nothing that is read.)
Layouts are made by the name tables of the code bases, one function each.  Needs numpy and torch.
"""

import collections
import io
import json
import pathlib
import pickle
import struct
import sys
import types
import zlib

import numpy as np
import torch

HERE = pathlib.Path(__file__).parent
EXPECTED = {}


# The network.


def load(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)

    def tensor(entry):
        first, last = entry["data_offsets"]
        return np.frombuffer(data[8 + length + first : 8 + length + last], "<f4").reshape(entry["shape"]).copy()

    return {name: tensor(entry) for name, entry in header.items()}


A = load(HERE.parent / "mini-nvidia.safetensors")
B = load(HERE.parent / "mini-nvidia-b.safetensors")
RESOLUTIONS = [4, 8, 16]


# Digests.


def digest(array):
    return f"{zlib.crc32(np.asarray(array).tobytes('C')):08x}"


TYPES = {"float32": "F32", "float16": "F16", "float64": "F64", "int64": "I64", "int32": "I32", "uint8": "U8", "bool": "BOOL"}


def told(tensors):
    rows = {}
    for name, value in tensors.items():
        if isinstance(value, torch.Tensor):
            value = value.detach().numpy()
        value = np.asarray(value)
        rows[name] = [TYPES[str(value.dtype)], list(value.shape), digest(value)]
    return rows


def expect(file, key, tensors, facts=None):
    EXPECTED.setdefault(file, []).append({"key": key, "tensors": told(tensors), "facts": facts or {}})


# Stand-ins of PyTorch's side.


def module(name):
    for end in [at for at, c in enumerate(name) if c == "."] + [len(name)]:
        sys.modules.setdefault(name[:end], types.ModuleType(name[:end]))
    return sys.modules[name]


def stand_in(where, name, thing):
    thing.__module__, thing.__qualname__, thing.__name__ = where, name, name
    setattr(module(where), name, thing)
    return thing


def _reconstruct_persistent_obj(meta):
    raise NotImplementedError


stand_in("torch_utils.persistence", "_reconstruct_persistent_obj", _reconstruct_persistent_obj)
EasyDict = stand_in("dnnlib.util", "EasyDict", type("EasyDict", (dict,), {}))
# Real files carry 40 kB of source; one of ours is long enough to be one of those texts that nobody reads.
SOURCE = "# The text of a Python module stands here.\n" * 8
LONG_SOURCE = "# The text of a Python module stands here.\n" * 500


class Persistent(torch.nn.Module):
    source = SOURCE

    def __init__(self, class_name, init_kwargs=None, **attributes):
        super().__init__()
        self.__dict__["class_name"] = class_name
        for key, value in attributes.items():
            setattr(self, key, value)
        self._init_args = ()
        self._init_kwargs = EasyDict(init_kwargs or {})

    def __reduce__(self):
        state = {key: value for key, value in self.__dict__.items() if key != "class_name"}
        meta = dict(type="class", version=6, module_src=Persistent.source, class_name=self.class_name, state=state)
        return (_reconstruct_persistent_obj, (meta,), None)

    __reduce_ex__ = lambda self, protocol: self.__reduce__()


PARAMETERS = ("weight", "bias", "const", "noise_strength")


def grow(root, net, make):
    """Puts tensors of dotted names into a tree of modules that `make(path)` makes."""
    for name, value in net.items():
        *path, last = name.split(".")
        at, so_far = root, []
        for part in path:
            so_far.append(part)
            if part not in at._modules:
                at.add_module(part, make(".".join(so_far)))
            at = at._modules[part]
        value = torch.from_numpy(np.array(value, order="C")) if isinstance(value, np.ndarray) else value
        if last in PARAMETERS:
            at.register_parameter(last, torch.nn.Parameter(value))
        else:
            at.register_buffer(last, value)
    return root


def stylegan2(net, conv_clamp=256, architecture="skip", labels=0, flat=True, **more):
    own = dict(channel_base=64, channel_max=8, num_fp16_res=4, conv_clamp=conv_clamp, **more)
    kwargs = dict(z_dim=8, c_dim=labels, w_dim=8, img_resolution=16, img_channels=3)
    mapping = EasyDict(num_layers=2)
    kwargs |= dict(mapping_kwargs=mapping, **own) if flat else dict(mapping_kwargs=mapping, synthesis_kwargs=EasyDict(own))

    def make(path):
        kind = path.split(".")[-1]
        if kind == "mapping":
            return Persistent("MappingNetwork", z_dim=8, c_dim=labels, w_dim=8, num_ws=6, num_layers=2, w_avg_beta=0.998)
        if kind == "synthesis":
            return Persistent("SynthesisNetwork", w_dim=8, img_resolution=16, img_channels=3, block_resolutions=RESOLUTIONS)
        if kind.startswith("b"):
            block = Persistent("SynthesisBlock", resolution=int(kind[1:]), architecture=architecture, is_last=kind == "b16")
            block.register_parameter("unused", None)
            return block
        if kind.startswith("conv"):
            return Persistent("SynthesisLayer", activation="lrelu", use_noise=True, conv_clamp=conv_clamp, act_gain=np.sqrt(2), up=1)
        if kind == "torgb":
            return Persistent("ToRGBLayer", conv_clamp=conv_clamp, weight_gain=1 / np.sqrt(8))
        if kind == "embed":
            return Persistent("FullyConnectedLayer", out_features=8, bias_gain=1.0, weight_gain=np.float64(0.5))
        gain = 0.01 if ".fc" in path else 1
        return Persistent("FullyConnectedLayer", activation="lrelu", weight_gain=gain / np.sqrt(8), bias_gain=gain)

    root = Persistent("Generator", kwargs, z_dim=8, c_dim=labels, w_dim=8, img_resolution=16, img_channels=3, num_ws=6)
    return grow(root, net, make).eval().requires_grad_(False)


FACTS2 = {
    "stylegan.source": "nvidia-pytorch", "stylegan.network": "G_ema", "stylegan.class_name": "Generator",
    "stylegan.resolution": "16", "stylegan.img_channels": "3", "stylegan.z_dim": "8", "stylegan.w_dim": "8",
    "stylegan.c_dim": "0", "stylegan.channel_base": "64", "stylegan.channel_max": "8", "stylegan.architecture": "skip",
    "stylegan.activation": "lrelu", "stylegan.use_noise": "true", "stylegan.conv_clamp": "256", "stylegan.num_fp16_res": "4",
    "stylegan.mapping_layers": "2", "stylegan.mapping_lr_multiplier": "0.01", "stylegan.w_avg_beta": "0.998",
}


def discriminator():
    random = np.random.RandomState(3)
    net = {"b4.fc.weight": random.randn(2, 3).astype("f4"), "b4.resample_filter": A["synthesis.b4.resample_filter"]}
    return grow(Persistent("Discriminator", img_resolution=16), net, lambda path: Persistent("DiscriminatorEpilogue"))


def dump(name, thing, protocol):
    (HERE / name).write_bytes(pickle.dumps(thing, protocol=protocol))


def pytorch():
    # What a training run leaves: three networks, the augmentation, the facts of the data.
    for protocol in [2, 3, 4, 5]:
        d = discriminator()
        file = f"sg2-p{protocol}.pkl"
        augment = Persistent("AugmentPipe")
        augment.register_buffer("p", torch.tensor(0.5))
        data = EasyDict(class_name="training.dataset.ImageFolderDataset", path="images.zip", resolution=16)
        thing = dict(G=stylegan2(B), D=d, G_ema=stylegan2(A), augment_pipe=augment, training_set_kwargs=data)
        dump(file, thing, protocol)
        expect(file, None, A, FACTS2)
        if protocol == 4:
            expect(file, "G", B, FACTS2 | {"stylegan.network": "G"})
            expect(file, "D", d.state_dict(), {"stylegan.network": "D", "stylegan.class_name": "Discriminator"})
            expect(file, "augment_pipe", {"p": np.float32(0.5)}, {"stylegan.class_name": "AugmentPipe"})
            inner = {name[len("synthesis.b16.") :]: value for name, value in A.items() if name.startswith("synthesis.b16.")}
            expect(file, "G_ema.synthesis.b16", inner, {"stylegan.architecture": "skip"})

    # Weights as networks in half precision keep them: channels last.  A buffer that is not of the state, and one shared.
    strided = {name: torch.from_numpy(value) for name, value in A.items()}
    for name, value in strided.items():
        if value.ndim == 4 and name.endswith("weight") and value.shape[2] == 3:
            strided[name] = value.to(memory_format=torch.channels_last)
    net = stylegan2(strided, conv_clamp=None, flat=False)
    net.synthesis.register_buffer("scratch", torch.ones(3), persistent=False)
    net.synthesis.b8._buffers["resample_filter"] = net.synthesis.b4._buffers["resample_filter"]
    Persistent.source = LONG_SOURCE
    dump("sg2-strided.pkl", dict(G_ema=net, G=None, D=None), 4)
    Persistent.source = SOURCE
    assert set(net.state_dict()) == set(A)
    expect("sg2-strided.pkl", None, net.state_dict(), FACTS2 | {"stylegan.conv_clamp": "none"})

    # A network alone; one with labels, one colour, no average of w, of a fork with facts of its own.
    dump("alone.pkl", stylegan2(A), 4)
    facts = {key: value for key, value in FACTS2.items() if key != "stylegan.network"}
    expect("alone.pkl", None, A, facts)
    fork = {name: value for name, value in A.items() if name != "mapping.w_avg"}
    random = np.random.RandomState(5)
    fork["mapping.embed.weight"] = random.randn(8, 5).astype("f4")
    fork["mapping.embed.bias"] = random.randn(8).astype("f4")
    fork["mapping.fc0.weight"] = random.randn(8, 16).astype("f4")
    for r in RESOLUTIONS:
        fork[f"synthesis.b{r}.torgb.weight"] = fork[f"synthesis.b{r}.torgb.weight"][:1].copy()
        fork[f"synthesis.b{r}.torgb.bias"] = fork[f"synthesis.b{r}.torgb.bias"][:1].copy()
    net = stylegan2(fork, labels=5, resample_filter=[1, 3, 3, 1], fork_switch="on")
    dump("labels.pkl", dict(G_ema=net, progress=0.5, note="a fork"), 4)
    facts = FACTS2 | {"stylegan.c_dim": "5", "stylegan.embed_features": "8", "stylegan.resample_filter": "[1, 3, 3, 1]"}
    expect("labels.pkl", None, fork, facts)

    # Not to be read: no averaged generator; a part of a class that nobody looks into; an activation is no such part.
    dump("two.pkl", dict(G=stylegan2(B), D=discriminator()), 4)
    expect("two.pkl", "G", B, FACTS2 | {"stylegan.network": "G"})
    net = stylegan2(A)
    net.mapping.add_module("act", torch.nn.LeakyReLU(0.2))
    dump("activation.pkl", dict(G_ema=net), 4)
    expect("activation.pkl", None, A, FACTS2)
    net.synthesis.b8.add_module("extra", torch.nn.Linear(2, 2))
    dump("opaque.pkl", dict(G_ema=net), 4)


def stylegan3():
    random = np.random.RandomState(9)
    # The sizes of T at 256 pixels, with few channels.
    sizes = [36, 36, 36, 52, 52, 84, 84, 148, 148, 148, 276, 276, 276, 256, 256]
    sizes = list(zip(sizes, [6, 6, 6, 5, 5, 4, 4, 4, 4, 3, 3, 2, 2, 2, 3]))
    net = {"mapping.fc0.weight": random.randn(8, 8), "mapping.fc0.bias": random.randn(8), "mapping.w_avg": random.randn(8)}
    net |= {"synthesis.input.weight": random.randn(6, 6), "synthesis.input.affine.weight": random.randn(4, 8)}
    net |= {"synthesis.input.affine.bias": np.array([1, 0, 0, 0]), "synthesis.input.transform": np.eye(3)}
    net |= {"synthesis.input.freqs": random.randn(6, 2), "synthesis.input.phases": random.rand(6)}
    inputs = 6
    for i, (size, channels) in enumerate(sizes):
        name, k = f"synthesis.L{i}_{size}_{channels}", 1 if i == len(sizes) - 1 else 3
        net[f"{name}.weight"] = random.randn(channels, inputs, k, k)
        net[f"{name}.bias"] = random.randn(channels)
        net[f"{name}.magnitude_ema"] = np.float32(random.rand())
        if i < len(sizes) - 1:
            net[f"{name}.up_filter"], net[f"{name}.down_filter"] = random.rand(12), random.rand(12)
        net[f"{name}.affine.weight"], net[f"{name}.affine.bias"] = random.randn(inputs, 8), np.ones(inputs)
        inputs = channels
    net = {name: np.asarray(value, "f4") for name, value in net.items()}

    def make(path):
        kind = path.split(".")[-1]
        if kind == "mapping":
            return Persistent("MappingNetwork", z_dim=8, c_dim=0, w_dim=8, num_layers=1, w_avg_beta=0.998)
        if kind == "synthesis":
            return Persistent("SynthesisNetwork", num_layers=14, num_critical=2, margin_size=10, output_scale=0.25, num_fp16_res=4)
        if kind.startswith("L"):
            last = kind.startswith("L14")
            layer = Persistent("SynthesisLayer", conv_kernel=1 if last else 3, conv_clamp=256, down_radial=False, magnitude_ema_beta=0.999)
            if last:
                layer.register_buffer("up_filter", None)
            return layer
        return Persistent("FullyConnectedLayer", bias_gain=0.01 if ".fc" in path else 1)

    kwargs = dict(z_dim=8, c_dim=0, w_dim=8, img_resolution=256, img_channels=3, channel_base=32768, channel_max=512)
    kwargs |= dict(first_cutoff=2, first_stopband=2**2.1, last_stopband_rel=2**0.3)
    root = Persistent("Generator", kwargs, z_dim=8, c_dim=0, w_dim=8, img_resolution=256, img_channels=3)
    dump("sg3.pkl", dict(G=None, D=None, G_ema=grow(root, net, make)), 4)
    facts = {"class_name": "Generator", "channel_base": "32768", "conv_kernel": "3", "use_radial_filters": "false"}
    facts |= {"num_layers": "14", "num_critical": "2", "margin_size": "10", "output_scale": "0.25", "conv_clamp": "256"}
    facts |= {"first_cutoff": "2", "first_stopband": repr(2**2.1), "last_stopband_rel": repr(2**0.3)}
    facts |= {"magnitude_ema_beta": "0.999", "mapping_lr_multiplier": "0.01"}
    expect("sg3.pkl", None, net, {f"stylegan.{key}": value for key, value in facts.items()})


# One network under the names of every code base, by their tables.  All are of the canonical values `net`.


def tensorflow(net, labels=None, architecture="skip"):
    """Variables of the network itself, of `mapping` and of `synthesis`: names and arrays in the order of NVIDIA's code."""
    own = {"lod": np.float32(0), "dlatent_avg": net["mapping.w_avg"]}
    mapping, synthesis = {}, {"lod": np.float32(0)} if architecture == "orig" else {}
    if labels == "concat":
        mapping["LabelConcat/weight"] = net["mapping.label_concat.weight"]
    if labels == "embed":
        mapping["LabelEmbed/weight"] = net["mapping.embed.weight"].T
        mapping["LabelEmbed/bias"] = net["mapping.embed.bias"]
    j = 0
    while f"mapping.fc{j}.weight" in net:
        mapping[f"Dense{j}/weight"] = net[f"mapping.fc{j}.weight"].T
        mapping[f"Dense{j}/bias"] = net[f"mapping.fc{j}.bias"]
        j += 1
    for r in RESOLUTIONS:
        k = int(np.log2(r))
        for layer in ["conv0", "conv1"]:
            if f"synthesis.b{r}.{layer}.noise_const" in net:
                index = 0 if r == 4 else 2 * k - 5 + (layer == "conv1")
                synthesis[f"noise{index}"] = net[f"synthesis.b{r}.{layer}.noise_const"][None, None]
    synthesis["4x4/Const/const"] = net["synthesis.b4.const"][None]

    def layer(ours, theirs, turned, noise):
        kernel = net[f"synthesis.{ours}.weight"].transpose(2, 3, 1, 0)
        synthesis[f"{theirs}/weight"] = kernel[::-1, ::-1] if turned else kernel
        synthesis[f"{theirs}/mod_weight"] = net[f"synthesis.{ours}.affine.weight"].T
        synthesis[f"{theirs}/mod_bias"] = net[f"synthesis.{ours}.affine.bias"] - np.float32(1)
        if noise:
            synthesis[f"{theirs}/noise_strength"] = np.float32(net[f"synthesis.{ours}.noise_strength"])
        synthesis[f"{theirs}/bias"] = net[f"synthesis.{ours}.bias"]

    for r in RESOLUTIONS:
        if r == 4:
            layer("b4.conv1", "4x4/Conv", False, True)
        else:
            layer(f"b{r}.conv0", f"{r}x{r}/Conv0_up", True, True)
            layer(f"b{r}.conv1", f"{r}x{r}/Conv1", False, True)
            if f"synthesis.b{r}.skip.weight" in net:
                kernel = net[f"synthesis.b{r}.skip.weight"].transpose(2, 3, 1, 0)
                synthesis[f"{r}x{r}/Skip/weight"] = kernel[::-1, ::-1]
        if f"synthesis.b{r}.torgb.weight" in net:
            lod = int(np.log2(RESOLUTIONS[-1] // r))
            layer(f"b{r}.torgb", f"ToRGB_lod{lod}" if architecture == "orig" else f"{r}x{r}/ToRGB", False, False)
    return own, mapping, synthesis


class Network:
    def __init__(self, name, version, kwargs, variables, components, func):
        shapes = dict(input_shapes=[[None, 8], [None, 0]], output_shapes=[[None, 3, 16, 16]], input_names=["latents_in"], output_names=["images_out"])
        self.state = dict(version=version, name=name, static_kwargs=kwargs, components=components)
        self.state |= dict(build_module_src=SOURCE, build_func_name=func, variables=list(variables.items()))
        self.state |= shapes if version == 5 else {}

    def __getstate__(self):
        return self.state


stand_in("dnnlib.tflib.network", "Network", Network)


def generator(name, parts, version, kwargs, plain=dict):
    own, mapping, synthesis = parts
    static = plain(num_channels=3, resolution=16, label_size=0, **kwargs)
    components = plain(
        synthesis=Network("G_synthesis", version, static, synthesis, {}, "G_synthesis_stylegan2"),
        mapping=Network("G_mapping", version, static, mapping, {}, "G_mapping"),
    )
    return Network(name, version, static, own, components, "G_main")


def flat(parts):
    own, mapping, synthesis = parts
    return own | {f"mapping/{k}": v for k, v in mapping.items()} | {f"synthesis/{k}": v for k, v in synthesis.items()}


KWARGS = dict(fmap_base=32, fmap_max=8, latent_size=8, dlatent_size=8, mapping_layers=2, mapping_lrmul=0.01, resample_kernel=[1, 3, 3, 1])
TF_FACTS = {
    "stylegan.source": "nvidia-tensorflow", "stylegan.network": "Gs", "stylegan.class_name": "G_main", "stylegan.resolution": "16",
    "stylegan.img_channels": "3", "stylegan.channel_base": "64", "stylegan.channel_max": "8", "stylegan.z_dim": "8",
    "stylegan.w_dim": "8", "stylegan.c_dim": "0", "stylegan.mapping_layers": "2", "stylegan.mapping_lr_multiplier": "0.01",
    "stylegan.resample_filter": "[1, 3, 3, 1]",
}


class Python2(pickle._Pickler):
    """Texts and bytes as byte strings, as Python 2 wrote them."""

    def save_string(self, text):
        data = text.encode("latin-1") if isinstance(text, str) else text
        short = len(data) < 256
        self.write((pickle.SHORT_BINSTRING + bytes([len(data)]) if short else pickle.BINSTRING + struct.pack("<i", len(data))) + data)
        self.memoize(text)

    dispatch = dict(pickle._Pickler.dispatch)
    dispatch[str] = save_string
    dispatch[bytes] = save_string


def tf_files():
    fortran = lambda parts: [{k: np.asfortranarray(v) if np.ndim(v) > 1 else v for k, v in part.items()} for part in parts]
    plain = tensorflow(A)
    contiguous = [{k: np.ascontiguousarray(v) if np.ndim(v) else v for k, v in part.items()} for part in plain]
    for version, protocol, parts in [(2, 2, contiguous), (3, 3, contiguous), (4, 4, plain), (5, 5, fortran(plain))]:
        file = f"tf-v{version}.pkl"
        d = Network("D", version, {}, {"4x4/Dense0/weight": np.ones((2, 3), "f4")}, {}, "D_stylegan2")
        kind = EasyDict if version == 4 else dict
        more = dict(num_fp16_res=0, conv_clamp=None) if version == 5 else {}
        # (From protocol 5 on NumPy writes arrays in further orders of axes; no published file has them.)
        g = [{k: np.array(v, order="C") if np.ndim(v) else v for k, v in part.items()} for part in tensorflow(B)]
        triple = (generator("G", g, version, KWARGS | more, kind), d, generator("Gs", parts, version, KWARGS | more, kind))
        dump(file, triple, protocol)
        facts = TF_FACTS | {"stylegan.tf_version": str(version)} | ({"stylegan.conv_clamp": "none"} if version == 5 else {})
        expect(file, None, flat(parts), facts)
        if version == 4:
            expect(file, "G", flat(tensorflow(B)), {"stylegan.network": "G"})
            expect(file, "D", {"4x4/Dense0/weight": np.ones((2, 3), "f4")}, {"stylegan.network": "D"})
            expect(file, "Gs.mapping", plain[1])
    dump("tf-alone.pkl", generator("Gs", plain, 4, KWARGS), 4)
    expect("tf-alone.pkl", None, flat(plain), {"stylegan.source": "nvidia-tensorflow"})
    dump("tf-dict.pkl", {"G": None, "Gs": generator("Gs", plain, 4, KWARGS), "step": 7}, 4)
    expect("tf-dict.pkl", None, flat(plain), {"stylegan.network": "Gs"})
    out = io.BytesIO()
    Python2(out, 2).dump((None, generator("Gs", contiguous, 2, KWARGS)))
    (HERE / "tf-python2.pkl").write_bytes(out.getvalue())
    expect("tf-python2.pkl", None, flat(contiguous), {"stylegan.class_name": "G_main"})

    # Configs B to D: an output per resolution, of which the last is used.  Labels of both kinds.
    parts = tensorflow(A, architecture="orig")
    dump("tf-orig.pkl", (None, None, generator("Gs", parts, 4, KWARGS | dict(architecture="orig"))), 4)
    expect("tf-orig.pkl", None, flat(parts), {"stylegan.architecture": "orig"})
    random = np.random.RandomState(6)
    for kind in ["embed", "concat"]:
        net = dict(A) | {"mapping.fc0.weight": random.randn(8, 16).astype("f4")}
        net["mapping.embed.weight"], net["mapping.embed.bias"] = random.randn(8, 5).astype("f4"), random.randn(8).astype("f4")
        net["mapping.label_concat.weight"] = random.randn(5, 8).astype("f4")
        parts = tensorflow(net, labels=kind)
        dump(f"tf-{kind}.pkl", (None, None, generator("Gs", parts, 4, KWARGS)), 4)
        expect(f"tf-{kind}.pkl", None, flat(parts))
        if kind == "embed":
            canonical = {name: value for name, value in net.items() if "label_concat" not in name}
            save("nvidia-embed.safetensors", canonical)

    # A resnet.
    net = {name: value for name, value in A.items() if "torgb" not in name or ".b16." in name}
    filters = A["synthesis.b4.resample_filter"]
    for r, (outputs, inputs) in {8: (8, 8), 16: (4, 8)}.items():
        net[f"synthesis.b{r}.skip.weight"] = random.randn(outputs, inputs, 1, 1).astype("f4")
        net[f"synthesis.b{r}.skip.resample_filter"] = filters
    dump("tf-resnet.pkl", (None, None, generator("Gs", tensorflow(net), 4, KWARGS | dict(architecture="resnet"))), 4)
    save("nvidia-resnet.safetensors", net)

    # Biases that PyTorch's code never held: adding 1 rounds them.
    tuned = [dict(part) for part in plain]
    for name in tuned[2]:
        if name.endswith("mod_bias"):
            tuned[2][name] = (random.randn(*tuned[2][name].shape) * 0.1).astype("f4")
    dump("tf-rounded.pkl", generator("Gs", tuned, 4, KWARGS), 4)
    net = dict(A)
    for r in RESOLUTIONS:
        for ours, theirs in [("conv0", "Conv0_up"), ("conv1", "Conv" if r == 4 else "Conv1"), ("torgb", "ToRGB")]:
            if f"synthesis.b{r}.{ours}.affine.bias" in net:
                net[f"synthesis.b{r}.{ours}.affine.bias"] = tuned[2][f"{r}x{r}/{theirs}/mod_bias"] + np.float32(1)
    save("nvidia-rounded.safetensors", net)

    # The first StyleGAN.
    own = {"lod": np.float32(0), "dlatent_avg": random.randn(8)}
    mapping, synthesis = {}, {"lod": np.float32(0)}
    for j in range(2):
        mapping |= {f"Dense{j}/weight": random.randn(8, 8), f"Dense{j}/bias": random.randn(8)}
    inputs = 8

    def epilogue(name, channels, index):
        r = int(name.split("x")[0])
        synthesis[f"noise{index}"] = random.randn(1, 1, r, r)
        synthesis[f"{name}/Noise/weight"] = random.randn(channels)
        synthesis[f"{name}/bias"] = random.randn(channels)
        synthesis[f"{name}/StyleMod/weight"] = random.randn(8, 2 * channels)
        synthesis[f"{name}/StyleMod/bias"] = random.randn(2 * channels)

    synthesis["4x4/Const/const"] = random.randn(1, 8, 4, 4)
    epilogue("4x4/Const", 8, 0)
    for r, channels in [(4, 8), (8, 8), (16, 4)]:
        k = int(np.log2(r))
        for at, name in enumerate(["4x4/Conv"] if r == 4 else [f"{r}x{r}/Conv0_up", f"{r}x{r}/Conv1"]):
            synthesis[f"{name}/weight"] = random.randn(3, 3, inputs, channels)
            epilogue(name, channels, 1 if r == 4 else 2 * k - 4 + at)
            inputs = channels
        lod = int(np.log2(16 // r))
        synthesis |= {f"ToRGB_lod{lod}/weight": random.randn(1, 1, channels, 3), f"ToRGB_lod{lod}/bias": random.randn(3)}
    parts = [{k: np.asarray(v, "f4") if np.ndim(v) else v for k, v in part.items()} for part in [own, mapping, synthesis]]
    dump("tf-stylegan1.pkl", (None, None, generator("Gs", parts, 3, dict(structure="fixed"))), 4)
    expect("tf-stylegan1.pkl", None, flat(parts), {"stylegan.tf_version": "3"})


def save(name, net):
    net = {key: np.ascontiguousarray(value) if np.ndim(value) else np.asarray(value) for key, value in net.items()}
    header, at = {}, 0
    for key, value in net.items():
        header[key] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [at, at + value.nbytes]}
        at += value.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    (HERE / name).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(value.tobytes() for value in net.values()))


def genforce(net):
    """genforce's names: PyTorch's axes, TensorFlow's values."""
    out = {}
    j = 0
    while f"mapping.fc{j}.weight" in net:
        out[f"mapping.dense{j}.weight"], out[f"mapping.dense{j}.bias"] = net[f"mapping.fc{j}.weight"], net[f"mapping.fc{j}.bias"]
        j += 1
    out["truncation.w_avg"] = net["mapping.w_avg"]
    out["synthesis.early_layer.const"] = net["synthesis.b4.const"][None]

    def layer(ours, theirs, turned, noise):
        kernel = net[f"synthesis.{ours}.weight"]
        out[f"synthesis.{theirs}.weight"] = kernel[:, :, ::-1, ::-1] if turned else kernel
        out[f"synthesis.{theirs}.bias"] = net[f"synthesis.{ours}.bias"]
        out[f"synthesis.{theirs}.style.weight"] = net[f"synthesis.{ours}.affine.weight"]
        out[f"synthesis.{theirs}.style.bias"] = net[f"synthesis.{ours}.affine.bias"] - np.float32(1)
        if noise:
            out[f"synthesis.{theirs}.noise_strength"] = net[f"synthesis.{ours}.noise_strength"]
            out[f"synthesis.{theirs}.noise"] = net[f"synthesis.{ours}.noise_const"][None, None]
        if turned:
            out[f"synthesis.{theirs}.filter.kernel"] = net[f"synthesis.{ours}.resample_filter"][None, None] * np.float32(4)

    for block, r in enumerate(RESOLUTIONS):
        if block > 0:
            layer(f"b{r}.conv0", f"layer{2 * block - 1}", True, True)
        layer(f"b{r}.conv1", f"layer{2 * block}", False, True)
        layer(f"b{r}.torgb", f"output{block}", False, False)
    out["synthesis.upsample.kernel"] = net["synthesis.b4.resample_filter"][None, None] * np.float32(4)
    return out


def older_rosinality():
    """Rosinality's names as its first checkpoints had them: biases beside the convolutions, with axes of an image."""
    out = {}
    for name, value in load(HERE.parent / "mini-rosinality.safetensors").items():
        old = name.removesuffix(".activate.bias")
        out[f"{old}.bias" if old != name else name] = value.reshape(1, -1, 1, 1) if old != name else value
    return out


def lucidrains():
    random = np.random.RandomState(8)
    out = {}
    draw = lambda name, *shape: out.__setitem__(name, random.randn(*shape).astype("f4"))
    for part in ["S", "SE"]:
        for j in range(2):
            draw(f"{part}.net.{2 * j}.weight", 8, 8)
            draw(f"{part}.net.{2 * j}.bias", 8)
    for part in ["G", "GE"]:
        draw(f"{part}.initial_block", 1, 8, 4, 4)
        draw(f"{part}.initial_conv.weight", 8, 8, 3, 3)
        draw(f"{part}.initial_conv.bias", 8)
        inputs = 8
        for i, channels in enumerate([8, 6, 4]):
            block = f"{part}.blocks.{i}"
            for n, width in [(1, inputs), (2, channels)]:
                draw(f"{block}.to_style{n}.weight", width, 8)
                draw(f"{block}.to_style{n}.bias", width)
                draw(f"{block}.to_noise{n}.weight", channels, 1)
                draw(f"{block}.to_noise{n}.bias", channels)
                draw(f"{block}.conv{n}.weight", channels, width, 3, 3)
            draw(f"{block}.to_rgb.to_style.weight", channels, 8)
            draw(f"{block}.to_rgb.to_style.bias", channels)
            draw(f"{block}.to_rgb.conv.weight", 3, channels, 1, 1)
            if i < 2:
                out[f"{block}.to_rgb.upsample.1.f"] = np.array([1, 2, 1], "f4")
            inputs = channels
    return out


def dictionaries():
    arrays = {"a.weight": np.arange(6, dtype="f4").reshape(2, 3), "a.bias": np.ones(2, "f2"), "steps": np.int64(7)}
    nested = {"model": {"a": {"weight": arrays["a.weight"].T, "bias": torch.ones(2)}, 7: np.zeros(1, "u1")}, "author": "somebody"}
    dump("arrays.pkl", collections.OrderedDict(arrays), 4)
    # NumPy's scalars are facts.
    expect("arrays.pkl", None, {k: v for k, v in arrays.items() if k != "steps"}, {"steps": "7"})
    dump("nested.pkl", nested, 5)
    leaves = {"a.weight": arrays["a.weight"].T, "a.bias": np.ones(2, "f4"), "7": np.zeros(1, "u1")}
    expect("nested.pkl", None, leaves)
    expect("nested.pkl", "model.a", {"weight": arrays["a.weight"].T, "bias": np.ones(2, "f4")})
    # What training scripts pickle themselves: a model beside its optimizer, and names of DataParallel.
    moments = {"state": {0: {"exp_avg": torch.zeros(2, 3)}}, "param_groups": [{"lr": 0.1}]}
    weights = {"a.weight": torch.ones(2, 3), "a.bias": torch.ones(2)}
    dump("trained.pkl", {"model": weights, "optimizer": moments, "it": 3}, 4)
    expect("trained.pkl", None, weights, {"it": "3"})
    dump("parallel.pkl", {f"module.{name}": value for name, value in weights.items()}, 2)
    expect("parallel.pkl", None, weights)
    # Axes in any order: protocol 5 has a form of its own for them since NumPy 2.4.
    turned = {"middle": np.arange(24, dtype="f4").reshape(2, 3, 4).transpose(1, 0, 2), "empty": np.zeros((2, 0, 3), "f4").transpose(2, 0, 1),
              "last": np.arange(120, dtype="f2").reshape(2, 3, 4, 5).transpose(0, 3, 1, 2), "steps": np.arange(6, dtype="f4").reshape(2, 3)[:, ::2]}
    dump("turned.pkl", turned, 5)
    expect("turned.pkl", None, turned)
    # Tensors of other kinds, in pickles without a container.
    dump("sparse.pkl", {"w": torch.ones(3), "s": torch.eye(3).to_sparse()}, 4)
    dump("complex.pkl", {"w": np.ones(3, "f4"), "c": np.ones(3, "c16")}, 4)
    dump("nothing.pkl", {"epoch": 3, "names": ["a", "b"]}, 4)


pytorch()
stylegan3()
tf_files()
dictionaries()
save("genforce.safetensors", genforce(A))
save("rosinality-older.safetensors", older_rosinality())
save("lucidrains.safetensors", lucidrains())
lines = [f"{json.dumps(file)}: {json.dumps(rows, separators=(',', ':'))}" for file, rows in EXPECTED.items()]
(HERE / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
print(sum(path.stat().st_size for path in HERE.iterdir()), "bytes")
