"""Files as people have them become what they are: the cases of cases/cases.toml."""

from __future__ import annotations

import pytest

from tests.seqcore.data.readers.case_table import CASES, known_wrong, load_cases, outcome

WRONG = known_wrong()


def _marked(name: str) -> object:
    """A case that is read wrongly until it is mended; a mended one fails until its line in wrong.toml is removed."""
    marks = [pytest.mark.xfail(strict=True, reason=WRONG[name])] if name in WRONG else []
    return pytest.param(name, marks=marks, id=name)


@pytest.mark.parametrize("name", [_marked(name) for name in load_cases()])
def test_a_file_becomes_what_it_is(name: str) -> None:
    assert outcome(name, load_cases()[name]) == "right"


def test_every_file_has_a_case() -> None:
    files = {path.name for path in CASES.iterdir()} - {"cases.toml", "wrong.toml"}
    assert files == set(load_cases())
    assert set(WRONG) <= files
