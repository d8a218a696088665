"""What a step is called, by what the data are."""

from __future__ import annotations

import numpy as np
import pytest

from seqcore.data.audio import Sound, sound_table
from seqcore.data.step_units import STEP
from seqcore.data.table import Table, symbol_table


def test_a_row_is_called_by_what_it_is() -> None:
    words = symbol_table([["a", "fine", "video"]], separator=" ", independent=True)
    letters = symbol_table([list("abc")], independent=True)
    videos = Table(np.zeros((3, 4)), ("1", "2", "3", "4"), frame=(2, 2))
    sounds = sound_table([Sound(16_000, np.sin(np.arange(8_000) / 5).astype(np.float32))])
    named = [table.unit.span(7, 12) for table in (words, letters, videos, sounds)]
    assert named == ["7 to 12 words", "7 to 12 characters", "7 to 12 frames", "0.07 to 0.12 s"]
    assert Table(np.zeros((3, 1)), ("a",)).unit.counted(1) == "1 row"


@pytest.mark.parametrize(
    ("low", "high", "text"), [(5, 5, "5 steps"), (1, 1, "1 step"), (20, 1200, "20 to 1,200 steps")]
)
def test_a_span_of_one_length_is_that_length(low: int, high: int, text: str) -> None:
    assert STEP.span(low, high) == text
