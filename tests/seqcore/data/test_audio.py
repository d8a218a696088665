"""Sounds: read from files, brought to one rate, and turned into frames that say what is heard and not how loud."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from seqcore.data.audio import RATE, Sound, features, mel_names, read_sound, resample, sound_table
from seqcore.errors import DataError


def tone(frequency: float, seconds: float = 0.5, rate: int = RATE) -> NDArray[np.float32]:
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def wav(samples: NDArray[np.float32], rate: int = RATE, **kwargs: str) -> bytes:
    file = BytesIO()
    soundfile.write(file, samples, rate, format="WAV", **kwargs)
    return file.getvalue()


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000])
def test_a_tone_of_any_rate_is_the_same_tone_after_reading(rate: int) -> None:
    sound = read_sound(wav(tone(1000.0, rate=rate), rate), name="tone.wav")
    assert sound.rate == RATE
    assert abs(len(sound) - RATE // 2) <= 1
    inner = slice(400, 7_000)
    assert np.abs(sound.samples[inner] - tone(1000.0)[inner]).max() < 2e-3


def test_what_the_lower_rate_cannot_hold_does_not_fold_back() -> None:
    folded = resample(tone(12_000.0, rate=48_000), 48_000, RATE)
    assert np.abs(folded[400:-400]).max() < 1e-3


def test_channels_are_mixed_and_a_path_is_read_too(tmp_path: Path) -> None:
    both = np.stack([tone(500.0), np.zeros(RATE // 2, dtype=np.float32)], axis=1)
    path = tmp_path / "two.wav"
    path.write_bytes(wav(both, subtype="FLOAT"))
    assert np.allclose(read_sound(path).samples, tone(500.0) / 2, atol=1e-6)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a readable sound file"),
        (b"time,value\n1,2\n", "not a readable sound file"),
        (wav(tone(440.0))[:20], "not a readable sound file"),
        (wav(np.zeros(0, dtype=np.float32)), "lasts 0 seconds"),
        (wav(np.zeros(8_000, dtype=np.float32)), "recording is silent"),
        (wav(np.full(800, np.nan, dtype=np.float32), subtype="FLOAT"), "non-finite"),
        (wav(np.zeros(600 * 2_000, dtype=np.float32), 2_000), "lasts 10:00 min; the limit is 1:00 min"),
        (wav(tone(100.0), 1_000), "a sampling rate of 1000 Hz is not allowed"),
    ],
)
def test_a_bad_recording_gets_one_line_with_its_name(content: bytes, says: str) -> None:
    with pytest.raises(DataError) as caught:
        read_sound(content, name="mine.wav")
    (line,) = caught.value.lines
    assert line.startswith("mine.wav: ")
    assert says in line


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.wav: file not found"):
        read_sound(tmp_path / "gone.wav")


def test_frames_show_where_the_power_is() -> None:
    middles = np.array([float(name.removesuffix(" Hz")) for name in mel_names()])
    for frequency in (300.0, 1000.0, 3000.0):
        frames = features(Sound(RATE, tone(frequency)))
        loudest = middles[frames.mean(axis=0).argmax()]
        assert abs(loudest - frequency) < 0.08 * frequency + 30


def test_loudness_does_not_matter_and_silence_around_is_cut() -> None:
    own = tone(300.0) + tone(2_000.0) / 10
    quiet = np.zeros(RATE, dtype=np.float32)
    frames = features(Sound(RATE, own))
    assert np.allclose(features(Sound(RATE, own / 50)), frames, atol=1e-3)
    surrounded = features(Sound(RATE, np.concatenate([quiet, own, quiet])))
    assert len(frames) <= len(surrounded) <= len(frames) + 14
    assert np.abs(surrounded[12:-12].mean(axis=0) - frames.mean(axis=0)).max() < 0.1


def test_a_recording_shorter_than_a_window_is_one_frame() -> None:
    assert features(Sound(RATE, tone(500.0, 0.01))).shape == (1, 40)


def test_several_recordings_make_a_table_with_the_sound_beside_the_frames() -> None:
    sounds = [Sound(RATE, tone(400.0, 0.3)), Sound(8_000, tone(900.0, 0.2, 8_000))]
    table = sound_table(sounds, labels=["low", "high"], groups=["Ann", "Bob"], names=["a.wav", "b.wav"])
    assert table.recordings is not None
    assert table.recordings.rates == (RATE, 8_000)
    assert [len(s) for s in table.recordings.samples] == [4_800, 1_600]
    assert table.recordings.seconds == pytest.approx(0.5)
    assert table.independent
    assert table.labels is not None
    assert table.labels.tolist() == ["low", "high"]
    assert table.values.shape == (int(table.lengths.sum()), 40)
    assert table.lengths.tolist() == [28, 18]


def test_sixteen_bits_are_kept_as_such_and_at_their_own_rate() -> None:
    content = wav(tone(440.0, 1.0, 8_000), 8_000)
    as_read = read_sound(content, rate=None)
    kept = sound_table([as_read]).recordings
    assert kept is not None
    assert (kept.rates, kept.samples[0].dtype) == ((8_000,), np.int16)
    assert np.array_equal(kept.waveform(0), as_read.samples)
    assert np.array_equal(features(Sound(8_000, kept.waveform(0))), features(read_sound(content)))


def test_what_a_low_rate_can_not_hold_is_said() -> None:
    low, high, lower = Sound(8_000, tone(440.0, rate=8_000)), Sound(44_100, tone(440.0, rate=44_100)), 6_000
    assert sound_table([low, low]).notes == ("Recorded at 8,000 Hz, so there is no signal above 4,000 Hz.",)
    assert sound_table([low, high, Sound(lower, tone(440.0, rate=lower))], notes=["One."]).notes == (
        "One.",
        "2 of 3 recordings: recorded at 6,000 to 8,000 Hz, so there is no signal above 3,000 to 4,000 Hz.",
    )
    assert sound_table([high]).notes == ()


def test_what_is_finer_than_sixteen_bits_stays_fine() -> None:
    kept = sound_table([Sound(RATE, tone(440.0) / 3)]).recordings
    assert kept is not None
    assert np.array_equal(kept.waveform(0), tone(440.0) / 3)


def test_full_volume_is_kept_at_both_ends() -> None:
    loud = np.where(np.arange(RATE) % 40 < 20, 32_767, -32_768).astype(np.float32) / 32_768
    kept = sound_table([Sound(RATE, loud)]).recordings
    assert kept is not None
    assert kept.samples[0].dtype == np.int16
    assert np.array_equal(kept.waveform(0), loud)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100])
def test_a_long_sound_goes_through_in_pieces_as_if_it_were_one(rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tone(1_000.0, 5.0, rate) + tone(333.0, 5.0, rate)
    whole = resample(long, rate, RATE)
    frames = features(Sound(RATE, whole))
    monkeypatch.setattr("seqcore.data.audio._PIECE", 20_000)
    monkeypatch.setattr("seqcore.data.audio._FRAMES", 7)
    pieces = resample(long, rate, RATE)
    assert pieces.shape == whole.shape
    assert np.abs(pieces - whole).max() < 1e-4
    assert np.allclose(features(Sound(RATE, whole)), frames)
