"""What a source is: frozen options, and the table that they give."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import ValidationInfo, field_validator

from seqcore.data.table import Table
from seqcore.errors import did_you_mean
from seqcore.experiment.fields import Section

__all__ = ["Source"]


class Source(Section):
    """Base of all sources. The fields of one are its options: widgets, help texts and checks are made from them."""

    title: ClassVar[str]
    help: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]] = ("regression",)  # the first is the usual one
    stored: ClassVar[bool] = False  # whether the values are kept in a store and must be given to `fit` as a table

    def table(self) -> Table:
        """The values, the same ones each time. DataError where the options can't give any."""
        raise NotImplementedError

    def forced_fields(self) -> dict[str, Any]:
        """Fields of the experiment's data section that follow from these options, whatever else was given for them.

        For data that only one window fits, as a test whose answer stands at the end of each sequence.
        """
        return {}

    @field_validator("*", mode="before")
    @classmethod
    def _is_a_choice(cls, value: Any, info: ValidationInfo) -> Any:
        extra = cls.model_fields[info.field_name or ""].json_schema_extra
        choices = extra["seqcore"]["choices"] if isinstance(extra, dict) else ()  # type: ignore[index,call-overload]
        names = [choice.value for choice in choices]  # type: ignore[union-attr]
        if names and value not in names:
            raise ValueError(f"{str(value)[:60]!r} is not allowed{did_you_mean(str(value), names)}")
        return value
