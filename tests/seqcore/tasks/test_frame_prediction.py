"""Frame prediction: sources, models, and views of frames."""

from __future__ import annotations

import numpy as np
import pytest

from seqcore.data.sources.shapes import CHANGES, DIRECTIONS, SIDE, BouncingShapes, MovingShapes, TurningShapes
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.events import CheckpointReady
from seqcore.experiment.recipes import recipe
from seqcore.inference.predictor import Predictor
from seqcore.plots import plot_view
from seqcore.plots.frames import MOST_AHEAD, frames_info
from seqcore.results import FramesView, view_from_dict
from seqcore.training.fit import fit

CLEAN = {"noise": 0.0, "clutter": 0, "samples": 96}


def videos(table: Table) -> np.ndarray:
    """[S, T, 16, 16]"""
    return table.values.reshape(len(table.lengths), -1, SIDE, SIDE)


def centers(pictures: np.ndarray) -> np.ndarray:
    """The middle of what is bright, (column, row), of pictures [..., 16, 16]."""
    weight = pictures.sum(axis=(-2, -1))
    rows = np.arange(SIDE)
    return np.stack(
        [(pictures.sum(axis=-2) * rows).sum(axis=-1) / weight, (pictures.sum(axis=-1) * rows).sum(axis=-1) / weight],
        axis=-1,
    )


@pytest.mark.parametrize("source", [MovingShapes, TurningShapes, BouncingShapes])
def test_every_row_is_a_frame_and_the_seed_determines_it(source: type[MovingShapes]) -> None:
    table, again = source(samples=24).table(), source(samples=24).table()
    assert table.frame == (SIDE, SIDE)
    assert table.independent
    assert 0.0 <= table.values.min() < table.values.max() <= 1.0
    assert np.array_equal(table.values, again.values)
    assert not np.array_equal(table.values, source(samples=24, seed=1).table().values)


def test_a_shape_moves_as_its_label_says() -> None:
    table = MovingShapes(**CLEAN, frames=5).table()
    assert table.labels is not None
    assert set(table.labels.tolist()) == set(DIRECTIONS)
    middle = centers(videos(table))
    for way, label in zip(middle[:, -1] - middle[:, 0], table.labels, strict=True):
        assert np.allclose(way / np.hypot(*way), DIRECTIONS[label], atol=0.35)


def test_the_position_of_a_shape_does_not_determine_its_direction() -> None:
    table = MovingShapes(**(CLEAN | {"samples": 800})).table()
    middle = centers(videos(table))[:, 6]
    means = np.array([middle[table.labels == label].mean(axis=0) for label in DIRECTIONS])
    assert np.abs(means - means.mean(axis=0)).max() < 1.2


def test_shapes_grow_and_shrink_and_turn_on_the_spot() -> None:
    table = TurningShapes(**(CLEAN | {"samples": 240})).table()
    assert table.labels is not None
    assert set(table.labels.tolist()) == {*DIRECTIONS, *CHANGES}
    light = videos(table).sum(axis=(2, 3))
    assert (light[table.labels == "growing", -1] > 1.2 * light[table.labels == "growing", 0]).all()
    assert (light[table.labels == "shrinking", -1] < 0.85 * light[table.labels == "shrinking", 0]).all()
    turning = np.isin(table.labels, ["turning left", "turning right"])
    moved = np.abs(videos(table)[turning, -1] - videos(table)[turning, 0]).mean(axis=(1, 2))
    assert (moved > 0.01).all()


def test_a_shape_stays_in_the_frame_and_bounces() -> None:
    table = BouncingShapes(samples=40, frames=60, noise=0.0).table()
    way = np.diff(centers(videos(table)), axis=1)
    assert (np.abs(way) < 1.3).all()
    turns = (np.sign(way[:, 1:]) * np.sign(way[:, :-1]) < 0).sum(axis=(1, 2))
    assert turns.min() >= 2


def test_clutter_and_noise_are_added() -> None:
    clean, hidden = (videos(MovingShapes(samples=50, noise=n, clutter=c).table()) for n, c in ((0.0, 0), (0.2, 6)))
    assert hidden.mean() > 1.5 * clean.mean()


def test_too_many_frames_are_refused_in_one_line() -> None:
    with pytest.raises(DataError, match="use at most 400,000: reduce their number"):
        MovingShapes(samples=100_000).table()


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    changes = {"data.options": {"samples": 80}, "training.epochs": 3, "model.hidden_size": 64}
    content = b""
    for event in fit(recipe("next-frame").with_changes(changes)):
        if isinstance(event, CheckpointReady):
            content = event.content
    return Predictor.from_checkpoint(content)


def test_frame_predictions_are_shown_beside_the_truth(predictor: Predictor) -> None:
    table = BouncingShapes(samples=80).table()
    evaluation = predictor.evaluate(table, split="test")
    view = evaluation.view
    assert isinstance(view, FramesView)
    assert view.truth is not None
    assert view.prediction.shape == view.truth.shape == (16, SIDE, SIDE)
    first = table.values.reshape(-1, SIDE, SIDE)
    places = [i for i in range(len(first)) if np.array_equal(first[i], view.truth[0])]
    assert len(places) == 1
    assert np.array_equal(view.truth, first[places[0] : places[0] + 16])
    assert evaluation.metrics["mse"] < evaluation.baselines["mean"]["mse"]
    again = view_from_dict(view.to_dict())
    assert isinstance(again, FramesView)
    assert np.allclose(again.prediction, view.prediction)


def test_a_frame_model_takes_frames_and_predicts_a_frame(predictor: Predictor) -> None:
    given = BouncingShapes(samples=20, seed=5).table().values[:7]
    view = predictor.predict(given)
    assert predictor.input_kind == "frames"
    assert isinstance(view, FramesView)
    assert view.prediction.shape == (1, SIDE, SIDE)
    assert view.context is not None
    assert np.array_equal(view.context[-1].ravel(), given[-1])


def test_predicted_frames_can_be_played_beside_the_truth() -> None:
    rng = np.random.default_rng(0)
    view = FramesView(rng.random((20, 4, 5)), rng.random((20, 4, 5)), rng.random((6, 4, 5)), title="A video")
    info = frames_info(view)
    assert info.moments.tolist() == [-3, -2, -1, 0, *range(1, 21)]
    assert len(info.strip) == 4 + MOST_AHEAD
    assert info.truth is not None
    assert np.array_equal(info.truth[4:], view.truth)
    figure = plot_view(view)
    assert [frame.name for frame in figure.frames] == [str(m) for m in info.moments]
    assert np.array_equal(figure.frames[-1].data[1].z, view.prediction[-1])
    assert len(figure.layout.sliders[0].steps) == 24


def test_without_truth_one_video_is_shown_and_without_frames_an_empty_figure() -> None:
    alone = plot_view(FramesView(np.zeros((2, 3, 3))))
    assert len(alone.frames[0].data) == 1
    nothing = plot_view(FramesView(np.zeros((0, 3, 3))))
    assert "no predicted frames" in nothing.layout.annotations[0].text
