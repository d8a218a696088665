"""The Data page in a real browser: a file is uploaded, shown, and trained on."""

from __future__ import annotations

import math

import numpy as np
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE

expect.set_options(timeout=PATIENCE)


def test_a_file_is_uploaded_shown_and_trained_on(page: Page) -> None:
    days = np.datetime64("2020-01-01") + np.arange(300)
    rows = [f"{day},{math.sin(i * 2 * math.pi / 7):.4f}" for i, day in enumerate(days)]
    content = "\n".join(["date,load", *rows]).encode()
    page.goto("/data")
    page.get_by_text("Own file", exact=True).click()
    page.locator("input[type=file]").set_input_files({"name": "load.csv", "mimeType": "text/csv", "buffer": content})
    expect(page.get_by_role("heading", name="load.csv")).to_be_visible()
    expect(page.get_by_test_id("facts")).to_contain_text("daily")
    expect(page.get_by_test_id("data-chart").locator(".scatterlayer .trace")).to_have_count(3)
    expect(page.get_by_text("Seasonality: period 7, autocorrelation")).to_be_visible()
    for name in ("autocorrelation", "windows-before", "windows-after"):
        expect(page.get_by_test_id(name).locator(".scatterlayer .trace").first).to_be_attached()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_role("button", name="Open in Train").click()
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_enabled()
    expect(page.get_by_test_id("data-chart").locator(".scatterlayer .trace")).to_have_count(3)
    expect(page.get_by_role("heading", name="load.csv")).to_be_visible()
