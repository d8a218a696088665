"""Kill the worker of one run twenty times, and its server once: `python tests/seqcore/runs/kill_twenty.py [KILLS]`.

After each kill the run must be interrupted at once and every point that was stored must still be there. In the end the
run must be the same, to the bit, as one that nothing happened to. Prints a line a kill; exits with 1 where it isn't so.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch  # noqa: E402

from seqcore.experiment.experiment import Experiment  # noqa: E402
from seqcore.runs.execution import execute  # noqa: E402
from seqcore.runs.local_launcher import launch  # noqa: E402
from seqcore.runs.store import Store  # noqa: E402
from seqcore.training.checkpoint import unpack  # noqa: E402

SERVER = """
import sys, time
from seqcore.runs.scheduler import Scheduler
from seqcore.runs.store import Store
jobs = Scheduler(Store(sys.argv[1]), slots=1).start()
jobs.resume(sys.argv[2])
while True:
    print(*[m.worker.pid for m in list(jobs._workers)], flush=True)
    time.sleep(0.02)
"""


def until(condition: Callable[[], object], seconds: float, what: str) -> float:
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > seconds:
            raise SystemExit(f"FAILED: {what} was not so after {seconds:g} s")
        time.sleep(0.002)
    return time.monotonic() - begun


def check(condition: bool, what: str) -> None:
    if not condition:
        raise SystemExit(f"FAILED: {what}")


def points(store: Store, run: str) -> dict[int, float]:
    curve = store.curve(run, max_points=None)
    return dict(zip(curve.steps.tolist(), curve.values.tolist(), strict=True))


def kill_worker(store: Store, run: str, random_moment: random.Random) -> float:
    """Let a fresh worker have the run, and kill it at a random moment: seconds until the run was interrupted."""
    words: list[str] = []
    worker = launch(store, words.append)
    until(lambda: "ready" in words, 120, "a worker is ready")
    worker.send(run)
    until(lambda: store.run(run).status == "running", 60, "the run goes on")
    time.sleep(random_moment.uniform(0.0, 2.5))
    os.kill(worker.pid, signal.SIGKILL)
    took = until(lambda: store.run(run).status in ("interrupted", "completed"), 1.0, "the run is interrupted")
    until(lambda: "gone" in words, 10, "the worker is gone")
    return took


def kill_server(store: Store, run: str) -> float:
    """Kill a server: seconds until its workers are gone. Its run must have a checkpoint of its last step."""
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(store.folder), run], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    before = store.run(run).step
    until(lambda: store.run(run).step > before, 120, "the run goes on at the server's")
    server.kill()
    said, _ = server.communicate()
    pids = [int(pid) for pid in said.strip().splitlines()[-1].split()]
    took = until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 5.0, "the server's workers are gone")
    check(store.run(run).status == "interrupted", "the run of a killed server is interrupted")
    check(store.checkpoint_step(run) == store.run(run).step, "the run of a killed server has its last checkpoint")
    return took


def main() -> int:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    moment = random.Random(0)
    experiment = Experiment.make(
        {
            "data": {"options": {"samples": 600}},
            "model": {"hidden_size": 16, "architecture": "gru"},
            "training": {"epochs": 100 * kills, "device": "cpu", "schedule": "cosine"},
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        run = store.submit(experiment).id
        stored: dict[int, float] = {}
        for kill in range(kills):
            took = kill_worker(store, run, moment)
            now = points(store, run)
            check(stored.items() <= now.items(), "every point that was stored is still there, as it was")
            stored = now
            state = store.run(run)
            print(
                f"kill {kill + 1}: {state.status} after {took * 1000:.0f} ms, {len(now)} points, {state.epoch} epochs"
            )
            check(state.status == "interrupted", "the run was long enough for all kills")
            if kill < kills - 1:
                store.resume(run)
        print(f"server killed: no worker left after {kill_server(store, run):.1f} s")
        lease = store.claim(store.resume(run).id)
        check(lease is not None, "a run that was resumed can be claimed")
        ended = execute(store, lease)
        straight = execute(store, store.start(experiment))
        check(ended.status == straight.status == "completed", "both runs are completed")
        check(stored.items() <= points(store, run).items(), "every point that was stored is still there at the end")
        check(points(store, run) == points(store, straight.id), "both curves are the same")
        one, other = (unpack(store.checkpoint(r.id) or b"").tensors for r in (ended, straight))
        check(one.keys() == other.keys(), "both checkpoints hold the same")
        check(all(torch.equal(one[name], other[name]) for name in one), "both checkpoints are the same to the bit")
        print(f"{kills} kills, {ended.attempt} attempts, {ended.step} steps: the same to the bit as without any")
    return 0


if __name__ == "__main__":
    sys.exit(main())
