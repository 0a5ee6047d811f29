"""NumPy scalars and array elements, operation by operation: every pair of types with its edge cases."""

import itertools
import random

import numpy as np
import pytest
from diff.harness import check_source

import backedge

DTYPES = "? i1 u1 i2 u2 i4 u4 i8 u8 f4 f8 F D".split()
PYTHON = {
    "bool": [True, False],
    "int": [0, 1, 2, 3, 5, 7, -1, -3, 100, 127, 300, -129, 2**31, 2**40, -(2**62), 2**63 - 1, -(2**63)],
    "float": [
        0.5,
        1.5,
        -2.25,
        3.0,
        1e3,
        -0.0,
        7.1,
        127.9,
        -128.9,
        1e30,
        1e300,
        1e39,
        9.3e18,
        float("inf"),
        float("nan"),
    ],
    "complex": [1j, 2 + 1j, -1.5 - 0.25j],
}
ARITHMETIC = ["+", "-", "*", "/", "//", "%", "**", "&", "|", "^", "<<", ">>"]
COMPARISON = ["<", "<=", "==", "!=", ">", ">="]
PAIRS = [
    ("f8", "f8"),
    ("f8", "float"),
    ("int", "f8"),
    ("f8", "i8"),
    ("f4", "f4"),
    ("f4", "float"),
    ("f4", "i2"),
    ("i8", "i8"),
    ("i8", "int"),
    ("int", "i4"),
    ("i4", "u4"),
    ("u8", "u8"),
    ("u8", "i8"),
    ("i1", "i1"),
    ("u1", "int"),
    ("i8", "float"),
    ("?", "?"),
    ("?", "i8"),
    ("D", "D"),
    ("D", "complex"),
    ("F", "float"),
]


def values(kind, seed=1, n=60):
    """Small numbers first, on which most operations neither warn nor raise, then the edges of the type."""
    if kind in PYTHON:
        pool = PYTHON[kind]
        return [pool[i % min(5, len(pool))] for i in range(n - len(pool))] + pool
    rng = np.random.default_rng(seed)
    dtype = np.dtype(kind)
    if dtype.kind == "b":
        return rng.integers(0, 2, n).astype(dtype)
    if dtype.kind in "iu":
        a = rng.integers(1, 9, n).astype(dtype)
        info = np.iinfo(dtype)
        a[40:] = rng.choice(np.array([info.min, info.max, 0, 1, info.max // 2, info.max - 1], dtype), n - 40)
        if dtype.kind == "i":
            a[5::7] *= -1
        return a
    big = 1e38 if dtype.char in "fF" else 1e308
    edges = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, big, 1 / big, 2.0, 1.0])
    a = rng.normal(size=n) * 10
    if dtype.kind == "c":
        a = a + 1j * rng.normal(size=n)
    a[45:] = rng.choice(edges, n - 45)
    with np.errstate(all="ignore"):
        return a.astype(dtype)


def check_operator(s, op, t):
    source = f"""
        def run(a, b):
            out = []
            for i in range(len(a)):
                x = a[i]
                y = b[i]
                out.append(x {op} y)
            return out
    """
    a, b = values(s), values(t, 2)
    check_source(source, args=((a, b), (a[:40], b[:40])), compiled=False, rounds=2)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("op", ARITHMETIC + COMPARISON)
@pytest.mark.parametrize("s, t", PAIRS)
def test_operator(s, t, op):
    check_operator(s, op, t)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("op", ARITHMETIC + COMPARISON)
def test_operator_on_other_pairs(op):
    kinds = [*DTYPES, "q", "Q", *PYTHON]
    pairs = [p for p in itertools.product(kinds, kinds) if not (p[0] in PYTHON and p[1] in PYTHON)]
    for s, t in random.Random(op).sample(pairs, 60):
        check_operator(s, op, t)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "op", ["-x", "~x", "abs(x)", "not x", "bool(x)", "int(x)", "float(x)", "round(x)", "x if x else 0"]
)
@pytest.mark.parametrize("kind", DTYPES)
def test_unary(kind, op):
    source = f"""
        def run(a):
            out = []
            for i in range(len(a)):
                x = a[i]
                out.append({op})
            return out
    """
    a = values(kind)
    args = [(a[:40],), *((np.append(a[:30], x).astype(kind),) for x in np.unique(a[40:]))]
    check_source(source, args=args, compiled=False, rounds=1)


CALLED = """
    import numpy as np

    def run(a):
        out = []
        for i in range(len(a)):
            x = a[i]
            out.append({call})
        return out
"""


def check_call(call, kind):
    a = values(kind)
    usual = [a[i] for i in range(20)]
    edges = PYTHON[kind] if kind in PYTHON else list(np.unique(a[40:]))
    args = [(usual,), *((usual + [x] + usual,) for x in edges)]
    check_source(CALLED.format(call=call), args=args, compiled=False, rounds=1)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["f8", "f4", "i8", "i2", "u1", "u8", "?", "D", "int", "float", "bool"])
@pytest.mark.parametrize("target", DTYPES)
def test_scalar_type(target, kind):
    check_call(f"(np.dtype('{target}').type(x), np.{np.dtype(target).type.__name__}(x))", kind)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [*DTYPES, *PYTHON])
@pytest.mark.parametrize(
    "name", "sqrt floor ceil trunc rint fabs absolute isnan isinf isfinite minimum maximum".split()
)
def test_ufunc_of_scalars(name, kind):
    if name in ("minimum", "maximum"):
        for other in ("a[-1 - i]", "1", "2.5", "np.float64(1.5)", "np.int16(3)"):
            check_call(f"np.{name}(x, {other})", kind)
    else:
        check_call(f"np.{name}(x)", kind)


@pytest.mark.parametrize("kind", ["f8", "f4"])
@pytest.mark.parametrize("call", ["np.sqrt(x)", "np.float32(x)", "np.abs(x)", "np.maximum(x, x)", "np.int64(x)"])
def test_no_boxes_in_calls(call, kind):
    trace = trace_of(
        f"def run(a):\n    for i in range(len(a)):\n        x = a[i]\n        y = {call}\n", np.full(40, 3, kind)
    )
    for residual in ("call(", "arg_set", "box_np"):
        assert residual not in trace


STORE = """
    def run(out, b):
        for i in range(len(b)):
            out[i] = b[i]
        return out
"""


@pytest.mark.stress
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("source", [*DTYPES, *PYTHON])
@pytest.mark.parametrize("target", DTYPES)
def test_store(target, source):
    b = values(source)
    usual = list(b[:3]) if source in PYTHON else list(b[:20])
    edges = PYTHON[source] if source in PYTHON else [b[40 + i] for i in range(20)]

    def fresh(items):
        return lambda: (np.zeros(len(items), target), items)

    args = [fresh(b), *(fresh(usual * 10 + [x] + usual) for x in edges[:: 1 if source in PYTHON else 4])]
    check_source(STORE, args=args, compiled=False, rounds=1)


def strided():
    base = np.arange(2 * 3 * 4 * 5 * 4.0)
    yield "contiguous", base.reshape(20, 24)
    yield "fortran", np.asfortranarray(base.reshape(20, 24))
    yield "every second column", base.reshape(20, 24)[:, ::2]
    yield "backwards", base.reshape(20, 24)[::-1, ::-1]
    yield "transposed", base.reshape(20, 24).T
    yield "one value", np.broadcast_to(np.float64(2.5), (20, 24))
    yield "one row", base.reshape(1, -1)
    yield "one column", base.reshape(-1, 1)


@pytest.mark.stress
@pytest.mark.parametrize("name, a", list(strided()), ids=lambda x: x if isinstance(x, str) else "")
@pytest.mark.parametrize("index", ["i, j", "-1 - i, j", "i, -1 - j", "i, -1", "0, j", "-1, -1", "i - 1, j - 1"])
def test_two_indices(name, a, index):
    source = f"""
        def run(a):
            s = 0.0
            n, m = a.shape
            for i in range(n):
                for j in range(m):
                    s = s * 0.5 + a[{index}]
            return s, type(s)
    """
    check_source(source, args=((a,), (a.astype("f4"),), (a.astype("i2"),)), compiled=False)


@pytest.mark.stress
@pytest.mark.parametrize("index", ["i, j, k", "k, j, i", "-1 - i, j, -1 - k", "(i, j, 1)"])
def test_three_indices(index):
    source = f"""
        def run(a, out):
            for i in range(4):
                for j in range(4):
                    for k in range(4):
                        out[{index}] = a[{index}] * 2 + out[{index}]
            return out, a.size, a.ndim, a.shape
    """
    a = np.arange(64).reshape(4, 4, 4)
    check_source(
        source,
        args=(
            lambda: (a * 0.5, np.ones((4, 4, 4))),
            lambda: (a.T * 1j, np.ones((4, 4, 8), "c16")[:, :, ::2]),
            lambda: (a, np.ones((4, 4, 4), "i4", order="F")),
        ),
        compiled=False,
    )


@pytest.mark.stress
@pytest.mark.parametrize(
    "bad", [60, -61, 2**40, np.int64(60), np.uint64(2**63), True, None, 1.0, (1,), (1, 2), slice(2), "x", [1]], ids=repr
)
@pytest.mark.parametrize("store", [False, True])
def test_index_late(bad, store):
    source = f"""
        def run(a, keys):
            s = []
            for k in keys:
                {"a[k] = len(s)" if store else "s.append(a[k])"}
            return a, s
    """
    for usual in (7, -3, np.int64(5), np.uint8(6)):
        check_source(source, args=(lambda u=usual: (np.arange(60.0), [u] * 30 + [bad] + [u] * 5),), compiled=False)


def test_read_only_late():
    source = """
        def run(a, n):
            for i in range(len(a)):
                if i == n:
                    a.flags.writeable = False
                a[i] = i
    """
    check_source(source, args=(lambda: (np.zeros(50), 40), lambda: (np.zeros(50), 99)), compiled=False)


def test_array_changes_shape_inside():
    source = """
        def run(a):
            s = 0.0
            for i in range(40):
                s += a[i % 4]
                if i == 30:
                    a.resize((2, 2), refcheck=False)
            return s
    """
    check_source(source, args=(lambda: (np.arange(8.0),),), compiled=False)


def trace_of(source, *args):
    """The IR that a loop was built to."""
    namespace = {"np": np}
    exec(source, namespace)
    f = backedge.jit(namespace["run"], sync=1, threshold=3)
    backedge._core.keep_stages(1)
    try:
        f(*args)
        loops = [x for x in backedge.explain(f).loops if x.get("stages")]
        assert loops, backedge.explain(f)
        return "\n".join(loop["stages"]["trace"] for loop in loops)
    finally:
        backedge._core.keep_stages(0)


@pytest.mark.parametrize("op", ["+", "-", "*", "/", "<", "=="])
@pytest.mark.parametrize(
    "s, t", [("f8", "f8"), ("f4", "f4"), ("i8", "i8"), ("i2", "u1"), ("u8", "u8"), ("f8", "i4"), ("f4", "f8")]
)
def test_no_boxes_in_arithmetic(s, t, op):
    trace = trace_of(
        f"def run(a, b):\n    for i in range(len(a)):\n        x = a[i] {op} b[i]\n",
        np.full(40, 3, s),
        np.full(40, 2, t),
    )
    for call in ("binary_op(", "compare(", "getitem(", "box_np"):
        assert call not in trace


@pytest.mark.parametrize(
    "target, value", [("f8", 1.5), ("f8", 2), ("f4", 1.5), ("i8", 3), ("u1", 3), ("c16", 1j), ("?", True), ("i4", 2.0)]
)
def test_no_boxes_in_stores(target, value):
    trace = trace_of("def run(a, x):\n    for i in range(len(a)):\n        a[i] = x\n", np.zeros(40, target), value)
    assert "setitem(" not in trace
