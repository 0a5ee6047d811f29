"""Every guard kind and abort reason: a program that produces it."""

import os
import re
import shutil
import sys

import pytest
from test_run import PACKAGE, python

from backedge import _core, _model, _profile

HEAD = """
import sys, math, backedge
from backedge import _core, _model, _profile
try:
    import numpy as np
except ImportError:
    np = None
"""

# what `kinds()` finds of exits that were taken, in all functions of the program
TAIL = """
_core.drain()
loops = [loop for code in _core.codes() for loop in _core.explain(code)["loops"]
         if code.co_filename == __file__]
print("kinds:", *sorted({e["kind"] for loop in loops for e in loop["exits"] if e["count"]}))
print("listed:", *sorted({e["kind"] for loop in loops for e in loop["exits"]}))
print("aborts:", *sorted({loop["abort"] for loop in loops if loop["abort"]}))
"""

LOOP = "def f(xs):\n    s = 0\n    for x in xs:\n        {}\n    return s\n"


def loop(body, many, then):
    """A loop over `many`, compiled, then run over `then`."""
    call = f"for _ in range(4): f({many})\ntry:\n    f({then})\nexcept Exception as e:\n    print(type(e).__name__)\n"
    return LOOP.format(body) + call


GUARDS = {
    "type": loop("s = s + x", "[1] * 500", "[1] * 50 + [0.5]"),
    "overflow": loop("s = s + x", "[1] * 500", "[2**62] * 5"),
    "zero-div": loop("s = 100 // x", "[1] * 500", "[1] * 50 + [0]"),
    "bounds": "t = [1] * 10\n" + loop("s += t[x]", "[1] * 500", "[1] * 50 + [99]"),
    "domain": loop("s = math.sqrt(x)", "[1.5] * 500", "[1.5] * 50 + [-1.0]"),
    "branch": loop("s += 1 if x else 2", "[1] * 500", "[1] * 50 + [0]"),
    "exception": loop("s += float.fromhex(x)", "['1'] * 500", "['1'] * 50 + ['x']"),
    "return": "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\nfor _ in range(9): fib(15)\n",
    "loop-end": loop("s += x", "[1] * 500", "[1] * 50"),
    "poll": """
import threading
sys.setswitchinterval(1e-5)
stop = []
def other():
    while not stop:
        pass
def f(n):
    s = 0
    for i in range(n):
        s += i & 3
    return s
f(5000)
thread = threading.Thread(target=other)
thread.start()
for _ in range(300):  # until the other thread had its turn
    f(20000000)
    if any(e["kind"] == "poll" and e["count"] for e in backedge.explain(f).loops[0]["exits"]):
        break
stop.append(1)
thread.join()
""",
    "size": loop("a, b = x\n        s += a", "[[1, 2]] * 500", "[[1, 2]] * 50 + [[1, 2, 3]]"),
    "unbound": "class A:\n    pass\na = A(); a.x = 1\nb = A(); b.x = 1; del b.x\n"
    + loop("s += x.x", "[a] * 500", "[a] * 50 + [b]"),
    "layout": "class A:\n    pass\na = A(); a.x = 1\nb = A(); b.__dict__; b.__dict__ = {'x': 2}\n"
    + loop("s += x.x", "[a] * 500", "[a] * 50 + [b]"),
    "array": "def f(a):\n    s = 0\n    for r in a:\n        for i in range(len(r)): s += r[i]\n    return s\n"
    + "x = np.ones(100)\nfor _ in range(4): f([x] * 9)\nf([x] * 5 + [np.ones(100, dtype='f4')])\n",
    "fp-warning": "def f(a, k):\n    for i in range(len(a)):\n        a[i] = a[i] * k\n"
    + "x = np.ones(400)\nfor _ in range(4): f(x, 1.0)\nx[300] = 1e300\nnp.seterr(all='ignore')\nf(x, 1e300)\n",
    "last-ref": """
class D:
    def __del__(self):
        pass
def f(xs):
    n = 0
    while xs:
        x = xs.pop()
        n += 1
    return n
k = D()
for _ in range(4):
    f([k] * 500)
f([k] * 50 + [D()] + [k] * 50)
""",
    "range": "t = bytearray(300)\n" + loop("t[1] = x", "[1] * 500", "[1] * 50 + [300]"),
    "value": loop("s += x(1)", "[lambda k: k] * 500", "[lambda k: k] * 50 + [lambda k: k + 1]"),
    "memory": """
import resource
def f(xs, into):
    for x in xs:
        into.append(x)
for _ in range(4):
    f([1] * 500, [])
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (1 << 27), resource.RLIM_INFINITY))
try:
    f([1] * 8_000_000, [0] * 6_000_000)
except MemoryError:
    pass
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
""",
    "destructor": """
class D:
    def __del__(self):
        pass
class E:
    pass
def f(xs):
    n = 0
    while xs:
        x = xs.pop()
        n += 1
    return n
for _ in range(40):
    f([E() for _ in range(500)])
f([D() for _ in range(50)])
""",
    "invalid": """
k = 1
class Index:
    def __init__(self, k):
        self.k = k
    def __index__(self):
        global k
        if self.k > 1:
            k = self.k
        return 1
def f(xs):
    s = 0
    for x in xs:
        s += k + int(x)
    return s
for _ in range(4):
    f([Index(1)] * 500)
f([Index(1)] * 50 + [Index(2)] * 2)
""",
    "nyi": """
def f(xs):
    global q
    s = 0
    for x in xs:
        s += x
        if s > 7:
            q = s
            del q
    return s
for _ in range(400):
    f([1] * 9)
""",
    "recursion": """
def f(n):
    return 0 if n == 0 else 1 + f(n - 1)
for _ in range(2000):
    f(20)
try:
    f(5000)
except RecursionError:
    pass
""",
    # what is counted is the guard that failed in the callee; the call has an exit of its own
    "callee": "def f(n, t): return t[n] if n < 2 else f(n - 1, t) + f(n - 2, t)\n"
    "for _ in range(99): f(15, [1, 1])\nf(15, [1, 2.5])\n",
}
if sys.version_info >= (3, 13):  # where a frame's f_locals writes through
    LOOK = "def look(x):\n    if x > 1: sys._getframe(1).f_locals['s'] = 5\n    return 1\nalias = look\n"
    GUARDS["locals"] = LOOK + loop("s += len(list(map(alias, [x])))", "[1] * 500", "[1] * 50 + [2] * 2")
LISTED_ONLY = {"callee"}
NO_PROGRAM = {"locals"} if sys.version_info < (3, 13) else set()

INLINED = """
import operator
class Index:
    def __index__(self):
        return 1
index = Index()
def g(x):
    return operator.index(index)
def f(n):
    s = 0
    for i in range(n):
"""

ABORTS = {
    "GENERATOR": "def g(n):\n    for i in range(n): yield i\nlist(g(500))\n",
    "EXPRESSION": "for i in range(500): pass\nclass A:\n    for i in range(500): pass\n",
    "TOO_BIG": (loop("s += x * 3 + (x >> 1) - (x ^ 5)", "[1] * 500", "[1]"), {"BACKEDGE_REGION_INSNS": "16"}),
    "BUDGET": (  # each of three attempts is within it
        "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\nfor _ in range(99): fib(12)\n",
        {"BACKEDGE_BUILD_INSNS": "80"},
    ),
    "NOT_CHOSEN": (loop("s += x", "[1] * 500", "[1]"), {"BACKEDGE_ONLY": "/dev/null"}),
    "CODE_MEMORY": (
        "\n".join(f"def f{k}(n):\n    s = 0\n    for i in range(n): s += i * {k}\nf{k}(500)" for k in range(200)),
        {"BACKEDGE_CODE_KIB": "16"},
    ),
    "CALLS": "def f(n, *more): return n if n < 2 else f(n - 1, *more) + f(n - 2)\nfor _ in range(99): f(12)\n",
    "INVALIDATED": (  # the worker compiles at least one of these while the loop runs to its end
        "".join(
            f"k{i} = 1\n{LOOP.format(f's += x * k{i}; ' * 100)}f([1] * {100 * i})\nk{i} = 2\n" for i in range(1, 16)
        ),
        {"BACKEDGE_FIXED_ORDER": "0", "BACKEDGE_WORTH": "0", "BACKEDGE_COMPILE_PERCENT": "100"},
    ),
    "LEAVES_EARLY": (
        "def f(xs):\n    global q\n    q = s = 0\n    for x in xs:\n        s += x\n        if x > 7: del q\n"
        "for _ in range(40): f([1] * 500 + [9])\nfor _ in range(4000):\n    f([0, 9])\n    f([0, 1])\n",
        {"BACKEDGE_FIXED_ORDER": "0", "BACKEDGE_SYNC": "1"},  # the clock tells how long it stayed
    ),
    "MEMORY": (loop("s += x", "[1] * 500", "[1]"), {"BACKEDGE_STRESS": "memory"}),
    "TOO_MANY_VERSIONS": INLINED + "        s += g(i)\n" * 60 + "for _ in range(4): f(1000)\n",
    "TOOL": LOOP.format("s += x") + "f([1])\nsys.settrace(lambda *event: None)\nf([1] * 500)\n",
    "VERIFY": (loop("s += x", "[1] * 500", "[1]"), {"BACKEDGE_STRESS": "verify"}),
    "BACKEND": (loop("s += x", "[1] * 500", "[1]"), {"PYTHONPATH": "."}),  # a package without its code generator
    "NO_GAIN": (
        """
import time
def f(xs, call):
    for x in xs: call(x)
end = time.monotonic() + 60
while time.monotonic() < end and not any(l["abort"] == "NO_GAIN" for l in _core.explain(f.__code__)["loops"]):
    f([1] * 50000, repr)
""",
        {"BACKEDGE_FIXED_ORDER": "0", "BACKEDGE_STRESS": "loss"},
    ),
    "OVER_GENERATOR": "def f(n):\n    s = 0\n    for i in (x for x in range(n)): s += i\n    return s\nf(500)\n",
    "NONE": "def f():\n    for i in range(3): pass\nf()\n",
}

def found(tmp_path, program):
    text, env = program if isinstance(program, tuple) else (program, {})
    (tmp_path / "p.py").write_text(HEAD + text + TAIL)
    env = {"BACKEDGE_FIXED_ORDER": "1", **env}
    done = python("-m", "backedge", "run", "p.py", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    return {m[1]: set(m[2].split()) for m in re.finditer(r"^(kinds|listed|aborts):(.*)$", done.stdout, re.M)}


def test_the_table_of_guards():
    assert set(_core.guard_kinds()) == {*GUARDS, *NO_PROGRAM}


@pytest.mark.parametrize("kind", GUARDS)
def test_guard(tmp_path, kind):
    if "np." in GUARDS[kind]:
        pytest.importorskip("numpy")
    seen = found(tmp_path, GUARDS[kind])
    assert kind in seen["listed" if kind in LISTED_ONLY else "kinds"]
    assert "none" not in seen["listed"]  # whatever leaves has a reason


def test_the_table_of_aborts():
    assert set(_core.abort_reasons()) == set(ABORTS)


@pytest.mark.parametrize("name", ABORTS)
def test_abort(tmp_path, name):
    if name == "BACKEND":
        shutil.copytree(
            os.path.join(PACKAGE, "backedge"), tmp_path / "backedge", ignore=shutil.ignore_patterns("*llvm*", "*.p")
        )
    assert name in found(tmp_path, ABORTS[name])["aborts"]


def test_a_reason_has_its_column(tmp_path):
    body = 'ü = "ü"; s += len(ü); del q; q = 1'
    (tmp_path / "p.py").write_text(
        f"def f(xs):\n    global q\n    q = s = 0\n    for x in xs:\n        {body}\n        if x > 7: del q\n"
        "for _ in range(40): f([1] * 500 + [9])\nfor _ in range(4000):\n    f([0, 9])\n    f([0, 1])\n"
    )
    env = {"BACKEDGE_SYNC": "1", "BACKEDGE_LOG": "log"}
    done = python("-m", "backedge", "run", "p.py", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    (log,) = [_model.read_log(tmp_path / "log")]
    (loop,) = [loop for loop in log.of("loop") if loop["abort"] == "LEAVES_EARLY"]
    column = 9 + body.index("q")  # of what is deleted
    assert (loop["reason_line"], loop["reason_column"]) == (5, column + 3)  # in bytes: three ü before it
    assert _profile._reason_text(loop).startswith(f"5:{column} ")
