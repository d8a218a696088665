"""What the tests of all pages rely on."""

import pytest

from ui import scoring


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores are waited for however busy the machine is: no browser looks again here."""
    monkeypatch.setattr(scoring, "PATIENCE", 600.0)
