"""Damaged files and links by the thousand: only our own errors, no hang, bounded memory, nothing silently misread.

    python tests/fuzz/run.py --count 10000 --seed 1

prints the failures, each with the command that repeats it (`--only N`, `--save FILE` writes its file).
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import random
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from seqcore.errors import SeqcoreError  # noqa: E402
from tests.fuzz import links, mutations  # noqa: E402
from tests.seqcore.data.readers.case_table import CASES, load_cases  # noqa: E402

SECONDS = 10.0  # of computing (machines are shared), or ten times as many on the clock
MOST_GROWTH = 1_000_000_000  # bytes of memory
LONGEST_LINE = 2_000  # characters of a line of an error
_HARD_LIMIT = 12 * 2**30  # of address space: the machine survives


class Hang(BaseException):
    """Raised by the timer."""


class Misread(Exception):
    """A file was read, and not as what it is."""


@dataclass(frozen=True)
class Failure:
    """What went wrong with an item."""

    index: int
    what: str  # the kind of item
    kind: str  # the exception, "hang", "memory"
    place: str  # the innermost line of the project
    message: str


def _kind(rng: random.Random) -> str:
    return rng.choices(["file", "rewritten", "link", "values"], [55, 25, 15, 5])[0]


def run_item(seed: int, index: int) -> str:
    """Run one item; its kind and outcome. Raises what is wrong."""
    rng = random.Random(f"{seed}:{index}")
    kind = _kind(rng)
    if kind == "file":
        name, data = mutations.mutated_file(rng)
        return f"file {_read(name, data, rng)}"
    if kind == "rewritten":
        found = mutations.rewritten_file(rng)
        return "rewritten, not applicable" if found is None else f"rewritten {_reread(*found)}"
    if kind == "link":
        links.open_link(links.mutated_link(rng))
        return "link opened"
    from seqcore.experiment.experiment import Experiment

    try:
        Experiment.make(links.mutated_values(rng))
    except SeqcoreError as error:
        _check_lines(error)
        return "values refused"
    return "values accepted"


def _check_lines(error: SeqcoreError) -> None:
    for line in error.lines:
        if "\n" in line or "\r" in line or len(line) > LONGEST_LINE:
            raise Misread(f"not one short line ({len(line):,} characters): {line[:200]!r}")


def _read(name: str, data: bytes, rng: random.Random) -> str:
    """Read a file, propose an experiment and profile it, as the Data page does."""
    from seqcore.data.profile.profile import profile_table
    from seqcore.data.readers.read_table import FileOptions, read_table
    from seqcore.tasks.auto_config import suggest_experiment

    options: dict[str, Any] = {}
    if rng.random() < 0.2:
        choices = {"kind": ["series", "sequences", "labeled-text", "text", "pairs"], "header": ["yes", "no"],
                   "delimiter": ["comma", "semicolon", "tab", "space"], "decimal": ["comma", "point"],
                   "date_column": ["none", "date", "x"], "encoding": ["utf-8", "utf-16", "cp1252", "shift_jis"],
                   "missing_times": ["insert", "leave"]}  # fmt: skip
        key = rng.choice(sorted(choices))
        options[key] = rng.choice(choices[key])
    try:
        table = read_table(data, name=name, options=FileOptions(**options))
        _check_table(table)
        section = {"source": "file", "options": {"hash": "0" * 64, "name": "x.csv", **options}}
        experiment = suggest_experiment(table, data=section)
        profile_table(table, experiment.data)
    except SeqcoreError as error:
        _check_lines(error)
        return "refused"
    return "read"


def _check_table(table: Any) -> None:
    """What holds for every table."""
    if any(not name.isprintable() for name in table.columns):
        raise Misread(f"control characters in the columns {table.columns[:5]!r}")
    if not table.symbolic and np.isinf(table.values).any():
        raise Misread("infinite values")
    if table.times is not None:
        if np.isnat(table.times).any():
            raise Misread("missing times")
        inner = np.ones(max(0, len(table) - 1), dtype=bool)
        ends = table.offsets[1:-1] - 1
        inner[ends[(ends >= 0) & (ends < len(inner))]] = False
        if (np.diff(table.times)[inner] < np.timedelta64(0)).any():
            raise Misread("times that go back")


def _reread(case: str, how: str, file: mutations.Named) -> str:
    """Compare a rewritten file with the original."""
    from seqcore.data.readers.read_table import FileOptions, read_table

    options = FileOptions(**load_cases()[case].get("options", {}))
    try:
        original = read_table(CASES / case, name=case, options=options)
    except SeqcoreError:
        return "refused as before"
    try:
        table = read_table(file[1], name=file[0], options=options)
    except SeqcoreError as error:
        raise Misread(f"{case} with {how} is refused: {error}") from None
    columns = list(original.columns)
    names = [f"{name} q" if how == "renamed values" and f"{name} q" in table.columns else name for name in columns]
    facts = {
        "kind": (original.kind, table.kind),
        "lengths": (original.lengths.tolist(), table.lengths.tolist()),
        "columns": (sorted(names), sorted(table.columns)),
        "names": ((), ()) if original.symbolic else (original.names, table.names),  # a text's is that of its file
        "labels": tuple(None if t.labels is None else t.labels.tolist() for t in (original, table)),
        "times": tuple(None if t.times is None else t.times.tolist() for t in (original, table)),
    }
    for fact, (wanted, got) in facts.items():
        if wanted != got:
            raise Misread(f"{case} with {how}: {fact} {str(got)[:150]} in place of {str(wanted)[:150]}")
    if original.symbolic:
        same = all(original.sentence(s) == table.sentence(s) for s in range(len(original.lengths)))
    else:
        order = [list(table.columns).index(name) for name in names] if len(set(names)) == len(names) else slice(None)
        same = np.array_equal(original.values, table.values[:, order], equal_nan=True)
    if not same:
        raise Misread(f"{case} with {how}: other values")
    return f"same ({how})"


def _on_alarm(signum: int, frame: FrameType | None) -> None:
    raise Hang


def _place(error: BaseException) -> str:
    """The innermost line of the project in a traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = [f for f in frames if f"{ROOT}/seqcore" in f.filename] or frames[-1:]
    return f"{Path(inside[-1].filename).name}:{inside[-1].lineno}" if inside else ""


def _memory(key: str) -> int:
    """Bytes of memory of this process: VmRSS, or VmHWM, the highest since it was cleared."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    return 0


def watched(seed: int, index: int) -> tuple[str, Failure | None]:
    """An item's outcome with the limits on time and memory."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts from the current size
    before, began = _memory("VmRSS:"), time.process_time()
    what = _kind(random.Random(f"{seed}:{index}"))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        outcome = run_item(seed, index)
    except Hang as error:
        return "failed", Failure(index, what, "hang", _place(error), f"over {SECONDS:.0f} s")
    except Exception as error:
        text = str(error).replace("\n", " ")[:400]
        return "failed", Failure(index, what, type(error).__name__, _place(error), text)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    seconds, growth = time.process_time() - began, _memory("VmHWM:") - before
    if seconds > SECONDS:
        return "failed", Failure(index, what, "slow", "", f"{seconds:.1f} s of computing")
    if growth > MOST_GROWTH:
        return "failed", Failure(index, what, "memory", "", f"{growth / 1e9:.2f} GB")
    return outcome, None


def _work(seed: int, start: int, stop: int, connection: Connection) -> None:
    """A worker: items `start` to `stop` - 1, each reported."""
    resource.setrlimit(resource.RLIMIT_AS, (_HARD_LIMIT, _HARD_LIMIT))
    signal.signal(signal.SIGPROF, _on_alarm)
    for index in range(start, stop):
        connection.send((index, None, None))
        connection.send((index, *watched(seed, index)))
    connection.close()


def outcomes(seed: int, start: int, stop: int) -> Iterator[tuple[str, Failure | None]]:
    """The outcomes of items in a process of their own, which is replaced if it dies or doesn't answer."""
    context = multiprocessing.get_context("fork")
    while start < stop:
        receiver, sender = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(seed, start, min(stop, start + 500), sender), daemon=True)
        worker.start()
        sender.close()
        at, ended = start, False
        while not ended:
            if not receiver.poll(10 * SECONDS):
                worker.kill()
                yield "failed", Failure(at, "file", "hang", "", "no answer: computing that can't be interrupted")
                start, ended = at + 1, True
                continue
            try:
                index, outcome, failure = receiver.recv()
            except EOFError:
                worker.join()
                ended = True
                if worker.exitcode != 0:
                    yield "failed", Failure(at, "file", "crash", "", f"exit code {worker.exitcode}")
                    start = at + 1
                else:
                    start = min(stop, start + 500)
                continue
            at = index
            if outcome is not None:
                at = index + 1
                yield outcome, failure
        worker.join()
        receiver.close()


def fuzz(count: int, seed: int, first: int = 0) -> tuple[Counter[str], list[Failure]]:
    """Run `count` items: how often each outcome was seen, and the failures."""
    counts: Counter[str] = Counter()
    failures = []
    for outcome, failure in outcomes(seed, first, first + count):
        counts[outcome] += 1
        if failure is not None:
            failures.append(failure)
    return counts, failures


def grouped(failures: list[Failure]) -> dict[str, list[Failure]]:
    """Failures by kind and place, the most frequent first."""
    groups: dict[str, list[Failure]] = {}
    for failure in failures:
        where = failure.message.partition(":")[0] if failure.kind == "Misread" else failure.place
        groups.setdefault(f"{failure.what}, {failure.kind} at {where}", []).append(failure)
    return dict(sorted(groups.items(), key=lambda item: -len(item[1])))


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="run this item here, with its traceback")
    parser.add_argument("--save", help="with --only: write the file of the item, and don't read it")
    given = parser.parse_args()
    if given.only is not None:
        rng = random.Random(f"{given.seed}:{given.only}")
        kind = _kind(rng)
        if given.save and kind in ("file", "rewritten"):
            found = (
                mutations.mutated_file(rng) if kind == "file" else (mutations.rewritten_file(rng) or [("", b"")])[-1]
            )
            Path(given.save).write_bytes(found[1])
            print(f"{found[0]!r}: {len(found[1]):,} bytes written to {given.save}")
        else:
            print(run_item(given.seed, given.only))
        return 0
    began = time.monotonic()
    counts, failures = fuzz(given.count, given.seed, given.first)
    for outcome, times in sorted(counts.items()):
        print(f"{times:7,}  {outcome}")
    print(f"{sum(counts.values()):,} items in {time.monotonic() - began:.0f} s, {len(failures)} failures")
    for place, group in grouped(failures).items():
        first = group[0]
        print(f"{len(group)} x {place}: {first.message}")
        print(f"    --seed {given.seed} --only {' or '.join(str(failure.index) for failure in group[:4])}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
