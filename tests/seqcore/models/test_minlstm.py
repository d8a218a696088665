"""minLSTM against the equations of its paper, written naively."""

from __future__ import annotations

import torch

from seqcore.experiment.config import ModelConfig
from seqcore.models.architecture import ModelContext
from seqcore.models.minlstm import MinLSTM


def test_it_computes_the_equations_of_the_paper_over_long_sequences_too() -> None:
    torch.manual_seed(0)
    config = ModelConfig(architecture="minlstm", hidden_size=5)
    net = MinLSTM(ModelContext(3, 300), config).double().eval()
    x = torch.randn(2, 300, 3, dtype=torch.float64) * 3
    forget, entering, candidate = net.projections[0](x).chunk(3, dim=2)
    f, i = torch.sigmoid(forget), torch.sigmoid(entering)
    c = torch.where(candidate >= 0, candidate + 0.5, torch.sigmoid(candidate))
    h, expected = torch.full((2, 5), 0.5, dtype=torch.float64), []
    for t in range(300):
        total = f[:, t] + i[:, t]
        h = f[:, t] / total * h + i[:, t] / total * c[:, t]
        expected.append(h)
    assert torch.allclose(net(x)[0], torch.stack(expected, dim=1), atol=1e-12, rtol=1e-10)
    single = MinLSTM(ModelContext(3, 300), config).eval()
    single.load_state_dict(net.state_dict())
    assert torch.allclose(single(x.float())[0], torch.stack(expected, dim=1).float(), atol=1e-5, rtol=1e-5)


def test_gates_that_are_both_closed_still_add_up_to_one() -> None:
    net = MinLSTM(ModelContext(1, 3), ModelConfig(architecture="minlstm", hidden_size=1))
    kept, added, gates = net.gates(torch.tensor([[[-1000.0, -1000.0, 0.5], [-1000.0, -998.0, 0.5]]]))
    assert torch.equal(gates["forget_gate"] + gates["input_gate"], torch.ones(1, 2, 1))
    assert float(kept[0, 0]) == 0.5
    assert torch.allclose(kept[0, 1], torch.sigmoid(torch.tensor([-2.0])))
    assert torch.allclose(added, gates["input_gate"] * 1.0)
