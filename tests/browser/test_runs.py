"""The Runs page in a real browser: the list is updated, a click selects, deleting asks for confirmation."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

import seqcore
from seqcore.experiment.experiment import Experiment
from seqcore.runs.store import Store


@pytest.fixture
def store(server):
    store = Store(server.store)
    yield store
    store.close()


def short(**changes) -> Experiment:
    return Experiment().with_changes({"training.epochs": 2, "data.options.samples": 200, **changes})


def test_the_list_follows_a_run_to_its_end(page, store):
    run = store.submit(short(**{"model.hidden_size": 17}))
    page.goto(f"/runs?run={run.id}")
    row = page.get_by_role("button", name=re.compile("LSTM 17"))
    expect(row).to_contain_text("completed")
    expect(row.locator("path")).to_have_count(1)
    expect(page.locator(".st-key-run-detail")).to_contain_text("completed")


def test_a_click_selects_a_run_and_the_link_follows(page, store):
    first = seqcore.train(short(**{"model.architecture": "gru"}), store=store)
    seqcore.train(short(**{"model.architecture": "rnn"}), store=store)
    page.goto("/runs")
    page.get_by_role("button", name=re.compile("GRU 32")).first.click()
    expect(page.locator(".st-key-run-detail")).to_contain_text("GRU 32")
    expect(page).to_have_url(re.compile(first.id))
    page.get_by_role("button", name="Open in Predict").click()
    expect(page.get_by_role("heading", name="Predict", level=1)).to_be_visible()
    expect(page).to_have_url(re.compile(f"/predict.*{first.id}"))


def test_deleting_asks_for_confirmation_and_removes_the_run(page, store):
    run = seqcore.train(short(**{"model.hidden_size": 19}), store=store)
    page.goto(f"/runs?run={run.id}")
    detail = page.locator(".st-key-run-detail")
    detail.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    detail.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name=re.compile("LSTM 19"))).to_have_count(0)
    assert run.id not in [known.id for known in store.runs()]


def test_ticked_runs_are_compared_and_the_link_names_them(page, store):
    runs = [seqcore.train(short(**{"model.architecture": name}), store=store) for name in ("gru", "mingru")]
    page.goto("/runs")
    for name in ("GRU 32", "minGRU 32"):
        page.get_by_role("checkbox", name=re.compile(f", {name} ")).first.check()
    page.get_by_role("button", name="Compare 2 runs").click()
    expect(page.get_by_role("heading", name="Compare", level=1)).to_be_visible()
    expect(page.get_by_test_id("compare-curves-0").locator(".trace")).to_have_count(2)
    for run in runs:
        expect(page).to_have_url(re.compile(run.id[:8]))


def test_ticks_that_follow_each_other_at_once_all_count(page, store):
    for size in (11, 12, 13):
        seqcore.train(short(**{"model.hidden_size": size}), store=store)
    page.goto("/runs")
    boxes = page.get_by_role("checkbox", name=re.compile("LSTM 1[123]"))
    expect(boxes).to_have_count(3)
    boxes.evaluate_all("boxes => boxes.forEach(box => box.click())")
    expect(page.get_by_role("button", name="Compare 3 runs")).to_be_visible()
    boxes.first.evaluate("box => { box.click(); box.click(); box.click() }")
    expect(page.get_by_role("button", name="Compare 2 runs")).to_be_visible()
    expect(boxes.first).not_to_be_checked()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("Select runs in the list to compare them.")).to_be_visible()
    for box in boxes.all():
        expect(box).not_to_be_checked()
