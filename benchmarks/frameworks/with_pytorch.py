"""The loop of the PyTorch tutorials: DataLoader, zero_grad, forward, backward, step."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.frameworks.case import Case, Weights
from benchmarks.frameworks.session import Session
from benchmarks.frameworks.torch_model import tutorial_model

__all__ = ["train"]


def train(case: Case, weights: Weights, session: Session) -> None:
    """Train epoch after epoch, until the session has enough."""
    device = torch.device(case.device)
    model = tutorial_model(case, weights).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=case.learning_rate)
    criterion = nn.MSELoss()
    x, y = map(torch.from_numpy, case.arrays())
    loader = DataLoader(TensorDataset(x, y), batch_size=case.batch_size, shuffle=True)
    while True:
        session.begin()
        total = 0.0
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs.to(device)), targets.to(device))
            loss.backward()
            optimizer.step()
            total += loss.item()
        session.end(len(loader), total / len(loader))
