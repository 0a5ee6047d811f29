"""Text: concatenation in place, slices, methods, formatting, conversion."""

from diff.harness import case


@case((300, "ab"), (300, "\u00e9"), (120, "\U0001f600"))
def append_in_place(n, piece):
    s = ""
    t = "keep"
    out = []
    for i in range(n):
        s += piece
        if i % 50 == 0:
            t = s
            s += s
            s = s[-20:]
        if i % 70 == 0:
            out.append(s)
            s = s + t[:3]
    return s, t, out


def build(n):
    s = ""
    for i in range(n):
        s += str(i)
        s = s + ","
    return s


@case((50,))
def append_in_a_call(n):
    out = []
    for i in range(n):
        out.append(build(i % 7))
    return out


@case((120, 100), (120, 1000))
def append_other_types(n, when):
    s = "x"
    for i in range(n):
        s += "y" if i != when else 5
    return s


@case((200,))
def aliases(n):
    a = b = "start"
    for i in range(n):
        a += "x"
        if i % 9 == 0:
            b = a
        if i % 11 == 0:
            a = b
    return a, b, a is b


class Text(str):
    def __add__(self, other):
        return "added"

    def upper(self):
        return "shouted"


@case((100, 60), (100, 1000))
def subclasses(n, when):
    out = []
    for i in range(n):
        s = Text("abc") if i == when else "abc"
        out.append(s + "d")
        out.append(s.upper())
        out.append(s[1:])
        out.append(f"{s}")
        out.append(len(s))
    return out[-10:], out[when * 5 : when * 5 + 5]


@case(("The quick brown fox; jumps, over. " * 3, 60), ("\u00dcn\u00efc\u00f6de \u4f60\u597d ", 60))
def methods(text, n):
    out = []
    for i in range(n):
        w = text[i % 9 : i % 13 + 9]
        out.append(w.strip().lower().upper().title().swapcase().capitalize().casefold())
        out.append(w.split())
        out.append(w.split(" ", 1))
        out.append(w.rsplit(None, 1) if i % 2 else w.partition(" "))
        out.append((w.find("o"), w.rfind("o", 1), w.count("u"), w.find("x", 2, 5)))
        out.append((w.startswith("T"), w.endswith((" ", "x")), w.startswith("q", 4)))
        out.append(w.replace("o", "0").replace("u", "", 1))
        out.append("-".join(w.split()) + "".join(list(w)))
        out.append((w.zfill(20), w.center(20), w.ljust(18, "."), w.rjust(3)))
        out.append((w.isalnum(), w.isalpha(), w.isspace(), w.isupper(), w.istitle(), w.isascii(), w.isprintable()))
        out.append(w.encode().decode())
        out.append(w.removeprefix("The").removesuffix("x").splitlines())
    return out


@case((100, 60), (100, 1000))
def index_raises(n, when):
    t = 0
    for i in range(n):
        t += "abc".index("b" if i != when else "z")
    return t


@case((100, 60), (100, 1000))
def join_raises(n, when):
    t = 0
    for i in range(n):
        t += len(",".join(["a", "b" if i != when else 7]))
    return t


@case((100,))
def replace_argument_errors(n):
    t = 0
    for i in range(n):
        try:
            t += len("abc".replace("b", "xx" if i % 10 else None))
        except TypeError as e:
            t += len(str(e)) * 1000
    return t


@case(("hello world", [1, 2, 3, 4, 5], (1, 2, 3), b"bytes"))
def slices(s, l, t, b):
    out = []
    for i in range(-14, 60):
        out.append((s[i:], s[:i], s[i : i + 3], s[1:i], s[:]))
        out.append((l[i:], l[:i], l[i : i + 2], l[:]))
        out.append((t[i:], t[:i], t[:], b[i:], b[:i]))
        out.append(s[i % 11 : i % 11 + 1])
    out.append((s[10**30 :], s[: -(10**30)]))
    return out


@case((80,))
def slice_bounds_change(n):
    s = "abcdef"
    out = []
    for i in range(n):
        out.append(s[None if i % 9 == 0 else i % 4 : None if i > 70 else True])
    return out


@case((100, 70), (100, 1000))
def slice_errors(n, when):
    s = "abcdef"
    t = 0
    for i in range(n):
        t += len(s[1 : 3 if i != when else "x"])
    return t


@case((80,))
def formatted(n):
    out = []
    for i in range(n):
        x = i / 3
        s = "ab"[i % 2] * 2
        out.append(f"{i} {x} {s} {i:5d}|{x:.3f}|{s:>6}|{i:#x} {i!r} {s!r} {x!s:>9} {-i:+} {i == 3}")
        out.append("%d %s %5.2f %r" % (i, s, x, i))
        out.append("%s" % s)
        out.append("%s" % i)
        out.append(str(i) + str(x) + str(s) + str(i > 5) + str(None))
        out.append(repr(i) + hex(i) + bin(i) + oct(i))
    return out


@case((100, 70), (100, 1000))
def format_errors(n, when):
    t = 0
    for i in range(n):
        spec = "5d" if i != when else "5q"
        t += len(f"{i:{spec}}")
    return t


@case((100, 70), (100, 1000))
def percent_errors(n, when):
    t = 0
    for i in range(n):
        t += len("%d-%d" % ((i, i) if i != when else (i, "x")))
    return t


@case((40,))
def big_numbers(n):
    out = []
    x = 10**17
    for i in range(n):
        x = x * 3 if i < 20 else x
        out.append(f"{x}{x:>40}")
        out.append(str(x) + str(-x))
        out.append(str(-(2**63) + i))
    return out


@case((100, " 12 "), (100, "x1"), (100, "1_0"), (100, ""), (100, "\u0663"))
def parsing(n, odd):
    t = 0
    for i in range(n):
        t += int(str(i)) + int("-7") + (int(odd) if i > 80 else 0)
    return t


@case((100, "1e3"), (100, "x"), (100, "nan"))
def parsing_floats(n, odd):
    t = 0.0
    for i in range(n):
        t += float(str(i / 4)) + (float(odd) if i > 80 else 0.0)
    return t


@case((100,))
def repeated(n):
    out = []
    for i in range(n):
        out.append("ab" * (i % 4 - 1) + (i % 3) * "-" + "x" * True)
    return out


@case((60, 50), (60, 1000))
def repeat_too_much(n, when):
    t = 0
    for i in range(n):
        t += len("ab" * (2 if i != when else 2**62))
    return t


@case(("1,2;3,4\n5,x;7\n" * 8,))
def parse_table(text):
    rows = []
    bad = 0
    for line in text.split("\n"):
        row = []
        for cell in line.split(";"):
            for part in cell.split(","):
                if part.isdigit():
                    row.append(int(part))
                elif part:
                    bad += 1
        rows.append(tuple(row))
    return rows, bad


@case(("aaabbbccd" * 12,))
def run_length(text):
    out = []
    i = 0
    while i < len(text):
        j = i
        while j < len(text) and text[j] == text[i]:
            j += 1
        out.append(text[i] + str(j - i))
        i = j
    return "".join(out)


@case((["listen", "silent", "enlist", "google", "elbow", "below"] * 8,))
def anagrams(words):
    groups = {}
    for w in words:
        key = "".join(sorted(w))
        if key not in groups:
            groups[key] = []
        groups[key].append(w)
    best = ""
    for k, v in groups.items():
        if len(v) > len(groups.get(best, [])):
            best = k
    return groups, best


@case(("kitten sitting", "sitting kitten"), ("", "abc"), ("\u4f60a", "a\u4f60b"))
def levenshtein(a, b):
    prev = list(range(len(b) + 1))
    for r in range(6):
        prev = list(range(len(b) + 1))
        for i, x in enumerate(a):
            cur = [i + 1]
            for j, y in enumerate(b):
                cost = 0 if x == y else 1
                cur.append(min(prev[j + 1] + 1, cur[j] + 1, prev[j] + cost))
            prev = cur
    return prev


@case((bytes(range(90)),), (b"any carnal pleas",))
def base64_like(data):
    abc = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    out = ""
    acc = bits = 0
    for r in range(5):
        for b in data:
            acc = acc << 8 | b
            bits += 8
            while bits >= 6:
                bits -= 6
                out += abc[acc >> bits & 63]
                acc &= (1 << bits) - 1
    return out


@case((60,))
def append_without_memory(n):
    s = "abcdefgh" * 4
    out = []
    for i in range(n):
        try:
            if i < 40 and i != 20:
                s += "x"
            else:
                s += "y" * (2**62 if i > 50 else 3)
        except (MemoryError, OverflowError) as e:
            out.append((i, type(e).__name__, s))
    return s, out


@case((200,))
def append_either(n):
    s = t = ""
    for i in range(n):
        s += "ab" if i % 3 else str(i)
        t = s + ("x" if i % 5 else "yz")
        if i % 20 == 0:
            s = t
        s = (t if i % 50 == 0 else s) + "."
    return s, t


class Loud:
    """Its texts tell of themselves, or fail."""

    def __init__(self, n, log):
        self.n = n
        self.log = log

    def __repr__(self):
        self.log.append(-self.n)
        if self.n == 55:
            raise ValueError("no text")
        return f"<\N{GREEK SMALL LETTER ALPHA}{self.n}>"

    def __format__(self, spec):
        self.log.append(spec)
        return "formatted"


class Subtext(str):
    def __format__(self, spec):
        return f"({spec})"


class Giver:
    def __str__(self):
        return Subtext("sub")


@case((50,), (60,))
def conversions(n):
    out, log = [], []
    x, text, none = 0.5, "t\xe9\u20ac", None
    for i in range(n):
        o = Loud(i, log)
        x = x * 3 % 7
        out.append(f"{i!r} {i!a:>4} {x!r} {x!s:.3} {text!r} {text!a:>12} {text!s} {none!r} {i == 3!r:^7}")
        out.append(f"{o!r} {o!s:>8} {o!a} {o} {o:spec}")
        out.append(f"{Giver()!s} {Giver()!s:x}")
        try:
            out.append(f"{x!r:{'d' if i == 45 else '>6'}}")
        except ValueError as e:
            out.append(str(e))
    return out, log


@case(("a\0b" * 30 + "xbc\0\n",))
def characters_in_text_with_nuls(s):
    n = 0
    for c in s:
        if c in "a\x00b":
            n += 1
        if c in "\x00bc":
            n += 100
        if c not in "x\0":
            n += 10000
    return n
