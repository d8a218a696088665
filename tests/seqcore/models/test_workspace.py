"""Memory of the recurrent kernels: reused, never shared by two passes that are both needed."""

from __future__ import annotations

import gc

import torch

from seqcore.models import workspace
from seqcore.models.recurrent_layers import GRULayers
from seqcore.models.workspace import Lease


def test_a_workspace_is_used_again_once_nobody_needs_it() -> None:
    x = torch.zeros(3, 2, 1)
    first = Lease("GRU", x, 7)
    second = Lease("GRU", x, 7)
    assert first.workspace is not second.workspace
    space = first.workspace
    del first
    gc.collect(1)  # of what was made lately
    again = Lease("GRU", x, 7)
    assert again.workspace is space
    del again
    gc.collect(1)
    assert Lease("GRU", x.double(), 7).workspace is not space
    assert Lease("GRU", x, 8).workspace is not space
    assert Lease("GRU", torch.zeros(3, 4, 1), 7).workspace is not space


def test_what_is_kept_is_limited() -> None:
    leases = [Lease("GRU", torch.zeros(1, 1, 1), size) for size in (2**23, 2**23, 2**23)]
    for lease in leases:
        lease.workspace.buffer("values", 2**24)  # 64 MB
    leases.clear()
    del lease
    gc.collect(1)
    assert sum(space.bytes for _, space in Lease._free) <= workspace._MOST_BYTES


def test_two_graphs_of_one_layer_do_not_disturb_each_other() -> None:
    torch.manual_seed(0)
    net, inputs = GRULayers(1, 5), [torch.randn(30, 3, 1) for _ in range(2)]
    alone = [torch.autograd.grad(net(x)[0].square().sum(), net.weight_hh_l0)[0] for x in inputs]
    losses = [net(x)[0].square().sum() for x in inputs]
    with torch.inference_mode():  # evaluation before the backward pass
        net(inputs[1])
    together = [torch.autograd.grad(loss, net.weight_hh_l0)[0] for loss in losses]
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


def test_memory_of_evaluation_serves_training_later() -> None:
    net, x = GRULayers(1, 5), torch.randn(30, 3, 1)
    with torch.inference_mode():
        before, _ = net(x)
    y, _ = net(x)
    y.sum().backward()
    assert torch.equal(before, y)
