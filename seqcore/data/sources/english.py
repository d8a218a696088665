"""English clauses for the phrase generator: auxiliaries, questions, negation and contractions."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

__all__ = ["EnglishVerb", "Said", "article", "asked", "being", "denied", "is_pronoun", "sentence"]

Words = list[str]


class EnglishVerb(NamedTuple):
    """The base form (perhaps with a preposition) and the past."""

    base: str
    past: str

    @property
    def third(self) -> str:
        """He or she does it."""
        head, _, rest = self.base.partition(" ")
        if head.endswith(("s", "sh", "ch", "x", "o")):
            head += "es"
        elif head.endswith("y") and head[-2] not in "aeiou":
            head = f"{head[:-1]}ies"
        else:
            head += "s"
        return f"{head} {rest}".strip()


class Said(NamedTuple):
    """How something is said: its tense, and whether it is denied or asked."""

    tense: str
    negated: bool
    question: bool

    @property
    def mark(self) -> str:
        """How the sentence ends."""
        return "?" if self.question else "."


def sentence(words: Words, mark: str) -> str:
    """Words as a sentence; empty ones are left out."""
    text = " ".join(word for word in words if word)
    return f"{text[0].upper()}{text[1:]}{mark}"


def denied(random: Random, auxiliary: str) -> Words:
    """An auxiliary that is denied, in full or in its short form."""
    short = {"will": "won't", "can": "can't", "must": "mustn't", "am": "am not"}.get(auxiliary, f"{auxiliary}n't")
    full = ["cannot"] if auxiliary == "can" else [auxiliary, "not"]
    return full if random.random() < 0.5 else [short]


def asked(random: Random, who: str, third: bool, verb: EnglishVerb, said: Said) -> Words:
    """An English clause: who, auxiliary, not, verb."""
    tense, base = said.tense, verb.base
    if tense == "imparfait":
        return [who, "used to", base]
    auxiliary = {"past": "did", "future": "will"}.get(tense, "does" if third else "do")
    if said.question:
        return [auxiliary, who, base]
    if said.negated:
        return [who, *denied(random, auxiliary), base]
    if tense == "future":
        return [f"{who}'ll" if is_pronoun(who) and random.random() < 0.3 else f"{who} will", base]
    return [who, verb.past if tense == "past" else verb.third if third else base]


def being(random: Random, who: str, person: int, said: Said) -> Words:
    """The same with to be."""
    if said.tense == "future":
        return asked(random, who, person == 2, EnglishVerb("be", ""), said)
    now = "am" if person == 0 else "is" if person == 2 else "are"
    form = now if said.tense == "present" else "was" if person in (0, 2) else "were"
    if said.question:
        return [form, who]
    if said.negated:
        return [who, *denied(random, form)]
    if said.tense == "present" and is_pronoun(who) and random.random() < 0.5:
        return [f"{who}'{ {'am': 'm', 'is': 's', 'are': 're'}[now] }"]
    return [who, form]


def is_pronoun(who: str) -> bool:
    """Whether short forms (I'm, I'll) can be made of it."""
    return who in ("I", "you", "he", "she", "we", "they")


def article(following: str) -> str:
    """A or an."""
    return "an" if following[0] in "aeiou" else "a"
