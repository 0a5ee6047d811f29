"""gdb and native code: its interface for compiled code, and gdb itself where there is one."""

import os
import re
import shutil
import subprocess
import sys

import pytest

PROGRAM = """\
import ctypes
import backedge

pause = ctypes.CDLL(None).getppid


def mix(x, y):
    z = x * 31
    return (z + y) & 0xFFFFFF


@backedge.jit(sync=1)
def hot(n):
    s = 0
    for i in range(n):
        s = mix(s, i)
        if s % 3 == 0:
            s += i ^ 5
        pause()
    return s


hot(1000)
hot(2000)
print("ended")
"""


def gdb(folder, *commands):
    if not shutil.which("gdb"):
        pytest.skip("there is no gdb")
    (folder / "g.py").write_text(PROGRAM)
    settings = ("pagination off", "breakpoint pending on", "print frame-arguments none", "style enabled off")
    options = [word for command in [*(f"set {s}" for s in settings), *commands] for word in ("-ex", command)]
    done = subprocess.run(
        ["gdb", "-nx", "-q", "-batch", *options, "--args", sys.executable, "-P", "g.py"],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "BACKEDGE_GDB": "1"},
        timeout=300,
    )
    if "ptrace" in done.stderr:
        pytest.skip("gdb may not trace here")
    return done.stdout


def test_breakpoint_and_steps_by_source_line(tmp_path):
    shown = gdb(tmp_path, "break g.py:17", "run", *["next"] * 6, "step", "backtrace 3")
    assert re.search(r"^Breakpoint 1, hot \(\) at .*g\.py:17$", shown, re.M), shown
    steps = re.findall(r"^(\d+)\t *(.*)$", shown, re.M)
    assert steps[0] == ("17", "if s % 3 == 0:")
    assert {line for line, _ in steps} <= {"8", "9", "15", "16", "17", "18", "19"} and len({*steps}) >= 4, steps
    assert ("16", "s = mix(s, i)") in steps or ("8", "z = x * 31") in steps


def test_backtrace_through_native_code(tmp_path):
    shown = gdb(tmp_path, "break g.py:17", "run", "delete", "break getppid", "continue", "backtrace", "continue 100000")
    frames = re.findall(r"^#\d+ .*$", shown, re.M)
    native = [n for n, frame in enumerate(frames) if re.search(r"\bhot \(\) at .*g\.py:19$", frame)]
    assert len(native) == 1, shown
    assert "getppid" in frames[0]
    assert any("PyEval" in frame for frame in frames[native[0] + 1 :]) and "main" in "".join(frames[-3:])
    assert "ended" in shown


def test_inlined_frames(tmp_path):
    shown = gdb(tmp_path, "break g.py:8", "run", "backtrace 3")
    assert re.search(r"^#0 .*mix \(.*\) at .*g\.py:8$", shown, re.M), shown
    assert re.search(r"^#1 .*hot \(\) at .*g\.py:16$", shown, re.M), shown


LIST = """
import ctypes, glob, gc, os
import backedge

class Entry(ctypes.Structure):
    pass
Entry._fields_ = [("next", ctypes.POINTER(Entry)), ("previous", ctypes.POINTER(Entry)),
                  ("object", ctypes.c_void_p), ("size", ctypes.c_uint64)]
class Descriptor(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("action", ctypes.c_uint32),
                ("changed", ctypes.POINTER(Entry)), ("first", ctypes.POINTER(Entry))]

def entries():
    (path,) = glob.glob(os.path.join(os.path.dirname(backedge.__file__), "_backedge_llvm*.so"))
    descriptor = Descriptor.in_dll(ctypes.CDLL(path), "__jit_debug_descriptor")
    assert descriptor.version == 1 and descriptor.action == 0
    e, found, before = descriptor.first, [], None
    while e:
        assert bool(e.contents.previous) == (before is not None)
        assert ctypes.string_at(e.contents.object, 4) == b"\\x7fELF" and e.contents.size > 500
        found.append(ctypes.addressof(e.contents))
        before, e = e, e.contents.next
    return found

def make():
    namespace = {}
    exec("def f(n):\\n    s = 0\\n    for i in range(n):\\n        s += i\\n    return s", namespace)
    f = backedge.jit(sync=1)(namespace["f"])
    f(5000)
    return f

functions = [make() for _ in range(5)]
print(len(entries()))
del functions[2]
gc.collect()
print(len(entries()))
functions.clear()
gc.collect()
print(len(entries()))
make()
"""


def test_the_list_of_objects(run_python):
    assert run_python(text=LIST, env={"BACKEDGE_GDB": "1"}).stdout == "5\n4\n0\n"
    assert run_python(text=LIST).stdout == "0\n0\n0\n"
