"""Measure everything that the project claims about its speed, and write `benchmarks/results.md` and its figure.

    make benchmark ARGS="[--only SECTION ...] [--quick] [--rounds 7] [--report]"

Every section runs in a process of its own and keeps its rows in `benchmarks/.results`, so that a section can be
measured again with `--only`; the report is then written from all of them. A section or a framework that fails is
reported, and the others go on. Run it on a machine that does nothing else: ratios are taken within a round, which bears
some noise, but a busy core is not noise.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import report
from benchmarks.measurement import Section, load_section, machine, now, revision, save_section
from benchmarks.options import Options
from benchmarks.sections import SECTIONS

FOLDER = ROOT / "benchmarks" / ".results"
QUICK_FOLDER = ROOT / "benchmarks" / ".results-quick"
LIMIT = 900.0  # seconds for a section


def measure(name: str, options: Options, folder: Path) -> None:
    """Run a section in this process; its rows are stored as they come."""
    began = time.perf_counter()
    first = Section(name, (), now(), revision(), quick=options.quick, machine=machine())

    def keep(found: Options, failures: tuple[str, ...] = ()) -> None:
        seconds, versions = time.perf_counter() - began, dict(sorted(found.versions.items()))
        rows = tuple(found.rows)
        save_section(folder, replace(first, rows=rows, seconds=seconds, versions=versions, failures=failures))

    options.keep = keep
    module, _, function = SECTIONS[name].entry.partition(":")
    try:
        getattr(importlib.import_module(f"benchmarks.{module}"), function)(options)
        keep(options)
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        lines = str(error).strip().splitlines()
        keep(options, (f"{type(error).__name__}: {lines[0] if lines else ''}",))


def in_a_process(name: str, arguments: list[str]) -> str:
    """Run a section in a process of its own. Returns why it failed, or ""."""
    command = [sys.executable, str(Path(__file__)), "--section", name, *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false"}
    if not SECTIONS[name].one_thread:
        environment.pop("OMP_NUM_THREADS")
    with subprocess.Popen(command, env=environment, start_new_session=True) as process:
        try:
            code = process.wait(LIMIT)
            return f"the process ended with code {code}" if code else ""
        except subprocess.TimeoutExpired:
            return f"not finished within {LIMIT:.0f} s"
        finally:
            _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End what a section has started and left."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def run(names: list[str], arguments: list[str], folder: Path) -> None:
    """Measure sections one after the other."""
    for name in names:
        began = time.perf_counter()
        print(f"{name}: {SECTIONS[name].title}", flush=True)
        failure = in_a_process(name, arguments)
        if failure:
            section = load_section(folder, name) or Section(name, (), now(), revision(), machine=machine())
            save_section(folder, replace(section, failures=(*section.failures, failure)))
            print(f"  {failure}", flush=True)
        print(f"  {time.perf_counter() - began:.0f} s", flush=True)


def _end(signum: int, _: object) -> None:
    """A signal ends this process as Ctrl-C does, so that a section's processes end too."""
    raise SystemExit(128 + signum)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--quick", action="store_true", help="a few minutes, to see that it works; writes no report")
    parser.add_argument("--rounds", type=int, help="of each measurement; default 7")
    parser.add_argument("--report", action="store_true", help="write the report from what is stored")
    parser.add_argument("--section", choices=SECTIONS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    rounds = args.rounds or (2 if args.quick else 7)
    folder = QUICK_FOLDER if args.quick else FOLDER
    if args.section:
        measure(args.section, Options(rounds, args.quick), folder)
        return 0
    signal.signal(signal.SIGTERM, _end)
    if not args.report:
        arguments = ["--rounds", str(rounds), *(["--quick"] if args.quick else [])]
        run(args.only or list(SECTIONS), arguments, folder)
    sections = [section for name in SECTIONS if (section := load_section(folder, name))]
    written = folder if args.quick else ROOT / "benchmarks"
    report.write(sections, written / "results.md", (folder if args.quick else ROOT / "docs") / "benchmark.svg")
    print(f"\n{report.summary_lines(sections)}\n\nwritten: {written / 'results.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
