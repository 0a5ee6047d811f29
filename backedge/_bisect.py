"""`backedge bisect`: which loop, then which pass, makes a check fail.

The check is a command; it is run with compiling in a fixed order (BACKEDGE_FIXED_ORDER) and with a list of the loops
that may be compiled (BACKEDGE_ONLY), of which the shortest beginning that still fails is looked for by halving.
"""

import os
import subprocess
import sys
import tempfile

from . import _core, _model


class Check:
    """The command, and how often it was run."""

    def __init__(self, command, timeout, folder):
        self.command, self.timeout, self.folder = command, timeout, folder
        self.runs = 0

    def passes(self, only=None, **settings):
        """Whether it succeeds; only: identities of loops that may be compiled (None: all)."""
        self.runs += 1
        environment = {**os.environ, "BACKEDGE_FIXED_ORDER": "1", "PYTHONHASHSEED": "0"}
        environment.update({f"BACKEDGE_{k.upper()}": str(v) for k, v in settings.items()})
        if only is not None:
            path = os.path.join(self.folder, "only")
            with open(path, "w") as file:
                file.writelines(f"{loop}\n" for loop in only)
            environment["BACKEDGE_ONLY"] = path
        try:
            done = subprocess.run(
                self.command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=self.timeout,
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def loops(self):
        """Loops in the order of their first compile, over all processes."""
        pattern = os.path.join(self.folder, "%d.log")
        self.passes(log=pattern)
        order = {}
        for name in sorted(os.listdir(self.folder)):
            if name.endswith(".log"):
                for event in _model.read_log(os.path.join(self.folder, name)).of("compiling"):
                    order.setdefault(event["loop"])
        return list(order)


def guilty_loop(check, loops, say):
    """(the loop, those before it that it needs): the shortest failing beginning of the list, found by halving."""
    good, bad = 0, len(loops)  # the check passes with loops[:good] and fails with loops[:bad]
    while bad - good > 1:
        middle = (good + bad) // 2
        ok = check.passes(loops[:middle])
        say(f"{middle} of {len(loops)} loops: {'passes' if ok else 'fails'}")
        good, bad = (middle, bad) if ok else (good, middle)
    loop, before = loops[bad - 1], loops[: bad - 1]
    if not before or not check.passes([loop]):
        return loop, []
    needed = list(before)  # not guilty alone: what else must be compiled?
    for other in before:
        fewer = [x for x in needed if x != other]
        if not check.passes([*fewer, loop]):
            needed = fewer
    return loop, needed


def guilty_part(check, only):
    """What of the compiler it needs to fail: a sentence."""
    names = _core.passes() if _core is not None else []
    if not check.passes(only, passes_off=(1 << len(names)) - 1):
        if check.passes(only, level=0):
            return "it fails without our optimiser's passes, but not at level=0: LLVM's passes or what we tell them"
        return "it fails without our optimiser's passes too: the recording, the builder or lowering"
    for number, name in enumerate(names):
        if check.passes(only, passes_off=1 << number):
            return f"it passes without the pass `{name}` (BACKEDGE_PASSES_OFF={1 << number})"
    return "it passes without the optimiser's passes, but leaving out one of them is not enough"


def main(options):
    def say(text):
        print(f"backedge bisect: {text}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="backedge-") as folder:
        check = Check(options.check, options.timeout, folder)
        try:
            if not check.passes(off=1):
                say("the check fails without backedge too")
                return 2
        except OSError as error:
            say(f"cannot run the check: {error}")
            return 2
        if check.passes():
            say("the check passes with all loops compiled in a fixed order")
            return 1
        loops = check.loops()
        if not loops:
            say("the check fails, but no loop was compiled by it")
            return 2
        if not check.passes([]):
            say("the check fails with no loop compiled: it is watching or recording that makes the difference")
            return 2
        if check.passes(loops):
            say("the check passes when only the loops that were compiled before are: it does not fail every time")
            return 2
        loop, needed = guilty_loop(check, loops, say)
        print(f"loop: {loop}")
        for other in needed:
            print(f"  only if this is compiled too: {other}")
        print(f"part: {guilty_part(check, [*needed, loop])}")
        print(f"after {check.runs} runs; BACKEDGE_ONLY=FILE with the lines above it repeats the failure")
    return 0
