"""Where an experiment starts: a recipe, values that the visitor types, or a file of the visitor's."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import streamlit as st

from seqcore.data.readers.read_table import SUFFIXES, FileOptions, check_size, read_table
from seqcore.data.sources import SOURCES
from seqcore.data.table import Table
from seqcore.errors import NotFoundError, SeqcoreError
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.recipes import Recipe, load_recipe, recipes
from seqcore.registry import task_kind
from seqcore.tasks import TASKS
from seqcore.tasks.auto_config import suggest_experiment
from ui import drafts, forms, session
from ui.drafts import Draft, widget_key

__all__ = [
    "awaits_file", "file_choice", "first_fields", "shown_above", "start_bar", "suggested", "table_of", "unsettled",
]  # fmt: skip

_VALUES = "data.options.text"
_TITLES = {"recipe": "Recipe", "values": "Own values", "file": "Own file"}
_FAULTS, _HANDLED = "own-data-faults", "upload-handled"
_READING = "reading:"
HOW_TO_READ = tuple(FileOptions.model_fields)
KEPT_TABLES = 4
A_MOMENT = 0.15  # seconds between two looks at how far reading is


class _Tables:
    """The tables that were asked for last, and those that are being read. Not a cache of Streamlit's: while a file is
    read a bar is drawn, by the page's own thread, since no other may draw."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Table] = OrderedDict()
        self._reading: dict[str, tuple[Future[Table], list[float]]] = {}
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="reading")

    def get(self, key: str) -> Table | None:
        """A table that was asked for before."""
        table = self._known.get(key)
        if table is not None:
            self._known.move_to_end(key)
        return table

    def put(self, key: str, table: Table) -> None:
        """Remember a table, and forget the one that nobody has asked for longest."""
        self._known[key] = table
        while len(self._known) > KEPT_TABLES:
            self._known.popitem(last=False)

    def read(self, key: str, name: str, read: Callable[[Callable[[float], None]], Table]) -> Table:
        """Read a file beside the page and draw how far it is. Whoever comes back to it meanwhile waits for the same."""
        if key not in self._reading:
            done = [0.0]
            self._reading[key] = self._threads.submit(read, lambda part: done.__setitem__(0, part)), done
        future, done = self._reading[key]
        place = st.empty()
        try:
            while not future.done():
                place.progress(min(1.0, done[0]), text=f"Reading {session.escape(name)}: {100 * done[0]:.0f} %")
                wait([future], timeout=A_MOMENT)
        finally:
            if future.done():
                self._reading.pop(key, None)
                place.empty()
        return future.result()


@st.cache_resource(show_spinner=False)
def _tables() -> _Tables:
    return _Tables()


def table_of(experiment: Experiment) -> Table:
    """The values of an experiment's source, from this server's memory where they were asked for before. DataError."""
    key = _key(experiment)
    table = _tables().get(key)
    if table is None:
        store = session.store()
        if SOURCES[experiment.data.source].stored:
            name = str(experiment.data.options["name"])
            table = _tables().read(key, name, lambda step: store.table(experiment, on_progress=step))
        else:
            with st.spinner("Making the data"):  # shown where it takes more than a moment
                table = store.table(experiment)
        _tables().put(key, table)
    return table


def _key(experiment: Experiment) -> str:
    data = experiment.to_dict()["data"]
    kept = {"source": data["source"], "options": data["options"], "task": data["task"]}
    if SOURCES[data["source"]].stored:
        kept["filled"] = data["missing"] != "refuse"  # see `FileOptions.for_missing`
    return json.dumps(kept, sort_keys=True)


def start_bar(draft: Draft) -> None:
    """One row: recipe or own data; under it what the choice needs."""
    origin = _origin(draft)
    st.session_state["origin"] = origin
    with st.container(horizontal=True, vertical_alignment="bottom", key="start"):
        st.segmented_control(
            "Start from",
            list(_TITLES),
            format_func=_TITLES.__getitem__,
            key="origin",
            required=True,
            help="A recipe is a complete experiment to begin with. Or bring values of your own.",
            on_change=_origin_chosen,
        )
        if origin == "recipe":
            _recipe_choice(draft)
    if origin == "values":
        setting = next(s for s in draft.settings() if s.path == _VALUES)
        forms.field_control(draft, setting)
    elif origin == "file":
        given = file_choice(draft.values.get("data.options.hash", ""))
        if given is not None:
            drafts.start_anew(given, None)
            session.select_run(None)
            st.rerun()


def file_choice(chosen: str) -> Experiment | None:
    """Ask for a file or offer those given before; `chosen` is the hash of the one that is looked at, or nothing.

    Returns what suits a file that has just been given (or, where it can't be read, an experiment without one), else
    None: then nothing has changed. Faults stay on the page until another file comes.
    """
    known = {f.hash: f.name for f in session.store().files()}
    with st.container(horizontal=True, key="file"):  # labels level; what is below them is not of one height
        upload = st.file_uploader(
            "Your file",
            key="upload",
            type=[f".{suffix}" for suffix in SUFFIXES],
            help="Values over time (CSV, TSV, Parquet), labelled sequences (CSV, TS), text (TXT), pairs of sentences "
            "(TSV), sound (WAV, or a ZIP of them). What it is, is recognised. The file stays on this machine.",
        )
        if known:
            st.session_state["file-chosen"] = chosen if chosen in known else None
            st.selectbox(
                "or a file given before",
                list(known),
                format_func=known.__getitem__,
                key="file-chosen",
                placeholder="Choose a file",
                help="Files are kept once, by their content, so that their runs can be resumed and used later.",
                on_change=_file_chosen,
            )
    given: Experiment | None = None
    wanted = st.session_state.pop("file-wanted", None)
    if upload is not None and upload.file_id != st.session_state.get(_HANDLED):
        given = _taken(lambda: _from_upload(upload, {}))
        st.session_state[_HANDLED] = upload.file_id  # not before: a press in between draws the page anew
    elif wanted in known:
        given = _taken(lambda: suggested("file", {"hash": wanted, "name": known[wanted]}))
    for line in st.session_state.get(_FAULTS, ()):  # until another file comes, or something else is chosen
        st.error(session.escape(line))
    if upload is not None and st.session_state.get(_FAULTS) and given is None:
        given = _read_otherwise(upload)
    if not chosen and given is None and not st.session_state.get(_FAULTS):
        st.info("Upload a file to begin.", icon=":material/upload_file:")
    return given


def _taken(make: Callable[[], Experiment]) -> Experiment:
    """A file's experiment. Where it can't be read the one before it must not be trained on under the new one's name."""
    st.session_state.pop(_FAULTS, None)
    try:
        return make()
    except SeqcoreError as error:
        st.session_state[_FAULTS] = error.lines
        return Experiment.make({"data": {"source": "file"}})


def _from_upload(upload: Any, options: dict[str, Any]) -> Experiment:
    """Read first, kept only then: a file that nobody can read is of no use later."""
    check_size(upload.size, upload.name)
    content = upload.getvalue()
    reading = FileOptions(**options)
    table = _tables().read(
        f"{upload.file_id} {options}",
        upload.name,
        lambda step: read_table(content, name=upload.name, options=reading, on_progress=step),
    )
    kept = session.store().put_file(content, upload.name)
    data = {"source": "file", "options": {**options, "hash": kept.hash, "name": kept.name}}
    experiment = suggest_experiment(table, data=data)
    _tables().put(_key(experiment), table)
    return experiment


def _read_otherwise(upload: Any) -> Experiment | None:
    """What can be said of a file that was not recognised, and another attempt with it."""
    blank = drafts.draft_of(Experiment.make({"data": {"source": "file"}}), None)
    blank.scope = _READING
    with st.expander("Say how to read it", key="read-otherwise"):
        for setting in blank.settings():
            if setting.path.removeprefix("data.options.") in HOW_TO_READ:
                forms.field_control(blank, setting)
        if not st.button("Read it again", icon=":material/refresh:", key="read-again"):
            return None
        options = {name: blank.values[f"data.options.{name}"] for name in HOW_TO_READ}
    changed = {name: value for name, value in options.items() if value != "auto"}
    return _taken(lambda: _from_upload(upload, changed))


def suggested(source: str, options: dict[str, Any]) -> Experiment:
    """Settings that suit a source's data. DataError where it has none."""
    task = {} if SOURCES[source].stored else {"task": SOURCES[source].tasks[0]}
    data = {"source": source, "options": options, **task}
    return suggest_experiment(table_of(Experiment.make({"data": data})), data=data)


def awaits_file(draft: Draft) -> bool:
    """Whether the visitor's own file is wanted and none has been given."""
    return bool(draft.values["data.source"] == "file" and not draft.values.get("data.options.hash"))


def unsettled() -> bool:
    """Whether a file has come in that the draft doesn't know yet: what was pressed before it was read must wait."""
    upload = st.session_state.get("upload")
    return upload is not None and upload.file_id != st.session_state.get(_HANDLED)


def first_fields(draft: Draft, table: Table | None) -> tuple[str, ...]:
    """Fields that matter before all others with the visitor's own data: what it is, what is predicted, and gaps.

    Where there are dates, so does the calendar; where more than one step is predicted, so does how.
    """
    if _origin(draft) == "recipe":
        return ()
    reading = _reading_fields(draft, table) if draft.values["data.source"] == "file" else ()
    if table is None or table.symbolic or task_kind(draft.values["data.task"]) != "regression":
        return reading
    columns = ("data.target", "data.inputs") if len(table.columns) > 1 else ()
    gaps = draft.values["data.missing"] != "refuse" or table.has_missing
    more = ("data.missing",) * gaps + ("data.calendar",) * (table.times is not None)
    steps = ("data.window", "data.horizon", "data.multi_step") * (_chosen(draft, "data.horizon") != 1)
    return (*reading, *columns, *more, *steps)


def _chosen(draft: Draft, path: str) -> Any:
    """A field as its control has it, which the form that is drawn next will read."""
    return st.session_state.get(widget_key(draft, path), draft.values[path])


def _reading_fields(draft: Draft, table: Table | None) -> tuple[str, ...]:
    """How a file is read: what it holds, and what recognition can get wrong with such data."""
    words = ("series_column", "label_column", "group_column", "level")
    said = tuple(name for name in words if _said(draft, name) not in ("auto", None))
    several = table is None or len(table.lengths) > 1
    likely = ("level",) if table is not None and table.symbolic else ("series_column", "label_column") * several
    names = (
        dict.fromkeys(("kind", *said, *likely)) if _said(draft, "kind") != "auto" else dict.fromkeys(("kind", *said))
    )
    return tuple(f"data.options.{name}" for name in names)


def _said(draft: Draft, name: str) -> Any:
    return draft.values.get(f"data.options.{name}")


def shown_above(draft: Draft) -> tuple[str, ...]:
    """Fields that need no control in the form: the bar above it has them."""
    return () if _origin(draft) == "recipe" else ("data.source", _VALUES)


def _origin(draft: Draft) -> str:
    source = draft.values["data.source"]
    return source if source in _TITLES else "recipe"


def _recipe_choice(draft: Draft) -> None:
    known: dict[str, Recipe] = {r.name: r for r in recipes()}
    st.session_state["recipe"] = draft.recipe if draft.recipe in known else None
    st.selectbox(
        "Recipe",
        list(known),
        format_func=lambda name: f"{TASKS[known[name].experiment.data.task].title} · {known[name].title}",
        key="recipe",
        placeholder="Your own experiment",
        help="Complete experiments that ship with Sequence Lab. Everything in them can be changed below.",
        on_change=_recipe_chosen,
    )


def _recipe_chosen() -> None:
    name = st.session_state["recipe"]
    st.session_state.pop(_FAULTS, None)
    if name is not None:
        drafts.start_anew(load_recipe(name).experiment, name)
        session.select_run(None)


def _origin_chosen() -> None:
    origin = st.session_state["origin"]
    st.session_state.pop(_FAULTS, None)
    session.select_run(None)
    if origin == "recipe":
        name = drafts.default_recipe()
        drafts.start_anew(load_recipe(name).experiment, name)
    elif origin == "values":
        drafts.start_anew(_on_values(), None)
    else:
        drafts.start_anew(Experiment.make({"data": {"source": "file"}}), None)


def _on_values() -> Experiment:
    """What suits a few typed numbers: the settings of the first article's recipe."""
    try:
        base = load_recipe("ramp-next-value").experiment
    except NotFoundError:
        base = Experiment()
    return base.with_changes({"data.source": "values"})


def _file_chosen() -> None:
    st.session_state["file-wanted"] = st.session_state["file-chosen"]
