"""What the columns of a file are taken for, by their cells: the kind, the role of each column, and what is asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqcore.data.import_report import ROLES
from seqcore.data.readers.read_table import FileOptions, read_table, table_from_frame
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.experiment.config import DataConfig
from seqcore.tasks.auto_config import suggest_experiment

WORDS = ["the old boat left the harbour", "we walked along the quiet river", "rain fell on the empty market square"]


def read(text: str, **options: Any) -> Table:
    return read_table(text.encode(), name="x.csv", options=FileOptions(**options))


def roles(table: Table) -> dict[str, str]:
    return {role.column: role.role for role in table.report.roles}


def target(table: Table) -> str:
    experiment = suggest_experiment(table, data={"source": "file"})
    return (*experiment.data.target, table.columns[0])[0]


def texts(header: str, row: str, count: int = 24) -> str:
    """Rows made of a template with {i}, {text} and {label}."""
    rows = [row.format(i=i, text=f"{WORDS[i % 3]} on day {i}", label="ab"[i * 7 % 5 % 2]) for i in range(count)]
    return "\n".join(([header] if header else []) + rows)


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("id,keyword,location,text,target", "{i},,,{text},{label}"),
        ("", '"{label}","{text}"'),
        ("", "{text},{label}"),
        ("v1,v2,,,", "{label},{text},,,"),
        ("tweet_id,mood,score_sure,name,retweets,tweet,posted", "9{i},{label},0.{i},n{i},{i},{text},2024-01-{i}"),
        ("body,verdict", "{text},{label}"),
        ("message,flagged,length", "{text},{label},{i}"),
    ],
)
def test_texts_have_their_class_beside_them_whatever_the_names(header: str, row: str) -> None:
    if "retweets" in header:
        header = header.replace("mood", "mood_label")
    table = read(texts(header, row))
    assert table.kind == "labeled texts"
    assert table.labels is not None
    assert set(table.labels.tolist()) == {"a", "b"}
    assert table.sentence(0)[:3] == ["the", "old", "boat"]


def test_several_columns_of_text_are_joined_and_that_is_said() -> None:
    table = read("\n".join(f'"{i % 3 + 1}","{WORDS[i % 3]} {i}","and then {WORDS[i % 2]} {i}"' for i in range(30)))
    assert table.kind == "labeled texts"
    assert " ".join(table.sentence(0)) == f"{WORDS[0]} 0 and then {WORDS[0]} 0"
    assert "The text is joined from the columns column 2 + column 3." in table.notes


def test_stars_are_classes_of_reviews() -> None:
    rows = [f"{i},B00{i % 9},u{i},{i % 5 + 1},15{i:08d},{WORDS[i % 3]} number {i}" for i in range(40)]
    table = read("\n".join(["Id,ProductId,UserId,Score,Time,Text", *rows]))
    assert table.labels is not None
    assert sorted(set(table.labels.tolist())) == ["1", "2", "3", "4", "5"]


def test_a_remark_beside_measured_values_is_no_text_to_classify() -> None:
    rows = [f"2024-01-{i + 1:02d},{i * i % 17}.5,{'calm' if i % 9 else ''},{'mt'[i % 2]}" for i in range(28)]
    table = read("\n".join(["date,load,remark,shift", *rows]))
    assert (table.kind, roles(table)["load"], roles(table)["shift"]) == ("one series", "value", "category")


@pytest.mark.parametrize("name", ["outcome", "target", "result", "d"])
def test_a_label_that_is_constant_within_its_sequence_makes_sequences(name: str) -> None:
    rows = [f"s{s},{t},{(s * 7 + t * 3) % 11}.5,{'uv'[s % 2]}" for s in range(12) for t in range(6)]
    table = read("\n".join([f"trial,t,x,{name}", *rows]))
    assert (table.kind, table.columns, len(table.lengths)) == ("labeled sequences", ("x",), 12)
    assert roles(table) == {"trial": "series", "t": "time", "x": "value", name: "label"}


def test_stores_by_day_with_a_type_that_each_store_has_are_series() -> None:
    rows = [f"2024-01-{d:02d},{s},{'ab'[s % 2]},{s * d % 13}.5" for d in range(1, 21) for s in range(8)]
    table = read("\n".join(["Date,Store,StoreType,Sales", *rows]))
    assert (table.kind, table.names[:2]) == ("many series", ("0", "1"))
    assert roles(table) == {"Date": "time", "Store": "series", "StoreType": "category", "Sales": "value"}
    assert table.columns == ("Sales", "StoreType=a", "StoreType=b")


def test_two_codes_name_the_series_of_counted_weeks() -> None:
    rows = [f"{w},{s},{d},{(w * 7 + s * 3 + d) % 13}.5" for s in range(5) for d in range(3) for w in range(1, 15)]
    table = read("\n".join(["week,store,dept,sales", *rows]))
    assert (table.kind, len(table.lengths), table.names[:2], table.columns) == (
        "many series", 15, ("0, 0", "0, 1"), ("sales",),
    )  # fmt: skip


def test_a_close_second_is_a_question_whose_answer_reads_the_file_so() -> None:
    rows = [f"{s},{t},{(s * 7 + t * 3) % 11}.5,{'uv'[s % 2]}" for s in range(4) for t in range(6)]
    table = read("\n".join(["machine,t,x,status", *rows]))
    assert table.kind == "many series"
    again = read("\n".join(["machine,t,x,status", *rows]), kind="sequences", columns={"status": "label"})
    assert (again.kind, len(again.lengths)) == ("labeled sequences", 4)


def test_ids_and_counters_are_neither_inputs_nor_the_target() -> None:
    rows = [f"{i + 1},{1000 + 7 * i},433,{i % 7},2024-01-{i + 1:02d},{i * i % 13}.5" for i in range(28)]
    table = read("\n".join(["instant,order_id,STATION_ID,level,date,value", *rows]))
    assert table.columns == ("level", "value")
    assert {roles(table)[name] for name in ("instant", "order_id", "STATION_ID")} <= {"ignore", "time-part"}
    assert "order_id" in read("\n".join(["a,order_id", *(f"{i * i % 7},{i}" for i in range(9))]),
                              columns={"order_id": "value"}).columns  # fmt: skip


def test_the_default_target_is_measured() -> None:
    rows = [f"2024-01-{i + 1:02d},{(np.datetime64('2024-01-01') + i).astype(object).isoweekday()},5,{i * i % 13}.5"
            for i in range(28)]  # fmt: skip
    table = read("\n".join(["Date,DayOfWeek,Open,Sales", *rows]))
    assert table.columns == ("DayOfWeek", "Open", "Sales")
    assert target(table) == "Sales"
    assert suggest_experiment(table, data={"source": "file"}, changes={"data.inputs": ("Open",)}).data.target == ()


def test_the_example_of_whole_numbers_has_no_decimals() -> None:
    table = read("day,customers,price\n2024-01-01,65,2.0\n2024-01-02,,2.5\n2024-01-03,50,3.0\n")
    assert [role.example for role in table.report.roles] == ["2024-01-01", "65", "2.0"]


def test_every_column_is_reported_in_the_order_of_the_file() -> None:
    table = read("2024-01-01,5,,a\n2024-01-02,6,,b\n2024-01-03,4,,c\n")
    report = table.report.roles
    assert [role.column for role in report] == ["column 1", "column 2", "column 3", "column 4"]
    assert [role.role for role in report] == ["time", "value", "ignore", "ignore"]
    assert all(role.reason and set(role.alternatives) <= set(ROLES) for role in report)
    assert [role.example for role in report] == ["2024-01-01", "5", "", "a"]
    assert all(role.role not in role.alternatives for role in report)


HOUR = "Date,Hour,load\n" + "".join(f"2022-07-{d:02d},{h},{50 + h}\n" for d in range(1, 4) for h in range(3))


def test_given_roles_override_what_is_detected() -> None:
    assert (read(HOUR).kind, roles(read(HOUR))["Hour"]) == ("one series", "time-part")
    series = read(HOUR, columns={"Hour": "series"})
    assert (series.kind, series.names) == ("many series", ("0", "1", "2"))
    assert read(HOUR, series_column="Hour").names == ("0", "1", "2")
    assert read(HOUR, columns={"Hour": "ignore"}, date_column="none").columns == ("load",)
    category = read(HOUR, columns={"Hour": "category"}, date_column="none")
    assert category.columns == ("load", "Hour=0", "Hour=1", "Hour=2")
    with pytest.raises(DataError, match=r"there is no column 'hour2' for data\.options\.columns"):
        read(HOUR, columns={"hour2": "value"})


def test_frames_are_read_alike() -> None:
    frame = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=8), "v": range(0, 16, 2), "w": list("aabbaabb")})
    table = table_from_frame(frame.assign(v=[3, 1, 2, 5, 4, 4, 1, 2]), DataConfig())
    assert table.columns == ("v", "w=a", "w=b")
    assert roles(table) == {"day": "time", "v": "value", "w": "category"}


class TestOddColumns:
    def test_codes_among_numbers_are_a_category(self) -> None:
        rows = [f"1,2015-01-{i + 1:02d},{500 + i * i % 9},{'a' if i in (0, 12) else 'b' if i == 20 else 0}"
                for i in range(28)]  # fmt: skip
        table = read("\n".join(["Store,Date,Sales,StateHoliday", *rows]))
        assert table.columns == ("Sales", "StateHoliday=0", "StateHoliday=a", "StateHoliday=b")
        assert table.values[0].tolist() == [500, 0, 1, 0]
        assert table.values[:, 1:].sum(axis=1).tolist() == [1] * 28
        assert target(table) == "Sales"
        assert any(note.startswith("StateHoliday is a category") for note in table.notes)

    def test_rare_values_are_one_level(self) -> None:
        rows = [f"2024-01-01 {i // 60:02d}:{i % 60:02d},{i % 7},{f'r{i}' if i % 20 == 0 else 'abc'[i % 3]}"
                for i in range(400)]  # fmt: skip
        table = read("\n".join(["t,v,state", *rows]))
        assert len(table.columns) == 13
        assert "state=other" in table.columns
        assert table.values[:, 1:].sum(axis=1).max() == 1

    def test_links_and_unique_words_are_left_out_with_a_note(self) -> None:
        rows = [f"2024-01-{i + 1:02d},{i * i % 7},https://example.org/{i},w{i}" for i in range(20)]
        table = read("\n".join(["d,v,url,code", *rows]))
        assert table.columns == ("v",)
        assert "Columns left out (not numeric): url, code." in table.notes

    def test_a_word_repeated_among_numbers_is_missing(self) -> None:
        rows = [f"2024-01-{i + 1:02d},{'closed' if i % 9 == 8 else i * i % 7}" for i in range(28)]
        table = read("\n".join(["d,v", *rows]))
        assert (table.columns, int(np.isnan(table.values).sum())) == (("v",), 3)
        assert "v: 3 cells are not finite numbers and read as missing: 'closed' (rows 10, 19, 28)." in table.notes

    def test_booleans_are_numbers(self) -> None:
        table = read("d,on,v\n" + "".join(f"2024-01-{i + 1:02d},{['false', 'true'][i % 2]},{i * i % 7}\n"
                                          for i in range(20)))  # fmt: skip
        assert table.values[:2, 0].tolist() == [0, 1]


def test_a_flag_is_a_category_and_a_single_remark_is_not() -> None:
    rows = [f"2024-01-{day:02},{day * 1.5},{'holiday' if day % 7 == 0 or day == 1 else ''},{'x' * (day == 3)}"
            for day in range(1, 31)]  # fmt: skip
    table = read_table("\n".join(["date,sales,flag,note", *rows]).encode(), name="shop.csv")
    assert {r.column: r.role for r in table.report.roles} == {
        "date": "time", "sales": "value", "flag": "category", "note": "ignore",
    }  # fmt: skip
    assert table.columns == ("sales", "flag=holiday")
    assert table.values[:, 1].sum() == 5
