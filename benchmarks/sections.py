"""The sections of the benchmark, and what must hold."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["REQUIREMENTS", "SECTIONS", "SectionEntry"]


class SectionEntry(NamedTuple):
    """A section: its title, and "module:function" that measures it, called with `Options`."""

    title: str
    entry: str
    one_thread: bool = True  # OMP_NUM_THREADS=1 in its process and those it starts


SECTIONS = {
    "frameworks": SectionEntry("steps and epochs of all frameworks side by side", "side_by_side:measure"),
    "busy": SectionEntry("steps of all frameworks beside a busy process", "side_by_side:measure_beside_busy"),
    "watched": SectionEntry("a run watched by a browser, and memory", "watched:measure"),
    "replicas": SectionEntry("16 replicas as one model", "replicas:measure", False),
    "threads": SectionEntry("one and two threads, alone and beside a busy process", "threads:measure", False),
    "click": SectionEntry("first point after a click, chart updates a second", "click_to_point:measure"),
    "start": SectionEntry("cold start, visits of pages, layout shift", "start:measure"),
    "rows": SectionEntry("ten million rows", "many_rows:measure"),
    "runs": SectionEntry("10,000 runs, and one run of a million points", "many_runs:measure"),
    "viewers": SectionEntry("20 viewers of one run", "viewers:measure_speed"),
    "gpu": SectionEntry("small models on a GPU", "side_by_side:measure_gpu"),
}

REQUIREMENTS = {  # key of rows -> (what, limit in words)
    "rnn-gru-step": ("RNN and GRU step at the articles' sizes / plain PyTorch", "at most 0.5"),
    "lstm-step": ("LSTM step at the articles' sizes / plain PyTorch", "at most 0.8"),
    "larger-step": (
        "RNN, LSTM, GRU step at hidden 128 and 256 / plain PyTorch",
        "at most: RNN 0.8, LSTM 1.0, GRU 0.6",
    ),
    "epoch": (
        "a whole epoch with validation, articles' sizes / plain loop without validation",
        "at most: RNN 0.6, LSTM 0.9, GRU 0.6",
    ),
    "frameworks": ("step / Lightning, darts, Keras on TensorFlow, articles' sizes", "at most 0.4"),
    "watched": ("watched by a browser / unwatched, one training thread", "at most 1.05"),
    "replicas": ("16 replicas of ramp-next-value / one; of sine-next-step / one", "at most 1.5; 6"),
    "threads": ("two threads beside a busy process / one thread beside it", "at most 1.1"),
    "gpu": ("on a GPU: small models, captured / plain cuDNN loop", "at most 0.4"),
    "click": ("click to first point on a warm server", "at most 0.5 s"),
    "updates": ("chart updates", "at least 2 a second"),
    "cold-start": ("cold start to button and picture", "at most 3 s"),
    "first-predict": ("first visit of Predict", "at most 2 s"),
    "visits": ("later visits of every page", "at most 1 s"),
    "layout-shift": ("cumulative layout shift of every page, 1440 and 390 wide", "at most 0.1"),
    "rows": ("a step with ten million rows / with ten thousand", "at most 1.1"),
    "long-run": ("opening a run of a million points", "at most 300 ms"),
    "run-list": ("listing, filtering and sorting 10,000 runs", "at most 300 ms"),
    "viewers": ("training speed with 20 viewers / with none", "at least 0.9"),
}
