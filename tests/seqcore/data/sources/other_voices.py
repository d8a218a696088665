"""Vowels that the project's own synthesizer has no part in: sums of harmonics at 8 kHz, other people's formants."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqcore.data.audio import Sound

__all__ = ["FORMANTS", "other_voices"]

RATE = 8_000
# Women and children as Peterson and Barney (1952) and Hillenbrand et al. (1995) found them; `sources.vowels`
# knows of men only.
FORMANTS = {
    "heed": ((310, 2790, 3310), (370, 3200, 3730), (437, 2761, 3372), (452, 3081, 3702)),
    "head": ((610, 2330, 2990), (690, 2610, 3570), (731, 2058, 2979), (749, 2267, 3310)),
    "hod": ((850, 1220, 2810), (1030, 1370, 3170), (936, 1551, 2815), (1002, 1688, 2950)),
    "hawed": ((590, 920, 2710), (680, 1060, 3180), (781, 1136, 2824), (803, 1210, 2982)),
    "who'd": ((370, 950, 2670), (430, 1170, 3260), (459, 1105, 2735), (494, 1345, 2988)),
    "heard": ((500, 1640, 1960), (560, 1820, 2160), (523, 1588, 1929), (586, 1719, 2143)),
}
PITCHES = (210.0, 260.0, 220.0, 245.0)


def other_voices(names: list[str], *, each: int = 20, seed: int = 11) -> list[tuple[str, Sound]]:
    """`each` sounds of every vowel: by women and children in turn, each time another one."""
    rng = np.random.default_rng(seed)
    return [(name, _say(rng, FORMANTS[name][i % 4], PITCHES[i % 4])) for name in names for i in range(each)]


def _say(rng: np.random.Generator, formants: tuple[int, int, int], pitch: float) -> Sound:
    seconds = rng.uniform(0.2, 0.6)
    time = np.arange(int(seconds * RATE)) / RATE
    frequency = pitch * np.exp(rng.normal(0.0, 0.12)) * (1.0 + rng.normal(0.0, 0.1) * (time / seconds - 0.5))
    phase = 2 * np.pi * np.cumsum(frequency) / RATE
    centers = (
        np.array([*formants, 1.45 * formants[2]]) * np.exp(rng.normal(0.0, 0.025)) * np.exp(rng.normal(0, 0.02, 4))
    )
    widths = rng.uniform(0.6, 1.6) * np.array([55.0, 75.0, 110.0, 180.0])
    slope = rng.uniform(6.0, 14.0)  # dB an octave that the source falls
    sound = np.zeros_like(time)
    for k in range(1, int(0.95 * RATE / 2 / frequency.max()) + 1):
        f = k * frequency
        response = np.ones_like(f)
        for c, w in zip(centers, widths, strict=True):
            response *= (c * c) / np.sqrt((c * c - f * f) ** 2 + (w * f) ** 2)
        radiated = 10 ** (-slope / 20 * np.log2(k)) * k**0.5
        sound += response * radiated * np.sin(k * phase + rng.uniform(0, 2 * np.pi))
    sound *= np.minimum(1.0, np.minimum(time, seconds - time) / 0.04)
    sound *= 0.3 / np.abs(sound).max()
    sound = _room(rng, sound)
    silence = [np.zeros(int(rng.uniform(0.0, 0.3) * RATE)) for _ in range(2)]
    whole = np.concatenate([silence[0], sound, silence[1]])
    whole += 10 ** rng.uniform(-3.5, -2.3) * rng.standard_normal(len(whole))
    return Sound(RATE, whole.astype(np.float32))


def _room(rng: np.random.Generator, sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """A few echoes of the walls."""
    heard = sound.copy()
    for _ in range(4):
        late = int(rng.uniform(0.002, 0.03) * RATE)
        heard[late:] += rng.uniform(-0.3, 0.3) * sound[:-late]
    return heard
