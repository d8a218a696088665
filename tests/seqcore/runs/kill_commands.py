"""Kill commands at random moments: `python tests/seqcore/runs/kill_commands.py [KILLS] [SEED]`.

Each kill (SIGKILL) hits one of: train, resume, fork, retrain on all data, upload, delete. At the next opening of the
store, everything that was printed or seen before must be there, and nothing may be left of what was not completed.
Commands run in forked processes, so that a kill hits the command and not its imports. Exits with 1 and a line if it
isn't so.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))
os.environ["OMP_NUM_THREADS"] = "1"

import seqcore.inference.predictor  # noqa: E402
import seqcore.training.fit  # noqa: E402, F401
from seqcore.cli import main as command  # noqa: E402
from seqcore.runs import schema  # noqa: E402
from seqcore.runs.atomic_io import digest, pieces  # noqa: E402
from seqcore.runs.records import LIVE  # noqa: E402
from seqcore.runs.store import Store  # noqa: E402

SMALL = ("--set", "model.hidden_size=8", "--set", "data.options.samples=300", "--set", "training.device=cpu", "--json")
COMMANDS = ("train", "resume", "fork", "refit", "upload", "delete")
TRAINING = ("train", "resume", "fork", "refit")
UPLOAD = 4_000_000  # bytes


def check(condition: object, what: str) -> None:
    if not condition:
        raise SystemExit(f"FAILED: {what}")


def killed(work: Callable[[], object], seconds: float | None) -> list[dict[str, Any]]:
    """Run `work` in a process of its own and kill it after some seconds (None: let it end). Its complete lines."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.dup2(writer, 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8")
        with contextlib.suppress(BaseException):
            work()
            sys.stdout.flush()
        os._exit(0)
    os.close(writer)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reader, "rb") as stream:
        content = stream.read()
    os.waitpid(child, 0)
    return [json.loads(line) for line in content.split(b"\n")[:-1] if line]


def timed(work: Callable[[], object]) -> tuple[list[dict[str, Any]], float]:
    """Let `work` end: its lines, and the seconds that it took."""
    begun = time.monotonic()
    return killed(work, None), time.monotonic() - begun


class Witness:
    """What was acknowledged so far, and whether the store still has it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.points: dict[str, dict[int, float]] = {}
        self.epochs: dict[str, int] = {}
        self.snapshots: dict[str, set[int]] = {}
        self.files: set[str] = set()
        self.deleted: set[str] = set()
        self.deleting: str | None = None
        self.base = ""

    def told(self, lines: list[dict[str, Any]]) -> None:
        """Remember what a command printed before it was killed."""
        for line in lines:
            if line.get("event") == "epoch":
                self.epochs[line["run"]] = max(self.epochs.get(line["run"], 0), line["epoch"])
            if "uploaded" in line:
                self.files.add(line["uploaded"])
            if line.get("deleted"):
                self.deleted.add(line["run"])

    def look(self) -> tuple[list[str], int]:
        """Open the store again and compare. The ids of its runs that can be resumed, and the number of its points."""
        with contextlib.closing(Store(self.folder)) as store:
            runs = {run.id: run for run in store.runs()}
            for run in [*self.points]:
                if run not in runs:
                    check(run in self.deleted or run == self.deleting, f"run {run} is still there")
                    self.points.pop(run)
                    self.epochs.pop(run, None)
                    self.snapshots.pop(run, None)
            check(not self.deleted & runs.keys(), "what was deleted stays deleted")
            for run, epoch in self.epochs.items():
                stored = {getattr(e.event, "epoch", 0) for e in store.events(run, kinds=["epoch"])}
                check(set(range(1, epoch + 1)) <= stored, f"run {run} has the epoch {epoch} that was printed")
            for run in runs:
                curve = store.curve(run, max_points=None)
                now = dict(zip(curve.steps.tolist(), curve.values.tolist(), strict=True))
                check(self.points.get(run, {}).items() <= now.items(), f"run {run} has all of its points")
                self.points[run] = now
                steps = {one.step for one in store.snapshots(run) if one.reason not in ("pause", "end")}
                check(self.snapshots.get(run, set()) <= steps, f"run {run} has all of its snapshots")
                check(max(steps, default=0) <= max(now, default=0), f"run {run} has the steps before its snapshots")
                for step in {*[*sorted(steps)][:1], *[*sorted(steps)][-1:]}:
                    check(store.predictor(run, at=step).step == step, f"the snapshot of run {run} at {step} is intact")
                self.snapshots[run] = steps
            for key in self.files:
                check(digest(pieces(store.file(key))) == key, f"the file {key} is as it was uploaded")
            self._no_leftovers(store, set(runs))
            for run in runs:
                if store.checkpoint_step(run) is not None:
                    store.predictor(run)
            over = ("interrupted", "stopped")
            ended = [run.id for run in runs.values() if run.status in over and run.id != self.base]
            return ended, sum(map(len, self.points.values()))

    def _no_leftovers(self, store: Store, runs: set[str]) -> None:
        with store.database.reading() as connection:
            states = {row["status"] for row in connection.execute(schema.runs.select()).mappings()}
            kept = {row["file"] for row in connection.execute(schema.checkpoints.select()).mappings()}
            taken = connection.execute(schema.snapshots.select()).mappings()
            kept |= {row[name] for row in taken for name in ("file", "shared")}
            files = {row["hash"] for row in connection.execute(schema.files.select()).mappings()}
        check(not states & {*LIVE, "queued"}, f"no run is live or queued: {states}")
        there = {str(p.relative_to(self.folder)) for p in self.folder.rglob("*") if p.is_file()}
        wanted = {"seqcore.db", "seqcore.db.opening", "seqcore.db.schema", "locks/store.lock"}
        wanted |= (
            {f"locks/{run}.lock" for run in runs}
            | {f"files/{key}" for key in files}
            | {f"checkpoints/{name}" for name in kept}
        )
        wanted |= {f"logs/{run}.log" for run in runs}
        check(there <= wanted, f"no file is left over: {sorted(there - wanted)[:3]}")
        check({f"checkpoints/{name}" for name in kept} <= there, "every checkpoint and snapshot has its file")
        check({f"files/{key}" for key in files} <= there, "every upload has its file")
        folders = {path.name for path in (self.folder / "checkpoints").glob("*")}
        check(folders <= runs, "no folder of a deleted run is left over")


def act(name: str, witness: Witness, ended: list[str], moment: random.Random) -> Callable[[], object]:
    """What one process does until it is killed."""
    if name in ("resume", "delete") and not ended:
        name = "train"
    if name == "train":
        return lambda: command(["train", "bouncing-ball", "--set", "training.epochs=100000", *SMALL])
    if name == "resume":
        chosen = moment.choice(ended)
        return lambda: command(["resume", chosen, "--json"])
    if name == "fork":
        step = str(moment.randrange(0, 200))
        return lambda: command(["fork", witness.base, "--step", step, "--set", "training.epochs=100000", "--json"])
    if name == "refit":
        return lambda: command(["predict", witness.base, "--steps", "3", "--refit", "--json"])
    if name == "delete":
        witness.deleting = chosen = moment.choice(ended)
        return lambda: command(["delete", chosen, "--yes", "--json"])
    content = moment.randbytes(UPLOAD)

    def upload() -> None:
        stored = Store(witness.folder).put_file(content, "upload.csv")
        print(json.dumps({"uploaded": stored.hash}), flush=True)

    return upload


def main() -> int:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    moment = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SEQCORE_STORE"] = folder
        witness = Witness(Path(folder))
        lines, training = timed(lambda: command(["train", "bouncing-ball", "--set", "training.epochs=60", *SMALL]))
        witness.base = lines[-1]["run"]
        uploaded, storing = timed(act("upload", witness, [], moment))
        witness.told(uploaded)
        latest = {name: training if name in TRAINING else 1.3 * storing for name in COMMANDS}
        ended, points = witness.look()
        counts: Counter[str] = Counter()
        for kill in range(kills):
            name = COMMANDS[kill % len(COMMANDS)]
            witness.deleting = None
            work = act(name, witness, ended, moment)
            witness.told(killed(work, moment.uniform(0.0, latest[name])))
            ended, points = witness.look()
            counts[name] += 1
        said = ", ".join(f"{count} {name}" for name, count in counts.items())
        printed = sum(witness.epochs.values())
        print(
            f"{kills} kills ({said}): {len(witness.points)} runs with {points:,} points, {printed} printed epochs, "
            f"{len(witness.files)} acknowledged uploads, {len(witness.deleted)} acknowledged deletions: nothing lost, "
            "nothing left over"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
