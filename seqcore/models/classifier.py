"""A backbone whose answer at each step is a class: from the state, and from the mean of all states so far."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqcore.experiment.config import ModelConfig
from seqcore.models.recurrent import State
from seqcore.models.sequence_model import SequenceModel

__all__ = ["SequenceClassifier", "WordDropout"]


class WordDropout(nn.Module):
    """Codes [B, T] of which some become 0, the unknown symbol, while training: so a model learns to do without a word.

    Word dropout, Iyyer et al. 2015. From torch's global random state.
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
    """Input [B, T, F] (or symbols [B, T]) -> backbone -> a score for each of C classes at each step, [B, T, C].

    The head sees the state y_t and the mean of y_1 to y_t side by side: what was seen early, or often, needn't be held
    in the state. A model that reads in both directions has no answer before the end: there it is one, [B, 1, C], from
    both last states and the mean of all. `varied` is what changes inputs at random while the model trains.
    """

    def __init__(
        self, input_size: int, classes: int, config: ModelConfig, *, symbolic: bool, varied: nn.Module | None = None
    ) -> None:
        predict = "last" if config.bidirectional else "every"
        super().__init__(input_size, classes, config, predict=predict, symbolic=symbolic)
        self.varied = varied
        self.head = nn.Linear(2 * self.backbone.output_size, classes)

    def forward(self, inputs: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """-> (scores[B, T or 1, C], state). `lengths[B]` where sequences are padded at their end."""
        if self.varied is not None:
            inputs = self.varied(inputs, lengths)
        x = inputs if self.embedding is None else self.embedding(inputs)
        y, state = self.backbone(x, state, lengths)
        size = y.shape[2]
        if self.bidirectional:
            steps = y.new_full((len(y), 1), y.shape[1]) if lengths is None else lengths.to(y.device, y.dtype)[:, None]
            mean = y.sum(dim=1) / steps  # what is padded is 0
            return self.head(torch.cat([self._last(y, lengths), mean], dim=1))[:, None], state
        # the head comes before the sum: C numbers a step are added up, and not D
        now = nn.functional.linear(y, self.head.weight[:, :size], self.head.bias)
        past = nn.functional.linear(y, self.head.weight[:, size:]).cumsum(dim=1)
        return now + past / torch.arange(1, y.shape[1] + 1, device=y.device, dtype=y.dtype)[:, None], state
