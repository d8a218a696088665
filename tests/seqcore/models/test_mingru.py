"""minGRU against the equations of its paper, written naively."""

from __future__ import annotations

import torch

from seqcore.experiment.config import ModelConfig
from seqcore.models.architecture import ModelContext
from seqcore.models.mingru import MinGRU


def test_it_computes_the_equations_of_the_paper_over_long_sequences_too() -> None:
    torch.manual_seed(0)
    net = MinGRU(ModelContext(3, 300), ModelConfig(architecture="mingru", hidden_size=5)).double().eval()
    x = torch.randn(2, 300, 3, dtype=torch.float64) * 3
    gate, candidate = net.projections[0](x).chunk(2, dim=2)
    z = torch.sigmoid(gate)
    c = torch.where(candidate >= 0, candidate + 0.5, torch.sigmoid(candidate))
    h, expected = torch.full((2, 5), 0.5, dtype=torch.float64), []
    for t in range(300):
        h = (1 - z[:, t]) * h + z[:, t] * c[:, t]
        expected.append(h)
    assert torch.allclose(net(x)[0], torch.stack(expected, dim=1), atol=1e-12, rtol=1e-10)
    single = MinGRU(ModelContext(3, 300), ModelConfig(architecture="mingru", hidden_size=5)).eval()
    single.load_state_dict(net.state_dict())
    assert torch.allclose(single(x.float())[0], torch.stack(expected, dim=1).float(), atol=1e-5, rtol=1e-5)
