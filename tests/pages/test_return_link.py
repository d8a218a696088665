"""The link that is kept while a visitor signs in never leads to another server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse

from ui.return_link import ReturnLink, is_local


def answer(path: str, **headers: str) -> Headers:
    """The headers that a request gets."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    raw = [(name.encode(), value.encode()) for name, value in {"host": "lab.example", **headers}.items()]
    scope = {"type": "http", "method": "GET", "path": path, "headers": raw}
    asyncio.run(ReturnLink(RedirectResponse("/", 302))(scope, receive, send))
    return Headers(raw=sent[0]["headers"])


def test_the_page_before_the_login_is_the_page_after_it() -> None:
    cookie = answer("/auth/login", referer="https://lab.example/runs?run=a1&x=%C3%A9")["set-cookie"]
    assert "HttpOnly" in cookie
    assert answer("/oauth2callback", cookie=cookie.partition(";")[0])["location"] == "/runs?run=a1&x=%C3%A9"


@pytest.mark.parametrize(
    "referer",
    ["https://evil.example/runs", "https://lab.example//evil.example", "https://lab.example", "https://[x", ""],
)
def test_another_page_is_not_kept(referer: str) -> None:
    assert "set-cookie" not in answer("/auth/login", referer=referer)


@pytest.mark.parametrize(
    "link", ["//evil.example", "/%5Cevil.example", "https://evil.example", "/%0d%0aset-cookie:a", ""]
)
def test_a_forged_cookie_leads_nowhere(link: str) -> None:
    assert answer("/oauth2callback", cookie=f"sequence_lab_link={link}")["location"] == "/"
    assert not is_local(link) or "%" in link


def test_a_very_long_link_is_not_kept() -> None:
    assert "set-cookie" not in answer("/auth/login", referer="https://lab.example/?a=" + "x" * 4000)
