"""What uses a trained model: `predict` with an input, a file of new data, or steps to forecast."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seqcore.cli.output import Output
from seqcore.cli.progress import reading
from seqcore.cli.training import foreground
from seqcore.errors import DataError, NotFoundError, PredictionError
from seqcore.registry import baseline_title
from seqcore.results import SeriesView, View, plain
from seqcore.results.formatting import format_number
from seqcore.results.series import flat_rows
from seqcore.runs.api import open_store
from seqcore.runs.store import Run, Store
from seqcore.tasks.auto_config import refit_experiment

if TYPE_CHECKING:
    from seqcore.evaluation.metrics import Evaluation
    from seqcore.inference.predictor import Predictor

__all__ = ["predict"]


def predict(args: argparse.Namespace, out: Output) -> int:
    """Answer an input, score new data, or forecast."""
    _check(args)
    store = open_store(args.store)
    run = store.run(args.id)
    if args.refit:
        refitted = _refit(store, run, out)
        if refitted is None:
            return 1
        run = refitted
    predictor = store.predictor(run.id, at="last" if args.refit else args.at)
    if args.input is not None:
        return _answer(args, out, run, predictor)
    if args.file is not None:
        return _score(args, out, run, predictor)
    if args.part is not None:
        return _score_part(args, out, store, run, predictor)
    return _forecast(args, out, run, predictor)


def _check(args: argparse.Namespace) -> None:
    """Options that only go with another one are a mistake in usage: exit code 2."""
    if args.refit and args.steps is None:
        args.usage("--refit goes with --steps")
    if args.series is not None and args.steps is None and args.input is None:
        args.usage("--series goes with --steps or --input")
    if args.generate is not None and args.input is None:
        args.usage("--generate goes with --input")
    if args.beam is not None and (args.steps is not None or args.generate is not None):
        args.usage("--beam goes with --input, --file or --part")
    if args.generate is None and any(v is not None for v in (args.temperature, args.seed, args.top_k)):
        args.usage("--temperature, --top-k and --seed go with --generate")


def _answer(args: argparse.Namespace, out: Output, run: Run, predictor: Predictor) -> int:
    if args.generate is not None:
        return _generate(args, out, run, predictor)
    try:
        given = predictor.parse_input(args.input)
    except PredictionError:
        if os.path.isfile(args.input):  # where `Path` would fail on what is too long for a name
            raise PredictionError(
                f"input: {args.input!r} is a file, and --input takes the values themselves; use --file {args.input}"
            ) from None
        raise
    view = predictor.predict(given, series=args.series, beam=args.beam)
    note = predictor.input_warning(given, series=args.series)
    answer = view.answer(given, args.input)
    if out.json:
        out.object({"run": run.id, **answer.value, **({"note": note} if note else {})})
    else:
        out.line(answer.sentence)
        if note:
            out.note(note)
    if args.csv:
        _write_csv(args.csv, view)
    return 0


def _generate(args: argparse.Namespace, out: Output, run: Run, predictor: Predictor) -> int:
    temperature = 1.0 if args.temperature is None else args.temperature
    seed = args.seed or 0
    top_k = args.top_k or 0
    text = predictor.generate(args.input, args.generate, temperature=temperature, seed=seed, top_k=top_k)
    if out.json:
        value = {"run": run.id, "input": args.input, "generated": text}
        out.object({**value, "temperature": temperature, "top_k": top_k, "seed": seed})
    else:
        out.line(text)
    return 0


def _score(args: argparse.Namespace, out: Output, run: Run, predictor: Predictor) -> int:
    path = Path(args.file)
    if not path.is_file():
        raise NotFoundError(f"{args.file}: there is no such file")
    with reading(out, path.name) as on_progress:
        table = predictor.read_file(path, name=path.name, on_progress=on_progress)
    for note in () if out.json else table.notes:
        out.note(note)
    if not predictor.can_score(table):
        return _answers(args, out, predictor.predict(table, beam=args.beam), {"run": run.id, "file": path.name})
    scored = {"file": path.name, "notes": list(table.notes)}
    about = {"run": run.id, **_weights(out, run, predictor), **scored}
    return _scores(args, out, predictor.evaluate(table, beam=args.beam), path.name, about)


def _answers(args: argparse.Namespace, out: Output, view: View, about: Mapping[str, Any]) -> int:
    """A line for each sequence of a file that holds no truth."""
    if args.csv:
        _write_csv(args.csv, view)
    for answer in view.answers():
        if out.json:
            out.object({**about, **answer.value})
        else:
            out.line(answer.sentence)
    return 0


def _score_part(args: argparse.Namespace, out: Output, store: Store, run: Run, predictor: Predictor) -> int:
    evaluation = predictor.evaluate(store.table(run.id), split=args.part, beam=args.beam)
    about = {"run": run.id, **_weights(out, run, predictor), "part": args.part}
    return _scores(args, out, evaluation, f"{args.part} part", about)


def _weights(out: Output, run: Run, predictor: Predictor) -> dict[str, int]:
    """Which weights are scored: said of a run, which may go on meanwhile, as of what was loaded."""
    if not out.json:
        planned = max(run.epochs, predictor.epoch)
        out.line(f"{run.id[:8]}: weights of step {predictor.step:,}, epoch {predictor.epoch:,} of {planned:,}")
    return {"step": predictor.step, "epoch": predictor.epoch}


def _scores(args: argparse.Namespace, out: Output, evaluation: Evaluation, what: str, about: Mapping[str, Any]) -> int:
    """The model's scores beside every baseline's, and whatever else the task has to show."""
    if args.csv:
        _write_csv(args.csv, evaluation.view)
    if out.json:
        value = {**about, "metrics": evaluation.metrics, "baselines": evaluation.baselines}
        value |= {"windows": evaluation.windows, "scored": evaluation.scored}
        out.object({**value, "more": [view.to_dict() for view in evaluation.more]})
        return 0
    out.line(f"{what}: {evaluation.scored}")
    names = tuple(evaluation.metrics)
    rows = [("This model", *(format_number(value) for value in evaluation.metrics.values()))]
    for name, scores in evaluation.baselines.items():
        rows.append((baseline_title(name), *(format_number(scores.get(metric)) for metric in names)))
    out.table(("", *names), rows, right=names)
    for view in evaluation.more:
        if (summary := view.summary()) is not None:
            out.line(view.title)
            out.table(*summary)
    return 0


def _forecast(args: argparse.Namespace, out: Output, run: Run, predictor: Predictor) -> int:
    view = predictor.forecast(args.steps, series=args.series)
    series = {"series": view.title} if predictor.series else {}
    if args.csv:
        _write_csv(args.csv, view)
    if out.json:
        value = {"run": run.id, **series, "steps": args.steps, "columns": list(view.columns), "x_title": view.x_title}
        value |= {"x": plain(view.x), "prediction": flat_rows(view.prediction, whole=False)}
        if view.low is not None and view.high is not None:
            limits = {"low": flat_rows(view.low, whole=False), "high": flat_rows(view.high, whole=False)}
            value |= {**limits, "coverage": view.coverage}
        out.object(value)
        return 0
    if len(predictor.series) > 1:
        out.note(f"{view.title}; with --series: {', '.join(name for name in predictor.series if name != view.title)}")
    _forecast_table(out, view)
    return 0


def _forecast_table(out: Output, view: SeriesView) -> None:
    """A line for each step, each column beside the interval that is to hold it."""
    names: list[str] = []
    figures: list[tuple[str, ...]] = []
    for k, column in enumerate(view.columns):
        names.append(column)
        figures.append(tuple(map(format_number, view.prediction[:, k])))
        if view.low is not None and view.high is not None:
            alone = len(view.columns) == 1
            names += ["low", "high"] if alone else [f"{column} low", f"{column} high"]
            figures += [tuple(map(format_number, view.low[:, k])), tuple(map(format_number, view.high[:, k]))]
    rows = [(place, *row) for place, *row in zip(_positions(view.x), *figures, strict=True)]
    out.table((view.x_title, *names), rows, right=names)
    if view.low is not None and view.coverage is not None:
        known = int(np.isfinite(view.low).any(axis=1).sum())
        after = "" if known == len(view.x) else f"; after step {known:,} there is none, for want of errors to go by"
        out.line(f"From low to high: an interval that is to hold {view.coverage:.0%} of what comes{after}.")


def _refit(store: Store, run: Run, out: Output) -> Run | None:
    """The same experiment trained on all of its data, for as long as the scored run needed for its best weights.

    It is a run of its own; where it was done before, that one serves again.
    """
    epochs = run.best_epoch or run.epoch
    if not epochs:
        raise PredictionError(
            f"{run.id[:8]} has not finished an epoch, so there is nothing to go by; `resume` it first"
        )
    experiment = refit_experiment(store.predictor(run.id).resolved_experiment, epochs)
    for known in store.runs():
        if known.experiment == experiment and known.status == "completed":
            return known
    lease = store.start(experiment, recipe=run.recipe, group=run.group)
    code = foreground(store, lease, out, quiet=True)
    return store.run(lease.run) if code == 0 else None


def _write_csv(path: str, view: View) -> None:
    try:
        Path(path).write_text(view.to_csv(), encoding="utf-8", newline="")
    except OSError as error:
        raise DataError(f"{path}: can't be written ({error.strerror})") from None


def _positions(x: NDArray[Any]) -> list[str]:
    """Dates alike: none with a time of day, or all of them."""
    if x.dtype.kind != "M":
        return [f"{float(value):g}" for value in x]
    texts = [str(text) for text in np.datetime_as_string(x, unit="s")]
    whole = all(text.endswith("T00:00:00") for text in texts)
    brief = all(text.endswith(":00") for text in texts)
    return [text[: 10 if whole else 16 if brief else 19].replace("T", " ") for text in texts]
