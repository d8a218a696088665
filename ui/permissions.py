"""What the visitor of this session may do. Every page starts, changes and deletes runs and stores files through here.

A disabled button is not enough: a page may have been drawn before. So each function checks before it acts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from seqcore.errors import StoreError
from seqcore.experiment.experiment import Experiment
from seqcore.runs.records import Run, StoredFile
from ui import replica_offers, session

__all__ = [
    "advance", "change", "continue_", "delete", "files", "fork", "has_logins", "more_epochs", "pause", "put_file",
    "refusal", "refused_help", "resume", "slow", "stop", "submit", "submit_together", "user",
]  # fmt: skip


def has_logins() -> bool:
    """Whether users sign in: whether secrets.toml has a section `[auth]`."""
    return "is_logged_in" in st.user.to_dict()


def user() -> str | None:
    """The signed-in user: an e-mail address, or the provider's identifier if the address is not verified. Else None."""
    claims = st.user.to_dict()
    return _identity(claims) if claims.get("is_logged_in") else None


def _identity(claims: Mapping[str, Any]) -> str | None:
    email, verified = claims.get("email"), str(claims.get("email_verified", True)).lower()
    if email and verified != "false":
        return str(email).strip().lower()
    subject = claims.get("sub")
    return f"{claims.get('provider') or claims.get('iss') or 'user'}:{subject}" if subject else None


def refusal(run: Run | None = None) -> str | None:
    """Why the visitor may not change this run, or without one, not train and upload; None where they may."""
    if session.store().read_only:
        return "The store is read-only."
    if not has_logins():
        return None
    name = user()
    if name is None:
        return "Sign in first."
    if run is None or run.owner == name:
        return None
    if run.owner is None:
        return "This run was started without a login; it can be changed on the command line."
    return f"This run belongs to {run.owner}. To train a copy, open it in Train."


def refused_help(run: Run | None = None) -> str | None:
    """`refusal` as the help of a disabled button."""
    reason = refusal(run)
    return None if reason is None else session.escape(reason)


def submit(experiment: Experiment, *, recipe: str | None, group: str | None = None) -> Run:
    """Queue a new run of the visitor. StoreError if it is refused, as in every function below."""
    _check()
    replica_offers.current.cancel()  # it would take time from the run
    return session.scheduler().submit(experiment, recipe=recipe, group=group, owner=user())


def submit_together(experiments: Sequence[Experiment], *, group: str, recipe: str | None) -> list[Run]:
    """Queue new runs of the visitor that start at the same time."""
    _check()
    replica_offers.current.cancel()
    return session.scheduler().submit_together(experiments, group=group, recipe=recipe, owner=user())


def fork(run: str, step: int, changes: Mapping[str, Any]) -> Run:
    """Queue a fork of any run, which is the visitor's own."""
    _check()
    replica_offers.current.cancel()
    return session.scheduler().fork(run, step, changes, owner=user())


def put_file(content: bytes, name: str) -> StoredFile:
    """Store a file of the visitor."""
    _check()
    return session.store().put_file(content, name, owner=user())


def files() -> list[StoredFile]:
    """The visitor's files and those of nobody; all files where nobody signs in."""
    return session.store().files(user())


def resume(run: str) -> None:
    """Continue a run that has ended from its last checkpoint."""
    session.scheduler().resume(_own(run))


def more_epochs(run: str, n: int) -> None:
    """Train `n` more epochs."""
    session.scheduler().more_epochs(_own(run), n, by=user())


def pause(run: str) -> None:
    """Pause a run."""
    session.scheduler().pause(_own(run))


def continue_(run: str) -> None:
    """Continue a paused run."""
    session.scheduler().continue_(_own(run))


def stop(run: str) -> None:
    """Stop a run, or take it out of the queue."""
    session.scheduler().stop(_own(run))


def change(run: str, changes: Mapping[str, Any]) -> None:
    """Change fields of a run that has not ended."""
    session.store().command(_own(run), "change", changes, by=user())


def slow(run: str, steps_per_second: float | None) -> None:
    """Slow a run down, or let it go on at full speed."""
    session.store().command(_own(run), "slow", {"steps_per_second": steps_per_second})


def advance(run: str, steps: int | float | None) -> None:
    """Let a paused run take steps; the store refuses what is no number of steps."""
    session.store().command(_own(run), "advance", {"steps": steps})


def delete(run: str) -> None:
    """Delete a run that is not active."""
    session.scheduler().delete(_own(run))


def _own(run: str) -> str:
    """The id of a run that the visitor may change."""
    found = session.store().run(run)
    _check(found)
    return found.id


def _check(run: Run | None = None) -> None:
    reason = refusal(run)
    if reason is not None:
        raise StoreError(reason)
