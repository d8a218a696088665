"""Plotly's script with the kinds of traces of most figures: a quarter of its size, and an eighth of its time to run.

The file in the installed package is a bundle of modules, each of which is `var name=wrapper((exports,module)=>{...})`
and comes after all that it uses. The last one registers every kind of trace, which runs all modules: most of a second
on the main thread of a browser that sees the page for the first time. The part up to the last kind that is needed,
with a registration of those alone, is a complete script.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import plotly

__all__ = ["FILE", "NAME", "TRACES", "WHOLE", "script", "shortened"]

TRACES = ("bar", "heatmap")
"""The kinds of traces that most figures have, beside "scatter", which is always there."""

FILE = Path(plotly.__file__).with_name("package_data") / "plotly.min.js"
WHOLE = f"plotly-{plotly.__version__}.min.js"
NAME = f"plotly-{plotly.__version__}-{'-'.join(TRACES)}.min.js"  # browsers keep files for a year

_LAST = re.compile(rb";var [\w$]+=([\w$]+)\(\([\w$,]*\)=>\{[^{}]*\.register\(\[([\w$(),]+)\]\)")


def script() -> bytes:
    """The script for `TRACES`."""
    return shortened(FILE.read_bytes(), TRACES)


def shortened(bundle: bytes, traces: tuple[str, ...]) -> bytes:
    """The bundle with these kinds of traces and "scatter"; unchanged if it isn't built as described above."""
    last = _LAST.search(bundle, max(0, bundle.rfind(b".register([") - 200))
    if last is None:
        return bundle
    definition = re.compile(rb";var ([\w$]+)=%s\(\(" % re.escape(last[1]))
    starts = [found.start() for found in definition.finditer(bundle)]
    modules = [(start, end, bundle[start:end]) for start, end in pairwise(starts)]
    wanted: dict[bytes, int] = {}  # registered module -> its end
    for trace in traces:
        inner = next((text for _, _, text in modules if b'moduleType:"trace",name:"%s"' % trace.encode() in text), b"")
        name = definition.match(inner)
        exported = b".exports=%s()" % name[1] if name else b"?"
        for _, end, text in modules:
            module = definition.match(text)
            if module and exported in text and b"%s()" % module[1] in last[2].split(b","):
                wanted[module[1]] = end
    if len(wanted) != len(traces):
        return bundle
    registered = b",".join(b"%s()" % name for name in wanted)
    return bundle[: max(wanted.values())] + bundle[last.start() : last.start(2)] + registered + bundle[last.end(2) :]
