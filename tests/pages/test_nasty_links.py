"""Links with nonsense: one line for each fault, no page error, and the rest of the link is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from ui import session

NASTY = {
    "an unknown column": {"data.target": "nope"},
    "unknown columns": {"data.inputs": '["a", "b", "c", "d", "e"]'},
    "a list of other things": {"data.inputs": '[["a"], {"b": 1}, 3]'},
    "400 ones": {"model.num_layers": "1" * 400},
    "1,900 nines": {"model.num_layers": "9" * 1900},
    "5,000 nines": {"model.num_layers": "9" * 5000},
    "a list of 5,000 nines": {"data.target": f"[{'9' * 5000}]"},
    "3,000 brackets": {"data.target": "[" * 3000},
    "deep JSON": {"data.inputs": "[" * 400 + "]" * 400},
    "no number": {"training.learning_rate": "nan"},
    "a negative number": {"data.window": "-5"},
    "a control character": {"data.target": "a\0b"},
    "half of a pair": {"data.target": '["\\ud800"]'},
    "many characters": {"data.target": "x" * 90_000},
    "an unknown recipe": {"recipe": "nope"},
    "a path": {"recipe": "../../etc/passwd"},
    "an option of another source": {"data.options.rate": "2"},
    "nonsense for columns": {"data.source": "file", "data.options.columns": "nonsense"},
    "deep columns": {"data.source": "file", "data.options.columns": '{"a":' * 3000},
    "dots": {"data..": "1", "...": "2", "data.options.a.b": "1"},
    "a section": {"data": "x", "model.options": "[1]"},
}


def opened(root: Path, page_name: str, link: dict[str, str]) -> AppTest:
    st.cache_resource.clear()
    page = AppTest.from_file(str(root / "pages" / "_router.py"), default_timeout=240)
    for key, value in link.items():
        page.query_params[key] = value
    page.switch_page(page_name).run()
    assert not page.exception
    return page


@pytest.mark.parametrize("page_name", ["data.py", "train.py"])
@pytest.mark.parametrize("name", NASTY)
def test_a_fault_in_a_link_is_one_line_each_and_the_rest_is_kept(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, page_name: str, name: str
) -> None:
    monkeypatch.setenv("SEQCORE_STORE", str(tmp_path / "runs"))
    monkeypatch.setattr(session.Scheduler, "start", lambda self: self)
    page = opened(root, page_name, {"recipe": "sine-next-step", "model.hidden_size": "24", **NASTY[name]})
    shown = [element.value for element in (*page.error, *page.warning)]
    assert 1 <= len(shown) <= 4
    assert all(len(line) < 1000 and "\n" not in line for line in shown)
    params: dict[str, Any] = dict(page.query_params)
    kept = params["model.hidden_size"] if "recipe" not in NASTY[name] else "24"
    assert kept in ("24", ["24"])
    st.cache_resource.clear()


@pytest.fixture(autouse=True)
def no_cache() -> Iterator[None]:
    st.cache_data.clear()
    yield
    st.cache_resource.clear()


FAULTS = {
    "training.learning_rate": ("abc", "Learning rate: 'abc' is not allowed"),
    "model.hidden_size": ("0", "Hidden size: '0' is not allowed"),
    "data.options.samples": ("-5", "Samples: '-5' is not allowed"),
    "model.options": ("[1]", "Options of the architecture: '[1]' is not allowed"),
}


@pytest.mark.parametrize("page_name", ["data.py", "train.py"])
def test_faults_of_a_link_name_fields_by_their_titles(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, page_name: str
) -> None:
    monkeypatch.setenv("SEQCORE_STORE", str(tmp_path / "runs"))
    monkeypatch.setattr(session.Scheduler, "start", lambda self: self)
    page = opened(root, page_name, {"recipe": "bouncing-ball"} | {path: value for path, (value, _) in FAULTS.items()})
    shown = [element.value.replace("\\", "") for element in page.error]
    for _, says in FAULTS.values():
        assert sum(line.startswith(says) for line in shown) == 1, (says, shown)
    assert not any(path in line for line in shown for path in FAULTS)
    st.cache_resource.clear()
