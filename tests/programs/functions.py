"""Local functions, lambdas and closures: made anew per call, passed on, changed while loops that call them run."""

import gc
import weakref

from diff.harness import case

K = 5


@case((60,), (9,))
def local_function(n):
    def f(x, y):
        if x > y:
            return x - y
        return x * y + K

    t = 0
    for i in range(n):
        t += f(i, 20)
    return t


@case((60, 3), (60, 2.5))
def closure_reads(n, k):
    def f(x):
        s = 0
        while s < 3:
            s += 1
            x = x * k + s
        return x

    t = 0
    for i in range(n):
        t += f(i)
    return t


@case((60,))
def nonlocal_counts(n):
    calls = 0
    seen = None

    def f(x):
        nonlocal calls, seen
        calls += 1
        seen = x * 0.5
        return calls + x

    t = 0
    for i in range(n):
        t += f(i)
        if i & 7 == 0:
            calls -= 3
    return t, calls, seen


@case((60,))
def helpers_of_helpers(n):
    def a(i, j):
        return 1.0 / ((i + j) * (i + j + 1) // 2 + i + 1)

    def row(i):
        s = 0.0
        for j in range(6):
            s += a(i, j)
        return s

    return [row(i) for i in range(n)], sum(map(row, range(3)))


@case((60,))
def made_in_the_loop(n):
    t = []
    for i in range(n):
        f = lambda x, i=i: x * 2 + i  # noqa: E731
        t.append(f(i))
        t.append((lambda y: y - i)(3))
    return t


@case((60, 40), (60, 41))
def type_changes_inside(n, k):
    def f(x):
        y = x + z
        return y * 2

    z = 1
    t = []
    for i in range(n):
        if i == k:
            z = 1.5
        if i == k + 9:
            z = 1 << 70
        t.append(f(i))
    return t


@case((60, 41), (60, 100))
def raises_inside(n, k):
    def f(x, d):
        return 100 // (x - d)

    t = 0
    for i in range(n):
        t += f(i, k)
    return t


@case((60, 41))
def raises_in_closure(n, k):
    table = {i: i for i in range(n) if i != k}

    def g(x):
        return table[x] + 1

    def f(x):
        return g(x) * 2

    t = 0
    try:
        for i in range(n):
            t += f(i)
    except KeyError as e:
        return t, e.args, [x.name for x in frames(e.__traceback__)]
    return t


def frames(tb):
    while tb:
        yield type("F", (), {"name": (tb.tb_frame.f_code.co_name, tb.tb_lineno)})
        tb = tb.tb_next


@case((60, 40))
def unbound_cell(n, k):
    def f(x):
        return x + late

    late = 1
    t = 0
    for i in range(n):
        if i == k:
            del late
        t += f(i)
    return t


@case((60, 40))
def code_changes(n, k):
    def f(x, y=2):
        return x + y

    def g(x, y=3):
        return x * y

    t = []
    for i in range(n):
        if i == k:
            f.__code__ = g.__code__
        if i == k + 5:
            f.__defaults__ = (10,)
        if i == k + 10:
            f.__defaults__ = (7, 8)
        t.append(f(i))
    f.__defaults__ = None
    return t, f(1, 1)


@case((60, 40))
def default_goes(n, k):
    def f(x, y=2):
        return x + y

    t = 0
    for i in range(n):
        if i == k:
            f.__defaults__ = None
        t += f(i)
    return t


@case((60, 40))
def rebinds_itself(n, k):
    def f(x):
        nonlocal f
        if x == k:
            f = other
        return x + 1

    def other(x):
        return -x

    ref = weakref.ref(f)
    t = []
    for i in range(n):
        t.append(f(i))
    gc.collect()
    return t, ref() is None


@case((60, 40))
def dies_while_it_runs(n, k):
    class Noted:
        def __del__(self):
            log.append("gone")

    log = []

    def make(note):
        def f(x):
            nonlocal box
            if x == k:
                box = make(None)
            return x * 2 + (note is None)

        return f

    box = make(Noted())
    t = []
    for i in range(n):
        t.append(box(i))
        if log and log[-1] == "gone":
            log.append(i)
    return t, log


def applied(f, n):
    t = 0
    for i in range(n):
        t += f(i)
    return t


@case((40,), jit=("applied",))
def passed_on(n):
    k = n & 3

    def f(x):
        return x + k

    return [applied(f, n), applied(lambda x: x * 2, n), applied(f, n), applied(abs, n), applied(K.__add__, n)]


@case((60,))
def several_at_one_place(n):
    fs = [lambda x: x + 1, lambda x: x * 2, lambda x: x - 3]
    t = 0
    for i in range(n):
        t += fs[i % 3](i)
    return t


@case((30,))
def recursive_local(n):
    def fib(k):
        return k if k < 2 else fib(k - 1) + fib(k - 2)

    return [fib(i % 9) for i in range(n)]


def adder(k):
    def add(x, d=1):
        return x + k + d

    return add


add_three = adder(3)
adders = [adder(i) for i in range(8)]


@case((60,))
def closure_as_global(n):
    t = 0
    for i in range(n):
        t += add_three(i) + adders[i & 7](i, 2)
    return t


@case((60, 45))
def callable_changes_kind(n, k):
    class C:
        def __call__(self, x):
            return x * 10

        def m(self, x):
            return x * 100

    def f(x):
        return x

    t = []
    for i in range(n):
        if i == k:
            f = C()
        if i == k + 5:
            f = C().m
        if i == k + 10:
            f = float
        t.append(f(i))
    return t


@case((60,))
def other_globals(n):
    space = {"K": 100}
    exec("def f(x): return x + K", space)
    g = eval("lambda x: x + K")
    f = space["f"]
    t = []
    for i in range(n):
        if i == 40:
            space["K"] = 7
        t.append(f(i) + g(i))
    return t


@case((60,))
def keyword_and_star(n):
    def f(x, *rest, k=1, **more):
        return x + len(rest) + k + len(more)

    def g(x, /, y, *, z=3):
        return x * y + z

    t = 0
    for i in range(n):
        t += f(i, 1, 2, k=i) + f(i, a=1) + g(i, y=2) + g(i, 1, z=0) + g(i, 4)
    return t


@case((60,))
def sees_its_frame(n):
    import sys

    def f(x):
        return sys._getframe().f_code.co_name, sys._getframe(1).f_locals["i"], x

    return_values = []
    for i in range(n):
        return_values.append(f(i))
    return return_values


def kept_twice(out, x):
    out.append(x)
    out.append(x)
    return x


class Pair:
    def __init__(self, x, y):
        self.x = x
        self.y = y


@case((60,))
def one_number_one_object(n):
    """A number that is stored in several places is one object in all of them."""
    out, same, d, p = [], 0, {}, Pair(None, None)
    for i in range(n):
        a = i * 1.5
        b = i * 1000003 + 10**12
        out.append(a)
        out.append(a)
        same += out[-1] is out[-2]
        d[i] = b
        p.x = b
        p.y = a
        same += (d[i] is p.x) + (p.y is out[-1])
        c = kept_twice(out, a * b)
        same += out[-1] is out[-2]
        p.x = c
        same += p.x is out[-1]
        q = Pair(c + 1.0, (c, c))
        out.append(q.x)
        p.y = q
        same += (p.y.x is out[-1]) + (p.y.y[0] is p.y.y[1]) + (p.y.y[0] is p.x)
        t = a + 0.5
        pair = (t, t)
        out.append(t)
        if i % 7 == 0:
            out.append(pair)
            same += out[-1][0] is out[-2]
        d[str(i)] = t
        same += d[str(i)] is t
    return same, len(out), [x for x in out if isinstance(x, tuple)][:3]


@case((60, 0.5), (60, 10**15))
def number_kept_across_loops(n, step):
    out, total, same = [None, None], step, 0
    for i in range(n):
        total += step
        out.append(total)
        for k in range(3):
            out[k % 2] = total
            same += out[-1] is out[k % 2]
    return same, total is out[-1]
