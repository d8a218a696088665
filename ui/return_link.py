"""The link that a visitor came with is shown after signing in: Streamlit itself goes to the first page then."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["ReturnLink", "is_local"]

LOGIN, CALLBACK = "/auth/login", "/oauth2callback"
COOKIE = "sequence_lab_link"
LIFETIME = 600  # seconds to sign in
LONGEST = 3_000  # characters; a browser drops larger cookies


class ReturnLink:
    """Keeps the page that leads to the provider in a cookie, and goes back to it afterwards."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request; add the cookie to the answer, or change where a redirection leads."""
        path = scope["path"] if scope["type"] == "http" else ""
        if not path.endswith((LOGIN, CALLBACK)):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def send_changed(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                if path.endswith(LOGIN):
                    link = _page_of(headers)
                    if link:
                        answer.append("set-cookie", _cookie(link, LIFETIME))
                elif (link := _kept(headers)) and urlsplit(answer.get("location", "//")).path.endswith("/"):
                    answer["location"] = link
                    answer.append("set-cookie", _cookie("", 0))
            await send(message)

        await self.app(scope, receive, send_changed)


def is_local(link: str) -> bool:
    """Whether a link stays on this server whatever it holds: browsers take // and /\\ for another host."""
    return link.startswith("/") and link[1:2] not in ("/", "\\") and link.isascii() and link.isprintable()


def _page_of(headers: Headers) -> str:
    """The page of this server that a request comes from, as a path with its query; "" for any other."""
    try:
        page = urlsplit(headers.get("referer", ""))
    except ValueError:
        return ""
    link = page.path + (f"?{page.query}" if page.query else "")
    known = page.netloc and page.netloc == headers.get("host") and is_local(link) and len(quote(link)) <= LONGEST
    return link if known else ""


def _kept(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    link = unquote(found.value) if found else ""
    return link if is_local(link) else ""


def _cookie(link: str, lifetime: int) -> str:
    return f"{COOKIE}={quote(link)}; Max-Age={lifetime}; Path=/; HttpOnly; SameSite=Lax"
