"""Special methods of Python classes that an instruction calls by itself: inlined, left in their middle, redefined."""

import sys
import traceback

from diff.harness import case


def places(e):
    """Where an exception was raised: function, line within it, columns."""
    out = []
    for f in traceback.extract_tb(e.__traceback__)[1:]:
        out.append((f.name, f.lineno, f.colno, f.end_colno))
    return type(e).__name__, str(e), out


class Grid:
    def __init__(self, n):
        self.n = n
        self.cells = [float(i) for i in range(n * n)]

    def __getitem__(self, key):
        i, j = key
        return self.cells[i * self.n + j]

    def __setitem__(self, key, value):
        i, j = key
        self.cells[i * self.n + j] = value

    def __len__(self):
        return self.n

    def __contains__(self, x):
        return x < self.n

    def __call__(self, x, y=3):
        return x * y + self.n

    @property
    def half(self):
        return self.n / 2

    def __bool__(self):
        return self.n > 3


class Vec:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __add__(self, o):
        if not isinstance(o, Vec):
            return NotImplemented
        return Vec(self.x + o.x, self.y + o.y)

    def __radd__(self, o):
        if isinstance(o, str):
            return o + "!"
        return Vec(self.x + o, self.y + o)

    def __sub__(self, o):
        return Vec(self.x - o.x, self.y - o.y)

    def __mul__(self, k):
        return Vec(self.x * k, self.y * k)

    def __rmul__(self, k):
        return Vec(k * self.x, k * self.y)

    def __iadd__(self, o):
        self.x += o.x
        return self

    def __neg__(self):
        return Vec(-self.x, -self.y)

    def __invert__(self):
        return self

    def __eq__(self, o):
        return self.x == o.x

    def __lt__(self, o):
        return self.x < o.x

    def __truediv__(self, k):
        return Vec(self.x / k, self.y / k)


class Sub(Vec):
    def __radd__(self, o):
        return Vec(o.x + 1000, 0)

    def __gt__(self, o):
        return "reflected"


class Picky:
    """Its operators say NotImplemented for odd numbers."""

    def __init__(self, n):
        self.n = n

    def __add__(self, o):
        return NotImplemented if o.n & 1 else self.n + o.n

    def __mul__(self, o):
        return NotImplemented

    def __lt__(self, o):
        return NotImplemented if o.n & 1 else self.n < o.n

    def __eq__(self, o):
        return NotImplemented

    def __iadd__(self, o):
        return NotImplemented if o.n % 3 == 0 else self.n

    def __index__(self):
        return 2


class Other:
    def __init__(self, n):
        self.n = n

    def __radd__(self, o):
        return NotImplemented if self.n % 7 == 0 else ("radd", self.n)

    def __gt__(self, o):
        return ("gt", self.n)

    def __eq__(self, o):
        return ("eq", self.n)


class Upto:
    def __init__(self, n, bad=-1):
        self.i = 0
        self.n = n
        self.bad = bad

    def __iter__(self):
        return self

    def __next__(self):
        if self.i >= self.n:
            raise StopIteration
        self.i += 1
        if self.i == self.bad:
            raise ValueError(self.i)
        return self.i


class Value:
    """Gives back what it was made with, whatever the slot wants."""

    def __init__(self, result):
        self.result = result

    def __len__(self):
        return self.result

    def __contains__(self, x):
        return self.result

    def __bool__(self):
        return self.result

    def __eq__(self, o):
        return self.result

    def __lt__(self, o):
        return self.result

    def __setitem__(self, k, v):
        return self.result


@case((8,), (20,))
def grid(n):
    a, c = Grid(n), Grid(n)
    for i in range(n):
        for j in range(n):
            t = 0.0
            for k in range(n):
                t += a[i, k] * a[k, j]
            c[i, j] = t
    return c.cells


@case((80,))
def raises_in_item(n):
    a, out = Grid(8), []
    for i in range(n):
        try:
            out.append(a[i, 1])
            a[i, 2] = i
        except IndexError as e:
            out.append(places(e))
        try:
            a[i, "x" if i % 20 == 19 else 3] += 1
        except (TypeError, IndexError) as e:
            out.append(places(e)[:2])
    return out


@case((80,))
def wrong_key(n):
    a, out = Grid(10), []
    for i in range(n):
        try:
            out.append(a[(i % 10, 1) if i < 70 else i])
        except TypeError as e:
            out.append(places(e))
    return out


@case((60,))
def lengths_and_calls(n):
    g, total = Grid(5), 0
    for i in range(n):
        total += len(g) + g(i) + g(i, 2) + g(i, y=4) + g.half
        if i in g:
            total += 100
        if i not in g:
            total -= 1
        if g:
            total += 0.5
        if not g:
            total += 7000
        g.n = i % 9
    return total


@case((60,))
def lengths_of_all_kinds(n):
    results = [3, 10**30, -1, True, 2.5, "x", 0, -(10**30), 1 << 62]
    out = []
    for r in results:
        for i in range(n):
            v = Value(r if i > 40 else i)
            try:
                out.append(len(v))
            except (TypeError, ValueError, OverflowError) as e:
                out.append(places(e))
    return out[::7] + out[-25:]


@case((60,))
def truths_of_all_kinds(n):
    out = []
    for r in (True, 0, 1.5, "", [1], None, NotImplemented):
        for i in range(n):
            v = Value(r if i > 40 else i > 20)
            try:
                out.append((i in v, i not in v))
                out.append(not v)
                if v:
                    out.append("true")
            except TypeError as e:
                out.append(places(e))
    return out


@case((60,))
def comparisons_of_all_kinds(n):
    out = []
    for r in (True, 0, 1.5, "", [1], None):
        for i in range(n):
            v = Value(r if i > 40 else i > 20)
            out.append(v == i)
            if v < i:
                out.append("less")
            v[i] = i
    return out


@case((60,))
def arithmetic(n):
    p, d, hits = Vec(0.5, 1.0), Vec(1.0, 2.0), 0
    for i in range(n):
        q = p + d * 2.0 - 0.5 * d
        p = -q if q.x > 50 else q
        hits += (p < d) + (p == q)
        p += d
        hits += ~p is p
        p = 1 + p
    return p.x, p.y, hits, p.__dict__


@case((60,))
def arithmetic_raises(n):
    out, p = [], Vec(1.0, 2.0)
    for i in range(n):
        try:
            p = p + Vec(1.0, i)
            out.append((p / (i % 9)).x)
        except ZeroDivisionError as e:
            out.append(places(e))
    return out


@case((60,))
def not_implemented(n):
    out = []
    for i in range(n):
        a = Picky(i)
        b = Picky(i % 5) if i < 40 else Other(i)
        for name, f in (("add", lambda: a + b), ("less", lambda: a < b), ("times", lambda: a * [1, i])):
            try:
                out.append((name, f()))
            except TypeError as e:
                out.append((name, places(e)))
    return out


@case((70,))
def not_implemented_here(n):
    out = []
    for i in range(n):
        a = Picky(i)
        b = Picky(i % 2 if i > 45 else 2) if i < 55 else Other(i)
        try:
            out.append(a + b)
        except TypeError as e:
            out.append(places(e))
        try:
            out.append(a < b)
        except TypeError as e:
            out.append(places(e))
        out.append((a == b, a == a, a != b))
        try:
            c = a
            c += b
            out.append(c)
        except TypeError as e:
            out.append(places(e))
    return out


@case((60,))
def repeats(n):
    out = []
    for i in range(n):
        a = Picky(i)
        try:
            out.append(a * ([i] if i > 40 else (i, 1)))
        except TypeError as e:
            out.append(places(e))
        try:
            out.append(Vec(1, 2) * [i] if i > 50 else Vec(1, 2) * 3.0 == Vec(3.0, 2))
        except TypeError as e:
            out.append(places(e))
    return [str(o)[:60] if not isinstance(o, (bool, list, tuple)) else o for o in out if not isinstance(o, Vec)]


@case((60,))
def with_builtins(n):
    out = []
    for i in range(n):
        v = Vec(i, 2)
        try:
            out.append((i + v).x + (1.5 * v).y + (v * True).x)
            out.append("a" + v if i > 40 else 0)
            out.append(v + (i if i > 50 else v))
        except TypeError as e:
            out.append(places(e))
    return [o.x if isinstance(o, Vec) else o for o in out]


@case((60,))
def subclass_first(n):
    out = []
    for i in range(n):
        b = Sub(i, 1) if i > 40 else Vec(i, 1)
        a = Vec(i, 2)
        out.append((a + b).x)
        out.append(a < b)
        out.append((Sub(i, 1) + a).x)
        out.append((Sub(i, 1) + Sub(2, 2)).x)
    return out


@case((40,))
def identity(n):
    same = 0
    big = 10**6
    for i in range(n):
        a = Vec(i * 1.5, big)
        b = a
        a += Vec(1, 1)
        same += (a is b) + (~a is a) + (len(Value(big + i)) is not None)
        g = Grid(1)
        g[0, 0] = a
        same += g[0, 0] is a
    return same


@case((60,))
def iterates(n):
    total = 0
    for x in Upto(n):
        total += x
    for _ in range(n):
        for x in Upto(9):
            total += x
        for x in Upto(0):
            total += 1000
        for x in Upto(3):
            if x == 2:
                break
        else:
            total += 5
    return total, x


@case((60, 45), (60, 60), (60, 1))
def iterates_and_raises(n, bad):
    total = 0
    try:
        for x in Upto(n, bad):
            total += x
    except ValueError as e:
        return total, x if total else None, places(e)
    return total


@case((60,))
def iterates_inside(n):
    total, out = 0, []
    for i in range(n):
        try:
            for x in Upto(12, 7 if i % 11 == 10 else -1):
                total += x
        except ValueError as e:
            out.append(places(e))
    return total, out


class Ends:
    """Ends in other ways: a made exception, one with a value, from a callee, in a handler."""

    def __init__(self, how):
        self.how = how
        self.i = 0

    def __iter__(self):
        return self

    def __next__(self):
        self.i += 1
        if self.i > 10:
            if self.how == 0:
                raise StopIteration()
            if self.how == 1:
                raise StopIteration(7)
            if self.how == 2:
                return next(iter(()))
            if self.how == 3:
                try:
                    raise KeyError
                except KeyError:
                    raise StopIteration from None
            if self.how == 4:
                try:
                    raise StopIteration
                except StopIteration:
                    if self.i > 13:
                        raise
            if self.how == 5:
                raise RuntimeError("no")
        return self.i


@case((12,))
def ends(n):
    out = []
    for how in range(6):
        for _ in range(n):
            total = 0
            try:
                for x in Ends(how):
                    total += x
            except RuntimeError as e:
                out.append(places(e))
            out.append((total, sys.exc_info()))
    return out


@case((60,))
def redefined(n):
    out = []
    old = Vec.__add__, Vec.__lt__, Grid.__getitem__, Grid.half, Upto.__next__
    try:
        g = Grid(3)
        for i in range(n):
            if i == 30:
                Vec.__add__ = lambda self, o: "added"
                Vec.__lt__ = lambda self, o: "less"
                Grid.half = property(lambda self: "half")
            if i == 45:
                Grid.__getitem__ = lambda self, key: key
                del Vec.__add__
            try:
                r = Vec(i, 1) + Vec(2, 3)
                out.append(r.x if i < 30 else r)
            except TypeError as e:
                out.append(places(e))
            out.append((Vec(i, 1) < Vec(40, 1), g[1, 1], g.half))
    finally:
        Vec.__add__, Vec.__lt__, Grid.__getitem__, Grid.half, Upto.__next__ = old
    return out


class Changes:
    def __init__(self, at):
        self.at = at
        self.n = 0

    def __getitem__(self, k):
        if k == self.at:
            Changes.__getitem__ = Changes.second
        return k

    def second(self, k):
        return -k


@case((60, 40), (60, 59))
def redefines_itself(n, at):
    out = []
    old = Changes.__getitem__
    try:
        c = Changes(at)
        for i in range(n):
            out.append(c[i])
    finally:
        Changes.__getitem__ = old
    return out


@case((60,))
def several_types(n):
    out = []
    for i in range(n):
        o = (Grid(4), [1.5, 2.5, 3.5], {1: "one"}, "abc", Changes(-1))[i % 5 if i > 20 else i % 2]
        try:
            out.append(o[1] if i % 5 else o[1, 1])
        except (TypeError, KeyError, ValueError) as e:
            out.append(places(e)[:2])
    return out


class Shown:
    log = []

    def __init__(self, n):
        self.n = n

    def __add__(self, o):
        f = sys._getframe(1)
        Shown.log.append((f.f_code.co_name, f.f_lineno - f.f_code.co_firstlineno, sorted(f.f_locals)))
        return self.n + o.n

    def __getitem__(self, k):
        x = self.n + k
        if k > 40:
            Shown.log.append((x, sorted(sys._getframe(1).f_locals)))
        return x


@case((60,))
def seen_from_inside(n):
    Shown.log = []
    a, total = Shown(1), 0
    for i in range(n):
        total += a + Shown(i)
        total += a[i]
    return total, Shown.log[-30:]


class Dies:
    log = []

    def __init__(self, n):
        self.n = n

    def __del__(self):
        Dies.log.append(self.n)

    def __add__(self, o):
        return Dies(self.n + o.n)

    def __getitem__(self, k):
        return self.n + k


@case((50,))
def finalisers(n):
    Dies.log = []
    out = []
    for i in range(n):
        d = Dies(i) + Dies(100 + i)
        out.append(d[1])
        out.append(len(Dies.log))
    del d
    return out, Dies.log


class Held:
    def __init__(self, item):
        self.item = item

    def __mul__(self, o):
        return (self.item, o.item)

    def __len__(self):
        self.item = None
        return 1


@case((50,))
def operands_die(n):
    """The operands, and what they hold, go when the instruction is done."""
    Dies.log = []
    out = []
    for i in range(n):
        out.append((Held([i]) * Held({i}))[0])
        out.append(len(Held(Dies(i) if i > 30 else [i])))
        out.append(len(Dies.log))
    return out, Dies.log


class Fallback:
    kind = "class"

    def __init__(self, n):
        self.n = n

    def __getattr__(self, name):
        if name == "gone":
            raise AttributeError("no " + name)
        return name + "?"

    def twice(self):
        return self.n * 2

    @property
    def picky(self):
        if self.n % 5 == 0:
            raise AttributeError("picky")
        return self.n


class Slots:
    __slots__ = ("a", "b")

    def __getattr__(self, name):
        return -1


class Asked(Fallback):
    """object.__getattribute__ is not what looks attributes up."""

    def __getattribute__(self, name):
        if name == "n":
            return 7
        return object.__getattribute__(self, name)


@case((40,))
def attributes_with_a_fallback(n):
    """__getattr__ is asked for what is not found, and when a getter says that there is none."""
    out = []
    objects = [Fallback(i) for i in range(n)]
    for i, o in enumerate(objects):
        if i == 30:
            del o.n
        if i == 35:
            o.kind = "instance"
        out.append((o.n, o.kind, o.other))
        if i != 30:
            out.append((o.twice(), o.picky))
        try:
            out.append(o.gone)
        except AttributeError as e:
            out.append((str(e), e.name, e.obj is o))
    return out


@case((40,))
def slots_with_a_fallback(n):
    total = 0
    for i in range(n):
        s = Slots()
        s.a = i
        if i % 3:
            s.b = i
        total += s.a * 100 + s.b
    return total


@case((40,))
def lookup_of_its_own(n):
    out = []
    a = Asked(3)
    for i in range(n):
        out.append((a.n, a.kind, a.other, a.twice()))
    return out


def changing_class():
    class Changing:
        def __init__(self):
            self.n = 1

        def __getattr__(self, name):
            return 10

    return Changing


@case((60,))
def fallback_comes_and_goes(n):
    C = changing_class()
    o, out = C(), []
    for i in range(n):
        if i == 20:
            del C.__getattr__
        if i == 30:
            C.__getattr__ = lambda self, name: 20
        if i == 40:
            C.__getattribute__ = lambda self, name: 30
        if i == 50:
            del C.__getattribute__
        out.append(o.n)
        try:
            out.append(o.missing)
        except AttributeError as e:
            out.append(str(e))
    return out


class Answers:
    """Its operators' results are what it holds."""

    def __init__(self, x):
        self.x = x

    def __add__(self, other):
        return self.x

    def __lt__(self, other):
        return self.x

    def __radd__(self, other):
        return self.x


class Reflected:
    def __init__(self, x):
        self.x = x

    def __radd__(self, other):
        return self.x + 1

    def __gt__(self, other):
        return self.x * 2


@case((60,))
def not_implemented_by_attribute(n):
    """A NotImplemented of which only the type was seen."""
    out = []
    a = Answers(NotImplemented)
    for i in range(n):
        out.append(a + Reflected(i))
        out.append(a < Reflected(i))
    return out


@case((60,), (65,))
def not_implemented_at_last(n):
    out = []
    a = Answers(3)
    for i in range(n):
        if i == 62:
            a.x = NotImplemented
        out.append(a + 1)
        out.append(1 + a)
    return out


@case((60,))
def not_implemented_by_list(n):
    answers = [NotImplemented, NotImplemented]

    class Left:
        def __sub__(self, other):
            return answers[other.x & 1]

        def __iadd__(self, other):
            return answers[0]

        def __add__(self, other):
            return self

    class Right:
        def __init__(self, x):
            self.x = x

        def __rsub__(self, other):
            return self.x

    out = []
    left = Left()
    for i in range(n):
        out.append(left - Right(i))
        k = left
        k += i
        out.append(k is left)
    return out
