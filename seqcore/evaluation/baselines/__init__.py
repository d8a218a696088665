"""The registry of baselines: naive and classical methods, fitted on the training split and scored beside every model.

A new baseline is one function and one line in `BASELINES`. It is then fitted, scored on every split, and shown in
charts, tables and sentences under its title.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from seqcore.data.stored_codec import decoding
from seqcore.events import Finding
from seqcore.registry import Entry, load

if TYPE_CHECKING:
    from seqcore.data.numeric_dataset import NumericCodec, NumericDataset

__all__ = ["BASELINES", "Baseline", "exact_baseline", "facts_for", "fit_baselines", "predict_baselines"]

_HERE = "seqcore.evaluation.baselines"


@dataclass(frozen=True)
class Baseline(Entry):
    """`target` is a function from what a task gives to predictions, or to None where the method doesn't apply.

    Regression gives `BaselineInputs` and takes predictions [n, S, H, K] in original units; language modeling gives
    `TokenInputs` and takes (log probabilities [n], correct [n]); classification and translation give (dataset, split,
    window numbers) and take class codes [n] or texts. `help` completes "The answer is ...";
    `traits["short"]` is a title for narrow places.
    """

    task: str = "regression"
    fit: str = ""  # "package.module:function", from a dataset to arrays, which checkpoints keep in the codec
    # arrays of `fit` whose first axis is the series; `fit` is then given the rows of new series as a second argument
    per_series: tuple[str, ...] = ()

    @property
    def phrase(self) -> str:
        """The title within a sentence: "last value", "5-gram"."""
        return self.title[:1].lower() + self.title[1:]


def _naive(title: str, help: str, name: str) -> Baseline:
    per_series = ("mean", "naive_step", "period")
    return Baseline(title, help, f"{_HERE}.naive:{name}", fit=f"{_HERE}.naive:fit_naive", per_series=per_series)


def _linear(title: str, help: str, name: str) -> Baseline:
    short = {"short": "Linear regression"}
    return Baseline(title, help, f"{_HERE}.linear:{name}", short, fit=f"{_HERE}.linear:fit_linear")


def _symbols(title: str, help: str, name: str) -> Baseline:
    return Baseline(title, help, f"{_HERE}.ngram:{name}", task="language-modeling")


BASELINES: dict[str, Baseline] = {
    "last_value": _naive("Last value", "the last observed value", "last_value"),
    "mean": _naive("Mean", "the mean of the training split", "mean"),
    "drift": _naive("Drift", "the line through the first and last value of the window", "drift"),
    "seasonal": _naive("Seasonal naive", "the value one season before", "seasonal"),
    "linear": _linear("Linear regression on the window", "a linear combination of the values in the window", "linear"),
    "linear_calendar": _linear(
        "Linear regression with calendar features",
        "a linear combination of the window and the calendar features",
        "linear_calendar",
    ),
    "linear_scaled": _linear(
        "Linear regression on the scaled window", "a linear combination of the scaled window", "linear_scaled"
    ),
    "uniform": _symbols("Uniform", "any symbol, all equally probable", "uniform"),
    "most_frequent": _symbols("Most frequent symbol", "the most frequent symbol", "most_frequent"),
    "unigram": _symbols("Unigram", "given by the frequency of single symbols", "unigram"),
    "bigram": _symbols("Bigram", "determined by the last symbol", "bigram"),
    "trigram": _symbols("Trigram", "determined by the last two symbols", "trigram"),
    "five_gram": _symbols("5-gram", "determined by the last four symbols", "five_gram"),
    "majority": Baseline(
        "Most frequent class",
        "the most frequent class of the training split",
        f"{_HERE}.most_frequent:most_frequent_class",
        task="classification",
        fit=f"{_HERE}.most_frequent:count_classes",
    ),
    "nearest_neighbour": Baseline(  # as stores of earlier versions spell it
        "Nearest neighbor",
        "the class of the most similar training sequence",
        f"{_HERE}.nearest_neighbor:nearest_classes",
        task="classification",
        fit=f"{_HERE}.nearest_neighbor:fit_nearest_neighbor",
    ),
    "nearest_sentence": Baseline(
        "Nearest training sentence",
        "the translation of the most similar training sentence",
        f"{_HERE}.nearest_sentence:nearest_translations",
        task="translation",
    ),
}
"""Name, as stored and in JSON -> baseline."""


def fit_baselines(task: str, dataset: Any) -> dict[str, NDArray[Any]]:
    """What the baselines of a task learn from the training split, by name."""
    fits = dict.fromkeys(entry.fit for entry in BASELINES.values() if entry.task == task and entry.fit)
    return {name: array for fit in fits for name, array in load(fit)(dataset).items()}


@decoding("the fitted state of the baselines")
def facts_for(data: NumericDataset, codec: NumericCodec) -> dict[str, NDArray[Any]]:
    """The fitted arrays for the series of this table; for a new series, from the rows that its scale was fitted on."""
    facts = dict(codec.fitted)
    if not data.fit.by_series:
        return facts
    known, offsets = data.fit.known, data.table.offsets
    unseen = [(s, int(offsets[s]), int(data.fit.learned_until[s])) for s in (known < 0).nonzero()[0].tolist()]
    for fit, names in {entry.fit: entry.per_series for entry in BASELINES.values() if entry.per_series}.items():
        own = load(fit)(data, unseen) if unseen else {}
        for name in codec.fitted.keys() & names:
            facts[name] = codec.fitted[name][known.clip(min=0)]
            facts[name][known < 0] = own[name][known < 0] if name in own else 0
    return facts


def predict_baselines(task: str, *given: Any) -> dict[str, Any]:
    """The predictions of every baseline of a task that applies to what is given."""
    found = {name: entry.load()(*given) for name, entry in BASELINES.items() if entry.task == task}
    return {name: predicted for name, predicted in found.items() if predicted is not None}


def exact_baseline(name: str) -> Finding:
    """That a baseline makes no error on data, so that there is nothing to gain over it."""
    entry = BASELINES[name]
    return Finding(
        "exact-baseline",
        f"The {entry.phrase} baseline is exact on these data.",
        evidence=f"The answer is {entry.help}.",
        severity="info",
    )
