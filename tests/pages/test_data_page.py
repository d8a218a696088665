"""The Data page without a browser: every source, and uploaded files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from seqcore.data.sources import SOURCES
from seqcore.experiment.links import experiment_from_link
from seqcore.runs.api import open_store
from ui import session
from ui.session import escape

BUILT_IN = [name for name, source in SOURCES.items() if not source.stored]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A store for the test, without workers."""
    monkeypatch.setenv("SEQCORE_STORE", str(tmp_path / "runs"))
    monkeypatch.setattr(session.Scheduler, "start", lambda self: self)
    st.cache_resource.clear()
    yield tmp_path / "runs"
    st.cache_resource.clear()


@pytest.fixture
def page(store: Path, root: Path) -> AppTest:
    return AppTest.from_file(str(root / "pages" / "_router.py"), default_timeout=240).switch_page("data.py")


def errors(page: AppTest) -> list[str]:
    return [error.value for error in page.error]


def html(page: AppTest) -> str:
    return "\n".join(element.proto.body for element in page.get("html"))


def texts(page: AppTest) -> str:
    shown = [*page.markdown, *page.caption, *page.error, *page.warning, *page.info]
    return "\n".join(element.value for element in shown)


def link(page: AppTest) -> dict[str, str]:
    params: dict[str, Any] = dict(page.query_params)
    return {key: value if isinstance(value, str) else value[0] for key, value in params.items()}


def open_source(page: AppTest, source: str) -> AppTest:
    """Select a source."""
    page.run()
    group = "file" if SOURCES[source].stored else SOURCES[source].tasks[0]
    page.segmented_control(key="data-group").set_value(group).run()
    if group != "file":
        page.selectbox(key="data-source").select(source).run()
    assert not page.exception
    return page


def test_every_source_shows_its_facts_sample_inputs_and_a_link(page: AppTest) -> None:
    """To one visitor, who chooses one after the other: nothing of an earlier one stays."""
    page.run()
    for name in BUILT_IN:
        group = SOURCES[name].tasks[0]
        if page.segmented_control(key="data-group").value != group:
            page.segmented_control(key="data-group").set_value(group).run()
        if page.selectbox(key="data-source").value != name:
            page.selectbox(key="data-source").select(name).run()
        assert not page.exception, name
        assert errors(page) == [], name
        assert page.header[0].value == escape(SOURCES[name].title)
        assert 'data-testid="facts"' in html(page), name
        assert experiment_from_link(link(page))[0].data.source == name
        assert "Sample model inputs" in [heading.value for heading in page.subheader], name
        assert not page.button(key="open-in-train").disabled, name


def upload(page: AppTest, name: str, content: bytes) -> AppTest:
    page.file_uploader(key="upload").upload(name, content, "application/octet-stream").run()
    assert not page.exception
    return page


def findings(page: AppTest) -> set[str]:
    return set(re.findall(r'data-testid="finding-([a-z-]+)"', html(page)))


PERIODIC = "\n".join(["date,load", *(f"2024-01-{day + 1:02},{day % 7}" for day in range(31))]).encode()
LONG_FORM = "\n".join(
    ["id,time,x,label", *(f"{s},{t},{t * (1 if s % 2 else -1)},{'up' if s % 2 else 'down'}" for s in range(40)
                          for t in range(5 + s % 3))]
).encode()  # fmt: skip
PAIRS = "\n".join(f"I see {n} cats\tje vois {n} chats" for n in range(60)).encode()
PROSE = ("It was the best of times, it was the worst of times. " * 40).encode()


@pytest.mark.parametrize(
    ("name", "content", "task", "said"),
    [
        ("load.csv", PERIODIC, "regression", "Seasonality"),
        ("moves.csv", LONG_FORM, "classification", "Classes"),
        ("pairs.tsv", PAIRS, "translation", "Vocabulary"),
        ("novel.txt", PROSE, "language-modeling", "Vocabulary"),
    ],
)
def test_a_file_of_any_kind_is_profiled_and_in_the_link(
    page: AppTest, store: Path, name: str, content: bytes, task: str, said: str
) -> None:
    upload(open_source(page, "file"), name, content)
    assert errors(page) == []
    assert page.header[0].value == escape(name)
    assert any(heading.value.startswith(said) for heading in page.subheader)
    (kept,) = open_store(store).files()
    shown = experiment_from_link(link(page))[0].data
    assert (shown.source, shown.options["hash"], shown.task) == ("file", kept.hash, task)


def test_open_in_train_opens_the_train_page_with_the_same_data_and_settings(page: AppTest) -> None:
    upload(open_source(page, "file"), "load.csv", PERIODIC)
    page.number_input(key="data:data.window").set_value(4).run()
    page.button(key="open-in-train").click().run()
    assert not page.exception
    assert page.segmented_control(key="origin").value == "file"
    assert page.number_input(key="field:data.window").value == 4
    assert page.header[0].value == escape("load.csv")
    assert not page.button(key="do-train").disabled


def test_target_and_inputs_are_named_and_forecast_fields_are_on_top(page: AppTest) -> None:
    upload(open_source(page, "file"), "load.csv", PERIODIC)
    assert "Predicts **load** from its own past." in texts(page)
    (folded,) = [e for e in page.expander if e.label == "More data settings"]
    assert len(folded) == 0  # what is folded away is not drawn
    page.session_state["more-data"] = True
    page.run()
    assert "Scaled (standard): a candidate of the scaling search" in texts(page)
    (folded,) = [e for e in page.expander if e.label == "More data settings"]
    assert "data:data.calendar" not in [box.key for box in folded.multiselect]
    assert "data:data.multi_step" in [one.key for one in folded.get("button_group")]
    page.multiselect(key="data:data.calendar").set_value(["weekday"])
    page.number_input(key="data:data.horizon").set_value(3)
    page.selectbox(key="data:data.scaling").select("last-value").run()
    assert "Predicts **load** from its own past and the calendar." in texts(page)
    assert "Scaled (last-value)" in texts(page)
    (folded,) = [e for e in page.expander if e.label == "More data settings"]
    assert "data:data.multi_step" not in [one.key for one in folded.get("button_group")]


def test_the_data_page_starts_with_the_train_pages_data(page: AppTest) -> None:
    page.switch_page("train.py").run()
    page.selectbox(key="recipe").select("sine-to-cosine").run()
    page.switch_page("data.py").run()
    assert page.header[0].value == escape(SOURCES["sine-cosine"].title)


def test_an_unreadable_file_is_one_error_and_replaces_the_previous_file(page: AppTest, store: Path) -> None:
    upload(open_source(page, "file"), "load.csv", PERIODIC)
    upload(page, "bad.csv", b"a,b\n1,2\n1\n")
    assert len(errors(page)) == 1
    assert "bad" in errors(page)[0]
    assert not page.header
    assert [kept.name for kept in open_store(store).files()] == ["load.csv"]
    upload(page, "load.csv", PERIODIC)
    assert errors(page) == []


def test_import_options_are_offered_for_a_file_that_is_not_recognized(page: AppTest) -> None:
    upload(open_source(page, "file"), "bad.csv", b"x y\n" + b"1 2\n3 4\n" * 80 + b"5\n")
    assert len(errors(page)) == 1
    page.selectbox(key="import:data.options.kind:file").select("text")
    page.button(key="import:read-again").click().run()
    assert not page.exception
    assert errors(page) == []
    assert page.header[0].value == escape("bad.csv")


def test_an_earlier_file_that_can_not_be_read_has_import_options(page: AppTest, store: Path) -> None:
    kept = open_store(store).put_file(b"x y\n" + b"1 2\n3 4\n" * 80 + b"5\n", "bad.csv")
    open_source(page, "file")
    page.selectbox(key="file-selected").select(kept.hash).run()
    assert len(errors(page)) == 1
    page.selectbox(key="import:data.options.kind:file").select("text")
    page.button(key="import:read-again").click().run()
    assert not page.exception
    assert errors(page) == []
    assert page.header[0].value == escape("bad.csv")


def test_missing_values_and_settings_without_windows_are_findings(page: AppTest) -> None:
    holes = PERIODIC.replace(b"2024-01-20,5", b"2024-01-20,")
    upload(open_source(page, "file"), "load.csv", holes)
    assert "missing-values" not in findings(page)  # the suggested settings fill them
    page.selectbox(key="data:data.missing").set_value("refuse").run()
    assert "missing-values" in findings(page)
    page.number_input(key="data:data.window").set_value(500).run()
    assert not page.exception
    assert "no-windows" in findings(page)


def test_the_missing_values_are_the_sum_of_empty_cells_and_those_of_inserted_rows(page: AppTest) -> None:
    days = np.datetime64("2024-01-01") + np.arange(200)
    rows = [f"{day},{'' if i == 20 else i % 7},{i % 5}" for i, day in enumerate(days) if i not in (50, 90, 91)]
    upload(open_source(page, "file"), "shop.csv", "\n".join(["day,sales,guests", *rows]).encode())
    assert "<span>Missing values</span><b>7</b><small>1 empty cell, 6 in 3 inserted rows</small>" in html(page)


def test_a_link_to_an_unknown_file_is_one_error(page: AppTest) -> None:
    page.query_params["data.source"] = "file"
    page.query_params["data.options.hash"] = "0" * 64
    page.query_params["data.options.name"] = "gone.csv"
    page.run()
    assert not page.exception
    assert len(errors(page)) == 1
    assert page.button(key="open-in-train").disabled
