"""Shows on the running interpreter what backedge relies on: claims.py DIRECTORY (to build _probe in).

1. A loop can be entered natively at its back edge and left again.
2. A frame can go on at any bytecode, with any locals and operands.
3. An exception of native code comes out of the instruction that it belongs to.
"""

import copy
import dis
import importlib.util
import os
import subprocess
import sys
import sysconfig
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "unit"))
from embed_build import FLAGS, ROOT, core_defines  # noqa: E402

LEFT_OUT = ("module.c", "settings.c", "report.c")  # the package's own module


def build(directory):
    embed = sorted(f for f in os.listdir(os.path.join(ROOT, "embed")) if f.endswith(".c") and f not in LEFT_OUT)
    sources = [os.path.join(ROOT, "embed", f) for f in embed]
    sources += [os.path.join(ROOT, f) for f in ("guards/assume.c", "jit/helpers.c", "jit/bytecodes.c")]
    include = sysconfig.get_path("include")
    includes = ["-I", os.path.join(ROOT, "include"), "-isystem", include, "-isystem", os.path.join(include, "internal")]
    out = os.path.join(directory, "_probe" + sysconfig.get_config_var("EXT_SUFFIX"))
    probe = os.path.join(HERE, "probe.c")
    libs = ["-lm", "-ldl", "-lpthread"]
    cc = os.environ.get("CC", "cc").split()
    subprocess.run([*cc, *FLAGS, *core_defines(), *includes, *sources, probe, *libs, "-o", out], check=True)
    spec = importlib.util.spec_from_file_location("_probe", out)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def head(code):
    """The target of the code's last back edge."""
    return [i.argval for i in dis.get_instructions(code) if i.opname == "JUMP_BACKWARD"][-1]


# ---- 1. loops ----


def total(n):
    s = 0
    for i in range(n):
        s += i
    return s


def claim_loop():
    code = total.__code__
    n = 5_000_000
    want = n * (n - 1) // 2
    t = time.perf_counter()
    assert total(n) == want
    plain = time.perf_counter() - t
    for left_over in (5, 0, 1, n - 2):
        before = probe.entered()
        probe.sum(code, head(code), left_over)
        t = time.perf_counter()
        got = total(n)
        native = time.perf_counter() - t
        assert got == want and probe.entered() == before + 1, (left_over, got, want)
        if left_over == 5:
            shown = f"{plain * 1e3:.0f} ms plain, {native * 1e3:.1f} ms with all but the last 5 iterations native"
    return f"{n} iterations: {shown}"


# ---- 2. exits ----


def work(a, b, names):
    out = []
    for i in range(3):
        try:
            x = a * (b + i) - names[i % 2](b, key=i)
            if x > 10 and not i == 1:
                out.append((x, f"{x!r:>{b}}", {i: [a, *out]}))
            else:
                out += [y * b for y in range(i) if y != a]
        except ZeroDivisionError:
            out.append(i)
    return out, a < b < 9, -a


def first(v, key):
    return v - key


def second(v, key):
    return v // (key - 1) if key else v


def snapshot(values):
    """Iterators and lists as they are now: they go on changing."""
    memo = {}
    for v in values:
        if type(v) in (list, type(iter(range(0)))):
            memo[id(v)] = copy.copy(v)
    return [memo.get(id(v), v) for v in values]


def states(func, *args):
    """(offset, locals and operands) before each instruction of a call."""
    seen = []
    probe.watch(func.__code__, lambda offset, values: seen.append((offset, snapshot(values))))
    try:
        result = func(*args)
    finally:
        probe.watch(func.__code__, None)
    return seen, result


def resumable(code):
    """Offsets that can be gone to from the start of a function: not in front of it, not inside a handler."""
    in_handler = set()
    for entry in dis._parse_exception_table(code):
        if entry.lasti:
            in_handler.update(range(entry.start, entry.end, 2))
    first_resume = next(i.offset for i in dis.get_instructions(code) if i.opname == "RESUME")
    return lambda offset: offset > first_resume and offset not in in_handler


def claim_exit():
    args = (2, 5, (first, second))
    seen, want = states(work, *args)
    allowed = resumable(work.__code__)
    places, kinds = 0, set()
    names = {i.offset: i.opname for i in dis.get_instructions(work)}
    for offset, values in seen:
        if not allowed(offset):
            continue
        places += 1
        kinds.add(names[offset])
        probe.leave(work.__code__, offset, snapshot(values), None)
        before = probe.entered()
        got = work(None, None, None)
        assert got == want, (offset, names[offset], values, got, want)
        assert probe.entered() == before + 1
    assert places > 100 and len(kinds) > 25, (places, len(kinds))
    return f"{places} states of {len({o for o, _ in seen})} instructions ({len(kinds)} kinds), each with the right end"


# ---- 3. exceptions ----

# fmt: off
def risky(a, b, c, d):
    where = "outer"
    try:
        where = a + (b *
                     c)
        try:
            where = [d[a], d[b:c], (a, b), d.count(b, *()), a is b, not c, f"{a}{b!r:>{c}}", {a, b}, {a: b}, a < b]
            for i in range(1):
                d[i] = where = i in d
        except LookupError as e:
            return "inner", e
        where = -a
    except LookupError as e:
        return "outer", e
    return where
# fmt: on


def expected(line):
    return "inner" if 6 <= line <= 8 else "outer" if 3 <= line <= 4 or line == 11 else None


def innermost(tb):
    while tb.tb_next:
        tb = tb.tb_next
    return tb


def raised_at(offset, values, exc):
    """What becomes of an exception out of the instruction at an offset: (handler or None, its traceback entry)."""
    probe.leave(risky.__code__, offset, values, exc)
    try:
        label, e = risky(None, None, None, None)
    except LookupError as e:
        assert e is exc
        return None, innermost(e.__traceback__)
    assert e is exc
    return label, innermost(e.__traceback__)


def claim_raise():
    code = risky.__code__
    seen, _ = states(risky, 1, 2, 3, [4, 5, 6])
    allowed = resumable(code)
    tried = 0
    insns = {i.offset: i for i in dis.get_instructions(code)}
    covered = [(e.start, e.end) for e in dis._parse_exception_table(code)]
    for offset, values in seen:
        i = insns[offset]
        if not allowed(offset) or i.opname in ("EXTENDED_ARG", "NOP", "NOT_TAKEN", "END_FOR", "POP_ITER"):
            continue
        label, tb = raised_at(offset, snapshot(values), LookupError(offset))
        line = i.positions.lineno - code.co_firstlineno
        want = expected(line) if any(a <= offset < b for a, b in covered) else None
        assert label == want, (i, label, want)
        assert tb.tb_frame.f_code is code and tb.tb_lineno == i.positions.lineno, (i, tb.tb_lineno)
        assert list(code.co_positions())[tb.tb_lasti // 2] == tuple(i.positions), i
        tried += 1
    assert tried > 60, tried
    return f"{tried} instructions, each with the right handler, line and columns"


if __name__ == "__main__":
    probe = build(sys.argv[1])
    print("CPython", sys.version.split()[0])
    for name, claim in (("loop entry", claim_loop), ("exit anywhere", claim_exit), ("exact exceptions", claim_raise)):
        print(f"  {name}: {claim()}")
