"""sLSTM: an LSTM with exponential gates, a normalizer, and recurrent weights within heads only.

Beck et al. 2024, "xLSTM: Extended Long Short-Term Memory". For each unit, from pre-activations W x_t + R h_{t-1} + b:

    z_t = tanh(z~)   i_t = exp(i~)   f_t = sigmoid(f~) or exp(f~)   o_t = sigmoid(o~)
    c_t = f_t c_{t-1} + i_t z_t      n_t = f_t n_{t-1} + i_t        h_t = o_t c_t / n_t

The paper divides c and n by exp(m) so that they don't overflow. Only their quotient enters h, so it and log n are kept
here, which needs no such m: with s_t = i_t / n_t, the share of the new value,

    c_t / n_t = (1 - s_t) c_{t-1} / n_{t-1} + s_t z_t,   s_t = sigmoid(i~ - log f_t - log n_{t-1})
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import logsigmoid

from seqcore.experiment.config import ModelConfig
from seqcore.models.architecture import (
    Architecture,
    LayerRow,
    ModelContext,
    Probe,
    Traced,
    inside,
    last_step,
    layer_row,
    watched,
)
from seqcore.models.dropout import RecurrentDropout
from seqcore.models.equations import Cell, Equation, affine, given_steps
from seqcore.models.options import SLSTMOptions
from seqcore.models.state import State

__all__ = ["SLSTM"]

_HEADS = 4
_BOTH = (("W", "x_t"), ("R", "h_{t-1}"))  # what a gate is computed from
_BEFORE = (
    ("hidden_state_before", "Previous hidden state", "h_{t-1}"),
    ("cell_state_before", "Previous cell state", "c_{t-1}"),
    ("normalizer_log_before", "Previous log normalizer", "m_{t-1}"),
)


def _equations(*, exponential: bool) -> tuple[Equation, ...]:
    """The equations of a layer with c for the quotient c / n and m for log n; gates i and f by their logarithms."""
    return (
        affine("candidate", "Candidate", "z", "tanh", _BOTH),
        affine("input_log", "Log of the input gate", "i", "", _BOTH),
        affine("forget_log", "Log of the forget gate", "f", "" if exponential else "log σ", _BOTH),
        affine("output_gate", "Output gate", "o", "σ", _BOTH),
        Equation("kept_log", "Log ratio of old to new", "a_t", "", (("f_t",), ("m_{t-1}",), ("−i_t",))),
        Equation("update_gate", "Share of the new value", "s_t", "σ", (("−a_t",),)),
        Equation("cell_state", "Cell state", "c_t", "", (("1 − s_t", "c_{t-1}"), ("s_t", "z_t"))),
        Equation("normalizer_log", "Log normalizer", "m_t", "", (("i_t",), ("softplus(a_t)",))),
        Equation("hidden_state", "Hidden state", "h_t", "", (("o_t", "c_t"),)),
    )


class SLSTM(Architecture):
    """Stacked sLSTM layers with dropout between them, without the residual blocks that the paper builds around them.

    State: (h, c / n, log n), [B, num_layers, D] each.
    """

    def __init__(self, context: ModelContext, config: ModelConfig) -> None:
        super().__init__()
        options = SLSTMOptions(**config.options)
        self.output_size = size = config.hidden_size
        heads = options.heads or next(n for n in range(_HEADS, 0, -1) if size % n == 0)
        inputs = [context.input_size] + [size] * (config.num_layers - 1)
        self.cells = nn.ModuleList(
            _Layer(features, size, heads, options, config.recurrent_dropout) for features in inputs
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """See `Architecture`."""
        before = self.initial_state(len(x)) if state is None else state
        found = x.permute(1, 2, 0)  # [T, F, B]: all units of a step lie together, the batch last
        last: list[list[Tensor]] = []
        for layer, cell in enumerate(self.cells):
            after = cell(found if layer == 0 else self.dropout(found), *(part[:, layer].T for part in before))
            last.append([last_step(part.permute(2, 0, 1), lengths) for part in after])
            found = after[0]
        y = found.permute(2, 0, 1)
        if lengths is not None:
            y = y * inside(lengths, y.shape[1], y.device)[..., None]
        return y, tuple(torch.stack(parts, dim=1) for parts in zip(*last, strict=True))

    def initial_state(self, batch_size: int) -> State:
        """Zeros for h and c; n is 0 too, so its logarithm minus infinity. [B, num_layers, D] each."""
        zeros = next(self.parameters()).new_zeros(batch_size, len(self.cells), self.output_size)
        return zeros, zeros.clone(), torch.full_like(zeros, -torch.inf)

    def traced(self, x: Tensor, rows: int, state: State = None) -> Traced:
        """See `Architecture`, step by step. `cell_state` is c / n, at a fixed normalizer n."""
        before = self.initial_state(rows) if state is None else state
        x = x.expand(rows, -1, -1)
        hidden, cells, ends = [], [], []
        for layer, cell in enumerate(cast(list[_Layer], list(self.cells))):
            h, c, log_n = (part[:, layer].T for part in before)
            hidden.append(list[Tensor]())
            cells.append(list[Tensor]())
            for x_t in x.permute(1, 2, 0).unbind(0):  # [F, R]
                out = cell.run(x_t[None], h, c, log_n)
                output_gate = out.gates[0, 0, :, 3].flatten(0, 1)
                shift = watched(x.new_zeros(rows, self.output_size), rows)  # of c, which h = o c depends on, too
                hidden[-1].append((out.h[0, 0] + output_gate * shift.T).T)
                cells[-1].append(shift)
                h, c, log_n = hidden[-1][-1].T, out.c[0, 0] + shift.T, out.log_n[0, 0]
            ends.append((h.T, c.T, log_n.T))
            x = torch.stack(hidden[-1], dim=1)
        final = tuple(torch.stack(parts, dim=1) for parts in zip(*ends, strict=True))
        titles = tuple(f"layer {i}" for i in range(1, 1 + len(hidden)))
        return Traced(x, final, {"hidden_state": hidden, "cell_state": cells}, titles)

    def layers(self) -> list[LayerRow]:
        """One row for each layer."""
        shape = f"[B, T, {self.output_size}]"
        return [layer_row(f"layer {i}", cell, shape, "sLSTM") for i, cell in enumerate(self.cells, 1)]

    @torch.no_grad()
    def probe(self, x: Tensor, state: State = None) -> Probe:
        """States and gates [B, T, num_layers, D]: `cell_state` is c / n, `update_gate` its share of the new value.

        The exponential gates and the normalizer have no bound, so that their logarithms are given.
        """
        before = self.initial_state(len(x)) if state is None else state
        found, layers = x.permute(1, 2, 0), []
        for layer, cell in enumerate(cast(list[_Layer], list(self.cells))):
            h, c, log_n = (part[:, layer].T for part in before)
            out = cell.run(found, h, c, log_n)
            z, share, f, o = (part.flatten(1, 2) for part in out.gates[:, 0].unbind(2))  # [T, D, B]
            log_i = cell.log_input(found, torch.cat([h[None], out.h[:-1, 0]]))
            log_f = f if cell.exponential else logsigmoid(f)
            parts = (out.h[:, 0], out.c[:, 0], z, share, o, log_i, log_f, out.log_n[:, 0])
            layers.append([part.permute(2, 0, 1) for part in parts])
            found = out.h[:, 0]
        values = (torch.stack(parts, dim=2) for parts in zip(*layers, strict=True))
        return dict(zip(self.capabilities.probes, values, strict=True))

    def spectra(self) -> dict[str, Tensor]:
        """Eigenvalues of each layer's recurrent weights, those of all heads together, one set for each gate."""
        found = {}
        for layer, cell in enumerate(cast(list[_Layer], list(self.cells)), 1):
            for i, gate in enumerate(("candidate", "input gate", "forget gate", "output gate")):
                blocks = _by_gate(cell.weight_hh.detach().double())[:, i]  # [heads, D / heads, D / heads]
                found[f"layer {layer}: {gate}"] = torch.linalg.eigvals(blocks).flatten()
        return found

    def bounds(self) -> dict[str, tuple[float, float]]:
        """Those of the gates between 0 and 1, and of the candidate's tanh."""
        return {**super().bounds(), "candidate": (-1.0, 1.0)}

    @torch.no_grad()
    def cell_equations(self, x: Tensor, state: State = None) -> list[Cell]:
        """See `Architecture`."""
        initial = self.initial_state(1) if state is None else state
        below, found = x.permute(1, 2, 0), []  # [T, F, 1]
        for layer, cell in enumerate(cast(list[_Layer], list(self.cells))):
            first = [part[:, layer].T for part in initial]
            after = cell(below, *first)
            before = {n: (v[..., 0], i[..., 0]) for n, v, i in zip(_BEFORE, after, first, strict=True)}
            equations = _equations(exponential=cell.exponential)
            found.append(Cell(equations, cell.weights(), given_steps(below[..., 0], before)))
            below = after[0]
        return found


class _Layer(nn.Module):
    """One layer. Rows of weights: head by head, in each the gates z, i, f, o."""

    def __init__(self, features: int, size: int, heads: int, options: SLSTMOptions, dropout: float) -> None:
        super().__init__()
        each, bound = size // heads, 1 / math.sqrt(size)
        self.exponential = options.forget_gate == "exponential"
        self.weight_ih = nn.Parameter(torch.empty(4 * size, features).uniform_(-bound, bound))
        self.weight_hh = nn.Parameter(torch.empty(heads, 4 * each, each).uniform_(-bound, bound))
        bias = torch.zeros(heads, 4, each)
        bias[:, 2] = options.forget_bias
        self.bias = nn.Parameter(bias.flatten())
        self.recurrent_dropout = RecurrentDropout(dropout)

    def forward(self, x: Tensor, h: Tensor, c: Tensor, log_n: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x[T, F, B] and the state before, [D, B] each -> h, c / n, log n at all steps, [T, D, B] each."""
        out = self.run(x, h, c, log_n)
        return out.h[:, 0], out.c[:, 0], out.log_n[:, 0]

    def weights(self) -> dict[str, Tensor]:
        """The weights by their symbols in the equations; recurrent ones are [heads, D / heads, D / heads]."""
        heads, _, each = self.weight_hh.shape
        parts = {
            "W": self.weight_ih.view(heads, 4, each, -1).transpose(0, 1).flatten(1, 2),
            "R": self.weight_hh.view(heads, 4, each, each).transpose(0, 1),
            "b": self.bias.view(heads, 4, each).transpose(0, 1).flatten(1, 2),
        }
        return {f"{kind}_{gate}": part[k] for kind, part in parts.items() for k, gate in enumerate("zifo")}

    def log_input(self, x: Tensor, h: Tensor) -> Tensor:
        """The logarithm of the input gate from x[T, F, B] and the states h[T, D, B] before each step, [T, D, B]."""
        heads, _, each = self.weight_hh.shape
        w, r = self.weight_ih.view(heads, 4, each, -1)[:, 1].flatten(0, 1), _by_gate(self.weight_hh)[:, 1]
        from_state = torch.einsum("hij,thjb->thib", r, h.reshape(len(h), heads, each, -1)).flatten(1, 2)
        return w @ x + from_state + self.bias.view(heads, 4, each)[:, 1].reshape(-1, 1)

    def run(self, x: Tensor, h: Tensor, c: Tensor, log_n: Tensor) -> _Outputs:
        """The same with all that the backward pass needs, for one replica."""
        recurrent = self.recurrent_dropout(self.weight_hh)
        with torch.autocast(x.device.type, enabled=False):  # the logarithms need float32
            given = (x[:, None].to(self.bias.dtype), self.weight_ih[None], self.bias[None], recurrent[None])
            return _Outputs(*_Recurrence.apply(*given, h[None], c[None], log_n[None], self.exponential))  # type: ignore[no-untyped-call]


def _by_gate(weight_hh: Tensor) -> Tensor:
    """[heads, 4 D / heads, D / heads] -> [heads, 4, D / heads, D / heads]."""
    heads, rows, each = weight_hh.shape
    return weight_hh.view(heads, 4, rows // 4, each)


class _Outputs(NamedTuple):
    """What a layer computes for K replicas of it."""

    h: Tensor  # [T, K, D, B]
    c: Tensor  # c / n
    log_n: Tensor
    gates: Tensor  # [T, K, heads, 4, D / heads, B]: z, the share s, f~ and o
    inputs: Tensor  # [K, F, T * B]


class _Recurrence(torch.autograd.Function):
    """All steps of one layer for K replicas of it, with a backward pass of its own.

    Products that don't depend on the step before are made for all steps at once, those of gradients too. Replicas are
    further heads. `vmap` joins its batch to K.
    """

    @staticmethod
    def forward(
        x: Tensor,
        weight_ih: Tensor,
        bias: Tensor,
        weight_hh: Tensor,
        h0: Tensor,
        c0: Tensor,
        log_n0: Tensor,
        exponential: bool,
    ) -> _Outputs:
        """x[T, K, F, B], weights [K, 4 D, F], [K, 4 D], [K, heads, 4 D / heads, D / heads], states [K, D, B]."""
        (steps, count, features, batch), (_, heads, rows, each) = x.shape, weight_hh.shape
        inputs = x.permute(1, 2, 0, 3).reshape(count, features, steps * batch)
        products = torch.baddbmm(bias[..., None], weight_ih, inputs).view(count, heads * rows, steps, batch)
        gates = products.permute(2, 0, 1, 3).contiguous().view(steps, count * heads, 4, each, batch)
        h, c, log_n = (x.new_empty(steps, count * heads, each, batch) for _ in range(3))
        weights = weight_hh.reshape(count * heads, rows, each)
        state = [part.reshape(count * heads, each, batch) for part in (h0, c0, log_n0)]
        parts = [gates.flatten(2, 3), *gates.unbind(2), h, c, log_n]
        for every, z, i, f, o, h_t, c_t, log_n_t in zip(*(part.unbind(0) for part in parts), strict=True):
            every.baddbmm_(weights, state[0])
            z.tanh_()
            o.sigmoid_()
            kept = (f if exponential else logsigmoid(f)) + state[2]  # log(f_t n_{t-1})
            torch.logaddexp(kept, i, out=log_n_t)
            torch.sub(i, kept, out=i).sigmoid_()
            torch.lerp(state[1], z, i, out=c_t)
            torch.mul(o, c_t, out=h_t)
            state = [h_t, c_t, log_n_t]
        shape = (steps, count, heads * each, batch)
        gates = gates.view(steps, count, heads, 4, each, batch)
        return _Outputs(h.view(shape), c.view(shape), log_n.view(shape), gates, inputs)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: _Outputs) -> None:
        """Keep the gates, states and weights."""
        _, weight_ih, _, weight_hh, h0, c0, _, ctx.exponential = inputs
        ctx.mark_non_differentiable(output[3], output[4])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(weight_ih, weight_hh, h0, c0, *output[:2], *output[3:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *given: Tensor | None) -> tuple[Tensor | None, ...]:
        """From gradients of h, c / n and log n at all steps, or None."""
        weight_ih, weight_hh, h0, c0, h, c, gates, inputs = ctx.saved_tensors
        steps, count, heads, _, each, batch = gates.shape
        blocks = (steps, count * heads, each, batch)
        z, share, f, o = gates.view(steps, count * heads, 4, each, batch).unbind(2)
        kept, cells = 1 - share, c.view(blocks)
        before = torch.cat([c0.reshape(1, *blocks[1:]), cells[:-1]])
        factors = [  # of the gradients, for all steps at once
            o,
            cells * o * (1 - o),
            share * (1 - z * z),
            kept,
            (before - z) * share * kept,
            torch.ones_like(f) if ctx.exponential else torch.sigmoid(-f),
        ]
        found = torch.empty_like(gates)  # gradients of the pre-activations
        parts = [found.view(steps, count * heads, 4 * each, batch), *found.view(steps, -1, 4, each, batch).unbind(2)]
        weights = weight_hh.reshape(count * heads, 4 * each, each).transpose(1, 2)
        g_h, g_c, g_n = (None if part is None else part.reshape(blocks) for part in given[:3])
        later: Tensor | None = None  # gradients of the pre-activations one step later
        dc, dn = torch.zeros_like(cells[0]), torch.zeros_like(cells[0])
        for t in reversed(range(steps)):
            every, d_z, d_i, d_f, d_o = (part[t] for part in parts)
            o_t, by_o, by_z, kept_t, by_share, by_f = (part[t] for part in factors)
            if later is None:
                dh = torch.zeros_like(dc) if g_h is None else g_h[t]
            else:
                dh = torch.bmm(weights, later) if g_h is None else torch.baddbmm(g_h[t], weights, later)
            if g_c is not None:
                dc += g_c[t]
            if g_n is not None:
                dn += g_n[t]
            dc.addcmul_(dh, o_t)
            torch.mul(dh, by_o, out=d_o)
            torch.mul(dc, by_z, out=d_z)
            earlier = (dn * kept_t).addcmul_(dc, by_share)  # of log n_{t-1}, and of log f_t
            torch.sub(dn, earlier, out=d_i)
            torch.mul(earlier, by_f, out=d_f)
            dc.mul_(kept_t)
            dn, later = earlier, every
        assert later is not None
        flat = found.view(steps, count, -1, batch).permute(1, 2, 0, 3).reshape(count, -1, steps * batch)
        states = torch.cat([h0[None], h[:-1]]).permute(1, 2, 0, 3).reshape(count * heads, each, -1)
        dx = None
        if ctx.needs_input_grad[0]:
            dx = (weight_ih.transpose(1, 2) @ flat).view(count, -1, steps, batch).permute(2, 0, 1, 3)
        d_recurrent = flat.view(count * heads, 4 * each, -1) @ states.transpose(1, 2)
        return (
            dx,
            flat @ inputs.transpose(1, 2),
            flat.sum(dim=2),
            d_recurrent.view(weight_hh.shape),
            torch.bmm(weights, later).view(h0.shape),
            dc.view(h0.shape),
            dn.view(h0.shape),
            None,
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *given: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        """The axis of `vmap` becomes part of K."""
        count = info.batch_size
        axes = (1, 0, 0, 0, 0, 0, 0)  # of K in each tensor
        folded = []
        for part, dim, axis in zip(given, in_dims, axes, strict=False):
            moved = part.unsqueeze(axis).expand(*part.shape[:axis], count, *part.shape[axis:])
            if dim is not None:
                moved = part.movedim(dim, axis)
            folded.append(moved.flatten(axis, axis + 1))
        outputs = _Recurrence.apply(*folded, given[7])  # type: ignore[no-untyped-call]
        dims = (1, 1, 1, 1, 0)
        parts = (part.unflatten(dim, (count, -1)) for part, dim in zip(outputs, dims, strict=True))
        return tuple(parts), dims
