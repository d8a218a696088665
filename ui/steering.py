"""The steering panel of a live run: its fields that may change, slow motion, and single steps while it is paused.

The panel shows what holds in the run now. When somebody else has changed a field, its control shows that value from the
next update on; a value that this visitor has typed and not applied yet stays in the other controls. When the run ends,
the panel stays in its place, disabled, so that nothing below it moves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import streamlit as st

from seqcore.errors import SeqcoreError
from seqcore.experiment.fields import Setting
from seqcore.experiment.live import live_settings
from seqcore.experiment.schedule_text import RATE, rate_text, schedule_name
from seqcore.results import metric_named
from seqcore.results.formatting import typeset
from seqcore.runs.records import Run
from ui import permissions, session
from ui.event_log import number
from ui.live_field import live_field
from ui.run_history import Moment
from ui.whole_number import whole_input, whole_or_float

__all__ = ["present_state", "steering_panel"]

RATES = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)  # steps per second
FULL_SPEED = "full speed"
WIDTH = 152  # pixels of a control: two in a row on a phone
ENDED = "This run has ended: its values can't change any more."
_ERRORS, _DRAWN = "steering-errors", "steering-drawn"


def steering_panel(moment: Moment) -> None:
    """The panel in an expander; nothing for a run that had ended before this session showed its panel."""
    run = moment.run
    drawn: set[str] = st.session_state.setdefault(_DRAWN, set())
    if not run.ended:
        drawn.add(run.id)
    elif run.id not in drawn:
        return
    box = st.expander("Steer this run", icon=":material/tune:", key=f"steer-{run.id}", on_change="rerun")
    if not box.open:
        return
    with box:
        refused = permissions.refused_help(run) or (ENDED if run.ended else None)
        st.caption(
            refused or f"Values can change until the run ends; they apply {_when(run)}."
        )  # always: of one height
        st.html(f'<div class="sl-note" data-testid="steer-now">{escape(present_state(moment))}</div>')
        _pace(run, refused)
        _fields(moment, refused)


def present_state(moment: Moment) -> str:
    """Step, loss and validation score in one line, because the cards may be out of sight; the chart updates it."""
    run, last = moment.run, moment.last
    words = metric_named(run.metric)
    score = typeset(words.format(None if last is None else last.metrics.get(f"val_{run.metric}")))
    loss = float(moment.curve[-1]) if len(moment.curve) else None
    known = "" if last is None else f" after epoch {last.epoch:,}"
    rate = f"learning rate {rate_text(moment.experiment, moment.learning_rate)}, " if _scheduled(moment) else ""
    return f"Step {moment.step:,}: {rate}training loss {number(loss, 4)}, validation {words.short} {score}{known}"


def _scheduled(moment: Moment) -> bool:
    return bool(schedule_name(moment.experiment.training))


def _pace(run: Run, refused: str | None) -> None:
    """Slow motion, and steps of a paused run."""
    now = FULL_SPEED if run.steps_per_second is None else _rate_text(run.steps_per_second)
    key = _key(run, "pace", now)
    rates = sorted({*RATES, *([run.steps_per_second] if run.steps_per_second else [])})
    with st.container(horizontal=True, vertical_alignment="bottom", key="steer-pace-row"):
        st.select_slider(
            "Slow motion, steps per second",
            [*map(_rate_text, rates), FULL_SPEED],
            value=now,
            key=key,
            help=refused or "Most steps per second. Each step is shown as it is taken; the numbers stay the same.",
            disabled=refused is not None,
            on_change=_slow,
            args=(run.id, key),
            width=300,
        )
        count = f"steer-count-{run.id}"
        paused = run.status == "paused"
        whole_input(  # no limits here: the store says what is allowed
            "Steps",
            value=1,
            key=count,
            help=refused or "How many steps a paused run takes before it pauses again.",
            disabled=refused is not None,
            width=WIDTH,
        )
        st.button(
            "Take steps",
            key=f"steer-step-{run.id}",
            icon=":material/skip_next:",
            help=refused or ("The run pauses again after them." if paused else "Pause the run to take single steps."),
            disabled=refused is not None or not paused,
            on_click=_advance,
            args=(run.id, count),
        )


def _fields(moment: Moment, refused: str | None) -> None:
    """The fields with their present values, and the button that applies what was typed."""
    run, experiment = moment.run, moment.experiment
    known = live_settings(experiment)
    fields = sorted((setting for setting, reason in known if reason is None), key=lambda setting: not setting.basic)
    values = {s.path: float(experiment.get(s.path)) for s in fields}
    keys = {path: _key(run, path, (value, run.ended)) for path, value in values.items()}  # the end drops what was typed
    with st.form(f"steer-form-{run.id}", border=False):
        with st.container(horizontal=True, vertical_alignment="bottom", key="steer-fields"):
            for setting in fields:
                _control(setting, keys[setting.path], values[setting.path], refused, schedule_name(experiment.training))
        st.form_submit_button(
            "Apply",
            icon=":material/check:",
            help=refused or f"Use these values {_when(run)}. Each change is a mark on the charts.",
            disabled=refused is not None,
            on_click=_apply,
            args=(run.id, keys, values),
        )
    session.show_lines(st.session_state.get(_ERRORS, {}).get(run.id, ()))
    shown = {s.path: f"{values[s.path]:g}" for s in fields} | {RATE: rate_text(experiment, moment.learning_rate)}
    now = ", ".join(f"{s.title.lower()} {shown[s.path]}" for s in fields)
    others = "".join(
        f" No {setting.title.lower()}: {reason}."
        for setting, reason in known
        if reason is not None and experiment.applies(setting)
    )
    st.caption(session.escape(f"Current values: {now}.{others}"))


def _control(setting: Setting, key: str, value: Any, refused: str | None, schedule: str) -> None:
    options = live_field(setting, value, schedule)
    options["help"] = refused or options["help"]
    st.number_input(**options, value=value, key=key, disabled=refused is not None, width=WIDTH)


def _when(run: Run) -> str:
    return "before the first step" if run.status == "queued" and not run.step else "from the next step on"


def _rate_text(rate: float) -> str:
    return f"{rate:g}"


def _key(run: Run, name: str, present: Any) -> str:
    """The key of a control that shows a present value: another one once that value has changed.

    A control with a new key begins with its value; one that keeps its key keeps what was typed.
    """
    seen: dict[str, tuple[Any, int]] = st.session_state.setdefault(f"steer-seen-{run.id}", {})
    before, number = seen.get(name, (present, 0))
    seen[name] = (present, number + (before != present))
    return f"steer-{run.id}-{name}-{seen[name][1]}"


def _apply(run: str, keys: Mapping[str, str], drawn: Mapping[str, Any]) -> None:
    """Ask for what differs from the values that the panel was drawn with."""
    # None: of a page that is not drawn any more
    wanted = {path: whole_or_float(st.session_state.get(key)) for path, key in keys.items()}
    changes = {path: value for path, value in wanted.items() if value is not None and value != drawn[path]}
    _ask(run, lambda: permissions.change(run, changes) if changes else None)


def _slow(run: str, key: str) -> None:
    if key not in st.session_state:  # the control of a page that is not drawn any more
        return
    rate = st.session_state[key]
    _ask(run, lambda: permissions.slow(run, None if rate == FULL_SPEED else float(rate)))


def _advance(run: str, key: str) -> None:
    steps = whole_or_float(st.session_state.get(key, 1))  # an emptied control has None
    _ask(run, lambda: permissions.advance(run, steps))


def _ask(run: str, action: Callable[[], None]) -> None:
    """Do it, and keep its errors for the panel until the next action."""
    errors: dict[str, tuple[str, ...]] = st.session_state.setdefault(_ERRORS, {})
    errors.clear()
    try:
        action()
    except SeqcoreError as error:
        errors[run] = error.lines
