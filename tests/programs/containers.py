"""Dicts, sets, strings, bytes, f-strings, printing, comprehensions: the boxed lowering of everything."""

import collections

from diff.harness import case


@case(("the cat sat on the mat and the dog sat too " * 8,))
def word_count(text):
    counts = {}
    for w in text.split():
        if w in counts:
            counts[w] += 1
        else:
            counts[w] = 1
    return counts


@case((200,))
def dict_get_set_default(n):
    d = {}
    for i in range(n):
        k = i % 13
        d[k] = d.get(k, 0) + i
        d.setdefault(k * 2, []) if k * 2 > 13 else None
    return d


@case((100, 60), (100, 300))
def key_error(n, k):
    d = {i: i * i for i in range(n)}
    s = 0
    for i in range(n):
        s += d[i if i != k else "missing"]
    return s


@case((120,))
def dict_of_tuples(n):
    d = {}
    for i in range(n):
        d[i % 7, i % 3] = i
    s = 0
    for (a, b), v in d.items():
        s += a * b + v
    return s, len(d)


@case((100,))
def dict_delete(n):
    d = dict.fromkeys(range(n), 0)
    for i in range(0, n, 2):
        del d[i]
    return sorted(d), len(d)


@case((100,))
def sets(n):
    s = set()
    t = 0
    for i in range(n):
        s.add(i % 17)
        if i % 5 in s:
            t += 1
        s.discard(i % 11)
        u = s | {i}
        t += len(u & {1, 2, 3}) + len(u - s)
    return s, t


@case((150,))
def string_building(n):
    s = ""
    for i in range(n):
        s += chr(97 + i % 26)
        if i % 10 == 9:
            s = s[5:] + str(i)
    return s, len(s)


@case(("let total = (alpha + 3.5) * beta - 'text' # note\n" * 8,))
def tokenizer(src):
    names = numbers = strings = ops = lines = 0
    state = 0
    for ch in src:
        if state == 1:
            if ch.isalnum() or ch == "_":
                continue
            state = 0
        elif state == 2:
            if ("0" <= ch <= "9") or ch == ".":
                continue
            state = 0
        elif state == 3:
            if ch == "'":
                state = 0
            continue
        elif state == 4:
            if ch == "\n":
                lines += 1
                state = 0
            continue
        if ch == " ":
            continue
        if ch == "\n":
            lines += 1
        elif ch == "#":
            state = 4
        elif ch == "'":
            strings += 1
            state = 3
        elif "0" <= ch <= "9":
            numbers += 1
            state = 2
        elif ch.isalpha() or ch == "_":
            names += 1
            state = 1
        else:
            ops += 1
    return names, numbers, strings, ops, lines


@case(("hello wörld €uro 𝄞 " * 10,), ("plain ascii text " * 10,))
def string_indexing(s):
    out = []
    n = 0
    for i in range(len(s)):
        c = s[i]
        if c == "o" or c > "z":
            out.append(c)
        n += ord(s[-i - 1])
        n += s[i : i + 3] == "wör"
    return "".join(out), n


@case(("abc", 5))
def string_index_error(s, n):
    t = 0
    for i in range(200):
        t += ord(s[i % 3 if i < 150 else n])
    return t


@case((100,))
def f_strings(n):
    out = []
    for i in range(n):
        x = i / 7
        out.append(f"{i}:{x:.3f} {i!r:>5} {'x' * (i % 3)} {x!s} {i:#06x}")
    return out[-2:], len("".join(out))


@case((60,))
def printing(n):
    for i in range(n):
        if i % 5 == 0:
            print(i, i * 0.5, "fizz", sep="|", end=";\n")


@case((100,))
def bytes_and_bytearray(n):
    b = bytes(range(200))
    out = bytearray(n)
    s = 0
    for i in range(n):
        out[i] = b[i] ^ 0x55
        s += out[-1 - i] + b[i + 50]
        if b"\x05" in b[i : i + 10]:
            s += 1
    return out, s


@case((100, 256), (100, -1))
def bytearray_value_error(n, bad):
    out = bytearray(n)
    for i in range(n):
        out[i] = bad if i == 80 else i
    return out


@case((150,))
def comprehensions(n):
    s = 0
    for i in range(n):
        xs = [j * i for j in range(5)]
        d = {j: i for j in range(3)}
        t = {x % 4 for x in xs}
        s += sum(xs) + len(d) + len(t) + sum(j for j in range(4)) + any(x > 10 for x in xs)
    return s


@case((30,))
def nested_comprehension(n):
    out = []
    for i in range(n):
        out.append([[a * b for a in range(i % 4)] for b in range(3)])
    return out


@case((120,))
def slices(n):
    xs = list(range(n))
    s = 0
    for i in range(n):
        s += len(xs[i:]) + sum(xs[i : i + 3]) + xs[::-1][0] + len(xs[-5:i:2])
        xs[i : i + 1] = (
            [
                i,
            ]
            if i % 2
            else [i + 1]
        )
    del xs[10:20]
    return s, xs[:15]


@case((100,))
def list_methods(n):
    xs = []
    for i in range(n):
        xs.insert(0, i)
        xs.extend([i] * (i % 3))
        if i % 7 == 6:
            xs.remove(i)
            xs.reverse()
            xs.sort()
    return xs.index(50), xs.count(3), xs


@case((100,))
def unpack_many(n):
    s = 0
    for i in range(n):
        a, b, c = i, [i], (i, i + 1)
        (d,) = b
        e, *f = c
        x = [*b, *c, 7]
        y = {**{"k": i}, "m": 2}
        s += a + d + e + f[0] + len(x) + y["k"]
    return s


@case((100,))
def calls_with_star(n):
    def f(*args, k=1, **kw):
        return sum(args) * k + len(kw)

    s = 0
    for i in range(n):
        args = (i, i + 1)
        s += f(*args) + f(1, *args, k=2) + f(*args, **{"k": 3, "z": 1})
    return s


@case((100,))
def deque_and_counter(n):
    q = collections.deque(maxlen=10)
    c = collections.Counter()
    p = collections.namedtuple("P", "x y")(1, 2)
    s = 0
    for i in range(n):
        q.append(i)
        c[i % 3] += 1
        s += q[0] + p.x * p.y
        p = p._replace(y=i)
    return list(q), c, s


@case((100,))
def string_methods(n):
    out = []
    for i in range(n):
        w = "Mixed Case %d" % i
        out.append(w.lower().replace(" ", "_").split("_")[-1])
        if w.startswith("Mixed") and w.endswith("9"):
            out.append(w.upper().strip("M").join(["a", "b"]))
    return out[-3:], len(out)


@case((100,))
def sorting_with_key(n):
    out = 0
    for i in range(n):
        xs = sorted([i % 7, 3, i % 5], key=lambda v: -v)
        out = out * 3 + xs[0] & 0xFFFF
        out += max(xs, key=lambda v: v % 4)
    return out


@case((100,))
def globals_like_builtins(n):
    out = 0
    for i in range(n):
        out += len(str(i)) + len(repr([i])) + hash((i, i)) % 7 + (id(out) != 0) + len(list(map(abs, (-i, i))))
        out += sum(filter(None, (i, 0, 1))) + all((i, 1)) + any((0, i)) + ord("a") + len(hex(i)) + divmod(i, 7)[1]
    return out


@case((100,))
def membership(n):
    s = 0
    xs = [1, 5, 9, "x", None]
    for i in range(n):
        s += (i in xs) + (i not in (2, 4, 6)) + ("x" in xs) + (i in {i: 1}) + ("ab" in "cab") + (i in range(0, 90, 3))
    return s


@case((100,))
def is_tests(n):
    s = 0
    a = b = []
    for i in range(n):
        s += (a is b) + (a is not None) + (i is None) + (type(i) is int) + (a == [])
        if i == 50:
            b = []
    return s


@case((64,))
def matrix_of_tuples(n):
    rows = tuple(tuple((i * j) % 5 for j in range(8)) for i in range(8))
    s = 0
    for k in range(n):
        for row in rows:
            for v in row:
                s += v * k
        s += rows[k % 8][k // 8]
    return s


@case((80,))
def tuple_items_and_errors(n):
    t = (1, 2.5, "x")
    out = []
    for i in range(n):
        try:
            out.append(t[i % 4])
        except IndexError as e:
            out.append(str(e))
        try:
            t[0] = 1
        except TypeError as e:
            out.append(str(e))
    return out[-8:]


@case((120,))
def lambda_and_imports(n):
    s = 0
    for i in range(n):
        f = lambda x: x + i  # noqa: E731, B023
        s += f(2)
        from math import floor

        s += floor(i / 3)
    return s


@case((50,))
def class_made_in_loop(n):
    s = 0
    for i in range(n):

        class C:
            v = i

            def get(self):
                return self.v

        s += C().get()
    return s


@case((100,))
def bytes_compare_and_format(n):
    s = 0
    for i in range(n):
        b = b"%d" % i
        s += (b == b"55") + (b < b"7") + len(b + b"x") + b[0]
    return s


@case((100,))
def assertion_late(n):
    for i in range(n):
        assert i < 80, f"too big: {i}"
    return i


@case((100,))
def global_statement_and_del(n):
    global counter_here
    counter_here = 0
    for i in range(n):
        counter_here += i
    v = counter_here
    del counter_here
    return v


@case((100,))
def type_errors_mid_expression(n):
    xs = [1] * 80 + ["s"] + [1] * 20
    s = 0
    for i in range(n):
        s = s + (i * 2 + xs[i])
    return s


@case((100,))
def unsupported_operand_late(n):
    x = 1
    for i in range(n):
        if i == 90:
            x = None
        x = -x
    return x


@case((100,))
def not_iterable_and_not_callable(n):
    out = []
    for i in range(n):
        f = 5 if i % 50 == 49 else abs
        try:
            out.append(f(i))
        except TypeError as e:
            out.append(str(e))
        try:
            for _ in i if i % 40 == 39 else ():
                pass
        except TypeError as e:
            out.append(str(e))
    return out[-4:]


@case((60,))
def string_identity_and_interning(n):
    s = 0
    for i in range(n):
        a = "x" + str(i % 3)
        b = "x" + str(i % 3)
        s += (a == b) + (a is a)
    return s


@case((60, "x"), (60, "é"), (60, "𝄞y"), (60, ""))
def string_that_grows(n, piece):
    """A local string grows in place only while nobody else refers to it."""
    s = ""
    t = u = "start"
    kept = []
    for i in range(n):
        s += piece
        t = t + piece
        if i % 10 == 3:
            kept.append(s)
            u = s
        s += "z"
        if i % 16 == 7:
            s += s
            s = s[-40:]
        kept.append(len(u))
    return s, t, u, kept, u is s


@case((60, 30), (60, 99))
def string_that_grows_by_something_else(n, k):
    s = "a"
    for i in range(n):
        s += "b" if i != k else 5
    return s


@case((60,))
def string_in_a_cell_and_in_an_object(n):
    s = "q"
    box = [s]

    def peek():
        return len(box[0])

    total = 0
    d = {}
    for i in range(n):
        s += chr(97 + i % 26)
        d[s] = i
        total += peek() + hash(s) % 2
        if i % 5 == 0:
            box[0] = s
    return s, box, total == 0, list(d)[-1] == s


@case((300,))
def copied_tuples(n):
    s = 0
    for i in range(n):
        s += sum((i, 0) or (i, 1)) + sum(((i, 2) if i & 1 else ()) or (i, 3))
        s += len(((i, (i, 4)) if i & 2 else range(0)) or "ab")
    return s


class Holder:
    pass


@case((200,))
def one_number_is_one_object(n):
    o, items, d, out, r = Holder(), [0.0, 1000], {}, [], []
    o.x = o.y = 0.5
    last = 0.0
    for i in range(n):
        f, k = i * 0.5, i + 1000
        g = f
        items[0] = f
        items[1] = k
        r.append((items[0] is f, items[0] is g, items[1] is k))
        f = i * 0.25
        o.x = o.y = f
        d[f] = f
        out.append(f)
        pair, many = (f, k), [f, f, k]
        r.append((o.x is o.y, o.x is f, d[f] is f, out[-1] is f, pair[0] is f, many[0] is many[1], many[2] is k))
        last = last + 1.5
        out[-1] = last
        r.append((out[-1] is last, out[-2:-1] == [last]))
    return r


@case((float("inf"), 100))
def nans_are_found_by_identity(x, n):
    items, d, s, one, c, out = [], {}, set(), [0.0], Holder(), []
    c.v = 0.0
    for i in range(n):
        y = (x - x) * i
        items.append(y)
        d[y] = i
        s.add(y)
        one[0] = y
        out.append((y in items, items.count(y), y in d, d.get(y), y in s, y in one, [y] == [y]))
        z = (x - x) * i
        c.v = z
        out.append((c.v is z, z in [c.v], d.setdefault(z, i), z in d))
    return out, len(d), len(s)


def kept(items, x):
    y = x * 1.5
    items.append(y)
    items[0] = y
    return y


@case((100,))
def one_number_of_an_inlined_call(n):
    items, out = [0.0], []
    for i in range(n):
        v = kept(items, i)
        out.append((items[0] is items[-1], v is items[0], [w + i for w in items[-2:]]))
    return out
