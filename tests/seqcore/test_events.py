"""Events: their JSON form, and the JSON of earlier versions."""

from __future__ import annotations

from seqcore.events import Finding, event_from_dict


def test_a_finding_is_read_as_it_was_written() -> None:
    finding = Finding("exact", "A bigram solves this.", evidence="Regular.", remedy="None.", severity="info", step=9)
    assert event_from_dict(finding.to_dict()) == finding


def test_a_finding_of_version_0_2_is_read() -> None:
    old = {"event": "finding", "step": 9, "code": "exact", "message": "A bigram solves this."}
    old |= {"why": "Regular.", "advice": "None.", "severity": "note"}
    expected = Finding("exact", "A bigram solves this.", evidence="Regular.", remedy="None.", severity="info", step=9)
    assert event_from_dict(old) == expected
