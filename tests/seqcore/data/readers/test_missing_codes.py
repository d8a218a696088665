"""Codes for missing values are found by content, named with exact counts, and made missing on request."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from seqcore.data.dataframes import table_from_frame
from seqcore.data.readers.missing_codes import find_codes
from seqcore.data.readers.read_table import FileOptions, read_table
from seqcore.data.table import Table
from seqcore.errors import ExperimentError
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.links import experiment_from_link, link_of

N = 3000
RNG = np.random.default_rng(0)
HOUR = np.arange(N) % 24
POSITIVE, SMALL = RNG.gamma(2.0, 2.0, N) + 0.1, RNG.normal(10.0, 2.0, N).clip(0.0)
TEMPERATURE = RNG.normal(5.0, 10.0, N).round(1)


def _with(values: NDArray[Any], code: float, every: int = 25) -> NDArray[np.float64]:
    values = np.array(values, dtype=np.float64)
    values[::every] = code
    return values


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (POSITIVE, -200),
        (SMALL, 999.9),
        (SMALL, np.float32(999.9)),
        (TEMPERATURE, -99),
        (TEMPERATURE, -99.9),
        (TEMPERATURE, -999),
        (TEMPERATURE, -9999),
        (TEMPERATURE, 9999),
        (TEMPERATURE, 1e20),
        (SMALL, 99999),
        (SMALL, 9.96921e36),
        (SMALL + 40, -1),
        (HOUR * 15, 999),  # a direction in degrees
        (100 * POSITIVE, -999),
    ],
)
def test_a_code_is_found_with_its_count(values: NDArray[Any], code: float) -> None:
    assert find_codes(_with(values, code)[:, None]) == {float(code): {0: N // 25}}


REAL = {
    "zeros at night": np.maximum(0.0, np.sin(HOUR / 24 * 2 * np.pi)) * 900 * RNG.random(N),
    "zeros among large values": _with(RNG.normal(500, 10, N), 0.0),
    "a sensor at its maximum": np.minimum(100.0, RNG.normal(85, 15, N)),
    "a humidity of 99": RNG.normal(85, 15, N).clip(0, 99).round(),
    "a converter at its limit": _with(RNG.normal(2000, 300, N).round(), 4095),
    "a 16-bit converter at its limit": _with(RNG.normal(2000, 300, N).round(), 32767),
    "a cap of prices": _with(RNG.lognormal(3.5, 0.6, N), 3000, 200),
    "a floor of prices": _with(RNG.normal(50, 60, N), -500, 200),
    "prices": RNG.choice([4.99, 9.99, 19.99, 99.99, 999.99], N),
    "prices in cents": RNG.choice([99.0, 199.0, 299.0, 1999.0], N),
    "a few levels": RNG.choice([-99.0, -35.0, 33.0, 65.0, 72.0], N),
    "signs": RNG.integers(-1, 2, N),
    "a flag of -1 among counts": _with(RNG.integers(0, 30, N), -1),
    "ages": RNG.integers(18, 100, N),
    "temperatures": TEMPERATURE,
    "constant": np.full(N, 999.0),
    "empty": np.full(N, np.nan),
}


@pytest.mark.parametrize("name", REAL)
def test_real_values_are_not_taken_for_codes(name: str) -> None:
    assert find_codes(np.asarray(REAL[name], dtype=np.float64)[:, None]) == {}


def test_what_is_a_code_in_one_column_is_one_in_others() -> None:
    values = np.stack([_with(POSITIVE, -200), _with(300 * POSITIVE, -200), _with(TEMPERATURE, -200), TEMPERATURE], 1)
    assert find_codes(values) == {-200.0: {0: 120, 1: 120, 2: 120}}


def test_several_codes_in_one_column() -> None:
    values = _with(_with(TEMPERATURE, -99, 25), -999, 50)
    assert find_codes(values[:, None]) == {-999.0: {0: 60}, -99.0: {0: 60}}


ROWS = [(f"2024-01-{i + 1:02}", "-200" if i % 5 == 2 else f"{2 + i / 10}", "999.9" if i == 7 else f"{i % 3}.5")
        for i in range(25)]  # fmt: skip
POINT = "date,CO,rain\n" + "".join(f"{d},{a},{b}\n" for d, a, b in ROWS)
COMMA = POINT.replace(",", ";").replace(".", ",")
FORMATTED = "date,CO,rain\n" + "".join(
    f'{d},"1,00{a}","{b} %"\n' if a != "-200" else f"{d},-200,{b}\n" for d, a, b in ROWS
)


def _read(content: str, **options: Any) -> Table:
    return read_table(content.encode(), name="air.csv", options=FileOptions(**options))


@pytest.mark.parametrize("content", [POINT, COMMA])
def test_a_file_asks_and_one_choice_makes_them_missing(content: str) -> None:
    table = _read(content)
    (question,) = table.report.questions
    assert "-200 in CO (5 rows, 20%)" in question.sentence
    assert "999.9 in rain (1 row, 4%)" in question.sentence
    assert not np.isnan(table.values).any()  # nothing is changed without being asked
    missing, kept = (answer.options for answer in question.answers)
    assert missing == {"missing_codes": "-200, 999.9"}
    read = _read(content, **missing)
    assert np.isnan(read.values).sum(axis=0).tolist() == [5, 1]
    assert "-200 is a missing value: 5 cells." in read.notes
    assert read.report.questions == ()
    again = _read(content, **kept)
    assert again.report.questions == ()
    assert np.array_equal(again.values, table.values)


def test_codes_in_formatted_numbers() -> None:
    assert any("-200 in CO (5 rows, 20%)" in question.sentence for question in _read(FORMATTED).report.questions)
    assert np.isnan(_read(FORMATTED, missing_codes="-200").values[:, 0]).sum() == 5


def test_codes_of_a_parquet_file_with_32_bits() -> None:
    frame = pa.table({"x": pa.array(_with(SMALL, 999.9).astype(np.float32)), "n": pa.array((HOUR * 15).tolist())})
    out = io.BytesIO()
    pq.write_table(frame, out)
    (question,) = read_table(out.getvalue(), name="a.parquet").report.questions
    assert "999.9 in x (120 rows, 4%)" in question.sentence
    table = read_table(out.getvalue(), name="a.parquet", options=FileOptions(missing_codes="999.9"))
    assert np.isnan(table.values).sum(axis=0).tolist() == [120, 0]


def test_codes_of_a_frame() -> None:
    frame = pd.DataFrame({"x": _with(POSITIVE, -200)}, index=pd.date_range("2024-01-01", periods=N, freq="h"))
    config = Experiment.make({"data": {"source": "file", "options": {"missing_codes": -200}}}).data
    assert np.isnan(table_from_frame(frame, config).values).sum() == 120
    plain = table_from_frame(frame, Experiment.make({"data": {"source": "file"}}).data)
    assert "-200 in x (120 rows, 4%)" in plain.report.questions[0].sentence


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("-200", "-200"),
        ("-200, 999.9", "-200, 999.9"),
        ("-99,-999", "-99, -999"),
        ("-99 ; 1e20 -99", "-99, 1e+20"),
        ("\N{MINUS SIGN}200", "-200"),
        ([-200, 999.9], "-200, 999.9"),
        (-200, "-200"),
        ("", "auto"),
        ("none", "none"),
    ],
)
def test_the_option_is_written_in_one_way(given: Any, kept: str) -> None:
    experiment = Experiment.make({"data": {"source": "file", "options": {"missing_codes": given}}})
    assert experiment.data.options["missing_codes"] == kept
    assert experiment_from_link(link_of(experiment, None))[0] == experiment
    assert Experiment.from_toml(experiment.to_toml()) == experiment


@pytest.mark.parametrize("given", ["-200,5", "abc", "nan", "1e999", {"a": 1}, [[1]], True, None])
def test_the_option_takes_numbers_alone(given: Any) -> None:
    with pytest.raises(ExperimentError) as error:
        Experiment.make({"data": {"source": "file", "options": {"missing_codes": given}}})
    assert len(error.value.lines) == 1
