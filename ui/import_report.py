"""How the user's file was read: questions about doubtful decisions, and the role of each column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from seqcore.data.import_report import ROLES, ColumnRole, Question
from seqcore.data.table import Table
from seqcore.experiment.experiment import options_of
from ui import import_changes
from ui.drafts import Draft
from ui.session import escape

__all__ = ["ask", "changed_options", "columns_box", "questions_box", "unconfirmed"]

MAX_ROWS = 12  # columns shown with controls of their own
MAX_ALTERNATIVES = 2  # of a column, as buttons
MAX_EXAMPLE = 24  # characters
_DETECTED, _CONFIRMED = "detected-roles", "confirmed-questions"


@dataclass(frozen=True)
class _File:
    """The columns of a file, the roles that the user has set, and those detected before."""

    roles: tuple[ColumnRole, ...]
    given: Mapping[str, str]
    detected: dict[str, str]


def questions_box(table: Table | None) -> None:
    """A box for each doubtful decision, with its answers as buttons; and why the last change was refused."""
    with st.container():  # with or without a question, what is below keeps its place: an open list stays open
        for line in import_changes.refused():
            st.error(f"Nothing was changed. {escape(line)}")
        if table is not None:
            ask(table.report.questions, import_changes.change, key="question")


def ask(questions: Sequence[Question], on_answer: Callable[[dict[str, Any]], None], *, key: str) -> None:
    """A box for each question; `on_answer` is called with the import options of the answer that is clicked.

    A question that the user has confirmed is not asked again in this visit.
    """
    for i, question in enumerate(questions):
        if question in unconfirmed(questions):
            _question(question, on_answer, f"{key}-{i}")


def unconfirmed(questions: Sequence[Question]) -> list[Question]:
    """The questions that the user has not confirmed."""
    confirmed: set[str] = st.session_state.setdefault(_CONFIRMED, set())
    return [question for question in questions if question.sentence not in confirmed]


def _question(question: Question, on_answer: Callable[[dict[str, Any]], None], key: str) -> None:
    with st.container(key=f"ask-{key}", border=True, gap="small"):
        st.markdown(f":material/help: {escape(question.sentence)}")
        with st.container(horizontal=True, gap="small"):
            for i, answer in enumerate(question.answers):
                st.button(
                    escape(answer.title), key=f"{key}-{i}", help=escape(_in_words(answer.options)),
                    on_click=on_answer, args=(dict(answer.options),),
                )  # fmt: skip
            if any("none" in answer.options.values() for answer in question.answers):
                return  # one of the answers keeps the reading
            st.button(
                "Keep as is", key=f"{key}-right", type="tertiary", icon=":material/check:",
                help="Keep the detected settings, and don't ask again.", on_click=_confirm, args=(question.sentence,),
            )  # fmt: skip


def _confirm(sentence: str) -> None:
    st.session_state[_CONFIRMED].add(sentence)


def _in_words(options: Mapping[str, Any]) -> str:
    """Import options in words: "Decimal separator: comma."."""
    titles = {s.path.rpartition(".")[2]: s.title for s in options_of("data.source", "file")}
    return "; ".join(f"{titles.get(name, name)}: {_shown(value)}" for name, value in options.items()) + "."


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} as {ROLES[role].title.lower()}" for name, role in value.items())
    return "yes" if value is True else "no" if value is False else str(value)


def columns_box(draft: Draft, table: Table, *, expanded: bool = True) -> None:
    """What each column of the file was taken for, why, and the most probable alternative.

    A change is written into `data.options.columns`, and the file is read again.
    """
    options = draft.base.data.options
    if draft.base.data.source != "file" or not table.report.roles:
        return
    detected = st.session_state.setdefault(_DETECTED, {}).setdefault(options["hash"], {})
    file = _File(table.report.roles, options["columns"], detected)
    special = [r for r in file.roles if r.role != "value" or r.column in file.given]
    shown = file.roles if len(file.roles) <= MAX_ROWS else special[:MAX_ROWS]
    with (
        st.expander(_summary(file.roles), expanded=expanded, key="file-columns"),
        st.container(key="column-roles", gap="small"),
    ):
        for place, role in enumerate(shown):
            with st.container(key=f"column-{place}", horizontal=True, vertical_alignment="center", gap="small"):
                example = f"  \n:gray[{escape(_short(role.example))}]" if role.example else ""
                st.markdown(f"**{escape(role.column)}**{example}", width=190)
                _controls(role, f"role-{place}", file)
        if len(shown) < len(file.roles):
            _another(file, len(file.roles) - len(shown))
        changed_options(draft)


def _summary(roles: tuple[ColumnRole, ...]) -> str:
    """The title: how many columns have which role."""
    counts = {ROLES[name].title.lower(): sum(r.role == name for r in roles) for name in ROLES}
    return "Columns of the file: " + ", ".join(
        f"{count:,} {title}" if count > 1 else title for title, count in counts.items() if count
    )


def _controls(role: ColumnRole, key: str, file: _File) -> None:
    """The role of a column, its alternatives as buttons, and the reason."""
    given = role.column in file.given
    st.session_state[key] = role.role
    st.selectbox(
        escape(f"Role of {role.column}"), list(ROLES), format_func=lambda name: ROLES[name].title, key=key,
        label_visibility="collapsed", width=150, on_change=_role_chosen, args=(role, key, file),
    )  # fmt: skip
    if given:
        before = file.detected.get(role.column)
        st.button(
            f"Detected: {ROLES[before].title}" if before in ROLES else "Detect", key=f"{key}-undo", type="tertiary",
            icon=":material/undo:", on_click=_set_role, args=(role, None, file), help="Undo the change.",
        )  # fmt: skip
    others = [name for name in role.alternatives if name in ROLES and name not in (role.role, "ignore") and not given]
    for name in others[:MAX_ALTERNATIVES]:
        st.button(
            f"{ROLES[name].title}?", key=f"{key}-{name}", type="tertiary", on_click=_set_role, args=(role, name, file),
            help=f"Use as {ROLES[name].title.lower()}. {ROLES[name].help}",
        )  # fmt: skip
    st.caption("Set by you." if given else escape(role.reason), width="stretch")


def _another(file: _File, count: int) -> None:
    """A column to choose among many, and its role."""
    st.caption(f"{count:,} more columns. Choose one to see or change its role.")
    with st.container(key="column-other", horizontal=True, vertical_alignment="center", gap="small"):
        place = st.selectbox(
            "Column", range(len(file.roles)), index=None, width=300, key="column-choice", label_visibility="collapsed",
            format_func=lambda i: f"{file.roles[i].column}: {ROLES[file.roles[i].role].title.lower()}",
            placeholder="Column",
        )  # fmt: skip
        if place is not None:
            _controls(file.roles[place], "role-other", file)


def changed_options(draft: Draft) -> None:
    """The import options that were set, and a button to detect everything again."""
    changed = import_changes.changed_options(draft.base) if draft.base.data.source == "file" else {}
    if changed and draft.base.data.options["hash"]:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(escape(f"Set: {_in_words(changed)}"), width="stretch")
            st.button(
                "Detect everything again", key="detect-again", type="tertiary", icon=":material/restart_alt:",
                on_click=import_changes.detect_all, args=(draft,),
            )  # fmt: skip


def _role_chosen(role: ColumnRole, key: str, file: _File) -> None:
    """A callback, which Streamlit also calls for a control that a run has hidden, with its unchanged value."""
    if st.session_state[key] != role.role:
        _set_role(role, st.session_state[key], file)


def _set_role(role: ColumnRole, name: str | None, file: _File) -> None:
    """Read the file again with another role of a column; None: the detected one."""
    if name is not None and role.column not in file.given:
        file.detected[role.column] = role.role
    undone = name is None or name == file.detected.get(role.column)
    import_changes.change({"columns": {role.column: None if undone else name}})


def _short(text: str) -> str:
    return text if len(text) <= MAX_EXAMPLE else f"{text[: MAX_EXAMPLE - 1]}…"
