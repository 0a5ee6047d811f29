"""What the tests of the objects part of embed share: the test module, and comparing a helper with CPython."""

import functools
import math
import struct
import tempfile

import objects_build
import pytest


@functools.cache
def built():
    return objects_build.build(tempfile.mkdtemp(prefix="objtest"))


@pytest.fixture(name="settings_stay")
def use_settings_stay():
    """Nothing here touches backedge's settings (replaces the suite's fixture, which imports the built package)."""


@pytest.fixture(name="mod", scope="session")
def use_mod():
    return built()


@pytest.fixture(name="call")
def use_call(mod):
    return mod.invoke


I64 = [
    0,
    1,
    -1,
    2,
    -2,
    3,
    7,
    10,
    -10,
    2**31,
    2**53,
    2**53 + 1,
    -(2**53) - 1,
    2**62,
    2**62 + 1,
    2**63 - 1,
    -(2**63),
    1 - 2**63,
]
F64 = [
    0.0,
    1.0,
    0.5,
    1.5,
    2.5,
    2.0,
    3.0,
    1e-310,
    5e-324,
    2.2250738585072014e-308,
    1e308,
    1.7976931348623157e308,
    1e16,
    0.1,
]
F64 += [2.0**53, 2.0**63, 2.0**62, 1e-5, 1e22, 4503599627370497.5, 709.78, -745.2, 27.3, math.inf, math.nan, math.pi]
F64 += [-x for x in F64]


def bits(x):
    return struct.pack("<d", x)


def same(mod, call, name, args, reference):
    """Helper and reference give equal results of one type, or raise alike."""
    try:
        want, error = reference(), None
    except Exception as e:
        error = e
    try:
        got = call(name, *args)
    except Exception as e:
        assert error is not None and type(e) is type(error) and str(e) == str(error), (name, args, e, error)
        assert getattr(e, "name", None) == getattr(error, "name", None)
        return
    assert error is None, (name, args, got, error)
    assert type(got) is type(want) and repr(got) == repr(want), (name, args, got, want)


MATH1 = """sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh exp exp2 expm1 log log2 log10 log1p cbrt
    erf erfc""".split()
