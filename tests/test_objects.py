"""Known types and builtins, function and object facts, object and NumPy layouts."""

import array
import cmath
import math
import os
import struct
import subprocess
import sys
import types

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "unit"))
from objects_fixtures import MATH1, bits, use_call, use_mod, use_settings_stay  # noqa: F401


class Plain:
    def method(self):
        return self


def test_known_types(mod):
    known = mod.known()
    for t in (
        int,
        float,
        bool,
        complex,
        str,
        bytes,
        bytearray,
        list,
        tuple,
        dict,
        set,
        frozenset,
        range,
        slice,
        zip,
        enumerate,
        reversed,
        memoryview,
        type,
    ):
        assert known[t.__name__] is t
    assert known["range_iterator"] is type(iter(range(1))) and known["list_reverseiterator"] is type(reversed([]))
    assert known["list_iterator"] is type(iter([])) and known["tuple_iterator"] is type(iter(()))
    assert known["none"] is None and known["none_type"] is type(None) and known["not_implemented"] is NotImplemented
    assert known["method"] is type(test_known_types.__get__(1)) and known["builtin"] is type(len)
    assert known["method_descriptor"] is type(list.append) and known["cell"] is types.CellType
    mod.refresh()
    assert mod.known()["array_array"] is array.array


def test_never_imports(tmp_path):
    """Asking does not load NumPy, array or math."""

    unit = os.path.join(os.path.dirname(os.path.abspath(__file__)), "unit")
    text = f"""
import sys
sys.path.insert(0, {unit!r})
import objects_build
m = objects_build.build({str(tmp_path)!r})
for name in ("numpy", "array", "math", "cmath"):
    sys.modules.pop(name, None)
assert not m.refresh()
assert m.builtin_name(object()) is None and m.builtin_name(len) == "len"
assert not {{"numpy", "array", "math", "cmath"}} & set(sys.modules)
import math
assert m.builtin_name(math.sqrt) == "math.sqrt"
try:
    import numpy
except ImportError:
    pass
else:
    assert m.refresh()
"""
    subprocess.run([sys.executable, "-c", text], check=True)


def test_builtin_names(mod):
    for f in (
        len,
        abs,
        min,
        max,
        round,
        int,
        float,
        bool,
        sum,
        pow,
        divmod,
        range,
        enumerate,
        zip,
        reversed,
        isinstance,
        ord,
        chr,
        iter,
        next,
        print,
        sorted,
        str,
        list,
        tuple,
        complex,
        getattr,
    ):
        assert mod.builtin_name(f) == f.__name__
    for m, names in (
        (math, MATH1 + ["sqrt", "floor", "hypot", "gcd", "isqrt", "fabs"]),
        (cmath, ["sqrt", "exp", "phase"]),
    ):
        for name in names:
            assert mod.builtin_name(getattr(m, name)) == f"{m.__name__}.{name}"
    for t, names in ((list, ["append", "pop"]), (str, ["isalpha", "join"]), (dict, ["get", "items"]), (set, ["add"])):
        for name in names:
            assert mod.builtin_name(getattr(t, name)) == f"{t.__name__}.{name}"
    for o in (object(), test_builtin_names, [].append, math, 3, type("len", (), {})):
        assert mod.builtin_name(o) is None


def test_functions(mod):
    x = 1

    def f(a, b, c=3, d=4, *, k=5):
        return x

    code, g, b, closure, *defaults = mod.func(f)
    assert code is f.__code__ and g is globals() and b is f.__builtins__ and closure is f.__closure__
    assert defaults == [mod.NULL, mod.NULL, 3, 4, mod.NULL]
    assert mod.func(lambda: 1)[3] is mod.NULL


def test_object_facts(mod):
    assert mod.facts_of(5) == ("int", 0, 1, 1, 5)
    assert mod.facts_of(10**30)[4] is None and mod.facts_of(True)[4] == 1
    assert mod.facts_of(Plain())[:3] == ("Plain", 1, 0)
    assert mod.facts_of([])[1:4] == (0, 0, 0)
    assert mod.facts_of(math)[1] == 1  # modules' __class__ can be assigned
    assert mod.facts_of(None)[2:4] == (1, 1)
    assert mod.text("é") == "é" and mod.text("\ud800") == "?"


def test_layouts(mod):
    assert mod.traits() == (True, None)
    peek = mod.peek
    lst, tup = [1, 2, 3], (4, 5)
    assert peek(lst, "var_size") == 3 and peek(tup, "var_size") == 2
    it = iter(range(3, 30, 4))
    next(it)
    assert [peek(it, "rangeiter_" + n) for n in ("start", "step", "len")] == [7, 4, 6]
    li, ti = iter(lst), iter(tup)
    next(li), next(ti)
    assert (peek(li, "listiter_index"), peek(li, "listiter_seq")) == (1, id(lst))
    assert (peek(ti, "tupleiter_index"), peek(ti, "tupleiter_seq")) == (1, id(tup))
    r = range(1, 9, 2)
    assert [peek(r, "range_" + n) for n in ("start", "stop", "step", "length")] == [id(1), id(9), id(2), id(4)]
    z = complex(1.5, -2.5)
    assert struct.pack("<QQ", peek(z, "complex_real"), peek(z, "complex_imag")) == struct.pack("<dd", 1.5, -2.5)
    value = object()
    assert peek(types.CellType(value), "cell_value") == id(value)
    assert peek("abc", "str_length") == 3
    f = Plain.method
    assert peek(f, "func_code") == id(f.__code__) and peek(f, "func_defaults") == 0
    bound = types.MethodType(f, value)
    assert peek(bound, "method_func") == id(f) and peek(bound, "method_self") == id(value)
    a = array.array("d", [1.0])
    assert peek(a, "array_items") == a.buffer_info()[0]
    assert peek(a, "array_descr") == peek(array.array("d"), "array_descr") != peek(array.array("i"), "array_descr")
    m = memoryview(a)
    assert (
        peek(m, "memview_buf") == a.buffer_info()[0]
        and peek(m, "memview_itemsize") == 8
        and peek(m, "memview_len") == 8
    )


def test_ndkey(mod):
    np = pytest.importorskip("numpy")
    assert mod.refresh()
    for num, code in enumerate("?bBhHiIlLqQfd"):
        assert mod.ndkey(np.zeros(3, np.dtype(code))) == (num, 1, 1, 1)
    for num, code in ((14, "F"), (15, "D"), (23, "e")):
        assert mod.ndkey(np.zeros((2, 3), np.dtype(code))) == (num, 2, 1, 1)
    a = np.zeros((4, 6))
    assert (
        mod.ndkey(a[:, ::2]) == (12, 2, 1, 0) and mod.ndkey(a.T) == (12, 2, 1, 0) and mod.ndkey(a[0]) == (12, 1, 1, 1)
    )
    a.flags.writeable = False
    assert mod.ndkey(a) == (12, 2, 0, 1)
    misaligned = np.zeros(17, np.uint8)[1:].view(np.float64)
    others = [
        np.zeros(()),
        np.zeros((1,) * 5),
        np.zeros(2, ">f8"),
        np.zeros(2, object),
        np.zeros(2, np.longdouble),
        misaligned,
        np.zeros(2, "U3"),
        np.zeros(2, [("a", "f8")]),
        np.zeros(2, "M8[s]"),
        np.ma.zeros(2),
        np.float64(1),
        [1.0],
        np.zeros(2, np.dtype("f8", metadata={"a": 1})),
    ]
    for o in others:
        assert mod.ndkey(o) is None, o
    diagonal = np.lib.stride_tricks.as_strided(np.zeros(3), (3, 3), (0, 8))
    assert mod.ndkey(diagonal)[0] == 12
    (warns, _) = np.broadcast_arrays(np.zeros(3), np.zeros((3, 3)))
    assert mod.ndkey(warns)[2] == 0  # writing would warn


def test_buffer_keys(mod):
    """array.array and plain memoryviews: the type code is the key."""
    mod.refresh()
    for code in "bBhHiIlLqQfd":
        a = array.array(code, [1, 2, 3])
        assert mod.ndkey(a) == (ord(code), 1, 1, 1)
        assert mod.ndkey(memoryview(a)) == (ord(code), 1, 1, 1)
        assert mod.ndkey(memoryview(a)[1:]) == (ord(code), 1, 1, 1)
        assert mod.ndkey(memoryview(a)[::2]) is None
    assert mod.ndkey(memoryview(b"ab")) == (ord("B"), 1, 0, 1)
    released = memoryview(b"ab")
    released.release()
    square = memoryview(bytes(4)).cast("B", (2, 2))
    for view in (released, square, memoryview(bytes(1)).cast("B", ())):
        assert mod.ndkey(view) is None


def test_np_typenum(mod):
    np = pytest.importorskip("numpy")
    assert mod.refresh()
    for code in "?bBhHiIlLqQfdFDe":
        assert mod.np_typenum(np.dtype(code).type) == np.dtype(code).num
    for t in (float, int, np.longdouble, np.str_, np.ndarray, np.number):
        assert mod.np_typenum(t) == -1
    t = mod.ticket()
    for name in ("shape", "size", "ndim", "T", "dtype"):
        assert mod.attr(t, np.ndarray, name)[0] == "NPFIELD"
    assert mod.attr(t, np.ndarray, "flat")[0] == "GENERIC"
    assert mod.attr(t, np.ndarray, "sum") == ("BUILTIN_METHOD", np.ndarray.sum)
    assert mod.facts_of(np.float64(2))[2] == 1


def test_nd_layout(mod):
    np = pytest.importorskip("numpy")
    a = np.arange(6.0).reshape(2, 3)[:, 1:]
    assert mod.peek(a, "nd_data") == a.ctypes.data and mod.peek(a, "nd_ndim") & 0xFFFFFFFF == 2
    assert mod.peek(a, "nd_descr") == id(a.dtype)
    assert mod.peek(a, "nd_flags") & 0xFFFFFFFF == a.flags.num & 0xFFFFFFFF
    assert struct.pack("<Q", mod.peek(np.float64(2.5), "np_value")) == bits(2.5)
