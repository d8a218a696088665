"""Streamlit's page and files as the server sends them, completed and with Plotly."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import plotly
import pytest
import requests
import streamlit as st

from tests.servers import Server, running_server, status_of
from ui import frontend, plotly_script
from ui.frontend import PLOTLY_ROUTE, WHOLE_ROUTE, Frontend

pytestmark = pytest.mark.timeout(240)
STATIC = Path(st.__file__).with_name("static")
PLOTLY = Path(plotly.__file__).with_name("package_data") / "plotly.min.js"


@pytest.fixture(scope="module")
def server(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(root, tmp_path_factory.mktemp("server"), base="/lab") as running:
        yield running


def get(server: Server, path: str, **headers: str) -> requests.Response:
    return requests.get(server.url + path, headers={"accept": "text/html,*/*;q=0.8"} | headers, timeout=60)


def test_every_page_names_what_it_loads_and_contains_the_style_sheet(server: Server, root: Path) -> None:
    for path in ("/", "/predict", "/runs?run=latest"):
        text = get(server, path).text
        assert (root / "ui" / "theme.css").read_text(encoding="utf-8") in text
        assert f'<link rel="preload" href=".{PLOTLY_ROUTE}" as="script">' in text
        assert re.search(r'<link rel="modulepreload" crossorigin href="\./static/js/NumberInput\.[\w-]+\.js">', text)
    for name in re.findall(r'href="\./(static/[^"]+)"', text):
        assert get(server, f"/{name}").status_code == 200


def test_a_page_from_the_browsers_cache_is_not_kept_when_the_app_changes(server: Server) -> None:
    first = get(server, "/")
    assert "etag" not in first.headers
    streamlits = {"if-none-match": "*", "if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"}
    assert get(server, "/", **streamlits).text == first.text


def test_static_files_are_sent_as_they_are_to_be_kept(server: Server) -> None:
    for file in (STATIC / "static").rglob("*"):
        if file.suffix in (".css", ".woff2") or file.name.startswith(("index.", "Button.")):
            answer = get(server, f"/static/{file.relative_to(STATIC / 'static').as_posix()}")
            assert answer.content == file.read_bytes()
            assert "immutable" in answer.headers["cache-control"]
            assert answer.headers["x-content-type-options"] == "nosniff"
    script = next((STATIC / "static" / "js").glob("index.*.js")).name
    assert get(server, f"/static/js/{script}").headers["content-type"] == "text/javascript"
    assert requests.head(f"{server.url}/static/js/{script}", timeout=60).content == b""


@pytest.mark.parametrize("path", ["/static/../index.html", "/static/js/../../../../app.py", "/static/%2e%2e/app.py"])
def test_no_other_file_is_sent(server: Server, path: str) -> None:
    status, text = status_of(server, server.base + path)
    assert "lifespan" not in text
    assert status != 500


def test_plotly_comes_from_the_installed_package(server: Server) -> None:
    for route, content in ((PLOTLY_ROUTE, plotly_script.script()), (WHOLE_ROUTE, PLOTLY.read_bytes())):
        answer = get(server, route)
        assert answer.content == content
        assert "content-encoding" not in answer.headers, "compressing takes longer than it saves on the same machine"


@pytest.mark.parametrize(("client", "compressed"), [("127.0.0.1", False), ("::1", False), ("192.168.1.7", True)])
def test_plotly_is_compressed_for_other_machines(client: str, compressed: bool) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": PLOTLY_ROUTE, "client": (client, 5),
        "headers": [(b"accept-encoding", b"br, gzip")],
    }  # fmt: skip
    asyncio.run(Frontend(None)(scope, None, send))  # type: ignore[arg-type]
    start, body = sent
    assert ((b"content-encoding", b"gzip") in start["headers"]) == compressed
    content = gzip.decompress(body["body"]) if compressed else body["body"]
    assert content == plotly_script.script()


def test_the_short_script_of_plotly_has_all_modules_that_it_uses() -> None:
    whole, short = PLOTLY.read_bytes(), plotly_script.script()
    assert len(short) < 0.3 * len(whole), "the bundle is built in another way, see plotly_script.py"
    definition = re.compile(rb";var ([\w$]+)=W\(\(")
    missing = set(definition.findall(whole)) - set(definition.findall(short))
    assert len(missing) > 500
    assert missing.isdisjoint(re.findall(rb"(?<![\w$.])([\w$]+)\(\)", short))


@pytest.mark.parametrize("traces", [("bar", "no-such-trace"), ("bar", "cartesian")])
def test_a_bundle_that_is_built_in_another_way_is_sent_whole(traces: tuple[str, ...]) -> None:
    other = b"(() => { globalThis.Plotly = {} })()"
    assert plotly_script.shortened(other, plotly_script.TRACES) == other
    assert plotly_script.shortened(PLOTLY.read_bytes(), traces) == PLOTLY.read_bytes()


def test_the_named_modules_exist_in_this_version_of_streamlit() -> None:
    """Those that don't are left out; a page would load them later, as it is drawn."""
    names = frontend._modules()
    assert [c for c in frontend.CONTROLS if not any(name.startswith(f"{c}.") for name in names)] == []
