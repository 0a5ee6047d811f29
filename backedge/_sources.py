"""The source texts and the bytecode of a run's loops: what a report shows that logs do not hold.

A run saves them beside its logs, so that code without a file, or a file that has changed since, is shown as it ran.
"""

import dis
import json
import linecache
import os
import re
import sys
import warnings

_ADDRESS = re.compile(r" at 0x[0-9a-f]+(?=[,>])")
NAME = "sources.json"  # in the folder of the logs


# ---- which code ------------------------------------------------------------------------------------------------------
def hot(loop):
    return loop["state"] != "cold" or any(loop.get("ticks", {}).values())


def _wanted(loops):
    """Files of hot loops, and names of the functions that they are in or that were inlined."""
    files, names = set(), set()
    for loop in loops:
        if hot(loop):
            files.add(loop["file"])
            names.add(loop["function"])
            for region in loop.get("regions", ()):
                names.update(region.get("functions", ()))
    return files, names


def _walk(code):
    yield code
    for const in code.co_consts:
        if isinstance(const, type(code)):
            yield from _walk(const)


# ---- one code object -------------------------------------------------------------------------------------------------
def describe(code):
    """file, function, line; instructions: lists of offset, line, text, and where a backward jump goes (or None).
    Offsets are those of a prefix, as the core's are."""
    rows, prefix = [], None
    for ins in dis.get_instructions(code):
        if ins.opname == "EXTENDED_ARG":
            prefix = ins.offset if prefix is None else prefix
            continue
        shown = _ADDRESS.sub("", ins.argrepr)  # the same in every run
        argument = shown or ("" if ins.arg is None else str(ins.arg))
        text = f"{ins.opname:<22} {argument}"
        target = ins.argval if "JUMP_BACKWARD" in ins.opname else None
        offset = ins.offset if prefix is None else prefix
        rows.append([offset, ins.positions.lineno, text.rstrip(), target, ins.offset])
        prefix = None
    return {"file": code.co_filename, "function": code.co_qualname, "line": code.co_firstlineno, "instructions": rows}


def _text(file):
    return "".join(linecache.getlines(file))


# ---- a run's ---------------------------------------------------------------------------------------------------------
def collect(loops, codes):
    """Of the code objects that are at hand."""
    files, names = _wanted(loops)
    found = [describe(c) for c in codes if c.co_qualname in names]
    return {
        "python": list(sys.version_info[:2]),
        "files": {file: _text(file) for file in files | {c["file"] for c in found}},
        "codes": found,
    }


def save(sources, folder):
    with open(os.path.join(folder, NAME), "w") as out:
        json.dump(sources, out)


def load(folder):
    """What was saved; None if nothing was."""
    try:
        with open(os.path.join(folder, NAME)) as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def merge(into, sources):
    """Adds those of another run; None, or of another Python, whose bytecode differs: nothing is added."""
    if into is None or sources is None or sources["python"] != into["python"]:
        return into or sources
    into["files"] = sources["files"] | into["files"]
    have = {(c["file"], c["function"], c["line"]) for c in into["codes"]}
    into["codes"] += [c for c in sources["codes"] if (c["file"], c["function"], c["line"]) not in have]
    return into


def complete(sources, loops, version):
    """Adds what is missing by compiling the files, if this interpreter has the same bytecode as the run's."""
    files, names = _wanted(loops)
    have = {(c["file"], c["function"], c["line"]) for c in sources["codes"]}
    for file in files:
        text = sources["files"].setdefault(file, _text(file))
        if not text or version != list(sys.version_info[:2]):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                module = compile(text, file, "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            continue
        for code in _walk(module):
            if code.co_qualname in names and (file, code.co_qualname, code.co_firstlineno) not in have:
                sources["codes"].append(describe(code))
    return sources


class Index:
    """Finds code by function."""

    def __init__(self, sources):
        self.codes = {}
        for code in sources["codes"]:
            self.codes.setdefault(code["function"], []).append(code)
        self._listings = {}

    def listing(self, code):
        """Lines of text, and of each its (line of source, offset, name of the instruction)."""
        if id(code) not in self._listings:
            rows = code["instructions"]
            lines = [f"{offset:>5} {instruction}" for offset, _, instruction, _, _ in rows]
            places = [(line, offset, instruction.split(" ", 1)[0]) for offset, line, instruction, _, _ in rows]
            self._listings[id(code)] = lines, places
        return self._listings[id(code)]

    def of_loop(self, loop):
        """The code that a loop is in; None if it is not known."""
        for code in self.codes.get(loop["function"], ()):
            if code["file"] == loop["file"] and any(
                row[0] == loop["offset"] and row[1] == loop["line"] for row in code["instructions"]
            ):
                return code
        return next((c for c in self.codes.get(loop["function"], ()) if c["file"] == loop["file"]), None)

    def file_of(self, function, line, near):
        """The file of a function that was inlined into code of the file `near`."""
        files = [
            c["file"] for c in self.codes.get(function, ()) if any(row[1] == line for row in c["instructions"])
        ]
        return near if near in files or not files else files[0]

    def extent(self, loop):
        """The lines of a loop, its first included."""
        code = self.of_loop(loop)
        lines = {loop["line"]}
        if code:
            rows, start = code["instructions"], loop["offset"]
            end = max((row[0] for row in rows if row[3] == start), default=start)
            if loop.get("kind") == "function":
                start, end = 0, rows[-1][0]
            lines.update(row[1] for row in rows if start <= row[0] <= end and row[1])
        return lines

    def names(self):
        """(function, offset, line) -> name of the instruction, as _stages.opnames gives it."""
        return {
            (code["function"], offset, row[1]): row[2].split(" ", 1)[0]
            for code in (c for codes in self.codes.values() for c in codes)
            for row in code["instructions"]
            for offset in {row[0], row[4]}
        }
