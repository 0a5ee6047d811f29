"""`python -m backedge dump script.py`: run a program and print what became of its hot loops."""

import argparse
import os
import sys

from . import _core, _dump

INTERRUPTED = -2  # the status of a program that an uncaught KeyboardInterrupt ended


def parse(argv):
    parser = argparse.ArgumentParser(prog="python -m backedge", description="See inside backedge.")
    commands = parser.add_subparsers(dest="command", required=True)
    dump = commands.add_parser(
        "dump",
        help="run a program, then print each hot loop of its decorated functions",
        description="Runs SCRIPT as python would, then prints each hot loop: place, counts, guards and exits with how "
        "often they failed, compile times, and, for what was not compiled, the reason at its line.",
    )
    dump.add_argument(
        "--stage",
        default="",
        metavar="NAME[,NAME...]",
        help="also print these stages of each compiled loop: " + ", ".join(_dump.STAGES),
    )
    dump.add_argument(
        "--all", action="store_true", help="watch every function of SCRIPT, decorated or not, and list cold loops too"
    )
    dump.add_argument(
        "-o", "--output", metavar="FILE", help="print to FILE (default: standard error, after the program)"
    )
    dump.add_argument("script")
    dump.add_argument("args", nargs=argparse.REMAINDER)
    options = parser.parse_args(argv)
    options.stages = [s for s in options.stage.split(",") if s]
    for stage in options.stages:
        if stage not in _dump.STAGES:
            parser.error(f"no stage {stage!r}; there are: {', '.join(_dump.STAGES)}")
    return options


def code_objects(code):
    """A code object and all that are nested in it."""
    yield code
    for const in code.co_consts:
        if isinstance(const, type(code)):
            yield from code_objects(const)


def run_script(path, args, prepare):
    """Runs a file as __main__. Gives the exit status; tracebacks and exit messages come as python prints them."""
    import builtins
    import io
    import types

    try:
        with io.open_code(path) as file:
            source = file.read()
    except OSError as error:
        print(
            f"{sys.executable}: can't open file {os.path.abspath(path)!r}: [Errno {error.errno}] {error.strerror}",
            file=sys.stderr,
        )
        return 2
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__=path, __builtins__=builtins, __cached__=None)
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    sys.modules["__main__"] = main
    sys.argv[:] = [path, *args]
    sys.path[0] = os.path.dirname(os.path.realpath(path))
    try:
        code = compile(source, path, "exec", dont_inherit=True)
        prepare(code)
        exec(code, main.__dict__)
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return (error.code or 0) & 0xFF
        print(error.code, file=sys.stderr)
        return 1
    except BaseException as error:
        own = error.__traceback__
        error.__traceback__ = own.tb_next if own is not None else None
        sys.excepthook(type(error), error, error.__traceback__)
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    return 0


def dump(options):
    if _core is None:
        print("backedge is off in this interpreter, nothing can be dumped", file=sys.stderr)
        return 1
    _core.keep_stages(sum(1 << i for i, stage in enumerate(_dump.STAGES[1:]) if stage in options.stages))

    def prepare(code):
        if options.all:
            for inner in code_objects(code):
                if inner is not code:
                    _core.enable(inner, None)

    status = run_script(options.script, options.args, prepare)
    _core.drain()
    if options.output:
        with open(options.output, "w") as out:
            print_reports(options, out)
    else:
        print_reports(options, sys.stderr)
    return status


def print_reports(options, out):
    for code in _core.codes():
        info = _core.explain(code)
        if options.all or any(loop.get("state") != "cold" for loop in info.get("loops", [])):
            print(_dump.report(info, options.stages, code, cold=options.all), end="\n\n", file=out)
    print(_dump.summary(_core.stats()), file=out)


def main():
    status = dump(parse(sys.argv[1:]))
    if status == INTERRUPTED:  # as python does: whoever waits sees that the signal ended it
        import atexit
        import signal

        atexit._run_exitfuncs()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    sys.exit(status)


if __name__ == "__main__":
    main()
