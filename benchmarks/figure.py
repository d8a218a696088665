"""The picture of the frameworks' training steps, as an SVG that follows the reader's light or dark mode."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from benchmarks.measurement import Row, number

__all__ = ["SHOWN", "draw"]

SHOWN = {
    "RNN": "Steps: RNN, batch 32, 50 steps, hidden 50",
    "LSTM": "Steps: LSTM, batch 32, 50 steps, hidden 50",
    "GRU": "Steps: GRU, batch 32, 50 steps, hidden 50",
}
OURS = "this project"
WIDTH, LEFT, TOP, BAR, STEP, GAP = 860, 216, 74, 14, 22, 22
RIGHT, NUMBER = 90, 34  # for the numbers behind the bars
# Okabe-Ito blue for this project, gray for the others, as in all figures of the project
STYLE = """
text { font: 13px "Source Sans", "Source Sans Pro", system-ui, sans-serif; fill: #1C1E21 }
.title { font-size: 16px; font-weight: 600 } .quiet { fill: #6A6F76 } .number { font-variant-numeric: tabular-nums }
.ours { fill: #0072B2 } .other { fill: #A9ADB3 } .name-ours { font-weight: 600 }
.spread { stroke: #1C1E21; stroke-width: 1 } .one { stroke: #6A6F76; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #EDEEF0 } .quiet { fill: #9BA1A9 } .ours { fill: #2A93D1 } .other { fill: #6E737A }
  .spread { stroke: #EDEEF0 } .one { stroke: #9BA1A9 }
}
"""


def draw(rows: Iterable[Row]) -> str:
    """The SVG: a bar for each framework and architecture, the plain loop being 1. Empty without measurements."""
    rows = list(rows)
    groups = {title: [row for row in rows_in(rows, group) if row.values] for title, group in SHOWN.items()}
    groups = {title: found for title, found in groups.items() if found}
    if not groups:
        return ""
    largest = max(row.quartiles[1] for found in groups.values() for row in found)
    scale = (WIDTH - LEFT - RIGHT) / largest
    body, y = [], TOP
    for title, found in groups.items():
        height = STEP * len(found)
        body.append(f'<text class="title" x="16" y="{y + height / 2:.1f}">{title}</text>')
        body.append(
            f'<line class="one" x1="{LEFT + scale:.1f}" x2="{LEFT + scale:.1f}" y1="{y - 4}" y2="{y + height}"/>'
        )
        for row in sorted(found, key=lambda row: row.median):
            body += bar(row, y, scale)
            y += STEP
        y += GAP
    label = "Time of a training step, plain PyTorch = 1"
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" role="img" aria-label="{label}">',
        f"<style>{STYLE}</style>",
        f'<text class="title" x="16" y="28">{label}</text>',
        '<text class="quiet" x="16" y="48">batch 32, 50 steps, hidden 50, one thread; shorter is faster; lines: '
        "quartiles over the rounds</text>",
    ]
    return "\n".join([*head, *body, "</svg>", ""])


def rows_in(rows: Iterable[Row], group: str) -> Sequence[Row]:
    """The rows of one group."""
    return [row for row in rows if row.group == group]


def bar(row: Row, y: float, scale: float) -> list[str]:
    """Name, bar, quartiles and number of one framework."""
    ours = row.name == OURS
    low, high = (LEFT + scale * value for value in row.quartiles)
    middle, one = y + BAR / 2, LEFT + scale
    end = max(high, LEFT + scale * row.median) + 8
    if end - 4 < one < end + NUMBER:
        end = one + 8  # behind the line of the plain loop, not across it
    return [
        f'<text class="{"name-ours" if ours else ""}" x="{LEFT - 10}" y="{y + 12}" text-anchor="end">'
        f"{escape(row.name)}</text>",
        f'<rect class="{"ours" if ours else "other"}" x="{LEFT}" y="{y}" width="{scale * row.median:.1f}" '
        f'height="{BAR}" rx="2"/>',
        f'<line class="spread" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>',
        f'<text class="number" x="{end:.1f}" y="{y + 12}">{number(row.median)}</text>',
    ]
