"""The sources: where values come from. A new one is a file in this folder and a line in `SOURCES`.

A source's class holds its options and makes its table. It is imported when first used.
"""

from __future__ import annotations

from seqcore.registry import SourceEntry

__all__ = ["SOURCES"]

SOURCES: dict[str, SourceEntry] = {
    "bouncing-ball": SourceEntry(
        "Bouncing ball",
        "Heights of a ball that bounces and is kicked up again when it has nearly stopped.",
        "seqcore.data.sources.generators:BouncingBall",
    ),
    "ramp": SourceEntry(
        "Ramp", "Values that rise by the same step: 10, 20, ... 90.", "seqcore.data.sources.generators:Ramp"
    ),
    "tenths": SourceEntry(
        "Tenths",
        "0.1, 0.2, ... 0.7: each value is a tenth more than the one before.",
        "seqcore.data.sources.generators:Tenths",
    ),
    "ramp-sequences": SourceEntry(
        "Many ramps",
        "Short ramps, each from a random whole number: 37, 38, ... 46.",
        "seqcore.data.sources.generators:RampSequences",
    ),
    "sine": SourceEntry(
        "Sine waves", "Pieces of a sine wave, each from a random phase.", "seqcore.data.sources.generators:Sine"
    ),
    "sine-cosine": SourceEntry(
        "Sine and cosine",
        "A sine and the cosine of the same angle: learn one from the other.",
        "seqcore.data.sources.generators:SineCosine",
    ),
    "alphabet": SourceEntry(
        "Alphabet",
        "The letters in their order. How many of them the model sees is the window.",
        "seqcore.data.sources.generators:Alphabet",
        tasks=("language-modeling",),
    ),
    "stocks": SourceEntry(
        "Stock prices",
        "Real weekly prices of six companies, 2018 and 2019; the first week is 1.",
        "seqcore.data.sources.generators:Stocks",
    ),
    "weather": SourceEntry(
        "Daily weather",
        "Measured weather of Seattle, every day from 2012 to 2015: the highest and lowest temperature (degrees "
        "Celsius), rain (mm) and wind (m/s). Data by NOAA, public domain, from the vega-datasets package (MIT).",
        "seqcore.data.sources.weather:Weather",
    ),
    "adding-problem": SourceEntry(
        "Adding problem",
        "Random numbers from 0 to 1, two of them marked, one in the first half and one in the second: what is "
        "their sum? Without memory nothing beats the mean, 1, whose squared error is 1/6 (often given as 0.1767).",
        "seqcore.data.sources.memory_tests:AddingProblem",
    ),
    "copy-memory": SourceEntry(
        "Copy memory",
        "A few random letters, a long silence, then a sign: say the letters again. Only that counts. Without "
        "memory nothing beats guessing: one in as many as there are letters.",
        "seqcore.data.sources.memory_tests:CopyMemory",
        tasks=("language-modeling",),
    ),
    "everyday-phrases": SourceEntry(
        "Everyday phrases",
        "Short English sentences and their French, made by a grammar with agreement, elision (l'eau) and "
        "contraction (au, des). Validation and test part join words that never stand together in the training "
        "part.",
        "seqcore.data.sources.phrases:EverydayPhrases",
        tasks=("translation",),
    ),
    "python-prose": SourceEntry(
        "Python's handbook",
        "Technical English: the help topics of the Python that runs this. No two versions are alike.",
        "seqcore.data.sources.prose:PythonProse",
        tasks=("language-modeling",),
    ),
    "spoken-vowels": SourceEntry(
        "Spoken vowels",
        "Vowels by formant synthesis: voices differ in pitch, vocal tract and breath, and no two sounds are "
        "alike. Those of the test part are unheard in training.",
        "seqcore.data.sources.vowels:SpokenVowels",
        tasks=("classification",),
    ),
    "moving-shapes": SourceEntry(
        "Moving shapes",
        "Films of 16 by 16 points in which a shape moves in one of eight directions, among others that stand "
        "still, and noise.",
        "seqcore.data.sources.shapes:MovingShapes",
        tasks=("classification",),
    ),
    "turning-shapes": SourceEntry(
        "Turning shapes",
        "Films of 16 by 16 points in which a shape moves in one of eight directions, turns to the right or the "
        "left, grows or shrinks, among others that stand still, and noise.",
        "seqcore.data.sources.shapes:TurningShapes",
        tasks=("classification",),
    ),
    "bouncing-shapes": SourceEntry(
        "Bouncing shapes",
        "Films of 16 by 16 points in which shapes fly about and bounce off the walls: what comes next is foreseen.",
        "seqcore.data.sources.shapes:BouncingShapes",
    ),
    "values": SourceEntry(
        "Your own values",
        "Type or paste numbers, with commas, spaces, semicolons or new lines between them.",
        "seqcore.data.sources.typed:Values",
    ),
    "text": SourceEntry(
        "Your own text",
        "Paste a text in any language: the longer, the better. The model learns how it goes on.",
        "seqcore.data.sources.prose:PastedText",
        tasks=("language-modeling",),
    ),
    "file": SourceEntry(
        "Your own file",
        "A file of yours: CSV, TSV, Parquet, TXT, WAV, TS, pairs of sentences; or a ZIP of WAVs.",
        "seqcore.data.sources.stored_file:StoredFile",
        stored=True,
    ),
}
