"""Damaged and rewritten files: mutations of the cases' bytes, and rewritings that must not change what is read."""

from __future__ import annotations

import csv
import gzip
import io
import random
import re
import struct
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from tests.seqcore.data.readers.case_table import CASES, Case, known_wrong, load_cases

Mutation = Callable[[bytes, random.Random], bytes]
Named = tuple[str, bytes]  # name and content of a file

MOST_BYTES = 3_000_000
NASTY = """
E1 .e5 --5 1e999 -1e999 1e-999 +-1 1.2.3 1,2,3 1e5e5 0x1F 1_000 ∞ NaN nan(1) inf -inf 1/0
9999999999999999999999 -0 00 . - + e E , 1e 1e+ ½ ² １２ ٣ (5 5) (5) ((5)) 5% %5 5%% 5K K5 5k3 $ €5 <5 >5 <> <
12:61 25:00 24:00:01 2020-13-45 0000-00-00 9999-12-31 99999-01-01 -1-1-1 1677-09-21 2262-04-12 2020-W54 2020Q5
M13 13/13/13 31/02/2020 T Z UTC +99:99 #N/A #REF! =1+1 @x ' '' "" [1] {} null None true 18446744073709551616
9223372036854775808 -9223372036854775809 253402300800 1e300 4294967296 20209999 202013 99999999999999
""".split()  # noqa: SIM905
NASTY += [
    "",
    " ",
    "\t",
    "\x00",
    "\x1a",
    "\ufeff",
    "\u202e",
    "\U0001f600",
    "x" * 5_000,
    "9" * 400,
    "1" * 5_000,
    "<script>",
    "a\nb",
]


def _flip(data: bytes, rng: random.Random) -> bytes:
    content = bytearray(data)
    for _ in range(rng.choice([1, 2, 8, 64])):
        if content:
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


def _overwrite(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    piece = rng.randbytes(rng.choice([1, 4, 30])) if rng.random() < 0.7 else b"\x00" * rng.choice([1, 100])
    return data[:at] + piece + data[at + len(piece) :]


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)] if rng.random() < 0.7 else data[rng.randrange(len(data) + 1) :]


def _double(data: bytes, rng: random.Random) -> bytes:
    start, stop = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:stop] + data[start:stop] * rng.choice([1, 2, 10]) + data[stop:]


def _lines(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


def _shuffle_lines(data: bytes, rng: random.Random) -> bytes:
    lines = _lines(data)
    head = lines[:1] if rng.random() < 0.5 else []
    rest = lines[len(head) :]
    rng.shuffle(rest)
    return b"".join(head + rest)


def _drop_lines(data: bytes, rng: random.Random) -> bytes:
    share = rng.choice([0.02, 0.2, 0.9])
    return b"".join(line for line in _lines(data) if rng.random() > share)


def _repeat_lines(data: bytes, rng: random.Random) -> bytes:
    lines = _lines(data)
    if not lines:
        return data
    return b"".join(lines + [rng.choice(lines)] * rng.choice([1, 5, 300]))


def _change_delimiter(data: bytes, rng: random.Random) -> bytes:
    old, new = rng.sample([b",", b";", b"\t", b"|", b" ", b":", b"~"], 2)
    if rng.random() < 0.5:
        return data.replace(old, new)
    return data.replace(old, new, rng.randrange(1, 50))


def _reencode(data: bytes, rng: random.Random) -> bytes:
    text = data.decode("utf-8", "replace")
    name = rng.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "cp1253", "cp1251", "cp1252",
    "cp500", "shift_jis",
                       "gb18030", "euc_kr", "big5", "iso2022_jp", "utf-8-sig"])  # fmt: skip
    content = text.encode(name, "replace")
    return content[: -rng.choice([1, 2, 3])] if rng.random() < 0.3 else content


def _nasty_cells(data: bytes, rng: random.Random) -> bytes:
    cells = list(re.finditer(rb"[^,;\t|\r\n]+", data[:100_000]))
    if not cells:
        return data
    chosen = {match.start(): match.end() for match in rng.sample(cells, min(len(cells), rng.choice([1, 3, 30])))}
    if rng.random() < 0.2:  # a whole column: the cells at the same place of each line
        of = rng.randrange(8)
        return re.sub(
            rb"(?m)^((?:[^,;\t\r\n]*[,;\t]){%d})[^,;\t\r\n]+" % of,
            lambda match: match.group(1) + rng.choice(NASTY).encode(errors="replace"),
            data,
        )
    pieces, last = [], 0
    for start in sorted(chosen):
        pieces += [data[last:start], rng.choice(NASTY).encode(errors="replace")]
        last = chosen[start]
    return b"".join([*pieces, data[last:]])


def _more_columns(data: bytes, rng: random.Random) -> bytes:
    count = rng.choice([2, 20, 300, 3_000])
    lines = _lines(data)[: max(3, 300_000 // count)]
    delimiter = max((b",", b";", b"\t"), key=data.count)
    wide = []
    for line in lines:
        cells = line.rstrip(b"\r\n").split(delimiter)
        wide.append(delimiter.join(cells + [cells[-1][:60]] * count) + b"\n")
    return b"".join(wide)


def _long_header(data: bytes, rng: random.Random) -> bytes:
    size = rng.choice([300, 70_000, 300_000])
    kind = rng.choice([b"x", b"a,", b"a b ", b"\xc3\xa9", b"\n", b"#", b'"'])
    return kind * (size // len(kind)) + (b"" if rng.random() < 0.5 else b"\n") + data


def _quotes(data: bytes, rng: random.Random) -> bytes:
    content = bytearray(data)
    for _ in range(rng.choice([1, 2, 20])):
        at = rng.randrange(len(content) + 1)
        content[at:at] = rng.choice([b'"', b'""', b"'", b'",', b'"\n', b"\\"])
    return bytes(content)


def _nuls(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return (
        data[:at]
        + rng.choice([b"\x00", b"\x00" * 5_000, b"\x1a", b"\xff\xfe", b"\x0c", b"\x85", b"\xe2\x80\xa8"])
        + data[at:]
    )


def _insert_lines(data: bytes, rng: random.Random) -> bytes:
    lines = _lines(data)
    extra = [
        b"\n",
        b"# note\n",
        b",,,,\n",
        b"Total\n",
        b"a;b;c;d;e\n",
        b"[s],[V]\n",
        b"nan\n",
        b"----\n",
        b'"\n',
        b"x" * 70_000 + b"\n",
    ]
    for _ in range(rng.choice([1, 3])):
        lines.insert(rng.choice([0, 1, len(lines), rng.randrange(len(lines) + 1)]), rng.choice(extra))
    return b"".join(lines)


def _one_header(data: bytes, rng: random.Random) -> bytes:
    """Names that mean something elsewhere, or all equal."""
    lines = _lines(data)
    if not lines:
        return data
    delimiter = max((b",", b";", b"\t"), key=lines[0].count)
    names = lines[0].rstrip(b"\r\n").split(delimiter)
    usual = [b"time", b"date", b"hour", b"label", b"id", b"text", b"class", b"target", b"year", b"month", b"day",
    b"period",
             b"series", b"", b"d_1", b"2020", b"value", b"1", b"unique_id", b"ds", b"y", b"Unnamed: 0"]  # fmt: skip
    names = [rng.choice(usual) if rng.random() < 0.5 else name for name in names]
    return delimiter.join(names) + b"\n" + b"".join(lines[1:])


TEXT_MUTATIONS: tuple[Mutation, ...] = (
    _flip, _overwrite, _cut, _double, _shuffle_lines, _drop_lines, _repeat_lines, _change_delimiter, _reencode,
    _nasty_cells,
    _nasty_cells, _nasty_cells, _more_columns, _long_header, _quotes, _nuls, _insert_lines, _one_header,
)  # fmt: skip
BINARY_MUTATIONS: tuple[Mutation, ...] = (_flip, _flip, _overwrite, _cut, _double, _nuls)


def _zipped(members: list[Named], method: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def _wav(samples: int, rate: int) -> bytes:
    content = b"".join(struct.pack("<h", (i * 7919) % 20_000 - 10_000) for i in range(samples))
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(content), b"WAVE", b"fmt ", 16, 1, 1, rate,
    2 * rate, 2, 16,
                       b"data", len(content))  # fmt: skip
    return head + content


@cache
def binary_files() -> tuple[Named, ...]:
    """Small Parquet, WAV, .ts, ZIP and gzip files, and some that grow when they are read."""
    table = (CASES / "control_airpassengers.csv").read_bytes()
    texts = (CASES / "imdb.csv").read_bytes()
    arrow = pa_csv.read_csv(io.BytesIO((CASES / "bike_sharing_hour.csv").read_bytes()))
    nested = pa.table(
        {"a": [[1, 2], [3]], "b": [{"x": 1}, {"x": 2}], "c": [b"\xff", b""], "t": pa.array([1, 2], pa.duration("us"))}
    )
    grown = pa.table({"text": pa.DictionaryArray.from_arrays(pa.array([0] * 3_000_000, pa.int32()), ["word " * 60])})
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    parquet = []
    for part, compression in ((arrow, "snappy"), (arrow, "none"), (arrow, "zstd"), (nested, "gzip"), (grown, "snappy")):
        stream = io.BytesIO()
        pq.write_table(part, stream, compression=compression)
        parquet.append(("x.parquet", stream.getvalue()))
    zips = [_zipped([("air.csv", table)], method) for method in methods]
    ts = (
        b"@problemName x\n@univariate true\n@equalLength true\n@seriesLength 5\n@classLabel true a b\n@data\n"
        + b"".join(f"{i},2,3.5,4,{i}:{'ab'[i % 2]}\n".encode() for i in range(10))
    )
    multivariate = (
        b"@problemName x\n@univariate false\n@classLabel true a b\n@data\n" + b"1,2,3:4,5,6:a\n1,2,?:4,5,6:b\n" * 5
    )
    return (
        *parquet,
        *(("x.zip", content) for content in zips),
        ("x.zip", _zipped([("inner.zip", zips[1])], zipfile.ZIP_DEFLATED)),
        ("x.zip", _zipped([(f"{i}.csv", table) for i in range(20)], zipfile.ZIP_DEFLATED)),
        ("x.zip", _zipped([(f"{'ab'[i % 2]}/{i}.wav", _wav(900, 8_000)) for i in range(6)], zipfile.ZIP_DEFLATED)),
        ("x.zip", _zipped([("big.csv", b"x\n" + b"1\n" * 1_000_000)], zipfile.ZIP_DEFLATED)),
        ("x.zip", _zipped([("xl/workbook.xml", b"<x/>"), ("[Content_Types].xml", b"<x/>")], zipfile.ZIP_DEFLATED)),
        ("x.zip", _zipped([("../../evil.csv", table), ("__MACOSX/._x", b"\x00")], zipfile.ZIP_DEFLATED)),
        ("air.csv.gz", gzip.compress(table)),
        ("imdb.csv.gz", gzip.compress(texts)),
        ("x.csv.gz", gzip.compress(gzip.compress(table))),
        ("x.gz", gzip.compress(zips[1])),
        ("x.wav", _wav(4_000, 8_000)),
        ("x.ts", ts),
        ("x.ts", multivariate),
    )


def mutated_file(rng: random.Random) -> Named:
    """A damaged file and its name."""
    if rng.random() < 0.2:
        name, data = rng.choice(binary_files())
        mutations = TEXT_MUTATIONS if name.endswith(".ts") else BINARY_MUTATIONS
    else:
        name = rng.choice(sorted(load_cases()))
        data, mutations = (CASES / name).read_bytes(), TEXT_MUTATIONS
        if rng.random() < 0.05:
            name = rng.choice(
                ["x.txt", "x.tsv", "x.parquet", "x.wav", "x.ts", "x.zip", "x", "x.csv.gz", "é\u202e.csv", "=x.csv"]
            )
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        data = rng.choice(mutations)(data, rng)[:MOST_BYTES]
    return name, data


# Rewritings that mean the same. Each returns None where it doesn't apply to the case.

Rewriting = Callable[[bytes, Case], bytes | None]


def _text(data: bytes) -> str | None:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def _rectangle(data: bytes, case: Case) -> tuple[list[list[str]], str] | None:
    """The cells of a file that is a plain table, and its delimiter."""
    text = _text(data)
    if (
        text is None
        or case["kind"] == "pairs of sentences"
        or "\r" in text
        or "\x00" in text
        or re.search(r"(?m)^(#|sep=)", text)
    ):
        return None
    for delimiter in (";", "\t", ","):
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
        widths = {len(row) for row in rows}
        if rows and len(widths) == 1 and widths.pop() > 1:
            return rows, delimiter
    return None


def _written(rows: list[list[str]], delimiter: str, quoting: int = csv.QUOTE_MINIMAL) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, quoting=quoting, lineterminator="\n").writerows(rows)  # type: ignore[arg-type]
    return stream.getvalue().encode()


def _crlf(data: bytes, case: Case) -> bytes | None:
    text = _text(data)
    plain = text is not None and not re.search("[\r\0]", text) and case["kind"] != "a text"
    return None if not plain else data.replace(b"\n", b"\r\n")


def _with_bom(data: bytes, case: Case) -> bytes | None:
    text = _text(data)
    return None if text is None or "\x00" in text else b"\xef\xbb\xbf" + text.encode()


def _as_utf_16(data: bytes, case: Case) -> bytes | None:
    text = _text(data)
    return None if text is None or "\x00" in text else text.encode("utf-16")


def _blank_end(data: bytes, case: Case) -> bytes | None:
    text = _text(data)
    plain = text is not None and "\0" not in text and case["kind"] != "a text"
    return None if not plain else data.rstrip(b"\n") + b"\n\n\n"


def _no_line_end(data: bytes, case: Case) -> bytes | None:
    return None if _rectangle(data, case) is None else data.rstrip(b"\n")


def _quoted(data: bytes, case: Case) -> bytes | None:
    found = _rectangle(data, case)
    return None if found is None else _written(*found, csv.QUOTE_ALL)


def _other_delimiter(new: str) -> Rewriting:
    def rewrite(data: bytes, case: Case) -> bytes | None:
        found = _rectangle(data, case)
        if found is None or found[1] == new or any(re.search(r"[,;|\t]", cell) for row in found[0] for cell in row):
            return None
        return _written(found[0], new)

    return rewrite


def _zip(data: bytes, case: Case) -> bytes | None:
    return _zipped([("inner" + case["suffix"], data)], zipfile.ZIP_DEFLATED)


def _gzip(data: bytes, case: Case) -> bytes | None:
    return gzip.compress(data)


def _values(rows: list[list[str]], case: Case) -> list[int]:
    """The places of the value columns, where the case names them."""
    named = case.get("columns", [])
    return [i for i, name in enumerate(rows[0]) if name in named] if set(named) <= set(rows[0]) else []


def _renamed(data: bytes, case: Case) -> bytes | None:
    found = _rectangle(data, case)
    if found is None or "options" in case:
        return None
    rows, delimiter = found
    places = _values(rows, case)
    head = [f"{name} q" if i in places else name for i, name in enumerate(rows[0])]
    return _written([head, *rows[1:]], delimiter) if places else None


def _reordered(data: bytes, case: Case) -> bytes | None:
    found = _rectangle(data, case)
    if found is None:
        return None
    rows, delimiter = found
    places = _values(rows, case)
    if len(places) < 2:
        return None
    order = list(range(len(rows[0])))
    for place, other in zip(places, reversed(places), strict=True):
        order[place] = other
    return _written([[row[i] for i in order] for row in rows], delimiter)


REWRITINGS: dict[str, Rewriting] = {
    "CRLF": _crlf,
    "BOM": _with_bom,
    "UTF-16": _as_utf_16,
    "blank lines at the end": _blank_end,
    "no line end": _no_line_end,
    "quoted cells": _quoted,
    "semicolons": _other_delimiter(";"),
    "tabs": _other_delimiter("\t"),
    "pipes": _other_delimiter("|"),
    "commas": _other_delimiter(","),
    "zip": _zip,
    "gzip": _gzip,
    "renamed values": _renamed,
    "values in another order": _reordered,
}


def rewritten_file(rng: random.Random) -> tuple[str, str, Named] | None:
    """The name of a case, what was done to it, and the new file; None where that doesn't apply to the case."""
    name = rng.choice(sorted(load_cases()))
    how = rng.choice(sorted(REWRITINGS))
    case = load_cases()[name]
    if name in known_wrong() or "kind" not in case:
        return None
    data = REWRITINGS[how]((CASES / name).read_bytes(), {**case, "suffix": Path(name).suffix})
    if data is None:
        return None
    suffix = {"gzip": ".gz"}.get(how, "")
    return name, how, (name.rpartition(".")[0] + ".zip" if how == "zip" else name + suffix, data)
