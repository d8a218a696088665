"""What an architecture can do, declared in its registry entry: read by constraints, forms and tests without torch."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Capabilities"]


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What an architecture supports. A setting that needs what is False here is refused with the reason."""

    causal: bool = True  # the output at a step depends on that step and earlier ones only
    bidirectional: bool = False  # can read each sequence in both directions
    stateful: bool = False  # has a recurrent state that can be carried from one window to the next
    recurrent_dropout: bool = False  # has state-to-state weights that can be dropped in training
    packed: bool = True  # takes sequences of different lengths in one batch
    fixed_window: bool = False  # weights belong to positions of the window, so that no other length can be read
    state_transfer: bool = False  # an encoder's final state can be a decoder's initial state
    probes: tuple[str, ...] = ()  # internals that `probe` returns, such as "hidden" or "forget_gate"
