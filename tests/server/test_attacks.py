"""Attacks on a real server over websocket and HTTP: trainings, other visitors and the server go on."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from streamlit.proto.BackMsg_pb2 import BackMsg

import seqcore
from seqcore.experiment.experiment import Experiment
from seqcore.runs.store import Store
from tests.copies import unfinished_bytecode
from tests.servers import PATIENCE, Server, Visitor, is_refused, running_server, status_of, visit
from tests.unwritable import contents, unwritable

pytestmark = pytest.mark.timeout(240)

ENDLESS = Experiment.make({"data": {"options": {"samples": 300}}, "training": {"epochs": 100_000, "device": "cpu"}})


@pytest.fixture(scope="module")
def server(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(root, tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def store(server: Server) -> Iterator[Store]:
    store = Store(server.store)
    yield store
    store.close()


@pytest.fixture(scope="module")
def training(store: Store) -> str:
    """A run that trains until the server ends."""
    return begun(store)


def begun(store: Store) -> str:
    """A run that trains without an end, slowly: it leaves the cores to what is tested."""
    run = store.submit(ENDLESS).id
    store.command(run, "slow", {"steps_per_second": 20.0})
    wait_until(lambda: store.run(run).step > 0)
    return run


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def goes_on(store: Store, run: str) -> None:
    """The run is in its first attempt and makes steps."""
    step = store.run(run).step
    wait_until(lambda: store.run(run).step > step)
    assert (store.run(run).status, store.run(run).attempt) == ("running", 1)


def garbage(visitor: Visitor) -> None:
    visitor.socket.send(os.urandom(2000))
    visitor.is_closed()


def text(visitor: Visitor) -> None:
    visitor.socket.send("clear_cache")
    visitor.is_closed()


def huge(visitor: Visitor) -> None:
    visitor.socket.send(BackMsg(rerun_script={"query_string": "x" * 30_000_000}).SerializeToString())
    visitor.is_closed()


def many_reruns(visitor: Visitor) -> None:
    for n in range(1000):
        visitor.send(rerun_script={"query_string": f"training.epochs={n}"})


def hidden(visitor: Visitor) -> None:
    """The last field of a kind counts: a harmless one before it must not hide it."""
    visitor.socket.send(BackMsg(app_heartbeat=True).SerializeToString() + BackMsg(clear_cache=True).SerializeToString())
    visitor.is_answered()


def files(visitor: Visitor) -> None:
    names = [f"{n}.csv" for n in range(10_000)]
    visitor.send(file_urls_request={"request_id": "1", "file_names": names, "session_id": "of another"})
    visitor.is_answered()


def skills(visitor: Visitor) -> None:
    """Would write files into the folders of whoever runs the server."""
    assert visitor.session
    visitor.send(backend_operation_request={"request_id": "1", "session_id": visitor.session, "install_skills": {}})
    visitor.is_answered()


def simple(name: str) -> Callable[[Visitor], None]:
    def attack(visitor: Visitor) -> None:
        visitor.send(**{name: True})
        visitor.is_answered()

    attack.__name__ = name
    return attack


FLAGS = ("clear_cache", "load_git_info", "set_run_on_save", "stop_script")
DEBUG = ("debug_disconnect_websocket", "debug_shutdown_runtime")
ATTACKS = [*map(simple, (*FLAGS, *DEBUG)), garbage, text, huge, many_reruns, hidden, files, skills]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_a_message_ends_neither_trainings_nor_other_visits(
    server: Server, store: Store, training: str, attack: Callable[[Visitor], None]
) -> None:
    with visit(server) as other, visit(server) as attacker:
        other.see_page()
        attacker.see_page()
        attack(attacker)
        other.is_answered()
        other.see_page()
    goes_on(store, training)
    assert server.process.poll() is None


def test_the_cache_is_not_cleared_for_others(server: Server, training: str) -> None:
    before = server.log.read_text().count("dropped the message clear_cache")
    with visit(server) as attacker:
        attacker.send(clear_cache=True)
        attacker.is_answered()
    assert server.log.read_text().count("dropped the message clear_cache") == before + 1


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "http://localhost:3000",
        "http://localhost:{port}",  # the page was opened under 127.0.0.1
        "http://127.0.0.1:3000",
        "http://127.0.0.1",
        "https://127.0.0.1",
        "http://127.0.0.1:{port}.evil.example",
        "http://127.0.0.1:{port}@evil.example",
        "http://evil.example",
        "ftp://127.0.0.1:{port}",
        "http://[",
        "http://127.0.0.1:{port}/path",
    ],
)
def test_a_websocket_from_a_missing_or_foreign_origin_is_refused(server: Server, origin: str | None) -> None:
    assert is_refused(server, origin=origin and origin.format(port=server.port))


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1:{port}", True),
        ("localhost:{port}", True),
        ("LOCALHOST:{port}", True),
        ("[::1]:{port}", True),
        ("192.168.7.9:{port}", True),  # an address can't be pointed elsewhere
        ("localhost.evil.example:{port}", False),
        ("127.0.0.1.nip.example:{port}", False),
        ("evil.example", False),
        ("evil.example@localhost:{port}", False),
        ("localhost:port", False),
        ("", False),
    ],
)
def test_a_host_name_that_is_not_the_server_s_is_refused(server: Server, host: str, allowed: bool) -> None:
    """DNS rebinding: a name of the attacker's that points to this machine makes his page same-origin."""
    host = host.format(port=server.port)
    status, text = status_of(server, "/", Host=host)
    assert status == (200 if allowed else 403)
    if not allowed:
        assert text.count("\n") == 1
        assert "server.allowedHosts" in text
    if host and "@" not in host and not host.endswith(":port"):
        assert is_refused(server, origin=f"http://{host}", host=host) != allowed


def test_a_forwarded_name_is_not_believed_unless_it_is_in_the_settings(server: Server) -> None:
    assert is_refused(server, origin="http://evil.example", X_Forwarded_Host="evil.example")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "PATCH"])
@pytest.mark.parametrize("path", ["/_stcore/upload_file/session/file", "/media/x.png", "/component/x", "/"])
def test_a_change_from_another_origin_is_refused(server: Server, method: str, path: str) -> None:
    for headers in ({}, {"Origin": "http://localhost:3000"}):
        assert status_of(server, path, method, Content_Length="0", **headers)[0] == 403


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/_stcore/metrics/", "/_stcore/metrics?families=x"])
def test_the_metrics_are_closed(server: Server, path: str) -> None:
    assert status_of(server, path)[0] == 404


def test_health_is_open_to_load_balancers(server: Server) -> None:
    assert status_of(server, "/_stcore/health", Host="10.0.0.5")[0] == 200
    assert status_of(server, "/_stcore/health", Host="balancer")[0] == 200


def test_names_of_the_settings_and_of_a_proxy_are_accepted(root: Path, tmp_path: Path) -> None:
    options = ("--server.allowedHosts", "lab.example.org", "--server.allowedHosts", "*.lab.example.org")
    with running_server(root, tmp_path, *options, base="/deep/lab") as server:
        for name in ("lab.example.org", "LAB.example.org", "a.lab.example.org"):
            assert status_of(server, "/deep/lab/", Host=name)[0] == 200
            assert not is_refused(server, origin=f"https://{name.lower()}", host=name)  # TLS ends at the proxy
        assert status_of(server, "/deep/lab/", Host="example.org")[0] == 403
        assert status_of(server, "/deep/lab/", Host="xlab.example.org")[0] == 403
        assert is_refused(server, origin="https://lab.example.org:8443", host="lab.example.org")
        assert not is_refused(server, origin="https://lab.example.org", X_Forwarded_Host="lab.example.org")
        assert is_refused(server, origin="https://evil.example", X_Forwarded_Host="lab.example.org")
        assert is_refused(server, origin="https://evil.example", X_Forwarded_Host="evil.example")
        assert status_of(server, "/deep/lab/_stcore/metrics")[0] == 404


@pytest.fixture(scope="module")
def configured(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the address of a proxy and a small size of uploads in its settings."""
    options = ("--browser.serverAddress", "lab.example.org", "--server.maxUploadSize", "1")
    with running_server(root, tmp_path_factory.mktemp("configured"), *options) as server:
        yield server


def test_a_proxy_s_address_in_the_settings_is_an_origin_of_the_server(configured: Server) -> None:
    assert not is_refused(configured, origin="https://lab.example.org")
    assert is_refused(configured, origin="https://lab.example.org:1234")
    assert is_refused(configured, origin="https://evil.example")


def test_uploads_do_not_fill_the_memory(configured: Server) -> None:
    with visit(configured) as visitor:
        visitor.see_page("runs")

        def upload(n: int) -> int:
            place, headers = f"/_stcore/upload_file/{visitor.session}/{n}", {"Origin": configured.origin}
            files = {"file": (f"{n}.csv", b"x" * 900_000)}
            return http.put(configured.url + place, files=files, headers={**headers, "X-Xsrftoken": token}).status_code

        with requests.Session() as http:
            http.get(f"{configured.url}/_stcore/health", timeout=PATIENCE)
            token = http.cookies["_streamlit_xsrf"]
            assert [upload(n) for n in range(12)] == [204] * 11 + [413]
            visitor.is_answered()


def test_an_edited_page_is_reloaded_and_trainings_go_on(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "lab"
    for part in ("app.py", "pages", "ui", "seqcore", ".streamlit"):
        source = root / part
        target = copy / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=unfinished_bytecode)
        else:
            copy.mkdir(exist_ok=True)
            shutil.copy(source, target)
    options = ("--server.fileWatcherType", "poll", "--server.runOnSave", "true")
    with running_server(copy, tmp_path, *options, environment={"PYTHONPATH": str(copy)}) as server:
        store = Store(server.store)
        run = begun(store)
        with visit(server) as visitor:
            visitor.see_page()
            edited = copy / "ui" / "run_labels.py"
            text = edited.read_text()
            for n in range(100):  # an edit before the files are watched is not noticed
                edited.write_text(f"{text}\n# edit {n}\n")
                with contextlib.suppress(TimeoutError):
                    visitor.receive("script_finished", patience=1.0)
                    break
            else:
                pytest.fail("no reload")
            visitor.see_page()
            goes_on(store, run)
        store.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_trainings_are_left_with_a_checkpoint_when_the_server_ends(
    root: Path, tmp_path: Path, number: signal.Signals
) -> None:
    with running_server(root, tmp_path) as server:
        store = Store(server.store)
        run = begun(store)
        with visit(server) as visitor:
            visitor.see_page("runs")
            server.process.send_signal(number)
            server.process.wait(timeout=30)
        ended = store.run(run)
        assert (ended.status, ended.attempt) == ("interrupted", 1)
        assert "with a checkpoint" in ended.reason
        assert "Traceback" not in server.log.read_text()
        store.close()


def test_every_page_of_a_store_that_can_not_be_written_is_shown(root: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "runs")
    run = seqcore.train(ENDLESS.with_changes({"training.epochs": 1}), store=store)
    store.close()
    before = contents(tmp_path / "runs")
    with unwritable(tmp_path / "runs"), running_server(root, tmp_path) as server, visit(server) as visitor:
        for page in ("", "data", "predict", "runs"):
            seen = visitor.see_page(page)
            assert b"Read-only store" in seen
            assert b"Unexpected error" not in seen
        assert run.id.encode() in seen
    assert contents(tmp_path / "runs") == before


@pytest.mark.parametrize("page", ["", "train", "data", "predict", "runs"])
def test_nothing_is_shown_before_signing_in(signing: Server, page: str) -> None:
    with visit(signing) as visitor:
        seen = visitor.see_page(page)
    assert b"Sign in" in seen
    run = Store(signing.store).runs()[0]
    assert run.id.encode() not in seen
    assert b"Bouncing" not in seen


@pytest.fixture(scope="module")
def signing(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose users sign in, just started: no page has been seen."""
    folder = tmp_path_factory.mktemp("signing")
    with contextlib.closing(Store(folder / "runs")) as store:
        store.command(store.submit(ENDLESS, recipe="bouncing-ball").id, "stop")  # nothing trains beside the tests
    secrets = folder / "secrets.toml"
    address = '"http://127.0.0.1:{port}/oauth2callback"'
    secrets.write_text(
        f'[auth]\nredirect_uri = {address}\ncookie_secret = "{"x" * 32}"\nclient_id = "lab"\nclient_secret = "s"\n'
        'server_metadata_url = "http://127.0.0.1:9/none"\n'
    )
    with running_server(root, folder, "--secrets.files", str(secrets)) as server:
        yield server
