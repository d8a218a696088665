"""Damaged links: parameters of experiments with values that no page writes."""

from __future__ import annotations

import contextlib
import random
import string
from functools import cache
from typing import Any

from seqcore.errors import SeqcoreError
from seqcore.experiment.experiment import Experiment, flat
from seqcore.experiment.links import link_of
from seqcore.experiment.recipes import recipes

NASTY = [
    "", " ", "0", "-1", "1" * 400, "9" * 1_900, "9" * 5_000, "[" * 3_000, "{" * 3_000, "[]", "{}", "[[]]",
    "[null]", "null", "nan",
    "inf", "-inf", "1e999", "1e-400", "--5", "E1", ".e5", "0x10", "1_0", "1/0", "True", "no", "yes", "none",
    "auto", "None",
    '["a", "a"]', '["no such column"]', "no such column", '{"a": 1}', '{"a": {"b": [1, {}]}}', "[1, 2", '"', '"x',
    "\x00", "\n", "\r\n",
    "\ufeff", "\u202e", "\U0001f600", "é" * 3_000, "x" * 99_999, "x" * 100_001, "http://example.org",
    "www.example.org", "../../etc/passwd",
    "/etc/passwd", "~/x", "C:\\x", "%00", "=1+1", "<script>alert(1)</script>", "**bold**", "$x$",
    ":material/home:", "1,2,3", "a,b",
    "gru", "lstm", "sine", "file", "csv", "adam", "2", "3.5", "1e3", "100000000000", "4294967296", "9007199254740993",
    "[" + "1," * 500 + "1]", '["' + '","'.join("abcdefgh") + '"]', '{"' + "k" * 5_000 + '": 1}', "\ud800",
]  # fmt: skip


@cache
def _fields() -> tuple[str, ...]:
    known = set(flat(Experiment.make().to_dict()))
    for recipe in recipes():
        known |= set(link_of(recipe.experiment, None))
    return tuple(sorted(known))


@cache
def _links() -> tuple[dict[str, str], ...]:
    return tuple(link_of(recipe.experiment, recipe.name) for recipe in recipes())


def mutated_link(rng: random.Random) -> dict[str, str]:
    """The parameters of a damaged link."""
    params = dict(rng.choice(_links())) if rng.random() < 0.7 else {}
    if rng.random() < 0.3:
        params |= {name: value for name, value in rng.choice(_links()).items() if rng.random() < 0.7}
    for _ in range(rng.choice([1, 1, 2, 5])):
        key = rng.choice(_fields())
        chance = rng.random()
        if chance < 0.1:
            key = rng.choice([key + ".x", key.partition(".")[2] or "x", "." + key, key.upper(), key + " ",
            "data.options.columns",
                              "recipe", "data.options", "model", "", ".", "..", "x" * 3_000, "data.options.\u202e",
                              "model.options.a.b",
                              "data.options." + "".join(rng.choices(string.printable, k=8))])  # fmt: skip
        value = rng.choice(NASTY)
        if chance > 0.7 and params:
            key = rng.choice(sorted(params))
            old = params[key]
            at = rng.randrange(len(old) + 1)
            value = rng.choice(
                [old + value, old[:at] + value + old[at:], old[:at], old * 50, old.upper(), old[::-1], f"[{old}]"]
            )
        params[key] = value
    return params


def mutated_values(rng: random.Random) -> dict[str, Any]:
    """Values of an experiment as a JSON or TOML file may give them, with some of a wrong type."""
    values = rng.choice(recipes()).experiment.to_dict()
    odd: list[Any] = [
        None,
        True,
        -1,
        0,
        10**400,
        float("nan"),
        float("inf"),
        1e308,
        "",
        "x",
        [],
        {},
        [[]],
        {"a": {}},
        ["a"],
        [None],
        "9" * 5_000,
        (1,),
        {1: 2},
    ]
    for _ in range(rng.choice([1, 2, 4])):
        place: Any = values
        key = rng.choice(sorted(place))
        while rng.random() < 0.8 and isinstance(place[key], dict) and place[key]:
            place = place[key]
            key = rng.choice(sorted(place, key=str))
        place[key if rng.random() < 0.9 else "unknown"] = rng.choice(odd)
    return values


def open_link(params: dict[str, str]) -> None:
    """What a page does with a link before it draws anything. SeqcoreError."""
    from seqcore.data.profile.profile import profile_table
    from seqcore.experiment.experiment import settings_of
    from seqcore.experiment.links import nearest_from_link
    from tests.tables import default_table

    experiment, recipe, lines = nearest_from_link(params)
    for line in lines:
        if "\n" in line or len(line) > 2_000:
            raise AssertionError(f"not one short line: {line[:300]!r} ({len(line):,} characters)")
    link_of(experiment, recipe)
    settings_of(experiment)
    if Experiment.from_toml(experiment.to_toml()) != experiment:
        raise AssertionError("the experiment reads back differently from TOML")
    with contextlib.suppress(SeqcoreError):
        profile_table(default_table("sine"), experiment.data)
