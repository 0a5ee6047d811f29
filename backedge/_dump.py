"""Reports for people: what `python -m backedge dump` and `str(backedge.explain(f))` print."""

import dis
import io
import linecache

from . import _core, _profile, _text

STAGES = ("source", "bytecode", "trace", "opt", "llvm", "asm", "exits")
KEPT = ("trace", "opt", "llvm", "asm")  # texts that the core keeps
STAGE_TITLES = {
    "bytecode": "bytecode",
    "trace": "trace graph",
    "opt": "optimised IR",
    "llvm": "LLVM IR",
    "asm": "machine code",
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
    for stage in KEPT:
        text = (loop.get("stages") or {}).get(stage)
        if stage in stages:
            lines.append(f"    ---- {STAGE_TITLES[stage]} ----")
            lines.extend(("    " + line).rstrip() for line in (text or "(not kept)").splitlines())
    return lines


COUNTS = (
    ("back_edges", "back edges seen"),
    ("entries", "entries"),
    ("compiles", "compiles"),
    ("penalties", "penalties"),
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


def _kept(stage_text):
    return stage_text


def print_all(options, fd):
    """All loops of the process that the options ask for."""

    _core.sample(0)
    _core.drain()
    lines = []
    for code in _core.codes():
        info = _core.explain(code)
        info["loops"] = list(_profile.chosen(info["loops"], options))
        if any(options.all or loop["state"] != "cold" for loop in info["loops"]):
            lines += [report(info, options.stages, code, cold=options.all), ""]
    lines.append(summary(_core.stats()))
    _text.write(fd, "\n".join([*lines, ""]))
