"""What the tests of all pages share."""

import pytest

from ui import scoring


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for evaluations: AppTest does not rerun fragments."""
    monkeypatch.setattr(scoring, "PATIENCE", 600.0)
