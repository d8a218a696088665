"""Fields in sentences: pages name them by their titles, as forms do; messages of the package have their paths."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from seqcore.experiment.experiment import OPTIONS, Experiment, settings_of
from seqcore.experiment.fields import Setting

__all__ = ["by_titles"]

# Not in quotation marks: that is a value given by the user, as the name of a column. Nor where a name in a link is
# corrected: it is to be typed.
_PATH = re.compile(r"(?<!did you mean )(?<![\w./'\"])(?:data|model|training)\.[a-z_]+(?:\.[a-z_]+)?(?![\w'\"]|\.\w)")
_OPTIONS = {"data.options": "options of the source", "model.options": "options of the architecture"}


def by_titles(text: str, settings: Iterable[Setting] = ()) -> str:
    """The text with fields named by their titles; `settings` are those with the options of the source in question."""
    titles = {**_titles(), **{s.path: s.title for s in settings}}
    return _PATH.sub(lambda path: titles.get(path[0], path[0]), text)


@functools.cache
def _titles() -> dict[str, str]:
    """Titles of the fields that every experiment has."""
    options = tuple(f"{path}." for path in OPTIONS.values())
    return _OPTIONS | {s.path: s.title for s in settings_of(Experiment()) if not s.path.startswith(options)}
