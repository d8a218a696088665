"""The registry of architectures. A new one is a file in this folder and a line in `MODELS`.

The help says in two sentences what an architecture is, with its source, and when to take it.
`traits["capabilities"]` says what an architecture supports; `traits["gates"]` is half the number of D by D matrices of
a layer, for estimates of memory. `options` names the section of an architecture's own fields. It may lie in the
architecture's file; those of this package lie apart from torch, since the first page of a new server asks for them and
does not wait for torch.
"""

from __future__ import annotations

from dataclasses import replace

from seqcore.models.capabilities import Capabilities
from seqcore.registry import Entry

__all__ = ["MODELS", "capabilities_of"]

_RECURRENT = Capabilities(
    bidirectional=True, stateful=True, recurrent_dropout=True, state_transfer=True, probes=("hidden_state",)
)
_GATES = ("input_gate", "forget_gate", "output_gate")

MODELS: dict[str, Entry] = {
    "rnn": Entry(
        "RNN",
        "Elman network: one hidden state, without gates (Elman 1990). Use it for short sequences, and to see what "
        "gates add: it forgets what lies more than about ten steps back.",
        "seqcore.models.recurrent:RNN",
        {"gates": 1, "capabilities": _RECURRENT},
        options="seqcore.models.options:RNNOptions",
    ),
    "lstm": Entry(
        "LSTM",
        "Long short-term memory: a cell state with input, forget and output gates (Hochreiter and Schmidhuber 1997). "
        "Use it first if nothing is known about the data: it does well on most tasks.",
        "seqcore.models.recurrent:LSTM",
        {"gates": 4, "capabilities": replace(_RECURRENT, probes=("hidden_state", "cell_state", "candidate", *_GATES))},
        options="seqcore.models.options:LSTMOptions",
    ),
    "gru": Entry(
        "GRU",
        "Gated recurrent unit: a hidden state with reset and update gates (Cho et al. 2014). Use it instead of an "
        "LSTM on small data sets: it has a quarter fewer parameters.",
        "seqcore.models.recurrent:GRU",
        {
            "gates": 3,
            "capabilities": replace(_RECURRENT, probes=("hidden_state", "reset_gate", "update_gate", "candidate")),
        },
    ),
    "mingru": Entry(
        "minGRU",
        "GRU whose gates depend on the input alone, so that all steps are computed at once (Feng et al. 2024). Use it "
        "with three layers to select single items from long sequences.",
        "seqcore.models.mingru:MinGRU",
        {
            "gates": 1,
            "capabilities": Capabilities(
                stateful=True, state_transfer=True, probes=("hidden_state", "update_gate", "candidate")
            ),
        },
    ),
    "minlstm": Entry(
        "minLSTM",
        "LSTM whose forget and input gates depend on the input alone and add up to 1 (Feng et al. 2024). Use it with "
        "three layers, like minGRU, where an LSTM learns too slowly.",
        "seqcore.models.minlstm:MinLSTM",
        {
            "gates": 2,
            "capabilities": Capabilities(
                stateful=True, state_transfer=True, probes=("hidden_state", "forget_gate", "input_gate", "candidate")
            ),
        },
    ),
    "lru": Entry(
        "LRU",
        "Linear recurrent unit: complex linear recurrences, with nonlinear layers between them (Orvieto et al. 2023). "
        "Use it with radii near 1 to remember items over a hundred steps and more.",
        "seqcore.models.lru:LRU",
        {
            "gates": 3,
            "capabilities": Capabilities(
                stateful=True,
                state_transfer=True,
                probes=("hidden_state", "state_magnitude", "state_real", "state_imaginary", "eigenvalue_magnitude"),
            ),
        },
        options="seqcore.models.lru_options:LRUOptions",
    ),
    "tcn": Entry(
        "TCN",
        "Temporal convolutional network: causal dilated convolutions, no recurrence (Bai et al. 2018). Use it if "
        "the output depends on a known number of recent steps only.",
        "seqcore.models.tcn:TCN",
        {"gates": 3, "capabilities": Capabilities(stateful=True, probes=("hidden_state",))},
        options="seqcore.models.options:TCNOptions",
    ),
    "nlinear": Entry(
        "NLinear",
        "Linear model of the window relative to its last value (Zeng et al. 2023). Use it as a first forecast "
        "that any larger model has to beat.",
        "seqcore.models.nlinear:NLinear",
        {"capabilities": Capabilities(packed=False, fixed_window=True)},
        options="seqcore.models.options:NLinearOptions",
    ),
    "slstm": Entry(
        "sLSTM",
        "LSTM with exponential gates, a normalizer, and recurrent weights in heads (xLSTM, Beck et al. 2024). Use it "
        "where a state must be updated exactly at every step, such as a count or a position.",
        "seqcore.models.slstm:SLSTM",
        {
            "gates": 4,
            "capabilities": Capabilities(
                stateful=True,
                recurrent_dropout=True,
                state_transfer=True,
                probes=(
                    *("hidden_state", "cell_state", "candidate", "update_gate", "output_gate"),
                    *("input_log", "forget_log", "normalizer_log"),
                ),
            ),
        },
        options="seqcore.models.options:SLSTMOptions",
    ),
    "transformer": Entry(
        "Transformer",
        "Causal Transformer: each step attends to the last steps directly, over a cache of keys and values (Vaswani et "
        "al. 2017). Use it where single earlier steps must be found and copied, with enough data.",
        "seqcore.models.transformer:Transformer",
        {"gates": 6, "capabilities": Capabilities(stateful=True, probes=("hidden_state", "attention"))},
        options="seqcore.models.options:TransformerOptions",
    ),
}


def capabilities_of(architecture: str) -> Capabilities:
    """What the architecture of this name supports."""
    capabilities: Capabilities = MODELS[architecture].traits["capabilities"]
    return capabilities
