"""Events: their JSON form, and the JSON of earlier versions."""

from __future__ import annotations

import json
import math

import numpy as np

from seqcore.events import Epoch, Finding, Finished, Steps, event_from_dict


def test_a_finding_is_read_as_it_was_written() -> None:
    finding = Finding("exact", "A bigram solves this.", evidence="Regular.", remedy="None.", severity="info", step=9)
    assert event_from_dict(finding.to_dict()) == finding


def test_a_finding_of_version_0_2_is_read() -> None:
    old = {"event": "finding", "step": 9, "code": "exact", "message": "A bigram solves this."}
    old |= {"why": "Regular.", "advice": "None.", "severity": "note"}
    expected = Finding("exact", "A bigram solves this.", evidence="Regular.", remedy="None.", severity="info", step=9)
    assert event_from_dict(old) == expected


def test_the_numbers_of_replicas_are_read_as_they_were_written() -> None:
    block = Steps(3, np.arange(6.0).reshape(3, 2), np.ones((3, 2)), np.full((3, 2), 0.01))
    again = event_from_dict(json.loads(json.dumps(block.to_dict())))
    assert isinstance(again, Steps)
    assert np.array_equal(again.loss, block.loss)
    epoch = Epoch(1, 5, {"val_loss": 0.5}, 1.0, replicas={"val_loss": [0.25, math.nan, 0.75]})
    read = event_from_dict(json.loads(json.dumps(epoch.to_dict(), allow_nan=False)))
    assert isinstance(read, Epoch)
    np.testing.assert_equal(read.replicas, epoch.replicas)


def test_events_from_before_replicas_have_none() -> None:
    finished = Finished("completed", "", epochs=1, step=5, seconds=1.0, metrics={}, last_metrics={})
    old = {name: value for name, value in finished.to_dict().items() if name != "replicas"}
    assert event_from_dict(old) == finished
