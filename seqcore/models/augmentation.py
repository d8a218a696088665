"""Variation at a model's entrance while it trains, so that it learns what doesn't matter."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from seqcore.data.audio import FLOOR, LOUD

__all__ = ["AUGMENTATIONS", "AudioAugment"]

_DECIBEL = 0.2302585  # of power, as a natural logarithm
_EQUALISER = (5.0, 3.0, 2.0, 2.0, 1.0, 1.0)  # dB: spread of each cosine over the channels, the first being a tilt
_NOISE = (-60.0, -20.0)  # dB beside the loud frames
_COLOUR = 8.0  # dB: spread of the noise's own tilt
_LOW_CUT, _HIGH_CUT = 0.12, 0.3  # the largest part of the channels that is lost at either end
_TRACT = 0.08  # the most by which channels are moved, as a part of their place


class AudioAugment(nn.Module):
    """Log-mel frames as another speaker, microphone, room or telephone would have given them.

    Scaled frames [B, T, F] in and out; `center[F]` and `scale[F]` are the scaler's. Each sequence gets a vocal tract a
    little longer or shorter (Jaitly and Hinton 2013), an equaliser and a tilt, band limits, and noise of its own; then
    its level is taken out again as `seqcore.data.audio` does. Only while training, from torch's global random state.
    """

    center: Tensor
    scale: Tensor

    def __init__(self, center: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("center", center.detach().float(), persistent=False)  # the codec keeps them
        self.register_buffer("scale", scale.detach().float(), persistent=False)

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> Tensor:
        """[B, T, F], `lengths[B]` where sequences are padded at their end -> the same shape."""
        if not self.training:
            return frames
        count, steps, channels = frames.shape
        place = torch.linspace(0.0, 1.0, channels, device=frames.device)
        heard = _moved(frames * self.scale + self.center, place) + _line(count, place)[:, None]
        power = torch.exp(heard.clamp(max=20.0)) + _noise(count, steps, place)
        level = _level(power.mean(dim=2), lengths)
        return (torch.log((power / level[:, None, None]).clamp(min=FLOOR)) - self.center) / self.scale


def _moved(frames: Tensor, place: Tensor) -> Tensor:
    """[B, T, F] with the channels of each sequence moved apart or together, as a shorter or longer vocal tract does."""
    channels = len(place)
    factor = 1.0 + _TRACT * (2.0 * torch.rand(len(frames), 1, device=place.device) - 1.0)
    source = (place * factor).clamp(max=1.0) * (channels - 1)
    below = source.floor().long().clamp(max=max(channels - 2, 0))
    part = (source - below)[:, None]
    index = below[:, None].expand_as(frames)
    above = (index + 1).clamp(max=channels - 1)
    return frames.gather(2, index) * (1.0 - part) + frames.gather(2, above) * part


def _line(count: int, place: Tensor) -> Tensor:
    """What a microphone and a line do to each channel, [B, F], in natural logarithms of power."""
    device = place.device
    sizes = _DECIBEL * torch.tensor(_EQUALISER, device=device)
    orders = torch.arange(1, len(sizes) + 1, device=device)
    curve = (torch.randn(count, len(sizes), device=device) * sizes) @ torch.cos(torch.pi * orders[:, None] * place)
    some, most, steep = (torch.rand(3, count, 1, device=device)).unbind()
    chosen = torch.rand(2, count, 1, device=device)
    low = _LOW_CUT * some * (chosen[0] < 0.5)
    high = 1.0 - _HIGH_CUT * most * (chosen[1] < 0.6)
    beyond = (low - place).clamp(min=0.0) + (place - high).clamp(min=0.0)
    return curve - beyond * (24.0 + 96.0 * steep)


def _noise(count: int, steps: int, place: Tensor) -> Tensor:
    """Noise of a loudness and a colour of its own, [B, T, F], in power."""
    device = place.device
    quietest, loudest = _NOISE
    loudness = quietest + (loudest - quietest) * torch.rand(count, 1, 1, device=device)
    colour = _COLOUR * torch.randn(count, 1, 1, device=device) * (place - 0.5)
    flicker = 0.4 * torch.randn(count, steps, len(place), device=device)
    return torch.exp(_DECIBEL * (loudness + colour) + flicker)


def _level(loudness: Tensor, lengths: Tensor | None) -> Tensor:
    """The power of each sequence's loud frames, [B, T] -> [B]."""
    steps, device = loudness.shape[1], loudness.device
    count = torch.full((len(loudness),), steps, device=device) if lengths is None else lengths.to(device)
    inside = torch.arange(steps, device=device) < count[:, None]
    ordered = loudness.masked_fill(~inside, torch.inf).sort(dim=1).values
    place = torch.round(LOUD * (count - 1)).long()
    return ordered.gather(1, place[:, None])[:, 0].clamp(min=1e-20)


AUGMENTATIONS: dict[str, Callable[[Tensor, Tensor], nn.Module]] = {"voice": AudioAugment}
"""What varies a batch, by the name in `training.augment`, made from the scaler's centre and scale."""
