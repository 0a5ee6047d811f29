"""Processes that multiprocessing spawns are watched as the one that spawned them is.

They, and the fork server, are started as `python -c TEXT`, by one function of `multiprocessing.util`. It is wrapped
when multiprocessing is about to spawn, so that `run` here is called with TEXT. A process that cannot import backedge
runs it itself.
"""

import os
import sys

from . import _core

OWN = ("from multiprocessing.spawn import ", "from multiprocessing.forkserver import ")
LAUNCH = """try: run = __import__("backedge._worker")._worker.run
except ImportError: run = lambda settings, text: exec(text)
run({settings!r}, {text!r})
"""
_settings = {}  # what `run` is called with


def _wrapped(spawn):
    def spawnv_passfds(path, args, passfds):
        args = list(args)
        where = args.index("-c") + 1 if "-c" in args[:-1] else 0
        if where and args[where].startswith(OWN):
            args[where] = LAUNCH.format(settings=_settings, text=args[where])
            if "stream" in _settings:
                passfds = [*passfds, _settings["stream"]["fd"]]
        return spawn(path, args, passfds)

    spawnv_passfds.__wrapped__ = spawn
    return spawnv_passfds


def _before_spawn():
    from multiprocessing import util

    if not hasattr(util.spawnv_passfds, "__wrapped__"):
        util.spawnv_passfds = _wrapped(util.spawnv_passfds)


def hand_on(**settings):
    """From now on. `settings`: include, exclude, stdlib (what is watched); log (a pattern), interval (of samples);
    stream (of _log.Printer)."""
    _settings.update(settings)
    _core.before_spawn(_before_spawn)


def run(settings, text):
    """In such a process: all that it does."""
    before = set(sys.modules)
    from . import _events, _run

    for i, word in enumerate(sys.orig_argv):
        if repr(text) in word:
            sys.orig_argv[i] = text
    if "stream" in settings:
        from . import _log

        _events.on_event(_log.Printer(**settings["stream"]), *settings["stream"]["only"])
    if "include" in settings:  # else only what is decorated
        _core.watch(_run.Filter(settings["include"], settings["exclude"], settings["stdlib"]))
    if settings.get("log"):
        _core.log(settings["log"])
        _core.sample(settings.get("interval") or 0)
    _events.follow_workers()
    hand_on(**settings)
    _run.imported_before = before
    _run.forget_shadowed(os.getcwd())
    _run.fresh_main()
    sys.exit(_run.leave(_core.run_command(f"{text}\n")))
