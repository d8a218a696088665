"""The Predict page in a real browser: figures, predictions, downloads."""

from __future__ import annotations

import csv

import pytest
from playwright.sync_api import expect

import seqcore
from seqcore.experiment.experiment import Experiment
from seqcore.runs.store import Store
from tests.browser.waiting import choose, settled, until


@pytest.fixture(scope="module")
def ramp(server) -> str:
    """A trained ramp in the server's store."""
    store = Store(server.store)
    run = seqcore.train(seqcore.recipe("ramp-next-value"), store=store, recipe="ramp-next-value").id
    store.close()
    return run


@pytest.fixture(scope="module")
def ball(server) -> str:
    store = Store(server.store)
    short = seqcore.recipe("bouncing-ball").with_changes({"training.epochs": 3})
    run = seqcore.train(short, store=store, recipe="bouncing-ball").id
    store.close()
    return run


@pytest.fixture(scope="module")
def shops(server) -> str:
    """A run on a file of two shops, with a horizon of 4 days."""
    store = Store(server.store)
    days = [f"2024-{month:02}-{day:02}" for month in (1, 2, 3) for day in range(1, 29)]
    rows = "".join(f"{d},{s},{i * size % 7}\n" for s, size in (("Nord", 1), ("Süd", 3)) for i, d in enumerate(days))
    kept = store.put_file(f"day,Filiale,sold\n{rows}".encode(), "shops.csv")
    data = {"data.source": "file", "data.options.hash": kept.hash, "data.options.name": kept.name}
    few = {"data.window": 5, "data.horizon": 4, "training.epochs": 1, "data.scaling": "window-mean"}
    run = seqcore.train(Experiment().with_changes({**data, **few}), store=store).id
    store.close()
    return run


@pytest.fixture(scope="module")
def bands(server) -> str:
    """A run with intervals, whose trace names contain special characters of CSS selectors."""
    store = Store(server.store)
    changes = {"training.epochs": 1, "training.interval_coverage": 0.8, "data.options.samples": 300}
    run = seqcore.train(seqcore.recipe("bouncing-ball").with_changes(changes), store=store).id
    store.close()
    return run


def test_typed_values_are_predicted(page, ramp):
    page.goto(f"/predict?run={ramp}")
    answer = page.get_by_test_id("answer")
    expect(answer).to_contain_text("100")
    box = page.get_by_role("textbox", name="Values")
    box.fill("20, 30, 40")
    box.press("Control+Enter")
    expect(answer).to_contain_text("50")


def test_truth_prediction_and_baselines_are_drawn(page, ball):
    page.goto(f"/predict?run={ball}")
    truth = page.get_by_role("img", name="Truth and prediction")
    expect(truth.locator(".scatterlayer .trace")).to_have_count(2)
    bars = page.get_by_role("img", name="Scores of the model and every baseline").locator(".barlayer .point")
    expect(bars).to_have_count(6)
    box = truth.bounding_box()
    assert box is not None
    assert box["width"] > 700
    page.get_by_role("radio", name="Training").or_(page.get_by_role("button", name="Training")).first.click()
    expect(page.get_by_text("The model was trained on this split")).to_be_visible()


def test_a_forecast_is_downloaded_as_csv(page, ball, tmp_path):
    page.goto(f"/predict?run={ball}")
    page.get_by_role("tab", name="Forecast").click()
    steps = page.get_by_role("spinbutton", name="Steps")
    steps.fill("3")
    steps.press("Enter")
    expect(page.get_by_test_id("answer").locator("b")).to_have_count(3)
    settled(page)  # the button below is drawn again, too
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").last.click()
    assert download.value.suggested_filename.endswith("-forecast-3.csv")
    download.value.save_as(tmp_path / "forecast.csv")
    rows = list(csv.reader((tmp_path / "forecast.csv").read_text().splitlines()))
    assert len(rows) == 4
    assert rows[0][1] == "height predicted"


def test_forecasts_of_several_series_are_downloaded_alone_and_together(page, shops, tmp_path):
    page.goto(f"/predict?run={shops}")
    page.get_by_role("tab", name="Forecast").click()
    expect(page.get_by_role("spinbutton", name="Steps")).to_have_value("4")
    expect(page.get_by_role("img", name="Truth and prediction")).to_be_visible()  # the scores draw the page again
    settled(page)
    answer = page.get_by_test_id("answer")
    first = answer.inner_text()
    choose(page, page.get_by_role("combobox", name="Series"), "Süd")
    expect(answer).not_to_have_text(first, use_inner_text=True)
    settled(page)  # the buttons below are drawn again, too
    found = {}
    for label in ("Download CSV", "Download all series"):
        with page.expect_download() as download:
            page.get_by_role("button", name=label).last.click()
        name = download.value.suggested_filename
        download.value.save_as(tmp_path / "forecast.csv")
        found[name] = list(csv.reader((tmp_path / "forecast.csv").read_text(encoding="utf-8").splitlines()))
    alone, together = found["shops-csv-süd-forecast-4.csv"], found["shops-csv-all-series-forecast-4.csv"]
    assert alone[0][:2] == ["Filiale", "day"]
    assert [row[0] for row in together] == ["Filiale", *["Nord"] * 4, *["Süd"] * 4]
    assert together[5:] == alone[1:]


@pytest.mark.parametrize("address", ["/predict", "/runs"])
def test_no_page_is_wider_than_a_narrow_screen(browser, server, ball, address):
    from tests.browser.conftest import new_context

    context = new_context(browser, server, width=390, dark=True)
    page = context.new_page()
    page.goto(f"{address}?run={ball}")
    expect(page.locator(".live-chart-plot .main-svg").first).to_be_visible()
    settled(page)
    until(page, "document.querySelector('[data-testid=stMain]').scrollWidth <= 390")
    context.close()


def test_a_figure_is_removed_whatever_its_traces_are_called(page, bands):
    """Plotly uses trace names in selectors; `page` fails on a script error."""
    page.goto(f"/predict?run={bands}")
    picture = page.get_by_role("img", name="Truth and prediction")
    expect(picture.locator(".legendtext").first).to_contain_text("80% interval")
    drawn = picture.element_handle()
    page.get_by_role("radio", name="Training").or_(page.get_by_role("button", name="Training")).first.click()
    expect(page.get_by_text("The model was trained on this split")).to_be_visible()
    until(page, "node => !node.isConnected && !node._fullLayout", drawn)
