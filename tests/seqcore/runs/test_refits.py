"""A model that was retrained on all data is measured by the run that it comes from."""

from __future__ import annotations

import numpy as np

import seqcore
from seqcore.experiment.experiment import Experiment
from seqcore.runs.labels import skill
from seqcore.runs.refits import held_out_sentence, refit_parent
from seqcore.runs.store import Store
from seqcore.tasks.auto_config import refit_experiment


def test_a_refit_finds_its_run_and_has_no_skill_of_its_own(store: Store) -> None:
    few = {"data.source": "sine", "data.scaling": "standard", "training.epochs": 2, "model.hidden_size": 3}
    few |= {"training.interval_coverage": 0.0}
    seqcore.train(Experiment().with_changes({**few, "model.hidden_size": 4}), store=store)
    parent = seqcore.train(Experiment().with_changes(few), store=store)
    refit = refit_experiment(parent.experiment, parent.best_epoch or parent.epoch)
    run = seqcore.train(refit, store=store)
    found = refit_parent(store, run)
    assert found is not None
    assert found.id == parent.id
    assert refit_parent(store, parent) is None
    assert held_out_sentence(found).startswith(f"test MAE {parent.metrics['test_mae']:.3g}"[:10])
    assert "Skill: " in held_out_sentence(found)
    assert held_out_sentence(run) == ""
    measures = {"metric": run.metric, "reference": run.reference_baseline}
    assert skill(run.metrics, run.baselines, **measures) == 0.0
    assert np.isfinite(skill(parent.metrics, parent.baselines, **measures))
