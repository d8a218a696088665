"""A causal Transformer with sliding-window attention and a key/value cache.

Vaswani et al. 2017, "Attention Is All You Need", as decoders are built today: layer normalization before each part
(Xiong et al. 2020), rotary position embeddings (Su et al. 2021), attention to the last steps only (Beltagy, Peters and
Cohan 2020):

    x <- x + W_o attention(norm(x))    x <- x + W_2 gelu(W_1 norm(x))
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, pad, scaled_dot_product_attention

from seqcore.errors import PredictionError
from seqcore.experiment.config import ModelConfig
from seqcore.models.architecture import Architecture, LayerRow, ModelContext, Probe, Traced, inside, layer_row, watched
from seqcore.models.equations import Cell, Equation, Given, affine, normalized
from seqcore.models.options import TransformerOptions
from seqcore.models.recurrent_function import under_vmap
from seqcore.models.state import State

__all__ = ["Transformer"]

_BASE = 10_000.0  # of the rotary frequencies
_FEWEST, _MOST = 64, 256  # queries of one part
_EXPANSION = 4  # hidden features of the feed-forward part for each of the model's
_EQUATIONS = (
    Equation("attended", "Attended values", "a_t", "", (("A_t", "V"),)),
    Equation("after_attention", "Input and attention", "r_t", "", (("x_t",), ("W_o", "a_t"), ("b_o",))),
    normalized("normalized", "Normalized", "n_t", "r_t", "γ", "β"),
    affine("widened", "Hidden features", "g", "GELU", (("W", "n_t"),)),
)
_NOTE = (
    "The attention weights are given here, because a weight belongs to a head and a step, not to a unit: the "
    "softmax of the products of the step's query with the keys of the steps, rotated by their distance and divided by "
    "the root of the head's size. Attention, under States and gates, shows all of them."
)
_RESIDUAL = (("r_t",), ("W_y", "g_t"), ("b_y",))


class Transformer(Architecture):
    """`num_layers` layers of attention and a feed-forward part, `hidden_size` features each, and a last normalization.

    A position is relative: each layer sees the last `attention_window` steps, at whatever step of a sequence, so that a
    sequence may be longer than the window and the cache keeps its size.

    State: (the keys and values of the last `attention_window - 1` steps for each layer [B, attention_window - 1, 2 E],
    how many of them there are [B]), E being all heads' features. Keys are kept without their rotation.
    """

    def __init__(self, context: ModelContext, config: ModelConfig) -> None:
        super().__init__()
        options = TransformerOptions(**config.options)
        self.output_size = size = config.hidden_size
        self.cached = (options.attention_window or context.window) - 1
        self.head_size = 2 * math.ceil(size / options.heads / 2)  # even: rotations turn pairs of features
        self.embed = nn.Linear(context.input_size, size)
        self.blocks = nn.ModuleList(
            _Block(size, options.heads, self.head_size, config.dropout, 1 / math.sqrt(2 * config.num_layers))
            for _ in range(config.num_layers)
        )
        self.norm = nn.LayerNorm(size)

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """See `Architecture`."""
        steps = x.shape[1]
        caches, count = (None,) * len(self.blocks), None
        if state is not None:
            caches, count = state
        parts = self._parts(x, count)
        x, kept = self.embed(x), []
        for block, cache in zip(self._blocks(), caches, strict=True):
            x, seen = block(x, cache, parts)
            kept.append(self._kept(seen, steps, lengths))
        y = self.norm(x)
        ended = torch.full((len(x),), steps, device=x.device) if lengths is None else lengths.to(x.device)
        if lengths is not None:
            y = y * inside(lengths, steps, y.device)[..., None]
        return y, (tuple(kept), (ended if count is None else ended + count).clamp(max=self.cached))

    def initial_state(self, batch_size: int) -> State:
        """An empty cache."""
        weight = self.norm.weight
        cache = (batch_size, self.cached, self._blocks()[0].attend.out_features * 2 // 3)
        count = torch.zeros(batch_size, dtype=torch.long, device=weight.device)
        return tuple(weight.new_zeros(cache) for _ in self.blocks), count

    def traced(self, x: Tensor, rows: int, state: State = None) -> Traced:
        """See `Architecture`: the outputs of the layers, the last without its normalization."""
        if state is not None:
            raise PredictionError("gradients: not available for a Transformer that continues from a cache")
        parts = self._parts(x, None)
        x, layers = self.embed(x), []
        for block in self._blocks():
            x = watched(block(x, None, parts)[0], rows)
            layers.append([x])
        titles = tuple(f"layer {i}" for i in range(1, 1 + len(layers)))
        return Traced(self.norm(x), None, {"hidden_state": layers}, titles)

    def layers(self) -> list[LayerRow]:
        """One row for the input, for each layer and for the last normalization."""
        shape = f"[B, T, {self.output_size}]"
        blocks = [layer_row(f"layer {i}", block, shape, "Transformer") for i, block in enumerate(self.blocks, 1)]
        return [layer_row("projection", self.embed, shape), *blocks, layer_row("normalization", self.norm, shape)]

    def probe(self, x: Tensor, state: State = None) -> Probe:
        """Outputs of the layers [B, T, num_layers, D], the last normalized, and attention [B, T, num_layers, heads, T].

        `attention[b, t, l, h, s]` is the weight of step s in the output of head h at step t. PredictionError for a
        state: what it holds are no steps of x.
        """
        return self._probed(x, state, attention=True)

    def probe_states(self, x: Tensor, state: State = None) -> Probe:
        """See `Architecture`."""
        return self._probed(x, state, attention=False)

    @torch.no_grad()
    def _probed(self, x: Tensor, state: State, *, attention: bool) -> Probe:
        if state is not None:
            raise PredictionError(
                "probe: a Transformer can only be probed from the start of a sequence, without a cache"
            )
        steps, parts = x.shape[1], self._parts(x, None)
        x, states, weights = self.embed(x), [], []
        for block in self._blocks():
            if attention:
                found = x.new_zeros(len(x), steps, block.heads, steps)
                queries, keys_values = block.projected(x, None)
                for part in parts:
                    found[:, part.queries, :, part.keys] = block.weights(queries, keys_values, part)
                weights.append(found)
            x, _ = block(x, None, parts)
            states.append(x)
        states[-1] = self.norm(x)
        shown = {"hidden_state": torch.stack(states, dim=2)}
        return {**shown, "attention": torch.stack(weights, dim=2)} if attention else shown

    @torch.no_grad()
    def cell_equations(self, x: Tensor, state: State = None) -> list[Cell]:
        """See `Architecture`. Given are the attention weights A_t of each unit's head, and the steps' values V."""
        caches, count = (None,) * len(self.blocks), None
        if state is not None:
            caches, count = state
        parts, found = self._parts(x, count), []
        x = self.embed(x)
        for i, (block, cache) in enumerate(zip(self._blocks(), caches, strict=True)):
            last = i == len(self.blocks) - 1
            name, title = ("layer_output", "Layer output") if last else ("hidden_state", "Output of the layer")
            equations: tuple[Equation, ...] = (*_EQUATIONS, Equation(name, title, "y_t", "", _RESIDUAL))
            if last:
                equations += (normalized("hidden_state", "Output, normalized", "h_t", "y_t", "γ_y", "β_y"),)
            weights = {**block.symbols(), "γ_y": self.norm.weight, "β_y": self.norm.bias}
            found.append(Cell(equations, weights, block.given(x, cache, parts), recurrent=False, note=_NOTE))
            x, _ = block(x, cache, parts)
        return found

    def reach(self) -> int:
        """Each layer attends to the last `attention_window` steps."""
        return 1 + len(self.blocks) * self.cached

    def _blocks(self) -> list[_Block]:
        return cast(list[_Block], list(self.blocks))

    def _parts(self, x: Tensor, count: Tensor | None) -> list[_Part]:
        """Queries in parts where their masks would get large, so that cost and memory are linear in T.

        Without a cache (`count` None) the keys are those of x[B, T, F]; otherwise `count[B]` of the cache come before.
        """
        steps, cached = x.shape[1], 0 if count is None else self.cached
        whole = count is None and steps <= self.cached + 1
        size = steps if whole else min(max(self.cached + 1, _FEWEST), _MOST)
        parts = []
        for first in range(0, steps, size):
            last = min(steps, first + size)
            low = max(0, cached + first - self.cached)  # the first key that the first query attends to
            queries = torch.arange(cached + first - low, cached + last - low, device=x.device)
            keys = torch.arange(cached + last - low, device=x.device)
            mask = None
            if not whole:
                apart = queries[:, None] - keys
                mask = (apart >= 0) & (apart <= self.cached)  # [queries, keys]
            if count is not None and mask is not None:
                mask = (mask & (keys >= (cached - low - count)[:, None, None]))[:, None]  # [B, 1, queries, keys]
            turns = _rotation(len(keys), self.head_size, x)
            parts.append(_Part(slice(first, last), slice(low, cached + last), turns, mask))
        return parts

    def _kept(self, seen: Tensor, steps: int, lengths: Tensor | None) -> Tensor:
        """Of the keys and values seen[B, cached + T or T, 2 E], those of each row's last steps, [B, cached, 2 E]."""
        missing = self.cached + steps - seen.shape[1]
        if lengths is None and seen.shape[1] >= self.cached:
            return seen[:, seen.shape[1] - self.cached :]
        seen = pad(seen, (0, 0, missing, 0))
        if lengths is None:
            return seen[:, steps:]
        places = lengths.to(seen.device)[:, None] + torch.arange(self.cached, device=seen.device)
        return seen.gather(1, places[..., None].expand(-1, -1, seen.shape[2]))


class _Part(NamedTuple):
    """Some steps and the keys that they attend to; without a mask, each query to the keys up to its own step."""

    queries: slice
    keys: slice
    turns: tuple[Tensor, Tensor]  # cosine and sine at the place of each key, [keys, 1, head_size / 2]; queries are last
    mask: Tensor | None  # bool [queries, keys] or [B, 1, queries, keys]


class _Block(nn.Module):
    """One layer: attention and a feed-forward part, each added to its input."""

    def __init__(self, size: int, heads: int, head_size: int, dropout: float, scale: float) -> None:
        super().__init__()
        self.heads, self.head_size = heads, head_size
        self.norm_attention, self.norm_feed = nn.LayerNorm(size), nn.LayerNorm(size)
        self.attend = nn.Linear(size, 3 * heads * head_size, bias=False)  # queries, keys and values
        self.merge = nn.Linear(heads * head_size, size)
        self.widen = nn.Linear(size, _EXPANSION * size)
        self.narrow = nn.Linear(_EXPANSION * size, size)
        self.dropout = nn.Dropout(dropout)
        with torch.no_grad():  # what is added to x starts small, the smaller the more layers (Radford et al. 2019)
            self.merge.weight *= scale
            self.narrow.weight *= scale

    def forward(self, x: Tensor, cache: Tensor | None, parts: list[_Part]) -> tuple[Tensor, Tensor]:
        """x[B, T, D], cache[B, cached, 2 E] -> (y[B, T, D], keys and values [B, cached + T, 2 E])."""
        queries, seen = self.projected(x, cache)
        found = [self._attended(queries, seen, part) for part in parts]
        x = x + self.dropout(self.merge(found[0] if len(found) == 1 else torch.cat(found, dim=1)))
        return x + self.dropout(self.narrow(gelu(self.widen(self.norm_feed(x))))), seen

    def projected(self, x: Tensor, cache: Tensor | None) -> tuple[Tensor, Tensor]:
        """Queries [B, T, E], and keys and values [B, cached + T, 2 E], without rotation."""
        size = self.heads * self.head_size
        queries, seen = self.attend(self.norm_attention(x)).split((size, 2 * size), dim=2)
        return queries, seen if cache is None else torch.cat([cache, seen], dim=1)

    def weights(self, queries: Tensor, seen: Tensor, part: _Part) -> Tensor:
        """The attention weights of a part, [B, queries, heads, keys]."""
        q, k, _ = self._heads(queries, seen, part)
        scores = q @ k.transpose(2, 3) / math.sqrt(self.head_size)
        mask = part.mask
        if mask is None:
            mask = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=q.device).tril()
        return scores.masked_fill(~mask, -torch.inf).softmax(dim=3).transpose(1, 2)

    def symbols(self) -> dict[str, Tensor]:
        """The weights by their symbols in the equations, but for those of queries, keys and values."""
        return {
            "W_o": self.merge.weight, "b_o": self.merge.bias, "γ": self.norm_feed.weight, "β": self.norm_feed.bias,
            "W_g": self.widen.weight, "b_g": self.widen.bias, "W_y": self.narrow.weight, "b_y": self.narrow.bias,
        }  # fmt: skip

    def given(self, x: Tensor, cache: Tensor | None, parts: list[_Part]) -> Callable[[int], tuple[Given, ...]]:
        """What the equations of a step start from, for x[1, T, D]: A_t and V are [E, steps that are attended to]."""
        queries, seen = self.projected(x, cache)

        def given(step: int) -> tuple[Given, ...]:
            part = next(p for p in parts if p.queries.start <= step < p.queries.stop)
            weights = self.weights(queries, seen, part)[0, step - part.queries.start]  # [heads, keys]
            values = self._heads(queries, seen, part)[2][0]  # [heads, keys, head_size]
            return (
                Given("x", "Input", "x_t", x[0, step]),
                Given("attention", "Attention weights", "A_t", weights.repeat_interleave(self.head_size, dim=0)),
                Given("values", "Values of the steps", "V", values.transpose(1, 2).flatten(0, 1)),
            )

        return given

    def _attended(self, queries: Tensor, seen: Tensor, part: _Part) -> Tensor:
        """What all heads found, [B, queries, E]."""
        return _attention(*self._heads(queries, seen, part), part.mask).transpose(1, 2).flatten(2)

    def _heads(self, queries: Tensor, seen: Tensor, part: _Part) -> tuple[Tensor, Tensor, Tensor]:
        """Queries and keys of a part, rotated, and values: [B, heads, steps, head_size] each."""
        q = queries[:, part.queries].reshape(len(queries), -1, self.heads, self.head_size)
        k, v = seen[:, part.keys].reshape(len(seen), -1, 2, self.heads, self.head_size).unbind(2)
        cosine, sine = part.turns
        first = len(cosine) - q.shape[1]
        q, k = _rotated(q, cosine[first:], sine[first:]), _rotated(k, cosine, sine)
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)


def _rotation(places: int, head_size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the angles at places 0, 1, ..., [places, 1, head_size / 2] each, one frequency a pair."""
    pairs = torch.arange(0, head_size, 2, device=like.device, dtype=like.dtype)
    angles = torch.arange(places, device=like.device, dtype=like.dtype)[:, None, None] * _BASE ** (-pairs / head_size)
    return angles.cos(), angles.sin()


def _rotated(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """x[B, steps, heads, head_size] with its pairs of features (i, i + head_size / 2) turned."""
    a, b = x.chunk(2, dim=3)
    return torch.cat([a * cosine - b * sine, b * cosine + a * sine], dim=3)


def _attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """torch's fused attention of [B, heads, steps, head_size]; without a mask, to the keys up to the own step."""
    if under_vmap():
        return cast(Tensor, _Replicas.apply(q, k, v, mask))  # type: ignore[no-untyped-call]
    return scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)


class _Replicas(torch.autograd.Function):
    """Attention under `torch.func.vmap`: replicas join the batch. torch has no rule for its fused kernel on a CPU."""

    @staticmethod
    def forward(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """Where nothing is batched."""
        return scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)

    @staticmethod
    def setup_context(ctx: object, inputs: object, output: object) -> None:
        """Nothing to keep: gradients are taken outside of `vmap`."""

    @staticmethod
    def vmap(info: object, in_dims: tuple[int | None, ...], *given: Tensor | None) -> tuple[Tensor, int]:
        """All tensors with a leading axis K, which is folded into the batch and back."""
        count = cast(int, info.batch_size)  # type: ignore[attr-defined]
        *parts, mask = (
            None if part is None else _leading(part, dim, count) for part, dim in zip(given, in_dims, strict=True)
        )
        q, k, v = (cast(Tensor, part).flatten(0, 1) for part in parts)
        if mask is not None:  # [K, queries, keys] or [K, B, 1, queries, keys]
            mask = mask[0] if mask.dim() == 3 else mask.flatten(0, 1)
        y = scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        return y.reshape(count, -1, *y.shape[1:]), 0


def _leading(part: Tensor, dim: int | None, count: int) -> Tensor:
    return part.expand(count, *part.shape) if dim is None else part.movedim(dim, 0)
