"""What lists show of an experiment, read from its JSON without validating it: a store may have thousands of runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from seqcore.errors import ExperimentError
from seqcore.experiment.config import DataConfig, ModelConfig
from seqcore.experiment.migration import RENAMED_VALUES
from seqcore.registry import architectures, sources, tasks

__all__ = ["Outline"]

_DEFAULTS: dict[str, Any] = {
    f"{section}.{name}": field.default
    for section, config in (("data", DataConfig), ("model", ModelConfig))
    for name, field in config.model_fields.items()
}


class Outline(NamedTuple):
    """A few fields of an experiment, with their names in it."""

    source: str
    name: str  # of the user's file; "" for other sources
    task: str
    window: int
    horizon: int
    on_all_data: bool  # neither a validation nor a test split
    architecture: str
    hidden_size: int
    num_layers: int
    replicas: int = 1

    @classmethod
    def of_json(cls, text: str) -> Outline:
        """From `Experiment.to_json`, of this or an earlier version. ExperimentError if it is no experiment."""
        try:
            values = json.loads(text)
            data, model = values["data"], values["model"]
            task = _field(data, "data.task", str)
            outline = cls(
                source=_field(data, "data.source", str),
                name=str((data.get("options") or {}).get("name") or ""),
                task=RENAMED_VALUES["data.task"].get(task, task),
                window=_field(data, "data.window", int),
                horizon=_field(data, "data.horizon", int),
                on_all_data=not any(data.get(f"{split}_fraction", 1) for split in ("validation", "test")),
                architecture=_field(model, "model.architecture", str),
                hidden_size=_field(model, "model.hidden_size", int),
                num_layers=_field(model, "model.num_layers", int),
                replicas=int((values.get("training") or {}).get("replicas", 1)),  # stores of earlier versions have none
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ExperimentError(f"not an experiment: {error}") from None
        known = (("source", sources()), ("task", tasks()), ("architecture", architectures()))
        for field, choices in known:
            if getattr(outline, field) not in choices:
                raise ExperimentError(f"not an experiment: {field} {str(getattr(outline, field))[:60]!r} is unknown")
        return outline


def _field(section: Mapping[str, Any], path: str, kind: type) -> Any:
    value = section.get(path.partition(".")[2], _DEFAULTS[path])
    if type(value) is not kind:
        raise TypeError(f"{path} is {str(value)[:60]!r}")
    return value
