"""Data augmentation: random variation of a model's inputs in training."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from seqcore.data.audio import FLOOR, LOUD
from seqcore.models.architecture import inside

__all__ = ["AUGMENTATIONS", "AudioAugment"]

_DECIBEL = 0.2302585  # of power, as a natural logarithm
_EQUALIZER = (5.0, 3.0, 2.0, 2.0, 1.0, 1.0)  # dB: standard deviation of each cosine over the channels
_NOISE = (-60.0, -20.0)  # dB relative to the loud frames
_TILT = 8.0  # dB: standard deviation of the spectral tilt of the noise
_LOW_CUT, _HIGH_CUT = 0.12, 0.3  # largest share of the channels lost at either end
_WARP = 0.08  # largest relative shift of the channels


class AudioAugment(nn.Module):
    """Scaled log-mel frames [B, T, F] under other speakers, microphones, rooms and telephones, in training only.

    Each sequence gets a vocal tract length perturbation (Jaitly and Hinton 2013), an equalizer, band limits and noise;
    then its level is normalized as in `seqcore.data.audio`. `center[F]` and `scale[F]` are the scaler's. Uses torch's
    global random state.
    """

    center: Tensor
    scale: Tensor

    def __init__(self, center: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("center", center.detach().float(), persistent=False)  # kept in the codec
        self.register_buffer("scale", scale.detach().float(), persistent=False)

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> Tensor:
        """[B, T, F], `lengths[B]` where sequences are padded at their end -> the same shape."""
        if not self.training:
            return frames
        count, steps, channels = frames.shape
        position = torch.linspace(0.0, 1.0, channels, device=frames.device)
        filtered = _warped(frames * self.scale + self.center, position) + _channel_gain(count, position)[:, None]
        power = torch.exp(filtered.clamp(max=20.0)) + _noise(count, steps, position)
        level = _level(power.mean(dim=2), lengths)
        return (torch.log((power / level[:, None, None]).clamp(min=FLOOR)) - self.center) / self.scale


def _warped(frames: Tensor, position: Tensor) -> Tensor:
    """[B, T, F] with the channels of each sequence stretched or compressed, as by another vocal tract length."""
    channels = len(position)
    factor = 1.0 + _WARP * (2.0 * torch.rand(len(frames), 1, device=position.device) - 1.0)
    source = (position * factor).clamp(max=1.0) * (channels - 1)
    below = source.floor().long().clamp(max=max(channels - 2, 0))
    weight = (source - below)[:, None]
    index = below[:, None].expand_as(frames)
    above = (index + 1).clamp(max=channels - 1)
    return frames.gather(2, index) * (1.0 - weight) + frames.gather(2, above) * weight


def _channel_gain(count: int, position: Tensor) -> Tensor:
    """Gain of a random equalizer and band limits, [B, F], in natural logarithms of power."""
    device = position.device
    sizes = _DECIBEL * torch.tensor(_EQUALIZER, device=device)
    orders = torch.arange(1, len(sizes) + 1, device=device)
    curve = (torch.randn(count, len(sizes), device=device) * sizes) @ torch.cos(torch.pi * orders[:, None] * position)
    low_share, high_share, slope = (torch.rand(3, count, 1, device=device)).unbind()
    applied = torch.rand(2, count, 1, device=device)
    low = _LOW_CUT * low_share * (applied[0] < 0.5)
    high = 1.0 - _HIGH_CUT * high_share * (applied[1] < 0.6)
    outside = (low - position).clamp(min=0.0) + (position - high).clamp(min=0.0)
    return curve - outside * (24.0 + 96.0 * slope)


def _noise(count: int, steps: int, position: Tensor) -> Tensor:
    """Noise of a random level and spectral tilt, [B, T, F], as power."""
    device = position.device
    lowest, highest = _NOISE
    level = lowest + (highest - lowest) * torch.rand(count, 1, 1, device=device)
    tilt = _TILT * torch.randn(count, 1, 1, device=device) * (position - 0.5)
    variation = 0.4 * torch.randn(count, steps, len(position), device=device)
    return torch.exp(_DECIBEL * (level + tilt) + variation)


def _level(loudness: Tensor, lengths: Tensor | None) -> Tensor:
    """The power of each sequence's loud frames, [B, T] -> [B]."""
    steps, device = loudness.shape[1], loudness.device
    count = torch.full((len(loudness),), steps, device=device) if lengths is None else lengths.to(device)
    ordered = loudness.masked_fill(~inside(count, steps, device), torch.inf).sort(dim=1).values
    place = torch.round(LOUD * (count - 1)).long()
    return ordered.gather(1, place[:, None])[:, 0].clamp(min=1e-20)


AUGMENTATIONS: dict[str, Callable[[Tensor, Tensor], nn.Module]] = {"voice": AudioAugment}
"""Augmentations by the name in `training.augment`, made from the scaler's center and scale."""
