"""Python waits for a compile where the rest of the loop is long: jit/await.c."""

import threading
import types

import backedge

MANY = 20_000_000


def long_loop(n):
    s = 0
    for i in range(n):
        s = (s + i * 3) & 0xFFFF
    return s


def nest(n, m):
    s = 0
    for i in range(n):
        for j in range(m):
            s = (s + i * j) & 0xFFFF
    return s


def ends_early(n):
    s = 0
    for i in range(n):
        s = (s + i * 3) & 0xFFFF
        if i == 300:
            break
    return s


def fresh(func, space=None):
    return backedge.jit(types.FunctionType(func.__code__.replace(), space or func.__globals__))


def back_edges(func, *args):
    """The fewest that were interpreted of five functions that are new: waiting has a limit, and machines are shared."""
    fewest = None
    for _ in range(5):
        f = fresh(func)
        f(*args)
        seen = sum(loop["back_edges"] for loop in backedge.explain(f).loops)
        fewest = seen if fewest is None else min(fewest, seen)
    return fewest


def test_a_long_loop_is_not_interpreted_while_it_is_compiled():
    assert back_edges(long_loop, MANY) < 500


def test_nor_is_a_nest():
    assert back_edges(nest, 200_000, 100) < 2_000


def test_a_loop_that_may_end_at_any_time_is():
    assert ends_early(MANY) == fresh(ends_early)(MANY)
    assert back_edges(ends_early, MANY) == 300


def uses_global(n):
    s = 0
    for i in range(n):
        s = (s + i * step) & 0xFFFF
    return s


def test_other_threads_run_meanwhile():
    """They change what the code relies on, and run the same loop."""
    space = {"step": 3, "__builtins__": __builtins__}
    f = fresh(uses_global, space)
    stop = threading.Event()
    turns = 0

    def change():
        nonlocal turns
        while not stop.is_set():
            space["step"] = 3  # the same object: no change that can be seen
            space["other"] = turns
            turns += 1

    results = []
    threads = [threading.Thread(target=lambda: results.append(f(3_000_000))) for _ in range(3)]
    changer = threading.Thread(target=change)
    changer.start()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    stop.set()
    changer.join()
    expected = types.FunctionType(uses_global.__code__, {"step": 3})(3_000_000)
    assert results == [expected] * 3 and turns
    backedge._core.drain()
