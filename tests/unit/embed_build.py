"""Builds the embed layer with a scripted driver (embed_module.c) for the running interpreter, and loads it."""

import importlib.util
import os
import subprocess
import sys
import sysconfig

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FLAGS = """-std=gnu17 -O2 -g -Wall -Wextra -Werror -Wno-missing-field-initializers -fno-strict-aliasing -fno-math-errno
    -ffp-contract=off -fPIC -shared -fvisibility=hidden -DPy_BUILD_CORE=1""".split()


def core_defines():
    """What the interpreter was built with and does not say in pyconfig.h: structures depend on it."""
    flags = sysconfig.get_config_var("PY_CORE_CFLAGS") or ""
    return [f for f in flags.split() if f.startswith("-D_Py_TIER2")]


def build(directory, extra=()):
    """Compiles into `directory`; gives the file's path."""
    include = sysconfig.get_path("include")
    out = os.path.join(directory, "_embedtest" + sysconfig.get_config_var("EXT_SUFFIX"))
    sources = [
        os.path.join(ROOT, "embed", f) for f in sorted(os.listdir(os.path.join(ROOT, "embed"))) if f.endswith(".c")
    ]
    sources += [
        os.path.join(ROOT, f)
        for f in """guards/assume.c jit/helpers.c jit/bytecodes.c jit/event_queue.c jit/json.c jit/log.c
            tests/unit/embed_module.c""".split()
    ]
    includes = ["-I", os.path.join(ROOT, "include"), "-isystem", include, "-isystem", os.path.join(include, "internal")]
    subprocess.run(
        [
            *os.environ.get("CC", "cc").split(),
            *FLAGS,
            *core_defines(),
            *extra,
            *includes,
            *sources,
            "-lm",
            "-ldl",
            "-lpthread",
            "-o",
            out,
        ],
        check=True,
    )
    return out


def load(path):
    """(_core, _embedtest): both modules are in the one file and share their state."""
    modules = []
    for name in ("_core", "_embedtest"):
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        modules.append(module)
    return modules


if __name__ == "__main__":
    print(build(sys.argv[1], sys.argv[2:]))
