"""Unwinders get through native frames: backtrace() called by compiled code sees the interpreter's frames behind it."""

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
