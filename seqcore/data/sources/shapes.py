"""Sources: videos of 16 by 16 pixels with moving, turning or bouncing shapes, for classification and prediction."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from seqcore.data.sources.source import Source, check_size
from seqcore.data.table import Table, equal_sequences
from seqcore.experiment.fields import setting

__all__ = ["SIDE", "BouncingShapes", "MovingShapes", "TurningShapes"]

SIDE = 16  # height and width of a frame in pixels
MOST_FRAMES = 400_000  # of one table: 800 MB
_BLOCK = 2_000  # frames drawn at a time
_SOFT = 0.7  # width of a blurred edge in pixels

DIRECTIONS: dict[str, tuple[float, float]] = {  # right and down, in pixels; row 0 is at the top
    "right": (1.0, 0.0),
    "down right": (np.sqrt(0.5), np.sqrt(0.5)),
    "down": (0.0, 1.0),
    "down left": (-np.sqrt(0.5), np.sqrt(0.5)),
    "left": (-1.0, 0.0),
    "up left": (-np.sqrt(0.5), -np.sqrt(0.5)),
    "up": (0.0, -1.0),
    "up right": (np.sqrt(0.5), -np.sqrt(0.5)),
}
_TURNING = 4  # the first shapes, whose rotation is visible
CHANGES = ("turning right", "turning left", "growing", "shrinking")

Values = NDArray[np.float64]
# Signed distance from the edge of a shape, negative inside, at x and y in units of its size.
_SHAPES: tuple[Callable[[Values, Values], Values], ...] = (
    lambda x, y: np.maximum(np.abs(x) - 1.1, np.abs(y) - 0.35),  # bar
    lambda x, y: np.maximum(np.maximum(0.87 * x + 0.5 * y, -0.87 * x + 0.5 * y), -y) - 0.5,  # triangle
    lambda x, y: np.minimum(  # L
        np.maximum(np.abs(x + 0.5) - 0.35, np.abs(y) - 1.0), np.maximum(np.abs(x) - 0.85, np.abs(y - 0.65) - 0.35)
    ),
    lambda x, y: np.minimum(  # T
        np.maximum(np.abs(x) - 1.0, np.abs(y + 0.65) - 0.35), np.maximum(np.abs(x) - 0.35, np.abs(y) - 1.0)
    ),
    lambda x, y: np.maximum(np.abs(x), np.abs(y)) - 0.8,  # square
    lambda x, y: np.hypot(x, y) - 0.9,  # disc
)


class _Videos(Source):
    """Common options: number, length, noise and clutter."""

    samples: int = setting(6000, "Number of videos.", minimum=20, maximum=100_000, basic=True)
    frames: int = setting(12, "Frames in each video.", minimum=3, maximum=200, basic=True)
    noise: float = setting(
        0.1, "Standard deviation of the pixel noise; a shape has the value 1.", minimum=0.0, maximum=1.0
    )
    clutter: int = setting(2, "Static shapes in each video.", minimum=0, maximum=30)
    seed: int = setting(0, "Random seed of the data.", minimum=0, maximum=2**31 - 1)

    def _degrade(self, rng: np.random.Generator, videos: Values) -> Values:
        """Add clutter and noise to videos [S, T, 16, 16], clipped to 0 and 1."""
        for _ in range(self.clutter):
            count = len(videos)
            place = rng.uniform(0.0, SIDE - 1, (count, 1, 2))
            size, angle = rng.uniform(0.8, 2.2, (count, 1)), rng.uniform(0.0, 2 * np.pi, (count, 1))
            still = _render(rng.integers(0, len(_SHAPES), count), place, size, angle)
            np.maximum(videos, rng.uniform(0.5, 1.0, (count, 1, 1, 1)) * still, out=videos)
        if self.noise:
            videos += self.noise * rng.standard_normal(videos.shape, dtype=np.float32)
        return np.clip(videos, 0.0, 1.0, out=videos)


class MovingShapes(_Videos):
    """A shape moves in one of eight directions: classify the direction."""

    def table(self) -> Table:
        """`samples` videos, labeled by direction."""
        check_size(self.samples, self.frames, MOST_FRAMES, what="videos", unit="frames")
        rng = np.random.default_rng(self.seed)
        kind = rng.integers(0, len(_SHAPES), self.samples)
        label = rng.permutation(np.arange(self.samples) % len(DIRECTIONS))
        size = rng.uniform(1.6, 2.6, self.samples)
        angle = rng.uniform(0.0, 2 * np.pi, self.samples)
        return _video_table(
            self._degrade(rng, _render(kind, _paths(rng, label, self.frames), size[:, None], angle[:, None])),
            labels=np.array(list(DIRECTIONS))[label],
        )


class TurningShapes(_Videos):
    """A shape moves, turns, grows or shrinks: classify the change."""

    def table(self) -> Table:
        """`samples` videos, labeled by one of eight directions or four changes."""
        check_size(self.samples, self.frames, MOST_FRAMES, what="videos", unit="frames")
        rng = np.random.default_rng(self.seed)
        names = np.array([*DIRECTIONS, *CHANGES])
        label = rng.permutation(np.arange(self.samples) % len(names))
        kind = rng.integers(0, _TURNING, self.samples)
        moves = label < len(DIRECTIONS)
        time = np.linspace(-0.5, 0.5, self.frames)
        paths = np.where(
            moves[:, None, None],
            _paths(rng, np.where(moves, label, 0), self.frames),
            rng.uniform(6.0, 9.0, (self.samples, 1, 2)) + rng.uniform(-1.0, 1.0, (self.samples, 1, 2)) * time[:, None],
        )
        # clockwise on the screen, since row 0 is at the top
        turn = np.select([label == len(DIRECTIONS), label == len(DIRECTIONS) + 1], [1.0, -1.0], 0.0)
        angle = rng.uniform(0, 2 * np.pi, (self.samples, 1)) + turn[:, None] * rng.uniform(
            0.6 * np.pi, 1.0 * np.pi, (self.samples, 1)
        ) * (time + 0.5)
        growth = np.select([label == len(names) - 2, label == len(names) - 1], [1.0, -1.0], 0.0)
        size = rng.uniform(2.8, 4.2, (self.samples, 1)) * np.exp(
            growth[:, None] * rng.uniform(0.5, 0.9, (self.samples, 1)) * time
        )
        return _video_table(self._degrade(rng, _render(kind, paths, size, angle)), labels=names[label])


class BouncingShapes(_Videos):
    """Shapes that bounce off the walls: predict the next frame."""

    samples: int = setting(1000, "Number of videos.", minimum=20, maximum=100_000, basic=True)
    frames: int = setting(30, "Frames in each video.", minimum=3, maximum=200, basic=True)
    noise: float = setting(
        0.04, "Standard deviation of the pixel noise; a shape has the value 1.", minimum=0.0, maximum=1.0
    )
    clutter: int = setting(0, "Static shapes in each video.", minimum=0, maximum=30)
    shapes: int = setting(1, "Moving shapes in each video.", minimum=1, maximum=4, basic=True)
    speed: float = setting(1.0, "Mean distance per frame.", unit="pixels", above=0.0, maximum=4.0)

    def table(self) -> Table:
        """`samples` videos; each row is a frame."""
        check_size(self.samples, self.frames, MOST_FRAMES, what="videos", unit="frames")
        rng = np.random.default_rng(self.seed)
        videos = np.zeros((self.samples, self.frames, SIDE, SIDE))
        for _ in range(self.shapes):
            kind = np.full(self.samples, len(_SHAPES) - 1) if self.shapes == 1 else rng.integers(0, 6, self.samples)
            size = rng.uniform(2.2, 3.2, (self.samples, 1))
            heading = rng.uniform(0.0, 2 * np.pi, self.samples)
            step = self.speed * rng.uniform(0.8, 1.2, self.samples)[:, None, None]
            way = np.stack([np.cos(heading), np.sin(heading)], axis=1)[:, None] * step
            low = size[:, :, None] - 0.5
            room = SIDE - 1 - 2 * low
            flight = rng.uniform(0.0, 1.0, (self.samples, 1, 2)) * 2 * room + way * np.arange(self.frames)[:, None]
            folded = np.abs(flight % (2 * room) - room)  # reflected at the walls
            angle = np.zeros((self.samples, 1))
            np.maximum(videos, _render(kind, low + folded, size, angle), out=videos)
        return _video_table(self._degrade(rng, videos))


def _paths(rng: np.random.Generator, direction: NDArray[np.int64], frames: int) -> Values:
    """Straight paths, [S, T, 2]; the position at half time is independent of the direction."""
    way = np.array(list(DIRECTIONS.values()))[direction] * rng.uniform(0.55, 1.0, (len(direction), 1))
    middle = rng.uniform(3.5, SIDE - 4.5, (len(direction), 1, 2))
    return np.asarray(middle + way[:, None] * (np.arange(frames) - (frames - 1) / 2)[:, None])


def _render(kind: NDArray[np.int64], paths: Values, size: Values, angle: Values) -> Values:
    """Videos [S, T, 16, 16] of one shape each: its kind [S], positions [S, T, 2], sizes and angles [S, 1 or T]."""
    count, frames = paths.shape[:2]
    videos = np.empty((count, frames, SIDE, SIDE))
    size, angle = np.broadcast_to(size, (count, frames)), np.broadcast_to(angle, (count, frames))
    rows = np.arange(SIDE)
    for which, distance in enumerate(_SHAPES):
        alike = np.flatnonzero(kind == which)
        for some in np.split(alike, range(_BLOCK // frames + 1, len(alike), _BLOCK // frames + 1)):
            x = rows - paths[some, :, 0, None]  # [s, T, 16]
            y = rows - paths[some, :, 1, None]
            cos, sin = np.cos(angle[some])[..., None, None], np.sin(angle[some])[..., None, None]
            large = size[some][..., None, None]
            along = (cos * x[..., None, :] + sin * y[..., :, None]) / large
            across = (cos * y[..., :, None] - sin * x[..., None, :]) / large
            videos[some] = np.clip(0.5 - distance(along, across) * large / (2 * _SOFT), 0.0, 1.0)
    return videos


def _video_table(videos: Values, labels: NDArray[np.str_] | None = None) -> Table:
    """Videos [S, T, 16, 16] as a table whose rows are frames."""
    columns = tuple(f"row {row}, column {column}" for row in range(1, SIDE + 1) for column in range(1, SIDE + 1))
    pixels = videos.reshape(*videos.shape[:2], SIDE * SIDE)
    return equal_sequences(pixels, columns, x_title="frame", frame=(SIDE, SIDE), labels=labels)
