"""Form controls derived from the field descriptions of an experiment: a new field needs no line here."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

import streamlit as st

from seqcore.data.sources import SOURCES
from seqcore.data.table import Table
from seqcore.experiment.constraints import RULES
from seqcore.experiment.experiment import OPTIONS, settings_of
from seqcore.experiment.fields import Choice, Setting
from seqcore.experiment.schedule_text import RATE, named_schedule
from ui import warm_up
from ui.drafts import Draft, widget_key
from ui.field_titles import by_titles
from ui.session import escape
from ui.whole_number import whole_input

__all__ = ["field_control", "inapplicable", "section"]

MAX_BUTTONS = 4  # choices shown side by side; more are a list
MAX_LETTERS = 22  # of their titles together, so that they fit into a narrow column
HIDDEN = ("data.options.hash", "data.options.name")  # set by uploading a file
_COLUMNS = "data.options.columns"
_CONSTRAINED = frozenset(rule.path for rule in RULES)


def section(
    draft: Draft, name: str, table: Table | None = None, *, leave_out: Sequence[str] = (), first: Sequence[str] = ()
) -> None:
    """The controls of one section of the experiment: the basic ones open, the rest in an expander.

    `table` is the data, from whose columns a field of names can choose; fields that don't apply to it are left out.
    `leave_out` are fields shown elsewhere; `first` are shown open and on top, in this order.
    """
    columns = table.columns if table is not None else ()
    fields = [s for s in draft.settings() if s.path.startswith(f"{name}.") and s.path not in (*HIDDEN, *leave_out)]
    if table is not None and table.report.roles:  # they are changed beside the reason of each
        fields = [s for s in fields if s.path != _COLUMNS]
    fields = [s for s in fields if not (s.numbers and table is not None and not table.numeric_columns)]
    on_top = [s for path in first for s in fields if s.path == path]
    basic = on_top + [s for s in fields if s.basic and s not in on_top and inapplicable(draft, s) is None]
    others = [s for s in fields if s not in on_top and _for_other_tasks(draft, s)]
    rest = [s for s in fields if s not in basic and s not in others]
    for group in _side_by_side(basic):
        places = st.columns(len(group), gap="small") if len(group) > 1 else [st.container()]
        for place, setting in zip(places, group, strict=True):
            with place:
                field_control(draft, setting, columns)
    if rest:
        more = st.expander(f"More {name} settings", key=f"more-{name}", on_change="rerun")
        if not more.open:  # not drawn: they would be most of the page's controls; the draft keeps their values
            return
        with more:
            for setting in sorted(rest, key=lambda s: inapplicable(draft, s) is not None):
                field_control(draft, setting, columns)
            if others:
                st.caption(f"Not used by this task: {escape(', '.join(s.title.lower() for s in others))}.")


def _for_other_tasks(draft: Draft, setting: Setting) -> bool:
    """Whether a field does not apply to this task, whatever else is chosen."""
    tasks = (setting.applies_to or {}).get("data.task")
    return tasks is not None and draft.values.get("data.task") not in tasks


def _side_by_side(fields: Sequence[Setting]) -> list[list[Setting]]:
    """Two consecutive number fields share a line."""
    groups: list[list[Setting]] = []
    for setting in fields:
        last = groups[-1] if groups else []
        alike = len(last) == 1 and {last[0].kind, setting.kind} <= {"whole", "number"}
        if alike and last[0].path.count(".") == setting.path.count("."):
            last.append(setting)
        else:
            groups.append([setting])
    return groups


def field_control(draft: Draft, setting: Setting, columns: Sequence[str] = ()) -> None:
    """One field: its control with help and allowed values; disabled, with the reason, where it does not apply."""
    key = widget_key(draft, setting.path)
    value = draft.values.get(setting.path, setting.default)
    reason = inapplicable(draft, setting)
    if key not in st.session_state:
        st.session_state[key] = _as_shown(setting, value)
    label = escape(setting.title) + (
        f" :gray[/ {escape(setting.unit)}]" if setting.unit and setting.unit != "steps" else ""
    )
    common: dict[str, Any] = {"key": key, "help": _help(setting, reason), "disabled": reason is not None}
    if reason is not None:
        label += f" :gray[· {escape(reason)}]"
    if setting.path == RATE and (
        schedule := named_schedule(draft.values.get("training.schedule", draft.base.training.schedule))
    ):
        label += (
            f" :gray[· {schedule.removesuffix(' schedule')}]"  # which may be set among the fields that are not shown
        )
    draw = {"choice": _choice, "switch": _switch, "whole": _number, "number": _number, "names": _names, "text": _text,
            "mapping": _text}  # fmt: skip
    draft.values[setting.path] = draw[setting.kind](draft, setting, label, common, columns)


def _as_shown(setting: Setting, value: Any) -> Any:
    """A field's value in the form that its control holds."""
    if setting.kind == "names":
        return list(value)
    if setting.kind == "mapping" and not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if value else ""
    if setting.kind == "number" and value is not None:
        return float(value)
    return value


def _help(setting: Setting, reason: str | None) -> str:
    lines = [escape(setting.help)]
    lines += [f"- **{escape(c.title)}**: {escape(c.help)}" for c in setting.choices if c.help]
    if setting.kind in ("whole", "number"):
        lines.append(f"{escape(setting.allowed[0].upper() + setting.allowed[1:])}.")
    if reason is not None:
        lines.append(f"Not used: {escape(reason)}. The value is kept.")
    return "\n\n".join(lines)


def inapplicable(draft: Draft, setting: Setting) -> str | None:
    """Why a field does not apply to the other fields' values, or None if it does."""
    titles = {s.path: s for s in settings_of(draft.base)}
    for path, values in (setting.applies_to or {}).items():
        if draft.values.get(path) not in values:
            other = titles[path]
            names = {c.value: c.title for c in other.choices}
            return "only for " + " or ".join(names.get(v, v) for v in values)
    return None


def _reason(draft: Draft, setting: Setting, value: Any) -> str | None:
    """Why a value can't be chosen together with the other fields' values, or None if it can."""
    if setting.path == "data.task" and value not in SOURCES[draft.values["data.source"]].tasks:
        return "not supported by this data source"
    if setting.path not in _CONSTRAINED or value == draft.values.get(setting.path):
        return None
    reason = draft.why_not(setting.path, value)
    return None if reason is None else _advice_by_titles(draft, setting, reason)


def _advice_by_titles(draft: Draft, setting: Setting, reason: str) -> str:
    """The reason with fields named by their titles, and without advice to change the field itself."""
    why, _, advice = reason.partition("; ")
    if not advice or setting.path in advice:
        return why
    advice = re.sub(r"set ([\w.]+) = false", r"turn off \1", advice)
    return f"{why}; {by_titles(advice, settings_of(draft.base))}"


def _choice(draft: Draft, setting: Setting, label: str, common: dict[str, Any], columns: Sequence[str]) -> Any:
    choices = list(setting.choices)
    now = draft.values.get(setting.path)
    if setting.path == "data.source":
        choices = [c for c in choices if c.value == now or not SOURCES[c.value].stored]
    if setting.path in OPTIONS:
        common["on_change"] = _choice_changed
        common["args"] = (draft, setting.path, common["key"])
    impossible = {c.value: r for c in choices if (r := _reason(draft, setting, c.value)) is not None}
    titles = {c.value: c.title for c in choices}
    if len(choices) <= MAX_BUTTONS and sum(len(c.title) for c in choices) <= MAX_LETTERS:
        value = st.segmented_control(
            label, [c.value for c in choices], format_func=titles.__getitem__, required=True, width="stretch", **common
        )
        _grey_out(common["key"], choices, impossible)
    else:
        possible = [c.value for c in choices if c.value not in impossible or c.value == now]
        value = st.selectbox(label, possible, format_func=titles.__getitem__, **common)
    if setting.path in OPTIONS and setting.path != "data.source":  # a source is described in the heading of its page
        st.caption(escape(next(c.help for c in choices if c.value == value)))
    _unavailable({titles[name]: reason for name, reason in impossible.items()})
    return value


def _unavailable(reasons: dict[str, str]) -> None:
    """One line: which choices are unavailable, and why."""
    alike: dict[str, list[str]] = {}
    for title, reason in reasons.items():
        alike.setdefault(reason.removeprefix(f"{title} "), []).append(title)
    if alike:
        listed = "; ".join(f"{escape(', '.join(titles))} ({escape(why)})" for why, titles in alike.items())
        st.caption(f"Unavailable: {listed}.")


def _choice_changed(draft: Draft, path: str, key: str) -> None:
    if key not in st.session_state:  # the control of a page that is not drawn any more
        return
    draft.choose(path, st.session_state[key])
    if path == "data.source":
        for dependent in ("data.task", "data.inputs", "data.target"):
            st.session_state.pop(widget_key(draft, dependent), None)


def _grey_out(key: str, choices: Sequence[Choice], impossible: dict[str, str]) -> None:
    """Disable single choices by a style: Streamlit can't. Chosen by keyboard nevertheless, they give an error."""
    places = [i for i, c in enumerate(choices, 1) if c.value in impossible]
    if places:
        name = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in key)
        picked = ", ".join(f".st-key-{name} button:nth-of-type({i})" for i in places)
        st.html(f"<style>{picked} {{ opacity: .4; pointer-events: none; }}</style>")


def _switch(draft: Draft, setting: Setting, label: str, common: dict[str, Any], columns: Sequence[str]) -> bool:
    reason = None if draft.values.get(setting.path) else _reason(draft, setting, True)
    if reason is not None and not common["disabled"]:
        common["disabled"] = True
        st.toggle(label, **common)
        st.caption(escape(reason))
        return False
    return bool(st.toggle(label, **common))


def _number(draft: Draft, setting: Setting, label: str, common: dict[str, Any], columns: Sequence[str]) -> Any:
    # No limits here: the browser would reject a value without a reason; `Experiment` says what is allowed.
    if setting.optional:
        common |= {"value": None, "placeholder": "automatic"}
    if setting.slider and setting.minimum is not None and setting.maximum is not None:
        low, high = int(setting.minimum), int(setting.maximum)
        st.session_state[common["key"]] = min(max(int(st.session_state[common["key"]]), low), high)
        return st.slider(label, low, high, step=1, **common)
    step = 1.0 if setting.kind == "whole" else _step(setting)
    lowest = draft.values.get(setting.path) == setting.minimum and setting.minimum in (0.0, 1.0)
    more = int((setting.minimum or 0) + 1) if setting.kind == "whole" else step
    reason = _reason(draft, setting, more) if lowest else None
    if reason is not None and not common["disabled"]:
        common["disabled"] = True
        label += f" :gray[· {escape(re.split('[:;] ', reason)[0])}]"
    if setting.kind == "whole":
        return whole_input(label, **common)
    return st.number_input(label, step=step, format="%g", **common)


def _step(setting: Setting) -> float:
    """The increment: a tenth of the default's magnitude or, for a default of 0, a hundredth of the range."""
    size = abs(float(setting.default or 0.0))
    if size == 0.0:
        return 0.01 if setting.maximum is None or setting.maximum <= 1.0 else 0.1
    return float(10.0 ** math.floor(math.log10(size / 2)))


def _names(
    draft: Draft, setting: Setting, label: str, common: dict[str, Any], columns: Sequence[str]
) -> tuple[str, ...]:
    chosen = st.session_state[common["key"]]
    if setting.choices:
        titles = {c.value: c.title for c in setting.choices}
        picked = st.multiselect(label, list(titles), format_func=titles.__getitem__, placeholder="none", **common)
        return tuple(picked)
    options = [*columns, *(name for name in chosen if name not in columns)]
    return tuple(st.multiselect(label, options, placeholder="automatic", **common))


def _text(draft: Draft, setting: Setting, label: str, common: dict[str, Any], columns: Sequence[str]) -> str:
    if setting.dynamic_choices is not None:
        return _dynamic_choice(setting, label, common)
    if setting.multiline:
        return st.text_area(label, height=110, **common) or ""
    return st.text_input(label, **common) or ""


def _dynamic_choice(setting: Setting, label: str, common: dict[str, Any]) -> str:
    """The choices of this machine (devices), with the reason for those that are unavailable."""
    assert setting.dynamic_choices is not None
    # Torch knows the choices (devices); until it is imported there are the default and the current one.
    automatic = Choice(str(setting.default), "Automatic")
    choices: list[Choice] = setting.dynamic_choices.load()() if warm_up.has_torch() else [automatic]
    titles = {c.value: f"{c.title} ({c.value})" if c.value not in ("auto", "cpu") else c.title for c in choices}
    now = str(st.session_state[common["key"]])
    possible = [c.value for c in choices if not c.reason]
    if now not in possible:
        possible.append(now)  # from a link: kept, and `check` says why it can't be used
    value = st.selectbox(label, possible, format_func=lambda name: titles.get(name, name), **common)
    _unavailable({c.title: c.reason for c in choices if c.reason})
    return str(value)
