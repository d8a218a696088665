"""The architecture: the graph of packages, public names, descriptions of fields and choices, documentation."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import pairwise
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

ORDER = (
    "errors", "registry", "results", "events", "experiment", "data", "models", "evaluation", "tasks", "training",
    "inference", "insight", "runs", "export", "cli",
)  # fmt: skip
"""Packages and modules of seqcore in order of foundation: each may import those before it."""

PLOTS_SEE = {"errors", "registry", "results", "events"}
NOT_IN_LEARNING = ("sqlalchemy", "multiprocessing", "subprocess", "plotly.graph_objects")
NOT_ON_PAGES = ("torch", "threading", "multiprocessing", "subprocess", "concurrent", "sqlite3", "sqlalchemy")
Graph = dict[str, dict[str, str]]  # package -> imported package -> "module imports module"
Imports = dict[str, set[str]]  # module -> names that it imports


def modules(folder: str) -> dict[str, Path]:
    """Dotted name -> file, of all modules below a folder of the repository."""
    found = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


SEQCORE, UI, PAGES = modules("seqcore"), modules("ui"), modules("pages")
ALL = SEQCORE | UI | PAGES | {"app": ROOT / "app.py"}


def imports(tree: ast.Module) -> Iterator[str]:
    """Every name that a module imports, dotted: inside functions and for the type checker as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{node.module}: relative imports hide where a name comes from"
            for alias in node.names:
                yield f"{node.module}.{alias.name}"


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def module_of(name: str, known: Collection[str]) -> str | None:
    """The module behind an imported dotted name, which may be a name inside it."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name or None


def package_of(module: str) -> str:
    """ "seqcore.data.table" -> "data"; "ui.cards" -> "ui"; "seqcore" and "seqcore.__main__" -> "seqcore"."""
    first, _, rest = module.partition(".")
    package = rest.partition(".")[0]
    return package if first == "seqcore" and package not in ("", "__main__") else first


def package_graph(found: Mapping[str, Collection[str]]) -> Graph:
    """The packages that each package imports, with one example each, from the imports of every module."""
    graph: Graph = {package_of(module): {} for module in found}
    for module, names in found.items():
        for name in names:
            target = module_of(name, found)
            if target is not None and package_of(target) != package_of(module):
                graph[package_of(module)][package_of(target)] = f"{module} imports {target}"
    return graph


def cycle_in(graph: Graph) -> list[str]:
    """A cycle of packages as examples of its imports; empty where there is none."""
    done: set[str] = set()

    def visit(package: str, trail: tuple[str, ...]) -> list[str]:
        if package in trail:
            cycle = (*trail[trail.index(package) :], package)
            return [graph[a][b] for a, b in pairwise(cycle)]
        if package not in done:
            for target in sorted(graph[package]):
                if cycle := visit(target, (*trail, package)):
                    return cycle
            done.add(package)
        return []

    return next((cycle for package in graph if (cycle := visit(package, ()))), [])


def upward_imports(graph: Graph) -> list[str]:
    """Imports within seqcore against the order of foundation."""
    rank = {package: place for place, package in enumerate(ORDER)}
    found = []
    for package, targets in graph.items():
        for target, example in targets.items():
            if package == "plots":
                allowed = target in PLOTS_SEE
            elif target == "plots":
                allowed = package in ("export", "cli", "ui", "pages", "app")
            elif package in rank:
                allowed = rank.get(target, len(rank)) < rank[package]
            else:
                above = ("seqcore", "ui", "pages", "app")
                allowed = target in rank or above.index(target) < above.index(package)
            if not allowed:
                found.append(example)
    return found


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    """Module -> its syntax tree."""
    return {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in ALL.items()}


@pytest.fixture(scope="module")
def imported(trees: Mapping[str, ast.Module]) -> Imports:
    """Module -> the names that it imports."""
    return {module: set(imports(tree)) for module, tree in trees.items()}


def test_the_order_names_every_package() -> None:
    packages = {package_of(module) for module in SEQCORE} - {"seqcore", "plots"}
    assert packages <= set(ORDER)


def test_the_graph_of_packages_is_acyclic(imported: Imports) -> None:
    assert cycle_in(package_graph(imported)) == []


def test_packages_import_only_packages_before_them(imported: Imports) -> None:
    assert upward_imports(package_graph(imported)) == []


@pytest.mark.parametrize(
    ("module", "planted", "cyclic"),
    [
        ("seqcore.data.table", "seqcore.tasks.task.Task", True),
        ("seqcore.experiment.config", "seqcore.models.MODELS", True),
        ("seqcore.plots.counts", "seqcore.data.table.Table", False),
        ("seqcore.training.fit", "ui.session", True),
    ],
)
def test_a_planted_upward_import_is_noticed(imported: Imports, module: str, planted: str, cyclic: bool) -> None:
    graph = package_graph(imported | {module: {*imported[module], planted}})
    assert upward_imports(graph) == [f"{module} imports {module_of(planted, imported)}"]
    assert bool(cycle_in(graph)) == cyclic


def test_imports_inside_functions_and_for_the_type_checker_count() -> None:
    code = "if TYPE_CHECKING:\n    from a.b import c\ndef f():\n    import d.e\n"
    assert list(imports(ast.parse(code))) == ["a.b.c", "d.e"]


def test_modules_import_each_other_without_cycles(imported: Imports) -> None:
    graph = {
        module: {target for name in names if (target := module_of(name, imported)) and target != module}
        for module, names in imported.items()
        if module != "seqcore"
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail[trail.index(module) :], module))
        if module not in done:
            for target in sorted(graph.get(module, ())):
                visit(target, (*trail, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_seqcore_holds_packages_and_at_most_six_modules() -> None:
    found = [path.name for path in (ROOT / "seqcore").iterdir() if path.name != "__pycache__"]
    assert len([name for name in found if name.endswith(".py")]) <= 6
    assert all(name.endswith((".py", ".typed")) or (ROOT / "seqcore" / name / "__init__.py").exists() for name in found)


def importing(imported: Imports, modules: Iterable[str], *forbidden: str) -> list[str]:
    """The imports of these modules that are forbidden, or lie within a forbidden package."""
    return [f"{m} imports {i}" for m in modules for i in imported[m] if any(within(i, wall) for wall in forbidden)]


def of_packages(*packages: str) -> list[str]:
    return [module for module in SEQCORE if package_of(module) in packages]


def test_nothing_below_ui_imports_streamlit(imported: Imports) -> None:
    assert importing(imported, SEQCORE, "streamlit") == []


def test_nothing_in_seqcore_imports_the_public_names_of_seqcore(imported: Imports) -> None:
    others = [module for module in SEQCORE if module not in ("seqcore", "seqcore.__main__")]
    assert [m for m in others if any(module_of(i, imported) == "seqcore" for i in imported[m])] == []


def test_nothing_below_runs_uses_databases_processes_or_figures(imported: Imports) -> None:
    assert importing(imported, of_packages(*ORDER[: ORDER.index("runs")]), *NOT_IN_LEARNING) == []


def test_plots_results_and_experiments_do_not_import_torch(imported: Imports) -> None:
    assert importing(imported, of_packages("plots", "results", "experiment"), "torch") == []


def test_pages_start_no_threads_or_processes_and_do_not_compute(imported: Imports) -> None:
    assert importing(imported, PAGES, *NOT_ON_PAGES) == []


def test_a_planted_import_is_noticed() -> None:
    planted = {"seqcore.data.table": {"torch.nn", "torchvision"}}
    assert importing(planted, ["seqcore.data.table"], "torch", "vision") == ["seqcore.data.table imports torch.nn"]


@pytest.mark.parametrize("name", sorted({**UI, **PAGES}.keys() - {"ui.session"}))
def test_pages_are_left_through_go_to(name: str) -> None:
    """A direct `switch_page` from a dialog or a fragment may leave an empty page, see `ui.session.go`."""
    assert "switch_page" not in {**UI, **PAGES}[name].read_text(encoding="utf-8")


def test_the_public_names_are_pinned() -> None:
    assert sorted(seqcore.__all__) == [
        "Control", "Experiment", "Predictor", "SeqcoreError", "Store", "fit", "open_store", "recipe",
        "recipes", "train",
    ]  # fmt: skip
    assert all(getattr(seqcore, name) is not None for name in seqcore.__all__)


IMPORTED = """
import sys
for code, absent in (
    ("import seqcore", "torch"),
    ("seqcore.recipes()", "torch"),
    ("import seqcore.cli.runs, seqcore.cli.catalog, seqcore.cli.parser", "torch plotly pandas"),
    ("import seqcore.cli; seqcore.cli.main(['recipes']); seqcore.cli.main(['fields', 'training'])", "torch plotly"),
    ("from seqcore.tasks import TASKS; [entry.load() for entry in TASKS.values()]", "plotly pandas"),
    ("import seqcore.cli.predict, seqcore.cli.probe, seqcore.insight.requests", "plotly pandas"),
    ("import seqcore.runs.execution", "plotly pandas"),
):
    exec(code)
    if found := {*absent.split()} & {*sys.modules}:
        sys.exit(f"{code}: {found}")
"""


def test_listing_does_not_import_torch_nor_does_a_model_without_dates_import_pandas() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTED], cwd=ROOT, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_field_has_a_title_and_help() -> None:
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


def test_the_readme_documents_every_command_and_export() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    wanted = [*(f"python -m seqcore {name}" for name in commands()), *(f"--format {name}" for name in FORMATS)]
    assert [text for text in wanted if text not in readme] == []


def test_the_readme_lays_out_the_packages_and_modules_of_seqcore() -> None:
    layout = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Layout")[2].partition("## ")[0]
    modules = re.findall(r"\b\w+\.py\b", layout.partition("seqcore/\n")[2].partition("    tests/")[0])
    packages = re.findall(r"^ {6}(\w+)/", layout, flags=re.MULTILINE)
    assert sorted(modules) == sorted(path.name for path in (ROOT / "seqcore").glob("*.py"))
    assert sorted(packages) == sorted(path.parent.name for path in (ROOT / "seqcore").glob("*/__init__.py"))


def test_the_first_line_of_a_module_says_what_is_in_it(trees: Mapping[str, ast.Module]) -> None:
    first = {name: (ast.get_docstring(tree) or " ").splitlines()[0] for name, tree in trees.items()}
    assert [name for name, line in first.items() if not line.endswith(".")] == []
