"""Exceptions, with, calls and inlining, recursion, generators, closures, globals, changing code."""

import contextlib
import functools
import itertools
import math
import sys

from diff.harness import case

K = 3
table = [1, 2, 3]


def add(a, b):
    return a + b


def clamp(x, lo=0, hi=100):
    if x < lo:
        return lo
    if x > hi:
        return hi
    return x


def thrice(x):
    return add(add(x, x), x)


def fails_at(i, k):
    if i == k:
        raise ValueError(f"at {i}")
    return i


def deeper(i, k):
    return fails_at(i, k) + 1


@case((400, 300), (400, 396), (400, 10**6))
def side_never_taken_while_recording(n, late):
    hits, total, last, k = 0, 0.0, 0, 1
    for i in range(n):
        k = (k * 5 + 3) & 1023
        if i >= late:
            hits += 1
            total = total + k * 0.5
            last = i
    return hits, total, last, k


@case((400, 300), (400, 390))
def side_that_overflows_late(n, late):
    big, k = 1, 1
    for i in range(n):
        k = (k * 5 + 3) & 1023
        if i >= late:
            big = big * k + 7
    return big, k


@case((400, 300), (400, 10**6))
def side_that_changes_types_late(n, late):
    x, y, z, k = 0, 1.5, 3, 1
    for i in range(n):
        k = (k * 5 + 3) & 1023
        if i >= late:
            x = y
            y = z + k
            z = z + 2**70
        elif k < 0:
            y = x / k
    return x, y, z, k


@case((400, 300), (400, 10**6))
def side_that_unbinds_late(n, late):
    x, k = 0, 1
    for i in range(n):
        k = (k * 5 + 3) & 1023
        if i >= late:
            x += k
            del k
    return x, k


def count_if(i, late, hits):
    if i >= late:
        hits += 1
    return hits


@case((400, 300), (400, 10**6))
def side_in_callee_never_taken_while_recording(n, late):
    hits = 0
    for i in range(n):
        hits = count_if(i, late, hits) + (i & 1)
    return hits


@case((100, 70), (100, 170))
def exception_leaves_loop(n, k):
    s = 0
    for i in range(n):
        if i == k:
            raise RuntimeError("stop", i, s)
        s += i
    return s


@case((100, 70), (100, 170))
def exception_from_inlined_callee(n, k):
    s = 0
    for i in range(n):
        s += deeper(i, k) * 2
    return s


@case((120,))
def try_except_in_loop(n):
    s = 0
    for i in range(n):
        try:
            s += 100 // (i % 10)
        except ZeroDivisionError:
            s -= 1
    return s


@case((120,))
def try_except_never_raised(n):
    s = 0
    for i in range(n):
        try:
            s += i
        except ValueError:
            s = -1
        else:
            s += 1
        finally:
            s += 2
    return s


@case((100,))
def try_finally_with_break_and_continue(n):
    log = 0
    for i in range(n):
        try:
            if i % 7 == 3:
                continue
            if i == 90:
                break
            log += i
        finally:
            log += 1000
    return log, i


@case((100,))
def nested_try(n):
    out = []
    for i in range(n):
        try:
            try:
                if i % 20 == 5:
                    raise KeyError(i)
                if i % 20 == 10:
                    raise IndexError(i)
            except KeyError as e:
                out.append(("key", e.args))
                if i > 60:
                    raise ValueError("from key") from e
        except (IndexError, ValueError) as e:
            out.append((type(e).__name__, e.args, type(e.__cause__).__name__, type(e.__context__).__name__))
    return out


@case((60,))
def loop_inside_try(n):
    s = 0
    i = None
    try:
        for i in range(n):
            s += 10 // (40 - i)
    except ZeroDivisionError as e:
        return s, i, e.__traceback__.tb_lineno
    return s


@case((60,), compiled=False)
def loop_inside_except(n):
    s = 0
    try:
        raise KeyError("x")
    except KeyError:
        for i in range(n):
            s += i
            if sys.exc_info()[0] is not KeyError:
                s = -1000
    return s, sys.exc_info()[0]


@case((50,), compiled=False)
def loop_inside_finally_and_with(n):
    s = 0
    with contextlib.suppress(ZeroDivisionError):
        try:
            s = 1 // 0
        finally:
            for i in range(n):
                s += i
    with contextlib.nullcontext(5) as five:
        for i in range(n):
            s += five
    return s


@case((100,))
def with_in_loop(n):
    class Manager:
        entered = left = 0

        def __enter__(self):
            Manager.entered += 1
            return self

        def __exit__(self, kind, value, tb):
            Manager.left += 1
            return kind is KeyError

    s = 0
    for i in range(n):
        with Manager() as m:
            s += m.entered
            if i % 10 == 3:
                raise KeyError(i)
            if i % 10 == 5:
                continue
            s += 1
    return s, Manager.entered, Manager.left


@case((100,))
def except_star_and_groups(n):
    s = 0
    for i in range(n):
        try:
            if i % 25 == 7:
                raise ExceptionGroup("g", [ValueError(i), KeyError(i)])
            s += 1
        except* ValueError as eg:
            s += len(eg.exceptions) * 10
        except* KeyError:
            s += 1000
    return s


@case((80,))
def exception_context_and_notes(n):
    for i in range(n):
        try:
            fails_at(i, 70)
        except ValueError as e:
            e.add_note("noted")
            try:
                {}[i]
            except KeyError as k:
                raise TypeError("third") from k
    return None


@case((100, 3), (100, 97))
def exception_in_subexpression(n, k):
    xs = list(range(n))
    s = 0
    for i in range(n):
        s = (s + i * 3) % 1000 + (xs[i] + 7) // (xs[i] - k) + xs[-1 - i]
    return s


@case((100,))
def traceback_line_of_each(n):
    lines = []
    for i in range(n):
        try:
            x = 1 // (i % 5)
            y = [1, 2][i % 3]
            z = {"a": 1}["ab"[i % 2]]
            w = math.sqrt(10 - i % 20)
        except (ZeroDivisionError, IndexError, KeyError, ValueError) as e:
            lines.append((e.__traceback__.tb_lineno, e.__traceback__.tb_lasti, type(e).__name__))
    return lines


@case((200,))
def inlined_calls(n):
    s = 0
    for i in range(n):
        s = add(s, i)
        s = clamp(s, hi=5000)
        s += thrice(i) - clamp(i, 10, 20)
    return s


@case((150,))
def inlined_with_changing_types(n):
    s = 0
    for i in range(n):
        s = add(s, i if i < 60 else i * 0.5)
        if i == 100:
            s = int(s)
    return s, add("a", "b")


@case((100,))
def keyword_and_default_arguments(n):
    def f(a, b=2, *, c=3, d):
        return a + 10 * b + 100 * c + 1000 * d

    s = 0
    for i in range(n):
        s += f(i, d=1) + f(b=i, a=1, d=2) + f(1, 2, c=i, d=0)
    return s


@case((100, 80))
def wrong_number_of_arguments(n, k):
    s = 0
    for i in range(n):
        args = (i,) if i == k else (i, 1)
        s += add(*args)
    return s


@case((100, 80))
def missing_argument_late(n, k):
    def f(a, b):
        return a + b

    def g(a):
        return a

    s = 0
    for i in range(n):
        h = g if i == k else f
        s += h(i, 1)
    return s


@case((20,))
def recursion_fib(n):
    if n < 2:
        return n
    return recursion_fib(n - 1) + recursion_fib(n - 2)


def is_even(n):
    return 1 if n == 0 else is_odd(n - 1)


def is_odd(n):
    return 0 if n == 0 else is_even(n - 1)


@case((120,), jit=("is_even", "is_odd"))
def mutual_recursion(n):
    s = 0
    for i in range(n):
        s += is_even(i) * 2 - is_odd(i)
    return s


def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)


@case((40,), jit=("depth",))
def deep_recursion(n):
    s = 0
    for i in range(n):
        s += depth(i * 20)
    return s


def endless(n):
    return endless(n + 1) + 1


@case((5,), jit=("endless",), compiled=False)
def recursion_error(n):
    out = []
    for i in range(n):
        try:
            endless(0)
        except RecursionError as e:
            out.append(str(e))
    return out


def ackermann(m, n):
    if m == 0:
        return n + 1
    if n == 0:
        return ackermann(m - 1, 1)
    return ackermann(m - 1, ackermann(m, n - 1))


@case((2, 15), jit=("ackermann",))
def recursive_argument(m, n):
    s = 0
    for i in range(n):
        s += ackermann(m, i)
    return s


@case((100,))
def closures(n):
    total = 0
    factor = 2

    def bump(x):
        nonlocal total
        total += x * factor
        return total

    for i in range(n):
        bump(i)
        if i == 60:
            factor = 0.5
    return total, factor


@case((100,))
def closure_cells_in_loop(n):
    fs = []
    for i in range(n):

        def f(x, k=i):
            return x + k + i

        fs.append(f)
    return [f(1) for f in fs[:5]], i


def counter(start):
    value = start

    def step(by):
        nonlocal value
        for _ in range(by):
            value += 1
        return value

    return step


@case((100,))
def closures_share_code(n):
    a, b = counter(0), counter(1000.5)
    for i in range(n):
        a(i % 7)
        b(i % 5)
    return a(0), b(0)


def gen(n):
    i = 0
    while i < n:
        yield i
        i += 1


def squares(source):
    for v in source:
        yield v * v


@case((150,))
def iterate_generator(n):
    s = 0
    for v in gen(n):
        s += v
    return s


@case((150,))
def generator_pipeline(n):
    s = 0
    for v in squares(squares(gen(n))):
        s ^= v
    s += sum(v & 7 for v in gen(n))
    return s


@case((100,), jit=("gen", "squares"))
def compiled_generators(n):
    s = 0
    for v in squares(gen(n)):
        s += v
    return s


@case((100,))
def generator_send_throw_close(n):
    def g():
        got = 0
        while True:
            try:
                x = yield got
                got += x or 0
            except ValueError:
                got = -1

    it = g()
    next(it)
    s = 0
    for i in range(n):
        s += it.send(i)
        if i % 30 == 29:
            s += it.throw(ValueError)
    it.close()
    return s


@case((100,))
def itertools_sources(n):
    s = 0
    for a, b in itertools.product(range(10), range(n // 10)):
        s += a * b
    for a in itertools.islice(itertools.count(5, 3), n):
        s += a
    for a, b in itertools.pairwise(range(n)):
        s -= a * b
    for k, g in itertools.groupby(range(n), key=lambda v: v // 7):
        s += k * len(list(g))
    return s


@case((100,))
def yield_from_and_return_value(n):
    def inner(k):
        for i in range(k):
            yield i
        return k * 10

    def outer(k):
        r = yield from inner(k)
        yield r

    s = 0
    for v in outer(n):
        s += v
    return s


@case((100,))
def own_iterator_class(n):
    class Count:
        def __init__(self, k):
            self.i, self.k = 0, k

        def __iter__(self):
            return self

        def __next__(self):
            if self.i == self.k:
                raise StopIteration
            self.i += 1
            return self.i

    s = 0
    for v in Count(n):
        s += v
    return s


@case((100,))
def iterator_raises(n):
    def g():
        for i in range(n):
            if i == 80:
                raise OSError("broken")
            yield i

    s = 0
    for v in g():
        s += v
    return s


@case((120,))
def reads_globals(n):
    s = 0
    for i in range(n):
        s += K * i + table[i % 3]
    return s


@case((120,))
def writes_globals(n):
    global K
    K = 0
    for i in range(n):
        K += i
        if i % 50 == 49:
            K = float(K)
    s = K
    K = 3
    return s


def set_k(v):
    global K
    K = v


@case((120,))
def global_changed_by_callee(n):
    s = 0
    for i in range(n):
        s += K
        if i == 70:
            set_k(100)
        if i == 90:
            set_k(0.5)
    set_k(3)
    return s


@case((120,))
def global_changed_through_dict(n):
    s = 0
    g = globals()
    for i in range(n):
        s += K
        if i == 70:
            g["K"] = 50
        if i == 90:
            del g["K"]
            g["K"] = "x" if n < 0 else 5
    g["K"] = 3
    return s


@case((100,))
def global_deleted(n):
    g = globals()
    s = 0
    try:
        for i in range(n):
            s += K
            if i == 80:
                del g["K"]
    except NameError as e:
        return s, str(e), i
    finally:
        g["K"] = 3


@case((120,))
def function_replaced_while_running(n):
    global add
    old = add
    s = 0
    for i in range(n):
        s = add(s, i)
        if i == 70:

            def add(a, b):
                return a - b

    add = old
    return s


@case((120,))
def code_replaced_while_running(n):
    def one(a):
        return a + 1

    def two(a):
        return a * 2 % 1000

    s = 0
    for i in range(n):
        s = one(s)
        if i == 70:
            one.__code__ = two.__code__
    return s


@case((120,))
def defaults_replaced_while_running(n):
    def f(a, b=1, *, c=10):
        return a + b + c

    s = 0
    for i in range(n):
        s += f(i)
        if i == 50:
            f.__defaults__ = (100,)
        if i == 70:
            f.__kwdefaults__ = {"c": 1000}
        if i == 90:
            f.__kwdefaults__["c"] = 0
    return s


@case((100,))
def builtin_shadowed_while_running(n):
    g = globals()
    s = 0
    for i in range(n):
        s += len((1, 2, 3)) + abs(-i)
        if i == 70:
            g["len"] = lambda x: 100
        if i == 80:
            g["abs"] = lambda x: 0
    g.pop("len", None)
    g.pop("abs", None)
    return s


@case((100,))
def module_attribute_changes(n):
    old = math.ulp  # one that no other test needs: a name that changed often is no constant any more
    s = 0.0
    for i in range(n):
        s += math.ulp(i)
        if i == 70:
            math.ulp = lambda x: -1.0
    math.ulp = old
    return s


@case((200,))
def types_change_in_mid_loop(n):
    x = 0
    log = []
    for i in range(n):
        if i == 50:
            x = 0.5
        elif i == 100:
            x = 2**70
        elif i == 130:
            x = 1 + 1j
        elif i == 160:
            x = True
        x = x + 1
        if i % 10 == 0:
            log.append(x)
    return log


@case((200,))
def types_alternate(n):
    xs = [1, 2.5, 3, 4.5, True, 2**65]
    s = 0
    for i in range(n):
        s = s + xs[i % 6]
        if i % 6 == 5:
            s = 0
    return s


@case((1, 100), (1.5, 100), (True, 100), (2**64, 100), ("ab", 100), (1j, 100), ([1], 20), ((1, 2), 20), (None, 100))
def argument_types_change(x, n):
    y = x
    for i in range(n):
        y = x + x
    return y


@case((150,))
def many_locals_of_many_types(n):
    a, b, c, d, e, f, g, h = 0, 0.0, "", [], (), None, True, 1j
    for i in range(n):
        a += 1
        b += a
        c = str(a)
        d = [a]
        e = (a, b)
        f = None if i % 2 else a
        g = not g
        h += 1
    return a, b, c, d, e, f, g, h


@case((100,), compiled=False)
def locals_and_vars(n):
    s = 0
    for i in range(n):
        d = locals()
        s += d["i"] + len(d)
    return s, sorted(vars())


@case((60,), compiled=False)
def getframe_sees_locals(n):
    s = 0
    for i in range(n):
        f = sys._getframe()
        s += f.f_locals["i"] + f.f_lineno % 7
        del f
    return s


def peek():
    return sys._getframe(1).f_locals["i"], sys._getframe(1).f_lineno


@case((60,))
def callee_looks_at_caller(n):
    out = []
    for i in range(n):
        out.append(peek())
    return out


@case((60,), compiled=False)
def exec_and_eval(n):
    s = 0
    for i in range(n):
        s += eval("i * 2")
        ns = {"i": i}
        exec("j = i + 1", ns)
        s += ns["j"]
    return s


@case((100,))
def partial_and_lru_cache(n):
    f = functools.partial(clamp, hi=50)

    @functools.lru_cache(maxsize=10)
    def g(x):
        return x * x

    s = 0
    for i in range(n):
        s += f(i) + g(i % 13)
    return s, g.cache_info()


@case((60,), compiled=False)
def function_without_loop_called(n):
    return sum(clamp(i * 3, 5, 90) for i in range(n))


@case((3,), (8,), (0,), compiled=False)
def short_loops_called_often(n):
    s = 0
    for i in range(n):
        s += i
    return s


@case((300,), compiled=False)
def deep_nesting_of_calls(n):
    def f0(x):
        return x + 1

    f = f0
    for _ in range(20):
        f = (lambda g: lambda x: g(x) + 1)(f)
    s = 0
    for i in range(n):
        s += f(i)
    return s


@case((100,))
def assert_and_raise_types(n):
    out = []
    for i in range(n):
        try:
            if i % 4 == 0:
                raise KeyError
            if i % 4 == 1:
                raise KeyError("x") from None
            if i % 4 == 2:
                raise 5
        except (KeyError, TypeError) as e:
            out.append((type(e).__name__, e.args, e.__suppress_context__))
    return out[-4:]


@case((100,))
def reraise(n):
    out = []
    for i in range(n):
        try:
            try:
                fails_at(i % 10, 3)
            except ValueError:
                if i > 50:
                    raise
                out.append(i)
        except ValueError as e:
            out.append(str(e))
    return out


@case((50,))
def super_and_mro(n):
    class A:
        def f(self):
            return 1

    class B(A):
        def f(self):
            return super().f() + 1

    class C(B):
        def f(self):
            return super().f() * 2

    c = C()
    s = 0
    for i in range(n):
        s += c.f()
    return s


@case((100,), compiled=False)
def async_is_left_alone(n):
    async def f(k):
        s = 0
        for i in range(k):
            s += i
        return s

    co = f(n)
    try:
        co.send(None)
    except StopIteration as e:
        return e.value
