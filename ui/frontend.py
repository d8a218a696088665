"""Streamlit's page and its files as this app serves them: from memory, with the app's style sheet, and loaded early.

Streamlit sends a page with the names of its first modules alone. The browser learns of those of the controls, of the
icons' font and of Plotly when the first elements arrive, and of the app's style sheet after them, so that elements
change their size while the page loads. Here the page itself names them.
"""

from __future__ import annotations

import asyncio
import functools
import gzip
import ipaddress
import mimetypes
import re
from pathlib import Path
from urllib.parse import quote

import streamlit as st
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui import plotly_script, warm_up
from ui.assets import asset, style_tag

__all__ = ["FEED_ROUTE", "PLOTLY_ROUTE", "WHOLE_ROUTE", "Frontend", "below_base", "page", "send_content"]

PLOTLY_ROUTE = f"/{plotly_script.NAME}"
WHOLE_ROUTE = f"/{plotly_script.WHOLE}"  # for figures that need it
FEED_ROUTE = "/live-run"  # see live_feed.py
START_ROUTE = "/start.js"
CONTROLS = (
    "ButtonGroup", "Selectbox", "NumberInput", "Multiselect", "Checkbox", "Button", "BidiComponent", "Html",
    "TextInput",
)  # fmt: skip
"""Streamlit's modules of the controls that most pages have, by the beginnings of their files' names."""

HEAD = 10_000  # characters of a module that contain its imports

_STATIC = Path(st.__file__).with_name("static")
_IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*["']\./([\w.\-]+\.js)["']""")
_KEPT = (b"cache-control", b"public, immutable, max-age=31536000")  # the names change with the content
_DROPPED = (b"if-none-match", b"if-modified-since", b"accept-encoding")  # for the page as it is in the package


class Frontend:
    """Answers requests for Streamlit's static files and Plotly's script, and completes Streamlit's page.

    Streamlit's own handler takes 2 ms of the server's time and five changes of thread for each of the 130 files of a
    first visit, while the server imports what the pages need. Plotly's script comes from the installed package, so that
    no page loads it from another server.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._files = {
            f"/static/{quote(path.relative_to(_STATIC / 'static').as_posix())}": path
            for path in (_STATIC / "static").rglob("*")
            if path.is_file()
        }
        self._index = (_STATIC / "index.html").read_bytes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or forward it and complete the page in its response."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        names = [name for name, _ in scope["headers"]]
        path = below_base(scope["path"])
        if path in self._files and b"range" not in names:
            await _send_file(self._files[path], scope, send)
        elif path in (PLOTLY_ROUTE, WHOLE_ROUTE):
            await _send_plotly(scope, send, whole=path == WHOLE_ROUTE)
        elif path == START_ROUTE:
            await send_content(_start_script(), "text/javascript", scope, send, (b"cache-control", b"no-cache"))
        elif any(name == b"accept" and b"text/html" in value for name, value in scope["headers"]):
            headers = [(name, value) for name, value in scope["headers"] if name not in _DROPPED]
            await self.app({**scope, "headers": headers}, receive, _Completed(self._index, send))
        else:
            await self.app(scope, receive, send)


class _Completed:
    """Passes a response on; Streamlit's page is completed."""

    def __init__(self, index: bytes, send: Send) -> None:
        self._index = index
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(message, len(self._index)):
            self._start = message
            return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        start, self._start = self._start, None
        if self._body == self._index:
            warm_up.current.visited()
            self._body = page()
            dropped = (b"content-length", b"etag", b"last-modified")
            start["headers"] = [(name, value) for name, value in start["headers"] if name.lower() not in dropped]
            start["headers"].append((b"content-length", str(len(self._body)).encode()))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": self._body})


def _is_page(message: Message, length: int) -> bool:
    headers = {name.lower(): value for name, value in message.get("headers", [])}
    page = headers.get(b"content-type", b"").startswith(b"text/html")
    return page and message["status"] == 200 and headers.get(b"content-length") == str(length).encode()


async def _send_file(file: Path, scope: Scope, send: Send) -> None:
    kind = {".js": "text/javascript", ".woff2": "font/woff2"}.get(file.suffix) or mimetypes.guess_type(file.name)[0]
    await send_content(file.read_bytes(), kind or "application/octet-stream", scope, send, _KEPT)


async def _send_plotly(scope: Scope, send: Send, *, whole: bool) -> None:
    compressed = _is_remote(scope) and _takes_gzip(scope)
    content = await asyncio.to_thread(_plotly, whole=whole, compressed=compressed)
    encoding = [(b"content-encoding", b"gzip")] * compressed
    await send_content(content, "text/javascript", scope, send, _KEPT, (b"vary", b"accept-encoding"), *encoding)


async def send_content(
    content: bytes, kind: str, scope: Scope, send: Send, *headers: tuple[bytes, bytes], status: int = 200
) -> None:
    """Send a whole response, without its body to a HEAD request."""
    first = [(b"content-type", kind.encode()), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*first, *headers]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})


@functools.cache
def _plotly(*, whole: bool, compressed: bool) -> bytes:
    content = plotly_script.FILE.read_bytes() if whole else plotly_script.script()
    return gzip.compress(content, 6, mtime=0) if compressed else content


def _is_remote(scope: Scope) -> bool:
    """Whether the client is on another machine: on the same one compression takes longer than it saves."""
    host = (scope.get("client") or ("",))[0]
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def _takes_gzip(scope: Scope) -> bool:
    return any(name == b"accept-encoding" and b"gzip" in value.lower() for name, value in scope["headers"])


def _start_script() -> bytes:
    """The script that loads Plotly while the page waits for its first elements."""
    route = f'const ROUTE = "{PLOTLY_ROUTE}"\n'
    return (route + asset("start.js")).encode()


def below_base(path: str) -> str:
    """A path without the setting server.baseUrlPath."""
    base = str(st.config.get_option("server.baseUrlPath")).strip("/")
    return path.removeprefix(f"/{base}") if base and path.startswith(f"/{base}/") else path


def page() -> bytes:
    """Streamlit's page with the files that it needs soon, and with the app's style sheet.

    The style sheet is in the body, behind those that Streamlit adds to the head, so that it wins over them.
    """
    html = (_STATIC / "index.html").read_text(encoding="utf-8")
    body = f'{style_tag("theme.css")}\n<div id="root">'
    first = f'<title>Streamlit</title>\n<script src=".{START_ROUTE}"></script>'
    html = html.replace("<title>Streamlit</title>", first, 1)
    return html.replace("</head>", f"{_early()}</head>", 1).replace('<div id="root">', body, 1).encode()


@functools.cache
def _early() -> str:
    """Tags for the head: modules of the controls and what they import, the icons' font, and Plotly."""
    tags = [f'<link rel="modulepreload" crossorigin href="./static/js/{name}">' for name in _modules()]
    icons = next((_STATIC / "static" / "media").glob("MaterialSymbols-Rounded.*.woff2"), None)
    if icons is not None:
        tags.append(f'<link rel="preload" href="./static/media/{icons.name}" as="font" type="font/woff2" crossorigin>')
    tags.append(f'<link rel="preload" href=".{PLOTLY_ROUTE}" as="script">')
    return "".join(f"{tag}\n" for tag in tags)


def _modules() -> list[str]:
    """The files of `CONTROLS` and, after each, those that it imports, directly or not; without those of every page."""
    folder, listed = _STATIC / "static" / "js", (_STATIC / "index.html").read_text(encoding="utf-8")
    waiting = [path.name for name in CONTROLS for path in sorted(folder.glob(f"{name}.*.js"))][::-1]
    found: dict[str, None] = {}
    while waiting:
        name = waiting.pop()
        if name not in found and f"/{name}" not in listed and (folder / name).is_file():
            found[name] = None
            waiting += _IMPORT.findall((folder / name).read_text(encoding="utf-8")[:HEAD])[::-1]
    return list(found)
