"""Eigenvalues of a model's recurrent matrices."""

from __future__ import annotations

import numpy as np
import torch

from seqcore.errors import PredictionError
from seqcore.inference.predictor import Predictor
from seqcore.insight.probes import architecture_of
from seqcore.models import MODELS
from seqcore.results.spectrum import SpectrumView

__all__ = ["spectrum"]


def spectrum(predictor: Predictor) -> SpectrumView:
    """The eigenvalues of each matrix that leads from one state to the next; of a translator those of its encoder.

    PredictionError for an architecture without such matrices.
    """
    architecture = architecture_of(predictor)
    if not all(bool(torch.isfinite(weight).all()) for weight in architecture.parameters()):
        raise PredictionError("spectrum: weights of this step are not finite; choose an earlier step")
    found = architecture.spectra()
    if not found:
        title = MODELS[predictor.experiment.model.architecture].title
        raise PredictionError(f"spectrum: {title} has no recurrent matrix; RNN, LSTM, GRU, sLSTM and LRU have")
    values = np.stack([eigenvalues.cpu().numpy() for eigenvalues in found.values()]).astype(np.complex128)
    return SpectrumView(tuple(found), values.real, values.imag, predictor.step)
