"""What can be done with a trained model: predict an input, forecast, generate, evaluate new data, export."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from seqcore.data.readers.read_table import SUFFIXES
from seqcore.data.table import Table
from seqcore.errors import SeqcoreError
from seqcore.experiment.experiment import settings_of
from seqcore.export import FORMATS
from seqcore.plots import plot_view
from seqcore.results import SeriesView, View
from seqcore.results.formatting import counted
from seqcore.results.series import NO_LONGER, series_csv
from seqcore.runs.labels import short_id
from seqcore.runs.records import Run
from seqcore.tasks.auto_config import refit_experiment
from seqcore.tasks.frames import frames_view
from ui import permissions, run_labels, session
from ui.attribution_section import explained_input
from ui.cards import finding_box
from ui.evaluation_section import show_evaluation
from ui.field_titles import by_titles
from ui.import_form import import_form
from ui.import_report import ask
from ui.inputs import INPUTS, parsed_text, wanted_file
from ui.results import answer, answer_table, download_csv, file_stem, letters, picture, show
from ui.session import escape, select_run, show_errors

if TYPE_CHECKING:  # it imports torch, which a page without a trained model does not need
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from seqcore.evaluation.metrics import Evaluation
    from seqcore.inference.predictor import Predictor

__all__ = ["use_section"]

MAX_UPLOAD = 200  # MB
MOST_FORECAST = 1000  # steps
ONE_STEP_FORECAST = 24  # steps of a forecast with a model of one step, which feeds them back, at first
KEPT = 600  # seconds that a file's values and predictions are kept


def use_section(run: Run, predictor: Predictor, table: Table) -> None:
    """A tab for each use of the model. Only the open tab is computed."""
    tabs = {"Your own input": own_input, "New data": new_data, "Export": export}
    if predictor.continuation is not None:
        title, section = CONTINUATION[predictor.continuation]
        tabs = {"Your own input": own_input, title: section, **tabs}
    st.subheader("Use the model", anchor=False)
    predictor = _of_seed(run, predictor)
    shown = st.tabs(list(tabs), on_change="rerun", key=f"use-{run.id}")
    for tab, section in zip(shown, tabs.values(), strict=True):
        if tab.open:
            with tab:
                try:
                    section(run, predictor, table)
                except SeqcoreError as error:
                    show_errors(error)


def _of_seed(run: Run, predictor: Predictor) -> Predictor:
    """Of several seeds that were trained together, their ensemble or the model of the seed that the user selects."""
    if predictor.replicas < 2:
        return predictor
    first = run.experiment.training.seed
    seeds = [None, *range(predictor.replicas)]
    chosen = st.selectbox(
        "Model", seeds, key=f"seed-of-{run.id}", width=280,
        format_func=lambda k: f"Ensemble of {predictor.replicas} seeds" if k is None else f"Seed {first + k}",
        help="The ensemble predicts the mean over the seeds, and shows its range. Exports hold all of them.",
    )  # fmt: skip
    return predictor if chosen is None else predictor.replica(chosen)


def own_input(run: Run, predictor: Predictor, table: Table) -> None:
    """The prediction for an input of the user's."""
    left, right = st.columns([1, 1.6], gap="medium")
    with left:
        predictor, key = _of_series(run, predictor, "input")
        given = INPUTS[predictor.input_kind](predictor, table, key=key)
        if given is None or (isinstance(given, str) and not given.strip()):
            st.caption("Enter an input to see the prediction.")
            return
        beam = _beam_size(run, predictor)
        given = predictor.parse_input(given) if isinstance(given, str) else given
        view = predictor.predict(given, beam=beam)
        checked = predictor.check_input(given)
        for finding in checked:  # above the prediction, which alone would look as reliable as any other
            if finding.severity == "warning":
                st.warning(escape(by_titles(finding.sentence)))
        answer(view, ahead=run.experiment.data.lead > 0)
        if parsed := parsed_text(given):
            st.caption(f"Parsed as {parsed}.")
        for finding in checked:
            if finding.severity == "info":
                st.caption(escape(finding.sentence))
        _download(run, predictor, view, "prediction", key=f"csv-input-{run.id}")
    with right:
        show(view, key=f"own-{run.id}", label="Your input and the prediction")
        explained_input(run, predictor, table, given)


def _beam_size(run: Run, predictor: Predictor) -> int | None:
    """The beam size of the search, if the task has one."""
    field = next(s for s in settings_of(predictor.experiment) if s.path == "model.beam")
    if not predictor.experiment.applies(field):
        return None
    low, high, value = int(field.minimum or 1), int(field.maximum or 1), predictor.experiment.model.beam
    return int(st.number_input("Beam size", low, high, value, key=f"beam-{run.id}", width=140, help=field.help))


def _of_series(run: Run, predictor: Predictor, use: str) -> tuple[Predictor, str]:
    """The model for a series that the user selects, if it was trained on several, and a key for its widgets."""
    key = f"{use}-{run.id}"
    if not predictor.series:
        return predictor, key
    _keep_chosen(f"series-{key}", predictor.series[0])
    selected = st.selectbox(
        "Series", predictor.series, key=f"series-{key}", help="The model was trained on all of these, each scaled."
    )
    return predictor.of(selected), f"{key}-{selected}"


def _keep_chosen(key: str, default: Any) -> None:
    """Give a widget the value that the user last chose, which Streamlit forgets when the widget is not drawn."""
    chosen = st.session_state.setdefault("chosen-on-predict", {})
    if key not in st.session_state:
        st.session_state[key] = chosen.get(key, default)
    chosen[key] = st.session_state[key]


def _download(run: Run, predictor: Predictor, view: View, *words: str, key: str) -> None:
    """A view as CSV; that of one of several series has its name in the file's name and in a column."""
    if not (predictor.series and isinstance(view, SeriesView)):
        return download_csv(view, name=file_stem(run_labels.title(run), *words), key=key)
    content = series_csv([view], column=predictor.series_title)
    return download_csv(content, name=file_stem(run_labels.title(run), view.title[:60], *words), key=key)


def forecasts_csv(predictor: Predictor, steps: int) -> str:
    """The forecasts of all series, below each other."""
    views = [predictor.forecast(steps, series=name) for name in predictor.forecast_series]
    return series_csv(views, column=predictor.series_title)


def forecast(run: Run, predictor: Predictor, table: Table) -> None:
    """Values after the end of the data, in original units and with dates."""
    columns = st.columns([1, 2.4], gap="medium")
    of_all = predictor
    with columns[0]:
        predictor, key = _of_series(run, predictor, "forecast")
        limit = predictor.forecast_limit
        most = MOST_FORECAST if limit is None else min(limit[0], MOST_FORECAST)
        horizon = predictor.experiment.data.horizon
        _keep_chosen(f"steps-{run.id}", min(most, horizon if horizon > 1 else ONE_STEP_FORECAST))
        steps = st.number_input(
            "Steps", 1, most, key=f"steps-{run.id}",
            help="Number of steps after the end of the data. Predictions are fed back as inputs, so errors accumulate."
            if limit is None else "Number of steps after the end of the data.",
        )  # fmt: skip
        if limit is not None:
            st.caption(
                f"At most {counted(most, 'step')}: more would need future values of the input **{escape(limit[1])}**, "
                "which this model does not predict. To forecast further, train with it as a target too, or with a "
                "larger horizon that is predicted directly."
            )
        values = predictor.forecast(int(steps))
        view: View = values if predictor.frame is None else frames_view(values, predictor.frame)
        answer(view)
        if values.no_interval_after is not None:
            st.caption(f"Interval for the first {counted(values.no_interval_after, 'step')}; {NO_LONGER}.")
        _download(run, predictor, view, "forecast", str(steps), key=f"csv-forecast-{run.id}")
        if len(of_all.forecast_series) > 1:
            download_csv(
                partial(forecasts_csv, of_all, int(steps)), key=f"csv-forecasts-{run.id}", label="Download all series",
                name=file_stem(run_labels.title(run), "all series forecast", str(steps)),
                help=f"The forecasts of {len(of_all.forecast_series):,} series, below each other.",
            )  # fmt: skip
    with columns[1]:
        picture(
            plot_view(view), key=key, label="The end of the data and the forecast",
            reading=f"{view.caption} {_accuracy(run)}",
        )  # fmt: skip
    data = run.experiment.data
    if data.validation_fraction or data.test_fraction:
        _refit(run, predictor)


def _accuracy(run: Run) -> str:
    """Where it is said how accurate a forecast is."""
    if run.outline.on_all_data:
        return "The scores above are on the training data, and say nothing of the accuracy of forecasts."
    return "The scores above say how accurate it is."


def _refit(run: Run, predictor: Predictor) -> None:
    """Offer to retrain on all data."""
    epochs = run.best_epoch or run.epoch
    if not epochs:
        return
    st.caption(
        "The validation and test splits were held back from training. To forecast beyond the data, retrain on all data "
        f"for {counted(epochs, 'epoch')}, the best number here."
    )
    refused = permissions.refused_help()
    if st.button(
        "Retrain on all data", icon=":material/restart_alt:", key=f"refit-{run.id}", disabled=refused is not None,
        help=refused,
    ):  # fmt: skip
        new = permissions.submit(refit_experiment(predictor.resolved_experiment, epochs), recipe=run.recipe)
        select_run(new.id)
        session.go_to("train.py")


def generate(run: Run, predictor: Predictor, table: Table) -> None:
    """Symbols sampled one after the other from the model's probabilities."""
    left, right = st.columns([1, 1.6], gap="medium")
    long_text = run.experiment.data.predict == "every"
    with left:
        prompt = INPUTS["symbols"](predictor, table, key=f"prompt-{run.id}")
        steps = st.slider(
            "Length", 1, 2000 if long_text else 400, 300 if long_text else 40, key=f"length-{run.id}",
            help="Number of symbols (characters or words) to generate.",
        )  # fmt: skip
        temperature = st.slider(
            "Temperature", 0.1, 2.0, 0.7 if long_text else 1.0, 0.1, key=f"temperature-{run.id}",
            help="Below 1: closer to the most probable symbols. Above 1: more random.",
        )  # fmt: skip
        first, second = st.columns(2)
        top_k = first.number_input(
            "Top-k (0: all)", 0, len(predictor.symbols), 0, key=f"top-k-{run.id}",
            help="Sample from the k most probable symbols only. 0 samples from all.",
        )  # fmt: skip
        seed = second.number_input(
            "Seed", 0, 2**31 - 1, 0, key=f"seed-{run.id}", help="The same seed generates the same text."
        )
    with right:
        if not prompt:
            st.caption("Enter a prompt to generate text.")
            return
        text = predictor.generate(prompt, int(steps), temperature=float(temperature), seed=int(seed), top_k=int(top_k))
        letters(prompt, text)
        st.caption("Gray: prompt. Blue: generated.")
        st.download_button(
            "Download text", prompt + text, f"{file_stem(run_labels.title(run), 'generated')}.txt", "text/plain",
            key=f"text-{run.id}", icon=":material/download:", on_click="ignore",
        )  # fmt: skip


# The tab for each way to continue the data. (Streamlit would show a string literal below it.)
CONTINUATION = {"forecast": ("Forecast", forecast), "generate": ("Generate", generate)}


def new_data(run: Run, predictor: Predictor, table: Table) -> None:
    """A file in the form of the training data: predictions, and scores if it has the true values."""
    st.markdown(f"{wanted_file(predictor)} The file is not stored.")
    upload = st.file_uploader(
        "File", type=[f".{suffix}" for suffix in SUFFIXES], key=f"file-{run.id}", max_upload_size=MAX_UPLOAD,
        label_visibility="collapsed", help="Read with the same import options as the training data.",
    )  # fmt: skip
    if upload is None:
        return
    key = f"new-options-{run.id}-{upload.file_id}"
    changes = {f"data.options.{name}": value for name, value in st.session_state.get(key, {}).items()}
    try:
        new = _read_new(run.id, upload.file_id, changes, predictor, upload)
    except SeqcoreError as error:
        show_errors(error)
        options = import_form(f"new-{run.id}:")
        if options is not None:
            st.session_state[key] = options
            st.rerun()
        return
    ask(new.report.questions, partial(_keep_options, key), key=f"new-question-{run.id}")
    unknown = predictor.labels_note(new)
    if unknown:
        st.warning(escape(unknown))
    for note in new.notes:
        if note != unknown:
            st.caption(escape(note))
    for finding in predictor.check_new(table, new):
        finding_box(finding)
    if predictor.can_score(new):
        evaluation = _evaluate_new(_name(run, predictor), predictor.step, upload.file_id, changes, predictor, new)
        show_evaluation(
            run, evaluation, key=f"new-{run.id}", name=file_stem(upload.name, "predictions"),
            reading="The score is only meaningful for data that were not used in training.",
            predictions=lambda: predictor.predictions(new).to_csv(),
        )  # fmt: skip
        partly = predictor.is_partly_labeled(new)
        answer_table(
            _predict_new(_name(run, predictor), predictor.step, upload.file_id, changes, predictor, new)
            if partly
            else evaluation.view
        )
        return
    st.caption("The file has no true values, so there are no scores.")
    view = _predict_new(_name(run, predictor), predictor.step, upload.file_id, changes, predictor, new)
    show(view, key=f"predictions-{run.id}", label="Predictions", reading=view.caption)
    answer_table(view)
    download_csv(view, name=file_stem(upload.name, "predictions"), key=f"csv-predictions-{run.id}")


def _name(run: Run, predictor: Predictor) -> str:
    """The run, with the seed of the model where only one of several is used."""
    return f"{run.id} {predictor.replicas} {predictor.experiment.training.seed}"


# A page is drawn again at every click; what its file gives is found once.
@st.cache_resource(show_spinner="Reading the file", max_entries=4, ttl=KEPT)
def _read_new(run: str, upload: str, changes: dict[str, Any], _predictor: Predictor, _file: UploadedFile) -> Table:
    return _predictor.read_file(_file.getvalue(), name=_file.name, changes=changes)


@st.cache_resource(show_spinner="Scoring the file", max_entries=4, ttl=KEPT)
def _evaluate_new(
    run: str, step: int, upload: str, changes: dict[str, Any], _predictor: Predictor, _table: Table
) -> Evaluation:
    return _predictor.evaluate(_table)


@st.cache_resource(show_spinner="Predicting", max_entries=4, ttl=KEPT)
def _predict_new(
    run: str, step: int, upload: str, changes: dict[str, Any], _predictor: Predictor, _table: Table
) -> View:
    return _predictor.predict(_table)


def _keep_options(key: str, options: dict[str, Any]) -> None:
    st.session_state[key] = {**st.session_state.get(key, {}), **options}


def export(run: Run, predictor: Predictor, table: Table) -> None:
    """A download for each export format."""
    for name, form in FORMATS.items():
        text, button = st.columns([3, 1], vertical_alignment="center")
        text.markdown(f"**{form.title}**  \n:gray[{form.help}]")
        file = f"{file_stem(run_labels.title(run), short_id(run.id))}-{name}{form.suffix}"
        button.download_button(
            "Download", partial(form, session.store(), run.id), file, form.media_type, key=f"export-{name}-{run.id}",
            icon=":material/download:", width="stretch", on_click="ignore",
        )  # fmt: skip
