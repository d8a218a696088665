"""Decoding of translations: greedy, or by beam search."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcore.models.encoder_decoder import EncoderDecoder, EncoderOutput
from seqcore.models.state import State, select

__all__ = ["Hypothesis", "beam_search", "length_normalized"]

_LENGTH_PENALTY = 0.6


class Hypothesis(NamedTuple):
    """One translation: its codes without the end, attention weights [S, T] or None, its length-normalized score, and
    the geometric mean of the probabilities of its words and its end."""

    codes: list[int]
    attention: NDArray[np.float32] | None
    score: float
    probability: float


def length_normalized(log_probability: Tensor, words: Tensor) -> Tensor:
    """Log probability normalized by the number of words, the end included (Wu et al. 2016)."""
    return log_probability / ((5.0 + words) / 6.0) ** _LENGTH_PENALTY


@torch.inference_mode()
def beam_search(
    model: EncoderDecoder, inputs: Tensor, lengths: Tensor | None, *, beam: int = 1, unknown: Tensor | None = None
) -> list[Hypothesis]:
    """The translations of sentences [B, T]. Only where `unknown[B]` may an unknown word (code 0) be generated.

    Of a beam and the greedy translation, the better one by `length_normalized`.
    """
    encoded, state = model.encode(inputs, lengths)
    steps = 10 + 3 * inputs.shape[1] // 2
    found = _beam(model, encoded, state, 1, steps, unknown)
    if beam == 1:
        return found
    wide = _beam(model, encoded, state, beam, steps, unknown)
    return [b if b.score >= a.score else a for a, b in zip(found, wide, strict=True)]


def _beam(
    model: EncoderDecoder, encoded: EncoderOutput, state: State, beam: int, steps: int, unknown: Tensor | None
) -> list[Hypothesis]:
    count, device, end = len(encoded.outputs), encoded.outputs.device, model.end
    rows = torch.arange(count, device=device)
    if beam > 1:
        wide = rows.repeat_interleave(beam)
        encoded, state = encoded.select(wide), select(state, wide)
    last = torch.full((count * beam,), end, device=device)
    total = torch.full((count, beam), -torch.inf, device=device)
    total[:, 0] = 0.0  # the hypotheses of a sentence are equal at first
    done = torch.zeros(count, beam, dtype=torch.bool, device=device)
    words = torch.zeros(count, beam, device=device)
    written = torch.zeros(count, beam, 0, dtype=torch.long, device=device)
    attention_history: list[Tensor] = []  # attention [count * beam, T] of each step, in the order of the current beam
    for _ in range(steps):
        scores, state, weights = model.decode(last[:, None], state, encoded)
        log_probs = torch.log_softmax(scores[:, 0].float(), dim=-1).view(count, beam, -1)
        if unknown is None:
            log_probs[:, :, 0] = -torch.inf
        else:
            log_probs[:, :, 0].masked_fill_(~unknown[:, None], -torch.inf)
        log_probs[done] = -torch.inf
        log_probs[:, :, end].masked_fill_(done, 0.0)  # an ended hypothesis stays as it is
        total, best = (total[:, :, None] + log_probs).flatten(1).topk(beam)
        origin, word = best // log_probs.shape[2], best % log_probs.shape[2]
        words = words.gather(1, origin) + ~done.gather(1, origin)
        done = done.gather(1, origin) | (word == end)
        source = (rows[:, None] * beam + origin).flatten()
        before = written.gather(1, origin[:, :, None].expand(-1, -1, written.shape[2]))
        written = torch.cat([before, word[:, :, None]], 2)
        if weights is not None:
            attention_history.append(weights[:, 0])
        if beam > 1:
            attention_history = [step[source] for step in attention_history]
            state = select(state, source)
        last = word.flatten()
        if bool(done.all()):
            break
    score = length_normalized(total, words)
    return _collected(written, attention_history, score, (total / words).exp(), end)


def _collected(
    written: Tensor, attention_history: list[Tensor], score: Tensor, mean: Tensor, end: int
) -> list[Hypothesis]:
    count, beam = score.shape
    best = score.argmax(dim=1)
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
