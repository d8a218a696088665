"""The Inspect page in a browser: the time slider moves every picture, and a selection is marked in all of them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

import seqcore
from seqcore.runs.store import Store
from tests.browser.conftest import PATIENCE
from tests.browser.waiting import settled
from tests.servers import Server


@pytest.fixture(scope="module")
def trained(server: Server) -> str:
    """A run of numbers in the server's store."""
    store = Store(server.store)
    changes = {"training.epochs": 2, "model.hidden_size": 8, "data.options.samples": 300}
    run = seqcore.train(seqcore.recipe("bouncing-ball").with_changes(changes), store=store, recipe="bouncing-ball").id
    store.close()
    return run


@pytest.fixture
def inspected(page: Page, trained: str) -> Page:
    page.goto(f"/inspect?run={trained}")
    expect(page.locator(".heat-maps[data-at]")).to_be_visible(timeout=PATIENCE)
    return page


def open_section(page: Page, section: str, picture: str) -> None:
    page.locator(f".st-key-inspect-{section} summary").click()
    expect(page.locator(picture).first).to_be_visible(timeout=PATIENCE)


def test_the_time_slider_moves_every_picture_and_the_link(inspected: Page) -> None:
    open_section(inspected, "space", ".state-space[data-at]")
    last = int(inspected.locator(".heat-maps").get_attribute("data-at") or -1)
    slider = inspected.get_by_role("slider", name="Snapshot")
    slider.press("Home")
    for picture in (".heat-maps", ".state-space", ".time-slider"):
        expect(inspected.locator(picture)).to_have_attribute("data-at", "0")
    expect(inspected).to_have_url(re.compile(r"[?&]at=0(&|$)"))
    slider.press("ArrowRight")
    for picture in (".heat-maps", ".state-space"):
        expect(inspected.locator(picture)).to_have_attribute("data-at", "1")
    play = inspected.get_by_test_id("time-slider").get_by_role("button", name="Play")
    play.click()
    expect(inspected.locator(".heat-maps")).to_have_attribute("data-at", str(last), timeout=PATIENCE)
    expect(play).to_be_visible()  # it was "Pause" meanwhile


def test_a_selection_is_marked_in_every_picture_before_the_server_knows(inspected: Page) -> None:
    open_section(inspected, "space", ".state-space[data-at]")
    words = inspected.evaluate(
        """() => {
          const detail = { source: "test", step: 6, unit: 2, name: "forget_gate" }
          window.dispatchEvent(new CustomEvent("sequence-lab-select", { detail }))
          return [".heat-maps-readout", ".heat-maps-unit-title", ".state-space-readout"].map(
            (name) => document.querySelector(name).textContent)
        }"""
    )
    assert "Forget gate, unit 3, step 7" in words[0]
    assert words[1].startswith("Forget gate, unit 3")
    alternative = inspected.locator(".heat-maps-unit").get_attribute("aria-label") or ""
    assert re.match(
        r"Forget gate, layer 1, unit 3, over \d+ steps of the input: lowest 0\.\d+ at step \d+", alternative
    )
    assert words[2].startswith("Step 7")


def test_arrow_keys_select_steps_and_units_and_the_link_follows(inspected: Page) -> None:
    stage = inspected.locator(".heat-maps-stage")
    stage.press("Home")
    stage.press("ArrowRight")
    stage.press("ArrowRight")
    expect(inspected.locator(".heat-maps-readout")).to_contain_text("step 3")
    before = inspected.locator(".heat-maps-readout").text_content()
    stage.press("ArrowDown")
    expect(inspected.locator(".heat-maps-readout")).not_to_have_text(before or "")
    expect(inspected).to_have_url(re.compile(r"[?&]step=3(&|$)"))
    expect(inspected).to_have_url(re.compile(r"[?&]unit=\d"))
    stage.press("Escape")
    expect(inspected).not_to_have_url(re.compile(r"[?&]step="))


def test_a_drag_over_a_heat_map_is_the_span_of_similar_moments(inspected: Page) -> None:
    open_section(inspected, "similar", ".st-key-inspect-similar [data-testid=stSlider]")
    settled(inspected)  # nothing moves below the pointer
    inspected.locator(".heat-maps-stage").scroll_into_view_if_needed()
    box = inspected.locator(".heat-maps-stage").bounding_box()
    assert box is not None
    across = (box["width"] - 54) / 20  # a window has 20 steps
    inspected.mouse.move(box["x"] + 44 + 4.5 * across, box["y"] + 60)
    inspected.mouse.down()
    inspected.mouse.move(box["x"] + 44 + 7.5 * across, box["y"] + 60, steps=4)
    inspected.mouse.up()
    thumbs = inspected.locator(".st-key-inspect-similar").get_by_role("slider")
    expect(thumbs.first).to_have_value("5")
    expect(thumbs.nth(1)).to_have_value("8")


def test_a_similar_moment_has_its_curve_and_its_link_leads_to_the_moment(inspected: Page) -> None:
    open_section(inspected, "similar", ".sl-moments img")
    curve = inspected.locator(".sl-moments img").first
    expect(curve).to_have_attribute("alt", re.compile("height from .* to .*, the moment shaded"))
    size = curve.evaluate("image => image.decode().then(() => [image.naturalWidth, image.clientWidth])")
    assert min(size) > 0  # st.html removes inline SVG, and an image that is no picture has no size
    link = inspected.locator(".sl-moments a").first
    assert re.match(r"Steps \d+ to \d+ of ", link.text_content() or "")
    link.click()
    expect(inspected.locator(".heat-maps-stage")).to_be_in_viewport(ratio=0.5, timeout=PATIENCE)
    expect(inspected.locator(".heat-maps-readout")).to_contain_text("step ")
    expect(inspected).not_to_have_url(re.compile("show="))


def test_back_leaves_inspect_at_the_first_press_and_no_page_has_the_parameters_of_another(
    page: Page, trained: str
) -> None:
    page.goto("/")
    expect(page).to_have_url(re.compile(r"recipe=bouncing-ball"))
    page.get_by_role("link", name="Runs").click()
    expect(page.get_by_text("Bouncing ball").first).to_be_visible()
    expect(page).to_have_url(re.compile(r"/runs$"))
    page.goto(f"/?run={trained}")
    expect(page).to_have_url(re.compile(r"recipe=bouncing-ball.*run="))
    before = page.evaluate("history.length")
    page.get_by_role("link", name="Inspect").click()
    slider = page.get_by_role("slider", name="Snapshot")
    slider.press("Home")
    expect(page).to_have_url(re.compile(r"/inspect\?.*at=0(&|$)"))
    slider.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"/inspect\?.*at=1(&|$)"))
    assert page.evaluate("history.length") == before + 1
    page.get_by_role("link", name="Compare").click()
    expect(page).to_have_url(re.compile(r"/compare$"))
    page.go_back()
    expect(page).to_have_url(re.compile(r"/inspect\?.*at=1(&|$)"))
    page.go_back()
    expect(page).to_have_url(re.compile(r"/\?recipe=bouncing-ball"))
    expect(page.get_by_role("button", name="Race", exact=True)).to_be_visible()
