"""The launcher: pages, start and stop of the workers, middleware, and the route of Plotly's script.

streamlit run app.py
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import plotly
import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse
from starlette.routing import Route

from seqcore.errors import SeqcoreError
from seqcore.runs import service
from ui.live_chart import PLOTLY_ROUTE
from ui.middleware import BrowserMessages, RequestGuard, SafeHeaders, UploadLimit
from ui.return_link import ReturnLink
from ui.scoring import scoring

PLOTLY = Path(plotly.__file__).with_name("package_data") / "plotly.min.js"


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
        await asyncio.to_thread(service.current.scheduler)
    warm = asyncio.create_task(
        asyncio.to_thread(importlib.import_module, "seqcore.inference.predictor")
    )  # brings torch
    try:
        yield {}
    finally:
        await asyncio.to_thread(service.current.close)
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
    middleware=[Middleware(part) for part in (SafeHeaders, RequestGuard, BrowserMessages, UploadLimit, ReturnLink)],
    lifespan=lifespan,
    on_script_error=unexpected,
)
