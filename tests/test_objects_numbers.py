"""Number helpers against what CPython computes, bit for bit, on random bit patterns."""

import math
import operator
import os
import random
import struct
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "unit"))
from objects_fixtures import F64, I64, MATH1, bits, use_call, use_mod, use_settings_stay  # noqa: F401

ROWS = 200_000


def random_f64(rng, n):
    """Any bit pattern, moderate numbers, and the special ones."""
    out = []
    for _ in range(n):
        how = rng.random()
        if how < 0.4:
            out.append(struct.unpack("<d", struct.pack("<Q", rng.getrandbits(64)))[0])
        elif how < 0.7:
            out.append(rng.uniform(-50, 50))
        elif how < 0.8:
            out.append(float(rng.randrange(-100, 100)) / rng.choice([1, 2, 4]))
        elif how < 0.9:
            out.append(math.ldexp(rng.uniform(-1, 1), rng.randrange(-1074, 1024)))
        else:
            out.append(rng.choice(F64))
    return out


def random_i64(rng, n):
    return [
        rng.choice(I64) if rng.random() < 0.2 else rng.getrandbits(64) - 2**63 >> rng.randrange(64) for _ in range(n)
    ]


def run_bulk(mod, name, columns):
    result, letters, _ = mod.signatures()[name]
    one = {"F": "d", "I": "q"}
    row = struct.Struct("<" + "".join(one[c] for c in letters))
    packed = b"".join(row.pack(*r) for r in zip(*columns, strict=True))
    out = mod.bulk(name, packed)
    code = "d" if result == "F" else "q"
    return [v for (v,) in struct.iter_unpack("<" + code, out)]


def outcome(f, args):
    try:
        return f(*args)
    except (ArithmeticError, ValueError) as e:
        return type(e)


def compare(mod, name, reference, columns, usable=lambda *a: True):
    """Helper and reference agree in every bit where the reference gives a value of the right type."""
    want_float = mod.signatures()[name][0] == "F"
    results = run_bulk(mod, name, columns)
    tested = 0
    for args, got in zip(zip(*columns, strict=True), results, strict=True):
        if not usable(*args):
            continue
        want = outcome(reference, args)
        if type(want) is not (float if want_float else int) or (not want_float and not -(2**63) <= want < 2**63):
            continue
        tested += 1
        assert bits(got) == bits(want) if want_float else got == want, (name, args, got, want)
    assert tested > len(results) // 50, f"{name}: only {tested} of {len(results)} rows could be compared"


@pytest.mark.parametrize("name,reference", [("fmod_py", operator.mod), ("ffloordiv_py", operator.floordiv)])
def test_float_division(mod, name, reference):
    rng = random.Random(name)
    a, b = random_f64(rng, ROWS), random_f64(rng, ROWS)
    special = [(x, y) for x in F64 for y in F64]
    compare(mod, name, reference, (a + [x for x, _ in special], b + [y for _, y in special]), lambda x, y: y != 0)


def test_float_power(mod):
    rng = random.Random("pow")
    a, b = random_f64(rng, ROWS), random_f64(rng, ROWS)
    b = [rng.choice([2.0, 0.5, 3.0, -1.0, 7.0]) if rng.random() < 0.3 else y for y in b]
    a = [abs(x) if rng.random() < 0.5 else x for x in a]
    special = [(x, y) for x in F64 for y in F64]
    a, b = a + [x for x, _ in special], b + [y for _, y in special]
    allowed = run_bulk(mod, "pow_ok", (a, b))
    results = run_bulk(mod, "pow_ff", (a, b))
    for x, y, ok, got in zip(a, b, allowed, results, strict=True):
        want = outcome(operator.pow, (x, y))
        assert bool(ok) == (type(want) is float), (x, y, ok, want)
        if ok:
            assert bits(got) == bits(want), (x, y, got, want)


def test_numbers_accept_anything(mod):
    """Passes may call a pure helper before its arguments are checked."""
    for name, (_, letters, _) in mod.signatures().items():
        if letters and set(letters) <= {"I", "F"} and not name.startswith(("box", "list", "tuple", "new")):
            rows = [
                ([v, w] * 2)[: len(letters)]
                for v in (I64 if letters[0] == "I" else F64)
                for w in (I64 if letters[-1] == "I" else F64)
            ]
            assert len(run_bulk(mod, name, list(zip(*rows, strict=True)))) == len(rows)


def test_int_power(mod):
    rng = random.Random("ipow")
    a = [rng.randrange(-40, 40) if rng.random() < 0.7 else x for x in random_i64(rng, 50_000)]
    b = [rng.randrange(-2, 70) for _ in a]
    allowed = run_bulk(mod, "ipow_ok", (a, b))
    results = run_bulk(mod, "ipow", (a, [max(y, 0) for y in b]))
    for x, y, ok, got in zip(a, b, allowed, results, strict=True):
        fits = y >= 0 and (abs(x) < 2 or y < 64) and -(2**63) <= x**y < 2**63
        assert bool(ok) == fits, (x, y)
        if fits:
            assert got == x**y, (x, y)


def test_int_functions(mod):
    rng = random.Random("int")
    a, b = random_i64(rng, ROWS), random_i64(rng, ROWS)
    a += [x for x in I64 for _ in I64]
    b += I64 * len(I64)
    compare(mod, "igcd", math.gcd, (a, b))
    compare(mod, "idiv_true", operator.truediv, (a, b), lambda x, y: y != 0)
    near = [max(0, min(2**63 - 1, math.isqrt(abs(x)) ** 2 + rng.randrange(-1, 2))) for x in a]
    compare(mod, "isqrt", math.isqrt, (near,))
    compare(mod, "isqrt", math.isqrt, ([x for x in a if x >= 0],))
    assert run_bulk(mod, "igcd", ([-(2**63)], [0])) == [-(2**63)]  # documented: does not fit


def test_true_division_halfway(mod):
    """Quotients that lie on or just beside the middle between two floats."""
    rng = random.Random("half")
    a, b = [], []
    for _ in range(ROWS // 4):
        k = rng.randrange(0, 9)
        a.append((rng.getrandbits(53) | 2**53) * 2 + 1 << k | (rng.random() < 0.5 and k > 0))
        b.append(1 << rng.randrange(0, 62))
    compare(mod, "idiv_true", operator.truediv, ([x if x < 2**63 else x >> 1 for x in a], b))


def test_int_float_compare(mod):
    rng = random.Random("cmp")
    a = random_i64(rng, ROWS)
    b = [float(x) if rng.random() < 0.4 else y for x, y in zip(a, random_f64(rng, ROWS), strict=True)]
    b = [math.nextafter(y, rng.choice([-math.inf, math.inf])) if rng.random() < 0.3 else y for y in b]
    a += [x for x in I64 for _ in F64]
    b += F64 * len(I64)
    for x, y, got in zip(a, b, run_bulk(mod, "icmp_f", (a, b)), strict=True):
        want = 2 if y != y else (x > y) - (x < y)
        assert got == want, (x, y)


def test_rounding(mod):
    rng = random.Random("round")
    a = random_f64(rng, ROWS) + [float(rng.randrange(-1000, 1000)) + 0.5 for _ in range(1000)]
    for x, ok, r in zip(a, run_bulk(mod, "f2i_ok", (a,)), run_bulk(mod, "f_round_half_even", (a,)), strict=True):
        fits = math.isfinite(x) and -(2**63) <= int(x) < 2**63
        assert bool(ok) == fits, x
        if math.isfinite(x):
            assert int(r) == round(x) and r == int(r), x


@pytest.mark.parametrize("name", MATH1)
def test_math(mod, name):
    rng = random.Random(name)
    a = (
        random_f64(rng, ROWS // 2)
        + F64
        + [rng.uniform(-1, 1) for _ in range(ROWS // 4)]
        + [rng.uniform(0, 9) for _ in range(999)]
    )
    compare(mod, "m_" + name, getattr(math, name), (a,))


@pytest.mark.parametrize("name", ["atan2", "hypot", "fmod"])
def test_math2(mod, name):
    rng = random.Random(name)
    a, b = random_f64(rng, ROWS), random_f64(rng, ROWS)
    for _ in range(ROWS):  # of like magnitude, where rounding is hard
        e = rng.randrange(-1074, 1000)
        a.append(math.ldexp(rng.uniform(-1, 1), e))
        b.append(math.ldexp(rng.uniform(-1, 1), e + rng.randrange(-60, 20)))
    special = [(x, y) for x in F64 for y in F64]
    compare(mod, "m_" + name, getattr(math, name), (a + [x for x, _ in special], b + [y for _, y in special]))


def test_math_pow(mod):
    rng = random.Random("mpow")
    a, b = [abs(x) for x in random_f64(rng, ROWS)], random_f64(rng, ROWS)
    compare(mod, "m_pow", math.pow, (a, b), lambda x, y: math.isfinite(x) and math.isfinite(y))


@settings(max_examples=300, deadline=None)
@given(st.integers(-(2**63), 2**63 - 1), st.floats())
def test_numbers_by_hypothesis(mod, i, f):
    assert mod.invoke("icmp_f", i, f) == (2 if f != f else (i > f) - (i < f))
    if f != 0:
        assert bits(mod.invoke("fmod_py", float(i), f)) == bits(float(i) % f)
        assert bits(mod.invoke("ffloordiv_py", f, 3.0)) == bits(f // 3.0)
    if i:
        assert bits(mod.invoke("idiv_true", 10**18 + 9, i)) == bits((10**18 + 9) / i)
