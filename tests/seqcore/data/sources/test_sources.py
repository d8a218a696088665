"""Each source gives what it says; one contract over all of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcore.data.sources import SOURCES
from seqcore.data.sources.generators import Alphabet, Ramp, RampSequences, Sine, SineCosine, Stocks, Tenths
from seqcore.data.sources.stored_file import StoredFile, base_name
from seqcore.data.sources.typed import Values, parse_numbers
from seqcore.errors import DataError, ExperimentError
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.fields import describe
from seqcore.registry import SourceEntry
from tests.tables import SMALLER, small_table

MADE = {name: source for name, source in SOURCES.items() if not source.stored}


@pytest.mark.parametrize("name", MADE)
def test_a_source_gives_a_table_that_its_tasks_can_use_and_the_same_one_each_time(name: str) -> None:
    source, table = MADE[name], small_table(name)
    again = source.load()(**SMALLER.get(name, {})).table()
    assert len(table) >= 7
    assert np.array_equal(table.values, again.values)
    assert table.symbolic == (source.tasks[0] in ("language-modeling", "translation"))
    if not table.symbolic:
        assert table.values.dtype in (np.float64, np.float32)
        assert np.all(np.isfinite(table.values))
    if table.independent:
        assert len(table.lengths) > 1


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
def test_a_source_describes_itself_and_its_options(source: SourceEntry) -> None:
    assert source.title
    assert source.help.endswith(".")
    for option in describe(source.load()):
        assert option.help.endswith("."), option.path
        if option.choices and option.kind == "choice":
            assert option.default in {choice.value for choice in option.choices}


def test_ramp_is_10_to_90_unless_told_otherwise() -> None:
    assert Ramp().table().values[:, 0].tolist() == [10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert Ramp(start=5, step=-2.5, length=3).table().values[:, 0].tolist() == [5, 2.5, 0]


def test_tenths_are_the_floats_that_people_write() -> None:
    assert Tenths().table().values[:, 0].tolist() == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]


def test_ramp_sequences_are_independent_ramps_with_room_for_a_shifted_window_of_nine() -> None:
    table = RampSequences(samples=50, seed=3).table()
    ramps = table.values.reshape(50, 10)
    assert table.independent
    assert set(table.lengths.tolist()) == {10}
    assert np.all(np.diff(ramps, axis=1) == 1.0)
    assert len(set(ramps[:, 0].tolist())) > 10
    assert ramps[:, 0].min() >= 0
    assert ramps[:, 0].max() <= 100
    assert not np.array_equal(table.values, RampSequences(samples=50, seed=4).table().values)


def test_sine_pieces_start_anywhere_and_advance_by_the_step() -> None:
    table = Sine(samples=200, length=30, step=0.2).table()
    waves = table.values.reshape(200, 30)
    # sin(a + 2h) = 2 cos(h) sin(a + h) - sin(a), whatever the phase
    assert np.allclose(waves[:, 2:], 2 * math.cos(0.2) * waves[:, 1:-1] - waves[:, :-2])
    assert waves[:, 0].min() < -0.9
    assert waves[:, 0].max() > 0.9
    noisy = Sine(samples=200, length=30, step=0.2, noise=0.5).table().values - table.values
    assert 0.45 < noisy.std() < 0.55


def test_sine_cosine_windows_go_from_one_multiple_of_pi_to_the_next() -> None:
    table = SineCosine().table()
    assert table.columns == ("sine", "cosine")
    assert len(table) == 300 * 9 + 1
    for k in (0, 1, 150, 299):
        window = table.values[9 * k : 9 * k + 10]
        sign = 1 if k % 2 == 0 else -1
        assert window[0] == pytest.approx([0, sign], abs=1e-9)
        assert window[-1] == pytest.approx([0, -sign], abs=1e-9)


def test_alphabet_goes_round_or_ends() -> None:
    cyclic = Alphabet(letters=3, repeats=2).table()
    assert "".join(cyclic.words(0, 6)) == "abcabc"
    assert cyclic.lengths.tolist() == [6]
    assert not cyclic.independent
    ended = Alphabet(letters=3, repeats=2, cyclic=False).table()
    assert ended.lengths.tolist() == [3, 3]
    assert ended.independent


def test_stocks_are_weekly_prices_with_dates() -> None:
    one, every = Stocks(company="AAPL").table(), Stocks(company="all").table()
    assert one.columns == ("AAPL",)
    assert every.columns == ("GOOG", "AAPL", "AMZN", "FB", "NFLX", "MSFT")
    assert np.array_equal(one.values[:, 0], every.values[:, 1])
    assert one.times is not None
    assert one.times[0] == np.datetime64("2018-01-01")
    assert set(np.diff(one.times)) == {np.timedelta64(7, "D")}


def test_too_many_values_are_refused_before_memory_runs_out() -> None:
    with pytest.raises(DataError, match=r"1,000,000,000,000 values; use at most"):
        Sine(samples=1_000_000, length=1_000_000).table()


def test_an_unknown_choice_is_named_with_what_was_probably_meant() -> None:
    with pytest.raises(ExperimentError) as error:
        Experiment.make({"data": {"source": "stocks", "options": {"company": "GOGL"}}})
    assert error.value.lines == ("data.options.company: 'GOGL' is not allowed; did you mean GOOG?",)


@pytest.mark.parametrize(
    ("text", "numbers", "comma"),
    [
        ("10, 20, 30", [10, 20, 30], False),
        ("10,20,30", [10, 20, 30], False),
        ("10 20\n30\t40", [10, 20, 30, 40], False),
        ("10; 20;30", [10, 20, 30], False),
        ("[1.5, 2e-3, -.5]", [1.5, 0.002, -0.5], False),
        ("1,5 2,5", [1.5, 2.5], True),
        ("1,5; 2,5; 3", [1.5, 2.5, 3], True),
        ("0,125\n0,250", [0.125, 0.25], True),
        ("1,2,3\n4,5,6", [1, 2, 3, 4, 5, 6], False),
        ("1.5,2.5 3", [1.5, 2.5, 3], False),
        ("\u22125, 7", [-5, 7], False),
    ],
)
def test_typed_numbers_are_read_as_people_write_them(text: str, numbers: list[float], comma: bool) -> None:
    assert parse_numbers(text) == (numbers, comma)


def test_a_decimal_comma_is_said_so() -> None:
    table = Values(text="1,5 2,5").table()
    assert table.notes == ("Commas between digits were read as decimal commas.",)
    assert Values(text="1,5", decimal="comma").decimal == "comma"
    assert Values(text="1,5 2,5", decimal="point").table().values[:, 0].tolist() == [1, 5, 2, 5]


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2), st.sampled_from([", ", " ", "\n", ";", ","])
)
@settings(deadline=None)
def test_numbers_written_by_python_read_back_exactly(numbers: list[float], separator: str) -> None:
    assert parse_numbers(separator.join(map(repr, numbers))) == (numbers, False)


@given(st.text(max_size=60))
@settings(deadline=None)
def test_any_text_gives_finite_numbers_or_our_error(text: str) -> None:
    try:
        table = Values(text=text).table()
    except DataError:
        return
    assert np.all(np.isfinite(table.values))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10, x, 30", "value 2: 'x' is not a number"),
        ("1, nan, 2", "value 2: 'nan' is not a number"),
        ("1, 2, 1e400", "value 3: '1e400' is too large"),
        ("70,000 80,000", "'70,000' can be 70000 or 70.000"),
        ("7", "there are 1 numbers in it; give at least 2"),
        ("", "there are 0 numbers in it"),
    ],
)
def test_what_is_no_number_is_named(text: str, message: str) -> None:
    with pytest.raises(DataError) as error:
        Values(text=text).table()
    assert message in error.value.lines[0]


def test_every_bad_token_has_a_line_up_to_a_handful() -> None:
    with pytest.raises(DataError) as error:
        Values(text=" ".join(f"x{i}" for i in range(30))).table()
    assert len(error.value.lines) == 6
    assert error.value.lines[-1] == "... and 25 more"


def test_a_stored_file_is_named_by_its_hash_and_never_by_a_path() -> None:
    changed = Experiment().with_changes(
        {"data.source": "file", "data.options.hash": "a" * 64, "data.options.name": "../../etc/sales.csv"}
    )
    assert changed.data.options["name"] == "sales.csv"
    for path in ("/etc/passwd", "..\\secret.csv", "a" * 63, "A" * 64):
        with pytest.raises(ExperimentError, match=r"data\.options\.hash: .* not by a path"):
            changed.with_changes({"data.options.hash": path})
    with pytest.raises(DataError, match=r"sales\.csv are in a store"):
        StoredFile(hash="a" * 64, name="sales.csv").table()


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("a.csv", "a.csv"),
        ("/x/y/a.csv", "a.csv"),
        ("C:\\x\\a.csv", "a.csv"),
        ("..", ".."),
        ("x/", "x"),
        ("\x00\n", "file"),
    ],
)
def test_a_file_name_loses_its_folders(name: str, base: str) -> None:
    assert base_name(name) == base


def test_signs_and_switches_are_understood_as_options() -> None:
    options = StoredFile(delimiter=";", decimal=",", header=True)  # type: ignore[arg-type]
    assert (options.delimiter, options.decimal, options.header) == ("semicolon", "comma", "yes")


@pytest.mark.parametrize("text", ["70.000,5 80.000,5", "70,000.5 80,000.5", "70.000,5", "70,000"])
def test_numbers_that_are_one_or_two_are_refused_in_one_line(text: str) -> None:
    with pytest.raises(DataError, match="can be 70000") as error:
        parse_numbers(text)
    assert len(error.value.lines) == 1


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("70.000,5 80.000,5", [70000.5, 80000.5]),
        ("70,5, 80", [70.5, 80]),
        ("70.5 80,25", [70.5, 80.25]),
        ("1.234.567", [1234567]),
    ],
)
def test_with_decimal_commas_a_point_separates_thousands(text: str, numbers: list[float]) -> None:
    assert parse_numbers(text, decimal="comma")[0] == numbers


def test_a_point_that_is_both_thousands_and_decimals_is_refused() -> None:
    with pytest.raises(DataError, match=r"'80\.500' and '70\.5'"):
        parse_numbers("70.5 80.500", decimal="comma")
