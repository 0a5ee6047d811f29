"""./dev demo: two plain Python programs, as they are and decorated with @backedge.jit."""

import importlib.util
import os
import subprocess
import sys
import time
import types

import numpy as np
from PIL import Image

import backedge

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(os.path.dirname(HERE), "demo-out")
sys.path.insert(0, HERE)

from bilateral import bilateral  # noqa: E402
from primes import primes  # noqa: E402


def photograph(width):
    """scikit-learn's china.jpg as three planes of floats, without importing scikit-learn."""
    package = importlib.util.find_spec("sklearn").submodule_search_locations[0]
    image = Image.open(os.path.join(package, "datasets", "images", "china.jpg")).convert("RGB")
    image = image.resize((width, image.height * width // image.width), Image.LANCZOS)
    return [np.asarray(plane, dtype=np.float64) / 255.0 for plane in image.split()]


def save(planes, name):
    pixels = np.stack([np.clip(p * 255.0 + 0.5, 0, 255).astype(np.uint8) for p in planes], axis=-1)
    path = os.path.join(OUT, name)
    Image.fromarray(pixels).save(path)
    return path


def plain_copy(func):
    """The same function with code of its own, so that decorating one leaves the other alone."""
    return types.FunctionType(func.__code__.replace(), func.__globals__, func.__name__, func.__defaults__)


def timed(call):
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def show(name, plain, first, steady, same):
    print(
        f"{name:<28} plain {plain:8.3f} s   first call {first:7.3f} s   steady {steady:8.4f} s   "
        f"{plain / steady:6.1f} x   {'bit-identical' if same else 'DIFFERENT RESULT'}",
        flush=True,
    )
    return same


def filter_photograph(width):
    planes = photograph(width)
    print(f"photograph: {planes[0].shape[1]} x {planes[0].shape[0]} pixels, 3 colours; filter over 7 x 7 neighbours")
    filtered = plain_copy(bilateral)
    jitted = backedge.jit(bilateral)

    def run(func):
        outs = [np.zeros_like(p) for p in planes]
        for plane, out in zip(planes, outs, strict=True):
            func(plane, out, 3, 2.0, 0.15)
        return outs

    plain, want = timed(lambda: run(filtered))
    first, got = timed(lambda: run(jitted))
    same = all(a.tobytes() == b.tobytes() for a, b in zip(want, got, strict=True))
    backedge._core.drain() if backedge._core else None
    runs = [timed(lambda: run(jitted)) for _ in range(3)]
    steady = min(t for t, _ in runs)
    same = same and all(a.tobytes() == b.tobytes() for _, outs in runs for a, b in zip(want, outs, strict=True))
    ok = show("bilateral filter", plain, first, steady, same)
    print("pictures:", save(planes, "before.png"), save(got, "after.png"))
    return ok


def count_primes(n):
    reference, jitted = plain_copy(primes), backedge.jit(primes)
    plain, want = timed(lambda: reference(n))
    first, got = timed(lambda: jitted(n))
    backedge._core.drain() if backedge._core else None
    steady, again = min(timed(lambda: jitted(n)) for _ in range(5))
    return show(f"primes below {n:,}", plain, first, steady, want == got == again)


def write_dump(path):
    """A trace dump of both programs, made in a process of its own: keeping the texts costs time."""
    command = [sys.executable, "-P", "-m", "backedge", "dump", "--stage=bytecode,trace,opt,llvm,asm", "-o", path]
    subprocess.run([*command, os.path.abspath(__file__), "--for-dump"], check=True)
    print(f"dump of all stages: {path}")


def main():
    if sys.argv[1:] == ["--for-dump"]:
        plane = photograph(60)[0]
        for _ in range(3):
            backedge.jit(bilateral)(plane, np.zeros_like(plane), 3, 2.0, 0.15)
            backedge.jit(primes)(20_000)
        return 0
    os.makedirs(OUT, exist_ok=True)
    ok = filter_photograph(int(sys.argv[1]) if len(sys.argv) > 1 else 160)
    ok = count_primes(200_000) and ok
    write_dump(os.path.join(OUT, "dump.txt"))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
