"""The command line: `main` parses arguments, runs one command and turns errors into lines on standard error.

Commands import torch only if they need it, because that takes seconds.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

from seqcore.cli.output import Output
from seqcore.cli.parser import make_parser
from seqcore.errors import SeqcoreError
from seqcore.training.openmp import set_passive_wait_policy

__all__ = ["main"]

FAILED, INTERRUPTED = 1, 130  # usage errors are argparse's own 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0, 1 (error), 130 (Ctrl-C); wrong usage exits with 2 in argparse."""
    args = make_parser().parse_args(argv)
    set_passive_wait_policy()
    out = Output(json=args.json)
    try:
        code: int = args.run(args, out)
        out.flush()
    except SeqcoreError as error:
        return _fail(*error.lines)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return out.abandon()
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(*SeqcoreError(f"{where}{error.strerror or error}").lines)
    except Exception as error:
        # A bug: one line for the user, the traceback on request.
        if os.environ.get("SEQCORE_TRACEBACK"):
            traceback.print_exc()
        text = " ".join(str(error).split()) or "no message"
        return _fail(f"internal error: {type(error).__name__}: {text} (SEQCORE_TRACEBACK=1 shows the traceback)")
    return out.abandon() if out.closed else code


def _fail(*lines: str) -> int:
    for line in lines:
        print(line, file=sys.stderr)
    return FAILED
