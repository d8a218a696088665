"""Steering in the browser: a raised learning rate leaves its mark and its effect, and single steps are taken."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from seqcore.experiment.experiment import Experiment
from seqcore.runs.api import open_store
from tests.browser.waiting import settled, until
from tests.servers import Server

PLOT = "document.querySelector('[data-testid=loss-chart] .live-chart-plot')"


def test_a_raised_learning_rate_shows_its_mark_and_a_paused_run_takes_steps(page: Page, server: Server) -> None:
    store = open_store(server.store)
    training = {"epochs": 100_000, "learning_rate": 0.003}
    run = store.submit(Experiment.make({"data": {"options": {"samples": 300}}, "training": training}))
    page.goto(f"/train?run={run.id}")
    expect(page.get_by_test_id("status")).to_have_attribute("data-status", "running")
    page.get_by_text("Steer this run").click()
    rate = page.locator(".st-key-steer-fields").get_by_label("Learning rate", exact=True)
    rate.fill("0.5")
    step = store.run(run.id).step
    until(page, f"Number({PLOT}.dataset.updates) > 3")  # the view is updated, and what is typed stays
    expect(rate).to_have_value("0.5")
    rate.press("Enter")
    expect(page.get_by_test_id("log")).to_contain_text("Change 1: learning rate 0.003 → 0.5.")
    until(page, f"{PLOT}.layout.shapes?.length === 1 && {PLOT}.layout.shapes[0].x0 >= {step}")
    expect(page.get_by_test_id("loss-chart").locator(".live-chart-plot")).to_have_attribute(
        "aria-label", re.compile(r"1 change during the run: 1: after step [\d,]+, learning rate 0\.003 → 0\.5\.")
    )
    store.command(run.id, "change", {"training.batch_size": 16})  # by somebody else
    until(
        page,
        "Array.from(document.querySelectorAll('.st-key-steer-fields input[aria-label=\"Batch size\"]'))"
        ".map((input) => input.value).join() === '16'",
    )
    expect(page.get_by_role("button", name="Take steps")).to_be_disabled()
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_test_id("status")).to_have_attribute("data-status", "paused")
    paused = store.run(run.id).step
    page.get_by_role("button", name="Take steps").click()
    expect(page.get_by_test_id("cards")).to_contain_text(f"step {paused + 1:,} of")
    expect(page.get_by_test_id("steer-now")).to_contain_text(f"Step {paused + 1:,}: training loss")
    expect(page.get_by_test_id("status")).to_have_attribute("data-status", "paused")
    panel = page.locator(f".st-key-steer-{run.id}")
    status = page.get_by_test_id("status")
    place = (  # within the page, which scrolls to the button
        "(panel, top) => [panel.getBoundingClientRect().top - top.getBoundingClientRect().top, panel.offsetHeight]"
    )
    settled(page)
    before = panel.evaluate(place, status.element_handle())
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_test_id("status")).to_have_attribute("data-status", "stopped")
    settled(page)  # until then the fields as they were before are there, too
    expect(rate).to_be_disabled()
    assert panel.evaluate(place, status.element_handle()) == before
