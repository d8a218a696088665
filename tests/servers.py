"""A real dashboard server on a free port, and a visitor that speaks its websocket without a browser."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

PATIENCE = 120.0  # seconds: a busy machine is slow, not broken


@dataclass(frozen=True)
class Server:
    """A running dashboard: its origin, base path, store, log and process."""

    origin: str
    base: str
    store: Path
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def url(self) -> str:
        return self.origin + self.base

    @property
    def port(self) -> int:
        return int(self.origin.rpartition(":")[2])


@contextlib.contextmanager
def running_server(
    root: Path, folder: Path, *arguments: str, base: str = "", environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """The dashboard of `root` with a store in `folder`, until the block ends. `arguments` are those of Streamlit."""
    port = free_port()
    log = folder / "log"
    known = {"SEQCORE_STORE": str(folder / "runs"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), *arguments]
    command += ["--server.baseUrlPath", base] * bool(base)
    if "--server.fileWatcherType" not in arguments:
        command += ["--server.fileWatcherType", "none"]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, cwd=root, env={**os.environ, **known, **(environment or {})}, stdout=stream, stderr=stream
        )
        try:
            server = Server(f"http://127.0.0.1:{port}", base, folder / "runs", log, process)
            _wait_for(server.url, process, log)
            yield server
        finally:
            process.terminate()
            process.wait(timeout=120)


class Visitor:
    """One websocket, as a browser opens it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.session = ""
        self.seen = b""

    def send(self, **message: Any) -> None:
        self.socket.send(BackMsg(**message).SerializeToString())

    def receive(self, kind: str, patience: float = PATIENCE) -> ForwardMsg:
        """The next message of a kind; others are skipped. TimeoutError if there is none."""
        until = time.monotonic() + patience
        while True:
            content = self.socket.recv(timeout=max(0.0, until - time.monotonic()))
            assert isinstance(content, bytes)
            self.seen += content
            message = ForwardMsg()
            message.ParseFromString(content)
            if message.WhichOneof("type") == "new_session":
                self.session = message.new_session.initialize.session_id
            if message.WhichOneof("type") == kind:
                return message

    def is_answered(self) -> None:
        """The session still answers."""
        self.send(app_heartbeat=True)
        self.receive("heartbeat_ack")

    def see_page(self, name: str = "") -> bytes:
        """Run a page's script to its end. Returns all that it sent."""
        self.seen = b""
        self.send(rerun_script={"page_name": name})
        self.receive("script_finished")
        return self.seen

    def is_closed(self) -> bool:
        """Whether the server closes this connection."""
        try:
            while True:
                self.socket.recv(timeout=PATIENCE)
        except ConnectionClosed:
            return True


@contextlib.contextmanager
def visit(server: Server) -> Iterator[Visitor]:
    """A visit from the server's own origin."""
    with _websocket(server, origin=server.origin) as connection:
        yield Visitor(connection)


def is_refused(server: Server, *, origin: str | None, **headers: str) -> bool:
    """Whether the websocket is refused for this origin and these headers, which may name Host."""
    try:
        with _websocket(server, origin=origin, **headers):
            return False
    except InvalidStatus as error:
        return error.response.status_code == 403


@contextlib.contextmanager
def _websocket(server: Server, *, origin: str | None, **headers: str) -> Iterator[ClientConnection]:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    host = more.pop("host", f"127.0.0.1:{server.port}")
    address = f"ws://{host}{server.base}/_stcore/stream"
    # What a visitor has not read yet must not hold up what comes behind it, as the end of the connection.
    options: dict[str, Any] = {"origin": origin, "subprotocols": ["streamlit"], "max_size": None, "max_queue": None}
    options["close_timeout"] = 0.5  # seconds; the server answers to the end only after all that was sent before
    with (
        socket.create_connection(("127.0.0.1", server.port)) as raw,
        connect(address, sock=raw, additional_headers=more, **options) as connection,
    ):
        yield connection


def status_of(server: Server, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    """Status and text of a request; `headers` may name Host."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the server ended:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"the server did not answer:\n{log.read_text()}")
