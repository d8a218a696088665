"""Every recipe trained in full, and held against what it promises.

    python benchmarks/check_recipes.py [RECIPE ...] [--markdown]

A recipe's own `expect` list and the table of `PROMISES` below must hold, for every seed that is asked for. Recipes
train two at a time, on one thread each. Exit code 1 if anything is missed.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from seqcore.evaluation.metrics import metric_named
from seqcore.experiment.recipes import load_recipe, recipes


@dataclass(frozen=True)
class Outcome:
    """One recipe trained with one seed."""

    recipe: str
    seed: int
    seconds: float
    metrics: Mapping[str, float]
    baselines: Mapping[str, Mapping[str, float]]
    findings: tuple[str, ...]
    epochs: tuple[tuple[float, Mapping[str, float]], ...]  # seconds since the start, and the metrics then
    answers: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)  # dotted fields that differ from the recipe's own


@dataclass(frozen=True)
class Promise:
    """What must hold over all the seeds: a figure taken from the outcomes, and its limit."""

    recipe: str
    what: str
    figure: Callable[[Sequence[Outcome]], float]
    at_most: float | None = None
    at_least: float | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)

    def held(self, value: float) -> bool:
        """Whether the figure is within its limit."""
        above = self.at_least is None or value >= self.at_least
        return math.isfinite(value) and above and (self.at_most is None or value <= self.at_most)


SEEDS = {
    "ramp-next-value": range(5),
    "ramp-next-value-lstm": range(5),
    "ramp-next-value-as-published": range(5),
    "ramp-next-value-lstm-as-published": range(5),
    "sine-to-cosine": range(5),
}
INPUTS = {
    "ramp-next-value": "70, 80, 90",
    "ramp-next-value-lstm": "70, 80, 90",
    "ramp-next-value-as-published": "70, 80, 90",
    "ramp-next-value-lstm-as-published": "70, 80, 90",
    "tenths": "0.6",
    "next-letter": "a",
    "next-letter-of-four": "abcd",
}


def understood(predictor: Any) -> float:
    """How many vowels of voices that another synthesiser made a model of spoken vowels understands."""
    from seqcore.data.audio import sound_table
    from seqcore.data.sources.vowels import VOWELS
    from tests.seqcore.data.sources.other_voices import FORMANTS, other_voices

    labels = list(VOWELS)[: predictor.experiment.data.options["vowels"]]
    known = {label.split(" /")[0]: label for label in labels}
    said = other_voices([name for name in FORMANTS if name in known], each=30)
    table = sound_table([sound for _, sound in said], labels=[known[name] for name, _ in said])
    return float(predictor.evaluate(table).metrics["accuracy"])


TRIALS = {"spoken-vowels": understood}


def answer(outcome: Outcome) -> float:
    """The number that the trained model gives for the recipe's own input."""
    return float(outcome.answers["prediction"])


def largest(metric: str) -> Callable[[Sequence[Outcome]], float]:
    return lambda outcomes: max(outcome.metrics[metric] for outcome in outcomes)


def smallest(metric: str) -> Callable[[Sequence[Outcome]], float]:
    return lambda outcomes: min(outcome.metrics[metric] for outcome in outcomes)


def ratio_to(baseline: str, metric: str, worst: Callable[..., float]) -> Callable[[Sequence[Outcome]], float]:
    """The metric divided by a baseline's, of the seed that does worst."""
    return lambda outcomes: worst(o.metrics[metric] / o.baselines[baseline][metric] for o in outcomes)


def farthest_from(value: float) -> Callable[[Sequence[Outcome]], float]:
    return lambda outcomes: max(abs(answer(outcome) - value) for outcome in outcomes)


def line_beaten(outcomes: Sequence[Outcome]) -> float:
    return min(o.baselines["linear"]["val_mae"] / o.metrics["val_mae"] for o in outcomes)


def seconds_to_beat_the_line(outcomes: Sequence[Outcome], times: float = 5.0) -> float:
    """How long it took until the model was so many times better than a straight line on the window."""
    waits = []
    for outcome in outcomes:
        goal = outcome.baselines["linear"]["val_mae"] / times
        waits.append(next((s for s, metrics in outcome.epochs if metrics["val_mae"] <= goal), math.inf))
    return max(waits)


def median_last_20(outcomes: Sequence[Outcome]) -> float:
    return statistics.median(o.metrics["train_loss_last_20"] for o in outcomes)


def worst_accuracy(outcomes: Sequence[Outcome]) -> float:
    return min(value for o in outcomes for name, value in o.metrics.items() if name.endswith("_accuracy"))


def answered(outcomes: Sequence[Outcome], symbol: str) -> float:
    return float(all(o.answers["prediction"] == symbol for o in outcomes))


def learned_the_mean(outcomes: Sequence[Outcome]) -> float:
    return float(all("learned-the-mean" in o.findings for o in outcomes))


_MEAN = [f"ramp-next-value{kind}-as-published" for kind in ("", "-lstm")]
PROMISES = [
    Promise("bouncing-ball", "times better than a straight line (val MAE)", line_beaten, at_least=5.0),
    Promise("bouncing-ball", "seconds until it is 5 times better than that", seconds_to_beat_the_line, at_most=10.0),
    Promise("ramp-next-value", "70, 80, 90 gives 100: off by", farthest_from(100.0), at_most=0.5),
    Promise("ramp-next-value-lstm", "70, 80, 90 gives 100: off by", farthest_from(100.0), at_most=0.5),
    *(Promise(name, "70, 80, 90 gives", lambda outcomes: max(map(answer, outcomes)), at_most=80.0) for name in _MEAN),
    *(Promise(name, "says that it learned the mean", learned_the_mean, at_least=1.0) for name in _MEAN),
    Promise("sine-next-step", "val MSE", largest("val_mse"), at_most=5e-4),
    Promise("sine-to-cosine", "loss of the last 20 steps, median", median_last_20, at_most=0.001),
    Promise("sine-to-cosine", "loss of the last 20 steps, largest", largest("train_loss_last_20"), at_most=0.02),
    Promise("next-letter", "accuracy", worst_accuracy, at_least=1.0),
    Promise("next-letter", "a gives b", lambda outcomes: answered(outcomes, "b"), at_least=1.0),
    Promise("next-letter-of-four", "accuracy", worst_accuracy, at_least=1.0),
    Promise("next-letter-of-four", "abcd gives e", lambda outcomes: answered(outcomes, "e"), at_least=1.0),
    Promise("tenths", "0.6 gives 0.7: off by", farthest_from(0.7), at_most=0.01),
    Promise("spoken-vowels", "accuracy on another synthesiser's voices", lambda o: o[0].answers["trial"], at_least=0.9),
    Promise("ramp-shift", "MAE", largest("val_mae"), at_most=0.1),
]


def train(name: str, seed: int, changes: Mapping[str, Any]) -> Outcome:
    """One recipe with one seed, from the first step to the last."""
    from seqcore.events import CheckpointReady, Epoch, Finding, Finished
    from seqcore.inference.predictor import Predictor
    from seqcore.results import SymbolsView
    from seqcore.training.fit import fit

    experiment = load_recipe(name).experiment.with_changes({"training.seed": seed, **changes})
    begin = time.perf_counter()
    content, findings, epochs, finished = b"", [], [], None
    for event in fit(experiment):
        if isinstance(event, CheckpointReady):
            content = event.content
        elif isinstance(event, Finding):
            findings.append(event.code)
        elif isinstance(event, Epoch):
            epochs.append((time.perf_counter() - begin, event.metrics))
        elif isinstance(event, Finished):
            finished = event
    seconds = time.perf_counter() - begin
    assert finished is not None
    answers: dict[str, Any] = {}
    if name in INPUTS:
        predictor = Predictor.from_checkpoint(content)
        view = predictor.predict(predictor.parse_input(INPUTS[name]))
        if isinstance(view, SymbolsView):
            answers["prediction"] = view.predictions[-1]
        else:
            answers["prediction"] = float(view.prediction[-1, 0])
    if name in TRIALS:
        answers["trial"] = TRIALS[name](Predictor.from_checkpoint(content))
    return Outcome(
        name, seed, seconds, finished.metrics, finished.baselines, tuple(findings), tuple(epochs), answers, changes
    )


def promises_of(name: str) -> list[Promise]:
    """The table's promises for a recipe, and those in its own file."""
    found = [promise for promise in PROMISES if promise.recipe == name]
    for expect in load_recipe(name).expect:
        low, high, metric = expect.get("at_least"), expect.get("at_most"), expect["metric"]
        changes = expect.get("changes", {})
        what = ", ".join([metric, *(f"{path.rpartition('.')[2]} {value}" for path, value in changes.items())])
        figure = smallest(metric) if high is None else largest(metric)
        if "of" in expect:
            figure = ratio_to(expect["of"], metric, min if high is None else max)
            what += f" / {expect['of'].replace('_', ' ')}"
        found.append(Promise(name, what, figure, at_most=high, at_least=low, changes=changes))
    return found


def unlike(changes: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each set of changes once, the recipe as it is among them."""
    found: list[Mapping[str, Any]] = [{}]
    for wanted in changes:
        if wanted not in found:
            found.append(wanted)
    return found


def best_beside(outcome: Outcome) -> str:
    """The model's score on the last part, and the best baseline's."""
    for part in ("test", "val", "train"):
        for metric in ("bits_per_character", "bleu", "mae", "accuracy"):
            key = f"{part}_{metric}"
            if key not in outcome.metrics:
                continue
            scores = {
                name: found[key] for name, found in outcome.baselines.items() if math.isfinite(found.get(key, math.nan))
            }
            text = f"{key} {outcome.metrics[key]:.4g}"
            if not scores:
                return text
            best = (max if metric_named(metric).higher_is_better else min)(scores, key=lambda name: scores[name])
            return f"{text}; {best.replace('_', ' ')} {scores[best]:.4g}"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", help="only these")
    parser.add_argument("--markdown", action="store_true", help="also the README's table")
    args = parser.parse_args()
    names = args.recipes or [recipe.name for recipe in recipes()]
    asked = [
        (name, seed, changes)
        for name in names
        for changes in unlike(promise.changes for promise in promises_of(name))
        for seed in SEEDS.get(name, (0,))
    ]
    with ProcessPoolExecutor(max_workers=2) as pool:
        outcomes = list(pool.map(train, *zip(*asked, strict=True)))
    missed, rows = 0, []
    for name in names:
        every = [outcome for outcome in outcomes if outcome.recipe == name]
        mine = [outcome for outcome in every if not outcome.changes]
        seconds = statistics.median(o.seconds for o in mine)
        print(f"\n{name}: {best_beside(mine[0])}; {seconds:.1f} s; seeds {', '.join(str(o.seed) for o in mine)}")
        figures = []
        for promise in promises_of(name):
            value = promise.figure([outcome for outcome in every if outcome.changes == promise.changes])
            limit = f"at most {promise.at_most:g}" if promise.at_most is not None else f"at least {promise.at_least:g}"
            held = promise.held(value)
            missed += not held
            print(f"  {'ok    ' if held else 'MISSED'} {promise.what} {value:.4g} ({limit})")
            figures.append(f"{promise.what} {value:.3g}")
        rows.append((f"`{name}`", "; ".join(figures), best_beside(mine[0]), f"{seconds:.1f} s"))
    if args.markdown:
        print("\n| recipe | measured | score beside the best baseline | time |\n| --- | --- | --- | --- |")
        print("\n".join(f"| {' | '.join(row)} |" for row in rows))
    print(f"\n{len(outcomes)} runs, {missed} missed")
    return missed > 0


if __name__ == "__main__":
    sys.exit(main())
