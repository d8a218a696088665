"""Audio: reads sound files, resamples them, and computes log-mel frames."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from seqcore.data.step_units import FRAME_SECONDS
from seqcore.data.table import FULL_SCALE, Recordings, Table
from seqcore.errors import DataError
from seqcore.results.formatting import format_duration

__all__ = [
    "FLOOR",
    "LOUD",
    "MOST_SECONDS",
    "RATE",
    "Sound",
    "features",
    "levelled",
    "mel_names",
    "mel_power",
    "read_sound",
    "resample",
    "sound_table",
]

RATE = 16_000  # Hz, of all sounds after reading: speech has little energy above 8 kHz
MOST_SECONDS = 60.0  # of one recording: 6,000 frames, a practical limit for recurrent networks
RATES = (2_000, 384_000)
MOST_CHANNELS = 32
MELS = 40
FLOOR = 1e-5  # of the level: frames below -50 dB are silence
LOUD = 0.9  # quantile of the frame power that is the level of a recording
_WINDOW, _HOP, _SIZE = 400, 160, 512  # 25 ms, 10 ms, points of a spectrum
_LOWEST, _HIGHEST = 60.0, 7_600.0  # Hz
_SILENT = 1e-5  # peaks below the last of 16 bits are silence
_QUIET = 1e-4  # of the level: frames below -40 dB are trimmed at both ends
_KEPT = 5  # frames kept before and after the sound
_BLOCK = 65_536  # frames read at a time
_PIECE = 1 << 18  # samples resampled at a time
_FRAMES = 1_000  # spectra taken at a time
_MORE = 65_536  # frames of a table allocated at a time

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Sound:
    """A waveform: `samples[n]` from -1 to 1 at a sampling rate of `rate` Hz."""

    rate: int
    samples: Samples

    @property
    def seconds(self) -> float:
        """The duration."""
        return len(self.samples) / self.rate

    def __len__(self) -> int:
        return len(self.samples)


def read_sound(content: bytes | os.PathLike[str] | str | BinaryIO, *, name: str = "", rate: int | None = RATE) -> Sound:
    """Read a WAV file (or another format of libsndfile) as mono, resampled to `rate` unless None.

    DataError, one line, with `name`: not a sound file, damaged, silent, longer than a minute.
    """
    import soundfile  # type: ignore[import-untyped]  # loads a native library

    path = Path(content) if isinstance(content, str | os.PathLike) else None
    label = name or (path.name if path is not None else "sound")
    try:
        with soundfile.SoundFile(BytesIO(content) if isinstance(content, bytes) else content) as file:
            own, mixed = int(file.samplerate), _mixed(file, label)
    except (soundfile.SoundFileError, OSError, ValueError, TypeError):
        if path is not None and not path.exists():
            raise DataError(f"{label}: file not found; check name and folder") from None
        raise DataError(f"{label}: this is not a readable sound file, or it is damaged; give a WAV file") from None
    if len(mixed) == 0:
        raise DataError(f"{label}: this recording lasts 0 seconds; give a longer one")
    if not np.isfinite(mixed).all():
        raise DataError(f"{label}: this recording has non-finite values; save it as 16-bit WAV")
    if max(mixed.max(), -mixed.min()) < _SILENT:
        raise DataError(f"{label}: this recording is silent; give one with sound")
    return Sound(own, mixed) if rate is None else Sound(rate, resample(mixed, own, rate))


def _mixed(file: Any, label: str) -> Samples:
    """The mean of all channels, [n], read in blocks to limit memory."""
    rate, channels = int(file.samplerate), int(file.channels)
    if not RATES[0] <= rate <= RATES[1]:
        raise DataError(f"{label}: a sampling rate of {rate} Hz is not allowed; use {RATES[0]:,} to {RATES[1]:,}")
    if channels > MOST_CHANNELS:
        raise DataError(f"{label}: {channels} channels are not allowed; use at most {MOST_CHANNELS}")
    if file.frames > MOST_SECONDS * rate:
        raise DataError(
            f"{label}: this recording lasts {format_duration(file.frames / rate)}; the limit is "
            f"{format_duration(MOST_SECONDS)}: split it into shorter ones"
        )
    most, done = math.ceil(MOST_SECONDS * rate), 0
    mixed = np.empty(min(most, max(file.frames, 0)), dtype=np.float32)  # some formats only estimate it
    while done < most and len(block := file.read(min(_BLOCK, most - done), dtype="float32", always_2d=True)):
        if done + len(block) > len(mixed):
            mixed.resize(min(most, 2 * (done + len(block))), refcheck=False)
        mixed[done : done + len(block)] = block.mean(axis=1, dtype=np.float32)
        done += len(block)
    mixed.resize(done, refcheck=False)
    return mixed


def resample(samples: NDArray[Any], rate: int, new_rate: int) -> Samples:
    """Resample `samples[n]` by FFT, with the upper end of the spectrum faded out against aliasing.

    Long signals are processed in pieces that overlap by a tenth of a second.
    """
    if rate == new_rate or len(samples) == 0:
        return np.asarray(samples, dtype=np.float32)
    common = math.gcd(rate, new_rate)
    up, down = new_rate // common, rate // common
    if len(samples) <= _PIECE:
        return _resampled(samples, up, down, rate)
    whole = np.empty(math.ceil(len(samples) * up / down), dtype=np.float32)
    step, around = down * max(1, _PIECE // down), down * -(-rate // (10 * down))
    for start in range(0, len(samples), step):
        low, at = max(0, start - around), start // down * up
        some = _resampled(samples[low : start + step + around], up, down, rate)[(start - low) // down * up :]
        whole[at : at + step // down * up] = some[: step // down * up]
    return whole


def _resampled(samples: NDArray[Any], up: int, down: int, rate: int) -> Samples:
    margin = down * -(-rate // (100 * down))  # zero padding, since the FFT is circular
    pieces = _fft_size(-(-(len(samples) + 2 * margin) // down))
    padded = np.zeros(pieces * down)
    padded[margin : margin + len(samples)] = samples
    spectrum = np.fft.rfft(padded)
    kept = min(pieces * down, pieces * up) // 2
    fade = max(1, kept // 20)
    spectrum = spectrum[: kept + 1].copy()
    spectrum[-fade:] *= np.cos(np.linspace(0.0, np.pi / 2, fade)) ** 2
    whole = np.fft.irfft(spectrum, pieces * up) * (up / down)
    start, count = margin // down * up, max(1, math.ceil(len(samples) * up / down))
    return whole[start : start + count].astype(np.float32)


def _fft_size(size: int) -> int:
    """The next larger size with factors 2, 3 and 5 only, for which the FFT is fast."""
    while True:
        rest = size
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return size
        size += 1


def features(sound: Sound) -> NDArray[np.float64]:
    """Log-mel frames [T, 40] of a sound, every 10 ms from windows of 25 ms (Davis and Mermelstein 1980).

    Natural logarithms of power relative to the level of the recording (the power of its loud frames), so that loudness
    doesn't matter. Silence at both ends is trimmed.
    """
    return levelled(mel_power(resample(sound.samples, sound.rate, RATE)))


def mel_power(samples: NDArray[Any]) -> NDArray[np.float64]:
    """The power in each mel band, [T, 40], of a waveform at 16 kHz."""
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    if len(samples) < _WINDOW:
        samples = np.pad(samples, (0, _WINDOW - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
    power = np.empty((len(frames), MELS))
    for start in range(0, len(frames), _FRAMES):
        spectrum = np.fft.rfft(frames[start : start + _FRAMES] * window, _SIZE)
        power[start : start + _FRAMES] = (spectrum.real**2 + spectrum.imag**2) @ _mel_weights()
    return power


def levelled(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log power [T, F] relative to the level of the recording, with silence trimmed at both ends."""
    loudness = power.mean(axis=1)
    level = max(float(np.quantile(loudness, LOUD, method="nearest")), 1e-20)
    heard = np.flatnonzero(loudness > _QUIET * level)
    first, last = (int(heard[0]), int(heard[-1])) if len(heard) else (0, len(power) - 1)
    kept = power[max(0, first - _KEPT) : last + 1 + _KEPT]
    level = max(float(np.quantile(kept.mean(axis=1), LOUD, method="nearest")), 1e-20)
    return np.asarray(np.log(np.maximum(kept / level, FLOOR)))


def mel_names() -> tuple[str, ...]:
    """The center frequencies of the 40 mel bands: "86 Hz", ..."""
    return tuple(f"{edge:.0f} Hz" for edge in _edges()[1:-1])


def sound_table(
    sounds: Iterable[Sound],
    *,
    labels: Sequence[str] | None = None,
    groups: Sequence[Any] | None = None,
    names: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Table:
    """Recordings as a table of log-mel frames, one sequence each, with their waveforms.

    `sounds` are read one by one and stored without loss as small as possible: at their own rate if it is below 16 kHz,
    and as 16-bit integers if they are such.
    """
    values, offsets = np.empty((0, MELS), dtype=np.float32), [0]
    rates: list[int] = []
    kept: list[NDArray[np.float32] | NDArray[np.int16]] = []
    for sound in sounds:
        heard = resample(sound.samples, sound.rate, RATE)
        frames = levelled(mel_power(heard))
        low, high = offsets[-1], offsets[-1] + len(frames)
        if high > len(values):  # in place: `concatenate` would need twice the memory
            values.resize((high + min(high // 4, _MORE), MELS), refcheck=False)
        values[low:high] = frames
        offsets.append(high)
        rates.append(min(sound.rate, RATE))
        kept.append(_small(heard if sound.rate > RATE else sound.samples))
    values.resize((offsets[-1], MELS), refcheck=False)
    return Table(
        values=values,
        columns=mel_names(),
        offsets=np.array(offsets, dtype=np.int64),
        independent=True,
        names=tuple(names),
        notes=(*notes, *_rate_notes(rates)),
        x_title=f"frame (one every {1000 * FRAME_SECONDS:g} ms)",
        labels=None if labels is None else np.asarray(labels, dtype=np.str_),
        groups=None if groups is None else np.asarray(groups),
        recordings=Recordings(tuple(rates), tuple(kept)),
    )


def _rate_notes(rates: Sequence[int]) -> list[str]:
    """A note on recordings whose sampling rate is too low for the highest mel bands, which are empty."""
    low = sorted({rate for rate in rates if rate < 2 * _HIGHEST})
    if not low:
        return []
    count = sum(rate in low for rate in rates)
    of = "" if count == len(rates) else f"{count:,} of {len(rates):,} recordings: "
    span = f"{low[0]:,}" + (f" to {low[-1]:,}" if len(low) > 1 else "")
    highest = f"{low[0] // 2:,}" + (f" to {low[-1] // 2:,}" if len(low) > 1 else "")
    recorded = "recorded" if of else "Recorded"
    return [f"{of}{recorded} at {span} Hz, so there is no signal above {highest} Hz."]


def _small(samples: Samples) -> NDArray[np.float32] | NDArray[np.int16]:
    """The samples as 16-bit integers if this is exact."""
    whole = samples * np.float32(FULL_SCALE)
    inside = whole.min(initial=0.0) >= -FULL_SCALE and whole.max(initial=0.0) < FULL_SCALE
    if inside and np.array_equal(whole, np.rint(whole)):
        return whole.astype(np.int16)
    return samples


@lru_cache
def _edges() -> NDArray[np.float64]:
    """The corner frequencies of the triangular mel filters, [42]."""
    low, high = (2595.0 * math.log10(1.0 + f / 700.0) for f in (_LOWEST, _HIGHEST))
    return np.asarray(700.0 * (10.0 ** (np.linspace(low, high, MELS + 2) / 2595.0) - 1.0))


@lru_cache
def _mel_weights() -> NDArray[np.float64]:
    """The mel filter bank, [257, 40]; the weights of each band add up to 1."""
    points = np.fft.rfftfreq(_SIZE, 1.0 / RATE)[:, None]
    low, middle, high = (_edges()[i : i + MELS] for i in range(3))
    weights = np.clip(np.minimum((points - low) / (middle - low), (high - points) / (high - middle)), 0.0, None)
    return np.asarray(weights / weights.sum(axis=0))
