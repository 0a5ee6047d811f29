"""The command line: `python -m backedge COMMAND`, also installed as `backedge`.

`run` with plain options is understood here: a short program should not wait for argparse, and what is imported here the
program would find imported already. All else is in `_commands`.
"""

import sys

_imported_before = set(sys.modules)
if not sys.flags.safe_path and sys.path:
    del sys.path[0]  # the working directory, or that of the command: no place to find the tools' modules in

from . import _core, _run  # noqa: E402

_run.imported_before = _imported_before


class _Options:
    """As _commands.parse gives them for `run`."""

    def __init__(self):
        self.include, self.exclude, self.stdlib, self.decorated = [], [], False, False
        self.module = self.code = self.script = None
        self.args = []


def _plain_run(argv):
    """The options of a `run` that needs no argparse: each written in full, no mistakes. None: there is more to it."""
    if argv[:1] != ["run"]:
        return None
    options, words = _Options(), iter(argv[1:])
    for word in words:
        if word in ("--include", "--exclude"):
            pattern = next(words, "-")
            if pattern.startswith("-"):
                return None
            getattr(options, word[2:]).append(pattern)
        elif word in ("--stdlib", "--decorated"):
            setattr(options, word[2:], True)
        elif word in ("-m", "-c"):
            rest = list(words)
            setattr(options, "module" if word == "-m" else "code", rest)
            options.script, options.args = rest[0] if rest else None, rest[1:]
        elif word == "-" or not word.startswith("-"):
            options.script, options.args = word, list(words)
        else:
            return None
    return options if options.script is not None else None


def parse(argv):
    options = _plain_run(argv)
    if options is None:
        from . import _commands

        return _commands.parse(argv)
    return options


def main():
    options = _plain_run(sys.argv[1:]) if _core is not None else None
    if options is not None:
        try:
            return _run.run_program(options) or 0
        except OSError as error:
            print(f"backedge: {error}", file=sys.stderr)
            return 2
    from . import _commands

    return _commands.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
