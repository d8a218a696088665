"""Compare: races, and any runs side by side: curves, scores, what differs, tests over seeds, predictions."""

import streamlit as st

from seqcore.errors import NotFoundError
from seqcore.results.formatting import counted
from seqcore.runs.comparison import MOST, Comparison, compare
from seqcore.runs.labels import short_id
from seqcore.runs.races import fairness, is_race
from seqcore.runs.records import Run
from seqcore.runs.store import RunFilter
from ui import compare_section, compare_state, race_section, run_labels
from ui.run_index import run_index
from ui.session import escape, show_errors, store

OFFERED = 200  # runs that can be chosen without a search


def main() -> None:
    """The page from top to bottom."""
    st.title("Compare", anchor=False)
    runs, group = compare_state.chosen()
    # Messages that come and go have containers of their own: below a message the browser would make the board anew.
    with st.container():
        found = look(runs, group)
    known = [] if found is None else found.runs
    controls(known, group)
    with st.container():
        race_section.errors()
    if found is not None:
        compared(found, group)
    elif not runs and group is None:
        st.markdown("Start a race, or choose runs: their curves, scores and predictions are shown side by side.")
    compare_state.keep_link()


def look(runs: list[str], group: str | None) -> Comparison | None:
    """What is chosen, as it is in the store now; what is missing is said."""
    if not runs and group is None:
        return None
    try:
        found = compare(store(), runs, [group] if group else [])
    except NotFoundError as error:
        show_errors(error)
        return None
    for line in found.missing:
        st.warning(escape(f"{line[:1].upper()}{line[1:]}."))
    if runs and [run.id for run in found.runs] != runs:
        compare_state.choose([run.id for run in found.runs])  # beginnings of ids, and runs that are gone
    return found


def controls(known: list[Run], group: str | None) -> None:
    """Start a race or seeds, and choose runs."""
    with st.container(horizontal=True, key="compare-start"):
        race_section.race_button(primary=not known)
    if not known:
        race_section.prepare_race()
    with st.expander("Another race", icon=":material/sports_score:"):
        race_section.race_form(known)
    left, right = st.columns([1, 4], vertical_alignment="bottom")
    with left:
        words = st.text_input(
            "Search", key="compare-find", placeholder="Name, architecture or id",
            help="Part of the name of a recipe, a file or an architecture, or the beginning of an id.",
        )  # fmt: skip
    with right:
        page = run_index().page(RunFilter(words), OFFERED)
        options = {run.id: run for run in (*known, *page.runs) if run.status != "damaged"}
        st.session_state["compare-picked"] = [run.id for run in known]
        st.multiselect(
            "Runs", list(options), key="compare-picked", max_selections=MOST, placeholder="Choose runs to compare",
            format_func=lambda run: _label(options[run]) if run in options else short_id(run),
            on_change=picked, help=f"Up to {MOST} runs. Colors are the same in every chart of this page.",
        )  # fmt: skip
    if group:
        st.caption(f"Group {escape(group)}: {counted(len(known), 'run')}. The link of this page shows them.")


def _label(run: Run) -> str:
    """A run in the list, which is drawn once: an active one without status and age, which change."""
    if run.ended:
        return run_labels.label(run)
    return f"{run_labels.title(run)} · {run_labels.network(run)} · {short_id(run.id)}"


def picked() -> None:
    """Another choice of runs."""
    compare_state.choose(st.session_state["compare-picked"])


def compared(found: Comparison, group: str | None) -> None:
    """Everything that is shown of the chosen runs."""
    active = any(not run.ended for run in found.runs)
    race = group is not None and is_race(found.runs) and all(len(entry.runs) == 1 for entry in found.entries)
    with st.container():
        if found.warning:
            st.warning(escape(found.titled_warning))
    if race and len(found.sets) == 1:
        st.subheader("Race", anchor=False)
        race_section.live_race(found.entries, group or "", active)
        st.caption(fairness([d.path for d in found.differences]))
        if active:  # the cores are the competitors'; what is above shows all that changes
            st.caption("More curves, scores, tests and predictions appear below when the race has ended.")
            return
    st.subheader("Curves and scores", anchor=False)
    compare_section.curves_section(found, active=active, first="loss" if race and len(found.sets) == 1 else "score")
    compare_section.differences_section(found)
    if active:
        st.caption("Scores against cost, tests over seeds and predictions appear when every run has ended.")
        return
    compare_section.tradeoff_section(found)
    st.subheader("Over seeds", anchor=False)
    compare_section.seeds_section(found)
    race_section.train_seeds(found, found.runs)
    compare_section.predictions_section(found)


main()
