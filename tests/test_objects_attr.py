"""Attribute resolution: what compiled code would read is what getattr gives."""

import os
import sys
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "unit"))
from objects_fixtures import use_call, use_mod, use_settings_stay  # noqa: F401


class Base:
    limit = 10
    shared = [1]

    def __init__(self):
        self.a, self.b, self.limit = 1.5, "two", 3

    def method(self):
        return self.a

    @property
    def prop(self):
        return self.b

    @staticmethod
    def static():
        return 1

    @classmethod
    def cls(cls):
        return cls


class Slots:
    __slots__ = ("p", "q")

    def go(self):
        return 1


class Hooked:
    def __getattr__(self, name):
        return 1

    def __setattr__(self, name, value):
        object.__setattr__(self, name, value)


def test_attribute_kinds(mod):
    t = mod.ticket()
    o = Base()
    for name, kind in [("a", "INLINE"), ("b", "INLINE"), ("limit", "INLINE")]:
        assert mod.attr(t, Base, name) == (kind, mod.NULL)
        assert mod.read(o) is getattr(o, name)
        assert mod.attr(t, Base, name, True)[0] == "INLINE"
        assert mod.read(o) is getattr(o, name)
    assert mod.attr(t, Base, "method") == ("METHOD", Base.method) and mod.read(o) is Base.method
    assert mod.attr(t, Base, "shared") == ("CLASSVAR", Base.shared) and mod.read(o) is Base.shared
    assert mod.attr(t, Base, "static") == ("CLASSVAR", Base.static) and mod.read(o) is Base.static
    assert mod.attr(t, Base, "prop") == ("PROPERTY", Base.__dict__["prop"].fget)
    for name in ("cls", "__class__", "__dict__", "nope"):
        assert mod.attr(t, Base, name)[0] == "GENERIC", name
    assert mod.attr(t, Base, "prop", True)[0] == "GENERIC"
    assert mod.attr(t, Base, "brand_new", True)[0] == "GENERIC"
    assert mod.state(t)[0] is True


def test_slots(mod):
    t = mod.ticket()
    s = Slots()
    s.p, s.q = "P", "Q"
    for name in "pq":
        for store in (False, True):
            assert mod.attr(t, Slots, name, store)[0] == "SLOT"
            assert mod.read(s) is getattr(s, name)
    del s.q
    assert mod.read(s) is mod.NULL
    assert mod.attr(t, Slots, "go") == ("METHOD", Slots.go)
    thief = type("Thief", (), {"p": Slots.p})
    assert mod.attr(t, thief, "p")[0] == "GENERIC"


def test_attributes_of_builtins(mod):
    t = mod.ticket()
    assert mod.attr(t, list, "append") == ("BUILTIN_METHOD", list.append)
    assert mod.attr(t, str, "isalpha") == ("BUILTIN_METHOD", str.isalpha)
    assert mod.attr(t, dict, "get") == ("BUILTIN_METHOD", dict.get)
    for kind, name in [
        (type, "mro"),
        (types.ModuleType, "x"),
        (Hooked, "x"),
        (complex, "real"),
        (types.FunctionType, "x"),
    ]:
        assert mod.attr(t, kind, name)[0] == "GENERIC"
    assert mod.attr(t, Hooked, "x", True)[0] == "GENERIC"
    subclass = type("L", (list,), {})
    assert mod.attr(t, subclass, "append")[0] == "GENERIC"  # an instance's dict could hide it
    assert mod.attr(t, type("L2", (list,), {"__slots__": ()}), "append")[0] == "BUILTIN_METHOD"


def fresh_class():
    class Fresh:
        default = 4

        def __init__(self):
            self.a = 1

        def m(self):
            return 1

    return Fresh


def test_guards_see_shadowing(mod):
    cls = fresh_class()
    t = mod.ticket()
    o, other = cls(), cls()
    assert mod.attr(t, cls, "m")[0] == "METHOD" and mod.read(o) is cls.m
    other.m = 5  # a new shared key: no instance may be trusted any more
    assert mod.read(o) is mod.NULL
    assert mod.attr(t, cls, "m")[0] == "GENERIC"
    assert mod.state(t)[0] is True


def test_guards_see_dicts(mod):
    cls = fresh_class()
    t = mod.ticket()
    o = cls()
    assert mod.attr(t, cls, "a")[0] == "INLINE" and mod.read(o) == 1
    o.__dict__ = {"a": 7}
    assert mod.read(o) is mod.NULL
    p = cls()
    for i in range(100):
        setattr(p, f"n{i}", i)
    mod.attr(t, cls, "a")
    assert mod.read(p) is mod.NULL  # too many attributes for inline values
    q = cls()
    del q.a
    assert mod.read(q) is mod.NULL


def test_inline_value_with_a_dict_made(mod):
    cls = fresh_class()
    o = cls()
    names = o.__dict__
    t = mod.ticket()
    mod.attr(t, cls, "a")
    names["a"] = 9
    assert mod.read(o) in (9, mod.NULL)  # never stale


@pytest.mark.parametrize(
    "change",
    [
        lambda c: setattr(c, "m", len),
        lambda c: setattr(c, "a", property(lambda s: 1)),
        lambda c: delattr(c, "default"),
        lambda c: setattr(c, "__getattribute__", object.__getattribute__),
        lambda c: setattr(c, "__bases__", (Plain,)),
    ],
)
def test_type_changes_break_attributes(mod, change):
    cls = type("Changing", (Other,), dict(vars(fresh_class())))
    t = mod.ticket()
    cls()
    mod.attr(t, cls, "m")
    change(cls)
    assert mod.state(t)[0] is False


class Other:
    pass


class Plain:
    pass


def test_class_variable_that_becomes_a_descriptor(mod):
    class Value:
        pass

    class C:
        v = Value()

    t = mod.ticket()
    assert mod.attr(t, C, "v")[0] == "CLASSVAR"
    Value.__get__ = lambda *a: 1
    assert mod.state(t)[0] is False
    assert mod.attr(mod.ticket(), C, "v")[0] == "GENERIC"


def test_store_beside_a_class_variable_that_becomes_a_descriptor(mod):
    class Value:
        pass

    class C:
        v = Value()

    o = C()
    o.v = 1
    t = mod.ticket()
    assert mod.attr(t, C, "v", True)[0] == "INLINE"
    Value.__set__ = lambda *a: None
    assert mod.state(t)[0] is False
    assert mod.attr(mod.ticket(), C, "v", True)[0] == "GENERIC"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=12), st.lists(st.sampled_from("abcdefgh"), max_size=12)
)
def test_inline_agrees_with_getattr(mod, first, second):
    cls = type("G", (), {"h": 99})
    t = mod.ticket()
    o, p = cls(), cls()
    for i, name in enumerate(first):
        setattr(o, name, i)
    for i, name in enumerate(second):
        setattr(p, name, -i)
    for obj in (o, p):
        for name in "abcdefgh":
            kind, _ = mod.attr(t, cls, name)
            got = mod.read(obj)
            if kind != "GENERIC" and got is not mod.NULL:
                assert got == getattr(obj, name)
            elif kind == "INLINE":
                assert name not in vars(obj) or sys.version_info < (3, 13)
