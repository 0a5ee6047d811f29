"""Which compiles are made: further ones of a nest only when interpreting has cost what they cost."""

import types

import backedge


def nest(n, rounds):
    total = 0
    for r in range(rounds):
        i = 0
        while i < n:
            total += i & r
            i += 1
    return total


def compiles_of_nest(**settings):
    fresh = types.FunctionType(nest.__code__.replace(), {"range": range})
    f = backedge.jit(fresh, sync=1, record_wait_us=0, **settings)
    assert f(300, 40) == nest(300, 40)
    outer, inner = backedge.explain(f).loops
    return outer["compiles"], inner["compiles"]


def test_a_loop_around_compiled_code_is_compiled_once_that_pays():
    assert compiles_of_nest(worth=0) == (1, 1)
    assert compiles_of_nest(worth=100000) == (0, 1)


def test_an_exit_that_costs_much_is_learned_before_it_is_hot():
    @backedge.jit(sync=1, hot_exit=10**9, record_wait_us=10**7)
    def rows(n):
        seen = 0
        for r in range(n):
            for c in range(20000):
                if c == 10 and r > 5:
                    seen += max(r, c - 20)
        return seen

    assert rows(60) == sum(range(6, 60))
    outer = backedge.explain(rows).loops[0]
    assert outer["compiles"] >= 2, backedge.explain(rows)


def test_the_end_of_a_while_loop_is_no_news():
    @backedge.jit(sync=1)
    def count(n):
        i = 0
        while i < n:
            i += 1
        return i

    count(1000)  # recording does not see the end
    for _ in range(200):
        assert count(100) == 100
    (loop,) = backedge.explain(count).loops
    assert loop["compiles"] == 1 and loop["entries"] > 100


def test_arithmetic_on_a_side_that_was_never_taken_needs_no_compile_of_its_own():
    def f(n, late):
        hits = 0
        for i in range(n):
            if i >= late:
                hits += 1
        return hits

    backedge.jit(f, threshold=10, sync=1, worth=0)
    assert f(20000, 10000) == 10000
    (loop,) = backedge.explain(f).loops
    assert loop["state"] == "compiled"
    assert loop["compiles"] == 1
    assert f(20000, 0) == 20000
    (loop,) = backedge.explain(f).loops
    assert loop["compiles"] == 1
