"""Dicts and sets with plain and other keys, deaths of what they hold, iteration, membership."""

from diff.harness import case


class Loud:
    """Tells when it dies."""

    def __init__(self, log, name):
        self.log = log
        self.name = name

    def __del__(self):
        self.log.append(self.name)


class Same:
    """Hashes and compares like the int or string it is given, and says so."""

    def __init__(self, value, log):
        self.value = value
        self.log = log

    def __hash__(self):
        return hash(self.value)

    def __eq__(self, other):
        self.log.append(("eq", self.value))
        return other == self.value


@case((["a", "b", "ab", "a", "\u00e9", "b"] * 30,), ([1, 2, True, 1.0, 2, 0.0, False, None, "1"] * 20,))
def counting(keys):
    d = {}
    for k in keys:
        if k in d:
            d[k] += 1
        else:
            d[k] = 1
    e = {}
    for k in keys:
        e[k] = e.get(k, 0) + len(d)
    return d, e, list(d), [type(k) for k in e]


@case((150, False), (150, True))
def values_that_die(n, loud):
    log = []
    d = {}
    for i in range(n):
        d[i % 5] = Loud(log, i) if loud and i > 90 else [i]
        if i % 17 == 0:
            log.append("mark")
    d.clear()
    return log


@case((120,))
def pairs_that_die(n):
    log = []
    d = {i: Loud(log, i) for i in range(20)}
    for r in range(n):
        for k, v in d.items():
            if k == r % 20 and r > 80:
                d[k] = Loud(log, (r, k))
                log.append(("replaced", r))
    v = None
    log.append("end")
    return log


@case((200, 120), (200, 1000))
def foreign_keys(n, when):
    log = []
    d = {"x": 1, 5: 2}
    s = {1, 2, 3}
    hits = 0
    for i in range(n):
        if i == when:
            d[Same("key", log)] = "odd"
            d[Same(7, log)] = "odder"
            s.add(Same(9, log))
        if "key" in d:
            hits += 1
        if d.get(7, None):
            hits += 100
        if 9 in s:
            hits += 10000
        d[i % 3] = i
        s.add(i % 4)
    return hits, log, len(d), len(s)


@case((100, "new"), (100, "pop"), (100, "same"))
def changed_while_iterating(n, how):
    d = {i: i for i in range(10)}
    total = 0
    for i in range(n):
        for k in d:
            total += k
            if i == 90:
                if how == "new":
                    d[100] = 1
                elif how == "pop":
                    del d[k]
                else:
                    d[k] = total
    return total


@case((100, "keys"), (100, "swap"))
def keys_changed_while_iterating(n, how):
    total = 0
    for i in range(n):
        d = {j: j for j in range(4)}
        for k, v in d.items():
            total += v
            if i == 80 and how == "swap":
                del d[k]
                d[k + 100] = 1
        for v in d.values():
            total += v
        for k in d.keys():
            total -= k
    return total


@case((100, 60), (100, 1000))
def set_changed_while_iterating(n, when):
    s = {1, 2, 3}
    total = 0
    for i in range(n):
        for x in s:
            total += x
            if i == when:
                s.add(50)
    return total


COUNTER = 0
TABLE = {}


@case((150,))
def through_globals(n):
    total = 0
    g = globals()
    for i in range(n):
        g["COUNTER"] = i
        total += COUNTER
        TABLE[i % 7] = i
        total += len(TABLE)
    return total


class Plain:
    def __init__(self):
        self.a = 1
        self.b = 2


@case((150,))
def through_instance_dict(n):
    o = Plain()
    d = o.__dict__
    total = 0
    for i in range(n):
        d["a"] = i
        total += o.a + d["b"]
        if i == 120:
            d["c"] = 5
            del d["b"]
            d["b"] = 9
    return total, list(d)


@case((100,))
def tuple_keys(n):
    grid = {}
    for y in range(n):
        for x in range(5):
            grid[x, y] = x * y
            grid[(x, (y, "n"))] = 1.5
    total = 0
    for y in range(n + 1):
        for x in range(6):
            if (x, y) in grid:
                total += grid[x, y]
            total += grid.get((x, y, 0), 3)
    return total, len(grid)


@case((100, 60), (100, 1000))
def unhashable(n, when):
    d = {}
    for i in range(n):
        d[(i, [1] if i == when else 1)] = i
    return len(d)


@case((100, 60), (100, 1000))
def unhashable_in_set(n, when):
    s = set()
    for i in range(n):
        s.add([i] if i == when else i)
    return len(s)


@case((200,))
def pop_and_setdefault(n):
    d = {}
    out = []
    for i in range(n):
        d.setdefault(i % 7, []).append(i)
        if i % 10 == 9:
            out.append(d.pop(i % 7))
            out.append(d.pop("none", None))
            out.append(d.pop(i % 5, i))
    return d, out


@case((100, 77), (100, 1000))
def pop_missing(n, when):
    d = dict.fromkeys(range(n), 1)
    total = 0
    for i in range(n):
        total += d.pop(i if i != when else "gone")
    return total


@case((100, 77), (100, 1000))
def delete_missing(n, when):
    d = {i: str(i) for i in range(n)}
    for i in range(n):
        del d[i if i != when else -1]
    return len(d)


@case((120,))
def set_methods(n):
    s = set()
    t = 0
    for i in range(n):
        s.add(i % 13)
        s.add((i % 3, "x"))
        s.discard(i % 7)
        if i % 5 == 0 and i % 13 in s:
            s.remove(i % 13)
        t += len(s)
        for x in s:
            if x == 5:
                t += 1
    return t, sorted(map(str, s))


@case((100, 80), (100, 1000))
def set_remove_missing(n, when):
    s = set(range(n))
    for i in range(n):
        s.remove(i if i != when else -5)
    return len(s)


class Weird(str):
    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


@case((100, 60), (100, 1000))
def membership(n, when):
    words = ["ab", "cd", "ef"]
    pair = ("x", 1, 2.0)
    t = 0
    for i in range(n):
        if i == when:
            words.append(Weird("q"))
        t += "ef" in words
        t += ("zz" in words) * 100
        t += i in (1, 2, 3, 50)
        t += 2 in pair
        t += str(i) in {"5", "7"}
        t += "b" in "abc"
        t += "bc" in "abc" * (i % 2)
        t += "" in "x"
        t += float("nan") in pair
    return t


@case((100,))
def membership_type_error(n):
    t = 0
    for i in range(n):
        t += "a" in ("abc" if i < 90 else 7)
    return t


@case((100, 60), (100, 1000))
def missing_key_raises(n, when):
    d = {"a": 1}
    t = 0
    for i in range(n):
        try:
            t += d["a" if i % 10 or i < when else "b"]
        except KeyError as e:
            t += len(e.args[0]) * 1000
    return t


@case((60,))
def nested_comprehensions(n):
    out = 0
    for i in range(n):
        d = {k: v for k, v in zip("abcd", range(i, i + 4))}
        s = {c for c in "hello"}
        m = {k: [k] * 2 for k in d}
        out += len(d) + len(s) + len(m["a"]) + d["c"]
    return out, d, sorted(s), m


@case((100,))
def literals(n):
    out = []
    for i in range(n):
        d = {"a": i, "b": [i, i + 1], i: (i, "x")}
        e = {**d, "c": 1}
        s = {i, "k", (i, i)}
        f = [*d, *s.intersection([i])]
        g = {}
        g["q"] = i
        out.append((len(d), len(e), len(s), len(f), g))
    return out[-3:]


def edges(n):
    g = {}
    for i in range(n):
        g.setdefault(i, []).append((i * 7 + 1) % n)
        g.setdefault(i, []).append((i * 3 + 2) % n)
    return g


@case((80,))
def breadth_first(n):
    from collections import deque

    g = edges(n)
    seen = {0}
    order = []
    queue = deque([(0, 0)])
    while queue:
        node, depth = queue.popleft()
        order.append((node, depth))
        for other in g[node]:
            if other not in seen:
                seen.add(other)
                queue.append((other, depth + 1))
    return order


@case((100,))
def objects_in_lists_die(n):
    log = []
    rows = [[Loud(log, i)] for i in range(n)]
    for i in range(n):
        rows[i] = [i]
        if i % 10 == 0:
            log.append("mark")
    row = None
    for i in range(n):
        row = [Loud(log, -i)] if i > 80 else [i]
    row = None
    return log


@case((150,))
def tuples_that_die(n):
    log = []
    stack = [(i, Loud(log, i) if i % 50 == 0 else i) for i in range(n)]
    total = 0
    while stack:
        a, b = stack.pop()
        total += a
        if not isinstance(b, int):
            log.append(("popped", a))
    b = None
    return total, log
