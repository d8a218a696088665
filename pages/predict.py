"""Predict: use a trained model - on held-back data, on the reader's own, and on into the future."""

from __future__ import annotations

from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING

import streamlit as st

from seqcore.data.readers.read_table import SUFFIXES
from seqcore.data.table import Table
from seqcore.errors import SeqcoreError
from seqcore.evaluation.metrics import Evaluation
from seqcore.events import Finding
from seqcore.export import FORMATS, scored_split
from seqcore.plots import plot_scores, plot_view, scores_info
from seqcore.results import SeriesView, View
from seqcore.runs.store import Run
from seqcore.tasks.auto_config import refit_experiment
from seqcore.tasks.frames import frames_view
from ui import run_labels
from ui.cards import finding_box
from ui.inputs import INPUTS, as_read, wanted_file
from ui.results import (
    answer,
    answer_table,
    download_csv,
    file_stem,
    further,
    letters,
    picture,
    score_table,
    show,
)
from ui.scoring import PATIENCE, Scoring, scoring
from ui.session import escape, fail, jobs, select_run, selected_run, store

if TYPE_CHECKING:  # it imports torch, for which nobody has to wait who only chooses a run
    from seqcore.inference.predictor import Predictor

PARTS = {"test": "Test", "val": "Validation", "train": "Training"}
READING = {
    "test": "The model never saw this part while it learned.",
    "val": "This part also chose the best weights, so it flatters a little.",
    "train": "The model learned from this part, so it shows what it can fit, not what it can foresee.",
}
MAX_UPLOAD = 200  # MB
POLL = 0.5  # seconds between two looks whether the scores are there


@st.cache_resource(show_spinner="Loading the model", max_entries=8)
def load_predictor(run: str, step: int) -> Predictor:
    """The best weights, as of the checkpoint at `step`."""
    return store().predictor(run, at="best")


@st.cache_resource(show_spinner="Loading the data", max_entries=4)
def load_table(run: str) -> Table:
    """The run's own data."""
    return store().table(run)


def main() -> None:
    """The page from top to bottom."""
    runs = store().runs(limit=500)
    if not runs:
        return nothing_yet()
    run = choose(runs)
    if run is None:
        return None
    step = store().checkpoint_step(run.id)
    predictor = None if step is None else load_predictor(run.id, step)
    introduce(run, predictor)
    if step is None or predictor is None:
        return no_checkpoint(run)
    against_truth(run, step)
    own_use(run, predictor, step)
    return None


def nothing_yet() -> None:
    """An empty store: what to do."""
    st.title("Predict")
    st.markdown("There is no trained model yet. Train one first, which takes a few seconds; then use it here.")
    st.page_link("train.py", label="Train a model", icon=":material/play_circle:")


def choose(runs: list[Run]) -> Run | None:
    """The run that is used: the one in the link, else the newest that has finished an epoch."""
    wanted = selected_run()
    known = {run.id: run for run in runs}
    if wanted is not None and wanted not in known:
        try:
            found = store().run(wanted)
        except SeqcoreError as error:
            st.title("Predict")
            fail(error)
            st.button("Show the newest run instead", on_click=select_run, args=(None,))
            return None
        known[found.id] = found
        wanted = found.id
    if wanted is None:
        wanted = next((run.id for run in runs if run.epoch), runs[0].id)
    ids = list(known)
    # The key holds the run, so that a link or another page that chooses anew is followed.
    title, box = st.columns([1, 2.2], vertical_alignment="bottom")
    title.title("Predict", anchor=False)
    chosen = box.selectbox(
        "Run",
        ids,
        index=ids.index(wanted),
        format_func=lambda run: run_labels.label(known[run]),
        key=f"run-{wanted}",
        help="Trained models, the newest first.",
        label_visibility="collapsed",
    )
    if chosen != selected_run():
        select_run(chosen)
    return known[chosen]


def introduce(run: Run, predictor: Predictor | None) -> None:
    """What the model is, how it stands, and what the doctor saw. Its weights are the predictor's: the run goes on."""
    word = run_labels.STATUSES[run.status]
    size = f" · {run.parameters:,} parameters" if run.parameters else ""
    best = "" if predictor is None else f" · {run_labels.weights(run, predictor.epoch, predictor.step)}"
    st.markdown(
        f"**{escape(run_labels.title(run))}** :{word.colour}-badge[{word.word}]  \n"
        f":gray[{run_labels.network(run)} · {run_labels.trained_on(run)}{size}{best}]"
    )
    if not run.ended:
        st.caption("It has not ended: what follows uses these weights, the best so far.")
        st.button("Look again", icon=":material/refresh:", type="tertiary")
    seen = {e.event.code: e.event for e in store().events(run.id, kinds=("finding",)) if isinstance(e.event, Finding)}
    for finding in seen.values():
        if finding.severity != "info":
            finding_box(finding)


def no_checkpoint(run: Run) -> None:
    """A run that has nothing to predict with: why, and where to go."""
    if run.status == "failed":
        st.error(escape(f"This run failed before it had learned anything: {(run.error or run.reason).splitlines()[0]}"))
    elif run.status == "queued":
        st.info("This run waits for its turn. Its model can be used as soon as it has trained for a moment.")
    else:
        st.info("This run has no weights yet. They come with its first checkpoint, after a few seconds of training.")
    if run.status == "failed":
        st.page_link("train.py", label="Open in Train, to change its settings", icon=":material/tune:")
    else:
        st.page_link("train.py", label="Watch it", icon=":material/play_circle:")


def against_truth(run: Run, step: int) -> None:
    """The picture: truth and prediction on a part that was held back, and the scores beside every baseline."""
    data = run.experiment.data
    there = [p for p in PARTS if p != "test" or data.test_fraction]
    there = [p for p in there if p != "val" or data.validation_fraction]
    head, choice = st.columns([2, 1.4], vertical_alignment="bottom")
    head.subheader("Truth against prediction", anchor=False)
    part = scored_split(run.experiment)
    if len(there) > 1:
        part = choice.segmented_control(
            "Part", there, default=part, format_func=PARTS.__getitem__, required=True, key=f"part-{run.id}",
            label_visibility="collapsed", width="stretch", help="The part of the data that is predicted.",
        )  # fmt: skip
    asked = scoring(run.id, step, part, load_table(run.id))
    if not asked.done(PATIENCE - asked.seconds):
        st.fragment(await_scores, run_every=POLL)(run, asked, part)
        return
    name = file_stem(run_labels.title(run), part, run.id[:8])
    show_evaluation(run, asked.result(), key=f"truth-{run.id}-{part}", name=name, reading=READING[part])


def await_scores(run: Run, asked: Scoring, part: str) -> None:
    """What is known before the scoring is over: how long it takes, and the scores that the run itself has kept."""
    if asked.done():
        st.rerun()
    left, right = st.columns([2.1, 1], gap="medium")
    with left, st.container(border=True, height=320):
        st.markdown(f":material/hourglass_top: Scoring the {PARTS[part].lower()} part: {asked.seconds:.0f} s so far.")
        st.caption("The picture comes when it is done. What is below can be used meanwhile.")
    with right:
        if f"{part}_{run.metric}" in run.metrics:
            info = scores_info(
                run.metrics, run.baselines, metric=run.metric, part=part, reference=run.reference_baseline
            )
            st.markdown(escape(info.sentence))
            picture(plot_scores(info), key=f"kept-scores-{run.id}-{part}", label="The score that the run has kept")


def show_evaluation(run: Run, evaluation: Evaluation, *, key: str, name: str, reading: str) -> None:
    """A picture of truth and prediction, and beside it the scores."""
    left, right = st.columns([2.1, 1], gap="medium")
    with left:
        horizon = run.experiment.data.horizon
        if isinstance(evaluation.view, SeriesView) and horizon > 1:
            reading = f"Every {horizon} steps the model begins anew, from what came before. {reading}"
        reading = f"{evaluation.view.caption} {reading}"
        show(evaluation.view, key=key, label="Truth and prediction", reading=reading)
        download_csv(evaluation.view, name=name, key=f"csv-{key}")
    with right:
        names = [m for m in evaluation.metrics if m != "loss" or evaluation.baselines]
        metric = run.metric if run.metric in names else names[0]
        info = scores_info(evaluation.metrics, evaluation.baselines, metric=metric, reference=run.reference_baseline)
        st.markdown(escape(info.sentence))
        picture(plot_scores(info), key=f"scores-{key}", label="The model's score beside every baseline's")
        units = ", in the data's own units" if isinstance(evaluation.view, SeriesView) else ""
        st.caption(f"From {evaluation.scored}{units}.")
        with st.expander("Every metric"):
            score_table(evaluation)
    for place, view in zip(cycle(st.columns(2, gap="medium")), evaluation.more):
        with place:
            further(view, key=f"{key}-{type(view).__name__}-{view.title}")


def own_use(run: Run, predictor: Predictor, step: int) -> None:
    """What a reader does with a trained model. Only the open tab is computed."""
    tabs = {"Your own input": own_input, "New data from a file": new_data, "Take away": take_away}
    if predictor.continuation is not None:
        title, section = ONWARD[predictor.continuation]
        tabs = {"Your own input": own_input, title: section, **tabs}
    st.subheader("Use it", anchor=False)
    shown = st.tabs(list(tabs), on_change="rerun", key=f"use-{run.id}")
    for tab, section in zip(shown, tabs.values(), strict=True):
        if tab.open:
            with tab:
                try:
                    section(run, predictor, step)
                except SeqcoreError as error:
                    fail(error)


def own_input(run: Run, predictor: Predictor, step: int) -> None:
    """A few values or symbols of the reader's, and what comes next."""
    left, right = st.columns([1, 1.6], gap="medium")
    with left:
        predictor, key = of_series(run, predictor, "input")
        given = INPUTS[predictor.input_kind](predictor, load_table(run.id), key=key)
        if given is None or (isinstance(given, str) and not given.strip()):
            st.caption("Give something to see the model's answer.")
            return
        beam = beam_choice(run, predictor)
        given = predictor.parse_input(given) if isinstance(given, str) else given
        view = predictor.predict(given, beam=beam)
        found = predictor.check_input(given)
        for finding in found:  # the prediction alone would look as reliable as any other
            if finding.severity == "warning":
                st.warning(escape(finding.sentence))
        answer(view, ahead=run.experiment.data.lead > 0)
        if read := as_read(given):
            st.caption(f"Read as {read}.")
        for finding in found:
            if finding.severity == "info":
                st.caption(escape(finding.sentence))
        download_csv(view, name=file_stem(run_labels.title(run), "answer"), key=f"csv-input-{run.id}")
    with right:
        show(view, key=f"own-{run.id}", label="Your input and the model's answer")


def beam_choice(run: Run, predictor: Predictor) -> int | None:
    """How many translations a translator keeps in mind while it searches; None for any other model."""
    if predictor.input_kind != "sentence":
        return None
    return int(
        st.number_input(
            "Beam", 1, 50, predictor.experiment.model.beam, key=f"beam-{run.id}", width=140,
            help="Translations that are kept in mind while one is searched for. 1 is greedy: it takes the likeliest "
            "word each time.",
        )
    )  # fmt: skip


def of_series(run: Run, predictor: Predictor, use: str) -> tuple[Predictor, str]:
    """The model for the series that the reader chooses, where it learned from several, and a key for what is shown."""
    key = f"{use}-{run.id}"
    if not predictor.series:
        return predictor, key
    chosen = st.selectbox(
        "Series", predictor.series, key=f"series-{key}", help="The model learned from all of these; each has its scale."
    )
    return predictor.of(chosen), f"{key}-{chosen}"


def forecast(run: Run, predictor: Predictor, step: int) -> None:
    """Values after the end of the data, in their units and with their dates."""
    columns = st.columns([1, 2.4], gap="medium")
    with columns[0]:
        predictor, key = of_series(run, predictor, "forecast")
        steps = st.number_input(
            "Steps ahead", 1, 1000, value=max(24, predictor.experiment.data.horizon), key=f"steps-{run.id}",
            help="Each step is fed back as the next input, so errors add up the further it goes.",
        )  # fmt: skip
        view = predictor.forecast(int(steps))
        if predictor.frame is not None:
            view = frames_view(view, predictor.frame)
        answer(view)
        download_csv(view, name=file_stem(run_labels.title(run), "forecast", str(steps)), key=f"csv-forecast-{run.id}")
    with columns[1]:
        picture(
            plot_view(view), key=key, label="The end of the data and the forecast after it",
            reading="Dark is the end of the data, blue goes on from there. Nobody knows the truth yet: "
            "trust it as far as the scores above reach.",
        )  # fmt: skip
    data = run.experiment.data
    if data.validation_fraction or data.test_fraction:
        refit(run, predictor)


def refit(run: Run, predictor: Predictor) -> None:
    """Offer to train anew on everything, now that the scores are known."""
    epochs = run.best_epoch or run.epoch
    if not epochs:
        return
    st.caption(
        "This model has not learned from the data that were held back to score it. For a forecast that counts, train "
        f"the same model on all of them, for the {run_labels.counted(epochs, 'epoch')} that did best here."
    )
    if st.button("Train on all data", icon=":material/restart_alt:", key=f"refit-{run.id}"):
        new = jobs().submit(refit_experiment(predictor.resolved_experiment, epochs), recipe=run.recipe)
        select_run(new.id)
        st.switch_page("train.py")


def write_on(run: Run, predictor: Predictor, step: int) -> None:
    """Symbols, one after the other, each drawn with the model's probabilities."""
    left, right = st.columns([1, 1.6], gap="medium")
    endless = run.experiment.data.predict == "every"
    with left:
        prompt = INPUTS["symbols"](predictor, load_table(run.id), key=f"prompt-{run.id}")
        steps = st.slider(
            "How many", 1, 2000 if endless else 400, 300 if endless else 40, key=f"letters-{run.id}",
            help="Symbols that the model writes: letters, or words.",
        )  # fmt: skip
        temperature = st.slider(
            "Temperature", 0.1, 2.0, 0.7 if endless else 1.0, 0.1, key=f"temperature-{run.id}",
            help="Below 1 the model prefers what it thinks most probable; above 1 it dares more.",
        )  # fmt: skip
        few, dice = st.columns(2)
        top_k = few.number_input(
            "Only the likeliest (0: all)", 0, len(predictor.symbols), 0, key=f"top-k-{run.id}",
            help="Draw from this many symbols, the most probable ones (top-k). 0 draws from all.",
        )  # fmt: skip
        seed = dice.number_input("Seed", 0, 2**31 - 1, 0, key=f"seed-{run.id}", help="The same seed writes the same.")
    with right:
        if not prompt:
            st.caption("Write the first symbol, and the model goes on.")
            return
        text = predictor.generate(prompt, int(steps), temperature=float(temperature), seed=int(seed), top_k=int(top_k))
        letters(prompt, text)
        st.caption("Grey is yours, blue is the model's.")
        st.download_button(
            "Download text", prompt + text, f"{file_stem(run_labels.title(run), 'written')}.txt", "text/plain",
            key=f"text-letters-{run.id}", icon=":material/download:", on_click="ignore",
        )  # fmt: skip


# How a model goes on from what it knows: the tab's title, and what is in it. (A text in quotes would be shown.)
ONWARD = {"forecast": ("Forecast", forecast), "generate": ("Write on", write_on)}


def new_data(run: Run, predictor: Predictor, step: int) -> None:
    """A file with the same columns: predicted and scored, beside the same baselines."""
    st.markdown(f"{wanted_file(predictor)} It is scored and forgotten; nothing is stored.")
    upload = st.file_uploader(
        "File", type=[f".{suffix}" for suffix in SUFFIXES], key=f"file-{run.id}", max_upload_size=MAX_UPLOAD,
        label_visibility="collapsed", help="It is read as the training data were.",
    )  # fmt: skip
    if upload is None:
        return
    table = predictor.read_file(upload.getvalue(), name=upload.name)
    for note in table.notes:
        st.caption(escape(note))
    if not predictor.can_score(table):
        answers_only(run, predictor.predict(table), upload.name)
        return
    evaluation = predictor.evaluate(table, split=None)
    show_evaluation(
        run, evaluation, key=f"new-{run.id}", name=file_stem(upload.name, "predicted"),
        reading="It says how good the model is only as far as none of this was in its training part.",
    )  # fmt: skip
    answer_table(evaluation.view)


def answers_only(run: Run, view: View, file: str) -> None:
    """What the model says of new data that hold no truth."""
    st.caption("This file says nothing of what is true, so there is no score.")
    show(view, key=f"answers-{run.id}", label="The model's answers", reading=view.caption)
    answer_table(view)
    download_csv(view, name=file_stem(file, "answers"), key=f"csv-answers-{run.id}")


def take_away(run: Run, predictor: Predictor, step: int) -> None:
    """Every form in which this run can be kept."""
    for name, form in FORMATS.items():
        text, button = st.columns([3, 1], vertical_alignment="center")
        text.markdown(f"**{form.title}**  \n:gray[{form.help}]")
        file = f"{file_stem(run_labels.title(run), run.id[:8])}-{name}{form.suffix}"
        button.download_button(
            "Download", partial(form, store(), run.id), file, form.media_type, key=f"take-{name}-{run.id}",
            icon=":material/download:", width="stretch", on_click="ignore",
        )  # fmt: skip


main()
