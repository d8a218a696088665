"""Eigenvalues of the matrices that lead from one recurrent state to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqcore.results.base import Rows, Values, View, Words, exact

__all__ = ["SpectrumView"]


@dataclass(frozen=True)
class SpectrumView(View):
    """`real[n, D]` and `imaginary[n, D]`: the eigenvalues of n matrices, `titles[n]`.

    A component of the state along an eigenvector is multiplied by its eigenvalue at each step, as far as activation
    functions and gates let it: within the unit circle it decays, outside of it it grows.
    """

    kind = "spectrum"

    titles: Words
    real: Values
    imaginary: Values
    model_step: int = 0
    title: str = ""

    @property
    def caption(self) -> str:
        """How to read the figure."""
        return (
            "Each point is an eigenvalue in the complex plane. Components inside the dashed unit circle decay "
            "from step to step, those outside grow; the angle is the rotation per step."
        )

    @property
    def radius(self) -> Values:
        """The spectral radius of each matrix: its largest magnitude, [n]."""
        radius: Values = np.hypot(self.real, self.imaginary).max(axis=1)
        return radius

    @property
    def memory(self) -> Values:
        """Steps after which the slowest component of each matrix has decayed to 1/e, [n]; infinite where none does."""
        with np.errstate(divide="ignore"):
            steps: Values = np.where(self.radius < 1.0, -1.0 / np.log(self.radius), np.inf)
        return steps

    def table(self) -> Rows:
        """One row for each eigenvalue."""
        rows = [
            [title, exact(a), exact(b), exact(float(np.hypot(a, b)))]
            for title, real, imaginary in zip(self.titles, self.real.tolist(), self.imaginary.tolist(), strict=True)
            for a, b in zip(real, imaginary, strict=True)
        ]
        return ["matrix", "real", "imaginary", "magnitude"], rows

    def summary(self) -> Rows:
        """The spectral radius of each matrix, and how many steps its slowest component lasts."""
        rows = [
            [title, f"{radius:.4f}", f"{steps:.3g}" if np.isfinite(steps) else "no decay"]
            for title, radius, steps in zip(self.titles, self.radius.tolist(), self.memory.tolist(), strict=True)
        ]
        return ["matrix", "spectral radius", "steps to 1/e"], rows
