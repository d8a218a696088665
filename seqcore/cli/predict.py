"""What uses a trained model: `predict` with an input, a file of new data, or steps to forecast."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqcore.cli.output import Output, number
from seqcore.cli.training import foreground
from seqcore.errors import DataError, NotFoundError, PredictionError
from seqcore.runs.front import open_store
from seqcore.runs.store import Run, Store
from seqcore.suggestion import refit_experiment
from seqcore.views import SymbolsView, View, plain

if TYPE_CHECKING:
    from seqcore.prediction import Predictor

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
    return _forecast(args, out, run, predictor)


def _check(args: argparse.Namespace) -> None:
    """Options that only go with another one are a mistake in usage: exit code 2."""
    if args.refit and args.steps is None:
        args.usage("--refit goes with --steps")
    if args.generate is not None and args.input is None:
        args.usage("--generate goes with --input")
    if args.generate is None and (args.temperature is not None or args.seed is not None):
        args.usage("--temperature and --seed go with --generate")


def _answer(args: argparse.Namespace, out: Output, run: Run, predictor: Predictor) -> int:
    if args.generate is not None:
        return _generate(args, out, run, predictor)
    given = predictor.parse(args.input)
    view = predictor.predict(given)
    note = predictor.notes(given)
    value: dict[str, Any] = {"run": run.id, **_example(view, given, args.input)}
    if out.json:
        out.object({**value, "note": note} if note else value)
    else:
        out.line(_sentence(view, value))
        if note:
            out.note(note)
    if args.csv:
        _write_csv(args.csv, view)
    return 0


def _generate(args: argparse.Namespace, out: Output, run: Run, predictor: Predictor) -> int:
    if predictor.input_kind != "symbols":
        raise PredictionError("--generate: this model predicts values and not symbols; --steps forecasts")
    temperature = 1.0 if args.temperature is None else args.temperature
    seed = args.seed or 0
    text = predictor.generate(args.input, args.generate, temperature=temperature, seed=seed)
    if out.json:
        out.object({"run": run.id, "input": args.input, "generated": text, "temperature": temperature, "seed": seed})
    else:
        out.line(text)
    return 0


def _score(args: argparse.Namespace, out: Output, run: Run, predictor: Predictor) -> int:
    from seqcore.data.files import read_table

    path = Path(args.file)
    if not path.is_file():
        raise NotFoundError(f"{args.file}: there is no such file")
    table = read_table(path, name=path.name, options=predictor.file_options)
    evaluation = predictor.evaluate(table)
    if args.csv:
        _write_csv(args.csv, evaluation.view)
    if out.json:
        value = {"run": run.id, "file": path.name, "metrics": evaluation.metrics, "baselines": evaluation.baselines}
        out.object({**value, "windows": evaluation.windows, "scored": evaluation.scored, "notes": list(table.notes)})
        return 0
    for note in table.notes:
        out.note(note)
    out.line(f"{path.name}: {evaluation.scored}")
    columns = ("", *evaluation.metrics)
    rows = [("this model", *(number(value) for value in evaluation.metrics.values()))]
    for name, scores in evaluation.baselines.items():
        rows.append((name.replace("_", " "), *(number(scores.get(metric)) for metric in evaluation.metrics)))
    out.table(columns, rows, right=columns[1:])
    return 0


def _forecast(args: argparse.Namespace, out: Output, run: Run, predictor: Predictor) -> int:
    view = predictor.forecast(args.steps)
    if args.csv:
        _write_csv(args.csv, view)
    if out.json:
        x, prediction = plain(view.x), plain(view.prediction)
        value = {"run": run.id, "steps": args.steps, "columns": list(view.columns), "x_title": view.x_title, "x": x}
        out.object({**value, "prediction": [row[0] for row in prediction] if len(view.columns) == 1 else prediction})
        return 0
    rows = [(_position(x), *(number(value) for value in row)) for x, row in zip(view.x, view.prediction, strict=True)]
    out.table((view.x_title, *view.columns), rows, right=view.columns)
    return 0


def _refit(store: Store, run: Run, out: Output) -> Run | None:
    """The same experiment trained on all of its data, for as long as the scored run needed for its best weights.

    It is a run of its own; where it was done before, that one serves again.
    """
    epochs = run.best_epoch or run.epoch
    if not epochs:
        raise PredictionError(
            f"{run.id[:8]} has not finished an epoch, so there is nothing to go by; `resume` it first"
        )
    experiment = refit_experiment(run.experiment, epochs)
    for known in store.runs():
        if known.experiment == experiment and known.status == "completed":
            return known
    lease = store.start(experiment, recipe=run.recipe, group=run.group)
    code = foreground(store, lease, out, quiet=True)
    return store.run(lease.run) if code == 0 else None


def _write_csv(path: str, view: View) -> None:
    from seqcore.export.tables import view_to_csv

    try:
        Path(path).write_text(view_to_csv(view), encoding="utf-8", newline="")
    except OSError as error:
        raise DataError(f"{path}: can't be written ({error.strerror})") from None


def _example(view: View, read: Any, text: str) -> dict[str, Any]:
    """An input as it was read, and its answer, as JSON."""
    if isinstance(view, SymbolsView):
        probabilities = {s: float(p) for s, p in zip(view.symbols, view.probabilities[-1], strict=True)}
        ranked = dict(sorted(probabilities.items(), key=lambda item: -item[1]))
        return {"input": text, "prediction": view.predictions[-1], "probabilities": ranked}
    return {"input": _numbers(read), "prediction": _numbers(view.prediction, whole=False)}


def _numbers(values: Any, *, whole: bool = True) -> list[Any]:
    """Rows as a plain list, flat where each holds one number. Whole inputs are written as people write them."""
    rows = [[int(v) if whole and float(v).is_integer() else float(v) for v in row] for row in values]
    return [row[0] for row in rows] if all(len(row) == 1 for row in rows) else rows


def _sentence(view: View, value: Mapping[str, Any]) -> str:
    if isinstance(view, SymbolsView):
        likely = [(symbol, p) for symbol, p in value["probabilities"].items() if p >= 0.005][:5]
        return f"{value['input']} -> {value['prediction']}   " + "  ".join(f"{s} {p:.0%}" for s, p in likely)
    return f"{_joined(value['input'])} -> {_joined(value['prediction'])}"


def _joined(values: list[Any]) -> str:
    return ", ".join(f"({_joined(v)})" if isinstance(v, list) else number(v) for v in values)


def _position(x: Any) -> str:
    if isinstance(x, np.datetime64):
        text = str(np.datetime_as_string(x, unit="s"))
        return text.removesuffix("T00:00:00").replace("T", " ")
    return f"{float(x):g}"
