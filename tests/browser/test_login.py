"""Users who sign in with OpenID Connect: everyone sees all runs and changes their own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from seqcore.runs.store import Store
from tests.browser.conftest import new_context
from tests.oidc_provider import Provider, running_provider
from tests.servers import Server, running_server


@pytest.fixture
def quiet() -> None:
    """This server is not shared: its runs end with it."""


def named(name: str) -> re.Pattern[str]:
    """The address of a user. (A character that can't be seen keeps it from becoming a link.)"""
    return re.compile(rf"{name}\W+example\.org")


def sign_in(browser: Browser, server: Server, provider: Provider, name: str) -> Page:
    provider.claims = {"sub": name, "email": f"{name}@example.org", "email_verified": True}
    page = new_context(browser, server).new_page()
    page.goto("/data?recipe=tenths&data.window=3")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(page.get_by_role("button", name="Train", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_test_id("stMain").get_by_text(named(name))).to_be_visible()
    expect(page).to_have_url(re.compile(r"/data\?.*data\.window=3"))  # the link is kept
    page.goto("/")
    return page


def test_users_sign_in_and_change_their_own_runs_alone(browser: Browser, root: Path, tmp_path: Path) -> None:
    with running_provider() as provider:
        secrets = tmp_path / "secrets.toml"
        secrets.write_text(provider.secrets("http://127.0.0.1:{port}"))
        with running_server(root, tmp_path, "--secrets.files", str(secrets)) as server:
            store = Store(server.store)
            page = sign_in(browser, server, provider, "anna")
            page.get_by_role("button", name="Train", exact=True).click()
            expect(page.get_by_test_id("status")).to_have_attribute("data-status", re.compile("running|completed"))
            (run,) = store.runs()
            assert run.owner == "anna@example.org"

            page = sign_in(browser, server, provider, "ben")
            page.goto(f"/?run={run.id}")
            expect(page.get_by_role("button", name="One more epoch")).to_be_disabled()
            expect(page.get_by_role("button", name="Train", exact=True)).to_be_visible()
            page.goto(f"/runs?run={run.id}")
            expect(page.get_by_role("button", name="Open in Train")).to_be_enabled()
            expect(page.get_by_test_id("stMain").get_by_text(named("anna")).first).to_be_visible()
            page.get_by_role("button", name="Sign out").click()
            expect(page.get_by_role("button", name="Sign in")).to_be_visible()
            store.close()
