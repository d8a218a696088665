"""How a translation is searched for: the likeliest word each time, or several translations side by side (a beam)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcore.models.encoder_decoder import EncoderDecoder, EncoderOutput, select_state
from seqcore.models.recurrent import State

__all__ = ["Hypothesis", "beam_search", "normalised_score"]

_LENGTH_PENALTY = 0.6


class Hypothesis(NamedTuple):
    """One translation: its codes without the end, attention[S, T] of each or None, its score, and the geometric mean of
    the probabilities of its words and its end."""

    codes: list[int]
    attention: NDArray[np.float32] | None
    score: float
    probability: float


def normalised_score(log_probability: Tensor, words: Tensor) -> Tensor:
    """ln p of so many words (the end included), so that short sentences have no advantage: Wu et al. 2016."""
    return log_probability / ((5.0 + words) / 6.0) ** _LENGTH_PENALTY


@torch.inference_mode()
def beam_search(
    model: EncoderDecoder, inputs: Tensor, lengths: Tensor | None, *, beam: int = 1, unknown: Tensor | None = None
) -> list[Hypothesis]:
    """The translations of sentences [B, T]. Only where `unknown[B]` may an unknown word (code 0) be written.

    Of a beam, the best by `normalised_score`; what taking the likeliest word each time leads to competes, too.
    """
    memory, state = model.encode(inputs, lengths)
    steps = 10 + 3 * inputs.shape[1] // 2
    found = _beam(model, memory, state, 1, steps, unknown)
    if beam == 1:
        return found
    wide = _beam(model, memory, state, beam, steps, unknown)
    return [b if b.score >= a.score else a for a, b in zip(found, wide, strict=True)]


def _beam(
    model: EncoderDecoder, memory: EncoderOutput, state: State, beam: int, steps: int, unknown: Tensor | None
) -> list[Hypothesis]:
    count, device, end = len(memory.outputs), memory.outputs.device, model.end
    rows = torch.arange(count, device=device)
    if beam > 1:
        wide = rows.repeat_interleave(beam)
        memory, state = memory.chosen(wide), select_state(state, wide)
    last = torch.full((count * beam,), end, device=device)
    total = torch.full((count, beam), -torch.inf, device=device)
    total[:, 0] = 0.0  # at first all of a sentence's translations are the same
    done = torch.zeros(count, beam, dtype=torch.bool, device=device)
    words = torch.zeros(count, beam, device=device)
    written = torch.zeros(count, beam, 0, dtype=torch.long, device=device)
    attention_history: list[Tensor] = []  # attention [count * beam, T] of each step, in the order of the beam now
    for _ in range(steps):
        scores, state, weights = model.decode(last[:, None], state, memory)
        chance = torch.log_softmax(scores[:, 0].float(), dim=-1).view(count, beam, -1)
        if unknown is None:
            chance[:, :, 0] = -torch.inf
        else:
            chance[:, :, 0].masked_fill_(~unknown[:, None], -torch.inf)
        chance[done] = -torch.inf
        chance[:, :, end].masked_fill_(done, 0.0)  # what has ended stays as it is
        total, best = (total[:, :, None] + chance).flatten(1).topk(beam)
        origin, word = best // chance.shape[2], best % chance.shape[2]
        words = words.gather(1, origin) + ~done.gather(1, origin)
        done = done.gather(1, origin) | (word == end)
        source = (rows[:, None] * beam + origin).flatten()
        written = torch.cat(
            [written.gather(1, origin[:, :, None].expand(-1, -1, written.shape[2])), word[:, :, None]], 2
        )
        if weights is not None:
            attention_history.append(weights[:, 0])
        if beam > 1:
            attention_history = [step[source] for step in attention_history]
            state = select_state(state, source)
        last = word.flatten()
        if bool(done.all()):
            break
    score = normalised_score(total, words)
    best_of = score.argmax(dim=1)
    mean = (total / words).exp()
    return _collected(written, attention_history, score, mean, best_of, end)


def _collected(
    written: Tensor, attention_history: list[Tensor], score: Tensor, mean: Tensor, best: Tensor, end: int
) -> list[Hypothesis]:
    count, beam = score.shape
    rows = torch.arange(count, device=best.device)
    codes = written[rows, best].cpu().numpy()
    scores, means = score[rows, best].cpu().tolist(), mean[rows, best].cpu().tolist()
    attention = (
        torch.stack(attention_history, dim=1)[rows * beam + best].float().cpu().numpy() if attention_history else None
    )
    found = []
    for i in range(count):
        ends = np.flatnonzero(codes[i] == end)
        length = int(ends[0]) if len(ends) else codes.shape[1]
        weights = None if attention is None else attention[i, :length]
        found.append(Hypothesis(codes[i, :length].tolist(), weights, scores[i], means[i]))
    return found
