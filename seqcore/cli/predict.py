"""Command `predict`: predict an input, evaluate a split or a file, forecast, generate."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seqcore.cli.import_report import print_questions, report_object
from seqcore.cli.output import Output
from seqcore.cli.progress import reading, score_rows
from seqcore.cli.training import changed_values, foreground
from seqcore.data.sources.stored_file import base_name
from seqcore.data.splits import SPLIT_TITLES
from seqcore.data.table import Table
from seqcore.errors import NotFoundError, PredictionError, SeqcoreError
from seqcore.events import Finding
from seqcore.experiment.experiment import Experiment
from seqcore.results import SeriesView, View, plain
from seqcore.results.formatting import format_number, listed
from seqcore.results.scores import scores_info
from seqcore.results.series import NO_LONGER, flat_rows, series_csv
from seqcore.runs.api import open_store, shell_user
from seqcore.runs.atomic_io import write_output
from seqcore.runs.labels import short_id
from seqcore.runs.store import Run, Store
from seqcore.tasks.auto_config import refit_experiment

if TYPE_CHECKING:
    from seqcore.evaluation.metrics import Evaluation
    from seqcore.inference.predictor import Predictor

__all__ = ["predict"]

MOST_LISTED = 20  # other series named below a forecast


def predict(args: argparse.Namespace, out: Output) -> int:
    """Predict an input, evaluate new data or a split, forecast or generate."""
    _check(args)
    store = open_store(args.store)
    run = store.run(args.id)
    if args.refit:
        refitted = _refit(store, run, out)
        if isinstance(refitted, int):
            return refitted
        run = refitted
    predictor = store.predictor(run.id, at="last" if args.refit else args.at)
    if args.input is not None:
        return _answer(args, out, run, predictor)
    if args.file is not None:
        return _score(args, out, store, run, predictor)
    if args.split is not None:
        return _evaluate_split(args, out, store, run, predictor)
    return _forecast(args, out, run, predictor)


def _check(args: argparse.Namespace) -> None:
    """Exit with code 2 for an option without the one that it needs."""
    if args.refit and args.steps is None:
        args.usage("--refit needs --steps")
    if args.series is not None and args.steps is None and args.input is None:
        args.usage("--series needs --steps or --input")
    if args.input is not None and len(args.series or ()) > 1:
        args.usage("--input takes one --series")
    if args.generate is not None and args.input is None:
        args.usage("--generate needs --input")
    if args.beam is not None and (args.steps is not None or args.generate is not None):
        args.usage("--beam needs --input, --file or --split")
    if args.changes and args.file is None:
        args.usage("--set needs --file")
    if other := next((path for path, _ in args.changes if not path.startswith("data.options.")), ""):
        args.usage(f"--set {other}: only data.options of the file can be changed")
    if args.generate is None and any(v is not None for v in (args.temperature, args.seed, args.top_k)):
        args.usage("--temperature, --top-k and --seed need --generate")


def _answer(args: argparse.Namespace, out: Output, run: Run, predictor: Predictor) -> int:
    if args.generate is not None:
        return _generate(args, out, run, predictor)
    try:
        given = predictor.parse_input(args.input)
    except PredictionError:
        if os.path.isfile(args.input):  # `Path` fails on text that is too long for a name
            raise PredictionError(
                f"input: {args.input!r} is a file, and --input takes values; use --file {args.input}"
            ) from None
        raise
    series = args.series[0] if args.series else None
    view = predictor.predict(given, series=series, beam=args.beam)
    warning = " ".join(finding.sentence for finding in predictor.check_input(given, series=series))
    answer = view.answer(given, args.input)
    out.result({"run": run.id, **answer.value, **({"note": warning} if warning else {})}, answer.sentence)
    if warning and not out.json:
        out.note(warning)
    _write_csv(args.csv, lambda: view)
    return 0


def _generate(args: argparse.Namespace, out: Output, run: Run, predictor: Predictor) -> int:
    temperature = 1.0 if args.temperature is None else args.temperature
    options: dict[str, Any] = {"temperature": temperature, "top_k": args.top_k or 0, "seed": args.seed or 0}
    text = predictor.generate(args.input, args.generate, **options)
    out.result({"run": run.id, "input": args.input, "generated": text, **options}, text)
    return 0


def _score(args: argparse.Namespace, out: Output, store: Store, run: Run, predictor: Predictor) -> int:
    path = Path(args.file)
    if not path.is_file():
        raise NotFoundError(f"{args.file}: no such file")
    name = base_name(path.name)
    with reading(out, name) as on_progress:
        changes = changed_values(Experiment.make({"data": {"source": "file"}}), args.changes)
        table = predictor.read_file(path, name=name, on_progress=on_progress, changes=changes)
    if not out.json:
        for note in table.notes:
            out.note(note)
        print_questions(out, table.report)
    if not predictor.can_score(table):
        return _answers(args, out, predictor.predict(table, beam=args.beam), {"run": run.id, "file": name})
    if predictor.is_partly_labeled(table):  # all are predicted, and those with a label are scored below
        _answers(args, out, predictor.predict(table, beam=args.beam), {"run": run.id, "file": name})
        args = argparse.Namespace(**{**vars(args), "csv": None})
    found = _findings(store, run, predictor, table)
    for finding in found if not out.json else ():
        out.note(finding.sentence)
    scored = {"file": name, "notes": list(table.notes), **report_object(table.report)}
    scored |= {"findings": [finding.to_dict() for finding in found]} if found else {}
    about = {"run": run.id, **_weights(out, run, predictor), **scored}
    _write_csv(args.csv, lambda: predictor.predictions(table, beam=args.beam))
    return _scores(out, run, predictor.evaluate(table, beam=args.beam), name, about)


def _findings(store: Store, run: Run, predictor: Predictor, table: Table) -> list[Finding]:
    """Findings about new data beside the run's own; none where these have no dates or can't be read any more."""
    if table.times is None:
        return []
    try:
        return predictor.check_new(store.table(run.id), table)
    except SeqcoreError:
        return []


def _answers(args: argparse.Namespace, out: Output, view: View, about: Mapping[str, Any]) -> int:
    """One line for each sequence of a file without targets."""
    _write_csv(args.csv, lambda: view)
    for answer in view.answers():
        out.result({**about, **answer.value}, answer.sentence)
    return 0


def _evaluate_split(args: argparse.Namespace, out: Output, store: Store, run: Run, predictor: Predictor) -> int:
    table = store.table(run.id)
    evaluation = predictor.evaluate(table, split=args.split, beam=args.beam)
    _write_csv(args.csv, lambda: predictor.predictions(table, split=args.split, beam=args.beam))
    if out.json and (search := predictor.scaling_search) is not None:
        evaluation = replace(evaluation, more=(*evaluation.more, search))
    about = {"run": run.id, **_weights(out, run, predictor), "split": args.split}
    return _scores(out, run, evaluation, f"{SPLIT_TITLES[args.split]} split", about)


def _weights(out: Output, run: Run, predictor: Predictor) -> dict[str, int]:
    """Step and epoch of the loaded weights, because the run may train on meanwhile."""
    if not out.json:
        planned = max(run.epochs, predictor.epoch)
        out.line(f"{short_id(run.id)}: weights of step {predictor.step:,}, epoch {predictor.epoch:,} of {planned:,}")
    return {"step": predictor.step, "epoch": predictor.epoch}


def _scores(out: Output, run: Run, evaluation: Evaluation, what: str, about: Mapping[str, Any]) -> int:
    """Metrics of the model and of every baseline, the skill, and further results of the task."""
    if out.json:
        value = {**about, "metrics": evaluation.metrics, "baselines": evaluation.baselines}
        value |= {"replicas": evaluation.replicas} if evaluation.replicas else {}
        value |= {"windows": evaluation.windows, "scored": evaluation.scored}
        out.object({**value, "more": [view.to_dict() for view in evaluation.more]})
        return 0
    out.line(f"{what}: {evaluation.scored}")
    names = tuple(evaluation.metrics)
    rows = score_rows(names, evaluation.metrics, evaluation.baselines, evaluation.replicas)
    out.table(("", *names), rows, right=names)
    if run.metric in evaluation.metrics and evaluation.baselines:
        info = scores_info(
            evaluation.metrics, evaluation.baselines, metric=run.metric, reference=run.reference_baseline,
            replicas=evaluation.replicas, on_training=about.get("split") == "train",
        )  # fmt: skip
        out.line(info.sentence)
    for view in evaluation.more:
        if (summary := view.summary()) is not None:
            out.line(view.title)
            out.table(*summary)
    return 0


def _forecast(args: argparse.Namespace, out: Output, run: Run, predictor: Predictor) -> int:
    views = [predictor.forecast(args.steps, series=name) for name in _series_names(args.series, predictor)]
    if args.csv:
        text = series_csv(views, column=predictor.series_title) if predictor.series else views[0].to_csv()
        write_output(Path(args.csv), text.encode())
    shown = [view.title for view in views]
    others = [name for name in predictor.forecast_series if name not in shown]
    for view in views:
        if out.json:
            series = {"series": view.title} if predictor.series else {}
            out.object({"run": run.id, **series, "steps": args.steps, **_forecast_object(view)})
            continue
        if len(predictor.series) > 1:
            hint = f"; with --series: {listed(others, MOST_LISTED)}, or all" if others else ""
            out.line(f"{view.title}{hint if view is views[-1] else ''}")
        _forecast_table(out, view)
    return 0


def _series_names(asked: list[str] | None, predictor: Predictor) -> list[str | None]:
    """The series to forecast: those asked for, each once, by default the first; None if the model has only one."""
    if not predictor.series and asked in (None, ["all"]):
        return [None]
    if asked is None:
        return [predictor.series[0]]
    if "all" in asked and "all" not in predictor.series:
        return [*predictor.forecast_series]
    return [*dict.fromkeys(asked)]


def _forecast_object(view: SeriesView) -> dict[str, Any]:
    """A forecast as JSON."""
    value = {"columns": list(view.columns), "x_title": view.x_title, "x": plain(view.x)}
    value["prediction"] = flat_rows(view.prediction, whole=False)
    if view.low is not None and view.high is not None:
        limits = {"low": flat_rows(view.low, whole=False), "high": flat_rows(view.high, whole=False)}
        value |= {**limits, "coverage": view.coverage}
    if view.replicas is not None:
        value["replicas"] = [flat_rows(own, whole=False) for own in view.replicas]
    return value


def _forecast_table(out: Output, view: SeriesView) -> None:
    """One line for each step: every column with its prediction interval."""
    names: list[str] = []
    figures: list[tuple[str, ...]] = []
    for k, column in enumerate(view.columns):
        names.append(column)
        figures.append(tuple(map(format_number, view.prediction[:, k])))
        if view.low is not None and view.high is not None:
            alone = len(view.columns) == 1
            names += ["low", "high"] if alone else [f"{column} low", f"{column} high"]
            figures += [tuple(map(format_number, view.low[:, k])), tuple(map(format_number, view.high[:, k]))]
        if view.replicas is not None:
            names += [f"{column} lowest", f"{column} highest"]
            ends = view.replicas[..., k].min(axis=0), view.replicas[..., k].max(axis=0)
            figures += [tuple(map(format_number, end)) for end in ends]
    rows = [(place, *row) for place, *row in zip(_positions(view.x), *figures, strict=True)]
    out.table((view.x_title, *names), rows, right=names)
    if view.replicas is not None:
        out.line(f"mean of {len(view.replicas)} seeds, and the lowest and highest of them")
    if view.low is not None and view.coverage is not None:
        last = view.no_interval_after
        after = "" if last is None else f" up to step {last:,}; {NO_LONGER}"
        out.line(f"low to high: {view.coverage:.0%} prediction interval{after}")


def _refit(store: Store, run: Run, out: Output) -> Run | int:
    """Train the same experiment on all data, for as many epochs as the run needed for its best weights.

    This is a new run. If there is one already, it is used again. Returns the exit code if it was interrupted or failed.
    """
    epochs = run.best_epoch or run.epoch
    if not epochs:
        raise PredictionError(f"{short_id(run.id)} has not finished an epoch; `resume` it before --refit")
    experiment = refit_experiment(store.predictor(run.id).resolved_experiment, epochs)
    for known in store.runs():
        if known.experiment == experiment and known.status == "completed":
            return known
    lease = store.start(experiment, recipe=run.recipe, group=run.group, owner=shell_user())
    code = foreground(store, lease, out, quiet=True)
    return code or store.run(lease.run)


def _write_csv(path: str | None, view: Callable[[], View]) -> None:
    if path:
        write_output(Path(path), view().to_csv().encode())


def _positions(x: NDArray[Any]) -> list[str]:
    """Positions as text, all dates in the same precision."""
    if x.dtype.kind != "M":
        return [f"{float(value):g}" for value in x]
    texts = [str(text) for text in np.datetime_as_string(x, unit="s")]
    whole = all(text.endswith("T00:00:00") for text in texts)
    brief = all(text.endswith(":00") for text in texts)
    return [text[: 10 if whole else 16 if brief else 19].replace("T", " ") for text in texts]
