#!/usr/bin/env python3
"""Measures `blend build` beside the floor: what reading the inputs and writing the output costs at least.

    python3 tests/bench/run.py                        # 2 GB checkpoints, five rounds: 9 GB of disk, some minutes
    python3 tests/bench/run.py --size 0.1 --rounds 3  # a short one
    python3 tests/bench/run.py --only linear,slerp
    python3 tests/bench/run.py --big                  # and a linear merge of two models of 8 GB: 24 GB more of disk
    python3 tests/bench/run.py --mergekit PATH        # and mergekit's: PATH is its `mergekit-yaml`
    python3 tests/bench/run.py --keep --folder FOLDER # leave the checkpoints for next time

The floor is `cat` of all inputs to nowhere plus `cp` of one of them; for a layer swap, which reads no more than it writes,
`cp` alone.  Both sides end in `sync -f` of the output (blend has synced by then).  Before each run the old output is removed
and the file system synced; inputs are read once before all, so that they are in the page cache.  Runs alternate: floor, blend,
floor, blend.  Compare ratios, not seconds: other work on the machine falls on both sides.

Wall is from the start of the first process to the end of the last; CPU is user and system time of all of them; resident is
the peak of `VmHWM`, anonymous of `RssAnon` in /proc/PID/status, sampled every 10 ms.  A table of medians is printed as
Markdown, with the least and the greatest ratio of a round behind the median one.  Linux only; needs Python 3.9 and NumPy,
and Rust for the build.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

# No left-overs beside the scripts.
sys.dont_write_bytecode = True
import models

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Name, inputs, the expression, and whether the floor reads all inputs before it copies one.
CASES = [
    ("linear", "two models, linear", ["llama-a", "llama-b"], "0.6 * a + 0.4 * b", True),
    ("swap", "layer swap by `layer`", ["llama-a", "llama-b"], "match {\n  layer ..9 => b\n  else => a\n}", False),
    ("swap-gan", "layer swap, StyleGAN2 256 px", ["stylegan2-a", "stylegan2-b"],
     "std.layer_swap(a, b, at = 32, mapping = a)", False),
    ("tasks", "three models, task arithmetic", ["llama-a", "llama-b", "llama-c"],
     "a + 0.7 * (b - a) + 0.4 * (c - a)", True),
    ("slerp", "two models, slerp", ["llama-a", "llama-b"], "slerp(a, b, 0.4)", True),
    ("big", "two models of 8 GB, linear", ["big-a", "big-b"], "0.6 * a + 0.4 * b", True),
]

MERGEKIT = {
    "linear": "merge_method: linear\nmodels:\n  - {{model: {0}, parameters: {{weight: 0.6}}}}\n"
              "  - {{model: {1}, parameters: {{weight: 0.4}}}}\ndtype: bfloat16\n",
    "swap": "merge_method: passthrough\nslices:\n  - sources: [{{model: {1}, layer_range: [0, 10]}}]\n"
            "  - sources: [{{model: {0}, layer_range: [10, {layers}]}}]\ndtype: bfloat16\n",
    "tasks": "merge_method: task_arithmetic\nbase_model: {0}\nmodels:\n  - {{model: {1}, parameters: {{weight: 0.7}}}}\n"
             "  - {{model: {2}, parameters: {{weight: 0.4}}}}\nparameters: {{normalize: false}}\ndtype: bfloat16\n",
    "slerp": "merge_method: slerp\nbase_model: {0}\nmodels:\n  - model: {0}\n  - model: {1}\nparameters: {{t: 0.4}}\n"
             "dtype: bfloat16\n",
}


class Measured:
    """What one side of a round took."""

    def __init__(self):
        self.wall = self.cpu = 0.0
        self.resident = self.anonymous = 0


def status(pid):
    """Peak resident and present anonymous memory of a process in bytes."""
    try:
        with open(f"/proc/{pid}/status") as file:
            lines = dict(line.split(":", 1) for line in file)
        return [int(lines[key].split()[0]) * 1024 for key in ("VmHWM", "RssAnon")]
    except (OSError, KeyError, ValueError, IndexError):
        return None


def run(commands, folder):
    """Runs commands one after the other."""
    measured = Measured()
    start = time.perf_counter()
    for command in commands:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        ended = threading.Event()

        def watch():
            while not ended.wait(0.01):
                found = status(process.pid)
                if found:
                    measured.resident = max(measured.resident, found[0])
                    measured.anonymous = max(measured.anonymous, found[1])

        watcher = threading.Thread(target=watch)
        watcher.start()
        said = process.stderr.read()
        _, exit_, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(exit_)
        measured.wall = time.perf_counter() - start
        ended.set()
        watcher.join()
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{said.decode(errors='replace')}")
        measured.cpu += usage.ru_utime + usage.ru_stime
    return measured


def clean(folder):
    """Removes what was written and lets the disk become quiet."""
    for name in ("floor.out", "blend.safetensors"):
        if os.path.exists(os.path.join(folder, name)):
            os.remove(os.path.join(folder, name))
    shutil.rmtree(os.path.join(folder, "mergekit.out"), ignore_errors=True)
    subprocess.run(["sync", "-f", folder], check=True)


def mergekit(program, case, paths, folder):
    """The command that does a case with mergekit, or none."""
    name, _, inputs, _, _ = case
    if name not in MERGEKIT:
        return None
    shapes = models.read_shapes(paths[inputs[0]])
    layers = 1 + max(int(key.split(".")[2]) for key in shapes if ".layers." in key)
    inner, width = shapes["model.layers.0.mlp.gate_proj.weight"]
    words = shapes["lm_head.weight"][0]
    narrow = shapes["model.layers.0.self_attn.k_proj.weight"][0]
    homes = []
    for key in inputs:
        home = os.path.join(folder, key + ".home")
        homes.append(home)
        os.makedirs(home, exist_ok=True)
        link = os.path.join(home, "model.safetensors")
        if os.path.lexists(link):
            os.remove(link)
        os.symlink(os.path.abspath(paths[key]), link)
        with open(os.path.join(home, "config.json"), "w") as file:
            file.write('{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", '
                       f'"hidden_size": {width}, "intermediate_size": {inner}, "num_hidden_layers": {layers}, '
                       f'"num_attention_heads": {width // 64}, "num_key_value_heads": {narrow // 64}, '
                       f'"vocab_size": {words}, "rms_norm_eps": 1e-5, "torch_dtype": "bfloat16", '
                       '"max_position_embeddings": 2048, "tie_word_embeddings": false}')
    recipe = os.path.join(folder, f"{name}.yaml")
    with open(recipe, "w") as file:
        file.write(MERGEKIT[name].format(*homes, layers=layers))
    return [program, recipe, "mergekit.out", "--lazy-unpickle", "--out-shard-size", "100B", "--no-write-model-card"]


def size(count):
    return f"{count / (1 << 20):.0f} MiB"


def ratio(ours, floors, key):
    """The median of the rounds' ratios, with the least and the greatest."""
    all_ = sorted(getattr(our, key) / max(getattr(floor, key), 1e-9) for our, floor in zip(ours, floors))
    return f"**{statistics.median(all_):.2f}** ({all_[0]:.2f}–{all_[-1]:.2f})"


def row(name, side, runs, floors=None):
    median = lambda key: statistics.median(getattr(one, key) for one in runs)
    cells = [name, side, f"{median('wall'):.2f}", f"{median('cpu'):.2f}"]
    if floors is None:
        cells += ["", "", "", ""]
    else:
        cells += [ratio(runs, floors, "wall"), ratio(runs, floors, "cpu")]
        cells += [size(max(one.resident for one in runs)), size(max(one.anonymous for one in runs))]
    return "| " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description="Measures `blend build` beside `cat` and `cp`.")
    parser.add_argument("--size", type=float, default=2.0, help="GB of one Llama-like checkpoint [2]")
    parser.add_argument("--rounds", type=int, default=5, help="[5]")
    parser.add_argument("--only", default="", help="cases, with commas: " + ", ".join(case[0] for case in CASES))
    parser.add_argument("--big", action="store_true", help="also two models of 8 GB")
    parser.add_argument("--folder", help="where checkpoints and outputs lie [a temporary one]")
    parser.add_argument("--keep", action="store_true", help="leave the checkpoints there")
    parser.add_argument("--blend", help="a built `blend`, instead of `cargo build --release`")
    parser.add_argument("--mergekit", metavar="PATH", help="`mergekit-yaml`, to be measured as well")
    args = parser.parse_args()

    if args.blend is None:
        subprocess.run(["cargo", "build", "--release"], cwd=ROOT, check=True)
        target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
        args.blend = os.path.join(target, "release", "blend")
    args.blend = os.path.abspath(args.blend)
    folder = os.path.abspath(args.folder or tempfile.mkdtemp(prefix="blend-bench-"))
    wanted = [name for name in args.only.split(",") if name]
    cases = [case for case in CASES if (case[0] in wanted) or (not wanted and case[0] != "big")]
    if args.big and "big" not in wanted:
        cases.append(CASES[-1])
    try:
        measure(args, folder, cases)
    finally:
        clean(folder)
        if not args.keep and not args.folder:
            shutil.rmtree(folder)


def measure(args, folder, cases):
    needed = {name for case in cases for name in case[2]}
    paths = models.make(folder, args.size, needed)
    rows = []
    for case in cases:
        name, title, inputs, expression, reads = case
        files = [os.path.basename(paths[key]) for key in inputs]
        recipe = os.path.join(folder, f"{name}.blend")
        with open(recipe, "w") as file:
            names = "abc"
            file.write("blend 1\n\n")
            file.writelines(f'model {names[at]} = "{path}"\n' for at, path in enumerate(files))
            file.write(f'\noutput "blend.safetensors" = {expression}\n')
        subprocess.run(["cat", *files], cwd=folder, stdout=subprocess.DEVNULL, check=True)
        read = [["cat", *files]] if reads else []
        sides = {
            "floor": [*read, ["cp", files[0], "floor.out"], ["sync", "-f", "floor.out"]],
            "blend": [[args.blend, "build", f"{name}.blend", "--quiet"], ["sync", "-f", "blend.safetensors"]],
        }
        other = args.mergekit and mergekit(os.path.abspath(args.mergekit), case, paths, folder)
        if other:
            sides["mergekit"] = [other, ["sync", "-f", "mergekit.out"]]
        runs = {side: [] for side in sides}
        for number in range(args.rounds):
            for side, commands in sides.items():
                clean(folder)
                runs[side].append(run(commands, folder))
                last = runs[side][-1]
                print(f"{name} {number + 1}: {side} {last.wall:.2f} s, {last.cpu:.2f} CPU-s", file=sys.stderr)
        floor = "`cat` + `cp`" if reads else "`cp`"
        rows.append(row(title, floor, runs["floor"]))
        rows += [row("", side, runs[side], runs["floor"]) for side in runs if side != "floor"]
    print("| case | side | wall s | CPU s | wall / floor | CPU / floor | peak resident | of it anonymous |")
    print("|---|---|---|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
