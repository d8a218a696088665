"""The argument parser: commands, options and their help."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from typing import Any

from seqcore.cli.output import Output
from seqcore.data.splits import SPLITS
from seqcore.insight import PROBES

__all__ = ["make_parser"]

Command = Callable[[argparse.Namespace, Output], int]
SET_HELP = "change a field, as in model.hidden_size=64; can be repeated; `fields` lists the fields"
JSON_HELP = "print one JSON object per line instead of text"
_MOST_DIGITS = 9  # of a whole number
STORE_HELP = "folder, database file or URL of the runs (default: SEQCORE_STORE, else runs/)"


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands. `run` of the parsed arguments is the function of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m seqcore",
        description="Train, evaluate and use sequence models.",
        epilog="`python -m seqcore COMMAND --help` lists the options of a command.",
    )
    parser.add_argument("--store", metavar="URL", default=None, help=STORE_HELP)
    parser.add_argument("--json", action="store_true", help=JSON_HELP)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_catalog(commands)
    _add_training(commands)
    _add_comparison(commands)
    _add_runs(commands)
    _add_predict(commands)
    _add_probe(commands)
    export = _add(commands, "export", "export.export", "Export a run to a file.", run=True)
    export.add_argument("--format", metavar="FORMAT", required=True, help="weights, experiment, predictions or history")
    at_help = "weights or predictions of: best, last, or a step that `snapshots` lists (default: best)"
    export.add_argument("--at", metavar="WEIGHTS", type=_weights, default="best", help=at_help)
    export.add_argument("out", metavar="OUT", help="output file")
    return parser


def _add(
    commands: Any, name: str, function: str, help: str, *, store: bool = True, run: bool = False
) -> argparse.ArgumentParser:
    """Add a command: a function of `seqcore.cli`, as "module.name", imported when the command is run.

    `--json` and `--store` may stand before or after the command; `run` adds the id of a run as first argument.
    """
    module, _, attribute = function.partition(".")

    def execute(args: argparse.Namespace, out: Output) -> int:
        command: Command = getattr(importlib.import_module(f"seqcore.cli.{module}"), attribute)
        return command(args, out)

    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help)
    parser.set_defaults(run=execute)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=JSON_HELP)
    if store:
        parser.add_argument("--store", metavar="URL", default=argparse.SUPPRESS, help=STORE_HELP)
    if run:
        parser.add_argument("id", metavar="RUN", help="id of a run, a prefix of it, or `latest`")
    return parser


def _add_changes(parser: argparse.ArgumentParser, help: str = SET_HELP) -> None:
    parser.add_argument(
        "--set", metavar="FIELD=VALUE", dest="changes", action="append", type=_assignment, default=[], help=help
    )


def _assignment(text: str) -> tuple[str, str]:
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not FIELD=VALUE, as in model.hidden_size=64")
    return path.strip(), value


def _add_catalog(commands: Any) -> None:
    _add(commands, "recipes", "catalog.recipes", "List the recipes (named experiments).", store=False)
    fields = _add(commands, "fields", "catalog.fields", "List the fields that --set can change.", store=False)
    fields.add_argument("prefix", nargs="?", default="", help="only fields that start with this, as in `training`")
    help = "Profile a source or a file: columns, splits, seasonality, problems."
    data = _add(commands, "data", "data.data", help, store=False)
    data.add_argument("what", metavar="SOURCE_OR_FILE", help="a source such as weather, or a data file")
    _add_changes(data)


def _add_training(commands: Any) -> None:
    train = _add(commands, "train", "training.train", "Train a recipe, an experiment file or a data file.")
    help = "name of a recipe, .toml or .json of an experiment, or a data file: CSV, TSV, Parquet, TXT, TS, WAV, ZIP"
    train.add_argument("what", metavar="RECIPE_OR_FILE", help=help)
    _add_changes(train)
    train.add_argument("--group", help="group name for runs that belong together")
    resume = _add(commands, "resume", "training.resume", "Resume a run from its last checkpoint.", run=True)
    _add_changes(resume, "change a live field, as in training.learning_rate=0.001; can be repeated")
    cost = _add(
        commands, "replica-cost", "replica_cost.replica_cost", "Measure what it costs to train several seeds together."
    )
    cost.add_argument("what", metavar="RECIPE_OR_FILE", help=help)
    cost.add_argument(
        "--counts",
        metavar="K",
        type=_several,
        nargs="+",
        default=(4, 8, 16),
        help="numbers of seeds to measure (default: 4 8 16)",
    )
    _add_changes(cost)
    fork = _add(commands, "fork", "forks.fork", "Fork a run: train a new one that equals it up to a step.", run=True)
    step_help = "the last step that both share (default: that of the newest snapshot)"
    fork.add_argument("--step", metavar="N", type=_whole, help=step_help)
    _add_changes(fork, "change a live field from there on, as in training.learning_rate=0.003; can be repeated")
    fork.add_argument("--group", help="group name for runs that belong together")
    more = _add(commands, "more-epochs", "training.more_epochs", "Train a run for more epochs.", run=True)
    more.add_argument("epochs", metavar="N", type=_positive, help="number of epochs to add")


def _add_comparison(commands: Any) -> None:
    help = "Compare runs: what differs, curves on one axis, scores, and a paired test over seeds."
    compare = _add(commands, "compare", "comparison.compare", help)
    compare.add_argument("ids", metavar="RUN", nargs="*", help="ids of runs, or prefixes of them")
    group_help = "the runs of a group, such as a race; can be repeated"
    compare.add_argument("--group", metavar="NAME", dest="groups", action="append", default=[], help=group_help)
    compare.add_argument(
        "--by", metavar="AXIS", default="step", help="step, epoch, examples or seconds (default: step)"
    )
    what_help = "curves: score (validation score), val_loss or loss (training loss); default: score"
    compare.add_argument("--what", choices=("score", "val_loss", "loss"), default="score", help=what_help)
    split_help = "also the predictions of every model on this split, for the same rows: train, val or test"
    compare.add_argument("--split", choices=SPLITS, help=split_help)
    help = "name of a recipe, or a file as for `train`"
    race = _add(
        commands,
        "race",
        "comparison.race",
        "Train several variants of an experiment at the same time, under equal conditions.",
    )
    race.add_argument("what", metavar="RECIPE_OR_FILE", help=help)
    over_help = "a field and the values that compete, as in model.architecture=rnn,lstm,gru,mingru; can be repeated"
    race.add_argument(
        "--over", metavar="FIELD=A,B,...", type=_assignment, action="append", required=True, help=over_help
    )
    _add_changes(race)
    race.add_argument("--group", help="name of the race (default: a new one)")
    seeds = _add(
        commands, "seeds", "comparison.seeds", "Train an experiment with several seeds; compare two over them."
    )
    seeds.add_argument("what", metavar="RECIPE_OR_FILE", help=help)
    seeds.add_argument("count", metavar="K", type=_positive, help="number of seeds, from 2 to 64")
    _add_changes(seeds)
    against_help = "train a second experiment with this change, over the same seeds, and test the two; can be repeated"
    seeds.add_argument(
        "--against", metavar="FIELD=VALUE", type=_assignment, action="append", default=[], help=against_help
    )
    seeds.add_argument("--group", help="name of the group of runs (default: a new one)")


def _add_runs(commands: Any) -> None:
    runs = _add(commands, "runs", "runs.runs", "List runs, newest first.")
    option = runs.add_argument
    option(
        "--search", metavar="WORDS", default="", help="only runs with these words in name, model, status, owner or id"
    )
    option(
        "--status", metavar="STATUS", action="append", default=[], help="only runs with this status; can be repeated"
    )
    option("--owner", metavar="NAME", help="only runs that this user started")
    option("--sort", metavar="ORDER", default="newest", help="newest, skill, longest or title (default: newest)")
    option("--limit", type=_positive, metavar="N", help="show at most N (default: 1000)")
    option("--offset", type=_positive, default=0, metavar="N", help="skip the first N")
    show = _add(commands, "show", "runs.show", "Show the experiment, findings and metrics of a run.", run=True)
    help = "show the newest N changes and findings, and the newest finding of each kind (default: 1000)"
    show.add_argument("--events", type=_positive, default=1000, metavar="N", help=help)
    show.add_argument("--log", action="store_true", help="show the run's log, too")
    kept = _add(
        commands,
        "snapshots",
        "forks.snapshots",
        "List the snapshots of a run: the steps whose weights are kept.",
        run=True,
    )
    kept.add_argument("--take", action="store_true", help="take a snapshot now")
    asked = {"pause": "Pause a running run.", "continue": "Continue a paused run."}
    for name, help in {**asked, "stop": "Stop a run; its checkpoint is kept."}.items():
        _add(commands, name, "runs.command", help, run=True).set_defaults(kind=name)
    change = _add(commands, "set", "steering.set_fields", "Change fields of a run while it trains.", run=True)
    help = "live fields, as in training.learning_rate=0.003; `fields` marks them"
    change.add_argument("changes", metavar="FIELD=VALUE", nargs="+", type=_assignment, help=help)
    slow = _add(commands, "slow", "steering.slow", "Slow a run down to watch its steps.", run=True)
    slow.add_argument(
        "rate", metavar="STEPS_PER_SECOND", help="maximum steps per second, as in 2; `off` for full speed"
    )
    step = _add(commands, "step", "steering.step", "Train a paused run for single steps, and pause it again.", run=True)
    step.add_argument("steps", metavar="N", nargs="?", type=_positive, default=1, help="number of steps (default: 1)")
    delete = _add(commands, "delete", "runs.delete", "Delete a run with its checkpoints.", run=True)
    delete.add_argument("--yes", action="store_true", help="do not ask for confirmation")


def _add_predict(commands: Any) -> None:
    predict = _add(commands, "predict", "predict.predict", "Predict, forecast, generate or evaluate.", run=True)
    option = predict.add_argument
    what = predict.add_mutually_exclusive_group(required=True).add_argument
    what("--input", metavar="TEXT", help='values in original units ("70 80 90"), symbols ("abcd") or a sentence')
    what("--file", metavar="FILE", help="predict or evaluate new data of the same kind")
    what("--split", metavar="SPLIT", choices=SPLITS, help="evaluate a split of its data: train, val or test")
    what("--part", dest="split", choices=SPLITS, help=argparse.SUPPRESS)  # the former name
    what("--steps", metavar="N", type=_positive, help="forecast N steps beyond the end of the data")
    at_help = "weights: best, last, or a step that `snapshots` lists (default: best)"
    option("--at", metavar="WEIGHTS", type=_weights, default="best", help=at_help)
    option("--refit", action="store_true", help="with --steps: retrain on all data first")
    series_help = (
        "with --steps or --input: one of several series (default: the first); with --steps also several, or all"
    )
    option("--series", metavar="NAME", action="append", help=series_help)
    option("--csv", metavar="OUT", help="write the predictions to a CSV file")
    option("--generate", metavar="N", type=_positive, help="with --input: generate N symbols")
    option("--temperature", metavar="T", type=float, help="with --generate: 0 is greedy (default: 1)")
    top_k_help = "with --generate: sample from the K most probable symbols (default: all)"
    option("--top-k", metavar="K", type=_positive, help=top_k_help)
    beam_help = "beam size of a translation; 1 is greedy (default: as in the experiment)"
    option("--beam", metavar="N", type=_positive, help=beam_help)
    option("--seed", metavar="N", type=_whole, help="with --generate: random seed (default: 0)")
    _add_changes(predict, "with --file: an import option, as in data.options.encoding=cp1252")
    predict.set_defaults(usage=predict.error)


def _add_probe(commands: Any) -> None:
    help = "Inspect a model: states, gates, attention, memory, equations."
    probe = _add(commands, "probe", "probe.probe", help, run=True)
    option = probe.add_argument
    at_help = "weights: best, last, or the step of a snapshot (default: best)"
    option("--at", metavar="WEIGHTS", type=_weights, default="best", help=at_help)
    replica_help = "one of the replicas (seeds trained together), numbered from 1 as on the pages"
    option("--replica", metavar="K", type=_positive, help=replica_help)
    given = probe.add_mutually_exclusive_group().add_argument
    given("--input", metavar="TEXT", help='inspect this input: "70 80 90", "abcd" or a sentence')
    given("--split", choices=SPLITS, help="inspect examples of this split (default: val, or train)")
    option("--index", metavar="I", type=_positive, help="window or sequence of the split, numbered from 1 (default: 1)")
    what_help = "; ".join(f"{name}: {entry.help.rstrip('.')}" for name, entry in PROBES.items())
    option("--what", choices=PROBES, default="states", metavar="WHAT", help=f"{what_help} (default: states)")
    option("--layer", metavar="L", type=_positive, help="layer, numbered from 1 (default: 1)")
    option("--unit", metavar="U", type=_positive, help="unit, numbered from 1 (default: 1)")
    option("--step", metavar="T", type=_positive, help="time step, numbered from 1 (default: the last)")
    option("--name", metavar="NAME", help="hidden_state (default), cell_state, forget_gate, ...")
    option("--span", metavar="FIRST:LAST", type=_span, help="with similar: steps, numbered from 1, as in 3:7")
    threshold_help = "with similar: minimum value of an active unit (default: 0.3)"
    option("--threshold", metavar="X", type=float, help=threshold_help)
    option("--column", metavar="NAME", help="with response: the input column (default: the first)")
    output_help = "with attributions or inputs: a target, class, symbol or word, by name or by number from 0"
    option("--output", metavar="OUTPUT", help=output_help)
    beside_help = "with lag: another run on the same data, at the same --at; can be repeated"
    option("--beside", metavar="RUN", action="append", help=beside_help)
    probe.set_defaults(usage=probe.error)


def _whole(text: str, least: int = 0) -> int:
    if text.isdecimal() and len(text) <= _MOST_DIGITS and int(text) >= least:
        return int(text)
    highest = f"to {10**_MOST_DIGITS - 1:,}" if text.isdecimal() and len(text) > _MOST_DIGITS else "up"
    raise argparse.ArgumentTypeError(f"{text[:60]!r} is not allowed; use a whole number from {least} {highest}")


def _positive(text: str) -> int:
    return _whole(text, 1)


def _several(text: str) -> int:
    return _whole(text, 2)


def _span(text: str) -> tuple[int, int]:
    first, _, last = text.partition(":")
    if first.isdecimal() and last.isdecimal():
        return _positive(first), _positive(last)
    raise argparse.ArgumentTypeError(f"{text[:60]!r} is not allowed; give the first and the last step, as in 3:7")


def _weights(text: str) -> str | int:
    if text in ("best", "last"):
        return text
    if text.isdecimal():
        return _whole(text)
    raise argparse.ArgumentTypeError(f"{text[:60]!r} is not allowed; use best, last, or a step that `snapshots` lists")
