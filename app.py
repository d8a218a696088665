"""The launcher: pages, start and stop of the workers, response headers, and the route of Plotly's script.

streamlit run app.py
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import importlib
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path

import plotly
import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seqcore.errors import SeqcoreError
from ui import session
from ui.live_chart import PLOTLY_ROUTE
from ui.scoring import scoring

PLOTLY = Path(plotly.__file__).with_name("package_data") / "plotly.min.js"


def inline_scripts() -> str:
    """Hashes of the inline scripts of Streamlit's page; the policy forbids all others."""
    page = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    return " ".join(f"'sha256-{h}'" for h in hashes)


# Component scripts are loaded from blob:. Streamlit and Plotly set inline styles.
POLICY = "; ".join(
    (
        "default-src 'self'",
        f"script-src 'self' blob: {inline_scripts()}",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' blob:",
        "connect-src 'self' blob: ws: wss:",  # a recording from the microphone is a blob
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)

HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"same-origin"),
)


class SafeHeaders:
    """Adds `HEADERS` to every HTTP response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, and add the headers to the response."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *HEADERS]
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


async def plotly_script(request: object) -> FileResponse:
    """Plotly's script from the installed package, so that no page loads it from another server."""
    headers = {"cache-control": "public, max-age=31536000, immutable"}  # the route contains the version
    return FileResponse(PLOTLY, media_type="text/javascript", headers=headers)


async def first_page(request: Request) -> RedirectResponse:
    """Redirect /train to the root, where the Train page is, with its query parameters."""
    return RedirectResponse(request.url.replace(path="/", scheme="", netloc=""))


@contextlib.asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[dict[str, object]]:
    """Start the workers and import torch before the first visit; stop the workers when the server ends."""
    with contextlib.suppress(SeqcoreError):  # the pages show why a store can't be opened
        await asyncio.to_thread(session.scheduler)
    warm = asyncio.create_task(
        asyncio.to_thread(importlib.import_module, "seqcore.inference.predictor")
    )  # brings torch
    try:
        yield {}
    finally:
        session.scheduler.clear()
        scoring.clear()
        await warm


def unexpected(error: Exception) -> bool:
    """An unhandled exception: one line on the page, the traceback in the server's log."""
    logging.getLogger("sequence_lab").error("unexpected error on a page", exc_info=error)
    st.error("Unexpected error on this page. See the server's log for details; reloading may help.")
    return True


app = st.App(
    "pages/_router.py",
    routes=[Route(PLOTLY_ROUTE, plotly_script), Route("/train", first_page)],
    middleware=[Middleware(SafeHeaders)],
    lifespan=lifespan,
    on_script_error=unexpected,
)
