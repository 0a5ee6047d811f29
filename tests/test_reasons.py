"""Every guard kind and abort reason: a program that produces it."""

import re

import pytest
from test_run import python

from backedge import _core

HEAD = """
import sys, math, backedge
from backedge import _core
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
}

ABORTS = {
    "GENERATOR": "def g(n):\n    for i in range(n): yield i\nlist(g(500))\n",
    "EXPRESSION": "for i in range(500): pass\nclass A:\n    for i in range(500): pass\n",
    "TOO_BIG": (loop("s += x * 3 + (x >> 1) - (x ^ 5)", "[1] * 500", "[1]"), {"BACKEDGE_REGION_INSNS": "16"}),
    "NOT_CHOSEN": (loop("s += x", "[1] * 500", "[1]"), {"BACKEDGE_ONLY": "/dev/null"}),
    "CODE_MEMORY": (
        "\n".join(f"def f{k}(n):\n    s = 0\n    for i in range(n): s += i * {k}\nf{k}(500)" for k in range(200)),
        {"BACKEDGE_CODE_KIB": "16"},
    ),
    "NONE": "def f():\n    for i in range(3): pass\nf()\n",
}

# Names for which no program is here yet: each is a gap, not a licence.
GUARDS_WITHOUT = set(
    "callee destructor hoisted invalid locals memory none nyi range recursion stress unseen value".split()
)
ABORTS_WITHOUT = set(
    "BACKEND CALLS COLD HANDLER INVALIDATED LEAVES_EARLY MEMORY NO_LOOP NYI_FIRST RECOMPILES TOOL TOO_MANY_VERSIONS "
    "UNSEEN VERIFY".split()
)


def found(tmp_path, program):
    text, env = program if isinstance(program, tuple) else (program, {})
    (tmp_path / "p.py").write_text(HEAD + text + TAIL)
    env = {"BACKEDGE_FIXED_ORDER": "1", **env}
    done = python("-m", "backedge", "run", "p.py", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    return {m[1]: set(m[2].split()) for m in re.finditer(r"^(kinds|aborts):(.*)$", done.stdout, re.M)}


@pytest.mark.parametrize("kind", GUARDS)
def test_guard(tmp_path, kind):
    if "np." in GUARDS[kind]:
        pytest.importorskip("numpy")
    assert kind in found(tmp_path, GUARDS[kind])["kinds"]


@pytest.mark.parametrize("name", ABORTS)
def test_abort(tmp_path, name):
    assert name in found(tmp_path, ABORTS[name])["aborts"]


def test_all_are_accounted_for():
    assert set(_core.guard_kinds()) == {*GUARDS, *GUARDS_WITHOUT}
    assert set(_core.abort_reasons()) == {*ABORTS, *ABORTS_WITHOUT}
