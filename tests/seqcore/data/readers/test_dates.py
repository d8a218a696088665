"""Dates in the ways that people write them."""

from __future__ import annotations

import datetime
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcore.data.readers.dates import PIECE, ParsedDates, date_family, parse_dates

EARLIEST = datetime.datetime(1700, 1, 1)  # noqa: DTZ001 (a file's dates have no zone)
LATEST = datetime.datetime(2260, 1, 1)  # noqa: DTZ001


def parse(*cells: str | None, order: str = "auto") -> ParsedDates:
    family = date_family([cell for cell in cells if cell], share=0.5)
    assert family is not None
    return parse_dates(pa.chunked_array([list(cells)]), family, order=order)


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2024-01-31", "2024-01-31"),
        ("2024/1/5", "2024-01-05"),
        ("31.12.2024", "2024-12-31"),
        ("31/12/24", "2024-12-31"),
        ("12/31/1999", "1999-12-31"),
        ("31-12-99", "1999-12-31"),
        ("2024-01", "2024-01-01"),
        ("2024M03", "2024-03-01"),
        ("03/2024", "2024-03-01"),
        ("Jan 2024", "2024-01-01"),
        ("January 2024", "2024-01-01"),
        ("Jan-24", "2024-01-01"),
        ("2024 Feb", "2024-02-01"),
        ("1-Jan-24", "2024-01-01"),
        ("05. März 2024", "2024-03-05"),
        ("January 5, 2024", "2024-01-05"),
        ("5th Oct 2023", "2023-10-05"),
        ("2024Q3", "2024-07-01"),
        ("Q4 2023", "2023-10-01"),
        ("2024-W01", "2024-01-01"),
        ("2021-W01-3", "2021-01-06"),
        ("20240229", "2024-02-29"),
        ("1987", "1987-01-01"),
        ("2024-01-31 17:05", "2024-01-31T17:05"),
        ("2024-01-31T17:05:06.25", "2024-01-31T17:05:06.250"),
        ("31.01.2024 17:05:06", "2024-01-31T17:05:06"),
        ("1/31/2024 5:05 PM", "2024-01-31T17:05"),
        ("1/31/2024 12:05 am", "2024-01-31T00:05"),
        ("Wed, 31 Jan 2024 10:00:00 GMT", "2024-01-31T10:00"),
        ("20120101 1:00", "2012-01-01T01:00"),
        ("20120101T0100", "2012-01-01T01:00"),
        ("20160104 100100", "2016-01-04T10:01"),
        ("Jan-1-1995", "1995-01-01"),
        ("1-Jan-95", "1995-01-01"),
        ("1Q08", "2008-01-01"),
        ("2008-Q1", "2008-01-01"),
        ("2008H2", "2008-07-01"),
        ("1 juin 2020", "2020-06-01"),
        ("1er janvier 2020", "2020-01-01"),
        ("19 de mayo de 2020", "2020-05-19"),
        ("1 stycznia 2020 r.", "2020-01-01"),
        ("01.01.2020 05:00 - 01.01.2020 06:00", "2020-01-01T05:00"),
        ("22/01/2020 - 28/01/2020", "2020-01-22"),
        ("2020-01-01/2020-01-07", "2020-01-01"),
        ("2020-01-01 - 10:30", "2020-01-01T10:30"),
        ("19-05-2018 01:00 DST", "2018-05-19T01:00"),
        ("2020-01-01 24:00", "2020-01-02"),
        ("2020-01-01 9h30", "2020-01-01T09:30"),
        ("1.1.2020 14 Uhr", "2020-01-01T14:00"),
        ("01JAN2020:13:00:00", "2020-01-01T13:00"),
        ("2020-01-01T00:00+01:00[Europe/Berlin]", "2020-01-01"),
        ("Mon Jan 01 2018 05:00:00 GMT+0100 (CET)", "2018-01-01T05:00"),
        ("Mon Apr 06 22:19:45 PDT 2009", "2009-04-06T22:19:45"),
        ("2020年1月5日", "2020-01-05"),
    ],
)
def test_a_way_of_writing_dates_is_known(text: str, iso: str) -> None:
    assert parse(text).times[0] == np.datetime64(iso)


@pytest.mark.parametrize(
    "text",
    [
        "192.168.0.1",
        "13th Flort 2020",
        "junior 2020",
        "E1",
        "1-01",
        "10",
        "3.5",
        "hello",
        "may",
        "10:00",
        "2024-13-01",
        "31/04/2024",
        "29.02.2023",
        "Foo 2024",
    ],
)
def test_what_is_no_date_is_not_taken_for_one(text: str) -> None:
    assert date_family([text, text]) is None


def test_day_or_month_first_is_told_by_the_whole_column() -> None:
    cells = ["01/02/2024"] * (PIECE + 5)
    for last, first in (("13/02/2024", "2024-02-01"), ("02/13/2024", "2024-01-02")):
        parsed = parse_dates(pa.chunked_array([cells, [last]]), "numbers")
        assert parsed.times[0] == np.datetime64(first)
        assert not parsed.notes
        assert not parsed.bad.any()


def test_the_order_of_the_rows_tells_where_no_number_does() -> None:
    parsed = parse("11/12/2023", "12/01/2023", "01/02/2024")  # November, December, January
    assert parsed.times[0] == np.datetime64("2023-11-12")
    assert not parsed.notes


def test_two_digit_years_are_told_by_what_rises_in_small_steps() -> None:
    assert parse("24-01-05", "24-01-06", "24-01-07").times[2] == np.datetime64("2024-01-07")
    assert parse("05.01.24", "06.01.24", "07.01.24").times[2] == np.datetime64("2024-01-07")
    assert parse("24-01-05", order="day-first").times[0] == np.datetime64("2005-01-24")
    assert parse("2018/19", "2019/20").times[1] == np.datetime64("2019-01-01")


def test_dots_mean_that_the_day_comes_first() -> None:
    parsed = parse("01.02.2024", "02.02.2024")
    assert parsed.times[1] == np.datetime64("2024-02-02")
    assert not parsed.notes


def test_where_nothing_tells_the_day_comes_first_and_that_is_said() -> None:
    parsed = parse("01/02/2024", "01/03/2024")
    assert parsed.times[0] == np.datetime64("2024-02-01")
    assert parsed.notes == (
        "Dates such as 01/02/2024 were read with the day first; if that is wrong, set month-first.",
    )
    assert parse("01/02/2024", "01/03/2024", order="month-first").times[0] == np.datetime64("2024-01-02")


def test_a_column_with_both_orders_reports_the_rarer_one() -> None:
    assert parse("13/01/2024", "14/01/2024", "01/15/2024").bad.tolist() == [False, False, True]


def test_times_of_one_zone_stay_and_those_of_several_become_utc() -> None:
    one = parse("2024-01-01T00:00+01:00", "2024-01-02T00:00+01:00")
    assert one.times[0] == np.datetime64("2024-01-01")
    assert one.notes == ("Time zone: UTC+01:00.",)
    several = parse("2024-03-30T12:00+01:00", "2024-03-31T12:00+02:00", "2024-03-31T12:00Z")
    assert several.times.astype("datetime64[h]").astype(str).tolist() == [
        "2024-03-30T11",
        "2024-03-31T10",
        "2024-03-31T12",
    ]
    assert several.notes == ("Times in several time zones were converted to UTC.",)


def test_empty_cells_are_missing_and_not_wrong() -> None:
    parsed = parse("2024-01-01", None, "x")
    assert np.isnat(parsed.times).tolist() == [False, True, True]
    assert parsed.bad.tolist() == [False, False, True]


MONTHS = {
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "fr short": "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "ru short": "янв. фев. мар. апр. май июн. июл. авг. сен. окт. ноя. дек.",
    "sv": "januari februari mars april maj juni juli augusti september oktober november december",
    "da": "jan. feb. mar. apr. maj jun. jul. aug. sep. okt. nov. dec.",
    "no": "januar februar mars april mai juni juli august september oktober november desember",
    "cs": "ledna února března dubna května června července srpna září října listopadu prosince",
    "tr": "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık",
}


@pytest.mark.parametrize("language", MONTHS)
@pytest.mark.parametrize("accents", [True, False])
def test_months_of_a_language_are_read_back(language: str, accents: bool) -> None:
    names = MONTHS[language].split()
    if not accents:
        apart = (unicodedata.normalize("NFKD", name) for name in names)
        names = ["".join(c for c in name if not unicodedata.combining(c)).replace("ı", "i") for name in apart]
    expected = [np.datetime64(f"2021-{month:02d}-05") for month in range(1, 13)]
    assert parse(*(f"5 {name} 2021" for name in names)).times.tolist() == np.array(expected, "datetime64[ns]").tolist()
    assert parse(*(f"Mo., 5. {name} 2021 14:30" for name in names)).times[11] == np.datetime64("2021-12-05T14:30")
    months = parse(*(f"{name} 2021" for name in names)).times.astype("datetime64[M]").astype(int) % 12
    assert months.tolist() == list(range(12))


DAILY = [
    *("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d-%m-%y", "%y-%m-%d", "%m/%d/%Y", "%m/%d/%y", "%d %b %Y", "%d-%b-%y"),
    *("%b-%d-%Y", "%A, %B %d, %Y", "%d%b%Y", "%Y%m%d %H:%M", "%Y%m%dT%H%M", "%Y-%j", "%Y-%m-%d/%Y-%m-%d"),
    *("%d.%m.%Y %H:%M - %d.%m.%Y %H:%M", "%a %b %d %Y %H:%M:%S GMT+0100", "%a %b %d %H:%M:%S PDT %Y", "%Y年%m月%d日"),
    *("%Y-%m-%d (%a)", "%d/%m/%Y %I:%M %p", "%d.%m.%Y %H Uhr", "%Y-%m-%dT%H:%M:%S.%fZ"),
]


@given(st.dates(EARLIEST.date(), LATEST.date()), st.integers(60, 200), st.sampled_from(DAILY))
@settings(deadline=None, max_examples=30)
def test_a_calendar_of_days_is_read_back(start: datetime.date, count: int, form: str) -> None:
    if "%y" in form:  # two digits are years from 1970 to 2069
        start = start.replace(year=1970 + start.year % 99, day=min(start.day, 28))
    days = [start + datetime.timedelta(days=i) for i in range(count)]
    written = [datetime.datetime.combine(day, datetime.time()).strftime(form) for day in days]
    parsed = parse(*written)
    assert not parsed.bad.any()
    assert parsed.times.astype("datetime64[D]").tolist() == days


@given(
    st.integers(1700, 2200),
    st.integers(8, 40),
    st.sampled_from(["{y}Q{q}", "{y}-Q{q}", "Q{q} {y}", "{q}Q{y}", "{y} {q}. Quartal"]),
)
@settings(deadline=None, max_examples=15)
def test_a_calendar_of_quarters_is_read_back(year: int, count: int, form: str) -> None:
    parsed = parse(*(form.format(y=year + i // 4, q=i % 4 + 1) for i in range(count)))
    assert parsed.unit == "quarter"
    assert (parsed.times.astype("datetime64[M]").astype(int) % 12).tolist() == [i % 4 * 3 for i in range(count)]


@given(
    st.lists(st.datetimes(EARLIEST, LATEST), min_size=1, max_size=20),
    st.sampled_from(["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%d %b %Y %H:%M:%S"]),
)
@settings(deadline=None, max_examples=30)
def test_what_python_writes_reads_back(moments: list[datetime.datetime], form: str) -> None:
    whole = [moment.replace(microsecond=0) for moment in moments]
    order = "month-first" if form.startswith("%m") else "day-first"
    parsed = parse(*(moment.strftime(form) for moment in whole), order=order)
    assert parsed.times.astype("datetime64[s]").tolist() == whole
