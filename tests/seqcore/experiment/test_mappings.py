"""A field with a choice for each name: `data.options.columns`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcore.data.import_report import ROLES
from seqcore.data.readers.read_table import FileOptions, read_table
from seqcore.errors import DataError, ExperimentError
from seqcore.experiment.experiment import Experiment, options_of, settings_of
from seqcore.experiment.links import experiment_from_link, link_of

PATH = "data.options.columns"
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FILE = b"Date,Hour,load\n" + b"".join(b"2024-01-%02d,%d,%d\n" % (day, day % 4, day * day) for day in range(1, 20))


def _own(columns: Any) -> Experiment:
    return Experiment.make({"data": {"source": "file", "options": {"columns": columns}}})


@given(st.dictionaries(NAMES, st.sampled_from(sorted(ROLES)), max_size=4))
@settings(deadline=None, max_examples=30)
def test_it_round_trips_through_toml_json_and_links(columns: dict[str, str]) -> None:
    experiment = _own(columns)
    assert experiment.get(PATH) == columns
    assert Experiment.from_toml(experiment.to_toml()) == experiment
    assert Experiment.from_json(experiment.to_json()) == experiment
    assert experiment_from_link(link_of(experiment, None)) == (experiment, None)
    plain = _own({})
    differences = experiment.differences(plain)
    assert differences == ({PATH: columns} if columns else {})
    assert plain.with_changes(differences) == experiment
    assert experiment.with_changes({PATH: {}}) == plain


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", {}),
        ("Hour=time-part", {"Hour": "time-part"}),
        (" Hour = time-part , Day=ignore", {"Hour": "time-part", "Day": "ignore"}),
        ("a=b=time", {"a=b": "time"}),
        ('{"a.b": "time", "c,d": "ignore"}', {"a.b": "time", "c,d": "ignore"}),
    ],
)
def test_text_gives_a_mapping(text: str, columns: dict[str, str]) -> None:
    assert _own(text).get(PATH) == columns


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("Hour=tim", "'tim' for 'Hour' is not allowed; did you mean time?"),
        ({"Hour": 3}, "3 for 'Hour' is not allowed; use one of time, time-part"),
        ({"Hour": {"a": []}}, "{'a': []} for 'Hour' is not allowed"),
        ("Hour", "'Hour' is not allowed; use {"),
        ("Hour=", "'' for 'Hour' is not allowed"),
        ('{"Hour"', "is not JSON; use {"),
        ('{"a":' * 3000, "is not JSON; use {"),
        ('{"a": ' + "9" * 5000 + "}", "is not JSON; use {"),
        (["Hour"], "'list' is not allowed; use name=choice"),
        (3, "3 is not allowed; use name=choice"),
    ],
)
def test_one_line_says_what_is_wrong(value: Any, message: str) -> None:
    with pytest.raises(ExperimentError) as error:
        _own(value)
    assert len(error.value.lines) == 1
    assert str(error.value).startswith(f"{PATH}: ")
    assert message in str(error.value)


def test_a_mapping_is_changed_as_a_whole() -> None:
    with pytest.raises(ExperimentError, match=r"data\.options\.columns\.Hour: unknown field"):
        _own({}).with_changes({f"{PATH}.Hour": "ignore"})
    assert next(s for s in settings_of(_own({})) if s.path == PATH).kind == "mapping"
    assert {choice.value for s in options_of("data.source", "file") if s.path == PATH for choice in s.choices} == {
        *ROLES
    }


def test_given_roles_are_used_when_the_file_is_read() -> None:
    table = read_table(FILE, name="a.csv", options=FileOptions(columns={"hour": "ignore"}))
    assert table.columns == ("load",)
    with pytest.raises(DataError, match=r"^a\.csv: there is no column 'Hur' for data\.options\.columns; did you mean"):
        read_table(FILE, name="a.csv", options=FileOptions(columns={"Hur": "ignore"}))
    with pytest.raises(DataError, match=r"^a\.csv: no column is left"):
        read_table(FILE, name="a.csv", options=FileOptions(columns=dict.fromkeys(("Date", "Hour", "load"), "ignore")))
