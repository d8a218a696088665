"""A new server: its first page does not need torch, and waits for the modules that are being imported."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from seqcore.runs import service
from seqcore.runs.service import Service
from ui import warm_up
from ui.warm_up import WarmUp

FIRST_PAGE = """
import os, sys
from streamlit.testing.v1 import AppTest
from ui import overview

overview.check = lambda *given: os._exit(1 if "torch" in sys.modules else 17)
AppTest.from_file(os.path.abspath("pages/_router.py"), default_timeout=240).run()
"""


@pytest.fixture
def warm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WarmUp]:
    monkeypatch.setenv("SEQCORE_STORE", str(tmp_path / "runs"))
    monkeypatch.setattr(service, "current", Service())
    monkeypatch.setattr(warm_up, "LEAST", 0.0)
    monkeypatch.setattr(warm_up, "MOST", 0.0)
    yield WarmUp()
    gc.unfreeze()  # what the tests before have left can be collected
    gc.collect()
    gc.freeze()


def in_thread(warm: WarmUp) -> threading.Thread:
    thread = threading.Thread(target=warm.run, daemon=True)
    thread.start()
    return thread


def test_the_first_page_is_drawn_without_torch(root: Path, tmp_path: Path) -> None:
    """All of it but what only torch knows, which comes last."""
    ran = subprocess.run(
        [sys.executable, "-c", FIRST_PAGE], cwd=root, check=False, env={"SEQCORE_STORE": str(tmp_path), "PATH": ""}
    )
    assert ran.returncode == 17


def test_a_worker_is_started_and_torch_imported_after_the_first_page(
    warm: WarmUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_up, "UNVISITED", 60.0)
    started: list[str] = []
    monkeypatch.setattr("seqcore.runs.scheduler.local_launcher.launch", lambda *given: started.append("worker"))
    monkeypatch.setattr("seqcore.runs.scheduler.Scheduler.start_spare", lambda self: started.append("spare"))
    thread = in_thread(warm)
    warm.wait_for_modules()
    warm.visited()
    thread.join(0.3)
    assert started == []
    assert not gc.isenabled()
    warm.wait_for_torch()
    thread.join(60)
    assert started == ["spare"]
    assert gc.isenabled()
    assert gc.get_freeze_count() > 100_000
    service.current.close()


def test_closing_ends_the_wait_for_a_visitor(warm: WarmUp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_up, "UNVISITED", 600.0)
    monkeypatch.setattr("seqcore.runs.scheduler.Scheduler.start", lambda self: self)
    thread = in_thread(warm)
    warm.wait_for_modules()
    warm.close()
    thread.join(60)
    assert not thread.is_alive()
    service.current.close()


def test_the_wait_for_torch_draws_nothing_among_the_elements(warm: WarmUp, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would move all that follows until the next run, so that the browser makes the charts anew: also in a callback,
    whose elements come before all others.
    """

    def page() -> None:
        from seqcore.experiment.recipes import load_recipe
        from ui import data_picker, overview

        experiment = load_recipe("ramp-next-value").experiment
        overview.check(experiment, data_picker.table_of(experiment))

    torch = iter((False, True))
    monkeypatch.setattr(warm_up, "current", warm)
    monkeypatch.setattr(warm_up, "has_torch", lambda: next(torch))
    warm._began = True
    warm._ready.set()
    st.cache_data.clear()
    app = AppTest.from_function(page, default_timeout=240).run()
    assert len(app.main) == 0
    assert "sl-sent" in app.get("html")[0].proto.body
    assert not app.run().get("html")
    assert not app.exception
