"""Made voices: many, different, and the same each time."""

from __future__ import annotations

import numpy as np
import pytest

from seqcore.data.audio import RATE
from seqcore.data.sources.vowels import VOWELS, SpokenVowels
from seqcore.data.splits import assigned_splits
from seqcore.data.table import Table
from seqcore.errors import DataError


@pytest.fixture(scope="module")
def few() -> Table:
    return SpokenVowels(speakers=12, repeats=1, vowels=len(VOWELS), seed=3).table()


def test_every_voice_says_every_vowel_and_can_be_listened_to(few: Table) -> None:
    assert few.labels is not None
    assert few.groups is not None
    assert few.recordings is not None
    assert set(few.recordings.rates) == {RATE}
    for voice in range(12):
        assert sorted(few.labels[few.groups == voice].tolist()) == sorted(VOWELS)
    for samples in few.recordings.samples:
        assert 0.1 < len(samples) / RATE < 1.0
        assert 0.01 < np.abs(samples).max() <= 1.0
    assert few.lengths.min() > 10
    assert len(set(few.lengths.tolist())) > 5


def test_the_same_seed_gives_the_same_sounds_and_another_gives_others(few: Table) -> None:
    again = SpokenVowels(speakers=12, repeats=1, vowels=len(VOWELS), seed=3).table()
    assert np.array_equal(again.values, few.values)
    assert not np.array_equal(SpokenVowels(speakers=12, repeats=1, vowels=10).table().values[:50], few.values[:50])


def test_the_spectrum_peaks_at_the_vowels_formants(few: Table) -> None:
    """Over all voices /i/ has its power low and above 1.8 kHz, /ɑ/ between."""
    assert few.labels is not None
    middles = np.array([float(name.removesuffix(" Hz")) for name in few.columns])
    between, above = (middles > 700) & (middles < 1300), (middles > 1800) & (middles < 3600)

    def difference(label: str) -> float:
        assert few.labels is not None
        means = [
            few.values[few.offsets[s] : few.offsets[s + 1]].mean(axis=0) for s in np.flatnonzero(few.labels == label)
        ]
        mean = np.mean(means, axis=0)
        return float(mean[above].max() - mean[between].max())

    assert difference("heed /i/") > 0.0
    assert difference("hod /ɑ/") < -2.0


def test_a_speaker_is_in_one_part_only(few: Table) -> None:
    assert few.groups is not None
    parts = assigned_splits(few, 0.2, 0.2)
    assert set(parts.tolist()) == {0, 1, 2}
    for voice in range(12):
        assert len(set(parts[few.groups == voice].tolist())) == 1


def test_too_many_recordings_are_refused_in_one_line() -> None:
    with pytest.raises(DataError, match="use at most 20,000"):
        SpokenVowels(speakers=1_000, repeats=100).table()
