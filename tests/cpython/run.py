"""./dev cpython: CPython's own tests, plain and with all loops of program and library watched; outcomes must be equal.

The interpreter must come with its `test` package (Debian: libpython3-testsuite; pyenv installs it)."""

import argparse
import importlib.util
import os
import re
import resource
import subprocess
import sys
import tempfile

LANGUAGE = """
    abstract_numbers augassign baseexception binop bool builtin bytes call class code compare compile complex contains
    context contextlib coroutines decorators descr dict dictcomps dynamic dynamicclassattribute enumerate eval
    except_star exception_group exception_hierarchy exception_variations exceptions extcall float format frame fstring
    funcattrs generator_stop generators genexps global grammar index int int_literal isinstance iter keywordonlyarg
    lambda list listcomps long memoryview metaclass named_expressions numeric_tower opcodes patma property
    raise range richcmp scope set setcomps slice sort str super sys_setprofile sys_settrace traceback tuple type_params
    types unpack unpack_ex unparse weakref with yield_from asyncgen
"""
LIBRARY = """
    abc argparse array ast base64 bdb bisect calendar cmath codecs collections configparser copy copyreg csv
    dataclasses datetime decimal defaultdict deque difflib dis email enum fnmatch fractions functools gc glob
    hashlib heapq html htmlparser inspect ipaddress itertools json logging math operator ordered_dict pathlib pdb
    pickle pprint profile queue random re reprlib sched shlex statistics string struct tempfile textwrap tokenize
    typing userdict userlist userstring zlib xml_etree zipfile
"""

# What differs, and why it must. (test_monitoring is not tried: it finds the tool that watches the program.)
KNOWN = {
    "test_loop_quicken": "shows a loop's specialised instructions: where one is watched, an instrumented one",
    "test_super_instructions": "the same on 3.12",
}

HOT = {"BACKEDGE_THRESHOLD": "8", "BACKEDGE_CALL_THRESHOLD": "20", "BACKEDGE_COMPILE_PERCENT": "60"}

OUTCOME = re.compile(
    r"^(test\w*) \((.*?)\)(?:.*?\.\.\.|\n.*?\.\.\.) (ok|FAIL|ERROR|skipped|expected failure)", re.MULTILINE
)


def run(module, how, env, timeout):
    """(exit status or "timeout", {test: outcome}, seconds of CPU, output) of a test module, in a process of its own."""
    command = [sys.executable, "-P", *how, "-m", "test", "-v", module]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONSAFEPATH": "1", **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        try:
            output, status = child.communicate(timeout=timeout)[0], child.returncode
        except subprocess.TimeoutExpired:
            child.kill()
            output, status = child.communicate()[0], "timeout"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return status, {f"{m[1]} ({m[2]})": m[3] for m in OUTCOME.finditer(output)}, seconds, output


def differences(plain, watched):
    """What differs between two results of run(), a line each; known differences are left out."""
    (status, outcomes, *_), (status2, outcomes2, *_) = plain, watched
    found, known = [], 0
    for test in sorted({*outcomes, *outcomes2}):
        one, other = outcomes.get(test), outcomes2.get(test)
        if one == other:
            continue
        if test.split()[0] in KNOWN:
            known += 1
        else:
            found.append(f"{test}: plain {one}, watched {other}")
    if status != status2 and not known:
        found.append(f"exit status: plain {status}, watched {status2}")
    return found


def main():
    parser = argparse.ArgumentParser(prog="./dev cpython", description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", help="test_list test_dict …; none: the language and most of the library")
    parser.add_argument("--hot", action="store_true", help="compile nearly everything (slow)")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for a module")
    args = parser.parse_args()
    if not importlib.util.find_spec("test.libregrtest"):
        sys.exit("this CPython came without its test package")
    modules = args.modules or [f"test_{name}" for name in (LANGUAGE + LIBRARY).split()]
    bad = total = 0
    for module in modules:
        plain = run(module, [], {}, args.timeout)
        watched = run(module, ["-m", "backedge", "run", "--stdlib"], HOT if args.hot else {}, args.timeout)
        found = differences(plain, watched)
        bad += bool(found)
        total += len(plain[1])
        cpu = f"CPU {plain[2]:6.2f} s plain {watched[2]:6.2f} s watched"
        print(f"{module:28} {len(plain[1]):5} tests  {cpu}", flush=True)
        print("".join(f"    {line}\n" for line in found), end="", flush=True)
        if found:
            print("\n".join(watched[3].splitlines()[-40:]))
    print(f"{len(modules)} modules, {total} tests, {bad} modules differ")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
