"""The profile's iterations: exact where they are shown, whatever a loop runs over and however it is left."""

import pytest
from test_profile import loops_of

N = 20_000
RUNS = 3

# body of a function of n; how often each run goes back to the head of its first loop, None: not known
LOOPS = {
    "range": ("for i in range(n):\n    t += i ^ 3", N),
    "range in steps": ("for i in range(n, -n, -2):\n    t += i ^ 3", N),
    "list": ("a = list(range(n))\nfor x in a:\n    t += x ^ 3", N),
    "growing list": ("a = [0]\nfor x in a:\n    if len(a) < n:\n        a.append(x + 1)", N),
    "tuple": ("for x in tuple([7] * n):\n    t += x", N),
    "dict": ("for x in dict.fromkeys(range(n)):\n    t += x & 3", N),
    "generator": ("for x in (i ^ 3 for i in range(n)):\n    t += x\n    t ^= x >> 1\n    t &= 1023", N),
    "enumerate": ("for i, x in enumerate(tuple([7] * n)):\n    t += i ^ x", N),
    "zip": ("for x, y in zip([5] * (n + 9), range(n)):\n    t += x ^ y", N),
    "while": ("while t < n:\n    t += 1", N - 1),  # CPython tests again at its end: one jump back less
    "while True": ("while True:\n    t += 1\n    if t > n:\n        break", N),
    "break": ("for i in range(n * 2):\n    if i == n:\n        break", N),
    "return": ("for i in range(n * 2):\n    if i == n:\n        return i", N),
    "continue": ("for i in range(n):\n    if i & 5 == 5:\n        continue\n    t += 1", N),
    "other types": ("for i in range(n):\n    if i > n // 2:\n        t += 0.5\n    t += i", N),
    "exceptions": (
        "for i in range(n):\n    try:\n        if i & 1023 == 1023:\n            raise ValueError\n        t += 1\n"
        "    except ValueError:\n        t -= 1",
        N,
    ),
    "other loops inside": ("for i in range(n):\n    for j in range(5):\n        t += i ^ j", N),
    "inlined callee": ("for i in range(n):\n    t += callee(i, 1.5) + callee(i, 7)", N),
    "recursive callee": ("for i in range(n):\n    t += fib(i & 3)", N),
    "memory as vectors": (
        "import array\na = array.array('d', [1.0] * n)\nfor i in range(n):\n    a[i] = a[i] * 2.0 + 1.0",
        N,
    ),
}
START = """
def callee(x, y):
    return x * y if x & 1 else y - x

def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

"""


def names_of(loops):
    """function -> its first loop"""
    return {key.partition(":")[0]: loop for key, loop in sorted(loops.items(), reverse=True)}


@pytest.fixture(scope="module")
def loops(tmp_path_factory):
    body = START
    for k, (text, _) in enumerate(LOOPS.values()):
        lines = "".join(f"    {line}\n" for line in f"t = 0\n{text}\nreturn t".splitlines())
        body += f"def f{k}(n):\n{lines}\nfor _ in range({RUNS}):\n    f{k}({N})\n"
    return names_of(loops_of(tmp_path_factory.mktemp("iterations"), body)[0])


@pytest.mark.parametrize("name", LOOPS)
def test_iterations_are_exact(loops, name):
    loop = loops[f"f{list(LOOPS).index(name)}"]
    assert loop["entries"] > 0, "it ran natively"
    assert loop["iterations"] == RUNS * LOOPS[name][1]


def test_interpreted_loops_count_too(tmp_path):
    loops, _ = loops_of(tmp_path, "def few(n):\n    for i in range(n):\n        pass\nfew(5)\nfew(6)")
    assert names_of(loops)["few"]["iterations"] == 11


def test_what_is_not_known_is_not_told(tmp_path):
    body = f"native(500)\nfor _ in range(300):\n    native(3)\nconsume({N})"
    loops, _ = loops_of(tmp_path, body)
    native = {loop["line"]: loop for loop in loops.values() if loop["function"] == "native"}
    assert native[6]["iterations"] == 500 + 300 * 3
    assert "iterations" not in native[7], "it ran inside of the native code of the loop around it"
    assert "iterations" not in names_of(loops)["generator"], "generators have no events"


def test_other_tools_stop_counting(tmp_path):
    body = "native(300)\nsys.settrace(lambda *a: None)\nnative(300)\nsys.settrace(None)\nnative(300)"
    loops, _ = loops_of(tmp_path, body)
    native = {loop["line"]: loop for loop in loops.values() if loop["function"] == "native"}
    assert native[6]["entries"] > 0 and "iterations" not in native[6]


def test_processes_are_added_up(tmp_path):
    body = "import os\nif os.fork() == 0:\n    native(700)\n    sys.exit()\nos.wait()\nnative(300)"
    loops, logs = loops_of(tmp_path, body)
    assert len(logs) == 2
    assert {loop["line"]: loop for loop in loops.values() if loop["function"] == "native"}[6]["iterations"] == 1000
