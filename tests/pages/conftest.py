"""What the tests of all pages share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from streamlit.components.v2 import manifest_scanner

from seqcore.data.sources import SOURCES
from seqcore.data.table import Table
from seqcore.experiment.experiment import Experiment
from seqcore.runs import service
from seqcore.runs.service import Service
from seqcore.runs.store import Store
from ui import scoring

_GENERATED: dict[str, Table] = {}
_READ: Callable[..., Table] = Store.table


@pytest.fixture(scope="session", autouse=True)
def scanned_once() -> Iterator[None]:
    """Look for components of Streamlit in the installed packages once: AppTest does it for each page."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(autouse=True)
def fresh_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A store and a scheduler of its own for each test, made at their first use."""
    fresh = Service()
    monkeypatch.setattr(service, "current", fresh)
    yield fresh
    fresh.close()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for evaluations: AppTest does not rerun fragments."""
    monkeypatch.setattr(scoring, "PATIENCE", 600.0)


@pytest.fixture(autouse=True)
def generated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Generate the data of a source once per test process: each test has a server cache of its own."""

    def table(store: Store, run: str | Experiment, **options: Any) -> Table:
        if not isinstance(run, Experiment) or SOURCES[run.data.source].stored:
            return _READ(store, run, **options)
        key = f"{run.data.source} {sorted(run.data.options.items())}"
        if key not in _GENERATED:
            _GENERATED[key] = _READ(store, run, **options)
        return _GENERATED[key]

    monkeypatch.setattr(Store, "table", table)
