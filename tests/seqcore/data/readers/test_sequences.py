"""How labeled sequences are read from rows: long form or one a row, and what is said of it."""

from __future__ import annotations

import pytest

from seqcore.data.readers.read_table import FileOptions, read_table
from seqcore.data.table import Table
from seqcore.errors import DataError

LONG = "id,time,x,y,label\n" + "".join(f"{i},{t},{t},{-t},{'ab'[i % 2]}\n" for i in range(6) for t in range(3))
ALONE = "id,time,x,y,label\n" + "".join(f"g{i},0,{i},{-i},{'ab'[i % 2]}\n" for i in range(60))


def read(text: str, **options: str) -> Table:
    return read_table(text.encode(), name="x.csv", options=FileOptions(**options))


@pytest.mark.parametrize(
    "text",
    [
        ALONE,
        ALONE.replace("id,time,x,y,label", "id,dose,x,y,label"),
        "\n".join(",".join(c for i, c in enumerate(row.split(",")) if i != 1) for row in ALONE.split()),
    ],
    ids=["a step", "no step by name", "not a step"],
)
def test_long_form_with_a_row_for_each_id_is_not_one_sequence_a_row(text: str) -> None:
    with pytest.raises(DataError, match=r"^x.csv: each id has only 1 row.*set the series column to none"):
        read(text)
    assert len(read(text, series_column="none").lengths) == 60


@pytest.mark.parametrize("names", ["t1,t2,t3", "jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec"])
def test_rows_that_are_sequences_may_have_an_id(names: str) -> None:
    count = names.count(",") + 1
    rows = [f"g{i},{'ab'[i % 2]}," + ",".join(map(str, range(i, i + count))) for i in range(20)]
    table = read(f"id,label,{names}\n" + "\n".join(rows))
    assert (table.lengths.tolist(), table.names[:2]) == ([count] * 20, ("g0", "g1"))


def test_how_a_file_was_read_is_said() -> None:
    assert read(LONG).notes == ("Read as long format: one sequence per id, ordered by time, class: label.",)
    rows = "label," + ",".join(map(str, range(1, 25))) + "\n" + "".join(f"{c}{',1.5' * 24}\n" for c in "abab")
    assert read(rows).notes == ("Read as one sequence per row: 24 steps in columns 1 to 24, class: label.",)


def test_short_sequences_are_told_by_their_lengths() -> None:
    rows = "label,t1,t2,t3\n" + "".join(f"{'ab'[i % 2]},{i}.5,{i}.25,{i}.75\n" for i in range(8))
    with pytest.raises(DataError, match=r"rows 10, 11: 2 sequences have fewer than 2 values"):
        read(rows + "a,,,\nb,1,,\n")
    with pytest.raises(DataError, match=r"rows 10, 11: 2 sequences have only 1 value;"):
        read(rows + "a,1,,\nb,1,,\n")
    with pytest.raises(DataError, match=r"row 10: a sequence has 0 values;"):
        read(rows + "a,,,\n")
