"""What is varied while a model trains: other voices and lines, the same level, nothing when it is used."""

from __future__ import annotations

import pytest
import torch

from seqcore.data.audio import FLOOR, levelled, mel_power
from seqcore.models.augmentation import AUGMENTATIONS, AudioAugment

CHANNELS = 40


@pytest.fixture
def frames() -> torch.Tensor:
    """Log-mel frames [6, 30, 40] of sounds with a level, as `seqcore.data.audio` makes them."""
    generator = torch.Generator().manual_seed(2)
    waves = torch.randn(6, 160 * 29 + 400, generator=generator).cumsum(dim=1) / 50
    return torch.stack([torch.from_numpy(levelled(mel_power(w.numpy()))).float() for w in waves])


def voice() -> AudioAugment:
    center, scale = torch.linspace(-3.0, -8.0, CHANNELS), torch.linspace(2.0, 3.0, CHANNELS)
    return AudioAugment(center, scale)


def test_a_model_in_use_hears_what_there_is(frames: torch.Tensor) -> None:
    assert torch.equal(voice().eval()(frames), frames)


def test_in_training_each_sequence_is_varied_in_its_own_way(frames: torch.Tensor) -> None:
    torch.manual_seed(0)
    varied = voice().train()(frames)
    assert varied.shape == frames.shape
    assert torch.isfinite(varied).all()
    change = (varied - frames).mean(dim=1)
    apart = torch.cdist(change, change) + 1e9 * torch.eye(len(change))
    assert apart.min() > 0.3


def test_the_same_random_state_gives_the_same_variation(frames: torch.Tensor) -> None:
    once = []
    for _ in range(2):
        torch.manual_seed(5)
        once.append(voice().train()(frames))
    assert torch.equal(*once)


def test_the_level_is_taken_out_again_and_nothing_is_below_silence(frames: torch.Tensor) -> None:
    module = voice().train()
    scaled = (frames - module.center) / module.scale
    torch.manual_seed(1)
    heard = module(scaled) * module.scale + module.center
    power = torch.exp(heard).mean(dim=2)
    assert torch.allclose(power.quantile(0.9, dim=1, interpolation="nearest"), torch.ones(len(frames)), atol=1e-2)
    assert (heard > torch.log(torch.tensor(FLOOR)) - 1e-3).all()


def test_padding_does_not_change_the_level_of_a_short_sequence(frames: torch.Tensor) -> None:
    module = voice().train()
    lengths = torch.tensor([30, 12, 30, 5, 30, 1])
    loud = frames.clone()
    for i, n in enumerate(lengths.tolist()):
        loud[i, n:] += 8.0
    answers = []
    for given in (frames, loud):
        torch.manual_seed(3)
        answers.append(module(given, lengths))
    for i, n in enumerate(lengths.tolist()):
        assert torch.allclose(answers[0][i, :n], answers[1][i, :n], atol=1e-5)


def test_it_has_no_weights_and_keeps_none() -> None:
    assert not list(voice().parameters())
    assert not voice().state_dict()
    assert set(AUGMENTATIONS) == {"voice"}


def test_noise_fills_silence_at_a_level_between_its_limits() -> None:
    """Loud frames beside silence: what is heard in the silence is the noise, 20 to 60 dB below."""
    module = voice().train()
    loud, silent = torch.zeros(64, 10, CHANNELS), torch.full((64, 10, CHANNELS), float(torch.log(torch.tensor(FLOOR))))
    torch.manual_seed(0)
    heard = module((torch.cat([loud, silent], dim=1) - module.center) / module.scale) * module.scale + module.center
    decibels = 10 * torch.log10(torch.exp(heard[:, 10:]).mean(dim=(1, 2)) / torch.exp(heard[:, :10]).mean(dim=(1, 2)))
    assert -75.0 < float(decibels.min()) < -45.0
    assert -35.0 < float(decibels.max()) < -5.0
    assert float(decibels.std()) > 5.0
