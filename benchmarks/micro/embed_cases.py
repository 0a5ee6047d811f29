"""Functions that bench_embed runs; it executes this file inside the interpreter that it embeds."""

import time
import types

from backedge import _core

stats, drain = _core.stats, _core.drain
NEVER = 1000000000  # a threshold that no loop reaches
TOUCHY = {"sync": 1, "threshold": 2, "hot_exit": NEVER, "early_leaves": NEVER, "recompiles": 0}


def fresh(function, options=None):
    """A copy of the function with a code object of its own, watched if there are options."""
    copy = types.FunctionType(function.__code__.replace(), {}, function.__name__)
    if options is not None:
        _core.enable(copy.__code__, options)
    return copy


def watched(function):
    return fresh(function, {"threshold": NEVER})


def loop_of(function):
    """What is known of the function's compiled loop."""
    for loop in _core.explain(function.__code__)["loops"]:
        if loop["state"] == "compiled":
            return loop
    raise RuntimeError(f"not compiled: {_core.explain(function.__code__)['loops']}")


def compiled(function, *arguments):
    copy = fresh(function, TOUCHY)
    copy(*arguments)
    loop_of(copy)
    return copy


def function(*lines):
    namespace = {}
    exec("\n".join(lines), namespace)
    return namespace["f"]


def spin(n):
    for _ in range(n):
        pass


def carried(live, kind):
    """f(n, stop): `live` locals that change in each round and stay unboxed; returns when the counter is `stop`."""
    # ints by an operation that LLVM does not see through: sums would all become functions of the counter
    step = {"int": "^= i", "float": "+= 1.5"}[kind]
    names = [f"a{k}" for k in range(live)]
    set_up = [f"    {name} = {1000 + k}{'.0' if kind == 'float' else ''}" for k, name in enumerate(names)]
    body = [f"        {name} {step}" for name in names]
    leave = ["        if i == stop:", "            return"]
    return function("def f(n, stop):", *set_up, "    for i in range(n):", *body, *leave)


def nest(lines):
    """f(n): an inner loop that gets hot first, so that recording goes on for the outer one."""
    body = [f"            a = a * b + {k}.5" for k in range(lines)]
    head = ["def f(n):", "    a, b = 0.5, 0.25", "    for _ in range(1):", "        for i in range(n):"]
    return function(*head, *body)


def region(lines):
    """f(xs, n): a loop over a list with `lines` float operations, two int ones and a branch."""
    body = [f"        s = s + x * {k}.5" for k in range(lines)]
    head = ["def f(xs, n):", "    s, k = 0.5, 0", "    for i in range(n):", "        x = xs[i]"]
    tail = ["        k = k + i", "        if s > 1e300:", "            s = 0.5", "    return s, k"]
    return function(*head, *body, *tail)


def recording(function):
    return fresh(function, {"threshold": 1, "record_visits": 1000, "record_limit": 10000000,
                            "record_wait_us": 10000000})


def worker_done(before):
    """Waits until the compile thread has compiled something since its CPU time was `before`."""
    for _ in range(5000):
        if stats()["worker_cpu_ms"] != before:
            time.sleep(0.002)
            return
        time.sleep(0.001)
    raise RuntimeError("nothing was compiled")
