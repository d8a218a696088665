"""Command `probe`: inspect a model of a run, at any of its snapshots, with any example."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from seqcore.cli.output import Output
from seqcore.data.splits import SPLIT_TITLES
from seqcore.data.table import Table
from seqcore.errors import NumberError, PredictionError
from seqcore.insight import PROBES
from seqcore.results import View
from seqcore.runs.api import open_store
from seqcore.runs.labels import network, short_id
from seqcore.runs.store import Run, Store

if TYPE_CHECKING:
    from seqcore.inference.predictor import Predictor
    from seqcore.insight.examples import InspectExample

__all__ = ["probe"]

NUMBERS = ("layer", "unit", "step")  # options that count from 1, as the pages do


def probe(args: argparse.Namespace, out: Output) -> int:
    """Show internals of a model on an example."""
    try:
        return _probe(args, out)
    except NumberError as error:
        raise PredictionError(error.from_one) from error


def _probe(args: argparse.Namespace, out: Output) -> int:
    of = PROBES[args.what].traits["of"]
    options = _options(args)
    store = open_store(args.store)
    run = store.run(args.id)
    predictor = _predictor(args, store, run)
    table = cache(lambda: store.table(run.id))
    example = cache(lambda: _example(args, predictor, table))
    view = _found(args, options, store, run, predictor, example, table)
    split = args.split or _held_back(predictor)
    if out.json:
        about = {"run": run.id, "model_step": predictor.step, "epoch": predictor.epoch, "what": args.what}
        about |= {"replica": args.replica} if args.replica is not None else {}
        if of == "example":
            about |= {"example": example().title, "split": example().split, "index": example().index + 1}
        out.object({**about, **({"split": split} if of == "split" else {}), **view.to_dict()})
        return 0
    shown = example().title if of == "example" else f"{SPLIT_TITLES[split]} split" if of == "split" else ""
    weights = f"{short_id(run.id)}: weights of step {predictor.step:,}, epoch {predictor.epoch:,}"
    out.line(f"{weights}; {shown}" if shown else weights)
    if of == "example" and example().note:
        out.note(example().note)
    columns, rows = view.summary() or view.table()
    out.table(tuple(map(str, columns)), [tuple(map(str, row)) for row in rows])
    return 0


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """The given options that say more about what is shown. Exits with code 2 for one without effect."""
    entry = PROBES[args.what]
    of, read = entry.traits["of"], entry.traits["options"]
    if args.index is not None and args.input is not None:
        args.usage("--index needs --split and not --input")
    if of != "example" and (args.index is not None or args.input is not None):
        args.usage(f"--what {args.what} takes no --input or --index: it is found for a whole {of}")
    if of == "model" and args.split is not None:
        args.usage(f"--what {args.what} takes no --split: it is found for the model alone")
    every = dict.fromkeys(name for other in PROBES.values() for name in other.traits["options"])
    given = {name: value for name in every if (value := getattr(args, name)) is not None}
    for name in given:
        if name not in read:
            those = ", ".join(what for what, other in PROBES.items() if name in other.traits["options"])
            args.usage(f"--what {args.what} takes no --{name}, which is for --what {those}")
    given |= {name: given[name] - 1 for name in NUMBERS if name in given}
    return given | ({"span": tuple(step - 1 for step in given["span"])} if "span" in given else {})


def _predictor(args: argparse.Namespace, store: Store, run: Run) -> Predictor:
    """The model at the wanted step; of several seeds the one that is asked for."""
    predictor = store.predictor(run.id, at=args.at)
    if args.replica is not None:
        return predictor.replica(args.replica - 1)
    if predictor.replicas > 1:
        raise PredictionError(
            f"replica: this run has {predictor.replicas} models, one for each seed; choose one with --replica, from "
            f"1 to {predictor.replicas}"
        )
    return predictor


def _example(args: argparse.Namespace, predictor: Predictor, table: Callable[[], Table]) -> InspectExample:
    from seqcore.insight.examples import load_example, typed_example

    if args.input is not None:
        return typed_example(predictor, args.input)
    return load_example(predictor, table(), args.split or _held_back(predictor), (args.index or 1) - 1)


def _held_back(predictor: Predictor) -> str:
    """The validation split, or the training split where there is none."""
    return "val" if predictor.experiment.data.validation_fraction else "train"


def _found(
    args: argparse.Namespace,
    options: dict[str, Any],
    store: Store,
    run: Run,
    predictor: Predictor,
    example: Callable[[], InspectExample],
    table: Callable[[], Table],
) -> View:
    from seqcore.insight.requests import ProbeRequest

    def snapshots() -> Iterator[bytes]:
        return (store.snapshot(run.id, snapshot.step) for snapshot in store.snapshots(run.id))

    def others() -> Iterator[tuple[str, Predictor, Table]]:
        for other in map(store.run, args.beside or ()):
            beside = store.predictor(other.id, at=args.at)
            yield _named(other), beside if beside.replicas < 2 else beside.replica(0), store.table(other.id)

    request = ProbeRequest(
        predictor=predictor,
        load_example=example,
        load_table=table,
        load_snapshots=snapshots,
        split=args.split or _held_back(predictor),
        run=_named(run),
        load_others=others,
        **{name: value for name, value in options.items() if name != "beside"},
    )
    view: View = PROBES[args.what].load()(request)
    return view


def _named(run: Run) -> str:
    """The architecture of a run with its sizes, and the beginning of its id."""
    return f"{network(run.outline)} ({short_id(run.id)})"
