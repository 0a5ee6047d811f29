"""Runs a program exactly as python's own command line would, and watches its code.

Only `os` and `sys` are needed here: what the tools import before the program starts, the program would otherwise find
imported already, even where a file beside it has the same name (see `forget_shadowed`).
"""

import os
import sys

from . import _core

imported_before = set(sys.modules)  # by the interpreter itself; the command line knows better
OWN = os.path.dirname(os.path.abspath(__file__)) + os.sep


class NoProgram(Exception):
    """There is no such file; the text is python's."""


# ---- which code ------------------------------------------------------------------------------------------------------
def _matchers(patterns):
    if not patterns:
        return []
    import fnmatch
    import re

    return [re.compile(fnmatch.translate(p)).match for p in patterns]


class Filter:
    """Which files' code is watched: all but backedge itself and the standard library, by file or module patterns."""

    def __init__(self, include=(), exclude=(), stdlib=False):
        self.include, self.exclude, self.stdlib = _matchers(include), _matchers(exclude), stdlib
        library = os.path.dirname(os.__file__)
        roots = [os.path.join(p, sys.platlibdir, os.path.basename(library)) for p in (sys.base_exec_prefix, sys.prefix)]
        self.libraries = tuple({os.path.join(p, "") for p in (library, *roots)})
        self.sites = tuple(p + name + os.sep for p in self.libraries for name in ("site-packages", "dist-packages"))

    def is_stdlib(self, file):
        if file.startswith("<frozen "):
            return True
        return file.startswith(self.libraries) and not file.startswith(self.sites)

    @staticmethod
    def _any(matchers, file, module):
        names = [file, os.path.basename(file)]
        while module:  # a pattern that names a package means what is in it
            names.append(module)
            module = module.rpartition(".")[0]
        return any(match(name) for match in matchers for name in names)

    def __call__(self, file, module):
        if file.startswith(OWN):
            return False
        if self._any(self.exclude, file, module):
            return False
        if self.include:
            return self._any(self.include, file, module)
        return self.stdlib or not self.is_stdlib(file)


# ---- as python would -------------------------------------------------------------------------------------------------
def forget_shadowed(directory):
    """Forgets modules that the tools imported and that the program has files of the same name for."""
    try:
        names = {name.partition(".")[0] for name in os.listdir(directory or ".")}
    except OSError:
        return
    for name in set(sys.modules) - imported_before:
        if name.partition(".")[0] in names and not name.startswith("backedge"):
            del sys.modules[name]


def _set_argv(argv):
    sys.argv[:] = argv
    original = sys.orig_argv
    flags = []
    for i in range(1, len(original) - 1):
        if original[i] == "-m" and original[i + 1] == "backedge":
            flags = original[1:i]
            break
    sys.orig_argv = [original[0], *flags, *argv]


def fresh_main():
    import builtins
    import types

    main = types.ModuleType("__main__")
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    main.__builtins__ = builtins
    main.__loader__ = sys.__loader__  # of built-in modules, until it is known better
    sys.modules["__main__"] = main


def _absolute(path):
    """As the interpreter makes the name of the file it was given absolute: without tidying it up."""
    return path if os.path.isabs(path) else os.path.join(os.getcwd(), path)


def _set_path(first):
    if not sys.flags.safe_path:
        sys.path.insert(0, first)


def _importer(path):
    """As pkgutil.get_importer, which the interpreter does not import for a plain file either."""
    if path == "-":
        return None
    if path not in sys.path_importer_cache:
        for hook in sys.path_hooks:
            try:
                return sys.path_importer_cache.setdefault(path, hook(path))
            except ImportError:
                pass
        return None
    return sys.path_importer_cache[path]


def run_command(text, args):
    """As `python -c TEXT` does; the status as `run` gives it."""
    _set_argv(["-c", *args])
    sys.orig_argv.insert(-len(args) or len(sys.orig_argv), text)
    _set_path("")
    forget_shadowed("")
    fresh_main()
    return _core.run_command(text + "\n")


def run(module, target, args):
    """Runs a script (or directory or zip file, or `-`), or a module. Its status; -1: an uncaught KeyboardInterrupt.
    SystemExit ends the process."""
    if module:
        _set_argv(["-m", *args])
        sys.orig_argv.insert(-len(args) or len(sys.orig_argv), target)
        directory = os.getcwd()
        start = (target, True)
    else:
        _set_argv([target, *args])
        directory = os.path.dirname(os.path.realpath(target)) if target != "-" else ""
        path = _absolute(target) if target != "-" else target
        importable = _importer(target) is not None
        if not importable and target != "-":
            try:
                open(path, "rb").close()
            except OSError as error:
                raise NoProgram(
                    f"{sys.executable}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}"
                ) from None
        if importable:
            directory = os.path.abspath(target)
            start = ("__main__", False)
    _set_path(directory)
    forget_shadowed(directory)
    fresh_main()
    if module or importable:
        return _core.run_module(*start)
    return _core.run_script(path)


def _silent(*error):
    pass


def leave(status):
    """Ends this process as python does after a program. After an interrupt it does not return: whoever waits for the
    process sees that the signal ended it."""
    if status >= 0:
        return status
    import atexit

    shown, sys.excepthook = sys.excepthook, _silent  # it was shown already

    def restore():
        sys.excepthook = shown

    atexit.register(restore)
    raise KeyboardInterrupt


def run_program(options):
    """Gives the exit status; what is to come after the program is an atexit function by now."""
    from . import _worker

    if not options.decorated:
        _core.watch(Filter(options.include, options.exclude, options.stdlib))
        _worker.hand_on(include=options.include, exclude=options.exclude, stdlib=options.stdlib)
    try:
        if options.code:
            status = run_command(options.script, options.args)
        else:
            status = run(bool(options.module), options.script, options.args)
    except NoProgram as error:
        print(error, file=sys.stderr)
        return 2
    return leave(status)
