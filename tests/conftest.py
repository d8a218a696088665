"""What every test relies on: one thread for torch, no store but its own, and a browser where one is asked for."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# Machines are shared and noisy: no example is too slow. CI tries the same examples each time.
settings.register_profile("shared", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("shared")

# Before torch is imported: two test processes with two threads each would fight over two cores.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ.pop("SEQCORE_STORE", None)
os.environ["STREAMLIT_BROWSER_GATHER_USAGE_STATS"] = "false"

# The tests start dozens of servers, workers and commands: without bytecode each compiles the whole package anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell's background job ignores Ctrl-C, and so would every command that the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent


SLOW = ("server", "test_worked_examples.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes seconds and shares a server: the last tests are short, and test processes end together."""
    items.sort(key=lambda item: item.path.relative_to(ROOT / "tests").parts[0] not in SLOW)


def pytest_collection_finish() -> None:
    """Leave what has been imported and collected out of garbage collection: looking through it takes a tenth of the
    time of all tests.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's own folder."""
    return ROOT


@pytest.fixture(scope="session")
def chromium() -> Path:
    """A Chromium that starts on this machine."""
    from tools.ensure_chromium import ADVICE, find

    path = find()
    if path is None:
        pytest.fail(ADVICE)
    return path


@pytest.fixture
def short_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts that are generated for previews and scores have a tenth of their length: they take most of the time of a
    small run, each symbol as long as the one before.
    """
    from seqcore.tasks import language_modeling

    for separator, length in (("", 12), (" ", 6)):
        monkeypatch.setitem(language_modeling._WRITTEN, separator, length)
