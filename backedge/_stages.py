"""The stages of a compiled loop, line by line, each line with the place in the source that it came from.

Used by `backedge dump`; a page or another tool gets the same from `annotate`.
"""

import collections
import dis
import re

Place = collections.namedtuple("Place", "function line offset opname")
Line = collections.namedtuple("Line", "text place")  # place: None where the stage does not tell

_ORIGIN = re.compile(r"origin (\d+) code (\d+) depth \d+ offset (\d+) line (\d+)$")
_AT = re.compile(r" @(\d+)$")
_DEFINED = re.compile(r"\s*v(\d+) = ")
_LLVM_VALUE = re.compile(r"%v(\d+)")
_LLVM_OPERAND = re.compile(r"%[\w.]+")
_LLVM_PART = re.compile(r"%\d+")


def opnames(codes):
    """(function, offset, line) -> name of the instruction, for `Place`; offsets as in `dis`, prefixes included."""
    names = {}
    for code in codes:
        prefix = None
        for instruction in dis.get_instructions(code):
            line = instruction.positions.lineno
            if instruction.opname == "EXTENDED_ARG":
                prefix = instruction.offset if prefix is None else prefix
                continue
            for offset in {instruction.offset, instruction.offset if prefix is None else prefix}:
                names[code.co_qualname, offset, line] = instruction.opname
            prefix = None
    return names


class _Origins:
    """The table at the head of a function's IR."""

    def __init__(self, functions, names):
        self.functions, self.names = functions, names
        self.places = {}

    def add(self, match):
        number, code, offset, line = map(int, match.groups())
        function = self.functions[code] if code < len(self.functions) else None
        self.places[number] = Place(function, line, offset, self.names.get((function, offset, line)))


def _ir(text, functions, names):
    """Lines without the tables of origins; and the places of values by number."""
    lines, values = [], {}
    origins = _Origins(functions, names)
    for line in text.splitlines():
        if line.startswith('fn "') and lines:
            origins = _Origins((), names)  # a native function of the region: another table
        match = _ORIGIN.match(line)
        if match:
            origins.add(match)
            continue
        at = _AT.search(line)
        place = origins.places.get(int(at[1])) if at else None
        defined = _DEFINED.match(line)
        if defined and place:
            values.setdefault(int(defined[1]), place)
        lines.append(Line(line[: at.start()] if at else line, place))
    return lines, values


def _value_of(name, values):
    """LLVM appends numbers to names that are taken: the longest beginning that is a value is meant."""
    for end in range(len(name), 0, -1):
        place = values.get(int(name[:end]))
        if place:
            return place
    return None


def _llvm(text, values):
    """A line that defines a value of the IR came from there; one that makes a part of it (a number) from where
    the first value that is made of it did; a branch or store from where its operand did. The block that all exits share
    came from no one place."""
    lines, parts, shared = [], {}, False
    for line in reversed(text.splitlines()):
        head, equals, rest = line.partition(" = ")
        defined = head.strip() if equals else ""
        place = named = None
        if line.startswith("  "):
            named = _LLVM_VALUE.match(defined)
            if named:
                place = _value_of(named[1], values)
            elif equals:
                place = parts.get(defined)
            else:
                used = _LLVM_OPERAND.search(line)
                if used:
                    number = _LLVM_VALUE.match(used[0])
                    place = _value_of(number[1], values) if number else None
            if named and place and not rest.startswith("phi "):
                for part in _LLVM_PART.findall(rest):
                    parts[part] = place
        lines.append(Line(line, place))
    lines.reverse()
    for i, line in enumerate(lines):
        if not line.text.startswith(" "):
            shared = line.text.startswith("exit:")
        elif shared:
            lines[i] = Line(line.text, None)
    return lines


def annotate(loop, names=None):
    """stage -> list of Line, for the texts that were kept of a loop (or of one of its regions)."""
    texts, functions = loop.get("stages") or {}, loop.get("functions") or (loop.get("function"),)
    stages, values = {}, {}
    for stage in ("trace", "opt"):
        if stage in texts:
            stages[stage], values = _ir(texts[stage], functions, names or {})
    if "llvm" in texts:
        stages["llvm"] = _llvm(texts["llvm"], values)
    if "asm" in texts:
        stages["asm"] = [Line(line, None) for line in texts["asm"].splitlines()]
    return stages


def snapshots(loop):
    """number -> lines of text, from the optimised IR (or the trace)."""
    texts = loop.get("stages") or {}
    found, current = {}, None
    for line in (texts.get("opt") or texts.get("trace") or "").splitlines():
        if line.startswith('fn "') and found:
            break
        head = re.match(r"snap s(\d+) ", line)
        if head:
            current = found.setdefault(int(head[1]), [])
        elif current is not None and line.startswith("  "):
            current.append(_AT.sub("", line.strip()))
        else:
            current = None
    return found


def place_text(place, root):
    if place is None:
        return ""
    function = f"{place.function} " if place.function and place.function != root else ""
    return f"; {function}line {place.line} @{place.offset} {place.opname or ''}".rstrip()
