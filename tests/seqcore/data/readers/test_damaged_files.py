"""Damaged and hostile Parquet files and archives: one line, quickly, without much memory."""

from __future__ import annotations

import io
import lzma
import random
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqcore.data.readers.read_table import read_table
from seqcore.errors import DataError

CSV = ("date,v\n" + "".join(f"2024-01-{d:02d},{d}.5\n" for d in range(1, 29))).encode()


def line_of(content: bytes, name: str) -> str:
    with pytest.raises(DataError) as error:
        read_table(content, name=name)
    (line,) = error.value.lines
    return line


def parquet(table: pa.Table, **options: object) -> bytes:
    held = io.BytesIO()
    pq.write_table(table, held, **options)
    return held.getvalue()


def zipped(compression: int, name: str = "a.csv") -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", compression) as archive:
        archive.writestr(name, CSV)
    return held.getvalue()


@pytest.mark.parametrize("kind", ["numbers", "text"])
def test_values_that_are_far_larger_than_their_file_are_not_decoded(kind: str) -> None:
    if kind == "numbers":
        column = pa.array(np.zeros(26_000_000, np.int64))
    else:
        column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(300_000, np.int32)), pa.array(["x" * 1_000]))
    content = parquet(pa.table({"v": column}), compression="zstd")
    assert len(content) < 1_000_000
    del column
    before = pa.total_allocated_bytes()
    assert "more than 200 times the size of the file, like a zip bomb" in line_of(content, "x.parquet")
    assert pa.total_allocated_bytes() - before < 50_000_000


def test_repeated_values_of_a_usual_number_are_read() -> None:
    content = parquet(pa.table({"v": pa.array(np.zeros(200_000)), "w": pa.array(np.arange(200_000) % 7)}))
    assert len(read_table(content, name="x.parquet")) == 200_000


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array(np.arange(4) * 10**9).cast(pa.timestamp("us", tz="Nowhere/Bad")), "column t: it can't be read"),
        (pa.array([2**62, 1, 2, 3], pa.timestamp("us")), "column t, row 1: dates must lie between"),
        (pa.array([1, 2, -(2**31), 3], pa.int32()).cast(pa.date32()), "column t, row 3: dates must lie between"),
    ],
)
def test_times_that_no_calendar_has_are_one_line(column: pa.Array, message: str) -> None:
    assert message in line_of(parquet(pa.table({"t": column, "v": [1, 2, 3, 4]})), "x.parquet")


def test_text_that_is_not_utf_8_is_one_line() -> None:
    table = pa.table({"t": ["aaaa", "bbbb"] * 9, "v": np.arange(18)})
    content = parquet(table, compression="none", use_dictionary=False).replace(b"bbbb", b"b\xff\xfeb")
    assert "column t: it can't be read" in line_of(content, "x.parquet")


def test_names_in_parquet_are_one_line() -> None:
    content = parquet(pa.table({"a\nb\u202e": [1, 2, 3], "n" * 9_999: [4, 5, 7]}))
    assert read_table(content, name="x.parquet").columns == ("a b", "n" * 200)


def test_a_footer_of_any_size_is_checked_first() -> None:
    content = parquet(pa.table({"v": [1, 2]}))
    assert "its metadata of" in line_of(content[:-8] + (2**31).to_bytes(4, "little") + b"PAR1", "x.parquet")


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_STORED])
def test_damaged_archives_are_one_line(compression: int) -> None:
    content, random_bytes = zipped(compression), random.Random(0)
    assert len(read_table(content, name="x.zip")) == 28
    refused = 0
    for _ in range(60):
        damaged = bytearray(content)
        for _ in range(3):
            damaged[random_bytes.randrange(len(damaged))] = random_bytes.randrange(256)
        try:
            read_table(bytes(damaged), name="x.zip")
        except DataError:
            refused += 1
    assert refused > 30


def test_a_file_without_a_name_and_unknown_compressions_are_one_line() -> None:
    content = zipped(zipfile.ZIP_STORED, "a.csv")
    assert "has no files" in line_of(content.replace(b"a.csv", b"\0.csv"), "x.zip")
    deflate64 = bytearray(zipped(zipfile.ZIP_DEFLATED))
    deflate64[8] = deflate64[deflate64.index(b"PK\x01\x02") + 10] = 9
    assert "unsupported compression" in line_of(bytes(deflate64), "x.zip")
    assert lzma.LZMAError not in (OSError, ValueError)  # it needs a name of its own in the list of damages


@pytest.mark.parametrize("name", ["x.parquet", "x.wav", "x.ts", "x.csv.gz"])
def test_files_with_flipped_bytes_give_a_table_or_one_of_our_errors(name: str) -> None:
    import gzip

    import soundfile  # type: ignore[import-untyped]

    sound = io.BytesIO()
    soundfile.write(sound, (0.5 * np.sin(np.arange(3200) / 5)).astype(np.float32), 8000, format="WAV")
    times = pa.array(np.datetime64("2024-01-01") + np.arange(50))
    contents = {
        "x.parquet": parquet(pa.table({"t": times, "s": ["ab", "c"] * 25, "v": np.arange(50) / 3})),
        "x.wav": sound.getvalue(),
        "x.ts": b"@timeStamps false\n@classLabel true a b\n@data\n" + b"1,2,3:4,5,6:a\n1,2,?,4:5,6,7,8:b\n" * 4,
        "x.csv.gz": gzip.compress(CSV),
    }
    random_bytes = random.Random(1)
    for _ in range(80):
        damaged = bytearray(contents[name])
        for _ in range(random_bytes.choice([1, 3, 10])):
            damaged[random_bytes.randrange(len(damaged))] ^= 1 << random_bytes.randrange(8)
        cut = len(damaged) if random_bytes.random() < 0.7 else random_bytes.randrange(len(damaged))
        try:
            rows = len(read_table(bytes(damaged[:cut]), name=name))
        except DataError:
            continue
        assert rows > 0
