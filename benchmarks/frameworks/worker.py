"""A process that trains with one framework, on command: see `session.py`.

    python benchmarks/frameworks/worker.py FRAMEWORK

Reads one JSON object a line: {"do": "case", "case": {...}, "weights": FILE} prepares a case; {"do": "train", "epochs":
n} trains n epochs of it and answers their time; {"do": "end"} ends the case.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
sys.path.remove(str(Path(__file__).resolve().parent))

import numpy as np

from benchmarks.frameworks.case import Case
from benchmarks.frameworks.session import Enough, Session, protocol

FRAMEWORKS = {  # name -> module, function, distributions whose versions are reported
    "seqcore": ("with_seqcore", "train", ("torch", "numpy")),
    "seqcore-epoch": ("with_seqcore", "train_whole_epochs", ("torch", "numpy")),
    "pytorch": ("with_pytorch", "train", ("torch", "numpy")),
    "skorch": ("with_skorch", "train", ("skorch", "torch")),
    "lightning": ("with_lightning", "train", ("lightning", "torch")),
    "darts": ("with_darts", "train", ("darts", "pytorch-lightning", "torch")),
    "keras-tensorflow": ("with_keras", "train", ("keras", "tensorflow-cpu", "tensorflow")),
    "keras-torch": ("with_keras", "train", ("keras", "torch")),
}


def one_thread() -> None:
    """All frameworks compute on one thread, and shuffle from a fixed seed."""
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(1)
        torch.manual_seed(0)
    if "tensorflow" in sys.modules:
        import tensorflow

        tensorflow.config.threading.set_intra_op_parallelism_threads(1)
        tensorflow.config.threading.set_inter_op_parallelism_threads(1)


def versions(names: tuple[str, ...]) -> dict[str, str]:
    """Versions of those that are installed."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def initial(train: Callable[..., Any], case: Case, file: Path) -> dict[str, Any]:
    """The initial weights in a file, which this project writes where it is missing."""
    if not file.exists():
        from benchmarks.frameworks.with_seqcore import initial_weights

        np.savez(file, **initial_weights(case))
    with np.load(file) as found:
        return dict(found)


def main() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    module, function, distributions = FRAMEWORKS[sys.argv[1]]
    commands, answers = protocol()
    session = Session(commands, answers)
    train = getattr(importlib.import_module(f"benchmarks.frameworks.{module}"), function)
    one_thread()
    session.answer(versions=versions(distributions))
    while (command := session.command()) is not None:
        if command["do"] != "case":
            continue
        session.reset()
        case = Case(**command["case"])
        try:
            train(case, initial(train, case, Path(command["weights"])), session)
        except Enough:
            session.answer(ended=True)
        except Exception as error:  # a case that fails must not take the others with it
            traceback.print_exc()
            session.answer(error=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")


if __name__ == "__main__":
    main()
