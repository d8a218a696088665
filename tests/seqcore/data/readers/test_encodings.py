"""The encoding of a file: declared, recognised by its bytes, or guessed by its letters, and asked about in doubt."""

from __future__ import annotations

import pytest

from seqcore.data.readers.encoding_guess import ENCODINGS, codec_of
from seqcore.data.readers.read_table import FileOptions, read_table
from seqcore.data.table import Table
from seqcore.errors import DataError


def read(content: bytes, name: str = "x.csv", **options: str) -> Table:
    return read_table(content, name=name, options=FileOptions(**options))  # type: ignore[arg-type]


def line_of(content: bytes, **options: str) -> str:
    with pytest.raises(DataError) as error:
        read(content, **options)
    (line,) = error.value.lines
    return line


HEADERS = [
    ("cp1252", "Größe;Datum"),
    ("cp1252", "Température;Année"),
    ("cp1252", "Días;Año"),
    ("cp1252", "Preço;Região"),
    ("cp1252", "T °C;c µg/m³"),
    ("mac-roman", "Température;Été"),
    ("cp1250", "Wartość;Miejscowość"),
    ("cp1250", "Hőmérséklet;Város"),
    ("iso8859-2", "Měsíc;žena"),
    ("cp1257", "Mėnuo;Žmonės"),
    ("cp1254", "Satış;Şehir"),
    ("cp1251", "Продажи;Город"),
    ("koi8-r", "Продажи;Город"),
    ("cp1253", "Ημερομηνία;Θερμοκρασία"),
    ("cp1255", "ערך;תאריך"),
    ("cp1256", "القيمة;التاريخ"),
    ("shift_jis", "日付;売上"),
    ("shift_jis", "ヒヅケ;①号店"),
    ("euc-jp", "きおん;とうきょう"),
    ("gb18030", "日期;销售额"),
    ("big5", "日期;銷售額"),
    ("cp949", "날짜;판매량"),
]


@pytest.mark.parametrize(("encoding", "header"), HEADERS)
def test_a_header_alone_is_enough_to_guess_an_encoding(encoding: str, header: str) -> None:
    table = read(f"{header}\n1;2\n3;5\n".encode(codec_of(encoding)), date_column="none")
    assert table.columns == tuple(header.split(";"))
    assert table.notes[0] == f"Encoding: read as {ENCODINGS[encoding].title}, because the file is not UTF-8."


@pytest.mark.parametrize(("encoding", "header"), HEADERS)
def test_an_encoding_can_be_chosen(encoding: str, header: str) -> None:
    table = read(f"{header}\n1;2\n3;5\n".encode(codec_of(encoding)), encoding=encoding, date_column="none")
    assert (table.columns, table.notes) == (tuple(header.split(";")), ())


def test_every_encoding_that_is_guessed_can_be_chosen() -> None:
    choices = FileOptions.model_json_schema()["properties"]["encoding"]
    assert all(FileOptions(encoding=name).encoding == name for name in ENCODINGS), choices


def test_a_doubtful_guess_is_a_question_with_the_header_in_each_answer() -> None:
    table = read("Vērtība;n\n1;2\n3;4\n".encode("cp1257"))
    (question,) = (q for q in table.report.questions if "encoding" in q.sentence)
    answer = next(a for a in question.answers if a.options == {"encoding": "cp1257"})
    assert answer.title == "Windows 1257: Vērtība;n"
    chosen = read("Vērtība;n\n1;2\n3;4\n".encode("cp1257"), encoding="cp1257", date_column="none")
    assert chosen.columns == ("Vērtība", "n")


def test_a_clear_guess_asks_nothing() -> None:
    for text, encoding in (("Größe;n\n1;2\n3;4\n", "cp1252"), ("日付;n\n1;2\n3;4\n", "shift_jis")):
        assert not [q for q in read(text.encode(encoding)).report.questions if "encoding" in q.sentence]


def test_texts_and_pairs_ask_too() -> None:
    text = read("Vērtība ir liela.\n".encode("cp1257") * 20, "x.txt")
    assert any("encoding" in question.sentence for question in text.report.questions)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ["a,b\n1,2\n3,4\n", "Ημέρα,τιμή\n1,2\n3,4\n", "日付,b\n1,2\n3,4\n"])
def test_utf_16_without_a_mark_is_recognised(encoding: str, text: str) -> None:
    table = read(text.encode(encoding))
    assert table.columns == tuple(text.partition("\n")[0].split(","))
    assert table.values.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", ["x.csv", "x.txt", "x.tsv"])
def test_unicode_that_is_cut_off_in_a_character_is_said(encoding: str, name: str) -> None:
    with pytest.raises(DataError, match=r"ends in the middle of a character|is a binary file|is not utf"):
        read("größe,b\n1,2\n3,4\n".encode(encoding)[:-1], name)


def test_utf_8_that_is_cut_off_in_a_character_is_said() -> None:
    content = "größe,n\n1,ä\n2,日".encode()
    assert "row 3: the file ends in the middle of a character (utf-8)" in line_of(content[:-1])
    assert "row 3: the file ends in the middle of a character" in line_of(content[:-1], encoding="utf-8")


def test_a_last_letter_that_is_not_utf_8_is_no_cut() -> None:
    assert "Windows 1252" in read("n,a\n1,x\n2,\xe9".encode("cp1252")).notes[0]


def test_rows_in_two_encodings_are_refused_with_their_numbers() -> None:
    content = "a,b\n1,ä\n".encode() + "2,ö\n".encode("cp1252")
    assert line_of(content).startswith("x.csv, row 3: this row is not UTF-8, but row 2 is; the file mixes encodings")


def test_a_chosen_encoding_that_does_not_fit_names_the_row() -> None:
    assert line_of(b"a,b\n1,2\n\xff\xff,3\n", encoding="utf-8").startswith("x.csv, row 3: this is not utf-8-sig")
    assert "is not cp932" in line_of(b"a,b\n1,2\n\x81\x20,3\n", encoding="shift_jis")
