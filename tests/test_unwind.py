"""Unwinders get through native frames: backtrace() called by compiled code sees the interpreter's frames behind it, and
so do tools outside, by frame pointers."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, os, sys
import backedge

libc = ctypes.CDLL(None)
libc.backtrace.argtypes = [ctypes.c_void_p, ctypes.c_int]
frames = (ctypes.c_void_p * 500)()


def depth():
    n = libc.backtrace(frames, 500)
    return [frames[i] for i in range(n)]


seen = []


@backedge.jit(sync=1, threshold=3)
def calls(n):
    for i in range(n):
        seen.append(libc.backtrace(frames, 500))


def inside(address, ranges):
    return any(start <= address < start + size for start, size in ranges)


def ranges():
    with open(f"/tmp/perf-{os.getpid()}.map") as file:
        return [(int(a, 16), int(b, 16)) for a, b, _ in (line.split(" ", 2) for line in file)]


calls(50)
stack = frames[:seen[-1]]
native = [n for n, address in enumerate(stack) if inside(address, ranges())]
os.unlink(f"/tmp/perf-{os.getpid()}.map")
assert len(native) == 1, (native, stack)


class Info(ctypes.Structure):
    _fields_ = [(k, t) for k, t in zip(("file", "base", "name", "at"), (ctypes.c_char_p, ctypes.c_void_p) * 2)]


def name(address):
    info = Info()
    libc.dladdr(ctypes.c_void_p(address), ctypes.byref(info))
    return (info.name or b"").decode()


names = [name(address) for address in stack]
behind = names[native[0] + 1 :]
assert "Py_RunMain" in behind or "main" in behind or "__libc_start_main" in behind, names
assert len(behind) > 5, names
print(seen[-1] > seen[0])

# code that is gone is forgotten: nothing of it is left in the unwinder's list, and new code is found
for turn in range(30):
    namespace = {"seen": seen, "libc": libc, "frames": frames}
    exec("def f(n):\\n    for i in range(n):\\n        seen.append(libc.backtrace(frames, 500))", namespace)
    f = backedge.jit(sync=1, threshold=3)(namespace["f"])
    f(20)
    if turn == 0:
        first = seen[-1]
    assert seen[-1] == first
print("done")
"""


def test_backtrace_from_a_call_in_native_code(run_python):
    done = run_python(text=PROGRAM, env={"BACKEDGE_PERF": "map"})
    assert done.stdout == "True\ndone\n"


LOOP = """
import time
import backedge


@backedge.jit(sync=1, threshold=3)
def spin(a, n):
    s = u = v = w = x = y = z = 0
    t = 1.0
    for i in range(n):
        s = (s * 31 + i) & 0xFFFFFF
        u += s & 1
        v += s & 2
        w += s & 4
        x += s & 8
        y += s & 16
        z ^= s + u
        t = t * 0.99 + s
        a[i & 7] = u ^ v ^ w
    return s, t, u, v, w, x, y, z


spin([0] * 8, 100)
print("ready", flush=True)
end = time.monotonic() + 20
while time.monotonic() < end:
    spin([0] * 8, 10_000_000)
"""


def test_frame_pointers_are_kept_when_asked_for(run_python):
    text = "import backedge._core as c; c.keep_stages(8)\n" + LOOP.partition("print")[0] + (
        "(asm,) = [r['stages']['asm'] for loop in backedge.explain(spin).loops for r in loop['regions']]\n"
        "print('movq\\t%rsp, %rbp' in asm)"
    )
    assert run_python(text=text).stdout == "False\n"
    assert run_python(text=text, env={"BACKEDGE_FRAME_POINTERS": "1"}).stdout == "True\n"


@pytest.mark.timing
def test_py_spy_gets_through_native_frames(tmp_path):
    py_spy = os.path.join(os.path.dirname(sys.executable), "py-spy")
    if not os.path.exists(py_spy):
        pytest.skip("no py-spy")
    (tmp_path / "spin.py").write_text(LOOP)
    command, env = [sys.executable, tmp_path / "spin.py"], {**os.environ, "BACKEDGE_FRAME_POINTERS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as program:
        try:
            assert program.stdout.readline() == "ready\n"
            for _ in range(50):
                look = [py_spy, "dump", "--native", "--pid", str(program.pid)]
                done = subprocess.run(look, capture_output=True, text=True)
                if "ermission" in done.stderr:
                    pytest.skip(done.stderr)
                lines = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("    ")]
                if lines and lines[0].startswith("0x"):
                    break
        finally:
            program.kill()
    assert lines[1:3] == ["bk_py_enter", "run_native"] and lines[-2] == "<module>", done.stdout
