"""Starting races and seeds, and the live board of a race with its buttons."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from seqcore.data.sources import SOURCES
from seqcore.errors import DataError, ExperimentError, SeqcoreError
from seqcore.experiment.experiment import Experiment, settings_of
from seqcore.experiment.recipes import load_recipe, recipes
from seqcore.models import MODELS
from seqcore.results.formatting import counted, enumerated
from seqcore.runs.comparison import Comparison, Entry
from seqcore.runs.labels import short_id
from seqcore.runs.races import (
    ARCHITECTURES,
    FAIRNESS,
    new_group,
    possible_architectures,
    race_experiments,
    seed_experiments,
)  # fmt: skip
from seqcore.runs.records import Run
from seqcore.runs.slots import MOST_TOGETHER
from seqcore.runs.store import RunFilter
from ui import compare_state, overview, permissions, run_labels, session
from ui.data_picker import table_of
from ui.field_titles import by_titles
from ui.race_board import board_data, race_board

__all__ = [
    "errors", "live_race", "prepare_race", "race_architectures", "race_button", "race_form",
    "start_race", "train_seeds",
]  # fmt: skip

RECIPE = "bouncing-ball"
POLL = 0.5  # seconds between two updates of the board
DEBOUNCE = 3.0  # seconds within which a second press starts nothing
FIELDS = {
    "model.architecture": "Architecture",
    "training.optimizer": "Optimizer",
    "training.learning_rate": "Learning rate",
}
_ERRORS, _STARTED, _REFUSED = "race-errors", "race-started", "race-refused"
PREPARED = 60.0  # seconds for which workers wait for the press
_ACTIVE = RunFilter(statuses=("queued", "running", "paused"))
_FACTORS = (0.1, 0.3, 1.0, 3.0)  # of the learning rate of an experiment


def start_race(experiment: Experiment, field: str, values: Sequence[Any], *, recipe: str | None) -> None:
    """Start a race and choose its group; errors are kept for `errors`."""
    st.session_state.pop(_ERRORS, None)
    if time.monotonic() - st.session_state.get(_STARTED, -DEBOUNCE) < DEBOUNCE:
        return  # a double click starts one race
    try:
        experiments = race_experiments(experiment, {field: values})
        _check(experiments)
        group = new_group("race")
        permissions.submit_together(experiments, group=group, recipe=recipe)
    except SeqcoreError as error:
        st.session_state[_ERRORS] = error.lines
        return
    st.session_state[_STARTED] = time.monotonic()
    compare_state.choose(group=group)


def _check(experiments: Sequence[Experiment]) -> None:
    """DataError where an experiment can't be trained on its data."""
    lines = [line for one in experiments for line in overview.check(one, table_of(one)) or ()]
    if lines:
        raise DataError(*dict.fromkeys(lines))


def race_architectures(experiment: Experiment, *, recipe: str | None) -> tuple[str, ...]:
    """Race the recurrent networks that an experiment allows. Returns the errors, none if the race is started."""
    start_race(experiment, "model.architecture", possible_architectures(experiment), recipe=recipe)
    errors: tuple[str, ...] = st.session_state.get(_ERRORS, ())
    return errors


def race_button(*, primary: bool) -> None:
    """One press starts the race of four recurrent networks on the bouncing ball."""
    names = [MODELS[name].title for name in ARCHITECTURES]
    refused = permissions.refused_help()
    st.button(
        f"Race {enumerated(names)}", key="race-start", icon=":material/sports_score:",
        type="primary" if primary else "secondary", disabled=refused is not None,
        help=refused or f"Starts {len(names)} runs of the recipe Bouncing ball at the same time, side by side.",
        on_click=_race_architectures,
    )  # fmt: skip


def prepare_race() -> None:
    """Start the workers of a race ahead, if no run is active: they take seconds to be ready and wait for a minute."""
    if permissions.refusal() is None and not session.store().find_runs(_ACTIVE, limit=1).total:
        session.scheduler().prepare(len(ARCHITECTURES), PREPARED)


def _race_architectures() -> None:
    recipe = load_recipe(RECIPE)
    start_race(recipe.experiment, "model.architecture", ARCHITECTURES, recipe=recipe.name)


def errors() -> None:
    """The errors of the last start, one line each."""
    session.show_lines(st.session_state.get(_ERRORS, ()))


def race_form(runs: Sequence[Run]) -> None:
    """Controls for a race of another experiment, or over another field."""
    refused = permissions.refused_help()
    left, right = st.columns([1, 2], gap="medium")
    with left:
        base, recipe = _base(runs, key="race-base")
        field = st.selectbox(
            "What competes", list(FIELDS), format_func=FIELDS.__getitem__, key="race-field",
            help="The field that differs between the competitors. Everything else is the same.",
        )  # fmt: skip
    with right:
        values = _competitors(base, field)
        st.caption(f"Starts {counted(len(values), 'run')} (2 to {MOST_TOGETHER} are allowed). {FAIRNESS}")
    st.button(
        "Start race", key="race-start-other", icon=":material/sports_score:", disabled=refused is not None,
        help=refused or "Trains all competitors at the same time.",
        on_click=start_race, args=(base, field, values), kwargs={"recipe": recipe},
    )  # fmt: skip


def _base(runs: Sequence[Run], *, key: str) -> tuple[Experiment, str | None]:
    """The experiment that a race or seeds begin from: a recipe's, or that of a run which is compared."""
    known: dict[str, tuple[str, Callable[[], tuple[Experiment, str | None]]]] = {}
    for run in runs:
        known[run.id] = (
            f"as in {run_labels.title(run)}, {run_labels.network(run)} ({short_id(run.id)})",
            lambda run=run: (run.experiment, run.recipe),  # type: ignore[misc]
        )
    for recipe in recipes():
        known[recipe.name] = (recipe.title, lambda recipe=recipe: (recipe.experiment, recipe.name))  # type: ignore[misc]
    names = list(known)
    start = names.index(RECIPE) if not runs and RECIPE in names else 0
    chosen = st.selectbox(
        "Experiment", names, index=start, format_func=lambda name: known[name][0] if name in known else name, key=key,
        help="A recipe, or the settings of a run that is compared here.",
    )  # fmt: skip
    return known[chosen][1]()


def _competitors(base: Experiment, field: str) -> list[Any]:
    """The values that compete."""
    if field == "training.learning_rate":
        rate = base.training.learning_rate
        text = st.text_input(
            "Learning rates", value=", ".join(f"{rate * factor:.3g}" for factor in _FACTORS), key=f"race-rates-{rate}",
            help="Numbers above 0, separated by commas.",
        )  # fmt: skip
        return [part.strip() for part in text.split(",") if part.strip()]
    setting = next(s for s in settings_of(base) if s.path == field)
    titles = {choice.value: choice.title for choice in setting.choices}
    reasons = {value: base.why_not(field, value) for value in titles}
    possible = [value for value in titles if reasons[value] is None]
    usual = ARCHITECTURES if field == "model.architecture" else ("sgd", "adam", "adamw", "rmsprop")
    chosen = st.multiselect(
        FIELDS[field] + "s", possible, default=[value for value in usual if value in possible],
        format_func=lambda value: titles.get(value, value), key=f"race-values-{field}-{base.data.task}",
        help="The competitors. Those that this experiment does not allow are not listed.",
    )  # fmt: skip
    refused = [f"{titles[value]}: {reason}" for value, reason in reasons.items() if reason is not None]
    if refused:
        st.caption("Not possible: " + session.escape(by_titles("; ".join(refused))))
    return list(chosen)


def live_race(entries: Sequence[Entry], group: str, was_active: bool) -> None:
    """The board of a race with its buttons, updated while it goes on."""
    with st.container(key="race"):
        st.fragment(_live_race, run_every=POLL if was_active else None)(entries, group, was_active)


def _live_race(entries: Sequence[Entry], group: str, was_active: bool) -> None:
    sources = [compare_state.curves_of(entry.runs[0].id) for entry in entries]
    runs = [source.run for source in sources]
    active = any(not run.ended for run in runs)
    if was_active != active:
        st.rerun()
    _buttons(runs, active=active)
    with st.container():  # whatever it says, the board keeps its place and its nodes
        session.show_lines(st.session_state.get(_REFUSED, ()))
        if active and (error := session.scheduler().error) is not None:
            st.warning(session.escape(error))
    race_board(board_data(entries, sources), key=f"race-board-{group}")


def _buttons(runs: Sequence[Run], *, active: bool) -> None:
    """Pause, continue and stop all; after the end, race again."""
    refused = next((text for run in runs if (text := permissions.refused_help(run))), None)
    of = {status: [run for run in runs if run.status == status] for status in ("running", "paused")}
    live = [run for run in runs if not run.ended]
    with st.container(horizontal=True, key="race-buttons"):
        if active:
            help = "Pause every competitor; their slots are free meanwhile."
            _button("Pause all", "pause", help, permissions.pause, of["running"], refused)
            help = "Continue every paused competitor."
            _button("Continue all", "play_arrow", help, permissions.continue_, of["paused"], refused)
            _button("Stop all", "stop", "End the race. The weights are kept.", permissions.stop, live, refused)
            return
        again = permissions.refused_help()
        pressed = st.button(
            "Race again", key="race-again", icon=":material/replay:", disabled=again is not None,
            help=again or "The same competitors once more. The same seed gives the same scores.",
        )  # fmt: skip
    if pressed:
        _race_again(runs)
        st.rerun()


def _race_again(runs: Sequence[Run]) -> None:
    st.session_state.pop(_ERRORS, None)
    group = new_group("race")
    try:
        permissions.submit_together([run.experiment for run in runs], group=group, recipe=runs[0].recipe)
    except SeqcoreError as error:
        st.session_state[_ERRORS] = error.lines
        return
    compare_state.choose(group=group)


def _button(
    label: str, icon: str, help: str, action: Callable[[str], object], runs: Sequence[Run], refused: str | None
) -> None:
    name = label.lower().replace(" ", "-")
    st.button(
        label, key=f"race-{name}", icon=f":material/{icon}:", help=refused or help, width=150,
        disabled=refused is not None or not runs, on_click=_all, args=(action, [run.id for run in runs]),
    )  # fmt: skip


def _all(action: Callable[[str], object], runs: Sequence[str]) -> None:
    """Act on every run. The session is touched last: Streamlit ends a callback there if a rerun of the page waits."""
    lines: list[str] = []
    for run in runs:
        try:
            action(run)
        except SeqcoreError as error:
            ended = session.store().run(run).ended  # it has ended since the buttons were drawn
            lines += [] if ended else error.lines
    st.session_state[_REFUSED] = tuple(lines)


def train_seeds(found: Comparison | None, runs: Sequence[Run]) -> None:
    """Controls to train an experiment, or all that are compared, with several seeds."""
    refused = permissions.refused_help()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        base, recipe = _base(runs, key="seeds-base")
        count = st.number_input(
            "Seeds", 2, 64, 6, key="seeds-count", width=110,
            help="From 6 on two experiments can be called different, at p < 0.05.",
        )  # fmt: skip
        st.button(
            "Train seeds", key="seeds-train", icon=":material/stacks:", disabled=refused is not None,
            help=refused or "One experiment with consecutive seeds: as one batched model where the task allows it.",
            on_click=_start_seeds, args=([(base, recipe)], int(count)),
        )  # fmt: skip
        if found is not None and len(found.entries) > 1:
            every = [(entry.experiment, entry.runs[0].recipe) for entry in found.entries]
            st.button(
                f"Train these {len(every)} with {count} seeds each", key="seeds-train-all", icon=":material/stacks:",
                disabled=refused is not None, on_click=_start_seeds, args=(every, int(count)),
                help=refused or "Every experiment that is compared, with the same seeds, so that they can be tested.",
            )  # fmt: skip


def _start_seeds(experiments: Sequence[tuple[Experiment, str | None]], count: int) -> None:
    st.session_state.pop(_ERRORS, None)
    group = new_group("seeds")
    try:
        every = [(one, recipe) for base, recipe in experiments for one in seed_experiments(base, count)]
        if len(every) > 64:
            raise ExperimentError(f"seeds: {len(every)} runs are too many at once; use fewer seeds or experiments")
        _check([one for one, _ in every if not SOURCES[one.data.source].stored or one.data.options.get("hash")])
        for one, recipe in every:
            permissions.submit(one, recipe=recipe, group=group)
    except SeqcoreError as error:
        st.session_state[_ERRORS] = error.lines
        return
    compare_state.choose(group=group)
