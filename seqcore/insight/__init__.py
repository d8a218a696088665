"""What happens inside a trained model, and the registry of what `seqcore probe --what` shows.

A new entry of `PROBES` names a function that takes a `seqcore.insight.requests.ProbeRequest` and returns a `View`. Its
trait "of" says what the result is about: one "example", many of a "split", or the "model" itself.
"""

from __future__ import annotations

from seqcore.registry import Entry

__all__ = ["PROBES"]


def _entry(title: str, help: str, function: str, *, of: str = "example") -> Entry:
    return Entry(title, help, f"seqcore.insight.requests:{function}", {"of": of})


def _memory(title: str, help: str, function: str, *, of: str = "example") -> Entry:
    return Entry(title, help, f"seqcore.insight.memory_requests:{function}", {"of": of})


PROBES: dict[str, Entry] = {
    "states": _entry("States", "States, gates and attention at every step.", "states"),
    "equations": _entry("Equations", "The equations of --layer at --step with the numbers of --unit.", "solved"),
    "saturation": _entry(
        "Saturation", "Share of the steps of --split at which units are saturated.", "saturated", of="split"
    ),
    "spectrum": _entry("Spectrum", "Eigenvalues of the recurrent matrices.", "eigenvalues", of="model"),
    "projection": _entry("State space", "The path of --name in its first three principal components.", "path"),
    "similar": _entry("Similar moments", "Moments in the data that are like the steps --span.", "moments"),
    "response": _entry(
        "Response", "Mean response of --unit to each symbol, or to values of --column.", "responses", of="split"
    ),
    "reach": _entry("Receptive field", "The inputs that the output at --step can depend on, and does.", "field"),
    "weights": _entry("Weights by lag", "The weights of a linear model by lag.", "weights", of="model"),
    "gradients": _memory("Gradient by state", "Gradient of the loss of each step with respect to states.", "by_state"),
    "inputs": _memory(
        "Gradient by input", "Gradient of --output, predicted at --step, with respect to inputs.", "by_input"
    ),
    "lag": _memory(
        "Memory", "Share of the gradient of predictions by lag, with --beside of other runs, too.", "by_lag", of="split"
    ),
    "attributions": _memory("Explained prediction", "What each input added to --output, in its units.", "explained"),
    "updates": _memory(
        "Updates", "Size of the next update relative to the weights, at each snapshot.", "updated", of="model"
    ),
}
"""By the word of `--what`."""
