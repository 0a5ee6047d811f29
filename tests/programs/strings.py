"""Strings: characters as codes, comparison, methods, slices, building, formatting."""

from diff.harness import case

LATIN = "na\u00efve caf\u00e9 \u00df\u00b5\u00ff\u00b2 \u00c0\u00d7 x1 "
WIDE = "\u0141\u00f3d\u017a \u4f60\u597d \U0001f600 abc 12 "


@case(("if x1 == 'a b':\n\treturn _y2 # 3.5\n" * 12,), (LATIN * 8,), (WIDE * 8,))
def classify(text):
    alnum = alpha = digit = space = upper = lower = decimal = numeric = other = 0
    for ch in text:
        alnum += ch.isalnum()
        alpha += ch.isalpha()
        digit += ch.isdigit()
        space += ch.isspace()
        upper += ch.isupper()
        lower += ch.islower()
        decimal += ch.isdecimal()
        numeric += ch.isnumeric()
        if not ("a" <= ch <= "z" or "A" <= ch < "[" or ch > "~" or ch in " _"):
            other += 1
    return alnum, alpha, digit, space, upper, lower, decimal, numeric, other, ch


@case(("Hello, World! " * 10, 3), (LATIN * 10, 3), (WIDE * 10, 5))
def caesar(text, k):
    out = []
    for ch in text:
        if "a" <= ch <= "z":
            out.append(chr((ord(ch) - 97 + k) % 26 + 97))
        elif "A" <= ch <= "Z":
            out.append(chr((ord(ch) - 65 + k) % 26 + 65))
        else:
            out.append(ch)
    return "".join(out)


@case((LATIN * 8,), (WIDE * 8,), ("Some Mixed CASE text" * 8,))
def case_of_characters(text):
    out = []
    for ch in text:
        out.append(ch.upper())
        out.append(ch.lower())
    return out


@case((["a", "b", "cc", "a", "", "\u00e9", "\u4f60"] * 20,), (["x", "y", "x"] * 40,), (["x"] * 60 + ["long", None, 7],))
def one_character_or_not(items):
    n = 0
    last = "a"
    for s in items:
        if s == last:
            n += 1
        if s != "x":
            n += 100
        last = s
    return n, last


@case((LATIN * 8,), ("abcabc" * 20,), (WIDE * 8,))
def by_index(s):
    n = 0
    for i in range(len(s)):
        if s[i] == s[-1 - i]:
            n += i
        if s[i] < s[0]:
            n += ord(s[i])
    return n


@case(("abc" * 40,))
def index_error(s):
    n = 0
    for i in range(len(s) + 1):
        n += ord(s[i])
    return n


@case((["b", "a", "c"] * 30 + ["ab"],), (["b", "", "c"] * 30,))
def ord_of_more(items):
    n = 0
    for s in items:
        n += ord(s)
    return n


@case((240, 20), (60, 1114100), (60, -30))
def chr_range(n, first):
    s = []
    for i in range(n):
        s.append(chr(first + i))
    return s


@case(("state machine: a=1; b='two'; c=[3, 4]; " * 10,))
def carried_character(text):
    last = ""
    runs = []
    count = 0
    for ch in text:
        if ch == last:
            count += 1
        else:
            if count:
                runs.append((last, count))
            last = ch
            count = 1
    runs.append((last, count))
    return runs


@case(("aXbXc" * 30,))
def identity_of_characters(text):
    n = 0
    x = "X"
    for i, ch in enumerate(text):
        if ch is x:
            n += 1
        if ch is text[i]:
            n += 1000
        y = ch
        if y is ch:
            n += 1000000
    return n


@case((200,))
def character_meets_string(n):
    s = "a"
    out = []
    for i in range(n):
        if i % 3 == 0:
            s = "abcdef"[i % 6]
        elif i % 7 == 0:
            s = str(i)
        elif i % 11 == 0:
            s = ""
        out.append(s)
    return out


def pick(text, i):
    c = text[i % len(text)]
    if c == "-":
        return "dash"
    return c


@case(("ab-c" * 5, 200))
def characters_through_calls(text, n):
    total = 0
    for i in range(n):
        total += len(pick(text, i))
    return total


@case((b"bytes to sum" * 20,), (bytearray(b"\x00\xff\x80abc" * 20),), ([1, 2, 3] * 20,))
def over_bytes(data):
    n = 0
    for b in data:
        n = (n * 31 + b) & 0xFFFFFF
    return n


@case((bytearray(b"abc" * 30),))
def bytearray_grows(data):
    n = 0
    for b in data:
        n += b
        if len(data) < 120:
            data.append(b ^ 1)
    return n, len(data)


@case(("ab\u00e9", "x" * 60), ("\u4f60\u597d", "y" * 60))
def zipped(a, b):
    out = []
    for _ in range(30):
        for x, y in zip(a, b):
            out.append(x < y)
        for i, c in enumerate(a):
            out.append((i, c))
    return out


class Odd:
    def __init__(self, log):
        self.log = log

    def __lt__(self, other):
        self.log.append("lt")
        return [] if len(self.log) % 3 else [1]

    def __eq__(self, other):
        self.log.append("eq")
        if len(self.log) == 90:
            raise ValueError("enough")
        return len(self.log) % 2


@case((60,), (20,))
def comparison_then_branch(n):
    log = []
    o = Odd(log)
    k = 0
    for i in range(n):
        if o < i:
            k += 1
        if o == i:
            k += 100
    return k, log
