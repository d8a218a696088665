"""Every source by name. A new one is a class with its options and `table()`, and a line here."""

from __future__ import annotations

from seqcore.data.sources.generators import (
    Alphabet,
    BouncingBall,
    Ramp,
    RampSequences,
    Sine,
    SineCosine,
    Stocks,
    Tenths,
)
from seqcore.data.sources.memory_tests import AddingProblem, CopyMemory
from seqcore.data.sources.phrases import EverydayPhrases
from seqcore.data.sources.prose import PastedText, PythonProse
from seqcore.data.sources.shapes import BouncingShapes, MovingShapes, TurningShapes
from seqcore.data.sources.source import Source
from seqcore.data.sources.stored_file import StoredFile
from seqcore.data.sources.typed import Values
from seqcore.data.sources.vowels import SpokenVowels
from seqcore.data.sources.weather import Weather

__all__ = ["SOURCES", "Source"]

SOURCES: dict[str, type[Source]] = {
    "bouncing-ball": BouncingBall,
    "ramp": Ramp,
    "tenths": Tenths,
    "ramp-sequences": RampSequences,
    "sine": Sine,
    "sine-cosine": SineCosine,
    "alphabet": Alphabet,
    "stocks": Stocks,
    "weather": Weather,
    "adding-problem": AddingProblem,
    "copy-memory": CopyMemory,
    "everyday-phrases": EverydayPhrases,
    "python-prose": PythonProse,
    "spoken-vowels": SpokenVowels,
    "moving-shapes": MovingShapes,
    "turning-shapes": TurningShapes,
    "bouncing-shapes": BouncingShapes,
    "values": Values,
    "text": PastedText,
    "file": StoredFile,
}
