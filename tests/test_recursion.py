"""Native recursion in the running process: signals, very deep recursion, what explain says of it."""

import signal
import sys
import time

import pytest

import backedge


class Alarm(Exception):
    pass


@backedge.jit(sync=1, call_threshold=10)
def fib(n):
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)


@backedge.jit(sync=1, call_threshold=10)
def deep(n):
    return 0 if n == 0 else deep(n - 1) + 1


def entered(func):
    return [loop for loop in backedge.explain(func).loops if loop["kind"] == "function" and loop["entries"]]


def test_a_signal_is_answered_at_once():
    def ring(*_):
        rung.append(time.monotonic())
        raise Alarm

    rung = []
    assert fib(15) == 610 and fib(16) == 987 and entered(fib)
    before = signal.signal(signal.SIGALRM, ring)
    start = time.monotonic()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(Alarm):
            fib(70)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert rung[0] - start < 0.2 + 0.5  # 50 ms on a machine of one's own


def test_no_depth_is_lost():
    old = sys.getrecursionlimit()
    for _ in range(40):
        deep(50)
    assert entered(deep)
    try:
        sys.setrecursionlimit(55_000)
        assert deep(50_000) == 50_000
        with pytest.raises(RecursionError) as caught:
            deep(60_000)
        assert deep(50_000) == 50_000
    finally:
        sys.setrecursionlimit(old)
    frames, tb = 0, caught.tb
    while tb:
        frames, tb = frames + 1, tb.tb_next
    here, outside = sys._getframe(), 0
    while here:
        here, outside = here.f_back, outside + 1
    assert abs(frames + outside - 55_000) <= 4
