"""Runs programs plain and compiled, in worlds of their own, and compares all that can be seen of them.

A program file is executed twice, into two namespaces with separate code objects. In one of them the functions named
by the case are enabled. Each call's Outcome must agree, and the functions must really have been compiled.
"""

import copy
import gc
import inspect
import marshal
import os
import sys
import textwrap
import types

import backedge

from .outcome import observe

# BACKEDGE_FAKE=1: compare plain with plain, to test the harness itself and the programs
FAKE = os.environ.get("BACKEDGE_FAKE") == "1"

SETTINGS = {
    "low": {"threshold": 3, "call_threshold": 3, "hot_exit": 2, "worth": 0, "sync": 1, "compile_percent": 100},
    "narrow": {
        "threshold": 2,
        "call_threshold": 2,
        "hot_exit": 1,
        "worth": 0,
        "versions": 1,
        "inline_depth": 0,
        "sync": 1,
        "compile_percent": 100,
        "level": 0,
    },
    "usual": {"sync": 1, "compile_percent": 100},
    "worker": {"threshold": 3, "call_threshold": 3, "hot_exit": 2, "worth": 0, "compile_percent": 100},
}


class Case:
    """How a program is run: argument tuples (or functions that make one), and what is expected of it."""

    def __init__(self, argsets, jit=(), compiled=True, rounds=3, setup=None):
        self.argsets = argsets or ((),)
        self.jit = jit  # names of further functions to enable, as "f" or "Class.method"
        self.compiled = compiled  # False: may stay interpreted
        self.rounds = rounds  # how often the argument tuples are gone through
        self.setup = setup  # name of a function called first in both worlds


def case(*argsets, **options):
    """Marks a function of a program file as a program: @case((10,), (20,)) or @case(lambda: (fresh(),))."""

    def mark(func):
        func.case = Case(argsets, **options)
        return func

    return mark


_compiled_files = {}


def _marshalled(source, filename):
    key = filename, hash(source)
    if key not in _compiled_files:
        _compiled_files[key] = marshal.dumps(compile(source, filename, "exec", dont_inherit=True))
    return _compiled_files[key]


class World:
    """A program file, executed in a namespace of its own with code objects of its own."""

    def __init__(self, source, filename, name="program"):
        self.module = types.ModuleType(name)
        self.module.__file__ = filename
        self.namespace = self.module.__dict__
        exec(marshal.loads(_marshalled(source, filename)), self.namespace)

    def find(self, name):
        obj = self.module
        for part in name.split("."):
            obj = inspect.getattr_static(obj, part)
        return obj


def _enable(world, names, options):
    for name in names:
        backedge.jit(world.find(name), **options)


def _disable(world, names):
    for name in names:
        func = inspect.unwrap(getattr(world.find(name), "__func__", world.find(name)))
        if not FAKE and hasattr(func, "__code__"):
            backedge._core.disable(func.__code__)


def entered(func):
    """How often native code of this function was entered."""
    return sum(loop.get("entries", 0) for loop in backedge.explain(func).loops)


def _run(world, name, the_case, names=()):
    """All calls of a program in one world: their outcomes, and what is wrong with what was compiled. names: enabled."""
    func = getattr(world.module, name)
    argsets = func.case.argsets if hasattr(func, "case") else the_case.argsets
    if the_case.setup:
        getattr(world.module, the_case.setup)()
    entries = backedge.stats().get("entries", 0)
    seen = []
    for _ in range(the_case.rounds):
        for args in argsets:
            fresh = args() if callable(args) else args
            seen.append(observe(func, fresh, world.namespace))
            del fresh
    complaint = None
    if names:
        backedge._core.drain()
        # by the process-wide count: a loop that was blacklisted at last has lost its own
        if the_case.compiled and backedge.stats()["entries"] == entries:
            complaint = "no native code was entered:\n" + explained(map(world.find, names))
        loops = [loop for each in map(world.find, names) for loop in backedge.explain(each).loops]
        if any(loop.get("abort") in ("VERIFY", "BACKEND") for loop in loops):
            complaint = "the compiler failed:\n" + explained(map(world.find, names))
        for each in map(world.find, names):
            backedge._core.disable(backedge._function_of(each).__code__)  # native code holds the constants it uses
    return seen, _counts(argsets), complaint


def compare(source, filename, name, the_case, options):
    """One program under one setting; raises AssertionError on any difference."""
    __tracebackhide__ = True
    plain, jit = World(source, filename), World(source, filename)
    names = () if FAKE else (name, *the_case.jit)
    _enable(jit, names, options)
    want, want_counts, _ = _run(plain, name, the_case)
    got, got_counts, complaint = _run(jit, name, the_case, names)
    for world in (plain, jit):
        world.namespace.clear()  # breaks its cycles, so that code is freed now
    for call, (a, b) in enumerate(zip(want, got, strict=True)):
        wrong = list(a.differences(b))
        if wrong:
            raise AssertionError(f"{name}, call {call} of {len(want)}, {options}:\n" + "\n".join(wrong))
    assert want_counts == got_counts, f"{name}: reference counts of arguments: plain {want_counts}, jit {got_counts}"
    assert complaint is None, complaint


def require_compiled(*funcs):
    """At least one of the functions was compiled and its native code entered."""
    if FAKE:
        return
    backedge._core.drain()
    if os.environ.get("BACKEDGE_STRESS"):  # leaves so often that it may be blacklisted by now
        assert any(loop.get("compiles") for f in funcs for loop in backedge.explain(f).loops), explained(funcs)
        return
    assert any(entered(f) for f in funcs), "nothing was compiled and entered:\n" + explained(funcs)


def explained(funcs):
    return "\n".join(str(backedge.explain(f)) for f in funcs)


def _counts(argsets):
    """Reference counts of the arguments and what they hold directly; those of shared small objects say nothing."""
    gc.collect(0)
    counts = []
    for args in argsets:
        if callable(args):
            continue
        for arg in args:
            if not isinstance(arg, (int, str, bytes, type(None), type)):
                counts.append(sys.getrefcount(arg))
                if isinstance(arg, list):
                    counts.extend(sys.getrefcount(x) for x in arg[:20] if not isinstance(x, (int, str, type(None))))
    return counts


def check_source(source, name="run", args=((),), setting="low", compiled=True, jit=(), rounds=3, **options):
    """The same for a program given as text. args: tuples, each a call."""
    source = textwrap.dedent(source)
    return compare(
        source,
        f"<{name}>",
        name,
        Case(tuple(args), jit=jit, compiled=compiled, rounds=rounds),
        {**SETTINGS[setting], **options},
    )


class Program:
    """One program of a file."""

    def __init__(self, path, name, the_case):
        self.path, self.name, self.case = path, name, the_case

    def __repr__(self):
        return f"<{self.name}>"

    def check(self, setting, must_compile):
        with open(self.path) as file:
            source = file.read()
        the_case = copy.copy(self.case)
        the_case.compiled = the_case.compiled and must_compile
        compare(source, self.path, self.name, the_case, SETTINGS[setting])


def programs_of(path):
    """The programs of a program file, in order."""
    with open(path) as file:
        world = World(file.read(), path)
    return [
        Program(path, name, obj.case)
        for name, obj in world.namespace.items()
        if isinstance(obj, types.FunctionType) and isinstance(getattr(obj, "case", None), Case)
    ]
