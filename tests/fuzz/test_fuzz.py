"""Damaged files and links meet only our own errors: a short run of the fuzz script, and its own checks."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from seqcore.data.table import Table
from tests.fuzz import mutations, run


def test_damaged_files_and_links_meet_only_our_own_errors() -> None:
    counts, failures = run.fuzz(60, seed=1)
    assert run.grouped(failures) == {}
    assert sum(counts.values()) == 60
    assert counts["file refused"] > 10
    assert counts["file read"] > 5
    assert counts["link opened"] > 5


def test_an_item_is_the_same_each_time() -> None:
    first, again = (mutations.mutated_file(random.Random("1:2")) for _ in range(2))
    assert first == again


def _fails(how: str) -> Any:
    def item(seed: int, index: int) -> str:
        if how == "exception":
            raise KeyError("x")
        if how == "memory":
            block = np.ones(16_000_000)  # 128 MB
            return f"file of {len(block)}"
        while how == "hang":
            pass
        return "file read"

    return item


@pytest.mark.parametrize(("how", "kind"), [("exception", "KeyError"), ("memory", "memory"), ("hang", "hang")])
def test_exceptions_growth_and_hangs_are_failures(how: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "SECONDS", 0.2 if how == "hang" else run.SECONDS)
    monkeypatch.setattr(run, "MOST_GROWTH", 100_000_000)
    monkeypatch.setattr(run, "run_item", _fails(how))
    _, failures = run.fuzz(1, seed=1)
    assert [failure.kind for failure in failures] == [kind]


@pytest.mark.parametrize(
    ("name", "what"),
    [("a\nb", "control characters"), ("a", "infinite"), ("t", "go back")],
)
def test_what_no_table_may_hold_is_noticed(name: str, what: str) -> None:
    values = np.array([[1.0], [np.inf if name == "a" else 2.0]])
    times = np.array(["2020-01-02", "2020-01-01"], dtype="datetime64[ns]") if name == "t" else None
    with pytest.raises(run.Misread, match=what):
        run._check_table(Table(values=values, columns=(name,), times=times))


def test_a_file_that_is_read_otherwise_is_noticed() -> None:
    case = "control_airpassengers.csv"
    data = (run.CASES / case).read_bytes()
    assert run._reread(case, "CRLF", (case, data.replace(b"\n", b"\r\n"))) == "same (CRLF)"
    with pytest.raises(run.Misread, match="other values"):
        run._reread(case, "CRLF", (case, data.replace(b"118", b"119")))
