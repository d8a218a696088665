"""Out of memory: one line with advice, and the run keeps its last checkpoint."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from seqcore.experiment.experiment import Experiment
from seqcore.runs.store import Store
from seqcore.training.memory import is_out_of_memory

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space of a process")

# once the run has a checkpoint, no further memory is given
TRAIN = """
import resource, sys
import seqcore
import seqcore.training.fit
from seqcore.events import CheckpointReady

seqcore.training.fit._CHECKPOINT_SECONDS = 0.0  # after the first step

def on_event(event):
    if isinstance(event, CheckpointReady):
        pages = int(open("/proc/self/statm").read().split()[0])
        room = pages * resource.getpagesize() + 2**20
        resource.setrlimit(resource.RLIMIT_AS, (room, resource.getrlimit(resource.RLIMIT_AS)[1]))

experiment = seqcore.Experiment.make({
    "data": {"source": "sine", "options": {"samples": 600, "length": 301}, "window": 300, "predict": "every"},
    "model": {"architecture": "rnn", "hidden_size": 128},
    "training": {"epochs": 500, "batch_size": 320, "device": "cpu", "threads": 1},
})
try:
    seqcore.train(experiment, store=seqcore.open_store(sys.argv[1]), on_event=on_event)
except seqcore.SeqcoreError as error:
    print(error)
"""


def test_a_refused_allocation_fails_the_run_in_one_line_and_loses_nothing(tmp_path: Path, root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, str(tmp_path)],
        cwd=root, capture_output=True, text=True, timeout=300, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    (line,) = done.stdout.strip().splitlines()
    assert line.startswith("out of memory on cpu")
    assert "use a smaller training.batch_size (320), data.window (300) or model.hidden_size (128)" in line
    store = Store(tmp_path)
    (run,) = store.runs()
    assert run.status == "failed"
    assert run.error == line
    assert (store.checkpoint_step(run.id) or 0) > 0
    assert store.resume(run.id).status == "queued"


def test_which_errors_are_about_memory() -> None:
    huge = 2**60
    for allocate in (lambda: bytearray(huge), lambda: torch.empty(huge)):
        with pytest.raises((MemoryError, RuntimeError)) as caught:
            allocate()
        assert is_out_of_memory(caught.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."))
    assert not is_out_of_memory(RuntimeError("shapes don't fit"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_an_experiment_is_what_the_advice_names() -> None:
    assert {"batch_size", "precision"} <= set(type(Experiment.make().training).model_fields)
