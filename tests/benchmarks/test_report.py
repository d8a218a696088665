"""The benchmark's statistics, storage and report; nothing is measured here."""

from __future__ import annotations

import importlib.util
import math
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.figure import SHOWN, draw
from benchmarks.measurement import ROOT, Row, Section, describe, load_section, ratios, save_section
from benchmarks.sections import REQUIREMENTS, SECTIONS

LIMITED = Row("step", (0.4, 0.6, 0.5), requirement="rnn-gru-step", limit=0.55)
OURS = Row(
    "this project", (0.4, 0.5), SHOWN["RNN"], facts={"µs a step": 900.0, "steps": 600, "loss": 1e-3, "MB": 390.0}
)
MISSING = Row("darts", group=SHOWN["RNN"], skipped="not installed")


def cells(markdown: str, first: str) -> list[str]:
    """The cells of the line of a table that begins so."""
    line = next(line for line in markdown.splitlines() if line.startswith(f"| {first}"))
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_median_and_quartiles_are_those_of_the_rounds() -> None:
    row = Row("step", (4.0, 1.0, 3.0, 2.0, 5.0))
    assert row.median == 3.0
    assert row.quartiles == (2.0, 4.0)
    assert Row("one", (2.0,)).quartiles == (2.0, 2.0)
    assert math.isnan(Row("none").median)


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (LIMITED, "ok"),
        (replace(LIMITED, limit=0.5), "ok"),
        (replace(LIMITED, limit=0.49), "missed"),
        (replace(LIMITED, at_least=True), "missed"),
        (replace(LIMITED, at_least=True, limit=0.4), "ok"),
        (replace(LIMITED, limit=None), ""),
        (replace(LIMITED, values=(), skipped="no GPU"), "not measured"),
    ],
)
def test_a_verdict_compares_the_median_with_the_limit(row: Row, verdict: str) -> None:
    assert row.verdict == verdict


def test_ratios_are_taken_within_a_round_and_leave_out_rounds_that_failed() -> None:
    assert ratios([1.0, 4.0, math.nan], [2.0, 2.0, 2.0]) == (0.5, 2.0)
    with pytest.raises(ValueError, match="argument 2"):
        ratios([1.0], [1.0, 2.0])


def test_a_section_is_read_as_it_was_written(tmp_path: Path) -> None:
    section = Section("frameworks", (LIMITED, OURS, MISSING), "2026-01-02", "abc", 3.0, failures=("one",))
    save_section(tmp_path, section)
    assert load_section(tmp_path, "frameworks") == section
    assert load_section(tmp_path, "watched") is None


def test_every_requirement_is_in_the_report_measured_or_not() -> None:
    worse = replace(LIMITED, name="other step", values=(0.7,))
    text = report.markdown([Section("frameworks", (LIMITED, worse, OURS, MISSING), failures=("it broke",))])
    assert cells(text, REQUIREMENTS["rnn-gru-step"][0])[2:] == ["0.50 to 0.70", "1 to 3", "missed (1 of 2)"]
    for key, (what, asked) in REQUIREMENTS.items():
        found = cells(text, what)
        assert found[1] == asked
        assert (key == "rnn-gru-step") != found[2].startswith("not measured")
    assert cells(text, "other step")[-1] == "missed"
    assert "- frameworks: it broke" in text
    assert "- frameworks: Steps: RNN, batch 32, 50 steps, hidden 50: not installed" in text


def test_frameworks_stand_side_by_side_with_their_losses() -> None:
    text = report.markdown([Section("frameworks", (OURS, MISSING))])
    assert cells(text, "RNN, batch 32, 50 steps, hidden 50 ")[1:] == [
        "0.45 (0.43 to 0.47)",
        "not measured",
    ]
    assert cells(text, "RNN, batch 32, 50 steps, hidden 50, after 600 steps")[1:] == ["1.00e-03", "–"]


def test_the_figure_is_an_svg_with_a_bar_for_each_framework_that_was_measured() -> None:
    picture = ET.fromstring(draw([OURS, replace(OURS, name="plain <loop>", values=(1.0, 1.0)), MISSING]))
    bars = [node for node in picture.iter() if node.tag.endswith("rect")]
    assert [node.get("class") for node in bars] == ["ours", "other"]
    assert float(bars[0].get("width", 0)) == pytest.approx(0.45 * float(bars[1].get("width", 0)), abs=0.1)
    assert "prefers-color-scheme: dark" in "".join(picture.itertext())
    assert draw([MISSING]) == ""


def test_a_row_says_its_values_and_its_verdict() -> None:
    assert describe(LIMITED) == "step: 0.50 (0.45 to 0.55, 3 rounds); at most 0.55: ok"
    assert describe(MISSING) == "darts: not measured: not installed"


@pytest.mark.parametrize("name", SECTIONS)
def test_the_module_of_each_section_exists(name: str) -> None:
    module, _, function = SECTIONS[name].entry.partition(":")
    found = importlib.util.find_spec(f"benchmarks.{module}")
    assert found is not None
    assert found.origin is not None
    assert f"def {function}(options: Options)" in Path(found.origin).read_text(encoding="utf-8")


def test_limits_of_sections_belong_to_known_requirements() -> None:
    named = [path for path in (ROOT / "benchmarks").glob("*.py") if path.name not in ("sections.py", "measurement.py")]
    text = "".join(path.read_text(encoding="utf-8") for path in named)
    assert [key for key in REQUIREMENTS if f'"{key}"' not in text] == []
