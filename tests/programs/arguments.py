"""Arguments of calls: by name, defaults, keyword-only, *args; C functions called with plain numbers; ranges."""

import cmath
import math

from diff.harness import case


def three(a, b=2, c=3):
    return a * 100 + b * 10 + c


def only(a, *, scale=2, shift):
    return a * scale + shift


def first(a, /, b, *rest, last=0):
    return a + b * 2 + len(rest) * 100 + sum(rest) + last


def total(*xs):
    s = 0
    for x in xs:
        s += x
    return s


def keeps(*xs):
    return xs


@case((80,))
def by_name(n):
    s = 0
    for i in range(n):
        s += three(i) + three(i, c=1) + three(c=i, a=1) + three(a=1, b=i, c=2) + three(i, 1, c=i)
    return s


@case((80,))
def keyword_only(n):
    s = 0
    for i in range(n):
        s += only(i, shift=1) + only(i, shift=i, scale=3) + only(a=i, shift=0)
        if i == 50:
            only.__kwdefaults__["scale"] = 7
        if i == 70:
            only.__kwdefaults__ = {"scale": 9}
    only.__kwdefaults__ = {"scale": 2}
    return s


@case((80,))
def star_parameters(n):
    s = 0
    out = []
    for i in range(n):
        s += first(i, 1) + first(i, 1, 2, 3) + first(i, 1, 2, last=i) + total(i, 2) + total() + total(*(1, i))
        if i % 20 == 0:
            out.append(keeps(i, i + 0.5))
            out.append(keeps())
    return s, out, out[1] is out[3]


@case((60, 50, "missing"), (60, 50, "twice"), (60, 50, "unknown"), (60, 50, "many"), (60, 50, "positional"))
def wrong_arguments(n, k, how):
    s = 0
    for i in range(n):
        s += three(i, c=1)
        if i == k:
            if how == "missing":
                s += only(i)
            elif how == "twice":
                s += three(i, a=1)
            elif how == "unknown":
                s += three(i, d=1)
            elif how == "many":
                s += three(1, 2, 3, 4)
            else:
                s += first(a=1, b=2)
    return s


@case((90,))
def numbers_through_functions(n):
    out = []
    for i in range(n):
        x = i * 0.37 - 7
        out.append((pow(i, 7, 1009), round(x, 1), round(i, -1), int("12"), float("1.5"), hash(x), hash(i), bin(i)))
        out.append((math.gamma(abs(x) + 0.5), math.frexp(x), math.modf(x), math.ldexp(x, 3), math.remainder(x, 3.0)))
        out.append((math.hypot(x, i, 2), math.isclose(x, i, rel_tol=0.5), math.lcm(i, 4), math.comb(i & 15, 3)))
        out.append((str(i), repr(x), complex(i, 2), complex("1+2j"), divmod(x, 2.5), round(x, ndigits=2)))
        out.append((x.as_integer_ratio(), x.hex(), math.nextafter(x, i), math.ulp(x), math.perm(i & 7, 2)))
    return out


@case((60,))
def sequences_through_functions(n):
    xs = [3, 1, 2.5, True]
    out = []
    for i in range(n):
        t = (i, 5, 0.5)
        out.append((sum(xs), min(xs), max(t), any(xs), all(t), sum(range(i)), max(range(3, i + 4)), sum(t, 10)))
        out.append((math.fsum(xs), math.prod(t), math.dist((1, 2.0), (i, 3)), min(xs, default=7), sum([])))
        xs[i % 4] = i * 0.5
    return out


class Num:
    def __init__(self, v):
        self.v = v

    def __add__(self, o):
        Num.calls += 1
        return Num(self.v + (o.v if isinstance(o, Num) else o))

    __radd__ = __add__
    calls = 0

    def __lt__(self, o):
        Num.calls += 1
        return self.v < o.v

    __gt__ = __lt__


@case((60, 40), (60, 100))
def objects_among_the_items(n, k):
    Num.calls = 0
    xs = [1, 2, 3]
    s = 0
    for i in range(n):
        if i == k:
            xs[1] = Num(5)
        r = sum(xs)
        s += r.v if isinstance(r, Num) else r
    return s, Num.calls


@case((60, 50, "pow"), (60, 50, "int"), (60, 50, "comb"), (60, 50, "max"), (60, 50, "sum"), (60, 50, "round"))
def functions_that_raise(n, k, how):
    s = 0
    for i in range(n):
        if how == "pow":
            s += pow(i, 2, 0 if i == k else 7)
        elif how == "int":
            s += int("x" if i == k else "7")
        elif how == "comb":
            s += math.comb(-1 if i == k else i, 2)
        elif how == "max":
            s += max([] if i == k else [i, 2])
        elif how == "sum":
            s += sum(["a"] if i == k else [i, 2])
        else:
            s += round(i * 0.5, 2.0 if i == k else 1)
    return s


@case((50,))
def raising_in_an_inlined_callee(n):
    def f(i):
        return pow(3, i, 7 if i < 40 else 0)

    s = 0
    for i in range(n):
        try:
            s += f(i)
        except ValueError as e:
            s += len(str(e)) + e.__traceback__.tb_next.tb_lineno
    return s


@case((60,))
def complex_functions(n):
    out = []
    for i in range(1, n):
        z = complex(i * 0.3 - 5, 1.5 - i * 0.1)
        out.append((cmath.exp(z), cmath.log(z), cmath.sqrt(z), cmath.sin(z), cmath.phase(z), cmath.polar(z)))
        out.append((cmath.rect(abs(z), 1.0), cmath.isfinite(z), cmath.atan(z), cmath.isclose(z, z), cmath.tanh(i)))
    return out


@case((60, 0j), (60, complex("inf")), (60, complex("nan")), (60, "x"))
def complex_functions_fail(n, bad):
    s = 0j
    for i in range(1, n):
        z = bad if i == 50 else complex(i, 1)
        try:
            s += cmath.log(z) + cmath.exp(z) + cmath.atanh(z)
        except (ValueError, OverflowError, TypeError) as e:
            s += len(str(e))
    return s


@case((40, 3), (40, -2), (40, 0), (40, 1 << 62), (40, -(1 << 63)), (40, 1 << 70))
def ranges_with_any_step(n, k):
    s = 0
    for j in range(n):
        step = (j & 3) + 1 if j < 30 else k
        for i in range(j, 50, step):
            s += i
        for i in range(50, j, -step):
            s -= i * 2
        for i in reversed(range(0, j, 2)):
            s += i * 3
        for i in range(-(1 << 63), (1 << 63) - 1, step if step > 1 << 61 else 1 << 61):
            s += i & 1023
    return s


class Printer:
    def __init__(self):
        self.out = []

    def __call__(self, *args):
        self.out.append("{!r}".format(args))


@case((40, 3), (40, 7))
def ranges_of_unknown_step_over_unknown_calls(n, k):
    show = Printer()
    for j in range(n):
        for i in range(j, 60, k + (j & 1)):
            print(i, j, file=None, end="") if i > 100 else show(i, *[j])
        for i in range(60, j, -k):
            show(*(i, k))
    return show.out


@case((30, 1 << 62), (30, (1 << 63) - 5), (30, -(1 << 63)), (30, 1 << 70))
def ranges_at_the_edges(n, b):
    s = 0
    for _ in range(n):
        for i in range(b, b + 8, 3):
            s += i & 255
        for i in range(b + 8, b, -3):
            s ^= i & 255
    return s


@case((60,))
def nested_iterators(n):
    xs = [1, 2, 3, 4, 5]
    ys = (10, 20, 30)
    s = 0
    for j in range(n):
        for i, (a, b) in enumerate(zip(xs, ys)):
            s += i * a + b
        for (i, a), b in zip(enumerate(xs, 5), range(j % 7)):
            s += i * a - b
        for i, a in enumerate(reversed(xs)):
            s += i * a
        for a, b, c in zip(range(3), xs, reversed(ys)):
            s += a * b + c
        for i, (a, b) in enumerate(zip(xs, xs[1:])):
            if i == 2:
                break
            s += a - b
        else:
            s += 1000
        for t in zip(xs, [j, 2]):
            s += t[0] * t[1]
    return s, i, t


@case((60,))
def zip_of_shorter_and_growing(n):
    s = 0
    for j in range(n):
        xs = [1, 2, 3]
        for a, b in zip(xs, range(10)):
            if len(xs) < 7:
                xs.append(a + b)
            s += a
        for a, b in zip(range(j % 3), xs):
            s += a * b
    return s, xs


@case((60,))
def iterators_that_escape(n):
    out = []
    for i in range(n):
        out.append(sum(x * x for x in range(i % 5)))
        out.append(any(x == i for x in [1, 2, 3]) + all(x < i for x in (1, 2)))
        out.append((i in range(3, 50, 2)) + (2.0 in range(i)) + ("a" in range(i)))
    return out
