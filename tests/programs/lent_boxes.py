"""Numbers that a local holds through another local's slot."""

import math

from diff.harness import case


class Point:
    def __init__(self, x, y):
        self.y = y


def small(v):
    if isinstance(v, int) and not -(10**30) < v < 10**30:
        return v % 1000003
    return v


@case((40,), (150,))
def lent_box_where_all_locals_are_put_home(n):
    """z is x's object, which x's slot keeps alive, when x gets its next box."""
    a, b, c = 6, 0, 1
    x, y, z = 0.5, 5e-324, 1.25
    p, q = Point(0.5, 1.5), Point(2.5, -1.0)
    log = []
    i = 0
    while i < n:
        i += 1
        try:
            b = small(b)
            x = small(x)
            z = small(z)
            z = log[a % len(log)] if math.atan2(1.8125, 0.0) == math.hypot(x, p.y) else x
            if i == 47:
                p.x = 2.5
            x += -z
        except (ZeroDivisionError, ValueError, OverflowError, IndexError, TypeError) as e:
            log.append((i, type(e).__name__, str(e), e.__traceback__.tb_lineno))
    return a, b, c, x, y, z, p, q, log, i


@case((40,), (150,))
def lent_boxes(n):
    b = 0
    x = z = 0.5
    seen = []
    i = 0
    while i < n:
        i += 1
        b = small(b)
        x = small(x)
        z = small(z)
        z = x if i % 5 else x * 1.5
        x = x * 0.5 + i
        seen.append((x, z))
    return b, x, z, seen


@case((40,), (150,), (150,))
def lent_box_of_the_value_that_is_stored(n):
    """While c's object is stored to a, locals get the boxes that they hold into their own slots: c's is written."""
    a, b, c = 5, 2**63, 1
    for i in range(1000, 1000 + n):
        c = c + 0
        a = i
        for j in range(3):
            pass
        a, b, c = c, a, b
    return a, b, c, i, j
