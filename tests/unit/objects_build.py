"""Builds _objtest (objects_module.c with the objects part of embed) for the running interpreter and imports it."""

import importlib.util
import os
import subprocess
import sysconfig

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCES = """embed/helpers_num.c embed/helpers_box.c embed/helpers_obj.c embed/helpers_match.c
    embed/helpers_stmt.c embed/helpers_sync.c embed/helpers_table.c embed/watch.c embed/attr.c
    embed/instance.c embed/death.c embed/helpers_str.c embed/chars.c embed/helpers_dict.c embed/plain.c embed/known.c
    embed/np_errors.c embed/numpy.c embed/builtins.c embed/objects.c guards/assume.c embed/classes.c
    jit/helpers.c tests/unit/objects_module.c""".split()
FLAGS = """-std=gnu17 -O2 -g -Wall -Wextra -Werror -Wno-missing-field-initializers -fno-strict-aliasing -fno-math-errno
    -ffp-contract=off -fPIC -shared -DPy_BUILD_CORE=1""".split()


def build(directory, extra=()):
    """Compiles into `directory` and returns the imported module."""
    include = sysconfig.get_path("include")
    out = os.path.join(directory, "_objtest" + sysconfig.get_config_var("EXT_SUFFIX"))
    compiler = os.environ.get("CC", "cc").split()
    includes = ["-I", os.path.join(ROOT, "include"), "-isystem", include, "-isystem", os.path.join(include, "internal")]
    sources = [os.path.join(ROOT, s) for s in SOURCES]
    subprocess.run([*compiler, *FLAGS, *extra, *includes, *sources, "-lm", "-o", out], check=True)
    spec = importlib.util.spec_from_file_location("_objtest", out)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
