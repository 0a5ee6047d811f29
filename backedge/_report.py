"""`backedge report`: one HTML file of a run, or of what changed between two.

The page is made by a process of its own, so that nothing the program did to its interpreter, and no module of the
program with a name that the tools need, can matter; and so that making it is neither watched nor profiled.
"""

import gc
import json
import os
import sys

from . import _core, _model, _profile, _sources

NEEDED = ("jinja2", "pygments")


class Missing(Exception):
    """What the page is made with is not installed."""


def check_installed():
    import importlib.util

    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise Missing(f"report needs {' and '.join(missing)}: pip install backedge[tools]")


# ---- running a program -----------------------------------------------------------------------------------------------
def _flags():
    flags = sys.flags
    chosen = [
        ("-I", flags.isolated),
        ("-P", flags.safe_path and not flags.isolated),
        ("-E", flags.ignore_environment and not flags.isolated),
        ("-s", flags.no_user_site and not flags.isolated),
    ]
    return [flag for flag, on in chosen if on]


def _environment():
    return {k: v for k, v in os.environ.items() if not k.startswith("BACKEDGE_")}


def _make_page(command, environment, directory):
    """Runs `backedge report` on the saved logs, as this command was run."""
    try:
        os.chdir(directory)
        pid = os.posix_spawn(sys.executable, command, environment)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except OSError as error:
        status = str(error)
    if status:
        _profile._text.write(2, f"backedge: the report could not be made ({status})\n")


def start(options):
    """Begins to watch this process; gives what makes the page at its end."""
    from . import _dump, _events, _worker

    check_installed()
    output = os.path.abspath(options.output)
    os.close(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666))  # now, rather than after the run
    folder = os.path.abspath(options.save) if options.save else _profile._new_folder()
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        if name.endswith(".log") or name == _sources.NAME:
            os.unlink(os.path.join(folder, name))
    command = [sys.executable, *_flags(), "-m", "backedge", "report", "-o", output, "--from", folder]
    environment, directory = _environment(), os.getcwd()
    _core.keep_stages(_dump.kept_mask(_dump.KEPT))
    log = os.path.join(folder, "%d.log")
    _core.log(log)
    _events.follow_workers()
    _worker.hand_on(log=log, interval=options.interval)
    _core.sample(options.interval)

    def finish():
        _core.sample(0)
        _core.finish_events()
        codes = list(_core.codes())
        _core.log(None)
        try:
            loops = _model.loops_of_logs(_read(folder).logs).values()
            _sources.save(_sources.collect(loops, codes), folder)
        except (_model.LogError, OSError) as error:
            _profile._text.write(2, f"backedge: {error}\n")
        else:
            _make_page(command, environment, directory)
        if not options.save:
            _profile._remove(folder)

    return finish


# ---- reading logs ----------------------------------------------------------------------------------------------------
class _Saved:
    def __init__(self, logs, sources):
        self.logs, self.sources = logs, sources


def _read(*paths):
    """Logs, and folders of logs with the sources of their run."""
    logs, sources = [], None
    for path in paths:
        if os.path.isdir(path):
            names = sorted(name for name in os.listdir(path) if name.endswith(".log"))
            if not names:
                raise _model.LogError(f"{path} has no logs")
            logs += [_model.read_log(os.path.join(path, name)) for name in names]
            sources = _sources.merge(sources, _sources.load(path))
        else:
            logs.append(_model.read_log(path))
    logs.sort(key=lambda log: log.header["started"])
    return _Saved(logs, sources)


# ---- the page --------------------------------------------------------------------------------------------------------
def _json(value):
    """JSON that may stand in a script element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _highlighter():
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    lexer, formatter = PythonLexer(stripnl=False, ensurenl=False), HtmlFormatter(nowrap=True)
    return lambda text: highlight(text, lexer, formatter).rstrip("\n").split("\n")


def _styles():
    """Pygments' colours for light and for dark."""
    from pygments.formatters import HtmlFormatter

    def rules(style, scope):
        text = HtmlFormatter(style=style).get_style_defs(scope)
        return "\n".join(
            line for line in text.splitlines() if line.startswith(f"{scope} .") and "background" not in line
        )

    return rules("friendly", ".code") + "\n" + rules("github-dark", ':root[data-theme="dark"] .code')


def _describe(run):
    header = run.logs[0].header
    argv = header["argv"]
    return {
        "command": " ".join(_program(argv)),
        "python": header["python"],
        "started": header["started"],
        "processes": len(run.logs),
        "cut": [log.header["pid"] for log in run.logs if log.cut],
        "samples": run.samples + run.idle,
        "native": _part(run, "native"),
        "interpreted": _part(run, "interpreted"),
        "waiting": sum(_part(run, kind) for kind in ("recording", "waiting", "building")),
        "elsewhere": run.outside / (run.samples or 1),
        "compile_ms": sum(sum(loop.get("ms", {}).values()) for loop in run.loops),
        "compiled": sum(loop["state"] == "compiled" for loop in run.loops),
        "loops": len(run.loops),
    }


def _part(run, kind):
    return sum(loop.get("ticks", {}).get(kind, 0) for loop in run.loops) / (run.samples or 1)


def _program(argv):
    """The program's part of the interpreter's command line."""
    for i, word in enumerate(argv):
        if argv[i : i + 2] == ["-m", "backedge"]:
            rest = argv[i + 3 :]
            while rest and rest[0].startswith("-"):
                takes = rest[0] in ("-o", "--output", "--save", "--interval", "--include", "--exclude", "--stage")
                if rest[0] == "-m":
                    break
                rest = rest[2 if takes else 1 :]
            return ["python", *rest]
        if word == "--":
            break
    return ["python", *argv[1:]]


def render(run, other=None):
    """The page of a run; with `other`, the earlier one that it is compared with."""
    import jinja2

    from . import _page

    loader = jinja2.FileSystemLoader(os.path.join(os.path.dirname(__file__), "templates"))
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    numbers = {loop["loop"]: n for n, loop in enumerate(run.loops)}
    details = [_json(_page.details(run, loop)) for loop in run.loops]
    summaries = [_page.summary(run, loop) for loop in run.loops]
    rows = []
    if other is not None:
        numbers_a = {loop["loop"]: n + len(run.loops) for n, loop in enumerate(other.loops)}
        rows = _page.comparison(other, run, numbers_a, numbers)
        details += [_json(_page.details(other, loop)) for loop in other.loops]
        summaries += [_page.summary(other, loop) for loop in other.loops]
    lines = _page.Lines(run)
    return environment.get_template("report.html").render(
        run=_describe(run),
        other=_describe(other) if other else None,
        files=_page.files(run, lines, numbers, _highlighter()),
        loops=summaries,
        count=len(run.loops),
        rows=rows,
        details=details,
        index=_json({"loops": summaries, "count": len(run.loops), "timeline": _page.timeline(run, numbers)}),
        styles=_styles(),
    )


def write_saved(options):
    """From logs: --from, --compare."""
    check_installed()
    from . import _page

    gc.disable()  # millions of objects, no cycles among them: looking for some took 15 % of the time
    saved = [_read(path) for path in options.compare] if options.compare else [_read(*options.logs)]
    runs = [_page.Run(one.logs, one.sources) for one in saved]
    text = render(runs[-1], runs[0] if len(runs) > 1 else None)
    with open(options.output, "w", encoding="utf-8") as out:
        out.write(text)
    size = os.path.getsize(options.output)
    print(f"backedge: {options.output} ({size / 1e6:.1f} MB, {len(runs[-1].loops)} loops)", file=sys.stderr)
    return 0
