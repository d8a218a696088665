"""What the cells and the name of a column say about it, computed once, and only where it is asked for."""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seqcore.data.readers.column_parsing import Columns, Origin, distinct, example_of, is_text, is_whole, sample
from seqcore.data.readers.numbers import find_unit, number_share

__all__ = [
    "HINTS",
    "LABEL_NAMES",
    "Profile",
    "are_labels",
    "as_level",
    "is_constant_within",
    "levels_of",
    "profiles_of",
]

_LABEL = """
    label labels class classes classlabel class_label class_name classname target_class category categories klasse
    klassen etikett etikette clase classe kategorie sentiment activity gesture emotion
"""
_WORDS = {
    "label": f"""
        {_LABEL} target targets outcome outcomes result y rating ratings star stars score polarity topic intent
        diagnosis spam verdict toxic toxicity stance species genre truth annotation v1 lang language is_spam is_fake
    """,
    "text": """
        text texts sentence sentences message messages review reviews tweet tweets content body title headline sequence
        seq word document comment comments description summary question phrase satz nachricht texte post abstract
    """,
    "group": """
        speaker subject person patient participant user group speaker_id subject_id person_id patient_id participant_id
        user_id subjectid speakerid sprecher proband
    """,
    "panel": "store shop item station sensor city country region state ticker symbol company stock product dept branch",
    "series": """
        id name series sequence seq sample case key symbol ticker item store station sensor device unit city country
        region stock company product code site location asset machine engine trial recording utterance file
        episode run unique_id series_id sequence_id sequenceid seq_id sample_id case_id item_id store_id sensor_id
        station_id unit_id device_id trial_id recording_id file_id series_name uid sid
        stn station_no stations_id site_no nmi zone zone_id zoneid area district route node meter household
        building plant feeder
    """,
    "step": """
        time t ds step steps timestep time_step time_idx timeidx time_index tick frame frame_id index idx n k pos
        position order seq_no cycle cycles second seconds ms dim_index week weeks day days month months period round
    """,
    "year": "year years yr yyyy jahr année annee anno año ano jaar",
    "id": """
        id ids uid uuid guid index idx row rownum rownumber nr no number key code codes instant obs record counter
        objectid rowid identifier
    """,
}
HINTS = {role: frozenset(words.split()) for role, words in _WORDS.items()}
HINTS["series"] |= HINTS["panel"]
"""Words in the names of columns that hint at a role; cells decide."""
LABEL_NAMES = frozenset(_LABEL.split())
_ROWS = 50_000  # rows examined for what needs neighboring rows


class Profile:
    """One column: its sampled `cells`, and facts about them. `place` is its place in the file."""

    def __init__(self, name: str, place: int, column: pa.ChunkedArray, origin: Origin) -> None:
        self.name, self.place, self.column, self._origin = name, place, column, origin
        self.text = is_text(column)
        self.empty = bool(column.null_count == len(column))

    def hint(self, role: str) -> float:
        """1 if the name is a usual one for the role, 0.5 if one of its words is, else 0."""
        name = self.name.strip().lower()
        if name in (LABEL_NAMES if role == "label" else HINTS[role]):
            return 1.0
        words = re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.name).lower())
        return 0.5 if HINTS[role] & {name, *words} else 0.0

    @cached_property
    def cells(self) -> list[str]:
        """Up to 400 filled cells, spread over the column."""
        return sample(self.column)

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each of the cells occurs."""
        return Counter(self.cells)

    @property
    def distinct(self) -> float:
        """The share of distinct cells, 0 to 1."""
        return len(self.counts) / max(1, len(self.cells))

    @cached_property
    def levels(self) -> Counter[str]:
        """How often each distinct value occurs: in all cells if there are few distinct ones, else in `cells`."""
        return levels_of(self.column) if len(self.counts) <= 60 else self.counts

    @cached_property
    def filled(self) -> float:
        """The share of filled cells."""
        return 1 - int(self.column.null_count) / max(1, len(self.column))

    @cached_property
    def numbers(self) -> float:
        """The share of cells that are numbers; 1 for numeric and boolean types, 0 for dates."""
        if not self.text:
            kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
            return float(any(check(self.column.type) for check in kinds))
        decimal = self._origin.decimal
        return max(number_share(self.cells, decimal), number_share(self.cells, decimal, self.unit))

    @cached_property
    def unit(self) -> str:
        """The unit that nearly all cells of text share, or ""."""
        return find_unit(self.cells, self._origin.decimal) if self.text else ""

    @property
    def numeric(self) -> bool:
        """Whether most cells are numbers."""
        return self.numbers > 0.5

    @cached_property
    def whole(self) -> bool:
        """Whether a column of a numeric type holds whole numbers."""
        return not self.text and is_whole(self.column)

    @property
    def coded(self) -> bool:
        """Whether the cells can be names or codes: text, booleans or whole numbers."""
        return not self.empty and (self.text or self.whole or pa.types.is_boolean(self.column.type))

    @cached_property
    def constant(self) -> bool:
        """Whether all filled cells are equal."""
        if self.empty or len(self.counts) > 1:
            return bool(self.empty)
        ends = pc.min_max(self.column)
        return bool(ends["min"].as_py() == ends["max"].as_py())

    @cached_property
    def unique(self) -> bool:
        """Whether no cell is empty or occurs twice."""
        few = len(self.counts) < len(self.cells) or self.column.null_count > 0
        first = self.column.slice(0, 5_000)
        if few or len(first.unique()) < len(first):  # fast
            return False
        return bool(len(self.column) == pc.count_distinct(self.column).as_py())

    @cached_property
    def counts_up(self) -> bool:
        """Whether whole numbers rise by 1 from row to row."""
        if not self.whole or self.column.null_count:
            return False
        values = np.asarray(self.column)
        return len(values) > 1 and bool(np.all(np.diff(values) == 1))

    @cached_property
    def lies_in_blocks(self) -> bool:
        """Whether equal values lie together (in the first rows)."""
        coded = codes(self.column)
        return bool((np.diff(coded) != 0).sum() + 1 == len(np.unique(coded)))

    @cached_property
    def repeats(self) -> bool:
        """Whether values come again: at most 0.7 distinct ones a row (in the first rows)."""
        first = self.column.slice(0, 5_000).drop_null()
        return len(first) > 0 and len(first.unique()) <= 0.7 * len(first)

    @cached_property
    def distinct_of_all(self) -> float:
        """The number of distinct values a row, 0 to 1; slow for many rows."""
        return int(pc.count_distinct(self.column).as_py()) / max(1, len(self.column))

    @cached_property
    def words(self) -> float:
        """The median number of words in a cell."""
        return float(np.median([len(cell.split()) for cell in self.cells])) if self.cells else 0.0

    @cached_property
    def prose(self) -> float:
        """How much the cells look like written text, from 0 to 1."""
        links = sum("://" in cell for cell in self.cells)
        if not self.text or self.numeric or not self.cells or links > 0.5 * len(self.cells):
            return 0.0
        length = float(np.median([len(cell) for cell in self.cells]))
        kind = 1.0 if self.words >= 4 else 0.8 if self.words >= 2 else 0.6 if length >= 20 else 0.35
        return (
            kind
            * (0.3 + 0.7 * min(1.0, 1.5 * self.distinct))
            * min(1.0, 0.2 + self.filled)
            * (1.15 if self.hint("text") else 1)
        )

    @property
    def example(self) -> str:
        """The first filled cell."""
        return example_of(self.column)

    def release(self) -> None:
        """Let go of the column; what was computed stays."""
        self.column = self.column.slice(0, 0)


def profiles_of(columns: Columns, origin: Origin) -> dict[str, Profile]:
    """The profile of each column."""
    return {name: Profile(name, place, column, origin) for place, (name, column) in enumerate(columns.items())}


def levels_of(column: pa.ChunkedArray) -> Counter[str]:
    """How often each distinct value occurs; whole numbers are written without a decimal point."""
    counts = Counter[str]()
    for pair in column.drop_null().value_counts().to_pylist():
        counts[as_level(pair["values"])] += pair["counts"]
    return counts


def as_level(value: object) -> str:
    """A cell as the name of a level, in one line."""
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", str(value)).strip()


def are_labels(cells: list[str]) -> bool:
    """Whether the cells are a few words, repeated many times."""
    counts = Counter(cells)
    if len(cells) >= 20:
        few = len(counts) <= 0.1 * len(cells) or len(counts) <= min(10, 0.2 * len(cells))
        return few and all(len(cell.split()) < 4 for cell in counts)
    return len(counts) <= 0.5 * len(cells) and all(" " not in cell and n > 1 for cell, n in counts.items())


def codes(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Codes of the distinct values in the first rows; -1 for an empty cell."""
    return distinct(column.slice(0, _ROWS))[1]


def is_constant_within(values: pa.ChunkedArray, ids: pa.ChunkedArray) -> float:
    """The share of ids that have a single value (in the first rows); 0 if there are not more ids than values."""
    value, name = codes(values), codes(ids)
    pairs = np.unique(np.stack([name, value]), axis=1)
    each = np.bincount(pairs[0] + 1)
    count = int((each > 0).sum())
    return float((each == 1).sum()) / count if count > len(np.unique(value)) else 0.0
