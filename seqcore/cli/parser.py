"""The words of the command line: commands, arguments and their help."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from typing import Any

from seqcore.cli.output import Output

__all__ = ["make_parser"]

Command = Callable[[argparse.Namespace, Output], int]
RUN_HELP = "a run: its id, the beginning of it, or `latest`"


def make_parser() -> argparse.ArgumentParser:
    """The whole command line. Each command's function is in `run` of what it parses."""
    parser = argparse.ArgumentParser(
        prog="python -m seqcore",
        description="Train, judge and use sequence models.",
        epilog="`python -m seqcore COMMAND --help` tells more about a command.",
    )
    parser.add_argument("--store", metavar="URL", default=None, help="where runs are kept (SEQCORE_STORE; else runs/)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, and nothing else")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_catalog(commands)
    _add_training(commands)
    _add_runs(commands)
    _add_predict(commands)
    _add_export(commands)
    return parser


def _lazy(module: str, name: str) -> Command:
    """A command whose module is imported when it runs."""

    def run(args: argparse.Namespace, out: Output) -> int:
        command: Command = getattr(importlib.import_module(f"seqcore.cli.{module}"), name)
        return command(args, out)

    return run


def _add(commands: Any, name: str, run: Command, help: str, *, store: bool = True) -> argparse.ArgumentParser:
    """One command, with what all have. What stands before the command counts unless it is said again after it."""
    command: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help)
    command.set_defaults(run=run)
    command.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="one JSON object a line, and nothing else"
    )
    if store:
        command.add_argument(
            "--store", metavar="URL", default=argparse.SUPPRESS, help="where runs are kept (SEQCORE_STORE; else runs/)"
        )
    return command


def _assignment(text: str) -> tuple[str, str]:
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not FIELD=VALUE, as in model.hidden_size=64")
    return path.strip(), value


def _add_catalog(commands: Any) -> None:
    _add(
        commands,
        "recipes",
        _lazy("catalog", "recipes"),
        "List the experiments that ship with the project.",
        store=False,
    )
    fields = _add(
        commands, "fields", _lazy("catalog", "fields"), "Explain every field that --set can change.", store=False
    )
    fields.add_argument("beginning", nargs="?", default="", help="only fields that begin like this, as in `training`")

    data = _add(
        commands,
        "data",
        _lazy("data", "data"),
        "Show what a source or a file holds, how it would be split, and what is wrong with it.",
        store=False,
    )
    data.add_argument("what", metavar="SOURCE_OR_FILE", help="a source, as in weather, or a file of yours")
    _add_changes(data)


def _add_changes(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--set",
        metavar="FIELD=VALUE",
        dest="changes",
        action="append",
        type=_assignment,
        default=[],
        help="change a field, as in model.hidden_size=64; may be given again; `fields` lists them all",
    )


def _add_training(commands: Any) -> None:
    train = _add(commands, "train", _lazy("training", "train"), "Train a recipe, an experiment or your own data.")
    train.add_argument(
        "what",
        metavar="RECIPE_OR_FILE",
        help="a recipe, an experiment's .toml or .json, or data of yours: CSV, TSV, Parquet, TXT, TS, WAV, ZIP",
    )
    _add_changes(train)
    train.add_argument("--group", default=None, help="a name for runs that belong together")
    resume = _add(commands, "resume", _lazy("training", "resume"), "Go on with a run from its last checkpoint.")
    resume.add_argument("id", metavar="RUN", help=RUN_HELP)
    _add_changes(resume)
    more = _add(commands, "more-epochs", _lazy("training", "more_epochs"), "Give a run more epochs than were planned.")
    more.add_argument("id", metavar="RUN", help=RUN_HELP)
    more.add_argument("epochs", metavar="N", type=_positive, help="how many more")


def _add_runs(commands: Any) -> None:
    runs = _add(commands, "runs", _lazy("runs", "runs"), "List runs, the newest first.")
    runs.add_argument("--limit", type=_positive, default=None, metavar="N", help="only the newest N")
    show = _add(commands, "show", _lazy("runs", "show"), "Show a run: what was done, and how it went.")
    show.add_argument("id", metavar="RUN", help=RUN_HELP)
    show.add_argument("--log", action="store_true", help="also what was written to the run's log")
    for name, help in (
        ("pause", "Pause a run that is going."),
        ("continue", "Let a paused run go on."),
        ("stop", "End a run; its checkpoint is kept."),
    ):
        command = _add(commands, name, _lazy("runs", "command"), help)
        command.add_argument("id", metavar="RUN", help=RUN_HELP)
        command.set_defaults(kind=name)
    delete = _add(commands, "delete", _lazy("runs", "delete"), "Delete a run and all that was kept of it.")
    delete.add_argument("id", metavar="RUN", help=RUN_HELP)
    delete.add_argument("--yes", action="store_true", help="don't ask")


def _add_predict(commands: Any) -> None:
    predict = _add(commands, "predict", _lazy("predict", "predict"), "Use a trained model.")
    predict.add_argument("id", metavar="RUN", help=RUN_HELP)
    what = predict.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--input", metavar="TEXT", help='values in your own units ("70 80 90"), symbols ("abcd") or a sentence'
    )
    what.add_argument("--file", metavar="FILE", help="score the model on new data of the same kind")
    what.add_argument(
        "--part", metavar="PART", choices=("train", "val", "test"), help="score it on its own data: train, val or test"
    )
    what.add_argument("--steps", metavar="N", type=_positive, help="forecast on from the end of the data")
    predict.add_argument(
        "--at",
        metavar="WEIGHTS",
        type=_weights,
        default="best",
        help="which weights: best, last, or a kept step (best)",
    )
    predict.add_argument("--refit", action="store_true", help="with --steps: first train on all of the data")
    predict.add_argument(
        "--series", metavar="NAME", help="with --steps or --input: which series, where a run has several"
    )
    predict.add_argument("--csv", metavar="OUT", help="write the predictions to a file")
    predict.add_argument("--generate", metavar="N", type=_positive, help="with --input of symbols: go on for N symbols")
    predict.add_argument(
        "--temperature", metavar="T", type=float, default=None, help="with --generate: 1 as learned (1)"
    )
    predict.add_argument(
        "--top-k",
        metavar="K",
        type=_positive,
        default=None,
        help="with --generate: draw from the K likeliest only (all)",
    )
    predict.add_argument(
        "--beam",
        metavar="N",
        type=_positive,
        default=None,
        help="of a translator: N translations are kept in mind, 1 is greedy (as the experiment has it)",
    )
    predict.add_argument(
        "--seed", metavar="N", type=int, default=None, help="with --generate: the same seed, the same text"
    )
    predict.set_defaults(usage=predict.error)


def _add_export(commands: Any) -> None:
    export = _add(commands, "export", _lazy("export", "export"), "Take something away from a run.")
    export.add_argument("id", metavar="RUN", help=RUN_HELP)
    export.add_argument(
        "--format", metavar="FORMAT", required=True, help="what to write; an unknown one lists them all"
    )
    export.add_argument("out", metavar="OUT", help="the file to write")


def _weights(text: str) -> str | int:
    if text in ("best", "last"):
        return text
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not allowed; use best, last, or the step of a kept checkpoint")


def _positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return value
