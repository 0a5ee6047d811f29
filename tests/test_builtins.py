"""Known builtins, math functions and methods: every kind of argument with its edge cases."""

import itertools
import math
import warnings

import numpy as np
import pytest
from diff.harness import check_source

import backedge

INF, NAN = math.inf, math.nan
FLOATS = [
    0.5,
    1.5,
    2.5,
    -0.5,
    -1.5,
    3.7,
    -3.7,
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.3,
    1e-320,
    1e15 + 0.5,
    4503599627370497.5,
    2.0**53,
    1e18,
    -9.3e18,
    9.3e18,
    1e308,
    709.0,
    710.0,
    -745.0,
    INF,
    -INF,
    NAN,
    0.9999999,
    26.0,
    -1.0000001,
]
INTS = [0, 1, 2, 3, -1, -7, 10, 63, 255, -(2**31), 2**53 + 1, 2**62, -(2**63), 2**63 - 1, 2**63, 2**64 + 1, -(2**70)]
KINDS = {
    "float": FLOATS,
    "int": INTS,
    "bool": [True, False, True],
    "float64": [np.float64(x) for x in FLOATS],
    "float32": [np.float32(x) for x in FLOATS[:18]],
    "int64": [np.int64(x) for x in INTS if -(2**63) <= x < 2**63],
    "uint64": [np.uint64(x) for x in INTS if 0 <= x < 2**64],
    "int8": [np.int8(x) for x in (0, 1, -1, 127, -128, 5)],
    "bool_": [np.True_, np.False_],
    "complex": [1j, 2 + 3j, complex(NAN, -0.0)],
    "str": ["a", "Z", "\xe9", "", "ab", "0", "\u20ac"],
}
NUMBERS = [k for k in KINDS if k not in ("complex", "str")]
MATH = (
    "sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh exp exp2 expm1 log log2 log10 log1p cbrt "
    "erf erfc sqrt fabs floor ceil trunc isnan isinf isfinite degrees radians isqrt"
).split()
GENERAL = [
    "abs(x)",
    "round(x)",
    "int(x)",
    "float(x)",
    "bool(x)",
    "ord(x)",
    "type(x)",
    "isinstance(x, int)",
    "isinstance(x, float)",
    "isinstance(x, (int, float))",
    "isinstance(x, (str, bytes))",
    "isinstance(x, bool)",
    "isinstance(x, object)",
    "isinstance(x, np.float64)",
    "isinstance(x, np.floating)",
    "x.bit_length()",
    "x.bit_count()",
    "x.is_integer()",
    "x.conjugate()",
    "range(x)",
]
BINARY = [
    "max(x, y)",
    "min(x, y)",
    "max(x, y, x)",
    "min(y, x, y)",
    "divmod(x, y)",
    "pow(x, y) if -9 < y < 9 else 0",
    "max(x, 0.0)",
    "min(0, x)",
    *(f"math.{n}(x, y)" for n in ("log", "atan2", "fmod", "pow", "hypot", "copysign", "gcd")),
]
SOURCE = """
    import math
    import numpy as np

    def run(items):
        out = []
        for {names} in items:
            out.append({expression})
        return out
"""


def sort_out(expression, names, items):
    """The arguments that the expression takes, and those it raises on."""
    good, bad = [], []
    code = compile(expression, "<expression>", "eval")
    for item in items:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                eval(code, {"math": math, "np": np, **dict(zip(names, item, strict=True))})
            except (TypeError, ValueError, ArithmeticError, AttributeError):
                bad.append(item)
            else:
                good.append(item)
    return good, bad


def check(expression, names, items, every=1):
    good, bad = sort_out(expression, names, items)
    if not good:
        return
    plain = [x[0] for x in items] if len(names) == 1 else None
    unpack = (lambda xs: [x[0] for x in xs]) if plain else list
    start = (good * 12)[:12]
    args = [(unpack(start * 4),), (unpack(good * 2),), *((unpack([*start, x, *start[:3]]),) for x in bad[::every])]
    source = SOURCE.format(names=", ".join(names), expression=expression)
    check_source(source, args=args, compiled=False, rounds=1)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("expression", GENERAL)
def test_one_argument(expression, kind):
    check(expression, "x", [(x,) for x in KINDS[kind]])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MATH)
@pytest.mark.parametrize("kind", NUMBERS)
def test_math(name, kind):
    check(f"math.{name}(x)", "x", [(x,) for x in KINDS[kind]])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("expression", BINARY)
@pytest.mark.parametrize(
    "a, b",
    [
        ("float", "float"),
        ("int", "int"),
        ("int", "float"),
        ("bool", "int"),
        ("float64", "float64"),
        ("float64", "float"),
        ("int64", "int"),
        ("float32", "float32"),
        ("uint64", "int64"),
    ],
)
def test_two_arguments(expression, a, b):
    items = [*itertools.product(KINDS[a][:12], KINDS[b][:12]), *itertools.product(KINDS[a][-8:], KINDS[b][-8:])]
    check(expression, "xy", items, every=9)


@pytest.mark.parametrize(
    "loop",
    [
        "for i in range(n):",
        "for i in range(3, n):",
        "for i in range(n, 3, -1):",
        "for i in range(-n, n, 7):",
        "for i in range(n, 0, -3):",
        "for i in range(True, n):",
        "for i in reversed(range(n)):",
        "for i in reversed(range(2, n, 5)):",
        "for i in reversed(range(n, 1, -2)):",
        "for i, _ in enumerate(xs):",
        "for i, _ in enumerate(xs, 5):",
        "for _, i in enumerate(range(n)):",
        "for i, j in zip(xs, ys):",
        "for i, j, k in zip(xs, range(n), ys):",
        "for i in reversed(xs):",
        "for i, (j, k) in enumerate(zip(xs, ys)):",
        "for i in xs[:]:",
        "for i, _ in zip(range(n), reversed(xs)):",
    ],
)
@pytest.mark.stress
def test_loops(loop):
    source = f"""
        def run(xs, ys, n):
            s = 0
            out = []
            {loop}
                s = s * 3 + i
                s %= 1000003
                if s % 7 == 0:
                    out.append((i, s))
            return s, out
    """
    xs, ys = [x * x for x in range(60)], tuple(range(70))
    check_source(
        source,
        args=((xs, ys, 60), (xs, ys, 1), (xs, ys, 0), (xs[:5], ys, 9), ([], (), 20), (xs, ys[:30], 200)),
        compiled=False,
    )


@pytest.mark.stress
@pytest.mark.parametrize("value", ["i", "i * 0.5", "(i, s)", "None", "xs[-1] if xs else 'x'", "[i]", "str(i)", "xs"])
def test_append_and_pop(value):
    source = f"""
        def run(n):
            xs = []
            s = 0
            for i in range(n):
                xs.append({value})
                if i % 3 == 2:
                    s += len(xs)
                    last = xs.pop()
                    if last is xs:
                        s += 1
            return len(xs), s, xs[:40] if {value!r} != 'xs' else None
    """
    check_source(source, args=((100,), (7,)))


@pytest.mark.stress
def test_pop_of_what_dies_and_of_nothing():
    source = """
        class Loud:
            def __init__(self, log, i):
                self.log = log
                self.i = i
            def __del__(self):
                self.log.append(self.i)

        def run(n, extra):
            log = []
            xs = [Loud(log, i) for i in range(n)]
            for i in range(n + extra):
                xs.pop()
                log.append(-i)
            return log
    """
    check_source(source, args=((50, 0), (50, 1)), compiled=False)


def trace_of(body, *args):
    """The IR of a loop over args' items."""
    namespace = {"np": np, "math": math}
    exec(
        f"def run(a, b, n):\n    for i in range(n):\n        x = a[i]\n        y = b[i]\n        z = {body}\n",
        namespace,
    )
    f = backedge.jit(namespace["run"], sync=1, threshold=3)
    backedge._core.keep_stages(1)
    try:
        f(*args, 40)
        loops = [x for x in backedge.explain(f).loops if x.get("stages")]
        assert loops, backedge.explain(f)
        return "\n".join(loop["stages"]["trace"] for loop in loops)
    finally:
        backedge._core.keep_stages(0)


FAST = [
    "abs(x)",
    "max(x, y)",
    "int(x)",
    "round(x)",
    "math.sqrt(x)",
    "math.sin(x)",
    "math.atan2(x, y)",
    "math.floor(x)",
    "math.hypot(x, y)",
    "isinstance(x, (int, float))",
    "float(x)",
    "math.log(x, y)",
    "math.isnan(x)",
    "max(0, x)",
]
FAST_ON_FLOATS = ["divmod(x, y)", "min(x, y, 0.5)", "x.is_integer()"]


@pytest.mark.parametrize(
    "body, numpy", [*((e, n) for e in FAST for n in (False, True)), *((e, False) for e in FAST_ON_FLOATS)]
)
def test_no_boxed_call(body, numpy):
    a, b = ([x + i for i in range(40)] for x in (1.5, 2.25))
    if numpy:
        a, b = np.array(a), np.array(b)
    assert " call(" not in trace_of(body, a, b)
