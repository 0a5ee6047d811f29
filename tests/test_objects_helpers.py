"""Helpers on boxes, containers and any object, against the interpreter's own instructions."""

import copy
import gc
import math
import operator
import os
import random
import sys
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "unit"))
from objects_fixtures import F64, I64, bits, same, use_call, use_mod, use_settings_stay  # noqa: F401


def test_all_helpers_have_addresses(mod):
    assert [n for n, (_, _, there) in mod.signatures().items() if not there] == []


def test_boxes(call):
    for v in [*I64, 256, 257, -5, -6]:
        box = call("box_i64", v)
        assert box == v and type(box) is int
        assert call("unbox_i64_ok", box) and call("unbox_i64", box) == v
    assert call("box_i64", 256) is call("box_i64", 256)
    for v in F64:
        assert bits(call("box_f64", v)) == bits(call("box_f64_nofail", v)) == bits(v)
    z = call("box_complex", -0.0, math.inf)
    assert type(z) is complex and bits(z.real) == bits(-0.0) and z.imag == math.inf
    for big in (2**63, -(2**63) - 1, 10**40):
        assert not call("unbox_i64_ok", big)
    assert call("unbox_i64_ok", True) and call("unbox_i64", True) == 1


def test_numpy_boxes(mod, call):
    np = pytest.importorskip("numpy")
    assert mod.refresh()
    rng = random.Random(5)
    for code in "bBhHiIlLqQ":
        dt = np.dtype(code)
        info = np.iinfo(dt)
        for v in [int(info.min), int(info.max), 0, 1, rng.randrange(int(info.min), int(info.max))]:
            box = call("box_np_i", dt.num, v - 2**64 if v >= 2**63 else v)
            assert type(box) is dt.type and int(box) == v and box.dtype is dt
    assert call("box_np_i", 0, 1) is np.True_ and call("box_np_i", 0, 0) is np.False_
    for code in "efd":
        dt = np.dtype(code)
        for v in [x for x in F64 if x == x] + [rng.uniform(-70000, 70000) for _ in range(500)]:
            with np.errstate(all="ignore"):
                want = dt.type(v)
            box = call("box_np_f", dt.num, v)
            assert type(box) is dt.type and box.tobytes() == want.tobytes(), (code, v)
    for v in [math.ldexp(rng.uniform(-2, 2), rng.randrange(-26, 17)) for _ in range(20_000)]:
        with np.errstate(all="ignore"):
            assert call("box_np_f", 23, v).tobytes() == np.float16(v).tobytes(), v
    for code in "FD":
        dt = np.dtype(code)
        box = call("box_np_c", dt.num, -0.0, 2.5)
        assert type(box) is dt.type and box.tobytes() == dt.type(complex(-0.0, 2.5)).tobytes()
    with pytest.raises(SystemError):
        call("box_np_i", 17, 0)


def test_dealloc_runs_destructors_with_events_on(mod):
    seen = []

    class Noisy:
        def __del__(self):
            seen.append(mod.tracing())

    mod.drop([Noisy()])
    assert seen == [0]
    mod.drop([float("1.25")])
    mod.drop([[Noisy()]])
    assert seen == [0, 0]


def test_lists(call):
    ours, theirs = [], []
    rng = random.Random(3)
    for step in range(5000):
        if theirs and rng.random() < (0.3 if step % 1000 < 600 else 0.8):
            assert call("list_pop", ours) is theirs.pop()
        else:
            o = object()
            assert call("list_append", ours, o) is True
            theirs.append(o)
        assert sys.getsizeof(ours) == sys.getsizeof(theirs) or (not theirs and not ours)
    assert ours == theirs
    marker = object()
    before = sys.getrefcount(marker)
    repeated = call("list_repeat1", marker, 5)
    assert repeated == [marker] * 5 and sys.getsizeof(repeated) == sys.getsizeof([marker] * 5)
    assert sys.getrefcount(marker) == before + 5
    assert call("list_repeat1", marker, -2) == []
    assert call("tuple_new", 0) is ()  # noqa: F632
    with pytest.raises(MemoryError):
        call("list_repeat1", marker, 2**62)


def test_dict_get(mod, call):
    d = {"a": 1, "b": None}
    assert call("dict_get", d, "a") == 1 and call("dict_get", d, "b") is None
    assert call("dict_get", d, "c") is mod.NULL


@pytest.mark.parametrize("size", [3, 100, 300, 70_000])
def test_dict_get_among_other_keys(mod, call, size):
    rng = random.Random(size)
    d = {}
    for _ in range(size):
        k = rng.choice([rng.getrandbits(64), f"k{rng.randrange(2 * size)}", (rng.random(),), rng.random()])
        d[k] = object()
        if rng.random() < 0.2:
            d.pop(rng.choice([k, f"k{rng.randrange(2 * size)}"]), None)
    d[1] = 2
    for i in range(min(2 * size, 2000)):
        assert call("dict_get", d, f"k{i}") is d.get(f"k{i}", mod.NULL)


def test_dict_get_runs_no_code(mod, call):
    class Twin:
        def __hash__(self):
            return hash("name")

        def __eq__(self, other):
            raise AssertionError("ran")

    assert call("dict_get", {Twin(): 1}, "name") is mod.NULL
    assert call("dict_get", {"name": 2, Twin: 1}, "name") == 2


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=5), st.text(max_size=5))
def test_strings(mod, a, b):
    assert mod.invoke("str_eq", a, b) == (a == b)
    assert mod.invoke("str_eq", a, "".join(list(a)))
    assert mod.invoke("str_concat", a, b) == a + b
    for i, ch in enumerate(a):
        assert mod.invoke("str_index", a, i) == ch
        if ord(ch) < 256:
            assert mod.invoke("str_index", a, i) is a[i]


BINARY = "add and_ floordiv lshift matmul mul mod or_ pow rshift sub truediv xor".split()
INPLACE = "iadd iand ifloordiv ilshift imatmul imul imod ior ipow irshift isub itruediv ixor".split()
VALUES = [3, -7, 2.5, True, "ab", [1], (1, 2), {1, 2}, {"k": 1}, b"x", None, 1 + 2j]


def test_binary_ops(mod, call):

    for code, op in enumerate(BINARY + INPLACE):
        f = getattr(operator, op)
        for x in VALUES:
            for y in VALUES:
                x1, x2 = copy.copy(x), copy.copy(x)
                same(mod, call, "binary_op", (x1, y, code), lambda f=f, x=x2, y=y: f(x, y))
                assert repr(x1) == repr(x2)


def test_in_place_results_are_the_same_object(call):
    x = [1]
    assert call("binary_op", x, [2], 13) is x and x == [1, 2]


def test_unary_and_compare(mod, call):
    ops = [operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge]
    for x in VALUES:
        for code, op in enumerate([operator.neg, operator.inv, operator.pos]):
            if type(x) is bool and code == 1:
                continue
            same(mod, call, "unary_op", (x, code), lambda op=op, x=x: op(x))
        assert call("truth", x) == int(bool(x))
        for y in VALUES:
            for code, op in enumerate(ops):
                same(mod, call, "compare", (x, y, code), lambda op=op, x=x, y=y: op(x, y))
            try:
                want = y in x
            except (TypeError, ValueError) as e:
                with pytest.raises(type(e)) as info:
                    call("contains", x, y)
                assert str(info.value) == str(e)
            else:
                assert call("contains", x, y) == want


def test_events_are_on_inside(mod, call):
    levels = []

    class Watcher:
        def note(self, *args):
            levels.append(mod.tracing())
            return 1

        __add__ = __getitem__ = __call__ = __hash__ = __setitem__ = __delitem__ = __neg__ = __contains__ = note

        def __getattr__(self, name):
            levels.append(mod.tracing())
            return 5

        def __iter__(self):
            levels.append(mod.tracing())
            return iter([1, 2])

    w = Watcher()
    mod.set_args([w, w])
    call("binary_op", w, 1, 0), call("getitem", w, 1), call("call", w, mod.NULL, 0, 0), call("setitem", w, 1, 2)
    call("delitem", w, 1), call("unary_op", w, 0), call("contains", w, 1), call("getattr", w, "q"), call("getiter", w)
    call("getslice", w, 1, 2), call("setslice", w, 1, 2, 3), call("build", 2, 0, 1), call("list_extend", [], w)
    call("set_add", set(), w), call("set_update", set(), w), call("map_add", {}, w, 1), call("unpack", w, 2)
    mod.take_args(2)
    call("getmethod", w, "zz"), call("call_ex", w, (), mod.NULL)
    assert len(levels) == 19 and set(levels) == {0}
    assert mod.tracing() == 0


def test_subscripts(mod, call):
    x = [1, 2, 3, 4]
    assert call("getitem", x, 1) == 2
    assert call("getslice", x, 1, 3) == [2, 3] and call("getslice", x, None, None) == x
    assert call("setitem", x, 0, 9) == 0 and x[0] == 9
    assert call("setslice", x, 1, 3, [7]) == 0 and x == [9, 7, 4]
    assert call("delitem", x, 0) == 0 and x == [7, 4]
    for name, args in [("getitem", (x, 9)), ("delitem", (x, 9)), ("setitem", ((), 0, 0)), ("getslice", (5, 1, 2))]:
        with pytest.raises((IndexError, TypeError)):
            call(name, *args)


def test_attributes_and_methods(mod, call):
    class C:
        v = 1

        def m(self):
            return self

        @property
        def p(self):
            raise AttributeError("p failed")

    c = C()
    assert call("getattr", c, "v") == 1
    assert call("setattr", c, "w", 5) == 0 and c.w == 5
    assert call("delattr", c, "w") == 0 and not hasattr(c, "w")
    before = sys.getrefcount(c)
    assert call("getmethod", c, "m") is C.m and mod.take_self() is c
    assert sys.getrefcount(c) == before
    assert call("getmethod", c, "v") == 1 and mod.take_self() is mod.NULL
    assert call("getmethod", [], "append") is list.append and mod.take_self() == []
    for o, name in [(c, "nope"), (c, "p"), (3, "x"), (C, "y")]:
        same(mod, call, "getattr", (o, name), lambda o=o, name=name: getattr(o, name))
        same(mod, call, "getmethod", (o, name), lambda o=o, name=name: eval(f"o.{name}()", {"o": o}))
    same(mod, call, "delattr", (c, "nope"), lambda: delattr(c, "nope"))
    same(mod, call, "setattr", (3, "x", 1), lambda: setattr(3, "x", 1))


def test_globals(mod, call):
    space = {"x": 1}
    builtins = {"len": len, "x": 2}
    mod.namespaces(space, builtins)
    assert call("load_global", "x") == 1 and call("load_global", "len") is len
    with pytest.raises(NameError) as info:
        call("load_global", "nope")
    with pytest.raises(NameError) as plain:
        exec("def f(): return nope\nf()", {})
    assert str(info.value) == str(plain.value) == "name 'nope' is not defined"
    assert info.value.name == plain.value.name == "nope"
    assert call("store_global", "y", 3) == 0 and space["y"] == 3

    class Space(dict):
        def __missing__(self, key):
            if key == "made":
                return 77
            raise KeyError(key)

    mod.namespaces(Space(), {"b": 8})
    assert call("load_global", "made") == 77 and call("load_global", "b") == 8
    with pytest.raises(NameError, match="name 'zz' is not defined"):
        call("load_global", "zz")


def test_iteration(mod, call):
    it = call("getiter", [5])
    assert call("iternext", it) == 5 and call("iternext", it) is mod.NULL
    same(mod, call, "getiter", (3,), lambda: iter(3))

    def fails():
        yield 1
        raise KeyError("inside")

    it = fails()
    assert call("iternext", it) == 1
    with pytest.raises(KeyError, match="inside"):
        call("iternext", it)

    class Stops:
        def __iter__(self):
            return self

        def __next__(self):
            raise StopIteration(3)

    assert call("iternext", Stops()) is mod.NULL


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
@pytest.mark.parametrize(
    "make",
    [
        lambda: (1, 2),
        lambda: [1, 2, 3],
        lambda: {"a": 1},
        lambda: iter("xy"),
        lambda: "abcde",
        lambda: 7,
        lambda: (i for i in range(3)),
        lambda: (1 // (2 - i) for i in range(5)),
    ],
)
def test_unpack(mod, call, n, make):
    targets = ", ".join(f"v{i}" for i in range(n))
    scope = {"o": make()}
    try:
        exec(f"[{targets}] = o", scope)
    except Exception as e:
        with pytest.raises(type(e)) as info:
            call("unpack", make(), n)
        # 3.13's specialised forms and the general one agree in the message
        assert str(info.value) == str(e)
    else:
        assert call("unpack", make(), n) == 0
        assert mod.take_args(n) == [scope[f"v{i}"] for i in range(n)]


def test_unpack_leaks_nothing(mod, call):
    o = object()
    before = sys.getrefcount(o)
    for n in (1, 3):
        with pytest.raises(ValueError):
            call("unpack", iter([o, o]), n)
    assert sys.getrefcount(o) == before
    with pytest.raises(SystemError):
        call("unpack", [], 65)


def test_calls(mod, call):
    def f(a, b=2, *rest, k=0, **more):
        return a, b, rest, k, more

    def window(*values):
        keep = [None, *values]  # the first word is the callee's
        mod.set_args(keep)
        return keep

    keep = window(1, 2, 3)
    assert call("call", f, mod.NULL, 0, 3) == (1, 2, (3,), 0, {})
    keep = window(1, 9, 8)
    assert call("call", f, ("k", "z"), 0, 3) == (1, 2, (), 9, {"z": 8})
    bound = [].append
    keep = window(4)
    assert call("call", bound, mod.NULL, 0, 1) is None and bound.__self__ == [4]
    assert keep
    same(mod, call, "call", (f, mod.NULL, 0, 0), lambda: f())
    three = 3
    same(mod, call, "call", (three, mod.NULL, 0, 0), lambda: three())
    assert call("call_ex", f, (1, 2), {"k": 4}) == (1, 2, (), 4, {})
    assert call("call_ex", f, [1], mod.NULL) == (1, 2, (), 0, {})
    assert call("call_ex", f, iter([1, 5]), mod.NULL) == (1, 5, (), 0, {})
    for target in (f, len, str.join, 5, dict):
        same(mod, call, "call_ex", (target, 5, mod.NULL), lambda t=target: t(*5))
    same(mod, call, "call_ex", (f, (), mod.NULL), lambda: f(*()))


def test_intrinsics(call):
    assert call("intrinsic1", [1, 2], 6) == (1, 2)
    assert call("intrinsic1", True, 5) == 1
    with pytest.raises(SystemError):
        call("intrinsic1", None, 3)


def test_build(mod, call):
    def build(what, *values):
        keep = list(values)
        mod.set_args(keep)
        before = [sys.getrefcount(v) for v in keep]
        r = call("build", what, 0, len(keep))
        del r
        gc.collect()
        assert [sys.getrefcount(v) for v in keep] == before
        return call("build", what, 0, len(keep))

    o = object()
    assert build(0, 1, o) == (1, o) and build(1, o, 2) == [o, 2] and build(2, 1, 1, 2) == {1, 2}
    assert build(0) is () and build(1) == []  # noqa: F632
    assert build(3, "a", 1, "b", 2) == {"a": 1, "b": 2}
    assert list(build(3, *sum(([i, -i] for i in range(20)), []))) == list(range(20))
    assert build(4, 1, 2, ("x", "y")) == {"x": 1, "y": 2}
    assert build(5, "a", "é", "") == "aé" and build(5) == ""
    assert build(6, 1, 2) == slice(1, 2) and build(7, 1, 2, 3) == slice(1, 2, 3)
    for n in (3, 6, 11, 22):
        names = [f"k{i}" for i in range(n)]
        assert sys.getsizeof(build(4, *range(n), tuple(names))) == sys.getsizeof(
            eval("{" + ",".join(f"'{k}': {i}" for i, k in enumerate(names)) + "}")
        )
        for keys in (range(n), ["s", *range(n - 1)]):
            pairs = [x for k in keys for x in (k, None)]
            literal = eval("{" + ",".join(f"v[{i}]: None" for i in range(n)) + "}", {"v": list(keys)})
            assert sys.getsizeof(build(3, *pairs)) == sys.getsizeof(literal)
    for what, values in [(2, ([],)), (3, ([], 1))]:
        mod.set_args(list(values))
        with pytest.raises(TypeError, match="unhashable type: 'list'"):
            call("build", what, 0, len(values))


def test_updates(mod, call):
    x = [1]
    assert call("list_extend", x, (2, 3)) == 0 and x == [1, 2, 3]
    same(mod, call, "list_extend", ([], 5), lambda: [*5])
    same(mod, call, "list_extend", ([], (1 // 0 for _ in "a")), lambda: [*(1 // 0 for _ in "a")])
    s = set()
    assert call("set_add", s, 1) == 0 and call("set_update", s, [2]) == 0 and s == {1, 2}
    same(mod, call, "set_update", (set(), 5), lambda: {*5})
    d = {}
    assert call("map_add", d, "k", 1) == 0 and call("dict_update", d, {"z": 2}) == 0 and d == {"k": 1, "z": 2}
    same(mod, call, "dict_update", ({}, 5), lambda: {**5})


def test_format_convert_import(mod, call):
    assert call("format", "x", mod.NULL) == "x" and call("format", 3.14159, ".2f") == "3.14"
    same(mod, call, "format", (3, "zz"), lambda: f"{3:zz}")
    for how, f in [(1, str), (2, repr), (3, ascii)]:
        assert call("convert", "é", how) == f("é")
    mod.namespaces(globals(), vars(__builtins__) if isinstance(__builtins__, types.ModuleType) else __builtins__)
    assert call("import_name", "os.path", None, 0) is os
    assert call("import_name", "os.path", ("join",), 0) is os.path
    same(mod, call, "import_name", ("no_such_module_x", None, 0), lambda: __import__("no_such_module_x"))
    mod.namespaces({}, {})
    with pytest.raises(ImportError, match="__import__ not found"):
        call("import_name", "os", None, 0)
    assert call("has_error") is False


def test_frame_slots(mod, call):
    """The sync helpers: a new box, the box at hand, an unbound local, or the slot left alone."""

    class Old:
        def __del__(self):
            seen.append(mod.tracing())

    seen = []
    mod.set_home(2, Old())
    call("sync_i", 2, 10**12, mod.NULL)
    assert seen == [0] and mod.take_home(2) == 10**12
    call("sync_f", 1, -0.0, mod.NULL)
    assert bits(mod.take_home(1)) == bits(-0.0)
    call("sync_b", 1, 1, mod.NULL)
    assert mod.take_home(1) is True
    box = 2.75
    mod.set_home(0, "old")
    call("sync_f", 0, 1.0, mod.KEEP)
    call("sync_f", 3, 2.75, box)
    assert mod.take_home(0) == "old" and mod.take_home(3) is box
    mod.set_home(0, "old")
    call("sync_i", 0, 1, mod.UNBOUND)
    assert mod.take_home(0) is mod.NULL
    call("sync_c", 0, -1, 1.0, 2.0, mod.NULL)
    assert mod.take_home(0) == 1 + 2j


def test_numpy_frame_slots(mod, call):
    np = pytest.importorskip("numpy")
    assert mod.refresh()
    call("sync_npf", 0, 12, 1.5, mod.NULL)
    call("sync_npi", 1, 5, -3, mod.NULL)
    call("sync_c", 2, 15, 1.0, -1.0, mod.NULL)
    got = [mod.take_home(i) for i in range(3)]
    assert [type(v) for v in got] == [np.float64, np.int32, np.complex128] and got == [1.5, -3, 1 - 1j]
