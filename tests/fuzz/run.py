"""./dev fuzz: random programs by seed, plain against compiled, in child processes; failures are made smaller."""

import argparse
import ast
import os
import random
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

CALLS = ((40,), (150,), (150,))


def source_of(seed):
    from fuzz.generate import generate

    return generate(random.Random(seed))


class TooSlow(BaseException):
    pass


def too_slow(*args):
    raise TooSlow


def runs_fast(source, seconds=2):
    """False for the rare program whose numbers grow without end."""
    from diff.harness import World
    from diff.outcome import observe

    run = World(source, "<fuzz>").module.run
    signal.signal(signal.SIGALRM, too_slow)
    signal.alarm(seconds)
    try:
        return "TooSlow" not in str(observe(run, CALLS[-1]).error)
    finally:
        signal.alarm(0)


def check(source, seed):
    """AssertionError if the program differs between plain and compiled."""
    from diff.harness import SETTINGS, Case, compare
    from diff.outcome import any_nan

    if not runs_fast(source):
        return
    names = ["low", "narrow", "usual"]
    options = {**SETTINGS[names[seed % 3]], "level": 0 if seed % 4 else 1}  # mostly compile in the quickest way
    with any_nan():
        compare(source, "<fuzz>", "run", Case(CALLS, compiled=False, rounds=1), options)


def child(first, count, deadline):
    """Runs seeds one after the other; prints each before it starts, so that a crash names its seed."""
    for seed in range(first, first + count):
        if time.time() > deadline:
            break
        print("seed", seed, flush=True)
        try:
            check(source_of(seed), seed)
        except AssertionError as error:
            print("DIFFERENCE", str(error).replace("\n", "\\n"), flush=True)
            return 1
    print("done", flush=True)
    return 0


def fails(source, seed, timeout=30):
    """What is wrong with a program, run in a process of its own: '' if nothing."""
    code = (
        f"import sys; sys.path.insert(0, {os.path.dirname(HERE)!r}); "
        f"from fuzz.run import check; check(sys.stdin.read(), {seed})"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", code], input=source, capture_output=True, text=True, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        return "timeout"
    if done.returncode < 0:
        return f"killed by signal {-done.returncode}"
    if done.returncode and "AssertionError" in done.stderr:
        return done.stderr.split("AssertionError: ", 1)[-1]
    return ""


class Cut(ast.NodeTransformer):
    """Removes the statement with a given number, or puts a compound statement's body in its place."""

    def __init__(self, number, unwrap):
        self.number, self.unwrap, self.seen = number, unwrap, -1

    def visit_block(self, body):
        out = []
        for node in body:
            self.seen += 1
            if self.seen == self.number:
                if self.unwrap:
                    out.extend(getattr(node, "body", []))
                continue
            out.append(self.visit(node))
        return out

    def generic_visit(self, node):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                setattr(node, field, self.visit_block(block) or ([ast.Pass()] if field == "body" else []))
        for handler in getattr(node, "handlers", []):
            self.generic_visit(handler)
        return node


def minimise(source, seed, budget=120):
    """Leaves out statements as long as the program still fails in the same way."""

    def kind(failure):
        return failure.split(":")[0].split(",")[0][:30]

    end = time.time() + budget
    failure = fails(source, seed)
    if not failure:
        return source, "(not reproduced alone)"
    changed = True
    while changed and time.time() < end:
        changed = False
        number = 0
        while time.time() < end:
            progressed = False
            for unwrap in (False, True):
                cut = Cut(number, unwrap)
                tree = ast.fix_missing_locations(cut.visit(ast.parse(source)))
                if cut.seen < number:
                    number = None
                    break
                try:
                    smaller = ast.unparse(tree)
                    compile(smaller, "<fuzz>", "exec")
                except (SyntaxError, ValueError):
                    continue
                if len(smaller) >= len(source):
                    continue
                again = fails(smaller, seed, timeout=10)
                if again and kind(again) == kind(failure):
                    source, failure, changed, progressed = smaller, again, True, True
                    break
            if number is None:
                break
            if not progressed:
                number += 1
    return source, failure


def report(seed, what, shrink):
    print(f"\nseed {seed}: {what}")
    source = source_of(seed)
    if shrink:
        source, what = minimise(source, seed)
        print("smallest program found:")
    print(source)
    print(f"what: {what}\nagain: ./dev fuzz --seed {seed} --count 1", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="./dev fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=None, help="first seed (default: from the clock)")
    parser.add_argument("--count", type=int, default=10**9, help="how many programs at most")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--keep-going", type=int, default=5, metavar="N", help="stop after N failures")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--show", action="store_true", help="print the program of --seed and stop")
    options = parser.parse_args()
    if options.child:
        first, count, deadline = options.child
        return child(int(first), int(count), float(deadline))
    seed = options.seed if options.seed is not None else int(time.time()) % 10**9 * 1000
    if options.show:
        print(source_of(seed))
        return 0
    deadline = time.time() + options.minutes * 60
    start, last, failures = seed, seed + options.count, 0
    print(f"seeds from {seed}, until {options.minutes:g} minutes are over", flush=True)
    while time.time() < deadline and seed < last and failures < options.keep_going:
        batch = min(400, last - seed)
        process = subprocess.Popen(
            [sys.executable, "-P", os.path.abspath(__file__), "--child", str(seed), str(batch), str(deadline)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            out, err = process.communicate(timeout=max(60.0, deadline - time.time() + 60))
            hung = False
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            hung = True
        lines = out.splitlines()
        seeds = [int(line.split()[1]) for line in lines if line.startswith("seed ")]
        at = seeds[-1] if seeds else seed
        if lines and lines[-1] == "done":
            seed = at + 1
            continue
        failures += 1
        different = [line for line in lines if line.startswith("DIFFERENCE")]
        what = (
            different[0].replace("\\n", "\n")
            if different
            else "hangs"
            if hung
            else f"exit status {process.returncode}\n{err[-3000:]}"
        )
        report(at, what, not options.no_shrink)
        seed = at + 1
    print(f"{seed - start - failures} passed, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
