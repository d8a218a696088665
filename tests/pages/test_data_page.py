"""The Data page without a browser: every source and the visitor's own files, looked at before any training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from seqcore.data.sources import SOURCES
from seqcore.links import experiment_from_link
from seqcore.runs.front import open_store
from ui import session
from ui.session import escape

BUILT_IN = [name for name, source in SOURCES.items() if not source.stored]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A store of the test's own, and no workers."""
    monkeypatch.setenv("SEQCORE_STORE", str(tmp_path / "runs"))
    monkeypatch.setattr(session.Jobs, "start", lambda self: self)
    st.cache_resource.clear()
    yield tmp_path / "runs"
    st.cache_resource.clear()


@pytest.fixture
def page(store: Path, root: Path) -> AppTest:
    return AppTest.from_file(str(root / "pages" / "_router.py"), default_timeout=120).switch_page("data.py")


def faults(page: AppTest) -> list[str]:
    return [error.value for error in page.error]


def html(page: AppTest) -> str:
    return "\n".join(element.proto.body for element in page.get("html"))


def texts(page: AppTest) -> str:
    shown = [*page.markdown, *page.caption, *page.error, *page.warning, *page.info]
    return "\n".join(element.value for element in shown)


def link(page: AppTest) -> dict[str, str]:
    params: dict[str, Any] = dict(page.query_params)
    return {key: value if isinstance(value, str) else value[0] for key, value in params.items()}


def look_at(page: AppTest, source: str) -> AppTest:
    """Choose a source as a visitor does."""
    page.run()
    group = "file" if SOURCES[source].stored else SOURCES[source].tasks[0]
    page.segmented_control(key="look-group").set_value(group).run()
    if group != "file":
        page.selectbox(key="look-source").select(source).run()
    assert not page.exception
    return page


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_source_is_shown_with_its_facts_its_windows_and_a_link(page: AppTest, name: str) -> None:
    look_at(page, name)
    assert faults(page) == []
    assert page.header[0].value == escape(SOURCES[name].title)
    assert 'data-testid="facts"' in html(page)
    shown = experiment_from_link(link(page))[0]
    assert shown.data.source == name
    assert "Windows, as the model sees them" in [heading.value for heading in page.subheader]
    assert not page.button(key="train-on-this").disabled
