"""Vocabulary of the phrase generator: the words of phrase_words.toml with their grammatical properties."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import Any, NamedTuple

from seqcore.data.sources.english import EnglishVerb
from seqcore.data.sources.french import Adjective, Noun, Verb

__all__ = [
    "ADJECTIVES",
    "INTRANSITIVE",
    "LASTING",
    "MODALS",
    "MOTIONS",
    "NOUNS",
    "OWNERS",
    "SUBJECTS",
    "TRANSITIVE",
    "VERBS",
    "Subject",
]


class Subject(NamedTuple):
    """Who does it: in both languages, the person (0 to 5) of the French verb, and how French participles agree."""

    english: str
    french: tuple[str, ...]
    person: int
    feminine: bool = False

    @property
    def plural(self) -> bool:
        """Several people."""
        return self.person > 2

    @property
    def third(self) -> bool:
        """The English verb has its s."""
        return self.person == 2


OWNERS = {"my": "my", "your": "your", "his": "his", "her": "his", "our": "our", "their": "their"}

_WORDS: dict[str, Any] = tomllib.loads((resources.files(__package__) / "phrase_words.toml").read_text(encoding="utf-8"))
_WITH_BE = frozenset({"tomber", "retourner", "rester", "arriver"})  # regular verbs whose past is formed with être
LASTING = frozenset({"prefer", "hate", "love", "understand", "lose", "forget", "break"})
"""Verbs that are not used with a time or a wish."""


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """The two sides of each "left: right" in a list with semicolons."""
    for entry in " ".join(text.split()).split("; "):
        left, _, right = entry.partition(": ")
        yield left, right


def _subject(english: str, rest: str) -> Subject:
    *french, person = rest.removesuffix(" f").split()
    return Subject(english, tuple(french), int(person), feminine=rest.endswith(" f"))


def _nouns(text: str) -> dict[str, tuple[str, Noun]]:
    """English singular -> (English plural, the French noun)."""
    found = {}
    for english, french in _entries(text):
        singular, _, plural = english.partition(" / ")
        words, _, kind = french.rpartition(" ")
        one, _, many = words.partition(" / ")
        found[singular] = (plural or f"{singular}s", Noun(one, "f" in kind, many, mass="u" in kind))
    return found


def _adjectives(text: str) -> dict[str, tuple[Adjective, tuple[str, ...]]]:
    found = {}
    for english, rest in _entries(text):
        french, *kinds = rest.split()
        forms, before, vowel = french.partition("<")
        masculine, _, feminine = forms.partition("/")
        found[english] = (Adjective(masculine, feminine, before == "<", vowel), tuple(kinds))
    return found


def _irregular(infinitive: str, forms: str) -> Verb:
    present, participle, future, *with_be = forms.split(", ")
    return Verb(infinitive, tuple(present.split()), participle, future, bool(with_be))


_IRREGULAR = {infinitive: _irregular(infinitive, forms) for infinitive, forms in _entries(_WORDS["irregular_verbs"])}


def _french_verb(infinitive: str) -> Verb:
    return _IRREGULAR.get(infinitive) or Verb.regular(infinitive, with_be=infinitive in _WITH_BE)


def _verbs(text: str) -> tuple[tuple[EnglishVerb, Verb, tuple[str, ...]], ...]:
    """From "base/past french: words; ...", the words being kinds of objects or prepositions."""
    found = []
    for verbs, words in _entries(text):
        english, _, french = verbs.rpartition(" ")
        base, _, past = english.partition("/")
        found.append((EnglishVerb(base, past), _french_verb(french), tuple(words.split())))
    return tuple(found)


SUBJECTS = tuple(_subject(english, rest) for english, rest in _entries(_WORDS["subjects"]))
NOUNS = {kind: _nouns(text) for kind, text in _WORDS["nouns"].items()}
ADJECTIVES = _adjectives(_WORDS["adjectives"])
TRANSITIVE, MOTIONS = _verbs(_WORDS["transitive"]), _verbs(_WORDS["motions"])
INTRANSITIVE = tuple((english, french) for english, french, _ in _verbs(_WORDS["intransitive"]))
VERBS = {english: _french_verb(french) for english, french in _entries(_WORDS["verbs"])}
MODALS = {english: _french_verb(french) for english, french in _entries(_WORDS["modals"])}
