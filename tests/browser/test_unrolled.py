"""The unrolled network in a real browser: in and back, an equation with the probe's number, a saved picture."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
from playwright.sync_api import Locator, Page, expect

import seqcore
from seqcore.insight.equations import equations
from seqcore.insight.examples import load_example
from seqcore.insight.probes import probe
from seqcore.runs.store import Store
from tests.browser.waiting import until

AT, EXAMPLE, STEP, UNIT = 10, 3, 12, 4  # numbers from 0
LAYERS = 2


@pytest.fixture(scope="module")
def lstm(server) -> str:
    """A trained LSTM of two layers in the server's store."""
    store = Store(server.store)
    changes = {
        "training.epochs": 2, "data.options.samples": 300, "model.architecture": "lstm", "model.hidden_size": 8,
        "model.num_layers": LAYERS,
    }  # fmt: skip
    run = seqcore.train(seqcore.recipe("bouncing-ball").with_changes(changes), store=store, recipe="bouncing-ball").id
    store.close()
    return run


def opened(page: Page, run: str) -> Locator:
    page.goto(f"/inspect?run={run}&at={AT}&split=val&example={EXAMPLE + 1}&step={STEP + 1}&unit={UNIT + 1}")
    picture = page.get_by_test_id("unrolled")
    expect(picture.locator(".unrolled-picture")).to_have_attribute("data-level", "network")
    return picture


def read(text: str | None) -> float:
    """The number at the end of a text."""
    return float((text or "").split()[-1].replace("−", "-"))


def test_a_click_into_a_gate_shows_its_equation_and_the_picture_is_saved(page, server, lstm, tmp_path):
    picture = opened(page, lstm)
    picture.get_by_role("button", name=f"Layer 2, step {STEP + 1}:").click()
    picture.get_by_role("button", name="Forget gate").first.click()
    value = picture.get_by_test_id("unrolled-value")
    expect(value).to_have_attribute("aria-label", re.compile(rf"^f_t of unit {UNIT + 1} = "))

    store = Store(server.store)
    predictor = store.predictor(lstm, at=AT)
    example = load_example(predictor, store.table(lstm), "val", EXAMPLE)
    store.close()
    expected = probe(predictor, example).arrays["forget_gate"][STEP, 1, UNIT]
    assert read(value.get_attribute("aria-label")) == pytest.approx(expected, abs=1e-5)
    gate = equations(predictor, example, step=STEP, layer=1, unit=UNIT).equation("forget_gate")
    for term in gate.terms:
        row = picture.locator(".un-term", has=page.locator("title", has_text=term.text.split(" ")[0]))
        expect(row.locator(".un-value")).not_to_have_text("…")
        assert read(row.locator(".un-value").text_content()) == pytest.approx(term.value, abs=2e-5)

    with page.expect_download() as download:
        picture.get_by_role("button", name="Save as SVG").click()
    download.value.save_as(tmp_path / "gate.svg")
    text = (tmp_path / "gate.svg").read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    space = {"svg": "http://www.w3.org/2000/svg"}
    assert root.findtext("svg:title", namespaces=space).endswith(f"after {AT} training steps")
    assert f"unit {UNIT + 1}: Forget gate" in root.findtext("svg:desc", namespaces=space)
    assert f"{expected:.5f}" in "".join(root.itertext())
    assert "@font-face" in root.findtext("svg:style", namespaces=space)
    assert "var(" not in text
    assert re.search(r"url\((?!data:)", text) is None


def test_keys_lead_in_and_back_and_move_step_and_unit(page, lstm):
    picture = opened(page, lstm)
    drawn = picture.locator(".unrolled-picture")
    node = drawn.element_handle()
    drawn.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowUp")
    expect(drawn).to_have_attribute("aria-label", re.compile(rf"step {STEP} .*unit {UNIT + 2}: hidden state"))
    page.keyboard.press("Enter")
    expect(drawn).to_have_attribute("data-level", "cell")
    page.keyboard.press("Enter")
    expect(drawn).to_have_attribute("data-level", "equation")
    expect(picture.get_by_test_id("unrolled-value")).to_have_attribute("aria-label", re.compile(f"unit {UNIT + 2} "))
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(drawn).to_have_attribute("data-level", "network")
    assert page.evaluate("node => node.isConnected", node)  # nothing was mounted anew


def test_a_pass_is_played_forward_and_backward_step_by_step(page, lstm):
    picture = opened(page, lstm)
    later = picture.locator(".un-cell.un-later")
    expect(later).to_have_count(0)
    picture.get_by_role("slider", name="Speed of the animation").press("Home")  # 4 s for a step
    picture.get_by_role("button", name="One step forward").click()
    expect(later).not_to_have_count(0)
    ahead = later.count()
    picture.get_by_role("button", name="One step forward").click()
    expect(later).to_have_count(ahead - LAYERS)
    picture.get_by_role("button", name="Show all steps").click()
    expect(later).to_have_count(0)
    picture.get_by_role("button", name="Backward pass").click()
    expect(picture.locator(".un-cell[aria-label*='gradient of the loss']").first).to_be_visible()
    picture.get_by_role("button", name="Play").click()
    expect(picture.locator(".un-token.un-gradient").first).to_be_visible()
    picture.get_by_role("button", name="Pause").click()
    expect(picture.locator(".un-token")).to_have_count(0)
    picture.get_by_role("button", name="Show all steps").click()
    picture.get_by_role("button", name="Forward pass").click()
    picture.locator(".un-cell.un-chosen").click()
    nodes = picture.locator(".un-node")
    expect(nodes).to_have_count(6)
    page.emulate_media(reduced_motion="reduce")
    page.evaluate(
        """() => {
          const count = (name) => document.querySelectorAll(`.unrolled-picture ${name}`).length
          window.seen = { reached: new Set(), tokens: 0 }
          new MutationObserver(() => {
            window.seen.reached.add(count(".un-node:not(.un-later)"))
            window.seen.tokens += count(".un-token")
          }).observe(document.querySelector(".unrolled-picture"), { subtree: true, childList: true, attributes: true })
        }"""
    )
    picture.get_by_role("button", name="Play").click()
    until(page, "window.seen.reached.has(4)")
    assert page.evaluate("window.seen.tokens") == 0
    picture.get_by_role("button", name="Pause").click()
    picture.get_by_role("button", name="Show all steps").click()
    for reached in (0, 4, 5, 6):  # what comes in; the gates; the cell state; the hidden state
        picture.get_by_role("button", name="One step forward").click()
        expect(picture.locator(".un-node:not(.un-later)")).to_have_count(reached)


def test_a_selection_of_another_picture_is_marked(page, lstm):
    picture = opened(page, lstm)
    detail = "{source: 'test', step: 15, layer: 1, unit: 2}"
    page.evaluate(f"window.dispatchEvent(new CustomEvent('sequence-lab-select', {{detail: {detail}}}))")
    chosen = picture.locator(".un-cell.un-chosen")
    expect(chosen).to_have_attribute("aria-label", re.compile(r"^Layer 2, step 16: hidden state of unit 3 is"))
