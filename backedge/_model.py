"""What the tools know of a run: logs of events, and loops as dicts. The one place for the shape of both.

**Event**: a dict as `include/bk_event.h` describes it: `event`, `t` (ms), and for one about a loop its identity.

**Loop**: a dict, as `backedge.explain(f).loops` has it and as the log's `loop` events do:

| key | what |
|---|---|
| loop, file, line, function, offset | its identity: the text, and the parts it is made of |
| state | cold, recording, compiling, compiled, failed or blacklisted |
| reason, abort, detail | why it is not compiled: sentence, name, more about it |
| reason_line, reason_column | where that is: columns count bytes, as in CPython, but from 1 on; 0: not known |
| iterations | how often it went back to its head, in profiled runs; missing where that is not known |
| back_edges, entries, compiles, penalties | counts |
| rests | how often it was left to the interpreter for some milliseconds, its runs being too short to pay |
| code_bytes, instructions | of its living native code |
| ms | compile time by phase |
| exits | list of exits: kind, text, line, offset, function, hoisted, count, region (-1: of code that is gone) |
| regions | list of its native versions, the newest first: entries, code_bytes, instructions, ms, functions, stages |
| past_regions | how many there were before |
| stages | texts of the newest version that were kept |
| ticks | where the sampler found it: interpreted, recording, waiting, building, native (profiled runs) |
"""

import json
import os

LOG_VERSION = 1
PHASES = ("build", "opt", "lower", "llvm", "emit")
TICKS = ("native", "interpreted", "recording", "waiting", "building")


class LogError(Exception):
    """A file that is no log, or one of another version."""


# ---- identity --------------------------------------------------------------------------------------------------------
def parse_identity(text):
    """(file, line, function, offset) of a loop's identity; ValueError if it is none."""
    rest, _, offset = text.rpartition("@")
    rest, _, function = rest.rpartition(":")
    file, _, line = rest.rpartition(":")
    if not file or not function:
        raise ValueError(f"{text!r} is no loop: FILE:LINE:FUNCTION@OFFSET is needed")
    return file, int(line), function, int(offset)


def same_file(path, wanted):
    """`wanted` may leave out directories."""
    return path == wanted or path.endswith(os.sep + wanted) or os.path.abspath(wanted) == path


# ---- logs ------------------------------------------------------------------------------------------------------------
class Log:
    """One process's log: `header`, `events`, and whether its end is missing (`cut`)."""

    def __init__(self, path, header, events, cut):
        self.path, self.header, self.events, self.cut = path, header, events, cut

    def of(self, kind):
        return [event for event in self.events if event["event"] == kind]


def _check_header(path, header):
    version = header.get("backedge_log") if isinstance(header, dict) else None
    if version is None:
        raise LogError(f"{path} is no log of backedge")
    if version != LOG_VERSION:
        raise LogError(f"{path} is a log of format {version}; this version of backedge reads format {LOG_VERSION}")


def read_log(path):
    """Reads a log up to its last whole event: a process that crashed leaves the last line unfinished."""
    with open(path, "rb") as file:
        lines = file.read().split(b"\n")
    tail = lines.pop()
    records = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
        except ValueError as error:
            if number == 1:
                raise LogError(f"{path} is no log of backedge") from None
            raise LogError(f"{path}, line {number}: {error}") from None
        if number == 1:
            _check_header(path, record)
        elif not isinstance(record, dict) or "event" not in record:
            raise LogError(f"{path}, line {number}: no event")
        records.append(record)
    if not records:
        raise LogError(f"{path} is no log of backedge" if tail else f"{path} is empty")
    ended = records[-1]["event"] == "end"
    return Log(path, records[0], records[1:], cut=bool(tail) or not ended)


# ---- loops -----------------------------------------------------------------------------------------------------------
_SUMS = ("back_edges", "entries", "compiles", "code_bytes", "instructions", "past_regions", "rests")
_STATES = ("cold", "recording", "failed", "blacklisted", "compiling", "compiled")  # the one that tells most wins
_FROM_EVENT = {"compiled": "compiled", "blacklisted": "blacklisted", "aborted": "failed", "recording": "recording"}


def _add(into, loop):
    if "iterations" in into and "iterations" in loop:
        into["iterations"] += loop["iterations"]
    else:
        into.pop("iterations", None)
    for key in _SUMS:
        into[key] = into.get(key, 0) + loop.get(key, 0)
    for key in ("ms", "ticks"):
        for name, value in loop.get(key, {}).items():
            into.setdefault(key, {})
            into[key][name] = into[key].get(name, 0) + value
    into["exits"] = into.get("exits", []) + loop.get("exits", [])
    into["regions"] = into.get("regions", []) + loop.get("regions", [])
    if _STATES.index(loop["state"]) > _STATES.index(into["state"]):
        for key in ("state", "reason", "abort", "reason_line", "reason_column", "detail", "stages"):
            if key in loop:
                into[key] = loop[key]


def merge_loops(loops):
    """One dict per identity: counts added up (processes of one run, or code objects made of the same source)."""
    merged = {}
    for loop in loops:
        have = merged.get(loop["loop"])
        if have is None:
            merged[loop["loop"]] = dict(loop, exits=list(loop.get("exits", [])), ms=dict(loop.get("ms", {})))
            if "ticks" in loop:
                merged[loop["loop"]]["ticks"] = dict(loop["ticks"])
        else:
            _add(have, loop)
    return merged


def _from_events(log):
    """What the events of a process that did not live to write its `loop` events tell."""
    loops = {}
    for event in log.events:
        if "loop" not in event:
            continue
        keys = ("loop", "file", "line", "function", "offset")
        loop = loops.setdefault(event["loop"], {"state": "cold", **{key: event[key] for key in keys}})
        kind = event["event"]
        loop["state"] = _FROM_EVENT.get(kind, loop["state"])
        if kind == "compiled":
            loop["compiles"] = event["number"]
            loop["code_bytes"] = event["code_bytes"]
            loop["ms"] = {p: loop.get("ms", {}).get(p, 0) + event["ms"][p] for p in PHASES}
        elif kind in ("aborted", "blacklisted"):
            loop.update(
                reason=event["text"],
                abort=event["reason"],
                reason_line=event.get("reason_line", 0),
                reason_column=event.get("reason_column", 0),
                detail=event.get("detail"),
                penalties=event["penalties"],
            )
    return loops.values()


def loops_of_logs(logs):
    """identity -> loop, of all processes of a run."""
    loops = []
    for log in logs:
        last = log.of("loop")
        told = {loop["loop"] for loop in last}
        loops += last
        loops += [loop for loop in _from_events(log) if loop["loop"] not in told]
    return merge_loops(loops)


def loops_of_process():
    """identity -> loop, of this process now."""
    from . import _core

    if _core is None:
        return {}
    return merge_loops(loop for code in _core.codes() for loop in _core.explain(code)["loops"])


# ---- questions about a loop ------------------------------------------------------------------------------------------
NORMAL_EXITS = ("loop-end", "return", "poll")


def worst_exit(loop):
    """The exit that was taken most often, leaving out the loop's normal end; None if there is none."""
    taken = {}
    for exit in loop.get("exits", ()):
        if exit["count"] and exit["kind"] not in NORMAL_EXITS:
            key = (exit["kind"], exit["function"], exit["line"])
            have = taken.setdefault(key, dict(exit, count=0))
            have["count"] += exit["count"]
    return max(taken.values(), key=lambda exit: exit["count"], default=None)


def exits_taken(loop):
    return sum(exit["count"] for exit in loop.get("exits", ()))


def outcome(loop):
    """compiled, blacklisted, failed, cold...; `left` for code that leaves more often than it should."""
    return loop.get("state", "cold")
