"""Sequence classifier: an architecture whose output layer sees each step and the mean of all steps so far."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqcore.experiment.config import ModelConfig
from seqcore.models.architecture import ModelContext
from seqcore.models.sequence_model import SequenceModel
from seqcore.models.state import State

__all__ = ["SequenceClassifier", "WordDropout"]


class WordDropout(nn.Module):
    """In training, token codes [B, T] of which a share becomes 0, the unknown symbol (Iyyer et al. 2015).

    So the model learns to do without a word. Uses torch's global random state.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, symbols: Tensor, lengths: Tensor | None = None) -> Tensor:
        """[B, T] -> [B, T]."""
        if not self.training:
            return symbols
        return symbols * (torch.rand(symbols.shape, device=symbols.device) >= self.share)


class SequenceClassifier(SequenceModel):
    """Input [B, T, F] (or token codes [B, T]) -> architecture -> logits of C classes at each step, [B, T, C].

    The output layer sees y_t and the mean of y_1 to y_t side by side: what came early, or often, need not be held in
    the state. A model that is not causal gives one prediction, [B, 1, C], from the summary of the whole
    sequence and the mean of all steps. `augmentation` changes inputs at random in training.

    State: (the architecture's, the sum of the mean's part of the logits so far [B, C], the steps so far [B]).
    """

    def __init__(
        self,
        context: ModelContext,
        classes: int,
        config: ModelConfig,
        *,
        symbolic: bool,
        augmentation: nn.Module | None = None,
    ) -> None:
        super().__init__(context, classes, config, predict="every", symbolic=symbolic)
        self.predict = "every" if self.causal else "last"
        self.augmentation = augmentation
        self.head = nn.Linear(2 * self.backbone.output_size, classes)

    def forward(self, inputs: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """-> (logits[B, T or 1, C], state). `lengths[B]` where sequences are padded at their end."""
        if self.augmentation is not None:
            inputs = self.augmentation(inputs, lengths)
        x = self.features(inputs)
        before, total, steps = (None, None, None) if state is None else state
        y, after = self.backbone(x, before, lengths)
        size = y.shape[2]
        if not self.causal:
            count = y.new_full((len(y), 1), y.shape[1]) if lengths is None else lengths.to(y.device, y.dtype)[:, None]
            mean = y.sum(dim=1) / count  # padded steps are 0
            return self.head(torch.cat([self.backbone.last(y, lengths), mean], dim=1))[:, None], None
        # the output layer comes before the sum: C numbers a step are added up, and not D
        now = nn.functional.linear(y, self.head.weight[:, :size], self.head.bias)
        sums = nn.functional.linear(y, self.head.weight[:, size:]).cumsum(dim=1)
        counts = torch.arange(1, y.shape[1] + 1, device=y.device, dtype=y.dtype)[:, None]
        ended = y.new_full((len(y),), y.shape[1]) if lengths is None else lengths.to(y.device, y.dtype)
        if total is not None and steps is not None:
            sums, counts, ended = sums + total[:, None], counts + steps[:, None, None], ended + steps
        return now + sums / counts, (after, sums[:, -1], ended)

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step."""
        weight = self.head.weight
        zeros = weight.new_zeros(batch_size, self.head.out_features)
        return self.backbone.initial_state(batch_size), zeros, weight.new_zeros(batch_size)
