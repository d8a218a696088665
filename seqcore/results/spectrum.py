"""Eigenvalues of the matrices that lead from one recurrent state to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqcore.results.base import Rows, Values, View, Words, exact

__all__ = ["SpectrumView"]


@dataclass(frozen=True)
class SpectrumView(View):
    """`real[n, D]` and `imaginary[n, D]`: the eigenvalues of n matrices, `titles[n]`.

    Where the matrix leads from one state to the next, a component of the state along an eigenvector is multiplied by
    its eigenvalue at each step, as far as the activation function lets it: within the unit circle it decays, outside of
    it it grows. A matrix of a gated cell gives a candidate or a gate, and the gates decide what decays.
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
        point = "Each point is an eigenvalue in the complex plane; dashed: the unit circle."
        if self.gated:
            return (
                f"{point} These matrices give the candidates and the gates from the state. Their eigenvalues do not "
                "tell what of the state decays: the values of the gates do."
            )
        return f"{point} Components inside it decay from step to step, those outside grow; the angle is the rotation."

    @property
    def gated(self) -> bool:
        """Whether the matrices are those of a gated cell, so that none alone leads from one state to the next."""
        return any(title.endswith(" gate") for title in self.titles)

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
        """The spectral radius of each matrix and, without gates, how many steps its slowest component lasts."""
        if self.gated:
            radii = zip(self.titles, self.radius.tolist(), strict=True)
            return ["matrix", "spectral radius"], [[title, f"{radius:.4f}"] for title, radius in radii]
        rows = [
            [title, f"{radius:.4f}", f"{steps:.3g}" if np.isfinite(steps) else "no decay"]
            for title, radius, steps in zip(self.titles, self.radius.tolist(), self.memory.tolist(), strict=True)
        ]
        return ["matrix", "spectral radius", "steps to 1/e"], rows
