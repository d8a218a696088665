"""A race started by one press, in a real browser: four charts that move, and an end that is understood at a glance."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from seqcore.runs.store import Store

pytestmark = pytest.mark.timeout(600)

NAMES = ["RNN", "LSTM", "GRU", "minGRU"]
WATCH = """() => {
  const charts = [...document.querySelectorAll("[data-testid=race-card] svg")]
  window.moved = charts.map(() => [])
  window.nodes = charts
  charts.forEach((chart, i) =>
    new MutationObserver(() => window.moved[i].push(performance.now()))
      .observe(chart, { subtree: true, attributes: true, attributeFilter: ["d"] }))
  window.faded = []
  setInterval(() => {
    const chart = document.querySelector("[data-testid=race-card] svg")
    if (!chart) return
    let opacity = 1
    for (let node = chart; node; node = node.parentElement) opacity *= Number(getComputedStyle(node).opacity)
    window.faded.push(opacity)
  }, 30)
}"""
SAME = """() => {
  const charts = [...document.querySelectorAll("[data-testid=race-card] svg")]
  return charts.length === 4 && charts.every((chart, i) => chart === window.nodes[i])
}"""


def press(page: Page, address: str, button: str) -> None:
    page.goto(address)
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.get_by_test_id("race-card")).to_have_count(4)


def test_one_press_races_four_networks_and_shows_who_leads(page: Page, server: Any) -> None:
    press(page, "/compare", "Race RNN, LSTM, GRU and minGRU")
    page.evaluate(WATCH)
    expect(page).to_have_url(re.compile(r"group=race-"))
    cards = page.get_by_test_id("race-card")
    assert [cards.nth(i).locator("b").text_content() for i in range(4)] == NAMES
    expect(page.locator(".race-summary")).to_contain_text("leads at equal")
    assert page.evaluate(SAME)
    expect(page.locator(".race-summary")).to_contain_text("Finished.")
    assert page.evaluate("Math.min(...window.faded)") == 1
    expect(page.locator(".race-best small").first).to_have_text("best validation MAE of the whole run")
    moves = page.evaluate("window.moved.map((times) => times.length)")
    assert min(moves) >= 3  # while it trained, each chart was drawn again and again on the same node
    ranks = [cards.nth(i).locator(".race-rank").text_content() for i in range(4)]
    assert sorted(str(rank) for rank in ranks) == ["1st", "2nd", "3rd", "4th"]
    label = page.locator(".race-overlay").get_attribute("aria-label") or ""
    assert "leads at equal" in label
    first = page.locator(".race-overlay path.line").first
    by_step = first.get_attribute("d")
    page.get_by_role("button", name="equal time").click()
    assert first.get_attribute("d") != by_step
    store = Store(server.store)
    runs = store.runs(4)
    assert {run.status for run in runs} == {"completed"}
    begun = [run.started.timestamp() for run in runs if run.started]
    assert len(begun) == 4
    store.close()


def test_the_train_page_starts_the_race_by_one_press_and_stop_all_ends_it(page: Page, server: Any) -> None:
    press(page, "/", "Race")
    page.get_by_role("button", name="Stop all").click()
    expect(page.get_by_role("button", name="Race again")).to_be_visible()
    page.reload()
    expect(page.get_by_test_id("race-card")).to_have_count(4)
    page.go_back()  # once
    expect(page.get_by_role("button", name="Race", exact=True)).to_be_visible()
    store = Store(server.store)
    assert all(run.ended for run in store.runs(4))
    store.close()
