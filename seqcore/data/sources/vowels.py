"""Source: vowels by formant synthesis, glottal pulses filtered by resonances of vocal tracts of different lengths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqcore.data.audio import RATE, Sound, sound_table
from seqcore.data.sources.source import Source
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.experiment.fields import setting

__all__ = ["VOWELS", "SpokenVowels"]

# Mean formants of men, in Hz, in two studies of American English; each voice is an interpolation of the two:
# G. E. Peterson and H. L. Barney, Control methods used in a study of the vowels, Journal of the Acoustical Society of
# America 24 (1952), table II; J. Hillenbrand, L. A. Getty, M. J. Clark and K. Wheeler, Acoustic characteristics of
# American English vowels, the same journal 97 (1995), table V. The first five are the most distinct.
VOWELS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "heed /i/": ((270.0, 2290.0, 3010.0), (342.0, 2322.0, 3000.0)),
    "head /ɛ/": ((530.0, 1840.0, 2480.0), (580.0, 1799.0, 2605.0)),
    "hod /ɑ/": ((730.0, 1090.0, 2440.0), (768.0, 1333.0, 2522.0)),
    "hawed /ɔ/": ((570.0, 840.0, 2410.0), (652.0, 997.0, 2538.0)),
    "who'd /u/": ((300.0, 870.0, 2240.0), (378.0, 997.0, 2343.0)),
    "heard /ɝ/": ((490.0, 1350.0, 1690.0), (474.0, 1379.0, 1710.0)),
    "had /æ/": ((660.0, 1720.0, 2410.0), (588.0, 1952.0, 2601.0)),
    "hid /ɪ/": ((390.0, 1990.0, 2550.0), (427.0, 2034.0, 2684.0)),
    "hood /ʊ/": ((440.0, 1020.0, 2240.0), (469.0, 1122.0, 2434.0)),
    "hud /ʌ/": ((640.0, 1190.0, 2390.0), (623.0, 1200.0, 2550.0)),
}
_UPPER = (3400.0, 4200.0)  # the fourth and fifth formant, similar in every vowel
_BANDWIDTHS = np.array([70.0, 90.0, 130.0, 220.0, 300.0])  # Hz, of an average voice
# Formant loci of labial, dental and palatal consonants (Delattre et al. 1955).
_LOCI = np.array([[250.0, 850.0, 2200.0], [280.0, 1750.0, 2650.0], [280.0, 2150.0, 2450.0]])
_TRACTS = (0.82, 1.28)  # formants relative to an adult man's, from a long vocal tract to a child's
_BLOCK = 80  # samples (5 ms) with constant resonances
MOST_TOKENS = 20_000

Values = NDArray[np.float64]


class SpokenVowels(Source):
    """Vowels spoken by synthetic voices, as log-mel frames with their waveforms."""

    vowels: int = setting(5, "Number of vowels.", minimum=2, maximum=len(VOWELS), basic=True, slider=True)
    speakers: int = setting(120, "Number of synthetic voices.", minimum=4, maximum=1_000, basic=True)
    repeats: int = setting(3, "Recordings of each vowel by each voice.", minimum=1, maximum=100, basic=True)
    noise: float = setting(0.03, "Maximum noise level, relative to the voice.", minimum=0.0, maximum=1.0)
    seed: int = setting(0, "Random seed of the data.", minimum=0, maximum=2**31 - 1)

    def table(self) -> Table:
        """`speakers * vowels * repeats` recordings; labels are vowels, groups are speakers."""
        count = self.speakers * self.vowels * self.repeats
        if count > MOST_TOKENS:
            raise DataError(
                f"data.options: {self.speakers} speakers, {self.vowels} vowels and {self.repeats} repeats are "
                f"{count:,} recordings; use at most {MOST_TOKENS:,}"
            )
        rng = np.random.default_rng(self.seed)
        names = list(VOWELS)[: self.vowels]
        vowel = np.tile(np.repeat(np.arange(self.vowels), self.repeats), self.speakers)
        speaker = np.repeat(np.arange(self.speakers), self.vowels * self.repeats)
        voices = _voices(rng, self.speakers)
        tokens = _tokens(rng, voices, vowel, speaker)
        waveforms: list[NDArray[np.float32]] = [np.zeros(0, dtype=np.float32)] * count
        # similar lengths together, to save computation
        for some in np.array_split(np.argsort(tokens.samples, kind="stable"), -(-count // 500)):
            for i, sound in zip(some.tolist(), _synthesize(rng, tokens, some, self.noise), strict=True):
                waveforms[i] = sound
        labels = [names[v] for v in vowel]
        return sound_table(
            [Sound(RATE, waveform) for waveform in waveforms],
            labels=labels,
            groups=speaker.tolist(),
            names=[f"voice {s + 1}, {label}" for s, label in zip(speaker.tolist(), labels, strict=True)],
        )


@dataclass(frozen=True)
class _Voices:
    """What makes a speaker, [n] each: where between the two studies, the formants' scale, pitch in Hz, what is odd
    about each vowel's formants [n, V, 5], how wide they are, and how the glottis opens and lets breath through."""

    dialect: Values
    tract: Values
    pitch: Values
    habit: Values
    bandwidth: Values
    tilt: Values
    breath: Values
    opening: Values


def _voices(rng: np.random.Generator, n: int) -> _Voices:
    tract = rng.uniform(*_TRACTS, n)
    # short tracts mostly go with high voices, a man's 120 Hz with a child's 280
    pitch = 125.0 * tract**2.8 * np.exp(rng.normal(0.0, 0.18, n))
    habit = np.exp(rng.normal(0.0, 1.0, (n, len(VOWELS), 5)) * np.array([0.03, 0.03, 0.025, 0.03, 0.03]))
    return _Voices(
        dialect=rng.random(n),
        tract=tract,
        pitch=np.clip(pitch, 70.0, 400.0),
        habit=habit,
        bandwidth=rng.uniform(0.75, 1.5, n),
        tilt=rng.uniform(0.0, 0.9, n),
        breath=rng.uniform(0.0, 0.06, n),
        opening=rng.uniform(0.45, 0.75, n),
    )


@dataclass(frozen=True)
class _Tokens:
    """What makes one sound, [n] each: `samples` with silence around, formants at the start, in the middle and at the
    end [n, 3, 5] in Hz, and the times in seconds between which they glide."""

    samples: NDArray[np.int64]
    before: Values
    seconds: Values
    formants: Values
    glide: Values
    pitch: Values
    vibrato: Values
    voice: dict[str, Values]


def _tokens(rng: np.random.Generator, voices: _Voices, vowel: NDArray[np.int64], speaker: NDArray[np.int64]) -> _Tokens:
    n = len(vowel)
    middle = np.empty((n, 5))
    one, other = np.array(list(VOWELS.values()))[vowel].transpose(1, 0, 2)
    middle[:, :3] = one + voices.dialect[speaker, None] * (other - one)
    middle[:, 3:] = _UPPER
    tract = voices.tract[speaker, None]
    middle *= tract * voices.habit[speaker, vowel] * np.exp(rng.normal(0.0, 0.02, (n, 5)))
    formants = np.repeat(middle[:, None], 3, axis=1)  # start, middle, end
    for end in (0, 2):
        locus = _LOCI[rng.integers(0, len(_LOCI), n)] * tract
        formants[:, end, :3] += rng.uniform(0.0, 0.6, (n, 1)) * (locus - middle[:, :3])
    seconds = rng.uniform(0.15, 0.4, n)
    before, after = rng.uniform(0.01, 0.2, (2, n))
    start = voices.pitch[speaker] * np.exp(rng.normal(0.0, 0.08, n))
    return _Tokens(
        samples=((before + seconds + after) * RATE).astype(np.int64),
        before=before,
        seconds=seconds,
        formants=formants,
        glide=rng.uniform(0.02, 0.08, (n, 2)),
        pitch=np.stack([start, start * np.exp(rng.normal(-0.08, 0.12, n))], axis=1),
        vibrato=rng.uniform(0.0, 0.015, n),
        voice={k: getattr(voices, k)[speaker] for k in ("bandwidth", "tilt", "breath", "opening")},
    )


def _synthesize(
    rng: np.random.Generator, tokens: _Tokens, some: NDArray[np.int64], noise: float
) -> list[NDArray[np.float32]]:
    """The waveforms of some tokens, all at once: sample by sample through five resonators in a row (Klatt 1980).

    A resonator takes what the one before it gave a sample earlier, so that all five work at the same time.
    """
    n, longest = len(some), int(tokens.samples[some].max())
    blocks = -(-longest // _BLOCK)
    out = np.empty((blocks * _BLOCK, n), dtype=np.float32)
    bandwidth = _BANDWIDTHS[:, None] * tokens.voice["bandwidth"][some]
    radius = np.exp(-np.pi * bandwidth / RATE)
    phase, tilted = rng.random(n), np.zeros(n)
    one, two = np.zeros((5, n)), np.zeros((5, n))  # what each resonator gave one and two samples ago
    drive = np.zeros((5, n))
    for block in range(blocks):
        moment = block * _BLOCK / RATE - tokens.before[some]
        source, phase, tilted = _glottis(rng, tokens, some, moment, phase, tilted)
        angle = 2 * np.pi * np.minimum(_formants(tokens, some, moment), 0.48 * RATE) / RATE
        first, second = 2 * radius * np.cos(angle), -radius * radius
        gain = 1.0 - first - second
        for i in range(_BLOCK):
            drive[0], drive[1:] = source[i], one[:-1]
            drive *= gain
            two *= second
            drive += two
            two, one = one, drive + first * one
            out[block * _BLOCK + i] = one[4]
    power = np.sqrt((out.astype(np.float64) ** 2).mean(axis=0) * len(out) / (tokens.seconds[some] * RATE))
    level = rng.uniform(0.04, 0.15, n) / np.maximum(power, 1e-9)
    out *= level.astype(np.float32)
    if noise:
        hiss = rng.standard_normal(out.shape, dtype=np.float32)
        out += hiss * (power * level * noise * 10 ** rng.uniform(-1.5, 0.0, n)).astype(np.float32)
    return [np.clip(out[: tokens.samples[t], i], -1.0, 1.0) for i, t in enumerate(some.tolist())]


def _formants(tokens: _Tokens, some: NDArray[np.int64], moment: Values) -> Values:
    """Where the formants are at a moment of each token, [5, n]: gliding in, steady, gliding out."""
    ends = tokens.glide[some]
    left = np.clip(1.0 - moment / ends[:, 0], 0.0, 1.0)
    right = np.clip(1.0 - (tokens.seconds[some] - moment) / ends[:, 1], 0.0, 1.0)
    start, middle, end = (tokens.formants[some, i].T for i in range(3))
    return np.asarray(middle + left**2 * (start - middle) + right**2 * (end - middle))


def _glottis(
    rng: np.random.Generator, tokens: _Tokens, some: NDArray[np.int64], moment: Values, phase: Values, tilted: Values
) -> tuple[Values, Values, Values]:
    """Air that flows through the glottis over the next block, [80, n], as its change: Rosenberg's pulse and breath.

    `phase` is how far into its cycle each voice is, `tilted` the state of the low-pass that makes a voice soft.
    """
    seconds = tokens.seconds[some]
    part = np.clip(moment / seconds, 0.0, 1.0)
    pitch = tokens.pitch[some, 0] * (1 - part) + tokens.pitch[some, 1] * part
    pitch = pitch * (1.0 + tokens.vibrato[some] * np.sin(2 * np.pi * 5.0 * moment) + rng.normal(0.0, 0.004, len(some)))
    phases = phase + np.arange(_BLOCK)[:, None] * (pitch / RATE)
    cycle = phases % 1.0
    opening = tokens.voice["opening"][some]
    # derivative of Rosenberg's (1971) flow: rises over two thirds of the open phase, falls over the rest
    rise, fall = opening * 2 / 3, opening / 3
    rising = np.sin(np.pi * cycle / rise) * (np.pi / (2 * rise))
    falling = -np.sin(np.pi / 2 * (cycle - rise) / fall) * (np.pi / (2 * fall))
    flow = np.where(cycle < rise, rising, np.where(cycle < opening, falling, 0.0))
    flow += tokens.voice["breath"][some] * 3.0 * rng.standard_normal(flow.shape) * (1.0 + (cycle < opening))
    within = moment + np.arange(_BLOCK)[:, None] / RATE
    loudness = np.clip(np.minimum(within / 0.03, (seconds - within) / 0.05), 0.0, 1.0)
    flow *= loudness
    softness = tokens.voice["tilt"][some]
    for i in range(_BLOCK):  # one pole, more of it in a soft voice
        tilted = (1.0 - softness) * flow[i] + softness * tilted
        flow[i] = tilted
    return flow, (phase + _BLOCK * pitch / RATE) % 1.0, tilted
