"""Command `export`: write weights, experiment, predictions or history of a run to a file."""

from __future__ import annotations

import argparse
from pathlib import Path

from seqcore.cli.output import Output
from seqcore.export import export as make
from seqcore.runs.api import open_store
from seqcore.runs.atomic_io import write_output

__all__ = ["export"]


def export(args: argparse.Namespace, out: Output) -> int:
    """Write a run to a file in one of `FORMATS`."""
    store = open_store(args.store)
    run = store.run(args.id)
    content = make(store, run.id, args.format, args.at)
    path = Path(args.out)
    write_output(path, content)
    out.result(
        {"run": run.id, "format": args.format, "file": str(path), "bytes": len(content)},
        f"{path}: {len(content):,} bytes",
    )
    return 0
