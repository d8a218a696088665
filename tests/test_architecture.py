"""The walls of the house: who may import whom, what the front door shows, and that everything says what it is."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import seqcore
from seqcore.cli.parser import make_parser
from seqcore.data.sources import SOURCES
from seqcore.experiment.experiment import all_settings
from seqcore.export import FORMATS
from seqcore.models import MODELS
from seqcore.tasks import TASKS

ROOT = Path(__file__).resolve().parent.parent

LEARNING = (
    "baselines", "checkpoint", "control", "data", "devices", "diagnosis", "events", "experiment", "fields", "metrics",
    "models", "prediction", "probing", "recipes", "tasks", "training", "views",
)  # fmt: skip
RUNNING = (
    "seqcore.runs",
    "seqcore.cli",
    "seqcore.plots",
    "seqcore.export",
    "sqlalchemy",
    "multiprocessing",
    "subprocess",
)
NOT_ON_PAGES = ("torch", "threading", "multiprocessing", "subprocess", "concurrent", "sqlite3", "sqlalchemy")


def modules(folder: str) -> dict[str, Path]:
    """Dotted name -> file, of all modules below a folder of the repository."""
    found = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


SEQCORE, UI, PAGES = modules("seqcore"), modules("ui"), modules("pages")


def imports(path: Path) -> Iterator[str]:
    """What a module imports when it runs, as dotted names; what is only for the type checker does not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where a name comes from"
            for alias in node.names:
                yield f"{node.module}.{alias.name}"
        pending += ast.iter_child_nodes(node)


def reaches(name: str, wall: str) -> bool:
    return name == wall or name.startswith(f"{wall}.")


def module_of(name: str, known: dict[str, Path]) -> str | None:
    """The module behind an imported dotted name, which may be a name inside it."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name or None


def test_the_folders_hold_what_these_tests_look_at() -> None:
    assert "seqcore.experiment.experiment" in SEQCORE
    assert "ui.session" in UI
    assert "pages._router" in PAGES


@pytest.mark.parametrize("name", SEQCORE)
def test_nothing_below_ui_and_pages_imports_streamlit_or_them(name: str) -> None:
    found = [i for i in imports(SEQCORE[name]) if any(reaches(i, wall) for wall in ("streamlit", "ui", "pages", "app"))]
    assert not found


@pytest.mark.parametrize("name", SEQCORE)
def test_nothing_in_the_package_imports_its_own_front_door(name: str) -> None:
    found = [i for i in imports(SEQCORE[name]) if reaches(i, "seqcore") and module_of(i, SEQCORE) == "seqcore"]
    assert not found


@pytest.mark.parametrize("name", [n for n in SEQCORE if n.split(".")[1:2] and n.split(".")[1] in LEARNING])
def test_the_learning_wing_knows_nothing_of_runs_databases_and_processes(name: str) -> None:
    found = [i for i in imports(SEQCORE[name]) if any(reaches(i, wall) for wall in RUNNING)]
    assert not found


@pytest.mark.parametrize("name", [n for n in SEQCORE if n.startswith("seqcore.plots")])
def test_pictures_see_results_and_not_how_they_came_about(name: str) -> None:
    walls = ("seqcore.runs", "seqcore.training.fit", "seqcore.cli", "torch")
    found = [i for i in imports(SEQCORE[name]) if any(reaches(i, wall) for wall in walls)]
    assert not found


@pytest.mark.parametrize("name", PAGES)
def test_pages_start_no_threads_or_processes_and_do_not_compute(name: str) -> None:
    found = [i for i in imports(PAGES[name]) if any(reaches(i, wall) for wall in NOT_ON_PAGES)]
    assert not found


def test_imports_have_no_cycles() -> None:
    """Function-level imports count as well: a cycle that is hidden in a function is one all the same."""
    known = {name: path for name, path in (SEQCORE | UI).items() if name != "seqcore"}
    graph = {
        name: {target for i in imports(path) if (target := module_of(i, known)) and target != name}
        for name, path in known.items()
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail[trail.index(name) :], name))
        if name not in done:
            for target in sorted(graph[name]):
                visit(target, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_the_front_door_shows_these_names() -> None:
    assert sorted(seqcore.__all__) == [
        "Control", "Experiment", "Predictor", "SeqcoreError", "Store", "fit", "open_store", "recipe",
        "recipes", "train",
    ]  # fmt: skip
    assert all(getattr(seqcore, name) is not None for name in seqcore.__all__)


@pytest.mark.parametrize(
    "code",
    [
        "import seqcore",
        "import seqcore; seqcore.recipes()",
        "import seqcore.cli.runs, seqcore.cli.catalog, seqcore.cli.parser",
    ],
)
def test_what_only_lists_does_not_wait_for_torch(code: str) -> None:
    check = f"{code}; import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=False).returncode == 0


def test_every_field_says_what_it_is() -> None:
    fields = all_settings()
    silent = [field.path for field in fields if len(field.help) < 10 or not field.title]
    assert not silent


def test_every_choice_has_a_title_and_a_line_of_help() -> None:
    entries = [*MODELS.values(), *TASKS.values(), *SOURCES.values(), *FORMATS.values()]
    assert all(entry.title and len(entry.help) > 10 for entry in entries)


def commands() -> list[str]:
    groups = make_parser()._subparsers
    assert groups is not None
    (choices,) = (action.choices for action in groups._group_actions)
    assert choices
    return list(choices)


@pytest.mark.parametrize("name", commands())
def test_the_readme_documents_every_command(name: str) -> None:
    assert f"python -m seqcore {name}" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FORMATS)
def test_the_readme_documents_every_export(name: str) -> None:
    assert f"--format {name}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_lays_out_the_packages_and_modules_of_seqcore() -> None:
    layout = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Layout")[2].partition("## ")[0]
    modules = re.findall(r"\b\w+\.py\b", layout.partition("seqcore/\n")[2].partition("    tests/")[0])
    packages = re.findall(r"^ {6}(\w+)/", layout, flags=re.MULTILINE)
    assert sorted(modules) == sorted(path.name for path in (ROOT / "seqcore").glob("*.py"))
    assert sorted(packages) == sorted(path.parent.name for path in (ROOT / "seqcore").glob("*/__init__.py"))


def test_every_module_says_in_its_first_line_why_it_exists() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in (SEQCORE | UI | PAGES).values()
        if path.read_text(encoding="utf-8").strip()
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent
