"""Names from outside (files, columns, series, labels) never become links or markup on any page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from google.protobuf.message import Message
from streamlit.testing.v1 import AppTest

import seqcore
from seqcore.data.readers.read_table import FileOptions, read_table
from seqcore.experiment.experiment import Experiment
from seqcore.runs.scheduler import Scheduler
from seqcore.runs.store import Store
from seqcore.tasks.auto_config import suggest_experiment
from ui import session

ROUTER = Path(__file__).parents[2] / "pages" / "_router.py"
FILE = "www.evil.example [x](http:evil) me@evil.example <a href=x> `$x$` .csv"
NAMES = [
    "http://evil.example/a",
    "www.evil.example",
    "me@evil.example",
    "[x](https://evil.example)",
    "<a href='https://evil.example'>x</a>",
    "![i](https://evil.example/i.png)",
    ":material/home: :red[x] $a^2$",
    "HTTPS://evil.example",
]
LIVE = re.compile(r"https?:/|www\.|@(?!\N{WORD JOINER})|(?<!\\)\]\(|(?<!\\)<a\b|(?<!\\):red\[", re.IGNORECASE)
HTML_LINK = re.compile(r'<a\b(?! class="sl-to-settings" href="#data">)')  # but the one to a place of the page itself
_NOT_DRAWN = """
    id key options value default placeholder json raw_values raw_value form_id type url alt icon data element_id
    string_value file_name
"""
NO_MARKDOWN = frozenset(_NOT_DRAWN.split())


def _texts(message: Message, name: str = "") -> Iterator[tuple[str, str]]:
    for field, value in message.ListFields():
        if field.name in NO_MARKDOWN:
            continue
        for one in value if isinstance(value, (list, tuple)) or hasattr(value, "add") else (value,):
            if isinstance(one, Message):
                yield from _texts(one, f"{name}.{field.name}")
            elif isinstance(one, str):
                yield f"{name}.{field.name}", one


def _live(page: AppTest) -> list[str]:
    """Every text with markup from outside: Markdown, labels and help of widgets, HTML, figures."""
    found, waiting = [], [*page._tree.children.values()]
    while waiting:
        node = waiting.pop()
        waiting += list(getattr(node, "children", {}).values())
        proto = getattr(node, "proto", None)
        kind = type(proto).__name__
        if kind == "Html":
            found += [f"html: {proto.body[:200]}" for _ in HTML_LINK.findall(proto.body)]
        elif kind == "BidiComponent":
            drawn = json.loads(proto.json).get("figure", "")  # the list of runs sets text, not HTML
            found += [f"figure: {m}" for m in re.findall(r".{60}(?:<|u003c)\s*/?a\b.{40}", drawn, re.IGNORECASE)]
        elif isinstance(proto, Message):
            found += [f"{kind}{name}: {text}" for name, text in _texts(proto) if LIVE.search(text)]
        if kind == "Arrow" and getattr(node, "type", "") == "arrow_table":
            cells = [str(c) for c in (*node.value.columns, *node.value.to_numpy().ravel(), *node.value.index)]
            found += [f"table: {cell}" for cell in cells if LIVE.search(cell)]
    return found


def _series() -> bytes:
    rows = [",".join(("date", "shop", *(f'"{name}"' for name in NAMES)))]
    rows += [
        f'2024-01-{d + 1:02},"{NAMES[s]}",' + ",".join(str((d * 7 + i + s) % 11 + 0.5) for i in range(len(NAMES)))
        for s in (0, 3) for d in range(30)
    ]  # fmt: skip
    return "\n".join(rows).encode()


def _sequences() -> bytes:
    rows = [f'id,time,"{NAMES[0]}","{NAMES[3]}",label']
    rows += [f's{s},{t},{t * (1 if s % 2 else -1)},{t % 3},"{NAMES[s % 2 + 1]}"' for s in range(40) for t in range(6)]
    return "\n".join(rows).encode()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, list[str]]]:
    store, runs = Store(tmp_path_factory.mktemp("hostile") / "runs"), []
    options = {"series": {}, "sequences": {"label_column": "label", "kind": "sequences", "series_column": "id"}}
    for kind, content in (("series", _series()), ("sequences", _sequences())):
        kept = store.put_file(content, FILE)
        table = read_table(content, name=FILE, options=FileOptions(**options[kind]))
        data = {"source": "file", "options": {**options[kind], "hash": kept.hash, "name": kept.name}}
        changes: dict[str, Any] = {"training.epochs": 1, "model.hidden_size": 4, "data.scaling": "standard"}
        experiment: Experiment = suggest_experiment(table, data=data, changes=changes)
        runs.append(seqcore.train(experiment, store=store).id)
    yield store, runs
    store.close()


@pytest.mark.parametrize("page_name", ["train.py", "data.py", "predict.py", "inspect.py", "runs.py", "compare.py"])
@pytest.mark.parametrize("which", [0, 1], ids=["series", "sequences"])
def test_no_page_shows_a_live_link(
    trained: tuple[Store, list[str]], monkeypatch: pytest.MonkeyPatch, page_name: str, which: int
) -> None:
    st.cache_resource.clear()
    st.cache_data.clear()
    store, runs = trained
    scheduler = Scheduler(store)
    monkeypatch.setattr(session, "store", lambda: store)
    monkeypatch.setattr(session, "scheduler", lambda: scheduler)
    page = AppTest.from_file(str(ROUTER), default_timeout=240)
    page.query_params["run"] = runs[which]
    page.switch_page("train.py").run()
    page.switch_page(page_name).run()
    assert not page.exception
    assert _live(page) == []
    if page_name == "compare.py":
        page.session_state["compare-runs"] = list(runs)
        page.run()
        assert not page.exception
        assert len(page.table) > 0
        assert _live(page) == []
    if page_name == "predict.py":
        for tab in ("New data", "Export", "Forecast"):
            page.session_state[f"use-{runs[which]}"] = tab
            page.run()
            assert not page.exception
            assert _live(page) == []


def test_errors_in_files_and_links_are_escaped(
    trained: tuple[Store, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    st.cache_resource.clear()
    store, _ = trained
    monkeypatch.setattr(session, "store", lambda: store)
    monkeypatch.setattr(session, "scheduler", lambda: Scheduler(store))
    page = AppTest.from_file(str(ROUTER), default_timeout=240)
    for i, name in enumerate(NAMES):
        page.query_params[f"model.{name}"] = name
        page.query_params[("data.target", "data.inputs", "model.architecture", "training.loss", "recipe")[i % 5]] = name
    page.switch_page("data.py").run()
    assert not page.exception
    assert page.error
    assert _live(page) == []
    page.segmented_control(key="data-group").set_value("file").run()
    page.file_uploader(key="upload").upload(FILE, f'"{NAMES[0]}",b\n1,2\n1\nx,"y'.encode(), "text/csv").run()
    assert not page.exception
    assert page.error
    assert _live(page) == []
