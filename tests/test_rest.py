"""Loops that are over after a few iterations rest, and come back when they run longer."""

import time

import backedge


def summed(f, times, n):
    t = 0
    for _ in range(times):
        t += f(n)
    return t


def make():
    @backedge.jit(compile_percent=100)
    def total(n):
        t = 0
        for i in range(n):
            t += i & 3
        return t

    return total


def entries():
    return backedge.stats()["entries"]


def until(done, step, seconds=20):
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        step()
    return done()


def entered(f, n):
    before = entries()
    f(n)
    return entries() > before


def test_short_runs_are_left_alone_and_long_ones_entered_again():
    total = make()
    assert until(lambda: entered(total, 5000), lambda: time.sleep(0.01))
    before = entries()
    assert summed(total, 100000, 3) == 300000
    assert entries() - before < 20000
    assert until(lambda: entered(total, 5000), lambda: time.sleep(0.01))
    assert total(5000) == sum(i & 3 for i in range(5000))


def test_a_long_run_is_entered_in_its_middle():
    total = make()
    assert until(lambda: entered(total, 5000), lambda: time.sleep(0.01))
    summed(total, 20000, 3)
    before = entries()
    end = time.monotonic() + 20
    n = 1000000
    while entries() == before and time.monotonic() < end:
        total(n)
    assert entries() > before


def test_while_loops_rest():
    @backedge.jit(compile_percent=100)
    def digits(n):
        k = 0
        while n:
            k += 1
            n //= 10
        return k

    assert until(lambda: entered(digits, 10**18), lambda: time.sleep(0.01))
    before = entries()
    assert summed(digits, 100000, 123) == 300000
    assert entries() - before < 20000
    assert backedge.explain(digits).loops[0]["rests"] > 0

    def long():
        return all(entered(digits, 10**18) for _ in range(100))

    assert until(long, lambda: time.sleep(0.01))


def test_few_iterations_that_do_much_do_not_rest():
    @backedge.jit(compile_percent=100)
    def outer(n):
        t = 0
        for i in range(3):
            t += inner(n + i)
        return t

    @backedge.jit(compile_percent=100)
    def inner(n):
        t = 0
        for i in range(n):
            t += i & 3
        return t

    for _ in range(100):
        summed(outer, 100, 500)
        time.sleep(0.001)
    before = entries()
    summed(outer, 4000, 500)
    assert entries() - before >= 3500
    assert backedge.explain(outer).loops[0]["rests"] == 0
