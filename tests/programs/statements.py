"""Statements in loops: del, import, def and lambda, with, starred unpacking, super, match, stores of dying objects."""

import math
import sys
import weakref

from diff.harness import case


class Point:
    __match_args__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y


class Point3(Point):
    __match_args__ = ("x", "y", "z")

    def __init__(self, x, y, z):
        super().__init__(x, y)
        self.z = z


class Liar:
    @property
    def __class__(self):
        return Point

    x = 5
    y = 6


class Seen:
    """Attributes that are made when asked for."""

    asked = 0

    def __getattr__(self, name):
        if name in ("x", "y"):
            Seen.asked += 1
            return Seen.asked
        raise AttributeError(name)


class Dies:
    log = []

    def __init__(self, i):
        self.i = i

    def __del__(self):
        Dies.log.append(self.i)


@case((80,))
def delete_locals(n):
    s = 0
    for i in range(n):
        x = i * 2
        y = [i]
        s += x + y[0]
        del x, y
        if i == 60:
            try:
                s += x  # noqa: F821
            except UnboundLocalError as e:
                s += len(str(e))
    return s


@case((80, 50), (80, 200))
def delete_what_is_not_there(n, k):
    s = 0
    for i in range(n):
        if i != k:
            x = i
        s += 1
        del x
    return s


@case((60,))
def delete_runs_destructors(n):
    Dies.log = []
    out = []
    for i in range(n):
        d = Dies(i)
        out.append(len(Dies.log))
        del d
        out.append(len(Dies.log))
    return out, Dies.log


@case((60,))
def import_in_loop(n):
    s = 0.0
    for i in range(n):
        import math as m
        import os.path
        from math import floor, sqrt

        s += m.sin(i) + sqrt(i) + floor(i / 3) + len(os.path.sep)
    return s


@case((60, 40), (60, 100))
def import_fails(n, k):
    s = 0
    for i in range(n):
        try:
            if i >= k:
                from math import no_such_name
            else:
                from math import pi as no_such_name
            s += no_such_name
        except ImportError as e:
            s += len(str(e))
    return s


@case((70,))
def lambda_in_loop(n):
    s = 0
    for i in range(n):
        f = lambda x, y=i: x * y  # noqa: E731
        s += f(2) + f(3, 4)
    return s, f.__name__, f.__defaults__, f.__qualname__


@case((70,))
def def_with_everything(n):
    s = 0
    fs = []
    for i in range(n):

        def g(a: int, b=i, *, c=i + 1) -> float:
            return a + b + c + i

        s += g(1) + g(1, 2) + g(1, c=3)
        if i % 20 == 0:
            fs.append(g)
    return s, [f(0) for f in fs], fs[0].__annotations__, fs[0].__kwdefaults__, fs[0].__closure__ is None


class Manager:
    def __init__(self, swallow=False):
        self.log = []
        self.swallow = swallow

    def __enter__(self):
        self.log.append("in")
        return len(self.log)

    def __exit__(self, kind, value, tb):
        self.log.append(kind and (kind.__name__, tb.tb_lineno))
        return self.swallow


@case((60,))
def with_in_loop(n):
    m = Manager()
    s = 0
    for i in range(n):
        with m as k:
            s += k + i
        with m:
            if i % 7 == 0:
                continue
            s += 1
    return s, len(m.log)


@case((60,))
def with_that_swallows(n):
    m = Manager(True)
    s = 0
    for i in range(n):
        with m:
            s += 10 // (i % 6)
    return s, m.log


class NoExit:
    def __enter__(self):
        return 1


@case((60, 45), (60, 100))
def with_without_exit(n, k):
    m, bad = Manager(), NoExit()
    s = 0
    for i in range(n):
        c = bad if i == k else m
        with c as v:
            s += v
    return s


@case((60, 45), (60, 100))
def with_no_manager(n, k):
    m = Manager()
    s = 0
    for i in range(n):
        c = 5 if i == k else m
        with c as v:
            s += v
    return s


class Shadowed(Manager):
    """What an instance has under these names is not asked."""

    def __init__(self):
        super().__init__()
        self.__dict__["__enter__"] = self.__dict__["__exit__"] = None


class ByDescriptor:
    """Methods that are no functions: they are bound first."""

    @staticmethod
    def __enter__():
        return 3

    @classmethod
    def __exit__(cls, *what):
        return cls is ByDescriptor and what[0] is not None


@case((60,))
def with_shadowing_instance(n):
    m = Shadowed()
    s = 0
    for _ in range(n):
        with m as k:
            s += k
    return s, m.log


@case((60,))
def with_bound_methods(n):
    m = ByDescriptor()
    s = 0
    for i in range(n):
        with m as k:
            s += k // (i % 9)
    return s


@case((60,))
def with_c_manager(n):
    import threading

    lock = threading.RLock()
    s = 0
    for i in range(n):
        with lock:
            s += i
            with lock as k:
                s += k
    return s


@case((60, 40), (60, 100))
def with_managers_of_two_types(n, k):
    a, b = Manager(), Shadowed()
    s = 0
    for i in range(n):
        with b if i % 3 == 0 or i > k else a as x, a as y:
            s += x + y
    return s, a.log, b.log


class Opened:
    """Made for each statement: it dies at its end."""

    closed = 0

    def __init__(self, i):
        self.i = i

    def __enter__(self):
        return self

    def __exit__(self, kind, value, tb):
        Opened.closed += self.i


@case((60,))
def with_made_there(n):
    Opened.closed = 0
    s = 0
    for i in range(n):
        with Opened(i) as o:
            s += o.i
        with Opened(1):
            if i == n - 2:
                break
    return s, Opened.closed


class Replaced:
    def __enter__(self):
        if Replaced.at == 0:
            Replaced.__exit__ = lambda self, *what: Replaced.left.append("new")
        Replaced.at -= 1

    def __exit__(self, *what):
        Replaced.left.append("old")


@case((60, 45))
def with_exit_replaced_by_enter(n, k):
    """__exit__ is looked up before __enter__ runs."""
    first = Replaced.__exit__
    Replaced.at, Replaced.left = k, []
    m = Replaced()
    for _ in range(n):
        with m:
            pass
    Replaced.__exit__ = first
    return Replaced.left


@case((60, 40), (60, 100))
def with_enter_raises(n, k):
    class Late:
        def __enter__(self):
            self.left = getattr(self, "left", k) - 1
            return 10 // self.left

        def __exit__(self, *what):
            return True

    m = Late()
    s = 0
    for _ in range(n):
        with m as x:
            s += x
    return s


@case((60,))
def annotations_of_local_functions(n):
    """They are made when asked for since 3.14, of the values of then."""
    fs = []
    for i in range(n):

        def g(a: i, b: list[i] = None) -> "text":  # noqa: F821
            return a + i

        if i % 25 == 0:
            fs.append(g)
        g(i)
    return [(f(0), f.__annotations__["a"], str(f.__annotations__["b"]), f.__annotations__["return"]) for f in fs]


@case((80,))
def starred_targets(n):
    s = 0
    out = []
    for i in range(n):
        a, *b = range(i % 5 + 1)
        *c, d = "xyz"[: i % 3 + 1]
        e, *f, g = (i, 1, 2, [3])
        s += a + len(b) + len(c) + e + len(f) + g[0]
        if i % 30 == 0:
            out.append((b, c, d, f))
    return s, out


@case((60, 50, 1), (60, 50, ()), (60, 50, (1, 2)), (60, 100, ()))
def starred_fails(n, k, bad):
    s = 0
    for i in range(n):
        t = bad if i == k else (1, 2, 3, 4)
        a, *b, c, d = t
        s += a + len(b) + c + d
    return s


class Low:
    def f(self, x):
        return x + 1

    @property
    def p(self):
        return 10

    @classmethod
    def made(cls):
        return cls.__name__


class Mid(Low):
    def f(self, x):
        return super().f(x) * 2

    def loop(self, n):
        s = 0
        for i in range(n):
            s += super().f(i) + super().p + len(super().made())
            s += super(Mid, self).f(i)
        return s


class High(Mid):
    def f(self, x):
        return super().f(x) + super(Mid, self).f(x)


@case((70,), jit=("Mid.loop", "Mid.f"))
def super_calls(n):
    s = 0
    h, m = High(), Mid()
    for i in range(n):
        s += h.f(i) + m.f(i)
    return s, m.loop(n), h.loop(n)


@case((70, 50), jit=("Mid.f",))
def super_after_a_change(n, k):
    s = 0
    m = Mid()
    old = Low.f
    try:
        for i in range(n):
            if i == k:
                Low.f = lambda self, x: x + 1000
            s += m.f(i)
    finally:
        Low.f = old
    return s


@case((70, 60), (70, 100))
def super_without_attribute(n, k):
    class A:
        pass

    class B(A):
        def f(self, i):
            return super().missing if i == k else i

    b = B()
    s = 0
    for i in range(n):
        s += b.f(i)
    return s


def kind_of(v):
    match v:
        case 0 | 1:
            return "bit"
        case int(x) if x < 0:
            return ("negative", x)
        case bool() | int() | float():
            return ("number", v)
        case str(s):
            return ("text", s)
        case [] | [_]:
            return "short"
        case [a, b]:
            return ("pair", a, b)
        case [a, *rest]:
            return ("many", a, rest)
        case {"k": k, **others}:
            return ("dict", k, others)
        case Point3(x, y, z):
            return ("3d", x, y, z)
        case Point(x=0, y=y):
            return ("axis", y)
        case Point(x, y=y):
            return ("2d", x, y)
        case None:
            return "none"
        case _:
            return "other"


@case((120,), jit=("kind_of",))
def match_of_many_kinds(n):
    things = [0, 5, -3, True, 2.5, "t", [], (1,), [1, 2], (1, 2, 3), {"k": 1, "l": 2}, {}, None, Liar(), Seen()]
    things += [Point(0, 2), Point(1, 2), Point3(1, 2, 3), range(3), b"bytes", {1}, object]
    Seen.asked = 0
    return [kind_of(things[i % len(things)]) for i in range(n)], Seen.asked


@case((90,))
def match_tuples_of_objects(n):
    things = [[0], [1], [2], [3]]
    x = things[0]
    out = []
    for i in range(n):
        match (i % 3, x):
            case (0, y):
                x = things[(i + 1) % 4] = [i]
                out.append(y)
            case (1, y):
                x = things[i % 4]
                things[(i + 2) % 4] = [y[0] + 1]
            case [k, y]:
                x = [k]
                out.append((y, k))
    return out, things, x


@case((90,))
def match_tuples_inline(n):
    s = 0
    for i in range(n):
        match (i % 3, i):
            case (0, y):
                s += y
            case (1, y):
                s -= y
            case [x, y]:
                s += x * y
    return s


@case((90,))
def match_points(n):
    ps = [Point(i % 3, i) for i in range(10)]
    s = 0
    for i in range(n):
        match ps[i % 10]:
            case Point(x=0, y=y):
                s += y
            case Point(1, y):
                s -= y
            case Point() as p:
                s += p.x * 100
    return s


@case((60, 50), (60, 100))
def match_attribute_is_gone(n, k):
    p = Point(1, 2)
    s = 0
    for i in range(n):
        if i == k:
            del p.y
        match p:
            case Point(x, y):
                s += x + y
            case Point(x):
                s += 1000 * x
    return s


@case((60, 50))
def match_args_change(n, k):
    class P:
        __match_args__ = ("a",)
        a = 1
        b = 2

    p = P()
    s = 0
    for i in range(n):
        if i == k:
            P.__match_args__ = ("b",)
        match p:
            case P(v):
                s += v
    return s


class TooMany:
    __match_args__ = ("a",)
    a = 1


class NotATuple:
    __match_args__ = ["a"]
    a = 1


class NotStrings:
    __match_args__ = (1,)


@case((60, 50, TooMany()), (60, 50, NotATuple()), (60, 50, NotStrings()), compiled=False)
def match_errors(n, k, bad):
    s = 0
    for i in range(n):
        match bad if i == k else i:
            case int():
                s += 1
            case TooMany(a, b):
                s += a
            case NotATuple(a):
                s += a
            case NotStrings(a):
                s += a
    return s


@case((60,))
def match_same_attribute_twice(n):
    s = 0
    for i in range(n):
        try:
            match Point(1, 2) if i > 40 else i:
                case int(k):
                    s += k
                case Point(a, x=b):
                    s += a + b
        except TypeError as e:
            s += len(str(e))
    return s


@case((60,))
def match_duplicate_keys(n):
    class K:
        a = 1
        b = 1

    s = 0
    for i in range(n):
        try:
            match {1: i} if i > 40 else i:
                case int(k):
                    s += k
                case {K.a: x, K.b: y}:
                    s += x + y
        except ValueError as e:
            s += len(str(e))
    return s


@case((80,))
def registered_sequences(n):
    import collections.abc

    class S:
        def __len__(self):
            return 2

        def __getitem__(self, i):
            if i < 2:
                return i
            raise IndexError

    o = S()
    s = 0
    for i in range(n):
        if i == 50:
            collections.abc.Sequence.register(S)
        match o:
            case [a, b]:
                s += 10 + a + b
            case _:
                s += 1
    return s


@case((80,))
def tuples_and_lists_die(n):
    s = 0
    for i in range(n):
        a = (i, i + 1)
        b = [a[0], 2.5, "x"]
        c, d = [i], (b,)
        s += a[1] + b[0] + c[0] + len(d)
        s += [1, 2, i][2] + len([i]) + (i, [i])[1][0]
    return s, a, b, c, d


@case((80,))
def what_dies_runs_code(n):
    Dies.log = []
    out = []
    for i in range(n):
        a = [Dies(i)]
        b, c = (Dies(-i),), i
        out.append(len(Dies.log) + len(b) + c)
        len([Dies(1000 + i)])
    return out, Dies.log, len(a)


@case((80,))
def weak_references_to_functions(n):
    out = []
    dead = []
    for i in range(n):
        f = lambda: i  # noqa: E731
        if i % 10 == 3:
            out.append(weakref.ref(f, lambda r, i=i: dead.append(i)))
    del f
    return len(out), dead, sum(r() is None for r in out)


@case((80,))
def one_object_stays_one(n):
    keep = []

    def note(x):
        keep.append(x)
        return x

    same = 0
    for i in range(n):
        big = i * 1000003
        same += note(big) is big
        f = i * 1.5
        t = (f, f)
        keep.append(t)
        same += t[0] is t[1]
    return same, sys.getsizeof(keep) > 0, math.fsum(k for k in keep if isinstance(k, int))


@case((70,))
def methods_of_numbers(n):
    s = 0
    out = []
    for i in range(n):
        x = i * 0.5
        z = complex(i, -0.0)
        b = i > 3
        s += i.bit_length() + (-i).bit_count() + x.is_integer() + i.is_integer() + b.conjugate() + b.real + b.numerator
        s += i.real + i.imag + i.numerator + i.denominator + i.conjugate()
        out.append((x.real, x.imag, x.conjugate(), z.real, z.imag, z.conjugate()))
        if i == 60:
            i = 1 << 70
            s += i.bit_length() + i.real + i.conjugate() + i.denominator
    return s, out


@case((70,))
def isinstance_of_classes(n):
    things = [1, True, 2.5, "s", Point(1, 2), Point3(1, 2, 3), Liar(), None]
    out = []
    p = Point3(1, 2, 3)
    for i in range(n):
        v = things[i % len(things)]
        out.append((isinstance(v, Point), isinstance(v, (int, Point3)), isinstance(p, Point), isinstance(i, Point)))
    return out


class Odd:
    """A key that is equal to a string, and says when it is asked."""

    asked = 0

    def __hash__(self):
        return hash("a")

    def __eq__(self, other):
        Odd.asked += 1
        return other == "a"


class Default(dict):
    def get(self, key, default=None):
        return 7


def kinds_of_mappings(kind):
    some = {"a": 1, "b": 2.5}
    return {
        "same": [some],
        "missing": [some, {"a": 1}, {"b": 2}, {}],
        "late": [some] * 70 + [{"b": 1}],
        "none": [{"a": None, "b": None}, some],
        "odd": [some] * 40 + [{Odd(): 5, "b": 1}, {"b": 1, Odd(): 6, 3: 4}],
        "others": [some, Default(some), 5, "ab", None],
        "ints": [{1: 2, "a": 3, "b": 4}, {1: 2}],
    }[kind]


@case(*((k, 90) for k in ("same", "missing", "late", "none", "odd", "others", "ints")))
def mapping_keys(kind, n):
    maps = kinds_of_mappings(kind)
    s = []
    x = y = rest = other = None
    for i in range(n):
        match maps[i % len(maps)]:
            case {"a": x, "b": y, **rest}:
                s.append((x, y, rest))
            case {"a": None}:
                s.append("none")
            case {"a": int(x)}:
                s.append(x)
            case {"b": _}:
                s.append("b")
            case {}:
                s.append(i)
            case other:
                s.append(other)
    return s, Odd.asked


@case((200, 120))
def mapping_values_die(n, k):
    Dies.log.clear()
    d = {"a": Dies(0), "b": 1}
    for i in range(n):
        match d:
            case {"a": x, "b": y}:
                d["b"] = y + 1
        if i > k:
            d["a"] = Dies(i)
    return len(Dies.log), Dies.log[:9], x.i


class Left(Low):
    def f(self, x):
        return super().f(x) + 1

    def loop(self, n, change):
        s = 0
        for i in range(n):
            s += super().f(i)
            s += super(Left, self).f(i)
            if i == change:
                Left.__bases__ = (Other,)
        return s


class Other(Low):
    def f(self, x):
        return -x


class Leftmost(Left, Other):
    pass


@case((90, 70), (90, 200), jit=("Left.loop", "Left.f"))
def super_after_a_change_of_bases(n, change):
    try:
        return Left().loop(n, 300), Leftmost().loop(n, 300), Left().loop(n, change), Left().loop(n, 300)
    finally:
        Left.__bases__ = (Low,)


@case((90, 60))
def super_of_another_class(n, k):
    def method(cls):
        def f(self, i):
            return super(cls, self).f(i)

        return f

    fs = [method(Left), method(Other)]
    x = Leftmost()
    s = 0
    for i in range(n):
        cls = Other if i > k else Left
        s += super(cls, x).f(i) + fs[i > k](x, i)
    return s
