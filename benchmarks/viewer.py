"""A viewer of the dashboard without a browser: it speaks Streamlit's websocket protocol and polls as a page does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import urllib.request
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

__all__ = ["Viewer", "viewer"]

LIMIT = 120.0  # seconds for a script run


class Viewer:
    """One connection. `runs` and `polls` are the seconds of its complete script runs and of its updates: reruns of
    fragments, and what a live chart asks for (`ui/live_feed.py`).
    """

    def __init__(self, socket: ClientConnection, address: str) -> None:
        self._socket, self._address = socket, address
        self._feed: dict[str, Any] | None = None
        self._following = asyncio.create_task(self._follow())
        self._cached: set[str] = set()  # hashes of the messages that a browser would keep
        self._timers: dict[str, asyncio.Task[None]] = {}
        self._query = self._page = ""
        self._began = 0.0
        self._fragment = ""
        self._finished = asyncio.Event()
        self.runs: list[float] = []
        self.polls: list[float] = []
        self.bytes = 0
        self.reading = asyncio.create_task(self._read())
        self.error = ""  # the text of an exception on the page

    async def open(self, page: str = "", query: str = "") -> float:
        """Open a page ("" is Train) with a query and wait for it. Returns the seconds of the script run."""
        self._page, self._query = page, query
        await self._send()
        waiting = asyncio.create_task(self._finished.wait())
        await asyncio.wait({waiting, self.reading}, timeout=LIMIT, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            raise SystemExit(f"the page {page!r} did not open")
        return self.runs[-1]

    async def _send(self, fragment: str = "") -> None:
        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.page_name = self._query, self._page
        state.fragment_id, state.is_auto_rerun = fragment, bool(fragment)
        state.cached_message_hashes.extend(self._cached)
        self._finished.clear()
        self._fragment, self._began = fragment, time.perf_counter()
        await self._socket.send(message.SerializeToString())

    async def _read(self) -> None:
        """Take the server's messages until the connection closes."""
        async for data in self._socket:
            assert isinstance(data, bytes)
            self.bytes += len(data)
            message = ForwardMsg.FromString(data)
            if message.metadata.cacheable:
                self._cached.add(message.hash)
            match message.WhichOneof("type"):
                case "new_session" if not message.metadata.run.fragment_ids:
                    self._stop_polling(list(self._timers))  # a complete run draws every fragment anew
                case "auto_rerun":
                    self._poll(message.auto_rerun.fragment_id, message.auto_rerun.interval)
                case "stop_auto_rerun":
                    self._stop_polling(message.stop_auto_rerun.fragment_ids)
                case "delta" if message.delta.new_element.WhichOneof("type") == "exception":
                    self.error = message.delta.new_element.exception.message
                case "delta" if message.delta.new_element.WhichOneof("type") == "bidi_component":
                    self._take_feed(message.delta.new_element.bidi_component.json)
                case "script_finished":
                    self._ended(message.script_finished)

    def _take_feed(self, content: str) -> None:
        data = json.loads(content or "{}")
        if data.get("name") == "loss-chart":
            self._feed = data["feed"]

    async def _follow(self) -> None:
        """Ask for what a live chart shows, as `ui/live_chart.js` does."""
        while True:
            feed = self._feed
            await asyncio.sleep(feed["again"] if feed else 0.1)
            if not feed:
                continue
            began = time.perf_counter()
            query = urlencode({"run": feed["run"], "viewer": feed["viewer"], "seen": feed["version"]})
            status, content = await asyncio.to_thread(_asked, f"{self._address}/live-run?{query}")
            self.bytes += len(content)
            if status == 200 and self._feed is feed:
                found = json.loads(content)
                feed.update(version=found["version"], again=found["again"])
                self.polls.append(time.perf_counter() - began)

    def _ended(self, status: int) -> None:
        seconds = time.perf_counter() - self._began
        if status == ForwardMsg.FINISHED_SUCCESSFULLY:
            self.runs.append(seconds)
            self._finished.set()
        elif status == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY:
            self.polls.append(seconds)

    def _poll(self, fragment: str, interval: float) -> None:
        self._stop_polling([fragment])
        self._timers[fragment] = asyncio.create_task(self._repeat(fragment, interval))

    async def _repeat(self, fragment: str, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            await self._send(fragment)

    def _stop_polling(self, fragments: Iterable[str]) -> None:
        for fragment in fragments:
            if task := self._timers.pop(fragment, None):
                task.cancel()

    def close(self) -> None:
        """Stop the timers."""
        self._following.cancel()
        self._stop_polling(list(self._timers))


@asynccontextmanager
async def viewer(address: str) -> AsyncIterator[Viewer]:
    """A viewer connected to the server at `address` ("http://127.0.0.1:8600"), with the origin of its own page."""
    url = f"ws://{urlsplit(address).netloc}/_stcore/stream"
    async with connect(url, origin=address, subprotocols=["streamlit"], max_size=None) as socket:  # type: ignore[arg-type,list-item]
        one = Viewer(socket, address)
        try:
            yield one
        finally:
            one.close()
            one.reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await one.reading


def _asked(address: str) -> tuple[int, bytes]:
    """Status and content of a request; status 0 where there is no answer."""
    try:
        with urllib.request.urlopen(address, timeout=LIMIT) as answer:
            return answer.status, answer.read()
    except OSError:
        return 0, b""
