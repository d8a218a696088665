"""What happens inside a trained model, and the registry of what `seqcore probe --what` shows.

A new entry of `PROBES` names a function that takes a `seqcore.insight.requests.ProbeRequest` and returns a `View`. Its
trait "of" says what the result is about: one "example", many of a "split", or the "model" itself; "options" are the
options of the command that it reads, besides those that choose model and example.
"""

from __future__ import annotations

from seqcore.registry import Entry

__all__ = ["PROBES"]


def _entry(title: str, help: str, function: str, *options: str, of: str = "example") -> Entry:
    return Entry(title, help, f"seqcore.insight.{function}", {"of": of, "options": options})


PROBES: dict[str, Entry] = {
    "states": _entry("States", "States, gates and attention at every step.", "requests:states"),
    "equations": _entry(
        "Equations", "The equations of --layer at --step with the numbers of --unit.", "requests:solved",
        "layer", "step", "unit",
    ),
    "saturation": _entry(
        "Saturation", "Share of the steps of --split at which units are saturated.", "requests:saturated", of="split"
    ),
    "spectrum": _entry("Spectrum", "Eigenvalues of the recurrent matrices.", "requests:eigenvalues", of="model"),
    "projection": _entry(
        "State space", "The path of --name in its first three principal components.", "requests:path", "layer", "name"
    ),
    "similar": _entry(
        "Similar moments", "Segments of the data with the same active units as the steps --span.", "requests:moments",
        "layer", "name", "span", "threshold",
    ),
    "response": _entry(
        "Response", "Mean response of --unit to each symbol, or to values of --column.", "requests:responses",
        "layer", "unit", "name", "column", of="split",
    ),
    "reach": _entry(
        "Receptive field", "The inputs that the output at --step can depend on.", "requests:field", "step"
    ),
    "weights": _entry("Weights by lag", "The weights of a linear model by lag.", "requests:weights", of="model"),
    "gradients": _entry(
        "Gradient by state", "Gradient of the loss of each step with respect to the states.", "memory_requests:by_state"
    ),
    "inputs": _entry(
        "Gradient by input", "Gradient of --output, predicted at --step, with respect to the inputs.",
        "memory_requests:by_input", "step", "output",
    ),
    "lag": _entry(
        "Memory", "Share of the gradient of predictions by lag; --beside adds other runs.",
        "memory_requests:by_lag", "beside", of="split",
    ),
    "attributions": _entry(
        "Explained prediction", "Contribution of each input to --output, in its units (integrated gradients).",
        "memory_requests:explained", "output",
    ),
    "updates": _entry(
        "Updates", "Size of the next update relative to the weights, at each snapshot.", "memory_requests:updated",
        of="model",
    ),
}  # fmt: skip
"""By the word of `--what`."""
