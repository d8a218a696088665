"""What a live run's chart and cards show, as an answer to a request: without a script run of Streamlit.

Several times a second a rerun of the view's fragment would take the server and the browser most of a core, most of it
for buttons and texts that stay as they are, and the training beside them would be slowed down. The chart asks here
instead (`live_chart.js`); the fragment is rerun every few seconds, and when the chart finds that the rest has changed.
"""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from ui.frontend import FEED_ROUTE, below_base, send_content

__all__ = ["LiveFeed"]


class LiveFeed:
    """Answers requests of charts: `run`, `viewer` and `seen`, the version that the chart shows.

    200 with the newest version as JSON, 204 if that is the one seen, 404 for a viewer whose page has not shown this run
    lately: whoever may not see a page does not see its runs either.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request or forward it."""
        if scope["type"] != "http" or scope["method"] != "GET" or below_base(scope["path"]) != FEED_ROUTE:
            await self.app(scope, receive, send)
            return
        given = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
        asked = (given.get("run", ""), given.get("viewer", ""), given.get("seen", ""))
        status, content = await asyncio.to_thread(_answer, *asked)
        await send_content(content, "application/json", scope, send, (b"cache-control", b"no-store"), status=status)


def _answer(run: str, viewer: str, seen: str) -> tuple[int, bytes]:
    """Status and content."""
    from seqcore.errors import SeqcoreError
    from ui import run_view, session, shared_history

    history = shared_history.viewed(run, viewer)
    if history is None:
        return 404, b"{}"
    try:
        history.update(session.store())
    except SeqcoreError:  # the next rerun of the fragment shows it
        return 404, b"{}"
    if history.version == seen:
        return 204, b""
    return 200, json.dumps(run_view.live_state(history)).encode()
