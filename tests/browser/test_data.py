"""The Data page in a real browser: a file is uploaded, shown, and trained on."""

from __future__ import annotations

import math
import re

import numpy as np
from playwright.sync_api import Page, expect

from tests.browser.waiting import choose, settled


def test_a_file_is_uploaded_shown_and_trained_on(page: Page) -> None:
    days = np.datetime64("2020-01-01") + np.arange(300)
    rows = [f"{day},{math.sin(i * 2 * math.pi / 7):.4f}" for i, day in enumerate(days)]
    content = "\n".join(["date,load", *rows]).encode()
    page.goto("/data")
    page.get_by_text("Your file", exact=True).click()
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


def test_the_role_of_a_column_is_changed_and_undone_and_names_are_no_links(page: Page) -> None:
    rows = [
        f"2020-01-{d + 1:02},{-200 if d % 9 == 4 else d % 5 + d / 7:.2f},{('sun', 'rain')[d // 3 % 2]}"
        for d in range(31)
    ]
    content = "\n".join(["date,http://evil.example,www.evil.example", *rows]).encode()
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto("/data?data.source=file")
    page.locator("input[type=file]").set_input_files(
        {"name": "www.evil.example.csv", "mimeType": "text/csv", "buffer": content}
    )
    columns = page.locator(".st-key-file-columns")
    expect(columns.get_by_text("Columns of the file: time, value, category")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_role("button", name="Make -200 missing").click()
    expect(page.get_by_text("-200 is a missing value: 3 cells.")).to_be_visible()
    choose(page, columns.get_by_role("combobox", name="Role of www"), "Not used")
    expect(columns.get_by_text("Set by you.")).to_be_visible()
    expect(columns.get_by_text("Columns of the file: time, value, not used")).to_be_visible()
    expect(page).to_have_url(re.compile(r"data\.options\.columns="))
    expect(page).to_have_url(re.compile(r"data\.options\.missing_codes=-200"))
    columns.get_by_role("button", name="Detected: Category").click()
    expect(columns.get_by_text("Columns of the file: time, value, category")).to_be_visible()
    expect(page).not_to_have_url(re.compile(r"data\.options\.columns="))
    settled(page)
    links = page.eval_on_selector_all("a", "all => all.map(a => new URL(a.href, location.href).hostname)")
    assert set(links) == {"127.0.0.1"}
