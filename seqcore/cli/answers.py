"""An answer of a model as JSON and as a line for people, for each type of view. A new view is a function and a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from seqcore.cli.output import number
from seqcore.data.sentences import bare, join_sentence
from seqcore.errors import PredictionError
from seqcore.results import (
    FramesView,
    LabelsView,
    SeriesView,
    SymbolsView,
    TextView,
    TranslationView,
    View,
    plain,
)

__all__ = ["ANSWERS", "Answer", "answer_of", "answers_of", "flat_rows"]

LIKELY = 0.005  # what is less probable is not worth a word
MOST_LIKELY = 5


class Answer(NamedTuple):
    """`value` is what `--json` prints of it, `sentence` what a person reads."""

    value: dict[str, Any]
    sentence: str


def answer_of(view: View, given: Any, text: str) -> Answer:
    """What a model says of one input: `given` as it was read, `text` as it was typed."""
    return ANSWERS[type(view)](view, given, text)


def answers_of(view: View) -> list[Answer]:
    """What a model says of each of several inputs, by their names. PredictionError where it answers one at a time."""
    if isinstance(view, TranslationView):
        sentences = [replace(view, sentences=(sentence,)) for sentence in view.sentences]
        return [_translation(one, None, join_sentence(one.sentences[0].source)) for one in sentences]
    if not isinstance(view, LabelsView):
        raise PredictionError("file: this model answers one input at a time; use --input")
    rows = zip(view.names, view.predictions, view.probabilities.tolist(), strict=True)
    return [_probable(best, dict(zip(view.labels, row, strict=True)), name) for name, best, row in rows]


def flat_rows(values: Any, *, whole: bool = True) -> list[Any]:
    """Rows as a plain list, flat where each holds one number. Whole inputs are written as people write them."""
    rows = [[int(v) if whole and float(v).is_integer() else float(v) for v in row] for row in values]
    return [row[0] for row in rows] if all(len(row) == 1 for row in rows) else rows


def _series(view: SeriesView, given: Any, text: str) -> Answer:
    rows = given if getattr(given, "ndim", 0) == 2 else [[v] for v in given]
    value: dict[str, Any] = {"input": flat_rows(rows), "prediction": flat_rows(view.prediction, whole=False)}
    sentence = f"{_joined(value['input'])} -> {_joined(value['prediction'])}"
    if view.low is not None and view.high is not None:
        value |= {"low": flat_rows(view.low, whole=False), "high": flat_rows(view.high, whole=False)}
        value["coverage"] = view.coverage
        sentence += f"   (from {_joined(value['low'])} to {_joined(value['high'])} with {view.coverage:.0%})"
    return Answer(value, sentence)


def _symbols(view: SymbolsView, given: Any, text: str) -> Answer:
    return _probable(view.predictions[-1], dict(zip(view.symbols, view.probabilities[-1].tolist(), strict=True)), text)


def _labels(view: LabelsView, given: Any, text: str) -> Answer:
    found = dict(zip(view.labels, view.probabilities[-1].tolist(), strict=True))
    answer = _probable(view.predictions[-1], found, text)
    if view.unfolding:
        answer.value["unfolding"] = plain(view.unfolding[-1])
    return answer


def _probable(prediction: str, probabilities: dict[str, float], text: str) -> Answer:
    ranked = dict(sorted(probabilities.items(), key=lambda item: -item[1]))
    likely = "  ".join(f"{s} {p:.0%}" for s, p in list(ranked.items())[:MOST_LIKELY] if p >= LIKELY)
    return Answer(
        {"input": text, "prediction": prediction, "probabilities": ranked}, f"{text} -> {prediction}   {likely}"
    )


def _translation(view: TranslationView, given: Any, text: str) -> Answer:
    last = view.sentences[-1]
    value = {
        "input": text,
        "prediction": last.text or " ".join(last.prediction),
        "source": list(map(bare, last.source)),
        "words": list(map(bare, last.prediction)),
        "attention": plain(last.attention),
        "unknown": list(last.unknown),
        "probability": last.probability,
    }
    unknown = f"   (never seen: {', '.join(last.unknown)})" if last.unknown else ""
    return Answer(value, f"{text} -> {value['prediction']}{unknown}")


def _text(view: TextView, given: Any, text: str) -> Answer:
    return Answer({"input": text, "prediction": view.text}, view.text)


def _frames(view: FramesView, given: Any, text: str) -> Answer:
    return Answer(
        {"input": text, "prediction": plain(view.prediction)}, f"{len(view.prediction)} pictures; --json has them"
    )


ANSWERS: dict[type[View], Callable[[Any, Any, str], Answer]] = {
    SeriesView: _series,
    SymbolsView: _symbols,
    LabelsView: _labels,
    TranslationView: _translation,
    TextView: _text,
    FramesView: _frames,
}


def _joined(values: list[Any]) -> str:
    return ", ".join(f"({_joined(v)})" if isinstance(v, list) else number(v) for v in values)
