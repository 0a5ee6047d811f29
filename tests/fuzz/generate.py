"""Random programs: loops over ints, floats, lists, arrays, attributes, branches and calls, with values at the edges.

generate(random) gives the text of a program with a function run(n). Any object with random.Random's methods will do, so
hypothesis can draw (and shrink) the choices.
"""

import re

INT_EDGES = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "7",
    "-5",
    "10",
    "63",
    "64",
    "255",
    "1000003",
    "2**31 - 1",
    "-2**31",
    "2**32",
    "2**53",
    "2**62",
    "2**63 - 1",
    "-2**63",
    "2**63",
    "2**64 - 1",
    "10**20",
]
FLOAT_EDGES = [
    "0.0",
    "-0.0",
    "0.5",
    "1.0",
    "-1.5",
    "2.0",
    "3.25",
    "0.1",
    "1e-300",
    "1e300",
    "5e-324",
    "-2.5e10",
    "1e16",
    "float('inf')",
    "float('-inf')",
    "float('nan')",
    "2.0**53",
    "2.0**63",
]
COMPARE = ["<", "<=", "==", "!=", ">", ">="]
ARRAY_TYPES = ["f8", "f8", "f8", "i8", "f4", "i4", "u1", "i2", "c16", "?"]

HEADER = '''import math
{numpy}
G0 = {g0}
G1 = {g1}


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def move(self, d):
        self.x += d
        return self.y


class Slots:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y


def small(v):
    """Keeps numbers from growing without end."""
    if isinstance(v, int) and not -10**30 < v < 10**30:
        return v % 1000003
    return v


'''


class Generator:
    def __init__(self, random, numpy=True):
        self.r = random
        self.numpy = numpy and random.random() < 0.5
        self.lines = []
        self.depth = 0
        self.counters = 0
        self.ints = ["a", "b", "c"]
        self.floats = ["x", "y", "z"]
        self.loop_vars = []
        self.lists = ["xs", "ys"]
        self.arrays = ["u", "v"] if self.numpy else []
        self.objects = ["p", "q"]
        self.helpers = []
        self.budget = 0

    def pick(self, options):
        return options[self.r.randrange(len(options))]

    def chance(self, p):
        return self.r.random() < p

    # ---- expressions ----
    def index(self, size):
        i = self.pick(self.loop_vars + self.ints[:1]) if self.loop_vars else "a"
        if self.chance(0.75):
            return f"{i} % {size}"
        return self.pick([i, f"-{i} - 1", "0", "-1", f"{i} & 3", f"{i} + 1"])

    def int_expr(self, depth=0):
        k = self.r.randrange(16 if depth < 3 else 5)
        if k <= 1:
            return self.pick(self.ints + self.loop_vars)
        if k == 2:
            return self.pick(INT_EDGES) if self.chance(0.4) else str(self.r.randrange(-20, 100))
        if k == 3:
            return f"len({self.pick(self.lists)})"
        if k == 4:
            return self.pick(["G0", "int(G1 > 1)"])
        a, b = self.int_expr(depth + 1), self.int_expr(depth + 1)
        if k <= 8:
            return f"({a} {self.pick(['+', '-', '*'])} {b})"
        if k == 9:
            return f"({a} {self.pick(['//', '%'])} {self.pick([b, '7', '-3', '2', f'({b} | 1)'])})"
        if k == 10:
            return f"({a} {self.pick(['&', '|', '^'])} {b})"
        if k == 11:
            return f"({a} {self.pick(['<<', '>>'])} {self.pick(['1', '3', '17', '(' + b + ' & 31)'])})"
        if k == 12:
            return self.pick([f"abs({a})", f"min({a}, {b})", f"max({a}, {b})", f"-{a}", f"~{a}", f"small({a})"])
        if k == 13:
            return f"({a} if {self.condition(depth + 1)} else {b})"
        if k == 14:
            return self.pick(
                [f"int({self.float_expr(depth + 1)} % 1000)", f"xs[{self.index('len(xs)')}]", f"bool({a})"]
            )
        return self.call(depth) if self.helpers else f"({a} + {b})"

    def float_expr(self, depth=0):
        k = self.r.randrange(14 if depth < 3 else 4)
        if k <= 1:
            return self.pick(self.floats)
        if k == 2:
            return self.pick(FLOAT_EDGES) if self.chance(0.3) else repr(self.r.randrange(-400, 400) / 16)
        if k == 3:
            return self.pick(
                [f"{self.pick(self.objects)}.{self.pick(['x', 'y'])}", f"ys[{self.index('len(ys)')}]", "G1"]
            )
        a, b = self.float_expr(depth + 1), self.float_expr(depth + 1)
        if k <= 8:
            return f"({a} {self.pick(['+', '-', '*', '*', '/'])} {b})"
        if k == 9:
            return self.pick(
                [
                    f"math.sqrt(abs({a}))",
                    f"math.sin({a})",
                    f"abs({a})",
                    f"math.floor({a} % 100)",
                    f"math.exp(-abs({a}))",
                    f"math.hypot({a}, {b})",
                    f"math.atan2({a}, {b})",
                ]
            )
        if k == 10:
            return self.pick(
                [
                    f"float({self.int_expr(depth + 1)})",
                    f"({a} ** 2)",
                    f"min({a}, {b})",
                    f"max({a}, {b})",
                    f"-{a}",
                    f"({a} // {b})",
                    f"({a} % {b})",
                    f"round({a} % 50, 1)",
                ]
            )
        if k == 11:
            return f"({a} * {self.int_expr(depth + 1)})"
        if k == 12 and self.arrays:
            return self.element()
        return f"({a} if {self.condition(depth + 1)} else {b})"

    def element(self):
        a = self.pick(self.arrays)
        if a == "v":
            return self.pick([f"v[{self.index('5')}, {self.index('6')}]", f"v[{self.index('5')}][{self.index('6')}]"])
        return f"u[{self.index('len(u)')}]"

    def condition(self, depth=0):
        k = self.r.randrange(8)
        if k <= 3:
            return f"{self.int_expr(depth + 1)} {self.pick(COMPARE)} {self.int_expr(depth + 1)}"
        if k <= 5:
            return f"{self.float_expr(depth + 1)} {self.pick(COMPARE)} {self.float_expr(depth + 1)}"
        if k == 6 and depth < 2:
            return f"({self.condition(depth + 1)}) {self.pick(['and', 'or'])} ({self.condition(depth + 1)})"
        return self.pick(
            [
                f"{self.pick(self.ints + self.loop_vars)} % {self.pick(['2', '3', '7'])} == 0",
                f"not {self.pick(self.ints)}",
                "p.x is p.y",
                "xs[0] is xs[-1]",
                f"0 <= {self.pick(self.ints)} < 50",
                f"{self.pick(self.floats)} != 0",
            ]
        )

    def call(self, depth=0):
        name, kinds = self.pick(self.helpers)
        args = [self.int_expr(depth + 2) if k == "i" else self.float_expr(depth + 2) for k in kinds]
        return f"{name}({', '.join(args)})"

    # ---- statements ----
    def emit(self, text):
        self.lines.append("    " * self.depth + text)

    def block(self, size, loop):
        self.depth += 1
        for _ in range(size):
            self.statement(loop)
        self.depth -= 1

    def loop_body(self, size):
        """A block that first keeps what it assigns from growing without end."""
        start = len(self.lines)
        self.block(size, True)
        assigned = set()
        for line in self.lines[start:]:
            found = re.match(r"\s*([abcxyz](?:, [abcxyz])*) (?:[-+*^|])?=", line)
            if found:
                assigned.update(found.group(1).split(", "))
        if assigned:
            text = "; ".join(f"{v} = small({v})" for v in sorted(assigned))
            self.lines.insert(start, "    " * (self.depth + 1) + text)

    def statement(self, loop):
        self.budget -= 1
        if self.budget < 0:
            self.emit(f"{self.pick(self.ints)} += 1")
            return
        k = self.r.randrange(24)
        if k <= 3:
            v = self.pick(self.ints)
            self.emit(f"{v} = {self.int_expr()}")
        elif k <= 7:
            self.emit(f"{self.pick(self.floats)} = {self.float_expr()}")
        elif k == 8:
            self.emit(f"{self.pick(self.ints)} {self.pick(['+=', '-=', '^=', '|=', '*='])} {self.int_expr(2)}")
        elif k == 9:
            self.emit(f"{self.pick(self.floats)} {self.pick(['+=', '-=', '*='])} {self.float_expr(1)}")
        elif k <= 12:
            self.if_chain(loop)
        elif k == 13 and self.depth < 5:
            self.inner_for()
        elif k == 14 and self.depth < 5:
            self.inner_while()
        elif k == 15:
            self.store()
        elif k == 16:
            self.store()
        elif k == 17:
            self.emit(
                self.pick(
                    [
                        f"a, b = b, {self.int_expr(1)}",
                        f"x, y = y, {self.float_expr(1)}",
                        "a, b, c = c, a, b",
                        "x, y, z = z, x, y",
                    ]
                )
            )
        elif k == 18:
            self.type_change()
        elif k == 19 and loop:
            self.emit(f"if {self.condition()}:")
            self.emit("    " + self.pick(["continue", "break", "continue"]) if self.r.randrange(2) else "    pass")
        elif k == 20 and self.depth < 4:
            self.try_block(loop)
        elif k == 21:
            self.emit(
                self.pick(
                    [
                        f"xs.append({self.bounded(self.int_expr(2))})\n{'    ' * self.depth}if len(xs) > 12: xs.pop()",
                        f"p.move({self.bounded(self.float_expr(2))})",
                        "G0 = small(a)",
                        f"G1 = {self.bounded(self.float_expr(2))}",
                        f"log.append(({self.pick(self.ints)}, {self.pick(self.floats)}))",
                        "p, q = q, p",
                        "same += p.x is x",
                        "t = p.x; p.y = t; same += p.y is t",
                        "q.x = ys[0]; same += ys[0] is q.x",
                    ]
                )
            )
        else:
            self.emit(f"{self.pick(self.ints)} = {self.int_expr(1)}")

    def if_chain(self, loop):
        self.emit(f"if {self.condition()}:")
        self.block(self.r.randrange(1, 3), loop)
        if self.chance(0.3):
            self.emit(f"elif {self.condition()}:")
            self.block(1, loop)
        if self.chance(0.5):
            self.emit("else:")
            self.block(self.r.randrange(1, 3), loop)

    def inner_for(self):
        self.counters += 1
        v = f"j{self.counters}"
        source = self.pick(
            [
                f"range({self.r.randrange(1, 9)})",
                f"range({self.r.randrange(9)}, 0, -1)",
                "xs",
                "range(len(ys))",
                "range(a % 6)",
                "enumerate(ys)",
                "zip(xs, ys)",
                "reversed(xs)",
                "tuple(xs)",
            ]
        )
        if source in ("enumerate(ys)", "zip(xs, ys)"):
            self.emit(f"for {v}, e{self.counters} in {source}:")
        else:
            self.emit(f"for {v} in {source}:")
        self.loop_vars.append(v)
        self.loop_body(self.r.randrange(1, 4))
        self.loop_vars.pop()
        if self.chance(0.15):
            self.emit("else:")
            self.block(1, False)

    def inner_while(self):
        self.counters += 1
        w = f"w{self.counters}"
        self.emit(f"{w} = 0")
        self.emit(f"while {w} < {self.r.randrange(1, 8)}{self.pick(['', ' and ' + self.condition(1)])}:")
        self.emit(f"    {w} += 1")
        self.loop_vars.append(w)
        self.loop_body(self.r.randrange(1, 4))
        self.loop_vars.pop()

    def bounded(self, expr):
        return f"small({expr})" if "*" in expr or "<<" in expr or "(" in expr else expr

    def store(self):
        k = self.r.randrange(6)
        if k == 0:
            self.emit(f"xs[{self.index('len(xs)')}] = {self.bounded(self.int_expr(1))}")
        elif k == 1:
            self.emit(f"ys[{self.index('len(ys)')}] {self.pick(['=', '+=', '-='])} {self.bounded(self.float_expr(1))}")
        elif k == 2:
            obj = self.pick(self.objects)
            self.emit(
                f"{obj}.{self.pick(['x', 'y'])} {self.pick(['=', '+=', '-='])} {self.bounded(self.float_expr(1))}"
            )
        elif k == 3:
            self.emit(f"ys[{self.index('len(ys)')}] = ys[{self.index('len(ys)')}]")
        elif self.arrays:
            value = self.float_expr(1) if self.chance(0.6) else self.int_expr(2)
            self.emit(f"{self.element()} {self.pick(['=', '=', '+=', '*='])} {value}")
        else:
            self.emit(f"xs[{self.index('len(xs)')}] ^= {self.int_expr(2)}")

    def type_change(self):
        when = self.r.randrange(5, 90)
        target = self.pick([*self.ints[:2], *self.floats[:2], "p.x", "xs[0]", "ys[-1]"])
        value = self.pick(["2.5", "3", "2**64 + 1", "True", "1j" if self.chance(0.2) else "0.25", "float(i)", "i"])
        self.emit(f"if i == {when}:")
        self.emit(f"    {target} = {value}")

    def try_block(self, loop):
        self.emit("try:")
        self.block(self.r.randrange(1, 3), loop)
        if self.chance(0.8):
            self.emit("except (ZeroDivisionError, ValueError, OverflowError, IndexError, TypeError) as e:")
            self.emit("    log.append((i, type(e).__name__, str(e)))")
            if self.chance(0.3):
                self.emit("finally:")
                self.block(1, False)
        else:
            self.emit("finally:")
            self.block(1, False)

    def helper(self):
        name = f"h{len(self.helpers)}"
        kinds = [self.pick("if") for _ in range(self.r.randrange(1, 4))]
        keep = self.ints, self.floats, self.loop_vars, self.lists, self.arrays, self.objects
        params = [f"p{i}" for i in range(len(kinds))]
        self.ints = [p for p, k in zip(params, kinds, strict=True) if k == "i"] or ["G0"]
        self.floats = [p for p, k in zip(params, kinds, strict=True) if k == "f"] or ["G1"]
        self.loop_vars, self.arrays = [], []
        text = [f"def {name}({', '.join(params)}):"]
        if self.chance(0.4):
            text += [f"    if {params[0]} > {self.r.randrange(-5, 50)}:", f"        return {self.plain_expr(params)}"]
        if self.chance(0.3):
            text += [
                "    t = 0",
                f"    for k in range({self.r.randrange(1, 5)}):",
                f"        t += {params[-1]} * k",
                "    return t",
            ]
        else:
            text += [f"    return {self.plain_expr(params)}"]
        self.ints, self.floats, self.loop_vars, self.lists, self.arrays, self.objects = keep
        self.helpers.append((name, kinds))
        return "\n".join(text) + "\n\n\n"

    def plain_expr(self, params):
        a, b = self.pick(params), self.pick(params)
        return self.pick(
            [
                f"{a} + {b}",
                f"{a} * 2 - {b}",
                f"{a}",
                f"-{b}",
                f"{a} * 0.5",
                f"({a} + 1) * ({b} - 1)",
                f"{a} if {a} < {b} else {b}",
                f"abs({a})",
            ]
        )

    def program(self):
        r = self.r
        head = HEADER.format(
            numpy="import numpy as np\n" if self.numpy else "",
            g0=self.pick(INT_EDGES[:12]),
            g1=self.pick(FLOAT_EDGES[:9]),
        )
        helpers = "".join(self.helper() for _ in range(r.randrange(3)))
        self.budget = r.randrange(6, 28)
        body = self.setup()
        self.lines = []
        self.depth = 1
        kind = r.randrange(4)
        self.loop_vars = ["i"]
        if kind <= 1:
            self.emit(
                self.pick(["for i in range(n):", "for i in range(n - 1, -1, -1):", "for i in range(0, 2 * n, 2):"])
            )
        elif kind == 2:
            self.emit("for i, e0 in enumerate(big):")
        else:
            self.emit("i = -1")
            self.emit("while i < n:")
            self.emit("    i += 1")
        safe = self.chance(0.6)
        if safe:
            self.depth += 1
            self.emit("try:")
        self.loop_body(r.randrange(2, 7))
        if safe:
            self.emit("except (ZeroDivisionError, ValueError, OverflowError, IndexError, TypeError) as e:")
            self.emit("    log.append((i, type(e).__name__, str(e), e.__traceback__.tb_lineno))")
            self.depth -= 1
        if self.chance(0.5):
            self.emit("    a = small(a)")
        self.emit("    if len(log) > 60: log.clear()")
        tail = "    return a, b, c, x, y, z, xs, ys, p, q, log, same, i" + (", u, v" if self.numpy else "") + "\n"
        return head + helpers + body + "\n".join(self.lines) + "\n" + tail

    def setup(self):
        numbers = ", ".join(self.pick(INT_EDGES) if self.chance(0.3) else str(self.r.randrange(50)) for _ in range(6))
        floats = ", ".join(
            self.pick(FLOAT_EDGES) if self.chance(0.3) else repr(self.r.randrange(100) / 8) for _ in range(6)
        )
        text = [
            "def run(n):",
            "    global G0, G1",
            f"    a, b, c = {self.r.randrange(10)}, {self.pick(INT_EDGES)}, 1",
            f"    x, y, z = 0.5, {self.pick(FLOAT_EDGES)}, 1.25",
            f"    xs = [{numbers}]",
            f"    ys = [{floats}]",
            "    p, q = Point(0.5, 1.5), Slots(2.5, -1.0)",
            "    log = []",
            "    same = 0",
            "    i = 0",
            "    big = [k * 3 for k in range(n)]",
        ]
        if self.numpy:
            t = self.pick(ARRAY_TYPES)
            text.append(f"    u = np.arange(40).astype({t!r}){self.pick(['', '[::2]', '[::-1]', '[3:]'])}")
            t = self.pick(ARRAY_TYPES)
            text.append(
                f"    v = np.arange(30).astype({t!r}).reshape(5, 6){self.pick(['', '', '.copy(order=%r)' % 'F'])}"
            )
        # a helper or a conversion in the loop may warn: the harness compares that too
        return "\n".join(text) + "\n"


def generate(random, numpy=True):
    """The text of a random program with a function run(n)."""
    return Generator(random, numpy).program()
