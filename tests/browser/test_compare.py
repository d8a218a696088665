"""A race started by one press, in a real browser: four charts that move, and an end that is understood at a glance."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from seqcore.runs.api import open_store
from tests.browser.waiting import until
from tests.servers import Server

LONG = "/?recipe=bouncing-ball@1&training.epochs=100000&model.hidden_size=8"  # outlasts any test

NAMES = ["RNN", "LSTM", "GRU", "minGRU"]
WATCH = """() => {
  const charts = [...document.querySelectorAll("[data-testid=race-card] svg")]
  window.moved = charts.map(() => 0)
  window.nodes = charts
  charts.forEach((chart, i) =>
    new MutationObserver(() => window.moved[i]++)
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


# What is below the board is seen once the board is drawn, not before: it would move.
BELOW = """() => {
  const board = document.querySelector(".race-board")
  const below = [...document.querySelectorAll("h3")].find((node) => node.textContent.startsWith("Curves and scores"))
  const seen = [getComputedStyle(below).visibility]
  board.classList.remove("drawn")
  seen.push(getComputedStyle(below).visibility)
  board.classList.add("drawn")
  return seen
}"""


def press(page: Page, address: str, button: str) -> None:
    page.goto(address)
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.get_by_test_id("race-card")).to_have_count(4)


def test_one_press_races_four_networks_and_shows_who_leads(page: Page, server: Server) -> None:
    press(page, "/compare", "Race RNN, LSTM, GRU and minGRU")
    page.evaluate(WATCH)
    expect(page).to_have_url(re.compile(r"group=race-"))
    cards = page.get_by_test_id("race-card")
    assert [cards.nth(i).locator("b").text_content() for i in range(4)] == NAMES
    expect(page.locator(".race-summary")).to_contain_text("leads at equal")
    assert page.evaluate(SAME)
    expect(page.locator(".race-summary")).to_contain_text("Finished.")
    expect(page.get_by_role("button", name="Race again")).to_be_visible()
    assert page.evaluate("window.faded.every((opacity) => opacity === 1)")
    assert page.evaluate(SAME)  # on the same nodes to the end
    expect(page.locator(".race-best small").first).to_have_text("best validation MAE of the whole run")
    ranks = [cards.nth(i).locator(".race-rank").text_content() for i in range(4)]
    assert sorted(str(rank) for rank in ranks) == ["1st", "2nd", "3rd", "4th"]
    overlay = page.locator(".race-overlay")
    expect(overlay).to_have_attribute("aria-label", re.compile("leads at equal"))
    expect(overlay).to_contain_text("training step")
    page.get_by_role("button", name="equal time").click()
    expect(overlay).to_contain_text("training time (s)")
    store = open_store(server.store)
    runs = store.runs(4)
    assert {run.status for run in runs} == {"completed"}
    assert all(run.started for run in runs)
    store.close()


def test_a_race_of_the_train_page_draws_each_chart_again_and_again_until_stop_all(page: Page, server: Server) -> None:
    press(page, LONG, "Race")
    store = open_store(server.store)
    for run in store.runs(4):  # slow motion leaves the cores to the browser and the server
        store.command(run.id, "slow", {"steps_per_second": 100.0})
    page.evaluate(WATCH)
    until(page, "window.moved.every((times) => times >= 5)")
    assert page.evaluate(SAME)
    page.get_by_role("button", name="Stop all").click()
    expect(page.get_by_role("button", name="Race again")).to_be_visible()
    expect(page.locator(".race-summary")).to_contain_text("Ended before every competitor had finished.")
    assert page.evaluate(SAME)
    expect(page.get_by_role("heading", name="Curves and scores")).to_be_visible()
    assert page.evaluate(BELOW) == ["visible", "hidden"]
    page.reload()
    expect(page.get_by_test_id("race-card")).to_have_count(4)
    page.go_back()  # once
    expect(page.get_by_role("button", name="Race", exact=True)).to_be_visible()
    assert all(run.ended for run in store.runs(4))
    store.close()
