"""Files of every kind: what is recognised in them, and the one line that says what is wrong and where."""

from __future__ import annotations

import gc
import gzip
import io
import re
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcore.data.readers.read_table import SUFFIXES, FileOptions, read_table
from seqcore.data.table import Table
from seqcore.errors import DataError

RNG = np.random.default_rng(0)


def read(content: str | bytes, name: str, **options: str) -> Table:
    raw = content.encode() if isinstance(content, str) else content
    return read_table(raw, name=f"some/folder/{name}", options=FileOptions(**options))  # type: ignore[arg-type]


def lines_of(content: str | bytes, name: str, **options: str) -> tuple[str, ...]:
    with pytest.raises(DataError) as error:
        read(content, name, **options)
    return error.value.lines


def parquet(**columns: Any) -> bytes:
    held = io.BytesIO()
    pq.write_table(pa.table(columns), held)
    return held.getvalue()


def wav(seconds: float = 0.4, pitch: float = 200.0, rate: int = 8000) -> bytes:
    held = io.BytesIO()
    wave = 0.5 * np.sin(2 * np.pi * pitch * np.arange(int(seconds * rate)) / rate)
    soundfile.write(held, wave.astype(np.float32), rate, format="WAV")
    return held.getvalue()


def zipped(files: dict[str, bytes | str]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return held.getvalue()


def encrypted() -> bytes:
    """A ZIP whose one file says that it is encrypted."""
    raw = bytearray(zipped({"a.csv": "a,b\n1,2\n"}))
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    return bytes(raw)


PANEL = "date,city,temp\n" + "".join(f"2024-01-{d:02d},{c},{d}.5\n" for d in range(1, 7) for c in ("Oslo", "Rome"))
LONG = "id,time,x,y,label\n" + "".join(
    f"{s},{t},{s + t},{s * t},{'up' if s % 2 else 'down'}\n" for s in range(4) for t in reversed(range(3 + s))
)
WIDE = "label,1,2,3,4\na,1,2,3,4\nb,5,6,,\na,7,8,9,\n"
TS = (
    "# a comment\n@problemName x\n@timeStamps false\n@univariate false\n@classLabel true a b\n@data\n"
    "1,2,3:4,5,6:a\n1,2,?,4:5,6,7,8:b\n1,2:3,4:a\n"
)
TEXTS = "text,label\nhello you there,good\nbad thing,bad\nok then,good\n"
PAIRS = 'Go.\tVa !\tCC-BY (France)\nHi.\tSalut !\tCC-BY\nHe said "no.\tIl dit non.\tCC-BY\n'


class TestSeries:
    def test_a_column_of_ids_makes_series_each_in_the_order_of_its_times(self) -> None:
        table = read(PANEL, "panel.csv")
        assert (table.names, table.lengths.tolist(), table.columns) == (("Oslo", "Rome"), [6, 6], ("temp",))
        assert table.values[:6, 0].tolist() == [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]
        assert not table.independent
        assert table.times is not None
        assert table.times[6] == np.datetime64("2024-01-01")
        assert table.notes[-1] == "2 series by column city, 6 rows each."

    def test_text_beside_dates_that_never_repeat_is_no_series(self) -> None:
        days = "".join(f"2024-01-{d:02d},{'MTWTFSS'[d % 7]},{d}\n" for d in range(1, 29))
        assert read("date,weekday,v\n" + days, "days.csv").names == ()

    def test_two_columns_name_a_series_together_where_one_alone_does_not(self) -> None:
        rows = "".join(f"{s},{i},2024-01-{d:02d},{d}\n" for s in (1, 2) for i in (1, 2, 3) for d in range(1, 8))
        table = read("store,item,date,sales\n" + rows, "sales.csv")
        assert table.names[:2] == ("1, 1", "1, 2")
        assert table.lengths.tolist() == [7] * 6

    def test_the_series_column_can_be_said_or_refused(self) -> None:
        assert read(PANEL, "panel.csv", series_column="City").names == ("Oslo", "Rome")
        assert "2024-01-01 is duplicated" in lines_of(PANEL, "panel.csv", series_column="none")[0]
        assert lines_of(PANEL, "panel.csv", series_column="town")[0].startswith(
            "panel.csv: there is no column 'town' for the series"
        )

    def test_a_time_that_a_series_has_twice_is_named(self) -> None:
        (line,) = lines_of(PANEL + "2024-01-03,Rome,7\n", "panel.csv")
        assert line == (
            "panel.csv, columns city and date: Rome, 2024-01-03 is duplicated (rows 7 and 14); "
            "keep one row per series and time"
        )

    def test_without_dates_ids_lie_together(self) -> None:
        table = read("name,v\na,1\na,2\na,3\nb,4\nb,5\n", "x.csv")
        assert (table.names, table.lengths.tolist()) == (("a", "b"), [3, 2])

    def test_parquet_has_types_of_its_own(self) -> None:
        days = pa.array(np.datetime64("2024-01-01") + np.arange(3)).cast(pa.date32())
        table = read(
            parquet(
                day=pa.chunked_array([days, days]),
                id=pa.array(["b"] * 3 + ["a"] * 3).dictionary_encode(),
                v=pa.array([1, 2, None, 4, 5, 6], pa.int16()),
            ),
            "x.parquet",
        )
        assert table.names == ("b", "a")
        assert table.values[:, 0].tolist()[3:] == [4, 5, 6]
        assert "v: 1 missing value (row 3)." in table.notes
        assert table.row_numbers == {2: 3}

    def test_the_numbers_of_rows_that_pandas_writes_into_parquet_are_no_values(self) -> None:
        table = read(parquet(v=pa.array([1.0, 2.0]), __index_level_0__=pa.array([7, 3])), "x.parquet")
        assert table.columns == ("v",)


class TestLabels:
    def test_the_long_form_has_an_id_a_step_and_one_label_a_sequence(self) -> None:
        table = read(LONG, "long.csv")
        assert (table.columns, table.names, table.independent) == (("x", "y"), ("0", "1", "2", "3"), True)
        assert table.lengths.tolist() == [3, 4, 5, 6]
        assert table.labels is not None
        assert table.labels.tolist() == ["down", "up", "down", "up"]
        assert table.values[3:7].tolist() == [[1, 0], [2, 1], [3, 2], [4, 3]]

    def test_who_a_sequence_comes_from_keeps_sequences_together(self) -> None:
        rows = "".join(f"{s},{'ann' if s < 2 else 'bob'},{t},{t},{'uv'[s % 2]}\n" for s in range(4) for t in range(3))
        table = read("id,speaker,t,x,label\n" + rows, "x.csv")
        assert table.groups is not None
        assert (table.groups.tolist(), table.columns) == (["ann", "ann", "bob", "bob"], ("x",))

    def test_a_row_can_be_a_sequence_that_ends_where_its_cells_do(self) -> None:
        table = read(WIDE, "wide.csv")
        assert table.lengths.tolist() == [4, 2, 3]
        assert table.values[:, 0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]
        assert table.labels is not None
        assert table.labels.tolist() == ["a", "b", "a"]

    def test_rows_without_names_begin_with_their_class_as_in_the_ucr_archive(self) -> None:
        rows = [[str(i % 2 + 1), *(f"{v:.3f}" for v in RNG.normal(size=24))] for i in range(8)]
        table = read("\n".join("\t".join(row) for row in rows), "Gun_TRAIN.tsv")
        assert table.labels is not None
        assert (table.labels.tolist(), table.lengths.tolist()) == (["1", "2"] * 4, [24] * 8)

    def test_ts_has_dimensions_gaps_and_lengths_of_its_own(self) -> None:
        for name in ("x.ts", "x.txt"):
            table = read(TS, name)
            assert (table.columns, table.lengths.tolist()) == (("dimension 1", "dimension 2"), [3, 4, 2])
            assert table.values[5].tolist()[1:] == [7]
            assert np.isnan(table.values[5, 0])
            assert table.labels is not None
            assert table.labels.tolist() == ["a", "b", "a"]

    def test_ts_values_may_have_time_stamps(self) -> None:
        text = "@timeStamps true\n@classLabel true a b\n@data\n(0,1.5),(1,2):a\n(2004-01-01 10:00,3),(5,4),(6,5):b\n"
        assert read(text, "x.ts").values[:, 0].tolist() == [1.5, 2, 3, 4, 5]

    def test_texts_have_labels(self) -> None:
        table = read(TEXTS, "x.csv")
        assert table.columns == ("character",)
        assert "".join(table.words(0, 15)) == "hello you there"
        words = read(TEXTS, "x.csv", level="words")
        assert words.words(0, 5) == ["hello", "you", "there", "bad", "thing"]
        assert words.labels is not None
        assert words.labels.tolist() == ["good", "bad", "good"]

    def test_labels_without_names_and_texts_with_odd_quotes_are_recognised(self) -> None:
        rows = [f'{"spam" if i % 3 else "ham"}\tmessage "{i} of some length' for i in range(12)]
        table = read("\n".join(rows), "collection.txt")
        assert table.labels is not None
        assert (len(table.labels), set(table.labels.tolist())) == (12, {"spam", "ham"})

    def test_new_sequences_need_no_labels_where_it_is_said_what_they_are(self) -> None:
        table = read("id,t,x\n1,0,5\n1,1,6\n2,0,7\n2,1,8\n", "x.csv", kind="sequences")
        assert (table.labels, table.lengths.tolist(), table.columns) == (None, [2, 2], ("x",))
        assert read("1,2,3\n4,5,\n", "x.csv", kind="sequences").lengths.tolist() == [3, 2]
        assert read(LONG.replace("down", "up"), "x.csv", kind="sequences").labels is not None


class TestTextAndPairs:
    def test_prose_is_a_text_and_numbers_are_values_whatever_the_name(self) -> None:
        assert read("One line, with a comma.\nAnother, and more, of it.\n", "x.txt").columns == ("character",)
        assert read("[Illustration] <p>\nIt was a dark night.\n", "x.txt").symbolic
        assert read("1.5\n2\n3\n", "x.txt").values[:, 0].tolist() == [1.5, 2, 3]
        assert read("2024-01-01;5\n2024-01-02;6\n", "x.txt").times is not None
        assert read("1.5\n2\n3\n", "x.txt", kind="text").symbolic
        assert read("day one\n\nday two", "x.txt", level="words").words(0, 2) == ["day", "one"]

    def test_pairs_are_the_first_two_columns_of_sentences(self) -> None:
        table = read(PAIRS, "fra.txt")
        assert table.paired is not None
        assert table.paired.words(0, 1) == ["Va"]
        assert len(table.lengths) == 3
        numbered = read("1276\tLet us try.\t2481\tEssayons donc.\n5\tI go now.\t6\tJe pars.\n", "p.tsv")
        assert numbered.paired is not None
        assert numbered.words(0, 3) == ["Let", "us", "try"]

    def test_the_names_of_the_two_languages_are_no_pair(self) -> None:
        assert len(read("English\tFrench\n" + PAIRS, "x.tsv").lengths) == 3

    def test_tabs_between_numbers_are_no_pairs(self) -> None:
        assert read("a\tb\n1\t2\n3\t4\n", "x.tsv").columns == ("a", "b")


class TestRecordings:
    def test_a_recording_is_frames_with_its_sound(self) -> None:
        table = read(wav(), "hello.wav")
        assert (table.names, table.labels) == (("hello.wav",), None)
        assert table.recordings is not None
        assert len(table.recordings.samples[0]) == pytest.approx(0.4 * table.recordings.rates[0], rel=0.01)

    @pytest.mark.parametrize(
        ("path", "speakers"),
        [
            ("all/{label}/{speaker}/{i}.wav", ["ann", "ann", "bob", "bob", "cy", "cy"]),
            ("{label}/{speaker}_{i}.wav", ["ann", "ann", "bob", "bob", "cy", "cy"]),
            ("{label}_{speaker}_{i}.wav", ["ann", "ann", "bob", "bob", "cy", "cy"]),
            ("{label}/{label}-{speaker}_{i}.wav", None),  # names that go with one label each are of no speakers
            ("{label}/{i}.wav", None),
        ],
    )
    def test_folders_or_names_are_labels_and_speakers(self, path: str, speakers: list[str] | None) -> None:
        files = {
            path.format(label=label, speaker=("ann", "bob", "cy")[i // 2], i=i): wav(pitch=100 + i)
            for label in ("no", "yes")
            for i in range(6)
        }
        table = read(zipped({**files, "__MACOSX/x": "", "README.md": "hello"}), "words.zip")
        assert table.labels is not None
        assert table.labels.tolist() == ["no"] * 6 + ["yes"] * 6
        assert (None if table.groups is None else table.groups.tolist()[:6]) == speakers

    @pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
    def test_reading_takes_less_than_three_times_their_size(self, rate: int) -> None:
        noise = RNG.normal(0, 0.1, rate)
        held = io.BytesIO()
        soundfile.write(held, noise.astype(np.float32), rate, format="WAV")
        count = 1_500_000 // len(held.getvalue())
        packed = zipped({f"{'ab'[i % 2]}/{i}.wav": held.getvalue() for i in range(count)})
        size = count * len(held.getvalue())
        read(packed, "first.zip")  # libraries and their tables
        tracemalloc.start()
        try:
            table = read(packed, "sounds.zip")
            peak = tracemalloc.get_traced_memory()[1]
            gc.collect()
            kept = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert len(table.lengths) == count
        assert kept < 2.5 * size
        assert peak < 3 * size

    def test_all_that_are_bad_are_named_with_their_paths(self) -> None:
        good = {f"all/{label}/{i}.wav": wav() for label in "ab" for i in range(3)}
        with pytest.raises(DataError) as two:
            read(zipped({**good, "all/a/empty.wav": wav(0.0), "all/b/fake.wav": "ID3"}), "x.zip")
        assert [line.partition("; ")[0] for line in two.value.lines] == [
            "x.zip: all/a/empty.wav: this recording lasts 0 seconds",
            "x.zip: all/b/fake.wav: this is not a readable sound file, or it is damaged",
        ]
        with pytest.raises(DataError) as many:
            read(zipped({**good, **{f"all/c/{i}.wav": wav(0.0) for i in range(7)}}), "x.zip")
        assert len(many.value.lines) == 6
        assert many.value.lines[-1] == "x.zip: 2 more recordings can't be used"
        short = {f"all/c/{i}.wav": wav(0.01) for i in range(7)}
        with pytest.raises(DataError, match=r"x.zip: all/c/0.wav, .*, all/c/4.wav and 2 more: a recording must last"):
            read(zipped({**good, **short}), "x.zip")

    def test_one_folder_leaves_nothing_to_tell_apart(self) -> None:
        with pytest.raises(DataError, match=r"x.zip: every recording is in the folder 'crow'.*only one class"):
            read(zipped({f"birds/crow/rec{i}.wav": wav() for i in range(4)}), "x.zip")
        with pytest.raises(DataError, match=r"x.zip: neither folders nor file names give classes"):
            read(zipped({f"rec{i}.wav": wav() for i in range(4)}), "x.zip")

    def test_one_file_in_an_archive_is_read_as_it_is(self) -> None:
        assert read(zipped({"a/b/panel.csv": PANEL}), "x.zip").names == ("Oslo", "Rome")
        assert read(gzip.compress(TS.encode()), "x.ts.gz").columns == ("dimension 1", "dimension 2")
        assert read(gzip.compress(PANEL.encode()), "panel.csv.gz").names == ("Oslo", "Rome")


BAD: dict[str, tuple[str | bytes, str, str]] = {
    "csv called parquet": (PANEL, "x.parquet", "x.parquet: this is not a Parquet file, despite its extension"),
    "parquet called csv": (parquet(v=[1, 2]), "x.csv", "x.csv: this is a Parquet file, not a CSV file"),
    "wav called csv": (wav(), "x.csv", "x.csv: this is a WAV recording, not a CSV file"),
    "text called wav": ("hello", "x.wav", "x.wav: this is not a WAV recording"),
    "csv called ts": (PANEL, "x.ts", "x.ts, row 1: values before @data"),
    "ts without data": ("@problemName x\n", "x.ts", "x.ts: not a .ts file: there is no @data line"),
    "picture called txt": (b"\x89PNG\r\n\x1a\n" + bytes(50), "x.txt", "x.txt: this is an image"),
    "mixed encodings": ("é\nè\n".encode() + b"caf\xe9\n", "x.txt", "x.txt, row 3: this row is not UTF-8"),
    "mixed encodings of values": ("a,b\né,1\n".encode() + b"\xe9,2\n", "x.csv", "x.csv, row 3: this row is not UTF-8"),
    "unequal columns": (LONG + "9,0,1,2\n", "x.csv", "x.csv, row 20: it has 4 values, the others have 5"),
    "unequal dimensions": (TS + "1,2,3:a\n", "x.ts", "x.ts, row 10: it has 1 dimension, the others have 2"),
    "dimensions of unequal length": (TS + "1,2,3:1,2:a\n", "x.ts", "x.ts, row 10: dimensions have 2 to 3 values"),
    "no number": (TS + "1,x:1,2:a\n", "x.ts", "x.ts, row 10, dimension 1, value 2: 'x' is not a number"),
    "label missing": (LONG + "9,0,1,2,\n9,1,1,2,up\n", "x.csv", "x.csv, column label, row 20: the label is missing"),
    "label missing in a row": (WIDE + ",1,2,3,4\n", "x.csv", "x.csv, column label, row 5: the label is missing"),
    "label missing in ts": (TS + "1,2:1,2:\n", "x.ts", "x.ts, row 10: the label is missing"),
    "label missing beside text": (TEXTS + "what,\n", "x.csv", "x.csv, column label, row 5: the label is missing"),
    "unknown label": (TS + "1,2:1,2:c\n", "x.ts", "x.ts, row 10: the label 'c' is not one of @classLabel"),
    "two labels": (LONG + "3,9,1,2,down\n", "x.csv", "x.csv, column label, row 20: the label 'down' differs"),
    "one class": (LONG.replace("down", "up"), "x.csv", "x.csv, column label: every label is 'up'"),
    "one class in rows": (WIDE.replace("b,", "a,"), "x.csv", "x.csv, column label: every label is 'a'"),
    "one class in ts": (TS.replace(":b", ":a"), "x.ts", "x.ts: every sequence has the label 'a'"),
    "one class of texts": (TEXTS.replace("bad\n", "good\n"), "x.csv", "x.csv, column label: every label is 'good'"),
    "one class of sounds": (zipped({"a/1.wav": wav(), "a/2.wav": wav()}) , "x.zip", ""),
    "sequence of length 1": (LONG + "9,0,1,2,up\n", "x.csv", "x.csv, row 20: a sequence has 1 row"),
    "row of length 1": (WIDE + "a,1,,,\n", "x.csv", "x.csv, row 5: a sequence has 1 value"),
    "row of length 0": (WIDE + "a,,,,\n", "x.csv", "x.csv, row 5: a sequence has 0 values"),
    "ts of length 1": (TS + "1:1:a\n", "x.ts", "x.ts, row 10: the sequence has 1 value"),
    "ts of length 0": (TS + "::a\n", "x.ts", "x.ts, row 10: the sequence has 0 values"),
    "text of length 0": (TEXTS + ",bad\n", "x.csv", "x.csv, row 5: a sequence has 0 characters"),
    "text of length 1": (TEXTS + "x,bad\n", "x.csv", "x.csv, row 5: a sequence has 1 character;"),
    "text of one character": ("a", "x.txt", "x.txt: the text has only one distinct character, 'a'"),
    "text of one character again and again": ("aaaa", "x.txt", "x.txt: the text has only one distinct character"),
    "blank text": (" \n\n", "x.txt", "x.txt: the file holds only white space"),
    "empty": ("", "x.ts", "x.ts: this file is empty"),
    "pair with an empty side": (PAIRS + "\tRien.\n", "x.tsv", "x.tsv, row 4: the first sentence is empty"),
    "pair without a tab": (PAIRS + "Nothing\n", "x.txt", "x.txt, row 4: there is no tab and second sentence"),
    "nested parquet": (parquet(v=[[1], [2]], w=[1, 2]), "x.parquet", "x.parquet, column v: it is nested"),
    "parquet of bytes": (parquet(v=[b"1", b"2"]), "x.parquet", "x.parquet, column v: it is binary"),
    "parquet without rows": (parquet(v=pa.array([], pa.float64())), "x.parquet", "x.parquet: there are no rows"),
    "damaged parquet": (parquet(v=[1, 2])[:60], "x.parquet", "x.parquet: this Parquet file is damaged"),
    "sound of 0 seconds": (wav(0.0), "x.wav", "x.wav: this recording lasts 0 seconds"),
    "sound of 10 minutes": (wav(600, rate=2000), "x.wav", "x.wav: this recording lasts 10:00 min"),
    "sound of a moment": (wav(0.01), "x.wav", "x.wav: a recording must last at least 30 milliseconds"),
    "short sound among others": (zipped({"a/1.wav": wav(), "b/2.wav": wav(0.0)}), "x.zip", "x.zip: b/2.wav: this rec"),
    "zip bomb": (zipped({"a.csv": b"1,2\n" * 5_000_000}), "x.zip", "x.zip: it extracts to more than 200 times"),
    "gzip bomb": (gzip.compress(bytes(20_000_000)), "x.txt.gz", "x.txt.gz: it extracts to more than 200 times"),
    "damaged gzip": (gzip.compress(PANEL.encode())[:-12], "x.csv.gz", "x.csv.gz: this archive is damaged or truncated"),
    "damaged zip": (zipped({"a.csv": PANEL})[:80], "x.zip", "x.zip: this ZIP archive is damaged"),
    "archive in an archive": (zipped({"../../b.zip": b"PK"}), "x.zip", "x.zip: it contains an archive (b.zip)"),
    "gzip in a gzip": (gzip.compress(gzip.compress(b"1")), "x.csv.gz", "x.csv.gz: it contains an archive"),
    "several files": (zipped({"../a.csv": "1", "/b.csv": "2"}), "x.zip", "x.zip: it contains 2 files (a.csv, b.csv)"),
    "no files": (zipped({}), "x.zip", "x.zip: this ZIP archive has no files"),
    "encrypted": (encrypted(), "x.zip", "x.zip: this ZIP archive is encrypted"),
    "workbook": (zipped({"xl/workbook.xml": "<x/>"}), "x.xlsx", "x.xlsx: this is an Excel workbook"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_gets_one_line_that_says_what_and_where(case: str) -> None:
    content, name, message = BAD[case]
    (line,) = lines_of(content, name)
    assert line.startswith(message)
    assert "some/" not in line
    assert "\n" not in line
    assert "; " in line  # what to do


def check_lines(error: DataError) -> None:
    assert all(line.startswith("x") and "\n" not in line for line in error.lines)


def test_names_with_path_parts_lead_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = {"../../up/1.wav": wav(), "/etc/up/2.wav": wav(), "C:\\down\\3.wav": wav(), "..\\down/4.wav": wav()}
    table = read(zipped(dict(names)), "../../x.zip")
    assert table.names == ("1.wav", "2.wav", "3.wav", "4.wav")
    assert list(tmp_path.rglob("*")) == []


def test_too_many_files_in_a_zip_are_refused() -> None:
    assert lines_of(zipped({f"{i}.wav": b"" for i in range(20_001)}), "x.zip")[0].startswith("x.zip: 20,001 files are")


def test_what_comes_out_of_an_archive_is_limited_like_any_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQCORE_MAX_FILE_MB", "0.01")
    noise = ",".join(map(str, RNG.integers(0, 2, 20_000)))
    assert "it extracts to more than 0.01 MB" in lines_of(gzip.compress(noise.encode()), "x.csv.gz")[0]


@pytest.mark.parametrize(
    ("content", "name"),
    [(PANEL, "x.csv"), (TS, "x.ts"), (PAIRS, "x.tsv"), ("some text. " * 50, "x.txt"), (parquet(v=[1, 2]), "x.pq"),
     (wav(), "x.wav"), (gzip.compress(PANEL.encode()), "x.csv.gz"),
     (zipped({"a/1.wav": wav(), "b/1.wav": wav()}), "x.zip")],
)  # fmt: skip
def test_progress_rises_to_one(content: str | bytes, name: str) -> None:
    told: list[float] = []
    read_table(content.encode() if isinstance(content, str) else content, name=name, on_progress=told.append)
    assert told == sorted(set(told))
    assert told[-1] == 1.0


def check_any(content: bytes, name: str) -> None:
    """Reading gives a table as every table is, or our own error."""
    try:
        table = read(content, name)
    except DataError as error:
        check_lines(error)
        return
    assert len(table.lengths) >= 1
    assert len(table) >= 1
    assert table.labels is None or len(table.labels) == len(table.lengths)
    assert table.symbolic or not np.isinf(table.values).any()
    if table.times is not None:
        later = np.diff(table.times) > np.timedelta64(0)
        later[table.offsets[1:-1] - 1] = True
        assert later.all()


STARTS = (
    b"",
    b"PAR1",
    b"PK\x03\x04",
    b"RIFF\0\0\0\0WAVE",
    b"\x1f\x8b",
    b"@data\n",
    b"label,",
    b"a\tb\n",
    b"id,label,t\n",
)
PIECES = (
    *("1", "2.5", "2,5", "", "a", "b c", "label", "id", "2024-01-01", "01/02/2024", "inf", "NA", "?", ":", '"', ";"),
    *("\t", ",", ",", ",", "\n", "\n", "\n"),
)


@given(
    st.sampled_from([*SUFFIXES, "", "xlsx"]),
    st.sampled_from(STARTS),
    st.one_of(st.binary(max_size=120), st.text(max_size=120).map(lambda text: text.encode("utf-8", "replace"))),
)
@settings(deadline=None, max_examples=100)
def test_any_bytes_under_any_name_give_a_table_or_our_own_error(suffix: str, start: bytes, rest: bytes) -> None:
    check_any(start + rest, f"x.{suffix}")


@given(
    st.sampled_from(["csv", "tsv", "txt", "ts"]),
    st.sampled_from(["", ","]),
    st.lists(st.sampled_from(PIECES), max_size=40),
)
@settings(deadline=None, max_examples=100)
def test_any_pieces_of_rows_give_a_table_or_our_own_error(suffix: str, between: str, pieces: list[str]) -> None:
    check_any(between.join(pieces).encode(), f"x.{suffix}")


MEASURE = """
import os, sys
from pathlib import Path
from seqcore.data.readers.read_table import read_table
import pandas, pyarrow.csv, pyarrow.parquet
import seqcore.data.readers.formats.parquet, seqcore.data.readers.formats.text, seqcore.data.parallel_text
def peak(): return 1024 * int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
small, large = sys.argv[1:3]
for name in sys.argv[3:]:
    child = os.fork()  # one import for all files, and for each a peak of its own
    if not child:
        read_table(f"{small}/{name}", name=name)  # loads the pages of libraries, which count, too
        before = peak()
        table = read_table(f"{large}/{name}", name=name)
        print(len(table), peak() - before, flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""
LARGE = {"large.csv": 4.9, "panel.csv": 6.6, "two.parquet": 3.85, "x.ts": 1.5, "t.txt": 5.5, "pairs.tsv": 8.3}
"""Large files by kind, and the memory that reading one may take, relative to its size: 15% more than measured."""


def write_files(folder: Path, size: int) -> Path:
    """A file of each of the kinds, of up to 18 MB with a size of 400."""
    folder.mkdir()
    (folder / "large.csv").write_bytes(b"value\n" + b"3.141592\n2.718281\n" * 2_500 * size)
    dates = (np.datetime64("2000-01-01") + np.arange(6 * size)).astype(str).tolist()
    ends = [f",city {i},{i}.25\n" for i in range(200)]
    (folder / "panel.csv").write_text("date,city,value\n" + "".join(day + end for end in ends for day in dates))
    (folder / "two.parquet").write_bytes(parquet(**{name: RNG.normal(size=2_000 * size) for name in "ab"}))
    sequences = "0.12345," * 500 + "1:a\n" + "0.54321," * 500 + "1:b\n"
    (folder / "x.ts").write_text("@classLabel true a b\n@data\n" + sequences * 4 * size)
    (folder / "t.txt").write_text("The cat’s on the mat, and it won’t go.\n" * 500 * size)
    pairs = (f"Sentence {i} of the cat that sat there.\tLa phrase {i} du chat assis là.\n" for i in range(60 * size))
    (folder / "pairs.tsv").write_text("".join(pairs))
    return folder


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, float]]:
    """Rows, and the memory that reading takes relative to the size of the file, of each large file."""
    folder = tmp_path_factory.mktemp("files")
    small, large = write_files(folder / "small", 1), write_files(folder / "large", 400)
    command = [sys.executable, "-c", MEASURE, str(small), str(large), *LARGE]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found = {name: tuple(map(int, line.split())) for name, line in zip(LARGE, lines, strict=True)}
    return {name: (rows, memory / (large / name).stat().st_size) for name, (rows, memory) in found.items()}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak of one process")
@pytest.mark.parametrize("kind", LARGE)
def test_a_large_file_of_any_kind_is_read_in_a_few_times_its_size(
    kind: str, measured: dict[str, tuple[int, float]]
) -> None:
    rows, memory = measured[kind]
    assert rows > 30_000
    assert 0.5 < memory < LARGE[kind]  # less is a measurement that went wrong


def test_every_format_says_what_it_is() -> None:
    assert {"csv", "tsv", "parquet", "txt", "wav", "ts", "zip", "gz"} <= set(SUFFIXES)
    assert all(re.fullmatch(r"[a-z0-9]+", suffix) for suffix in SUFFIXES)
