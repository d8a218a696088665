"""The launcher: pages, warm-up, start and stop of the workers, middleware, and the allocator.

streamlit run app.py

It imports as little as possible: the browser loads the page while the rest is imported (`ui/warm_up.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from ui import allocator, warm_up
from ui.frontend import Frontend
from ui.live_feed import LiveFeed
from ui.middleware import BrowserMessages, RequestGuard, SafeHeaders, UploadLimit
from ui.return_link import ReturnLink


async def first_page(request: Request) -> RedirectResponse:
    """Redirect /train to the root, where the Train page is, with its query parameters."""
    return RedirectResponse(request.url.replace(path="/", scheme="", netloc=""))


@contextlib.asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[dict[str, object]]:
    """Warm up beside the first visit; stop the workers when the server ends."""
    warm = asyncio.create_task(asyncio.to_thread(warm_up.current.run))
    try:
        yield {}
    finally:
        warm_up.current.close()
        await asyncio.to_thread(stop)
        await warm


def stop() -> None:
    """Stop the workers and what is computed for pages."""
    from seqcore.runs import service
    from ui import replica_offers
    from ui.scoring import scoring

    replica_offers.current.cancel()
    service.current.close()
    scoring.clear()


def unexpected(error: Exception) -> bool:
    """An unhandled exception: one line on the page, the traceback in the server's log."""
    logging.getLogger("sequence_lab").error("unexpected error on a page", exc_info=error)
    st.error("Unexpected error on this page. See the server's log for details; reloading may help.")
    return True


allocator.use_one_arena()
PARTS = (SafeHeaders, RequestGuard, BrowserMessages, UploadLimit, ReturnLink, LiveFeed, Frontend)
app = st.App(
    "pages/_router.py",
    routes=[Route("/train", first_page)],
    middleware=[Middleware(part) for part in PARTS],
    lifespan=lifespan,
    on_script_error=unexpected,
)
