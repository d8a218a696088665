"""Every source by name. A new one is a class with its options and `table()`, and a line here."""

from __future__ import annotations

from seqcore.data.generators import Alphabet, BouncingBall, Ramp, RampSequences, Sine, SineCosine, Stocks, Tenths
from seqcore.data.memory_tests import AddingProblem, CopyMemory
from seqcore.data.phrases import EverydayPhrases
from seqcore.data.prose import PastedText, PythonProse
from seqcore.data.shapes import BouncingShapes, MovingShapes, TurningShapes
from seqcore.data.source import Source
from seqcore.data.stored_file import StoredFile
from seqcore.data.typed import Values
from seqcore.data.vowels import SpokenVowels
from seqcore.data.weather import Weather

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
