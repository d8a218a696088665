"""ASGI middleware of the server: which requests and messages of a browser are accepted, and the response headers."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ipaddress
import logging
import re
import time
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import streamlit as st
from google.protobuf.message import DecodeError
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime import get_instance
from streamlit.runtime.runtime_util import get_max_widget_state_size_bytes
from streamlit.runtime.stats import CacheStat

__all__ = ["BrowserMessages", "RequestGuard", "SafeHeaders", "UploadLimit"]

_LOGGER = logging.getLogger("sequence_lab")
HEALTH = "/_stcore/health"  # for load balancers, which send their own Host or none
CLOSED = "/_stcore/metrics"  # memory, sessions and cached functions are not for visitors
UPLOAD = "/_stcore/upload_file/"
UPLOADS = 10  # of the largest allowed size are kept in memory, over all visitors
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
DEFAULT_PORTS = {"http": 80, "https": 443}
REFUSED = 1008  # websocket close code: policy violation
# Others clear everybody's caches, run git or write files on the server, or are for tests of Streamlit itself.
MESSAGES = ("rerun_script", "stop_script", "app_heartbeat", "file_urls_request", "backend_operation_request")
RATE, BURST = 20, 50  # messages a second, and how many at once; a page sends at most about ten a second
OPERATIONS = ("deferred_file", "dataframe_chunk")


class RequestGuard:
    """Refuses requests under a foreign host name, and websockets and changes from a foreign origin.

    A page of another site, or of another port of this machine, can open a websocket to a local server; a host name that
    an attacker points to this machine (DNS rebinding) makes its pages same-origin. IP addresses and `localhost` can't
    be pointed elsewhere. Other names are those of the settings server.allowedHosts, server.address and
    browser.serverAddress.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request or answer it with 403 or 404."""
        health = scope["type"] == "http" and scope["method"] in SAFE_METHODS and scope["path"].endswith(HEALTH)
        if scope["type"] not in ("http", "websocket") or health:
            await self.app(scope, receive, send)
            return
        if scope["type"] == "http" and CLOSED in scope["path"]:
            await PlainTextResponse("Not found", 404)(scope, receive, send)
            return
        scope = _with_forwarded_host(scope)
        reason = _refusal(scope)
        if reason is None:
            await self.app(scope, receive, send)
            return
        _LOGGER.warning("refused %s: %s", scope["path"], reason)
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": REFUSED})
        else:
            await PlainTextResponse(f"{reason}\n", 403)(scope, receive, send)


class BrowserMessages:
    """Drops the websocket messages that the pages don't send, and reads those of one browser at a limited rate.

    The former would act on the server and on other visitors. Streamlit starts a thread for every message that reruns a
    page; a thousand of them at once keep the server from answering others for seconds.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the connection with its accepted messages."""
        due = time.monotonic()  # when the next message would be read at the steady rate

        async def accepted() -> Message:
            nonlocal due
            while True:
                message = await receive()
                if message["type"] != "websocket.receive":
                    return message
                due = max(due, time.monotonic() - BURST / RATE) + 1 / RATE
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if _is_accepted(message.get("bytes") or b""):
                    return message

        await self.app(scope, accepted if scope["type"] == "websocket" else receive, send)


class UploadLimit:
    """Bounds the memory that uploaded files take. Streamlit keeps each one until its visitor leaves or removes it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._arriving = 0  # bytes of uploads that have begun

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, or answer 413 to an upload that finds no room."""
        if scope["type"] != "http" or scope["method"] != "PUT" or UPLOAD not in scope["path"]:
            await self.app(scope, receive, send)
            return
        largest = int(st.config.get_option("server.maxUploadSize")) * 2**20
        given = Headers(scope=scope).get("content-length", "")
        size = int(given) if given.isascii() and given.isdigit() else largest
        if _uploaded_bytes() + self._arriving + size > UPLOADS * largest:
            _LOGGER.warning("refused an upload of %s bytes: uploads of all visitors take too much memory", size)
            await PlainTextResponse("The server holds too many uploads; try again later\n", 413)(scope, receive, send)
            return
        self._arriving += size
        try:
            await self.app(scope, receive, send)
        finally:
            self._arriving -= size


def _uploaded_bytes() -> int:
    stats = get_instance().uploaded_file_mgr.get_stats()
    return sum(stat.byte_length for family in stats.values() for stat in family if isinstance(stat, CacheStat))


def _is_accepted(content: bytes) -> bool:
    """Whether a page may have sent this message. Streamlit itself refuses one that is too large or can't be parsed."""
    message = BackMsg()
    try:
        if len(content) <= get_max_widget_state_size_bytes():
            message.ParseFromString(content)
    except DecodeError:
        return True
    kind = message.WhichOneof("type")
    known = kind is None or kind in MESSAGES
    if kind == "backend_operation_request":
        known = message.backend_operation_request.WhichOneof("payload") in OPERATIONS
    if not known:
        _LOGGER.warning("dropped the message %s of a browser", kind)
    return known


def _refusal(scope: Scope) -> str | None:
    """Why a request is refused, in one line; None if it is accepted."""
    headers = Headers(scope=scope)
    given = headers.get("host", "")
    host = _split(f"//{given}")
    if host is None or not _is_own_name(host.hostname or ""):
        return (
            f"Host {given[:200]!r} is not allowed; open the server under its IP address or localhost, "
            "or add the name to server.allowedHosts"
        )
    if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
        return None
    origin = headers.get("origin", "")
    if _is_own_origin(origin, host):
        return None
    return f"Origin {origin[:200]!r} is not that of the server, {given[:200]!r}"


def _is_own_origin(origin: str, host: SplitResult) -> bool:
    parsed = _split(origin)
    if parsed is None or parsed.scheme not in DEFAULT_PORTS or not parsed.hostname:
        return False
    default = DEFAULT_PORTS[parsed.scheme]
    name, port = parsed.hostname, parsed.port or default
    if (name, port) == (host.hostname, host.port or default):
        return True
    if origin in st.config.get_option("server.corsAllowedOrigins"):
        return True
    # A proxy may put its own name in the place of Host; what the browser shows is then in the settings.
    public = str(st.config.get_option("browser.serverAddress")).lower()
    named = st.config.is_manually_set("browser.serverAddress") and name == public
    return named and port in (default, st.config.get_option("browser.serverPort"))


def _is_own_name(name: str) -> bool:
    name = name.rstrip(".")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost" or _is_public_name(name)
    return True


def _is_public_name(name: str) -> bool:
    """Whether the settings give the server this host name."""
    options = [*st.config.get_option("server.allowedHosts"), st.config.get_option("server.address")]
    if st.config.is_manually_set("browser.serverAddress"):
        options.append(st.config.get_option("browser.serverAddress"))
    for option in options:
        pattern = str(option or "").strip().lower().rstrip(".")
        if pattern == "*" or (pattern and (name == pattern or (pattern[:2] == "*." and name.endswith(pattern[1:])))):
            return True
    return False


def _with_forwarded_host(scope: Scope) -> Scope:
    """The request with the host name that a proxy received, if it is one of this server's names."""
    forwarded = Headers(scope=scope).get("x-forwarded-host", "").partition(",")[0].strip()
    parsed = _split(f"//{forwarded}")
    if parsed is None or not parsed.hostname or not _is_public_name(parsed.hostname):
        return scope
    others = [(name, value) for name, value in scope["headers"] if name != b"host"]
    return {**scope, "headers": [(b"host", forwarded.encode("latin-1")), *others]}


def _split(address: str) -> SplitResult | None:
    """The parts of an address, or None if it is not one of a host alone."""
    try:
        parsed = urlsplit(address)
        _ = parsed.port  # raises ValueError for a port that is none
    except ValueError:
        return None
    return None if parsed.path or parsed.query or parsed.fragment or "@" in parsed.netloc else parsed


def _inline_scripts() -> str:
    """Hashes of the inline scripts of Streamlit's page; the policy forbids all others."""
    page = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    return " ".join(f"'sha256-{h}'" for h in hashes)


# Component scripts are loaded from blob:. Streamlit and Plotly set inline styles.
POLICY = "; ".join(
    (
        "default-src 'self'",
        f"script-src 'self' blob: {_inline_scripts()}",
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
