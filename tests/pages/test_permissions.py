"""Pages of a read-only store, and of a server whose users sign in: what is shown, and what a pressed button may do."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from seqcore.errors import StoreError
from seqcore.events import CheckpointReady, Epoch, Finished, Started
from seqcore.experiment.experiment import Experiment
from seqcore.runs.scheduler import Scheduler
from seqcore.runs.store import Store
from ui import permissions

ANNA = {"is_logged_in": True, "email": "Anna@example.org", "sub": "1", "provider": "default"}
BEN = {**ANNA, "email": "ben@example.org", "sub": "2"}
CHANGES = ("do-train", "do-pause", "do-stop", "do-one-more-epoch")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store for the pages, without workers."""
    monkeypatch.setenv("SEQCORE_STORE", str(tmp_path / "runs"))
    monkeypatch.setattr(Scheduler, "start", lambda self: self)
    st.cache_resource.clear()  # the list of runs
    opened = Store(tmp_path / "runs")
    yield opened
    opened.close()
    st.cache_resource.clear()


@pytest.fixture
def enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """No button is disabled, as on a page that forgot it."""
    monkeypatch.setattr(permissions, "refused_help", lambda run=None: None)


def ended(store: Store, owner: str | None = None) -> str:
    """A run that was stopped after an epoch."""
    lease = store.start(Experiment(), owner=owner, recipe="bouncing-ball")
    started = Started(
        device="cpu", device_reason="", threads=1, versions={}, parameters=4513, split_sizes={"train": 9, "val": 3},
        baselines={}, reference_baseline="last_value", metric="mae", summary=[], data={}, steps_per_epoch=4, epochs=30,
    )  # fmt: skip
    metrics = {"train_loss": 0.5, "val_loss": 0.5, "val_mae": 0.01}
    store.append(lease, [started, Epoch(1, 4, metrics, 0.1, best=True)])
    store.put_checkpoint(lease, CheckpointReady(4, 1, b"weights"))
    store.append(lease, [Finished("stopped", "stopped", 1, 4, 1.0, metrics, metrics, {}, 1)])
    lease.release()
    return lease.run


def opened(root: Path, page: str, run: str | None = None, user: dict[str, object] | None = None) -> AppTest:
    app = AppTest.from_file(str(root / "pages" / "_router.py"), default_timeout=240)
    app.user = user or {}
    if run is not None:
        app.query_params["run"] = run
    app.switch_page(page).run()
    assert not app.exception
    return app


def texts(app: AppTest) -> str:
    shown = (*app.markdown, *app.caption, *app.error, *app.info)
    return "\n".join(element.value for element in shown).replace("\\", "")


def press(app: AppTest, key: str) -> None:
    app.button(key=key).click().run()
    assert not app.exception


class TestReadOnly:
    @pytest.fixture
    def run(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> str:
        run = ended(store)
        monkeypatch.setenv("SEQCORE_READ_ONLY", "1")
        return run

    @pytest.mark.parametrize("page", ["train.py", "data.py", "predict.py", "inspect.py", "runs.py", "compare.py"])
    def test_every_page_opens_and_says_so_once(self, root: Path, run: str, page: str) -> None:
        del run
        app = opened(root, page)
        assert texts(app).count("Read-only store") == 1
        assert "Sign" not in {button.label for button in app.button}

    def test_nothing_can_be_started_or_changed(self, root: Path, run: str) -> None:
        app = opened(root, "train.py", run)
        assert all(app.button(key=key).disabled for key in (*CHANGES, "do-fork"))
        assert not app.button(key="do-open-in-predict").disabled
        app = opened(root, "runs.py", run)
        changing = {button.label: button.disabled for button in app.button}
        assert changing == {
            "Resume": True,
            "Delete": True,
            "Fork": True,
            "Open in Train": False,
            "Open in Predict": False,
            "Open in Inspect": False,
        }

    @pytest.mark.usefixtures("enabled")
    def test_a_pressed_button_changes_nothing(self, root: Path, run: str, store: Store) -> None:
        app = opened(root, "train.py", run)
        for key in ("do-train", "do-pause", "do-one-more-epoch"):  # Stop is never possible after the end
            press(app, key)
        assert "The store is read-only" in texts(app)
        app = opened(root, "runs.py", run)
        press(app, f"Resume-{run}")
        assert "The store is read-only" in texts(app)
        (kept,) = store.runs()
        assert (kept.id, kept.status, kept.epochs) == (run, "stopped", 30)

    def test_files_can_not_be_uploaded(self, root: Path, run: str) -> None:
        del run
        app = opened(root, "train.py")
        app.segmented_control(key="origin").set_value("file").run()
        assert app.file_uploader(key="upload").disabled
        assert "The store is read-only" in texts(app)


class TestLogins:
    @pytest.fixture
    def runs(self, store: Store) -> dict[str, str]:
        return {name: ended(store, owner) for name, owner in
                {"anna": "anna@example.org", "ben": "ben@example.org", "shell": None}.items()}  # fmt: skip

    @pytest.mark.parametrize("page", ["train.py", "data.py", "predict.py", "inspect.py", "runs.py", "compare.py"])
    def test_a_visitor_who_has_not_signed_in_sees_a_button_alone(
        self, root: Path, runs: dict[str, str], page: str
    ) -> None:
        app = opened(root, page, runs["anna"], {"is_logged_in": False})
        assert [button.label for button in app.button] == ["Sign in"]
        assert "example.org" not in texts(app)

    @pytest.mark.parametrize(("name", "off"), [("anna", False), ("ben", True), ("shell", True)])
    def test_users_change_their_own_runs_alone(self, root: Path, runs: dict[str, str], name: str, off: bool) -> None:
        app = opened(root, "train.py", runs[name], ANNA)
        assert not app.button(key="do-train").disabled
        assert app.button(key="do-pause").disabled == off  # Resume
        assert app.button(key="do-one-more-epoch").disabled == off
        app = opened(root, "runs.py", runs[name], ANNA)
        changing = {button.label: button.disabled for button in app.button if button.label != "Sign out"}
        assert changing == {
            "Resume": off,
            "Delete": off,
            "Fork": False,  # the fork is theirs
            "Open in Train": False,
            "Open in Predict": False,
            "Open in Inspect": False,
        }
        assert ("This run" in texts(app)) == off

    @pytest.mark.usefixtures("enabled")
    def test_a_pressed_button_does_not_change_another_s_run(
        self, root: Path, runs: dict[str, str], store: Store
    ) -> None:
        for name in ("ben", "shell"):
            run = runs[name]
            app = opened(root, "train.py", run, ANNA)
            press(app, "do-pause")
            assert "This run" in texts(app)
            press(app, "do-one-more-epoch")
            app = opened(root, "runs.py", run, ANNA)
            press(app, f"Resume-{run}")
            press(app, f"delete-{run}")
            press(app, "delete-yes")
            assert "This run" in "".join(error.value for error in app.error)
            assert (store.run(run).status, store.run(run).epochs) == ("stopped", 30)

    def test_a_run_that_is_started_belongs_to_its_user(self, root: Path, runs: dict[str, str], store: Store) -> None:
        app = opened(root, "train.py", runs["ben"], ANNA)
        press(app, "do-train")
        assert not app.error
        newest = store.runs()[0]
        assert newest.id not in runs.values()
        assert newest.owner == "anna@example.org"
        assert newest.experiment == store.run(runs["ben"]).experiment

    def test_an_uploaded_file_is_its_user_s(self, root: Path, store: Store) -> None:
        app = opened(root, "train.py", None, ANNA)
        app.segmented_control(key="origin").set_value("file").run()
        content = "day,sold\n" + "".join(f"2024-01-{n:02},{n % 7}\n" for n in range(1, 32))
        app.file_uploader(key="upload").upload("sales.csv", content.encode(), "text/csv").run()
        assert not app.exception
        assert [file.name for file in store.files("anna@example.org")] == ["sales.csv"]
        assert store.files("ben@example.org") == []
        for user, listed in ((ANNA, ["sales.csv"]), (BEN, [])):
            app = opened(root, "train.py", None, user)
            app.segmented_control(key="origin").set_value("file").run()
            known = [box for box in app.selectbox if box.key == "file-selected"]
            assert [name for box in known for name in box.options] == listed

    def test_an_own_run_can_be_deleted(self, root: Path, runs: dict[str, str], store: Store) -> None:
        app = opened(root, "runs.py", runs["anna"], ANNA)
        press(app, f"delete-{runs['anna']}")
        press(app, "delete-yes")
        assert {run.id for run in store.runs()} == {runs["ben"], runs["shell"]}

    def test_the_list_shows_owners_and_can_show_own_runs_alone(self, root: Path, runs: dict[str, str]) -> None:
        def listed(app: AppTest) -> list[str]:
            return [row["id"] for row in _rows(app)]

        app = opened(root, "runs.py", None, ANNA)
        assert set(listed(app)) == set(runs.values())
        assert {row["network"].rpartition(" · ")[2] for row in _rows(app)} >= {"anna@example.org", "ben@example.org"}
        app.toggle(key="runs-mine").set_value(True).run()
        assert listed(app) == [runs["anna"]]

    def test_there_is_no_filter_or_account_without_logins(self, root: Path, runs: dict[str, str]) -> None:
        app = opened(root, "runs.py", runs["ben"])
        assert not app.toggle
        assert not any(button.disabled for button in app.button)
        assert "Sign out" not in {button.label for button in app.button}


def _rows(app: AppTest) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = json.loads(app.get("bidi_component")[0].proto.json)["rows"]
    return rows


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"email": " Anna@Example.org ", "sub": "1"}, "anna@example.org"),
        ({"email": "anna@example.org", "email_verified": True, "sub": "1"}, "anna@example.org"),
        ({"email": "anna@example.org", "email_verified": False, "sub": "1", "provider": "lab"}, "lab:1"),
        ({"email": "anna@example.org", "email_verified": "false", "sub": "1", "provider": "lab"}, "lab:1"),
        ({"sub": "7", "iss": "https://id.example.org"}, "https://id.example.org:7"),
        ({}, None),
    ],
)
def test_a_user_is_a_verified_address_or_the_provider_s_identifier(claims: dict[str, object], name: str | None) -> None:
    assert permissions._identity(claims) == name


def test_pages_change_runs_and_files_through_permissions_alone(root: Path) -> None:
    """So that no new button forgets to check."""
    changing = {
        name
        for source in (Scheduler, Store)
        for name in ("submit", "start", "claim", "resume", "more_epochs", "pause", "continue_", "stop", "delete",
                     "command", "put_file", "files", "fork", "start_fork")
        if hasattr(source, name)
    }  # fmt: skip
    found = []
    for path in [*(root / "ui").glob("*.py"), *(root / "pages").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in changing and path.name != "permissions.py":
                owner = ast.unparse(node.value)
                if "store" in owner or "scheduler" in owner:
                    found.append(f"{path.name}: {ast.unparse(node)}")
    assert found == []


def test_an_unknown_visitor_may_change_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ended(store, "anna@example.org")
    monkeypatch.setattr(permissions, "has_logins", lambda: True)
    monkeypatch.setattr(permissions, "user", lambda: None)
    actions = (permissions.resume, permissions.pause, permissions.continue_, permissions.stop, permissions.delete)
    for action in actions:
        with pytest.raises(StoreError, match="Sign in"):
            action(run)
    for refused in (
        lambda: permissions.submit(Experiment(), recipe=None),
        lambda: permissions.put_file(b"1", "x.csv"),
        lambda: permissions.more_epochs(run, 1),
        lambda: permissions.fork(run, 4, {}),
        lambda: permissions.change(run, {"training.learning_rate": 0.1}),
        lambda: permissions.slow(run, 2.0),
        lambda: permissions.advance(run, 1),
    ):
        with pytest.raises(StoreError, match="Sign in"):
            refused()
