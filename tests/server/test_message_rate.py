"""The messages of one browser are read at a limited rate, however many it sends at once."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from starlette.types import Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

from ui import middleware

MESSAGES = 1000


def test_a_burst_is_read_at_once_and_what_follows_at_a_steady_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that goes on only while the server waits."""
    now, read = 100.0, []

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    async def receive() -> Message:
        return {"type": "websocket.receive", "bytes": BackMsg(app_heartbeat=True).SerializeToString()}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await sleep(60.0)  # the browser is silent at first
        for _ in range(MESSAGES):
            await receive()
            read.append(now)

    monkeypatch.setattr(middleware, "asyncio", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(middleware, "time", SimpleNamespace(monotonic=lambda: now))
    asyncio.run(middleware.BrowserMessages(app)({"type": "websocket"}, receive, send))
    at_once = middleware.BURST
    assert read[:at_once] == pytest.approx([160.0] * at_once)
    assert read[-1] - 160.0 == pytest.approx((MESSAGES - at_once) / middleware.RATE)
