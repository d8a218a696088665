"""Overhead of watching a run: the same training with and without a browser on the Train page, and memory.

Server, worker (one thread) and Chromium share the cores. Without watching, the browser shows an empty page. In the same
rounds the plain PyTorch loop trains the same model on as many windows of the same length.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import closing
from pathlib import Path

from playwright.sync_api import Page

from benchmarks.dashboard import REACHED, Dashboard, browser_page, dashboard, open_train_page, wait_for_run
from benchmarks.frameworks.case import Case
from benchmarks.frameworks.process import FrameworkProcess
from benchmarks.measurement import Row, ratios
from benchmarks.options import Options
from benchmarks.process import children, resident_megabytes
from seqcore.events import Epoch, Started

__all__ = ["measure", "trained"]

LIMIT = 1.05
CASE = Case("rnn", 32, 50, 50, 25)
# the same model on 800 of 1,000 sine waves of 50 steps, the last value predicted
LINK = (
    "recipe=sine-next-step&data.predict=last&model.options.nonlinearity=tanh&training.clip_norm=0"
    "&training.schedule=constant&training.threads=1"
)


def trained(page: Page, board: Dashboard, *, epochs: int, watched: bool) -> float:
    """Training time of a run in seconds, from its start to the end of its last epoch."""
    known = {run.id for run in board.store.runs()}
    open_train_page(page, board.address, f"{LINK}&training.epochs={epochs}")
    page.get_by_role("button", name="Train", exact=True).click()
    wait_for_run(board.store, known, ended=False)
    if watched:
        page.wait_for_function(f"() => ({REACHED})() !== null")
    else:
        page.goto("about:blank")
    run = wait_for_run(board.store, known, ended=True)
    if run.status != "completed":
        raise SystemExit(f"the run ended as {run.status}: {run.error or run.reason}")
    stored = board.store.events(run.id, kinds=("started", "epoch"))
    begin = next(s.time for s in stored if isinstance(s.event, Started))
    end = [s.time for s in stored if isinstance(s.event, Epoch)][-1]
    return (end - begin).total_seconds()


def measure(options: Options) -> None:
    """Watched and unwatched runs in alternating order, each round followed by the plain loop."""
    epochs = 40 if options.quick else 150
    seconds: dict[bool, list[float]] = {True: [], False: []}
    plain = []
    with tempfile.TemporaryDirectory() as folder, dashboard() as board, browser_page() as page:
        loop = FrameworkProcess("pytorch", sys.executable, Path(folder) / "pytorch.log")
        with closing(loop):
            loop.wait()
            weights = Path(folder) / "weights.npz"
            loop.prepare(CASE, weights)
            for number in range(options.at_most(9) + 1):
                for watched in (True, False) if number % 2 else (False, True):
                    taken = trained(page, board, epochs=epochs, watched=watched)
                    if number:  # the first round is a warm-up
                        seconds[watched].append(taken / epochs)
                trained_plain = loop.train(20)
                if number:
                    plain.append(trained_plain.seconds / trained_plain.epochs)
        server, workers = resident_megabytes(board.pid), [resident_megabytes(pid) for pid in children(board.pid)]
    watching = ratios(seconds[True], seconds[False])
    options.add(
        Row(f"{CASE.title}: watched / unwatched", watching, requirement="watched", limit=LIMIT),
        Row(
            f"{CASE.title}: this project watched by a browser, with validation / plain PyTorch loop without",
            ratios(seconds[True], plain),
        ),
        Row(
            f"{CASE.title}: this project in a worker, unwatched, with validation / plain PyTorch loop without",
            ratios(seconds[False], plain),
        ),
        Row("memory of the server after these runs", (server,), unit="MB", note="without files shared with others"),
        Row("memory of its largest worker", (max(workers),), unit="MB", note="without files shared with others"),
    )
