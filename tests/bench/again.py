#!/usr/bin/env python3
"""Measures a build after the edit of one arm beside a full build and `cp` of the output.

    python3 tests/bench/again.py                        # 2 GB checkpoints, five rounds: 9 GB of disk
    python3 tests/bench/again.py --size 0.1 --rounds 3  # a short one
    python3 tests/bench/again.py --loop btrfs,xfs       # and on file systems that share blocks, in files mounted as root

The recipe mixes the layers of two Llama-like checkpoints in two arms, of which one takes one layer (or what `--arm` says);
the edit changes its share.  Per round: a full build (`--fresh`), `cp` of its output, the build after an edit and after a
second one, each followed by `sync -f`.  The first edit replaces a file of which every page is in memory, as a full build leaves it: freeing
them is part of its time.  The second replaces one that was never read.  A last row is the build of an unchanged recipe.  What
counts as in run.py: wall and CPU time of all processes, ratios within a round, inputs in the page cache.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

# No left-overs beside the scripts.
sys.dont_write_bytecode = True
import models
import run as bench


def recipe(models_, share, arm):
    a, b = models_
    return (f'blend 1\n\nmodel a = "{a}"\nmodel b = "{b}"\n\n'
            f'output "blend.safetensors" = match {{\n  {arm} => mix(a, b, {share})\n  else => mix(a, b, 0.4)\n}}\n')


def measure(args, folder, title):
    """Rounds on one file system; rows of a table."""
    cache = os.path.join(folder, "cache")
    os.environ["BLEND_CACHE_DIR"] = cache
    paths = models.make(folder, args.size, {"llama-a", "llama-b"})
    names = [os.path.basename(paths[key]) for key in ("llama-a", "llama-b")]
    for path in paths.values():
        subprocess.run(["cat", path], stdout=subprocess.DEVNULL, check=True)
    output = os.path.join(folder, "blend.safetensors")
    for path in (output, os.path.join(folder, "floor.out")):
        if os.path.exists(path):
            os.remove(path)

    def build(share, *more):
        with open(os.path.join(folder, "r.blend"), "w") as file:
            file.write(recipe(names, share, args.arm))
        return bench.run([[args.blend, "build", "r.blend", "--quiet", *more], ["sync", "-f", output]], folder)

    runs = {"full": [], "cp": [], "edit": [], "next edit": [], "unchanged": []}
    build(0.5)
    for number in range(args.rounds):
        before, after, last = (0.5, 0.6, 0.7) if number % 2 == 0 else (0.7, 0.6, 0.5)
        subprocess.run(["sync", "-f", folder], check=True)
        runs["full"].append(build(before, "--fresh"))
        # A plain copy: blocks are not shared.
        copy = ["cp", "--reflink=never", "blend.safetensors", "floor.out"]
        runs["cp"].append(bench.run([copy, ["sync", "-f", "floor.out"]], folder))
        os.remove(os.path.join(folder, "floor.out"))
        subprocess.run(["sync", "-f", folder], check=True)
        runs["edit"].append(build(after))
        subprocess.run(["sync", "-f", folder], check=True)
        runs["next edit"].append(build(last))
        subprocess.run(["sync", "-f", folder], check=True)
        runs["unchanged"].append(build(last))
        line = ", ".join(f"{side} {runs[side][-1].wall:.2f} s {runs[side][-1].cpu:.2f} CPU-s" for side in runs)
        print(f"{title} {number + 1}: {line}", file=sys.stderr)
    with open(os.path.join(folder, "r.blend"), "w") as file:
        file.write(recipe(names, 0.55, args.arm))
    told = subprocess.run([args.blend, "build", "r.blend", "--explain"], cwd=folder, capture_output=True, text=True)
    print(told.stderr, told.stdout, file=sys.stderr)

    median = lambda side, key: statistics.median(getattr(one, key) for one in runs[side])
    rows = []
    for side in runs:
        cells = [title if side == "full" else "", "`cp`" if side == "cp" else side, f"{median(side, 'wall'):.2f}", f"{median(side, 'cpu'):.2f}"]
        for other, key in (("full", "wall"), ("full", "cpu"), ("cp", "wall")):
            cells.append("" if side == other else bench.ratio(runs[side], runs[other], key))
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def mounted(args, kind, folder):
    """Rounds in a file system of its own, in a file; rows, or why there are none."""
    image, place = os.path.join(folder, kind + ".img"), os.path.join(folder, kind)
    os.makedirs(place, exist_ok=True)
    with open(image, "wb") as file:
        file.truncate(int(args.size * 8e9) + (1 << 30))
    made = subprocess.run([f"mkfs.{kind}", "-q", image], capture_output=True, text=True)
    done = made.returncode == 0 and subprocess.run(["mount", "-o", "loop", image, place], capture_output=True, text=True)
    if not done or done.returncode != 0:
        said = (made.stderr or (done and done.stderr) or "").strip()
        os.remove(image)
        return [f"| {kind} | not mounted: {said} | | | | | |"]
    try:
        return measure(args, place, f"{kind}, in a file")
    finally:
        subprocess.run(["umount", place], check=False)
        os.remove(image)


def main():
    parser = argparse.ArgumentParser(description="Measures a build after an edit.")
    parser.add_argument("--size", type=float, default=2.0, help="GB of one Llama-like checkpoint [2]")
    parser.add_argument("--rounds", type=int, default=5, help="[5]")
    parser.add_argument("--arm", default="layer 7", help="pattern of the arm that is edited [layer 7]")
    parser.add_argument("--loop", default="", help="file systems to be made in files: btrfs, xfs")
    parser.add_argument("--folder", help="where checkpoints and outputs lie [a temporary one]")
    parser.add_argument("--blend", help="a built `blend`, instead of `cargo build --release`")
    args = parser.parse_args()
    if args.blend is None:
        subprocess.run(["cargo", "build", "--release"], cwd=bench.ROOT, check=True)
        target = os.environ.get("CARGO_TARGET_DIR", os.path.join(bench.ROOT, "target"))
        args.blend = os.path.join(target, "release", "blend")
    args.blend = os.path.abspath(args.blend)
    folder = os.path.abspath(args.folder or tempfile.mkdtemp(prefix="blend-bench-"))
    os.makedirs(folder, exist_ok=True)
    try:
        rows = measure(args, folder, "here")
        for kind in [kind for kind in args.loop.split(",") if kind]:
            rows += mounted(args, kind, folder)
    finally:
        if not args.folder:
            shutil.rmtree(folder)
    print("| where | build | wall s | CPU s | wall / full | CPU / full | wall / `cp` |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
