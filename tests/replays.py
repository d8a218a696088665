"""What was changed in a run, and whether it can be replayed from that."""

from __future__ import annotations

from seqcore.events import Changed, CheckpointReady
from seqcore.runs.store import Run, Store
from seqcore.training.checkpoint import unpack
from seqcore.training.fit import fit

__all__ = ["assert_replays", "changed"]


def changed(store: Store, run: str) -> list[Changed]:
    """The recorded changes of a run, in order."""
    return [one.event for one in store.events(run, kinds=["changed"]) if isinstance(one.event, Changed)]


def assert_replays(store: Store, done: Run) -> None:
    """`fit` in one piece ends with the same bits, from the experiment and what was recorded."""
    content = b""
    for event in fit(done.experiment, changes=changed(store, done.id)):
        content = event.content if isinstance(event, CheckpointReady) else content
    one, other = unpack(content).tensors, unpack(store.checkpoint(done.id) or b"").tensors
    assert one.keys() == other.keys()
    assert all(one[name].equal(other[name]) for name in one)
