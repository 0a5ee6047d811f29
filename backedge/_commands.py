"""The commands: their options, and what each does. Loaded when `__main__` is asked for more than a plain `run`."""

import argparse
import os
import sys

from . import _core, _model
from ._run import run_program

STAGES = ("source", "bytecode", "trace", "opt", "llvm", "asm", "exits")
OUTCOMES = ("compiled", "failed", "blacklisted", "recording", "compiling", "cold")


def _program_options(parser):
    watch = parser.add_argument_group("what is watched")
    watch.add_argument(
        "--include", action="append", default=[], metavar="PATTERN", help="only files or modules like this"
    )
    watch.add_argument("--exclude", action="append", default=[], metavar="PATTERN", help="not these")
    watch.add_argument("--stdlib", action="store_true", help="the standard library too")
    watch.add_argument("--decorated", action="store_true", help="only functions with @backedge.jit")
    parser.add_argument("-m", dest="module", nargs=argparse.REMAINDER, metavar="MODULE ...", help="run a module")
    parser.add_argument("-c", dest="code", nargs=argparse.REMAINDER, metavar="CODE ...", help="run this text")
    parser.add_argument("script", nargs="?", help="a Python file, a directory or zip file with __main__.py, or -")
    parser.add_argument("args", nargs=argparse.REMAINDER, help="the program's own arguments")


def _output_option(parser, what):
    parser.add_argument("-o", "--output", metavar="FILE", help=f"{what} to FILE (default: standard error)")


def _filter_options(parser):
    choose = parser.add_argument_group("which loops")
    choose.add_argument("--loop", metavar="FILE:LINE", help="the loops there")
    choose.add_argument("--function", metavar="NAME", help="loops of functions with this name or qualified name")
    choose.add_argument("--outcome", choices=OUTCOMES, action="append", help="loops in this state (may be repeated)")
    choose.add_argument("--min-share", type=float, default=0, metavar="PERCENT", help="loops with this share of time")


def _parser():
    parser = argparse.ArgumentParser(prog="backedge", description="See inside backedge.")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name, text, more=""):
        return commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}. {more}")

    _program_options(command("run", "run a program with all of its loops watched", "Prints nothing of its own."))

    log = command("log", "run a program and print one line per event as it happens")
    _output_option(log, "print")
    log.add_argument("--from", dest="logs", nargs="+", metavar="LOG", help="read logs instead (BACKEDGE_LOG)")
    log.add_argument("--only", action="append", metavar="EVENT", help="events of this kind (may be repeated)")
    _program_options(log)

    profile = command(
        "profile",
        "run a program and print a table of its loops",
        "Where the time went, by sampling; what was compiled; what was not, and why, at its source line.",
    )
    _output_option(profile, "print")
    profile.add_argument("--from", dest="logs", nargs="+", metavar="LOG", help="read logs instead (BACKEDGE_LOG)")
    profile.add_argument("--save", metavar="LOG", help="keep the log (%%d: process id)")
    profile.add_argument("--interval", type=float, default=1.0, metavar="MS", help="time between samples")
    profile.add_argument("--all", action="store_true", help="cold loops too")
    _filter_options(profile)
    _program_options(profile)

    dump = command(
        "dump",
        "run a program, then print each of its hot loops",
        "Place, counts, guards and exits with how often they failed, compile times; for what was not compiled the "
        "reason at its line; and the stages that are asked for.",
    )
    dump.add_argument(
        "--stage", default="", metavar="NAME[,NAME...]", help="print these stages of each loop: " + ", ".join(STAGES)
    )
    dump.add_argument("--all", action="store_true", help="list cold loops too")
    _output_option(dump, "print")
    _filter_options(dump)
    _program_options(dump)

    events = command(
        "trace-events",
        "run a program and write when it recorded and compiled, for chrome://tracing and Perfetto",
    )
    events.add_argument("-o", "--output", metavar="FILE", default="trace.json", help="default: trace.json")
    events.add_argument("--from", dest="logs", nargs="+", metavar="LOG", help="read logs instead (BACKEDGE_LOG)")
    events.add_argument("--save", metavar="LOG", help="keep the log (%%d: process id)")
    _program_options(events)

    report = command(
        "report",
        "run a program and write a page about it: one HTML file",
        "Its source with heat and hints, every loop's stages side by side, graphs, exits, a time line.",
    )
    report.add_argument("-o", "--output", metavar="FILE", default="report.html", help="default: report.html")
    report.add_argument("--save", metavar="FOLDER", help="keep the logs, for --from and --compare")
    report.add_argument("--from", dest="logs", nargs="+", metavar="LOG", help="of saved logs, or folders of them")
    report.add_argument("--compare", nargs=2, metavar=("A", "B"), help="what changed from one saved run to another")
    report.add_argument("--interval", type=float, default=1.0, metavar="MS", help="time between samples")
    _program_options(report)

    bisect = command(
        "bisect",
        "find the loop, then the pass, whose compilation makes a check fail",
        "CHECK is a command that runs a program under backedge (decorated, or by `backedge run`) and fails when the "
        "result is wrong.",
    )
    bisect.add_argument("--timeout", type=float, metavar="SECONDS", help="a check that takes longer has failed")
    bisect.add_argument("check", nargs=argparse.REMAINDER, metavar="-- CHECK ...")
    return parser


def parse(argv):
    parser = _parser()
    options = parser.parse_args(argv)
    if options.command == "bisect":
        if options.check[:1] == ["--"]:
            del options.check[0]
        if not options.check:
            parser.error("the following arguments are required: CHECK")
        return options
    if options.command == "dump":
        options.stages = [s for s in options.stage.split(",") if s]
        for stage in options.stages:
            if stage not in STAGES:
                parser.error(f"no stage {stage!r}; there are: {', '.join(STAGES)}")
    if getattr(options, "loop", None) and not options.loop.rpartition(":")[2].isdecimal():
        parser.error(f"--loop must be FILE:LINE, not {options.loop!r}")
    if getattr(options, "logs", None) or getattr(options, "compare", None):
        return options
    if options.module:
        options.script, *options.args = options.module
    elif options.code:
        options.script, *options.args = options.code
    elif options.module == [] or options.code == [] or options.script is None:
        parser.error("the following arguments are required: script, -m module or -c code")
    return options


def _finally(report):
    """Calls `report` when the process ends, after the program's own atexit functions; not in its forked children."""
    import atexit

    pid = os.getpid()

    def at_exit():
        if os.getpid() == pid:
            report()

    atexit.register(at_exit)


def _writer(options):
    """A function that writes text where reports go, whatever the program does to sys.stderr."""
    if options.output:
        return os.open(options.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        return os.dup(2)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def log(options):
    from . import _log

    if options.logs:
        return _log.print_saved(options)
    from . import _events, _worker

    printer = _log.Printer(_writer(options), options.only or ())
    _events.on_event(printer, *printer.only)
    _worker.hand_on(stream=printer.settings())
    return run_program(options)


def profile(options):
    from . import _profile

    if options.logs:
        return _profile.print_saved(options)
    _finally(_profile.start(options, _writer(options)))
    return run_program(options)


def trace_events(options):
    from . import _profile, _trace_events

    if options.logs:
        return _profile.print_saved(options, _trace_events.write)
    _finally(_profile.start(options, _writer(options), _trace_events.write, interval=0))
    return run_program(options)


def dump(options):
    from . import _dump

    _core.keep_stages(_dump.kept_mask(options.stages))
    if options.min_share:
        _core.sample(1.0)
    out = _writer(options)
    _finally(lambda: _dump.print_all(options, out))
    return run_program(options)


def report(options):
    from . import _report

    try:
        if options.logs or options.compare:
            return _report.write_saved(options)
        _finally(_report.start(options))
    except _report.Missing as error:
        print(f"backedge: {error}", file=sys.stderr)
        return 2
    return run_program(options)


def bisect(options):
    from . import _bisect

    return _bisect.main(options)


def main(argv):
    options = parse(argv)
    if _core is None and options.command != "bisect":
        print("backedge is off in this interpreter, nothing can be seen", file=sys.stderr)
        return 1
    actions = {"run": run_program, "trace-events": trace_events}
    action = actions.get(options.command) or globals()[options.command]
    try:
        return action(options) or 0
    except (OSError, _model.LogError) as error:
        print(f"backedge: {error}", file=sys.stderr)
        return 2
