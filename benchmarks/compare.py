"""Compares backedge with plain CPython, Numba and C on the programs of benchmarks/corpus, side by side.

Every figure is a ratio of medians from one process in which the rivals take turns; the first call and whole processes
are measured in fresh processes, which take turns too. Writes a table as markdown and as JSON.
"""

import argparse
import ctypes
import datetime
import glob
import importlib.util
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
NUMERIC = ("p01", "p02", "p03", "p04", "p05", "p06", "p07", "p13", "p14", "p15", "p16", "p17", "p18")
C_PROGRAMS = {"p01": "mandelbrot", "p15": "stencil", "p16": "matmul"}


# ---- programs ------------------------------------------------------------------------------------------------------
def load(path):
    spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def functions_of(module):
    """All Python functions of a program, methods included: what a user would decorate."""
    for obj in list(vars(module).values()):
        if getattr(obj, "__module__", None) != module.__name__:
            continue
        if isinstance(obj, type):
            yield from (f for f in vars(obj).values() if hasattr(f, "__code__"))
        elif hasattr(obj, "__code__") and obj.__name__ not in ("setup", "check"):
            yield obj


def with_backedge(module, options):
    import backedge

    for func in functions_of(module):
        backedge.jit(func, **options)
    return module.run


def with_numba(module):
    """run() compiled by Numba, or None where it cannot."""
    try:
        import numba
    except ImportError:
        return None
    for name, obj in list(vars(module).items()):
        if hasattr(obj, "__code__") and name not in ("setup", "check"):
            setattr(module, name, numba.njit(obj))
    return module.run


def with_c(name, args):
    """A function of no arguments that runs the C version, or None."""
    import shutil

    stem = C_PROGRAMS.get(name[:3])
    compiler = shutil.which("gcc") or shutil.which("cc")
    if stem is None or compiler is None:
        return None
    out = os.path.join(tempfile.gettempdir(), f"backedge-bench-{os.getuid()}-{stem}.so")
    subprocess.run(
        [
            compiler,
            "-O3",
            "-march=native",
            "-ffp-contract=off",
            "-shared",
            "-fPIC",
            "-o",
            out,
            os.path.join(HERE, "c", stem + ".c"),
        ],
        check=True,
    )
    run = ctypes.CDLL(out).run
    run.restype = ctypes.c_double
    values = []
    for arg in args:
        if hasattr(arg, "ctypes"):
            values.append(arg.ctypes.data_as(ctypes.c_void_p))
        else:
            values.append(ctypes.c_long(arg))
    if stem == "stencil":
        values.insert(1, ctypes.c_long(args[0].shape[0]))
    if stem == "matmul":
        values.append(ctypes.c_long(args[0].shape[0]))
    return lambda: run(*values)


def settle(call):
    """Calls until all is compiled that is going to be: three calls and a quarter of a second that ask for nothing,
    and no longer than five seconds. Gives the result."""
    import backedge

    begin = since = time.process_time()
    calls, result = 0, None
    while calls < 3 or (time.process_time() < since + 0.25 and time.process_time() < begin + 5):
        before = backedge.stats()["compiles"]
        result = call()
        backedge._core.drain()
        calls += 1
        if backedge.stats()["compiles"] != before:
            calls, since = 0, time.process_time()
    return result


# ---- measuring -------------------------------------------------------------------------------------------------------
def timed(call):
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def steady(path, rounds, options, seconds):
    """Medians in seconds of plain, backedge, numba and c, measured in turns in this process."""
    plain = load(path)
    jitted, numba_module = load(path), load(path)
    args = plain.setup()
    calls = {"plain": lambda: plain.run(*args)}
    run = with_backedge(jitted, options)
    jit_args = jitted.setup()
    calls["backedge"] = lambda: run(*jit_args)
    numba_run = with_numba(numba_module)
    why = None
    if numba_run is not None:
        numba_args = numba_module.setup()
        try:
            if not plain.check(numba_run(*numba_args)):
                raise ValueError("wrong result")
            calls["numba"] = lambda: numba_run(*numba_args)
        except Exception as error:
            why = type(error).__name__ + ": " + str(error).strip().split("\n")[0][:80]
    c_call = with_c(os.path.basename(path), args)
    if c_call is not None:
        calls["c"] = c_call
    import backedge

    result = settle(calls["backedge"])
    if not jitted.check(result):
        raise SystemExit(f"{path}: wrong result {result!r}")
    times = {name: [] for name in calls}
    end = time.perf_counter() + seconds
    for turn in range(rounds):
        for name, call in calls.items():
            if name == "plain" and turn >= 3 and time.perf_counter() > end:
                continue
            fast = times[name] and times[name][0] < 0.01
            took, result = min((timed(call) for _ in range(5 if fast else 1)), key=lambda pair: pair[0])
            times[name].append(took)
            if not plain.check(result):
                raise SystemExit(f"{path}: {name}: wrong result {result!r}")
        if time.perf_counter() > end * 1.0 + seconds:
            break
    row = {name: statistics.median(values) for name, values in times.items()}
    row["identical"] = repr(calls["plain"]()) == repr(calls["backedge"]())
    row["compiled"] = any(
        loop.get("state") == "compiled" for f in functions_of(jitted) for loop in backedge.explain(f).loops
    )
    if why:
        row["numba_error"] = why
    return row


def child_first(path, kind, options):
    """In a fresh process: CPU seconds of the first call and of a steady one, import not counted.

    All threads count, and what is still to be compiled when the call returns, and loading LLVM. So does what is
    interpreted until code is there: that is no cost of compiling, but a steady call does not pay it. `compile` is
    the compiler's part alone, what sync=1 would leave of the difference.
    """
    module = load(path)
    args = module.setup()
    if kind == "backedge":
        run = with_backedge(module, options)
    elif kind == "numba":
        import numba
        import numpy

        numba.njit(lambda a: a + 1)(numpy.float64(1.0))
        run = with_numba(module)
    else:
        run = module.run

    def cpu(call):
        start = time.process_time()
        call()
        return time.process_time() - start

    first = cpu(lambda: run(*args))
    compiling = None
    if kind == "backedge":
        import backedge

        start = time.process_time()
        backedge._core.drain()
        first += time.process_time() - start
        stats = backedge.stats()
        compiling = (stats["build_ms"] + stats["worker_cpu_ms"]) / 1000
        settle(lambda: run(*args))
    best = min(cpu(lambda: run(*args)) for _ in range(2 if kind == "plain" else 5))
    print(json.dumps({"first": first, "steady": best, "compile": compiling}))


def child_once(path, kind, options):
    """In a fresh process: calls once, as a user's program would."""
    module = load(path)
    run = with_backedge(module, options) if kind == "backedge" else module.run
    run(*module.setup())


def spawn(*args):
    """Runs this file as a child; gives (wall, CPU) seconds and its output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-P", os.path.abspath(__file__), *args], capture_output=True, text=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def first_call(path, repeats, kinds, options):
    """CPU seconds that the first call costs beyond a steady one, medians; processes take turns."""
    extra = {kind: [] for kind in [*kinds, "compile"]}
    for _ in range(repeats):
        for kind in kinds:
            figures = json.loads(spawn("--child-first", path, kind, json.dumps(options))[2])
            extra[kind].append(figures["first"] - figures["steady"])
            if figures["compile"] is not None:
                extra["compile"].append(figures["compile"])
    return {kind: statistics.median(values) for kind, values in extra.items()}


def whole_process(path, repeats, options):
    """Ratios backedge / plain of a process that calls once: wall time and CPU time."""
    walls, cpus, plain_walls = [], [], []
    for _ in range(repeats):
        plain = spawn("--child-once", path, "plain", json.dumps(options))
        jit = spawn("--child-once", path, "backedge", json.dumps(options))
        walls.append(jit[0] / plain[0])
        cpus.append(jit[1] / plain[1])
        plain_walls.append(plain[0])
    return {
        "wall": statistics.median(walls),
        "cpu": statistics.median(cpus),
        "plain_wall": statistics.median(plain_walls),
    }


def import_cost(repeats):
    """Milliseconds and MB that `import backedge` adds, and MB after the first compile."""
    code = """
import json, resource, sys, time
rss = lambda: int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 1e6
before = rss(); start = time.perf_counter()
import backedge
took = (time.perf_counter() - start) * 1000; after = rss()
@backedge.jit(threshold=10, sync=1)
def f(n):
    s = 0
    for i in range(n):
        s += i
    return s
f(1000); compiled = rss()
print(json.dumps([took, after - before, compiled - after, backedge.explain(f).compiled]))
"""
    rows = [
        json.loads(
            subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout
        )
        for _ in range(repeats)
    ]
    ms, mb, llvm_mb = (statistics.median(r[i] for r in rows) for i in range(3))
    return {"ms": ms, "mb": mb, "mb_after_first_compile": llvm_mb, "compiled": all(r[3] for r in rows)}


def small_costs(options):
    """Entry plus exit in ns, and a loop of 10 iterations inside an uncompiled function against plain."""
    import backedge

    source = (
        "def short(n):\n    s = 0\n    for i in range(n):\n        s += i\n    return s\n"
        "def outer(k):\n    for _ in range(k):\n        short(10)\n"
    )
    plain, jit = {}, {}
    exec(source, plain)
    exec(source, jit)
    backedge.jit(jit["short"], **options)
    for _ in range(3):
        jit["outer"](3000)
        backedge._core.drain()
    best = {"plain": [], "jit": []}
    for _ in range(15):
        for name, space in (("plain", plain), ("jit", jit)):
            took, _ = timed(lambda space=space: space["outer"](20000))
            best[name].append(took / 20000 * 1e9)
    plain_ns, jit_ns = (statistics.median(best[k]) for k in ("plain", "jit"))
    return {"plain_ns": plain_ns, "backedge_ns": jit_ns, "ratio": jit_ns / plain_ns}


# ---- table -----------------------------------------------------------------------------------------------------------
def geometric_mean(values):
    values = [v for v in values if v and v > 0]
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def number(value, digits=2):
    return "" if value is None else f"{value:.{digits}f}" if value < 100 else f"{value:.0f}"


def verdict(ok):
    return "" if ok is None else "yes" if ok else "**no**"


def targets(rows, report):
    """(what, value, target, met) of the project's targets that were measured."""
    out = []

    def add(what, value, text, met):
        if value is not None:
            out.append((what, value, text, met))

    numba = {k: r["numba"] / r["backedge"] for k, r in rows.items() if r.get("numba")}
    mean = geometric_mean(numba.values())
    add("speed against Numba, geometric mean", mean, ">= 0.9", mean and mean >= 0.9)
    if numba:
        worst = min(numba, key=numba.get)
        add(f"speed against Numba, worst ({worst})", numba[worst], ">= 0.5", numba[worst] >= 0.5)
    for name, r in rows.items():
        if r.get("c"):
            add(
                f"time against gcc -O3 -march=native, {name}",
                r["backedge"] / r["c"],
                "<= 1.3",
                r["backedge"] / r["c"] <= 1.3,
            )
    for name in ("p02_nbody", "p06_matmul_list"):
        if name in rows:
            value = rows[name]["plain"] / rows[name]["backedge"]
            add(f"speed against CPython, {name}", value, ">= 10", value >= 10)
    if rows:
        worst = min(rows, key=lambda k: rows[k]["plain"] / rows[k]["backedge"])
        value = rows[worst]["plain"] / rows[worst]["backedge"]
        add(f"speed against CPython, slowest ({worst})", value, ">= 0.98", value >= 0.98)
    firsts = [r["first"] for r in rows.values() if r.get("numba") and r.get("first", {}).get("numba", 0) > 0]
    for what, part in (("first call's extra CPU", "backedge"), ("its compiling alone", "compile")):
        mean = geometric_mean(f[part] / f["numba"] for f in firsts)
        add(f"{what} against Numba's, geometric mean", mean, "<= 0.1", mean and mean <= 0.1)
    walls = {k: r["process"]["wall"] for k, r in rows.items() if r.get("process") and r["process"]["plain_wall"] > 0.3}
    if walls:
        worst = max(walls, key=walls.get)
        add(f"wall time of a process that calls once, worst ({worst})", walls[worst], "<= 1.02", walls[worst] <= 1.02)
        cpus = {k: rows[k]["process"]["cpu"] for k in walls}
        worst = max(cpus, key=cpus.get)
        add(f"CPU time of a process that calls once, worst ({worst})", cpus[worst], "<= 1.15", cpus[worst] <= 1.15)
    cost = report.get("import")
    if cost:
        add("import, ms", cost["ms"], "< 15", cost["ms"] < 15)
        add("import, MB", cost["mb"], "< 10", cost["mb"] < 10)
        add(
            "after the first compile, MB more",
            cost["mb_after_first_compile"],
            "< 80",
            cost["mb_after_first_compile"] < 80,
        )
    short = report.get("short_loop")
    if short:
        add("loop of 10 iterations, time against plain", short["ratio"], "<= 1.0", short["ratio"] <= 1.0)
    return out


def markdown(report):
    rows = report["programs"]
    lines = [
        f"CPython {report['python']}, {report['machine']}, {report['date']}. "
        "Times are ratios; higher is faster, but for the last three columns.",
        "",
        "| program | plain s | x plain | x Numba | x C | same result | first call, s | Numba's | process wall, CPU |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, r in rows.items():
        first = r.get("first", {})
        process = r.get("process")
        lines.append(
            "| "
            + " | ".join(
                [
                    name,
                    number(r["plain"], 3),
                    number(r["plain"] / r["backedge"]),
                    number(r["numba"] / r["backedge"]) if r.get("numba") else ("fails" if r.get("numba_error") else ""),
                    number(r["c"] / r["backedge"]) if r.get("c") else "",
                    verdict(r["identical"]),
                    number(first.get("backedge"), 3),
                    number(first.get("numba"), 3),
                    f"{number(process['wall'])}, {number(process['cpu'])}" if process else "",
                ]
            )
            + " |"
        )
    lines += ["", "| target | measured | wanted | met |", "|---|---|---|---|"]
    lines += [
        f"| {what} | {number(value)} | {text} | {verdict(met)} |" for what, value, text, met in targets(rows, report)
    ]
    return "\n".join(lines) + "\n"


def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown")
    return f"{model}, {os.cpu_count()} cores"


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("programs", nargs="*", help="prefixes of corpus programs (p01 p15); default: all")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=12, help="time for the steady state of one program")
    parser.add_argument("--quick", action="store_true", help="steady state only, 3 rounds")
    parser.add_argument("--repeats", type=int, default=3, help="processes per first-call figure")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=N", help="option of @jit")
    parser.add_argument(
        "-o", "--output", default=os.path.join(ROOT, ".dev", "bench"), help="writes OUTPUT.md and OUTPUT.json"
    )
    parser.add_argument("--child-first", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--child-once", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    for child, run in ((options.child_first, child_first), (options.child_once, child_once)):
        if child:
            return run(child[0], child[1], json.loads(child[2]))
    jit_options = {k: int(v) for k, v in (item.split("=") for item in options.option)}
    paths = [
        p
        for p in sorted(glob.glob(os.path.join(HERE, "corpus", "p*.py")))
        if not options.programs or any(os.path.basename(p).startswith(x) for x in options.programs)
    ]
    report = {
        "python": sys.version.split()[0],
        "machine": machine(),
        "programs": {},
        "date": datetime.date.today().isoformat(),
        "options": jit_options,
    }
    for path in paths:
        name = os.path.basename(path)[:-3]
        print(name, end=" ", flush=True)
        try:
            row = steady(
                path, 3 if options.quick else options.rounds, jit_options, 3 if options.quick else options.seconds
            )
            if not options.quick:
                kinds = ["plain", "backedge"] + (["numba"] if row.get("numba") else [])
                row["first"] = first_call(path, options.repeats, kinds[1:], jit_options)
                row["process"] = whole_process(path, options.repeats, jit_options)
        except (Exception, SystemExit) as error:
            print(f"FAILED: {error}", flush=True)
            report.setdefault("failed", {})[name] = str(error)
            continue
        report["programs"][name] = row
        print(f"{row['plain'] / row['backedge']:.2f}x", flush=True)
    if not options.quick:
        report["import"] = import_cost(5)
        report["short_loop"] = small_costs(jit_options)
    text = markdown(report)
    with open(options.output + ".md", "w") as file:
        file.write(text)
    with open(options.output + ".json", "w") as file:
        json.dump(report, file, indent=1)
    print(text)
    print(f"written to {options.output}.md and .json")
    return 1 if report.get("failed") else 0


if __name__ == "__main__":
    sys.exit(main())
