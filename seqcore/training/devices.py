"""Devices: what this machine can compute on, what "auto" means here, and whether a model fits into memory."""

from __future__ import annotations

import os
import re

import torch

from seqcore.errors import DeviceError
from seqcore.experiment.config import ModelConfig
from seqcore.experiment.fields import Choice

__all__ = ["check_memory", "choices", "memory", "resolve"]


def choices() -> list[Choice]:
    """Every device that can be named, with the reason for each that is not available."""
    devices = [Choice("auto", "Automatic"), Choice("cpu", "CPU")]
    if torch.cuda.is_available():
        devices += [Choice(f"cuda:{i}", torch.cuda.get_device_name(i)) for i in range(torch.cuda.device_count())]
    else:
        built = torch.version.cuda is not None
        why = "no NVIDIA GPU was found" if built else "this PyTorch was built without CUDA"
        devices.append(Choice("cuda:0", "NVIDIA GPU", reason=why))
    mps = torch.backends.mps
    if mps.is_available():
        devices.append(Choice("mps", "Apple GPU"))
    else:
        built = mps.is_built()
        why = "this macOS or this Mac has no Metal support" if built else "this PyTorch was built without Metal"
        devices.append(Choice("mps", "Apple GPU", reason=why))
    return devices


def resolve(name: str) -> tuple[torch.device, str]:
    """The device that a name means here, and the reason in a few words. DeviceError where it is not available."""
    devices = {d.value: d for d in choices()}
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda:0"), "a GPU is available"
        return torch.device("cpu"), "no GPU is available"
    wanted = "cuda:0" if name == "cuda" else name
    device = devices.get(wanted)
    if device is None:
        usable = ", ".join(d.value for d in devices.values() if not d.reason)
        missing = "there is no such GPU here" if re.fullmatch(r"cuda:\d+", name) else "there is no such device"
        raise DeviceError(f"training.device: {name!r} is not allowed, {missing}; use one of {usable}")
    if device.reason:
        raise DeviceError(f"training.device: {name!r} can't be used here: {device.reason}; use auto or cpu")
    return torch.device(wanted), "requested"


def memory(device: torch.device) -> int | None:
    """Total memory of a device in bytes, or None where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[1])
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def check_memory(parameters: int, config: ModelConfig, device: torch.device) -> None:
    """DeviceError where weights, gradients and an optimizer's two averages can't fit into the device's memory."""
    needed, room = 16 * parameters, memory(device)
    if room is not None and needed > room:
        raise DeviceError(
            f"model.hidden_size: {config.hidden_size} with {config.num_layers} layers needs about "
            f"{needed / 1e9:.1f} GB of memory, and this device has {room / 1e9:.1f} GB; use a smaller model"
        )
