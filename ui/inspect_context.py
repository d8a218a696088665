"""What the sections of the Inspect page are given: a model at a snapshot, an example, and the internals on it.

Results are kept by run, step, replica and example, so that the time slider finds them ready: a section asks for what it
draws through `Inspected.find`, and the same is found for the neighboring snapshots once the page is drawn.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from seqcore.data.table import Table
from seqcore.errors import NotFoundError, SeqcoreError
from seqcore.export import scored_split
from seqcore.runs.records import Run, Snapshot
from seqcore.runs.store import Store
from ui import session
from ui.inspect_cache import InspectCache, Token, inspect_cache

if TYPE_CHECKING:  # these import torch, which a page without a trained model does not need
    from seqcore.inference.predictor import Predictor
    from seqcore.insight.examples import InspectExample
    from seqcore.results.internals import InternalsView

__all__ = [
    "SELECTED", "SPAN", "Inspected", "Selection", "inspect", "load_examples_of", "load_predictor", "load_table",
    "prefetch", "weights_note",
]  # fmt: skip

T = TypeVar("T")
Find = Callable[["Inspected"], Any]

PAUSE = 0.15  # seconds that the browser has for drawing before the server works ahead
MOST_EXAMPLES = 60  # of the data that are searched, and that shares and means are taken over

SELECTED = "inspect-selection"
"""The session-state key of what is selected in the pictures."""
SPAN = "inspect-span"
"""The session-state key of the span of steps [first, last] that is selected, or of None."""
_AHEAD = "inspect-ahead"


@dataclass(frozen=True)
class Selection:
    """What is selected in the pictures, each None where nothing is: numbers from 0, and the name of a state or gate.

    The browser marks a selection at once in all pictures; the server is told of it a moment later.
    """

    step: int | None = None
    layer: int | None = None
    unit: int | None = None
    name: str | None = None


@dataclass(frozen=True)
class Inspected:
    """One model with the weights of step `at`, on one example.

    `predictor` holds one model: of several seeds, that of `replica`. `internals` is None where nothing can be shown,
    and `refusal` says why. `selection` may be a moment old.
    """

    run: Run
    at: int
    predictor: Predictor
    table: Table
    example: InspectExample
    internals: InternalsView | None
    refusal: str
    replica: int
    selection: Selection = field(default_factory=Selection)
    cache: InspectCache = field(repr=False, compare=False, default_factory=inspect_cache)
    asked: dict[str, Find] = field(repr=False, compare=False, default_factory=dict)

    @property
    def key(self) -> str:
        """A text that names the run, the step, the replica and the example: the same for the same pictures."""
        return f"{self.of}-{self.at}"

    @property
    def of(self) -> str:
        """A text that names the run, the replica and the example, at whatever step."""
        example = self.example
        return f"{self.run.id}-{self.replica}-{example.split}-{example.index}-{hash((example.title, example.steps))}"

    def find(self, name: str, work: Callable[[Inspected], T]) -> T:
        """`work(self)`, kept under `name` for this run, step, replica and example. SeqcoreError as `work` raises it.

        `work` must not call Streamlit, and depends on nothing else than what is kept apart here: put further choices
        into `name`. It is called for the neighboring snapshots too, in another thread.
        """
        self.asked[name] = work
        return self.cache.result((self.key, name), lambda: work(self), locked=(self.run.id, self.at, self.replica))


def weights_note(run: Run, at: int) -> str:
    """Whose weights are shown of a run that goes on, where they are not those of its present step; else empty."""
    return "" if run.ended or run.step == at else f"Weights of step {at:,}; the run is at step {run.step:,}."


@st.cache_resource(show_spinner="Loading the data", max_entries=4)
def load_table(run: str) -> Table:
    """The run's own data."""
    return session.store().table(run)


@st.cache_resource(show_spinner=False, max_entries=16)
def _examples(run: str, split: str, _predictor: Predictor, _table: Table) -> list[InspectExample]:
    """The key contains the run, whose data never change."""
    from seqcore.insight.examples import separate_examples

    return separate_examples(_predictor, _table, split, limit=MOST_EXAMPLES)


def load_examples_of(inspected: Inspected) -> list[InspectExample]:
    """Examples that are evenly spread over the split of the inspected one; of typed input, over the scored split."""
    split = inspected.example.split or scored_split(inspected.run.experiment)
    return _examples(inspected.run.id, split, inspected.predictor, inspected.table)


def load_predictor(cache: InspectCache, store: Store, run: Run, snapshot: Snapshot, replica: int | None) -> Predictor:
    """The weights of a snapshot: of several seeds all of them (`replica` None) or one. NotFoundError, CorruptError."""

    def load_it() -> Predictor:
        return store.predictor(run.id, at=snapshot.step)

    every = cache.model((run.id, run.attempt, snapshot.step), load_it)
    if every.replicas < 2 or replica is None:
        return every
    return cache.model((run.id, run.attempt, snapshot.step, replica), lambda: every.replica(replica))


def inspect(
    run: Run, snapshot: Snapshot, example: InspectExample, table: Table, *, replica: int = 0, selection: Selection
) -> Inspected:
    """What the sections are given, with the internals or the reason why there are none. NotFoundError, CorruptError."""
    cache = inspect_cache()
    predictor = load_predictor(cache, session.store(), run, snapshot, replica)
    bare = Inspected(run, snapshot.step, predictor, table, example, None, "", replica, selection, cache)
    return _with_internals(bare)


def _with_internals(bare: Inspected) -> Inspected:
    try:
        internals = bare.find("internals", _probe)
    except NotFoundError:
        raise
    except SeqcoreError as error:
        return replace(bare, refusal=str(error).removeprefix("input: "))
    return replace(bare, internals=internals)


def _probe(inspected: Inspected) -> InternalsView:
    from seqcore.insight.probes import probe

    return probe(inspected.predictor, inspected.example)


def prefetch(inspected: Inspected, neighbors: Sequence[Snapshot]) -> None:
    """Find for other snapshots, in the background, what was asked for this one; earlier such work is given up."""
    store, cache, asked = session.store(), inspected.cache, dict(inspected.asked)
    run, replica = inspected.run, inspected.replica

    def work(token: Token) -> None:
        time.sleep(PAUSE)
        for snapshot in neighbors:
            try:
                if not token.wanted():
                    return
                predictor = load_predictor(cache, store, run, snapshot, replica)
                other = replace(inspected, at=snapshot.step, predictor=predictor, internals=None, asked={})
                other = _with_internals(other)
                for name, find in asked.items():
                    if not token.wanted():
                        return
                    other.find(name, find)
            except SeqcoreError:  # the page says so when it comes there
                continue

    st.session_state[_AHEAD] = cache.ahead(work, st.session_state.get(_AHEAD))
