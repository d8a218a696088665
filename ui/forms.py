"""Controls made from an experiment's own field descriptions: a new field needs no line here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import streamlit as st

from seqcore.data.sources import SOURCES
from seqcore.data.table import Table
from seqcore.experiment.constraints import RULES
from seqcore.experiment.experiment import OPTIONS, settings_of
from seqcore.experiment.fields import Choice, Setting
from ui.drafts import Draft, widget_key
from ui.session import escape

__all__ = ["field_control", "section"]

FEW = 4  # so many choices stand side by side; more of them fold into a list
LETTERS = 22  # and only as long as their titles fit into a narrow column
HIDDEN = ("data.options.hash", "data.options.name")  # set by giving a file
_RULED = frozenset(rule.path for rule in RULES)


def section(
    draft: Draft, name: str, table: Table | None = None, *, leave_out: Sequence[str] = (), first: Sequence[str] = ()
) -> None:
    """The controls of one part of the experiment: the usual ones open, the rest folded away.

    `table` is the data, whose columns a field of names can choose from; what can't matter to them isn't shown.
    `leave_out` are fields shown elsewhere, `first` those that are open and on top here, in this order.
    """
    columns = table.columns if table is not None else ()
    fields = [s for s in draft.settings() if s.path.startswith(f"{name}.") and s.path not in (*HIDDEN, *leave_out)]
    fields = [s for s in fields if not (s.numbers and table is not None and not table.numeric_columns)]
    on_top = [s for path in first for s in fields if s.path == path]
    usual = on_top + [s for s in fields if s.basic and s not in on_top and _unused(draft, s) is None]
    others = [s for s in fields if s not in on_top and _for_other_tasks(draft, s)]
    rest = [s for s in fields if s not in usual and s not in others]
    for group in _side_by_side(usual):
        places = st.columns(len(group), gap="small") if len(group) > 1 else [st.container()]
        for place, setting in zip(places, group, strict=True):
            with place:
                field_control(draft, setting, columns)
    if rest:
        with st.expander(f"More {name} settings", key=f"more-{name}"):
            for setting in sorted(rest, key=lambda s: _unused(draft, s) is not None):
                field_control(draft, setting, columns)
            if others:
                st.caption(f"Kept for other tasks: {escape(', '.join(s.title.lower() for s in others))}.")


def _for_other_tasks(draft: Draft, setting: Setting) -> bool:
    """Whether a field has no meaning in this task, whatever else is chosen."""
    tasks = (setting.applies_to or {}).get("data.task")
    return tasks is not None and draft.values.get("data.task") not in tasks


def _side_by_side(fields: Sequence[Setting]) -> list[list[Setting]]:
    """Two numbers that follow each other share a line."""
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
    """One field: its control, with what it means and what may be given; off, with the reason, where it can't matter."""
    key = widget_key(draft, setting.path)
    value = draft.values.get(setting.path, setting.default)
    reason = _unused(draft, setting)
    if key not in st.session_state:
        st.session_state[key] = _as_shown(setting, value)
    label = escape(setting.title) + (
        f" :gray[/ {escape(setting.unit)}]" if setting.unit and setting.unit != "steps" else ""
    )
    common: dict[str, Any] = {"key": key, "help": _help(setting, reason), "disabled": reason is not None}
    if reason is not None:
        label += f" :gray[· {escape(reason)}]"
    draw = {"choice": _choice, "switch": _switch, "whole": _number, "number": _number, "names": _names, "text": _text}
    draft.values[setting.path] = draw[setting.kind](draft, setting, label, common, columns)


def _as_shown(setting: Setting, value: Any) -> Any:
    """A field's value as its control holds it."""
    if setting.kind == "names":
        return list(value)
    if setting.kind == "number" and value is not None:
        return float(value)
    return value


def _help(setting: Setting, reason: str | None) -> str:
    lines = [escape(setting.help)]
    lines += [f"- **{escape(c.title)}**: {escape(c.help)}" for c in setting.choices if c.help]
    if setting.kind in ("whole", "number"):
        lines.append(f"{escape(setting.allowed[0].upper() + setting.allowed[1:])}.")
    if reason is not None:
        lines.append(f"Not used now: {escape(reason)}. Its value is kept.")
    return "\n\n".join(lines)


def _unused(draft: Draft, setting: Setting) -> str | None:
    """Why a field doesn't matter beside the others as they are, or None where it does."""
    titles = {s.path: s for s in settings_of(draft.base)}
    for path, values in (setting.applies_to or {}).items():
        if draft.values.get(path) not in values:
            other = titles[path]
            names = {c.value: c.title for c in other.choices}
            return "only for " + " or ".join(names.get(v, v) for v in values)
    return None


def _reason(draft: Draft, setting: Setting, value: Any) -> str | None:
    """Why a choice can't be made beside everything else as it is."""
    if setting.path == "data.task" and value not in SOURCES[draft.values["data.source"]].tasks:
        return "these data are not for it"
    if setting.path not in _RULED or value == draft.values.get(setting.path):
        return None
    return draft.base.why_not(setting.path, value)


def _choice(draft: Draft, setting: Setting, label: str, common: dict[str, Any], columns: Sequence[str]) -> Any:
    choices = list(setting.choices)
    now = draft.values.get(setting.path)
    if setting.path == "data.source":
        choices = [c for c in choices if c.value == now or not SOURCES[c.value].stored]
    if setting.path in OPTIONS:
        common["on_change"] = _chosen
        common["args"] = (draft, setting.path, common["key"])
    impossible = {c.value: r for c in choices if (r := _reason(draft, setting, c.value)) is not None}
    titles = {c.value: c.title for c in choices}
    if len(choices) <= FEW and sum(len(c.title) for c in choices) <= LETTERS:
        value = st.segmented_control(
            label, [c.value for c in choices], format_func=titles.__getitem__, required=True, width="stretch", **common
        )
        _grey_out(common["key"], choices, impossible)
    else:
        offered = [c.value for c in choices if c.value not in impossible or c.value == now]
        value = st.selectbox(label, offered, format_func=titles.__getitem__, **common)
    for reason in dict.fromkeys(impossible.values()):
        alike = [titles[name] for name, why in impossible.items() if why == reason]
        why = reason.partition("; ")[0]  # what to do instead is what is offered
        st.caption(f"Not offered here: {escape(', '.join(alike))}, because {escape(why)}.")
    return value


def _chosen(draft: Draft, choice: str, key: str) -> None:
    """A callback: another source or architecture has other options."""
    draft.choose(choice, st.session_state[key])
    if choice == "data.source":
        for path in ("data.task", "data.inputs", "data.target"):
            st.session_state.pop(widget_key(draft, path), None)


def _grey_out(key: str, choices: Sequence[Choice], impossible: dict[str, str]) -> None:
    """Streamlit can't switch one of several choices off; a style can. Whoever chooses it by keyboard reads why not."""
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
    # No limits here: a browser would only refuse; `Experiment` says what is wrong and what may be given.
    if setting.optional:
        common |= {"value": None, "placeholder": "automatic"}
    if setting.slider and setting.minimum is not None and setting.maximum is not None:
        low, high = int(setting.minimum), int(setting.maximum)
        st.session_state[common["key"]] = min(max(int(st.session_state[common["key"]]), low), high)
        return st.slider(label, low, high, step=1, **common)
    if setting.kind == "whole":
        return st.number_input(label, step=1, format="%d", **common)
    return st.number_input(label, step=_step(setting), format="%g", **common)


def _step(setting: Setting) -> float:
    """How far one press goes: a tenth of the default's size or, from 0, a hundredth of the range."""
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
        return _offered(setting, label, common)
    if setting.multiline:
        return st.text_area(label, height=110, **common) or ""
    return st.text_input(label, **common) or ""


def _offered(setting: Setting, label: str, common: dict[str, Any]) -> str:
    """What this machine has to choose from, with the reason beside what can't be used here."""
    assert setting.dynamic_choices is not None
    choices: list[Choice] = setting.dynamic_choices.load()()
    titles = {c.value: f"{c.title} ({c.value})" if c.value not in ("auto", "cpu") else c.title for c in choices}
    now = str(st.session_state[common["key"]])
    offered = [c.value for c in choices if not c.reason]
    if now not in offered:
        offered.append(now)  # from a link: kept, and `check` says why it can't be used
    value = st.selectbox(label, offered, format_func=lambda name: titles.get(name, name), **common)
    for choice in choices:
        if choice.reason:
            st.caption(f"{escape(choice.title)}: {escape(choice.reason)}")
    return str(value)
