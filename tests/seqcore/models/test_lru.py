"""The LRU against the equations of its paper, written naively with complex numbers."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import gelu

from seqcore.errors import ExperimentError
from seqcore.events import Finished
from seqcore.experiment.config import ModelConfig
from seqcore.experiment.experiment import Experiment
from seqcore.models.architecture import ModelContext
from seqcore.models.lru import LRU
from seqcore.training.fit import fit


def build(num_layers: int = 1, hidden_size: int = 6, input_size: int = 3, **options: float) -> LRU:
    torch.manual_seed(0)
    config = ModelConfig(architecture="lru", hidden_size=hidden_size, num_layers=num_layers, options=options)
    return LRU(ModelContext(input_size, 300), config).eval()


def block_of_the_paper(p: dict[str, Tensor], x: Tensor) -> Tensor:
    """x[B, T, D] -> [B, T, D], one step after another, all matrices complex."""
    lam = torch.exp(-torch.exp(p["nu_log"]) + 1j * torch.exp(p["theta_log"]))
    gamma = torch.exp(p["gamma_log"])
    matrix_b = p["input"][0::2] + 1j * p["input"][1::2]
    matrix_c = p["output"][:, 0::2] - 1j * p["output"][:, 1::2]
    mean, variance = x.mean(dim=-1, keepdim=True), x.var(dim=-1, keepdim=True, unbiased=False)
    u = (x - mean) / torch.sqrt(variance + 1e-5) * p["norm.weight"] + p["norm.bias"]
    state, outputs = torch.zeros(len(x), len(lam), dtype=lam.dtype), []
    for t in range(x.shape[1]):
        state = lam * state + gamma * (u[:, t].to(lam.dtype) @ matrix_b.T)
        outputs.append((state @ matrix_c.T).real + p["skip"] * u[:, t])
    mixed = gelu(torch.stack(outputs, dim=1)) @ p["mix.weight"].T + p["mix.bias"]
    value, gate = mixed.chunk(2, dim=2)
    return x + value * torch.sigmoid(gate)


@pytest.mark.parametrize("states", [4, 6])
def test_it_computes_the_equations_of_the_paper(states: int) -> None:
    net = build(num_layers=2, state_size=states, max_radius=0.9999).double()
    x = torch.randn(2, 300, 3, dtype=torch.float64)
    expected = net.encoder(x)
    for block in net.blocks:
        expected = block_of_the_paper(dict(block.named_parameters()), expected)
    assert torch.allclose(net(x)[0], expected, atol=1e-11)
    single = build(num_layers=2, state_size=states, max_radius=0.9999)
    assert torch.allclose(single(x.float())[0], expected.float(), atol=1e-4, rtol=1e-4)


def test_eigenvalues_start_uniformly_on_a_ring() -> None:
    net = build(state_size=4000, min_radius=0.5, max_radius=0.9, max_phase=1.5)
    eigenvalues = net.blocks[0].eigenvalues().detach()
    magnitude, phase = eigenvalues.abs(), eigenvalues.angle()
    assert 0.5 <= float(magnitude.min()) < 0.51
    assert 0.89 < float(magnitude.max()) <= 0.9 + 1e-6
    assert 0.0 <= float(phase.min()) < 0.01
    assert 1.49 < float(phase.max()) <= 1.5 + 1e-6
    # by area: half of them lie within the radius that halves the ring's area
    assert abs(float((magnitude**2 < (0.25 + 0.81) / 2).float().mean()) - 0.5) < 0.03
    whole = build(state_size=4000).blocks[0].eigenvalues().detach()
    assert abs(complex(whole.mean())) < 0.05
    assert all(p.isfinite().all() for p in build(state_size=4000, min_radius=0.0).parameters())


def test_states_have_the_same_size_for_every_eigenvalue_at_first() -> None:
    """gamma = sqrt(1 - |lambda|^2): under white noise E|x|^2 = E|B u|^2, however long the memory."""
    net = build(hidden_size=64, state_size=512, min_radius=0.0, max_radius=0.99, input_size=64)
    torch.manual_seed(1)
    with torch.no_grad():
        net.encoder.weight.copy_(torch.eye(64))
        net.encoder.bias.zero_()
    block = net.blocks[0]
    assert torch.allclose(block.gamma_log.exp(), (1 - block.eigenvalues().abs() ** 2).sqrt(), atol=1e-5)
    probe = net.probe(torch.randn(4, 1500, 64))
    power = probe["state_magnitude"][:, 500:, 0].square().mean(dim=(0, 1))  # [N]
    assert 0.9 < float(power.mean()) < 1.1
    quick = probe["eigenvalue_magnitude"][0, 0, 0] < 0.7
    assert abs(float(power[quick].mean() / power[~quick].mean()) - 1) < 0.1


def test_probes_give_the_magnitudes_of_states_and_eigenvalues() -> None:
    net, x = build(num_layers=2, state_size=4), torch.randn(3, 20, 3)
    probe = net.probe(x)
    assert probe["state_magnitude"].shape == probe["eigenvalue_magnitude"].shape == (3, 20, 2, 4)
    for layer, block in enumerate(net.blocks):
        assert torch.allclose(probe["eigenvalue_magnitude"][:, :, layer], (-block.nu_log.exp()).exp().expand(3, 20, 4))
    _, state = net(x)
    assert torch.allclose(probe["state_magnitude"][:, -1], torch.view_as_complex(state).abs(), atol=1e-6)


def test_no_step_of_an_optimizer_makes_it_unstable() -> None:
    net = build()
    with torch.no_grad():
        for block in net.blocks:
            block.nu_log.normal_(0.0, 30.0)
            assert bool((block.eigenvalues().abs() <= 1.0).all())
    y, _ = net(torch.randn(2, 3000, 3))
    assert bool(torch.isfinite(y).all())


def test_a_ring_whose_inner_radius_is_the_larger_one_is_refused() -> None:
    base = Experiment.make({"model": {"architecture": "lru"}})
    with pytest.raises(ExperimentError, match=r"model.options.max_radius: .*use a number from 0.95 to"):
        base.with_changes({"model.options.min_radius": 0.95, "model.options.max_radius": 0.9})
    assert math.isclose(base.with_changes({"model.options.max_phase": 0.3}).model.options["max_phase"], 0.3)


@pytest.mark.parametrize(("ring", "bound"), [((0.95, 0.999), 0.7), ((0.0, 0.5), 0.3)])
def test_letters_are_kept_over_forty_steps_where_the_ring_is_near_the_unit_circle(
    ring: tuple[float, float], bound: float
) -> None:
    """Copy memory, whose chance is 1/8."""
    experiment = Experiment.make(
        {
            "data": {
                "source": "copy-memory",
                "task": "language-modeling",
                "options": {"delay": 40, "remembered": 3, "samples": 600},
            },
            "model": {
                "architecture": "lru",
                "hidden_size": 32,
                "options": {"min_radius": ring[0], "max_radius": ring[1]},
            },
            "training": {"learning_rate": 0.005, "batch_size": 16, "schedule": "cosine", "epochs": 4},
        }
    )
    finished = next(event for event in fit(experiment) if isinstance(event, Finished))
    accuracy = finished.metrics["val_accuracy"]
    assert accuracy > bound if ring[1] > 0.9 else accuracy < bound
