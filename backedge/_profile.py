"""`backedge profile`: a table of a program's loops, from the logs of its processes."""

import io
import os
import sys

from . import _core, _model, _text


def chosen(loops, options):
    """Those that --loop, --function, --outcome and --min-share ask for."""
    total = total_ticks(loops)
    for loop in loops:
        if options.loop:
            file, _, line = options.loop.rpartition(":")
            if loop["line"] != int(line) or not _model.same_file(loop["file"], file):
                continue
        if options.function and options.function not in (loop["function"], loop["function"].rpartition(".")[2]):
            continue
        if options.outcome and loop["state"] not in options.outcome:
            continue
        if options.min_share and 100 * ticks(loop) < options.min_share * total:
            continue
        yield loop


def ticks(loop):
    return sum(loop.get("ticks", {}).values())


def total_ticks(loops):
    return sum(ticks(loop) for loop in loops) or 1


def _percent(n, total):
    return f"{100 * n / total:.1f}" if n else "-"


def _exit_text(loop):
    worst = _model.worst_exit(loop)
    if worst is None:
        return ""
    place = f"line {worst['line']}"
    if worst["function"] and worst["function"] != loop["function"]:
        place = f"{worst['function']} {place}"
    return f"{worst['kind']} {place} x{_text.number(worst['count'])}"


def _column_of(file, line, column):
    """In characters; of what is not known better, where the text of the line begins."""
    text = _text.source_line(file, line)
    if column:
        return len(text.encode()[: column - 1].decode(errors="replace")) + 1 if text else column
    return len(text) - len(text.lstrip()) + 1


def _reason_text(loop):
    if loop["state"] in ("compiled", "compiling") or not loop.get("reason"):
        return ""
    line = loop.get("reason_line") or loop["line"]
    text = f"{line}:{_column_of(loop['file'], line, loop.get('reason_column'))} {loop['reason']}"
    return f"{text} ({loop['detail']})" if loop.get("detail") else text


COLUMNS = [
    ("time %", True),
    ("native", True),
    ("interp", True),
    ("record", True),
    ("wait", True),
    ("loop", False),
    ("state", False),
    ("iterations", True),
    ("entries", True),
    ("back edges", True),
    ("paths", True),
    ("exits", True),
    ("compile ms", True),
    ("bytes", True),
    ("most exits by / why not", False),
]


def row(loop, total):
    part = loop.get("ticks", {})
    waiting = part.get("waiting", 0) + part.get("building", 0)
    ms = loop.get("ms", {})
    return [
        _percent(ticks(loop), total),
        *(_percent(part.get(kind, 0), total) for kind in ("native", "interpreted", "recording")),
        _percent(waiting, total),
        f"{_text.short_path(loop['file'])}:{loop['line']} {loop['function']}",
        loop["state"],
        _text.number(loop["iterations"]) if "iterations" in loop else "-",
        _text.number(loop.get("entries", 0)),
        _text.number(loop.get("back_edges", 0)),
        str(len(loop.get("regions", ()))),
        _text.number(_model.exits_taken(loop)),
        "+".join(f"{ms.get(phase, 0):.1f}" for phase in _model.PHASES) if any(ms.values()) else "-",
        _text.size(loop.get("code_bytes", 0)),
        _exit_text(loop) or _reason_text(loop),
    ]


def _cost(loop):
    return ticks(loop), loop.get("entries", 0) + loop.get("back_edges", 0)


def print_table(logs, options, out):
    loops = list(_model.loops_of_logs(logs).values())
    outside = sum(end.get("ticks_elsewhere", 0) for log in logs for end in log.of("end"))
    idle = sum(end.get("ticks_idle", 0) for log in logs for end in log.of("end"))
    total = (sum(ticks(loop) for loop in loops) + outside) or 1
    shown = [loop for loop in chosen(loops, options) if options.all or loop["state"] != "cold" or ticks(loop)]
    shown.sort(key=_cost, reverse=True)
    if not shown:
        print("backedge: no loop got hot", file=out)
    else:
        _text.table(COLUMNS, [row(loop, total) for loop in shown], out)
    sampled = sum(ticks(loop) for loop in loops) + outside
    if sampled:
        print(
            f"{sampled + idle} samples: {_percent(outside, sampled + idle)} % of the time in no loop, "
            f"{_percent(idle, sampled + idle)} % outside the interpreter (waiting, or C code without the GIL); "
            "compile ms: " + "+".join(_model.PHASES),
            file=out,
        )
    for log in logs:
        if log.cut:
            print(f"backedge: the log of process {log.header['pid']} was cut off", file=out)


def print_saved(options, show=print_table):
    logs = [_model.read_log(path) for path in options.logs]
    if options.output:
        with open(options.output, "w") as out:
            show(logs, options, out)
    else:
        show(logs, options, sys.stderr)
    return 0


def _new_folder():
    """For logs, ours alone. (tempfile would cost as much start-up time as all the rest.)"""
    base = os.environ.get("TMPDIR") or "/tmp"
    folder = os.path.join(base, f"backedge-{os.getpid()}-{os.urandom(6).hex()}")
    os.mkdir(folder, 0o700)
    return folder


def _remove(folder):
    try:
        for entry in list(os.scandir(folder)):
            os.unlink(entry)
        os.rmdir(folder)
    except OSError:
        pass  # a child still writes there: it is in the folder for temporary files


def start(options, fd, show=print_table, interval=None):
    """Begins to profile this process (every `interval` ms); gives what prints the table, or what `show` makes of the
    logs, at its end."""
    from . import _events, _worker

    folder = _new_folder()
    log = os.path.abspath(options.save) if options.save else os.path.join(folder, "%d.log")
    interval = options.interval if interval is None else interval
    _core.log(log)
    _events.follow_workers()
    _worker.hand_on(log=log, interval=interval)
    _core.sample(interval)

    def finish():
        _core.sample(0)
        _core.finish_events()
        _core.log(None)
        out = io.StringIO() if not os.isatty(fd) else os.fdopen(os.dup(fd), "w")
        logs = []
        for path in saved_files(log) if options.save else sorted(os.scandir(folder), key=lambda e: e.name):
            try:
                logs.append(_model.read_log(path))
            except _model.LogError as error:
                _text.write(2, f"backedge: {error}\n")
        show(logs, options, out)
        if isinstance(out, io.StringIO):
            _text.write(fd, out.getvalue())
        else:
            out.close()
        _remove(folder)

    return finish


def saved_files(pattern):
    """The logs that a pattern with %d, or a name with process ids appended, has led to."""
    import glob

    names = glob.glob(glob.escape(pattern).replace("%d", "*"))
    return sorted({*names, *glob.glob(glob.escape(pattern) + ".*")}) if "%d" not in pattern else sorted(names)
