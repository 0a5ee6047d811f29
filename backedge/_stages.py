"""The stages of a compiled loop, line by line, each line with the place in the source that it came from.

Used by `backedge dump`; a page or another tool gets the same from `annotate`.
"""

import collections
import dis
import re

Place = collections.namedtuple("Place", "function line offset opname")
Line = collections.namedtuple("Line", "text place")  # place: None where the stage does not tell


class Stage:
    """Lines of a text and their places, as two lists: pages have half a million lines. Iterating gives each `Line`."""

    __slots__ = ("places", "texts")

    def __init__(self):
        self.texts, self.places = [], []

    def __iter__(self):
        return map(Line, self.texts, self.places)


_AT = re.compile(r" @(\d+)$")
_LLVM_VALUE = re.compile(r"%(v\d+)")
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


class _Function:
    """What is known of one of a region's functions: the places of its origins (by number, as text) and values."""

    def __init__(self, functions, names):
        self.functions, self.names = functions, names
        self.origins, self.values = {}, {}

    def add_origin(self, line):
        words = line.split()  # origin 1 code 0 depth 0 offset 10 line 17 in 3
        code, offset, line = int(words[3]), int(words[7]), int(words[9])
        function = self.functions[code] if code < len(self.functions) else None
        self.origins[words[1]] = Place(function, line, offset, self.names.get((function, offset, line)))


def _ir(text, functions, names):
    """The stage, without the tables of origins; and the region's functions."""
    stage, parts, origins, values = Stage(), [], {}, {}
    add_text, add_place = stage.texts.append, stage.places.append
    for line in text.splitlines():
        text, at, number = line.rpartition(" @")
        place = origins.get(number) if at else None
        if place:
            add_text(text)
            add_place(place)
            value, defines, _ = text.partition(" = ")
            if defines:
                values.setdefault(value.lstrip(), place)
            continue
        if line.startswith("origin "):
            parts[-1].add_origin(line)
            continue
        if line.startswith('fn "'):  # another function of the region has a table of its own
            parts.append(_Function(functions[len(parts)] if len(parts) < len(functions) else (), names))
            origins, values = parts[-1].origins, parts[-1].values
        add_text(text if at and number.isdigit() else line)
        add_place(None)
    return stage, parts


def _value_of(name, values):
    """LLVM appends numbers to names that are taken: the longest beginning that is a value is meant."""
    for end in range(len(name), 1, -1):
        place = values.get(name[:end])
        if place:
            return place
    return None


def _lines_from(text, start):
    """Those that begin with `start`, which stands nowhere but at their beginning."""
    at = text.find(start)
    while at >= 0:
        end = text.find("\n", at)
        yield text[at:end] if end >= 0 else text[at:]
        at = text.find(start, end) if end >= 0 else -1


def _llvm_places(text, parts):
    """Per function: value -> place, from the comments that tell the values' origins."""
    places = [{} for _ in parts]
    for line in _lines_from(text, "; origins "):
        head = _LLVM_ORIGINS.match(line)
        number = int(head[1]) if head else len(parts)
        for pair in line[head.end() :].split() if number < len(parts) else ():
            value, _, origin = pair.partition("@")
            places[number][value] = parts[number].origins.get(origin)
    return places


def _llvm(text, parts):
    """A line came from the value that its debug location names (as a column); one that has none, and defines a value
    of the IR (LLVM moves and copies these), from there. Debug information itself is left out."""
    end = text.find("\n!") + 1 or len(text)  # behind all code: the nodes, of which some locations
    columns, nodes = [], []
    for line in text[end:].splitlines():
        location = _LLVM_POSITION.match(line)
        if location:
            columns.append(location.groups())
        elif not _LLVM_DEBUG_NODE.match(line):
            nodes.append(line)
    places = _llvm_places(text, parts)
    stage, values = Stage(), parts[0].values if parts else {}
    add_text, add_place = stage.texts.append, stage.places.append
    here = {}  # the function's places by number of the location
    for line in text[:end].splitlines():
        if line[:2] == "  ":
            code, at, rest = line.partition(", !dbg !")
            location, comma, rest = rest.partition(",")
            if at and location.isdigit():  # most lines
                add_text(code + comma + rest if comma else code)
                add_place(here.get(location))
                continue
        elif line.startswith("; origins "):
            continue
        elif line.startswith("define "):
            native = _LLVM_FUNCTION.match(line)
            number = int(native[1]) + 1 if native else 0
            values = parts[number].values if number < len(parts) else {}
            known = places[number] if number < len(parts) else {}
            here = {location: known.get(column) for location, column in columns}
        place, location = None, _LLVM_LOCATION.search(line) if "!dbg !" in line else None
        if location:
            place = here.get(location[1]) if line[:2] == "  " else None
            line = line[: location.start()] + line[location.end() :]
        elif line[:2] == "  " and " = " in line:
            defined = _LLVM_VALUE.match(line.partition(" = ")[0].strip())
            place = _value_of(defined[1], values) if defined else None
        add_text(line)
        add_place(place)
    nodes = [line for line in nodes if not line.startswith("; origins ")]
    stage.texts += nodes
    stage.places += [None] * len(nodes)
    while stage.texts and not stage.texts[-1]:
        stage.texts.pop()
        stage.places.pop()
    return stage


def _asm(text, parts):
    """By the line table: each instruction's origin and value."""
    stage, places = Stage(), parts[0].origins if parts else {}
    add_text, add_place = stage.texts.append, stage.places.append
    for line in text.splitlines():
        code, _, tail = line.rpartition(" @")
        origin, _, value = tail.partition(" ")
        if origin.isdigit() and value[1:].isdigit():
            add_text(f"{code}{' ' * (_ASM_WIDTH - len(code.expandtabs()))} # {value}")
            add_place(places.get(origin))
            continue
        native = _ASM_FUNCTION.match(line) if line.startswith("native.") else None
        if native:
            number = int(native[1]) + 1
            places = parts[number].origins if number < len(parts) else {}
        add_text(line if native else _ASM_LINE.sub("", line))
        add_place(None)
    return stage


def annotate(loop, names=None):
    """name -> Stage, for the texts that were kept of a loop (or of one of its regions)."""
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
