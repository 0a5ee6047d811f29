"""The stages of a compiled loop, line by line, each line with the place in the source that it came from.

Used by `backedge dump`; a page or another tool gets the same from `annotate`.
"""

import collections
import dis
import functools
import re

Place = collections.namedtuple("Place", "function line offset opname")
Line = collections.namedtuple("Line", "text place")  # place: None where the stage does not tell
_line = functools.partial(tuple.__new__, Line)  # of a pair; pages have half a million: three times as fast as Line()

_ORIGIN = re.compile(r"origin (\d+) code (\d+) depth \d+ offset (\d+) line (\d+)(?: in \d+)?$")
_AT = re.compile(r" @(\d+)$")
_DEFINED = re.compile(r"\s*v(\d+) = ")
_LLVM_VALUE = re.compile(r"%v(\d+)")
_LLVM_LOCATION = re.compile(r"(?:, |(?<=\)) )!dbg !(\d+)| !dbg !\d+(?= \{)")
_LLVM_DEBUG_NODE = re.compile(r"!(?:\d+ = (?:distinct )?!DI|llvm\.(?:dbg|module)\.|\d+ = !\{i32 2, !\"D)")
_LLVM_POSITION = re.compile(r"!(\d+) = (?:distinct )?!DILocation\(line: \d+, column: (\d+),")
_LLVM_ORIGINS = re.compile(r"; origins (\d+):")
_LLVM_FUNCTION = re.compile(r"define .*@\"?native\.(\d+)\b")
_ASM_LINE = re.compile(r" line \d+$")
_ASM_FUNCTION = re.compile(r"native\.(\d+):$")
_ASM_WIDTH = 60  # of an instruction, before the value that it belongs to


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


class _Function:
    """What is known of one of a region's functions: the places of its origins, and of its values by number."""

    def __init__(self, functions, names):
        self.origins, self.values = _Origins(functions, names), {}


def _ir(text, functions, names):
    """Lines without the tables of origins; and the region's functions."""
    lines, parts = [], []
    for line in text.splitlines():
        if line.startswith('fn "'):  # another function of the region has a table of its own
            parts.append(_Function(functions[len(parts)] if len(parts) < len(functions) else (), names))
        if line.startswith("origin "):
            parts[-1].origins.add(_ORIGIN.match(line))
            continue
        text, at, number = line.rpartition(" @")
        if not at or not number.isdigit():
            lines.append(_line((line, None)))
            continue
        place = parts[-1].origins.places.get(int(number))
        defined = _DEFINED.match(text)
        if defined and place:
            parts[-1].values.setdefault(int(defined[1]), place)
        lines.append(_line((text, place)))
    return lines, parts


def _value_of(name, values):
    """LLVM appends numbers to names that are taken: the longest beginning that is a value is meant."""
    for end in range(len(name), 0, -1):
        place = values.get(int(name[:end]))
        if place:
            return place
    return None


def _llvm_places(text, parts):
    """(function, value) -> place, from the comments that tell the values' origins."""
    places = {}
    for line in text:
        head = _LLVM_ORIGINS.match(line) if line.startswith("; origins ") else None
        number = int(head[1]) if head else len(parts)
        for pair in line[head.end() :].split() if number < len(parts) else ():
            value, _, origin = pair.partition("@")
            places[number, int(value)] = parts[number].origins.places.get(int(origin))
    return places


def _llvm(text, parts):
    """A line came from the value that its debug location names (as a column); one that has none, and defines a value
    of the IR (LLVM moves and copies these), from there. Debug information itself is left out."""
    text = text.splitlines()
    columns = [match.groups() for match in map(_LLVM_POSITION.match, text) if match]
    places = _llvm_places(text, parts)
    lines, values = [], parts[0].values if parts else {}
    here = {}  # the function's places by number of the location
    for line in text:
        if line[:2] == "  ":
            code, at, location = line.rpartition(", !dbg !")
            if at and location.isdigit():  # most lines
                lines.append(_line((code, here.get(location))))
                continue
        elif (line.startswith("!") and _LLVM_DEBUG_NODE.match(line)) or line.startswith("; origins "):
            continue
        elif line.startswith("define "):
            native = _LLVM_FUNCTION.match(line)
            number = int(native[1]) + 1 if native else 0
            values = parts[number].values if number < len(parts) else {}
            here = {location: places.get((number, int(column))) for location, column in columns}
        place, location = None, _LLVM_LOCATION.search(line) if "!dbg !" in line else None
        if location:
            place = here.get(location[1]) if line[:2] == "  " else None
            line = line[: location.start()] + line[location.end() :]
        elif line[:2] == "  " and " = " in line:
            defined = _LLVM_VALUE.match(line.partition(" = ")[0].strip())
            place = _value_of(defined[1], values) if defined else None
        lines.append(_line((line, place)))
    while lines and not lines[-1].text:
        lines.pop()
    return lines


def _asm(text, parts):
    """By the line table: each instruction's origin and value."""
    lines, places = [], parts[0].origins.places if parts else {}
    for line in text.splitlines():
        native = _ASM_FUNCTION.match(line) if line.startswith("native.") else None
        if native:
            number = int(native[1]) + 1
            places = parts[number].origins.places if number < len(parts) else {}
        place = None
        code, _, tail = line.rpartition(" @")
        origin, _, value = tail.partition(" v")
        if origin.isdigit() and value.isdigit():
            place = places.get(int(origin))
            line = f"{code}{' ' * (_ASM_WIDTH - len(code.expandtabs()))} # v{value}"
        elif not native:
            line = _ASM_LINE.sub("", line)
        lines.append(_line((line, place)))
    return lines


def annotate(loop, names=None):
    """stage -> list of Line, for the texts that were kept of a loop (or of one of its regions)."""
    texts = loop.get("stages") or {}
    functions = [loop.get("functions") or (loop.get("function"),), *loop.get("native_functions", ())]
    stages, parts = {}, []
    for stage in ("trace", "opt"):
        if stage in texts:
            stages[stage], parts = _ir(texts[stage], functions, names or {})
    if "llvm" in texts:
        stages["llvm"] = _llvm(texts["llvm"], parts)
    if "asm" in texts:
        stages["asm"] = _asm(texts["asm"], parts)
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
