"""The start of an experiment: a recipe, typed values, or an uploaded file; and the tables of their data."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import streamlit as st

from seqcore.data.readers.read_table import SUFFIXES, FileOptions, check_size, read_table
from seqcore.data.sources import SOURCES
from seqcore.data.table import Table
from seqcore.errors import NotFoundError, SeqcoreError
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.recipes import Recipe, load_recipe, recipes
from seqcore.tasks import TASKS
from seqcore.tasks.auto_config import suggest_experiment
from ui import drafts, forms, permissions, session
from ui.drafts import Draft, widget_key
from ui.import_form import import_form

__all__ = [
    "awaits_file", "file_choice", "first_fields", "shown_above", "start_bar", "suggested", "table_of", "upload_pending",
]  # fmt: skip

_VALUES = "data.options.text"
_TITLES = {"recipe": "Recipe", "values": "Your values", "file": "Your file"}
_ERRORS, _HANDLED, _UNREAD = "upload-errors", "upload-handled", "file-unread"
_IMPORT = "import:"
CACHED_TABLES = 4
POLL = 0.15  # seconds between two updates of the progress bar


class _Tables:
    """The tables used last (LRU), and those that are being read. Not a Streamlit cache: while a file is read in a
    thread, the page's own thread draws a progress bar."""

    def __init__(self) -> None:
        self._cached: OrderedDict[str, Table] = OrderedDict()
        self._reading: dict[str, tuple[Future[Table], list[float]]] = {}
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="reading")

    def get(self, key: str) -> Table | None:
        """A cached table, or None."""
        table = self._cached.get(key)
        if table is not None:
            self._cached.move_to_end(key)
        return table

    def put(self, key: str, table: Table) -> None:
        """Cache a table, and drop the least recently used one."""
        self._cached[key] = table
        while len(self._cached) > CACHED_TABLES:
            self._cached.popitem(last=False)

    def read(self, key: str, name: str, read: Callable[[Callable[[float], None]], Table]) -> Table:
        """Read a file in a thread and draw its progress; a second call with the same key joins the first."""
        if key not in self._reading:
            done = [0.0]
            self._reading[key] = self._threads.submit(read, lambda share: done.__setitem__(0, share)), done
        future, done = self._reading[key]
        place = st.empty()
        try:
            while not future.done():
                place.progress(min(1.0, done[0]), text=f"Reading {session.escape(name)}: {100 * done[0]:.0f}%")
                wait([future], timeout=POLL)
        finally:
            if future.done():
                self._reading.pop(key, None)
                place.empty()
        return future.result()


@st.cache_resource(show_spinner=False)
def _tables() -> _Tables:
    return _Tables()


def table_of(experiment: Experiment) -> Table:
    """The values of an experiment's source, cached. Raises DataError."""
    key = _key(experiment)
    table = _tables().get(key)
    if table is None:
        store = session.store()
        if SOURCES[experiment.data.source].stored:
            name = str(experiment.data.options["name"])
            table = _tables().read(key, name, lambda step: store.table(experiment, on_progress=step))
        else:
            with st.spinner("Generating the data"):
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
    """One row: recipe or own data; below it the controls of that choice."""
    origin = _origin(draft)
    st.session_state["origin"] = origin
    with st.container(horizontal=True, vertical_alignment="bottom", key="start"):
        st.segmented_control(
            "Start from",
            list(_TITLES),
            format_func=_TITLES.__getitem__,
            key="origin",
            required=True,
            help="A recipe is a complete experiment. Or use your own data.",
            on_change=_origin_changed,
        )
        if origin == "recipe":
            _recipe_choice(draft)
    if origin == "values":
        setting = next(s for s in draft.settings() if s.path == _VALUES)
        forms.field_control(draft, setting)
    elif origin == "file":
        suggestion = file_choice(draft.values.get("data.options.hash", ""))
        if suggestion is not None:
            drafts.reset(suggestion, None)
            session.select_run(None)
            st.rerun()


def file_choice(selected: str) -> Experiment | None:
    """Controls to upload a file or to select an earlier one; `selected` is the hash of the current file, or empty.

    Returns an experiment suggested for a newly selected file (one without a file if it can't be read), or None if
    nothing has changed. Errors stay on the page until another file is selected.
    """
    known = {f.hash: f.name for f in permissions.files()}
    refused = permissions.refused_help()
    with st.container(horizontal=True, key="file"):  # labels aligned at the top: the controls differ in height
        upload = st.file_uploader(
            "Upload a file",
            key="upload",
            disabled=refused is not None,
            type=[f".{suffix}" for suffix in SUFFIXES],
            help="Time series (CSV, TSV, Parquet), labeled sequences (CSV, TS), text (TXT), sentence pairs (TSV), "
            "audio (WAV, or a ZIP of WAV files). The format is detected. The file stays on this machine.",
        )
        if known:
            st.session_state["file-selected"] = selected if selected in known else None
            st.selectbox(
                "or an earlier file",
                list(known),
                format_func=known.__getitem__,
                key="file-selected",
                placeholder="Select a file",
                help="Uploaded files are kept, so that runs on them can be resumed and used later.",
                on_change=_file_selected,
            )
    suggestion: Experiment | None = None
    wanted = st.session_state.pop("file-wanted", None)
    if upload is not None and upload.file_id != st.session_state.get(_HANDLED):
        suggestion = _or_errors(lambda: _from_upload(upload, {}))
        st.session_state[_UNREAD] = None
        st.session_state[_HANDLED] = upload.file_id  # not before: a click while it is read would restart the page
    elif wanted in known:
        suggestion = _or_errors(lambda: suggested("file", {"hash": wanted, "name": known[wanted]}))
        st.session_state[_UNREAD] = wanted
    session.show_lines(st.session_state.get(_ERRORS, ()))
    if st.session_state.get(_ERRORS) and suggestion is None:
        suggestion = _read_otherwise(upload, known)
    if not selected and suggestion is None and not st.session_state.get(_ERRORS):
        st.info(refused or "Upload a file to begin.", icon=":material/upload_file:")
    return suggestion


def _read_otherwise(upload: Any, known: Mapping[str, str]) -> Experiment | None:
    """Import options for a file that was not read, an upload or an earlier one, and a button to read it with them."""
    earlier = str(st.session_state.get(_UNREAD))
    if upload is None and earlier not in known:
        return None
    options = import_form(_IMPORT)
    if options is None:
        return None
    if earlier in known:
        return _or_errors(lambda: suggested("file", {**options, "hash": earlier, "name": known[earlier]}))
    return _or_errors(lambda: _from_upload(upload, options))


def _or_errors(make: Callable[[], Experiment]) -> Experiment:
    """A file's experiment; if it can't be read, one without a file, so that the previous file is not used instead."""
    st.session_state.pop(_ERRORS, None)
    try:
        return make()
    except SeqcoreError as error:
        st.session_state[_ERRORS] = error.lines
        return Experiment.make({"data": {"source": "file"}})


def _from_upload(upload: Any, options: dict[str, Any]) -> Experiment:
    """Read the file, and store it only if that succeeds."""
    check_size(upload.size, upload.name)
    content = upload.getvalue()
    reading = FileOptions(**options)
    table = _tables().read(
        f"{upload.file_id} {options}",
        upload.name,
        lambda step: read_table(content, name=upload.name, options=reading, on_progress=step),
    )
    kept = permissions.put_file(content, upload.name)
    data = {"source": "file", "options": {**options, "hash": kept.hash, "name": kept.name}}
    experiment = suggest_experiment(table, data=data)
    _tables().put(_key(experiment), table)
    return experiment


def suggested(source: str, options: dict[str, Any]) -> Experiment:
    """An experiment suggested for a source's data. DataError if it has no values."""
    task = {} if SOURCES[source].stored else {"task": SOURCES[source].tasks[0]}
    data = {"source": source, "options": options, **task}
    # As in an upload, missing time steps are inserted whether or not the suggestion refuses missing values.
    table = table_of(Experiment.make({"data": {**data, "missing": "interpolate"} if SOURCES[source].stored else data}))
    experiment = suggest_experiment(table, data=data)
    _tables().put(_key(experiment), table)
    return experiment


def awaits_file(draft: Draft) -> bool:
    """Whether the source is an uploaded file and none has been uploaded."""
    return bool(draft.values["data.source"] == "file" and not draft.values.get("data.options.hash"))


def upload_pending() -> bool:
    """Whether a file was uploaded that the draft does not include yet."""
    upload = st.session_state.get("upload")
    return upload is not None and upload.file_id != st.session_state.get(_HANDLED)


def first_fields(draft: Draft, table: Table | None) -> tuple[str, ...]:
    """Fields shown first with the user's own data: format, target, inputs and missing values.

    With dates also the calendar; with a horizon above 1 also the multi-step strategy.
    """
    if _origin(draft) == "recipe":
        return ()
    reading = _reading_fields(draft, table) if draft.values["data.source"] == "file" else ()
    target = next(s for s in draft.settings() if s.path == "data.target")
    if table is None or not table.numeric_columns or forms.inapplicable(draft, target) is not None:
        return reading
    columns = ("data.target", "data.inputs") if len(table.columns) > 1 else ()
    missing = draft.values["data.missing"] != "refuse" or table.has_missing
    more = ("data.missing",) * missing + ("data.calendar",) * (table.times is not None)
    steps = ("data.window", "data.horizon", "data.multi_step") * (_shown_value(draft, "data.horizon") != 1)
    return (*reading, *columns, *more, *steps)


def _shown_value(draft: Draft, path: str) -> Any:
    """A field's value in its control, which is drawn later on the page."""
    return st.session_state.get(widget_key(draft, path), draft.values[path])


def _reading_fields(draft: Draft, table: Table | None) -> tuple[str, ...]:
    """The import options of a file: its kind, those that were set, and those that detection may get wrong."""
    names = ("series_column", "label_column", "group_column", "level")
    changed = tuple(name for name in names if draft.values.get(f"data.options.{name}") not in ("auto", None))
    several = table is None or len(table.lengths) > 1
    likely = (
        ("level",) if table is not None and not table.numeric_columns else ("series_column", "label_column") * several
    )
    detected = draft.values.get("data.options.kind") == "auto"
    return tuple(f"data.options.{name}" for name in dict.fromkeys(("kind", *changed, *(() if detected else likely))))


def shown_above(draft: Draft) -> tuple[str, ...]:
    """Fields that the start bar shows, so that the form does not."""
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
        placeholder="Custom experiment",
        help="Complete experiments that ship with Sequence Lab. All settings can be changed below.",
        on_change=_recipe_changed,
    )


def _recipe_changed() -> None:
    name = st.session_state["recipe"]
    st.session_state.pop(_ERRORS, None)
    if name is not None:
        drafts.reset(load_recipe(name).experiment, name)
        session.select_run(None)


def _origin_changed() -> None:
    origin = st.session_state["origin"]
    st.session_state.pop(_ERRORS, None)
    session.select_run(None)
    if origin == "recipe":
        name = drafts.default_recipe()
        drafts.reset(load_recipe(name).experiment, name)
    elif origin == "values":
        drafts.reset(_on_values(), None)
    else:
        drafts.reset(Experiment.make({"data": {"source": "file"}}), None)


def _on_values() -> Experiment:
    """Settings for a few typed numbers: those of the first article's recipe."""
    try:
        base = load_recipe("ramp-next-value").experiment
    except NotFoundError:
        base = Experiment()
    return base.with_changes({"data.source": "values"})


def _file_selected() -> None:
    st.session_state["file-wanted"] = st.session_state["file-selected"]
