"""Shared by the whole suite."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

STRESS = bool(os.environ.get("BACKEDGE_STRESS"))
ASAN = bool(os.environ.get("BACKEDGE_ASAN"))


def pytest_sessionstart(session):
    """The tests of a process must not use up each other's compile budget."""
    import backedge

    backedge.config(compile_percent=100)


@pytest.fixture(autouse=True)
def settings_stay():
    """Each test leaves the process-wide settings as it found them."""
    import backedge

    before = backedge.config()
    yield
    after = backedge.config()
    changed = {k: v for k, v in before.items() if after.get(k) != v}
    if changed:
        backedge.config(**changed)


@pytest.fixture
def run_python(tmp_path):
    """Runs python with the built package in a fresh process: run_python("-c", "...") or run_python(text="...")."""
    import subprocess

    def run(*args, text=None, env=None, timeout=120, check=True):
        if text is not None:
            path = tmp_path / "script.py"
            path.write_text(text)
            args = (*args, str(path))
        done = subprocess.run(
            [sys.executable, "-P", *args],
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, **(env or {})},
            cwd=tmp_path,
        )
        if check:
            assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run
