"""Progress of a run in the terminal: events as JSON lines, or a progress bar and a table of metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.status import Status
from rich.text import Text

from seqcore.cli.output import Output, printable
from seqcore.data.splits import SPLIT_TITLES, SPLITS
from seqcore.events import Changed, Epoch, Event, Finding, Finished, Metrics, Preparing, Started, Steps
from seqcore.registry import baseline_title
from seqcore.results.formatting import counted, format_duration, format_number
from seqcore.results.scores import scores_info
from seqcore.runs.labels import short_id
from seqcore.runs.store import Run

__all__ = ["ProgressDisplay", "outcome", "print_scores", "reading", "score_rows"]

Replicas = Mapping[str, Sequence[float]]  # metric -> the values of each replica
PRINTED = Preparing | Started | Epoch | Changed | Finding | Finished  # as JSON; steps and previews are too many


class ProgressDisplay:
    """Shows a run's events, in order."""

    def __init__(self, out: Output, run: str) -> None:
        self.out = out
        self.run = run
        self.finished = False
        self.replicas: Replicas = {}  # the scores of each replica, at the end
        self._steps_per_epoch = 1
        self._epochs = self._windows = 0  # planned; in the training split
        self._epoch = (0, 0)  # the last one that ended, and its last step
        self._losses = ""
        self._busy: Status | None = None
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Finished):
            self.finished, self.replicas = True, event.replicas
        if self.out.json:
            if isinstance(event, PRINTED):
                value = event.to_dict()
                self.out.object({"event": value.pop("event"), "run": self.run, **value})
        elif isinstance(event, Preparing):
            self._prepare(event)
        elif isinstance(event, Started):
            self._start(event)
        elif isinstance(event, Steps):
            self._advance(event.first_step + len(event.loss) - 1)
        elif isinstance(event, Epoch):
            self._losses = "  ".join(
                f"{title} {format_number(event.metrics[name])}{_range(event.replicas.get(name, ()))}"
                for title, name in (("train", "train_loss"), ("validation", "val_loss"))
                if name in event.metrics
            )
            self._epoch = (event.epoch, event.step)
            self._advance(event.step)
        elif isinstance(event, Changed):
            self._change(event)
        elif isinstance(event, Finding):
            self._print(event.sentence)

    def close(self) -> None:
        """Remove the progress bar."""
        if self._busy is not None:
            self._busy.stop()
        if self._bar is not None:
            self._bar.stop()

    def _prepare(self, event: Preparing) -> None:
        """Show in the progress bar, or as a status line, if there is a terminal."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=event.step, losses=escape(event.sentence))
        elif self.out.notes.is_terminal:
            if self._busy is None:
                self._busy = self.out.notes.status("")
                self._busy.start()
            self._busy.update(escape(event.sentence))

    def _start(self, event: Started) -> None:
        if self._busy is not None:
            self._busy.stop()
        resumed = f", resumed after epoch {event.epoch}" if event.step else ""
        windows = ", ".join(f"{count:,} {part}" for part, count in event.split_sizes.items())
        together = f" in each of {event.replicas} models" if event.replicas > 1 else ""
        self._print(f"run {self.run}{resumed}")
        self._print(
            f"{event.parameters:,} parameters{together}, {windows} windows; "
            f"{event.device} ({event.device_reason}), {counted(event.threads, 'thread')}"
        )
        self._steps_per_epoch = max(1, event.steps_per_epoch)
        self._epochs, self._windows = event.epochs, event.split_sizes.get("train", 0)
        self._epoch = (event.epoch, min(event.step, event.epoch * self._steps_per_epoch))
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]:>4} of {task.fields[epochs]}"),
            BarColumn(),
            TextColumn("{task.fields[losses]}"),
            TimeRemainingColumn(compact=True),
            console=self.out.notes,
            transient=True,
            # Drawn by the bar's own thread, so that no step waits for the terminal.
            refresh_per_second=4,
            disable=not self.out.notes.is_terminal,
        )
        self._task = self._bar.add_task(
            "", total=self._total, completed=event.step, epoch=event.epoch, epochs=event.epochs, losses=""
        )
        self._bar.start()

    def _advance(self, step: int) -> None:
        if self._bar is not None and self._task is not None:
            done, last = self._epoch
            epoch = done + math.ceil((step - last) / self._steps_per_epoch)
            self._bar.update(self._task, completed=step, epoch=epoch, losses=self._losses)

    @property
    def _total(self) -> int:
        """Steps until the planned end, at today's batch size."""
        done, last = self._epoch
        return last + (self._epochs - done) * self._steps_per_epoch

    def _change(self, event: Changed) -> None:
        self._print(f"changed: {event.sentence}")
        self._epochs = int(event.changes.get("training.epochs", self._epochs))
        size = event.changes.get("training.batch_size")
        if size is not None and self._windows:
            self._steps_per_epoch = -(-self._windows // min(int(size), self._windows))
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=self._total, epochs=self._epochs)

    def _print(self, text: str) -> None:
        console = self._bar.console if self._bar is not None else self.out.notes
        console.print(Text(printable(text)))


@contextmanager
def reading(out: Output, name: str) -> Iterator[Callable[[float], None]]:
    """A progress bar for `on_progress` of `read_table`, if there is a terminal."""
    with Progress(
        TextColumn("reading {task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        console=out.notes,
        transient=True,
        disable=out.json or not out.notes.is_terminal,
    ) as bar:
        task = bar.add_task(escape(name), total=1.0)
        yield lambda fraction: bar.update(task, completed=fraction)


def print_scores(out: Output, run: Run, replicas: Replicas | None = None) -> None:
    """Metrics of the last split that was scored, of the model and of every baseline; `replicas` as in `Finished`."""
    replicas = replicas or {}
    split = next((s for s in SPLITS[::-1] if any(name.startswith(f"{s}_") for name in run.metrics)), None)
    if split is None:
        return
    names = [name for name in run.metrics if name.startswith(f"{split}_") and name != "train_loss_last_20"]
    shown = [name for name in names if name != f"{split}_loss"] or names
    columns = (f"{SPLIT_TITLES[split]} split", *(name.removeprefix(f"{split}_") for name in shown))
    baselines = {name: scores for name, scores in run.baselines.items() if any(metric in scores for metric in shown)}
    out.table(columns, score_rows(shown, run.metrics, baselines, replicas), right=columns[1:])
    if run.baselines and run.metric:
        info = scores_info(
            run.metrics, run.baselines, metric=run.metric, part=split, reference=run.reference_baseline,
            replicas=replicas,
        )  # fmt: skip
        out.line(info.sentence)


def score_rows(
    names: Sequence[str], metrics: Metrics, baselines: Mapping[str, Metrics], replicas: Replicas | None = None
) -> list[tuple[str, ...]]:
    """The metrics `names` of the model and of every baseline, as rows of a table; of replicas median and range."""
    scored = [("This model", metrics)]
    if replicas:
        count = max(map(len, replicas.values()))
        ends = [{name: pick(_known(each)) for name, each in replicas.items() if _known(each)} for pick in (min, max)]
        scored = [(f"Median of {count} seeds", metrics), ("Lowest", ends[0]), ("Highest", ends[1])]
    scored += [(baseline_title(name), scores) for name, scores in baselines.items()]
    return [(title, *(format_number(scores.get(name)) for name in names)) for title, scores in scored]


def _known(values: Sequence[float]) -> list[float]:
    return [value for value in values if value == value]


def _range(values: Sequence[float]) -> str:
    """The range of the replicas' values: " (0.1 to 0.2)"; nothing of a single model."""
    known = _known(values)
    return f" ({format_number(min(known))} to {format_number(max(known))})" if len(known) > 1 else ""


def outcome(run: Run) -> str:
    """How a run ended, in one line."""
    short = short_id(run.id)
    epochs = f"{counted(run.epoch, 'epoch')} in {format_duration(run.seconds)}"
    best = f", best epoch {run.best_epoch}" if run.best_epoch else ""
    reason = f": {run.reason}" if run.reason and run.status != "failed" else ""
    return f"{short} {run.status} after {epochs}{best}{reason}"
