"""Waiting for what is to come, however fast or slow machine, server and browser are."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PATIENCE

__all__ = ["choose", "settled", "until"]


def until(page: Page, condition: str, argument: Any = None) -> None:
    """Wait until JavaScript is true. (Playwright's own way is an eval of text, which the page's headers forbid.)"""
    deadline = time.monotonic() + PATIENCE / 1000
    while not page.evaluate(condition, argument):
        assert time.monotonic() < deadline, f"{condition} did not come true"
        page.wait_for_timeout(50)


def settled(page: Page) -> None:
    """Wait until the page's script has ended. Wait for an effect of an action first: its run may not have begun."""
    expect(page.locator(".stApp[data-test-script-state=notRunning]")).to_be_attached()
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)


def choose(page: Page, box: Locator, option: str) -> None:
    """Open a list and choose from it.

    A list closes when the page below it is scrolled, which the browser reports with the next frame: a click right after
    the scrolling that brings the box into view would open it for a moment.
    """
    settled(page)
    box.scroll_into_view_if_needed()
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    box.click()
    page.get_by_role("option", name=option, exact=True).click()
