"""Reports for people: what `python -m backedge dump` and `str(backedge.explain(f))` print."""

import dis
import io
import linecache

from . import _core, _profile, _stages, _text

STAGES = ("source", "bytecode", "trace", "opt", "llvm", "asm", "exits")
WIDTH = 76  # of a stage's text; behind it stands where it came from
KEPT = ("trace", "opt", "llvm", "asm")  # texts that the core keeps
STAGE_TITLES = {
    "source": "source",
    "bytecode": "bytecode",
    "trace": "trace graph",
    "opt": "optimised IR",
    "llvm": "LLVM IR",
    "asm": "machine code",
    "exits": "exits",
}


def _source_line(file, line):
    return linecache.getline(file, line).strip() if file and line else ""


def _number(n):
    return f"{n:,}" if isinstance(n, int) else str(n)


def _milliseconds(ms):
    """'build 0.4 + opt 0.3 = 0.7 ms' of a dict of phases."""
    parts = [f"{phase} {value:.2f}" for phase, value in ms.items() if value]
    total = sum(ms.values())
    return f"{' + '.join(parts)} = {total:.2f} ms" if len(parts) > 1 else f"{total:.2f} ms"


def _place(info, loop):
    what = "function" if loop.get("kind") == "function" else "loop"
    return f"{what} at line {loop.get('line', '?')}, offset {loop.get('offset', '?')}"


def _exit_lines(info, exits):
    """Guards and exits that were taken, most often first; the others only counted."""
    taken = sorted((e for e in exits if e.get("count")), key=lambda e: -e["count"])
    lines = []
    for e in taken:
        where = f"line {e.get('line', '?')}"
        if "offset" in e:
            where += f", offset {e['offset']}"
        name = e.get("function")
        if name and name != info.get("function"):
            where = f"{name} {where}"
        text = e.get("text") or ""
        hoisted = " (checked before the loop)" if e.get("hoisted") else ""
        lines.append(
            f"      {_number(e['count']):>9} x {e.get('kind', '?'):<10} {where}{hoisted}{': ' + text if text else ''}"
        )
    never = len(exits) - len(taken)
    if never:
        lines.append(f"      {_number(never):>9} other guards and exits, never taken")
    return lines


def loop_report(info, loop, stages=()):
    """Lines on one loop or function entry."""
    state = loop.get("state", "?")
    lines = [f"  {_place(info, loop)}: {state}"]
    source = _source_line(info.get("file"), loop.get("line"))
    if source:
        lines[0] += f"    | {source}"
    reason = loop.get("reason")
    if reason and (state != "compiled" or reason not in ("not tried yet", "NONE")):
        at = loop.get("reason_line")
        lines.append(f"    reason: {reason}" + (f" (line {at}: {_source_line(info.get('file'), at)})" if at else ""))
        if loop.get("detail"):
            lines.append(f"    detail: {loop['detail']}")
    counts = [f"{_number(loop[key])} {text}" for key, text in COUNTS if loop.get(key)]
    if counts:
        lines.append("    " + ", ".join(counts))
    ms = loop.get("ms")
    if ms and any(ms.values()):
        lines.append(f"    compile time: {_milliseconds(ms)}")
    exits = loop.get("exits")
    if exits:
        lines.append("    guards and exits:")
        lines.extend(_exit_lines(info, exits))
    regions = loop.get("regions") or [loop]
    for number, region in enumerate(regions):
        which = f" (version {number + 1} of {len(regions)})" if len(regions) > 1 else ""
        lines.extend(_stage_lines(info, loop, region, number, which, stages))
    return lines


def _stage_lines(info, loop, region, number, which, stages):
    annotated = _stages.annotate(region, _names())
    lines = []
    for stage in KEPT:
        if stage in stages:
            lines.append(f"    ---- {STAGE_TITLES[stage]}{which} ----")
            for text, place in annotated.get(stage, [_stages.Line("(not kept)", None)]):
                where = _stages.place_text(place, info.get("function"))
                lines.append(f"    {text.expandtabs():<{WIDTH}}  {where}".rstrip())
    if "exits" in stages:
        lines.append(f"    ---- {STAGE_TITLES['exits']}{which} ----")
        lines.extend(_exit_table(loop, region, number))
    return lines


def _exit_table(loop, region, number):
    """Every exit with its count, and the slots that its snapshot makes."""
    snapshots = _stages.snapshots(region)
    for e in loop.get("exits", ()):
        if e["region"] != number:
            continue
        hoisted = ", checked before the loop" if e["hoisted"] else ""
        yield f"    exit {e['number']}: {e['kind']} x {_number(e['count'])}{hoisted}: {e['text']}".ljust(
            WIDTH + 6
        ) + f"; {e['function']} line {e['line']} @{e['offset']}"
        for line in snapshots.get(e.get("snapshot"), ()):
            yield f"        {line}"


def _names():
    return _stages.opnames(_core.codes()) if _core is not None else {}


def _source_lines(code, loops):
    """The function's source; at each line the exits that were taken there, and why a loop stayed interpreted."""
    last = max((line for _, _, line in code.co_lines() if line), default=code.co_firstlineno)
    taken, notes = {}, {}
    for loop in loops:
        for e in loop.get("exits", ()):
            if e["count"] and e["function"] == loop["function"]:
                taken.setdefault(e["line"], []).append(f"{e['kind']} x {_number(e['count'])}")
        if loop["state"] != "cold":
            notes.setdefault(loop["line"], []).append(loop["state"])
        if loop.get("reason") and loop["state"] not in ("cold", "compiled", "compiling"):
            notes.setdefault(loop.get("reason_line") or loop["line"], []).append(loop["reason"])
    for line in range(code.co_firstlineno, last + 1):
        text = linecache.getline(code.co_filename, line).rstrip()
        remarks = ", ".join([*notes.get(line, ()), *taken.get(line, ())])
        yield f"    {line:5} {text:<{WIDTH - 6}}  {'# ' + remarks if remarks else ''}".rstrip()


COUNTS = (
    ("back_edges", "back edges seen"),
    ("entries", "entries"),
    ("compiles", "compiles"),
    ("penalties", "penalties"),
    ("rests", "rests (left to the interpreter for a while: its runs are too short to pay)"),
    ("instructions", "IR instructions"),
    ("code_bytes", "bytes of machine code"),
)


def bytecode_lines(code):
    out = io.StringIO()
    dis.dis(code, file=out, depth=0)
    return ["    " + line for line in out.getvalue().rstrip().splitlines()]


def report(info, stages=(), code=None, cold=True):
    """The whole text on one function; `cold`: also what never got hot."""
    lines = [f"{info.get('function', '?')}  ({info.get('file', '?')}:{info.get('line', '?')})"]
    if info.get("reason"):
        lines.append(f"  {info['reason']}")
    if "source" in stages and code is not None:
        lines.append(f"    ---- {STAGE_TITLES['source']} ----")
        lines.extend(_source_lines(code, info.get("loops", [])))
    if "bytecode" in stages and code is not None:
        lines.append(f"    ---- {STAGE_TITLES['bytecode']} ----")
        lines.extend(bytecode_lines(code))
    loops = info.get("loops", [])
    for loop in loops:
        if cold or loop.get("state") != "cold":
            lines.extend(loop_report(info, loop, stages))
    if not loops:
        lines.append("  nothing got hot")
    return "\n".join(lines)


def summary(stats):
    """One paragraph of process-wide counters."""
    pairs = [
        f"{key.replace('_', ' ')} {value:.1f}"
        if isinstance(value, float)
        else f"{key.replace('_', ' ')} {_number(value)}"
        for key, value in stats.items()
        if isinstance(value, (int, float)) and value
    ]
    return "totals: " + (", ".join(pairs) if pairs else "nothing happened")


def print_all(options, fd):
    """All loops of the process that the options ask for."""

    _core.drain()
    _core.sample(0)
    lines = []
    for code in _core.codes():
        info = _core.explain(code)
        info["loops"] = list(_profile.chosen(info["loops"], options))
        if any(options.all or loop["state"] != "cold" for loop in info["loops"]):
            lines += [report(info, options.stages, code, cold=options.all), ""]
    lines.append(summary(_core.stats()))
    _text.write(fd, "\n".join([*lines, ""]))


def kept_mask(stages):
    """What the core must keep: the optimised IR tells the places of later stages, and the slots of exits."""
    wanted = {*stages, *(["opt"] if {"llvm", "asm", "exits"} & set(stages) else [])}
    return sum(1 << i for i, stage in enumerate(KEPT) if stage in wanted)
