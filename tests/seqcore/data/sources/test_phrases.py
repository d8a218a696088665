"""The everyday phrases: right French, enough of it, and combinations that were never seen in training."""

from __future__ import annotations

import re

import pytest

from seqcore.data.sources.french import Adjective, Noun, Verb, joined, noun_phrase, verb_phrase
from seqcore.data.sources.phrase_words import ADJECTIVES, NOUNS, VERBS
from seqcore.data.sources.phrases import Phrase, phrases
from seqcore.data.splits import assigned_splits
from seqcore.data.table import Table
from tests.tables import default_table


@pytest.fixture(scope="module")
def made() -> tuple[Phrase, ...]:
    return phrases(24_000, 0)


@pytest.fixture(scope="module")
def table() -> Table:
    return default_table("everyday-phrases")


def test_there_are_over_20000_different_pairs(made: tuple[Phrase, ...], table: Table) -> None:
    assert len(made) == len(table.lengths) == 24_000
    assert len({p.english.lower() for p in made}) >= 20_000
    assert len({(p.english, p.french) for p in made}) == 24_000


def test_the_same_seed_gives_the_same_phrases_and_another_one_others(made: tuple[Phrase, ...]) -> None:
    assert phrases.__wrapped__(300, 0) == made[:300]  # not from the cache
    assert phrases(300, 1) != made[:300]


def test_words_that_a_held_back_phrase_joins_never_stand_together_in_training(
    made: tuple[Phrase, ...], table: Table
) -> None:
    parts = assigned_splits(table, 0.15, 0.15)
    keys = [{p.key for p, part in zip(made, parts, strict=True) if part == n} for n in range(3)]
    assert all(len(k) > 400 for k in keys)
    assert not keys[0] & keys[1]
    assert not keys[0] & keys[2]
    # and in the words themselves, as far as base forms and singulars go
    training = [set(re.findall(r"[a-z]+", p.english.lower())) for p, part in zip(made, parts, strict=True) if part == 0]
    with_word: dict[str, list[int]] = {}
    for i, words in enumerate(training):
        for word in words:
            with_word.setdefault(word, []).append(i)
    for first, second in keys[2]:
        heads = (key.split()[0].lower() for key in (first, second))  # "look for" is known by look
        together = set.intersection(*(set(with_word.get(head, ())) for head in heads))
        assert not together, (first, second)


def test_each_word_of_the_held_back_phrases_was_seen_in_training(made: tuple[Phrase, ...], table: Table) -> None:
    parts = assigned_splits(table, 0.15, 0.15)
    seen = {word for p, part in zip(made, parts, strict=True) if part == 0 for word in p.key}
    held_back = [word for p, part in zip(made, parts, strict=True) if part == 2 for word in p.key]
    assert all(word in seen for word in held_back)


@pytest.mark.parametrize(
    "wrong",
    [r"\bà les?\b", r"\bde les?\b", r"\b(je|ne|que|de|le|la) [aeiouéèêàœ]", r"\bce (arb|enf|art|onc|œuf|hôp|hôt|ami)",
     r"\b(ma|ta|sa) (école|eau|eu|actrice|usine|église|assiette|histoire)", r"\bde des\b", r"  ", r"\bh[ée]ros d'"],
)  # fmt: skip
def test_nothing_stands_apart_that_should_be_drawn_together(made: tuple[Phrase, ...], wrong: str) -> None:
    found = [p.french for p in made if re.search(wrong, p.french.lower())]
    assert not found, found[:5]


def test_marks_stand_as_in_french(made: tuple[Phrase, ...]) -> None:
    assert all((p.english[-1] == "?") == p.french.endswith("\u00a0?") for p in made)
    assert all(p.french[-1] in ".?" and p.french[0].isupper() for p in made)


@pytest.mark.parametrize(
    ("infinitive", "forms"),
    [
        ("manger", "mange mangeons mangera mangeais mangions mangé"),
        ("commencer", "commence commençons commencera commençais commencions commencé"),
        ("acheter", "achète achetons achètera achetais achetions acheté"),
        ("préférer", "préfère préférons préférera préférais préférions préféré"),
        ("appeler", "appelle appelons appellera appelais appelions appelé"),
        ("jeter", "jette jetons jettera jetais jetions jeté"),
        ("nettoyer", "nettoie nettoyons nettoiera nettoyais nettoyions nettoyé"),
        ("choisir", "choisit choisissons choisira choisissais choisissions choisi"),
        ("perdre", "perd perdons perdra perdais perdions perdu"),
    ],
)
def test_regular_verbs_are_spelled_as_in_a_grammar(infinitive: str, forms: str) -> None:
    verb = Verb.regular(infinitive)
    found = [verb.present[2], verb.present[3], verb.simple("future", 2), verb.simple("imparfait", 0)]
    assert [*found, verb.simple("imparfait", 3), verb.participle] == forms.split()


def test_to_be_and_a_verb_of_motion_agree() -> None:
    assert VERBS["be"].simple("imparfait", 2) == "était"
    went = Verb.regular("arriver", with_be=True)
    assert verb_phrase(went, "past", 5, negated=True, plural=True) == ["ne", "sont", "pas", "arrivés"]
    assert verb_phrase(went, "past", 2, feminine=True) == ["est", "arrivée"]
    assert verb_phrase(VERBS["have"], "past", 0, negated=True) == ["ne", "ai", "pas", "eu"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["je", "ne", "ai", "pas", "de", "eau"], "Je n'ai pas d'eau."),
        (["il", "va", "à", "le", "marché"], "Il va au marché."),
        (["il", "va", "à", "la", "école"], "Il va à l'école."),
        (["il", "marche", "jusque", "à", "les", "ports"], "Il marche jusqu'aux ports."),
        (["le", "prix", "de", "le", "haricot"], "Le prix du haricot."),
        (["le", "prix", "de", "les", "pommes"], "Le prix des pommes."),
        (["je", "dis", "que", "il", "boit", "de", "le", "lait"], "Je dis qu'il boit du lait."),
    ],
)
def test_short_words_elide_and_contract(words: list[str], text: str) -> None:
    assert joined(words, ".") == text


@pytest.mark.parametrize(
    ("kind", "english", "plural", "adjective", "phrase"),
    [
        ("a", "tree", False, "beautiful", "un bel arbre"),
        ("a", "tree", True, "beautiful", "de beaux arbres"),
        ("this", "hospital", False, "old", "ce vieil hôpital"),
        ("this", "hospital", False, "red", "cet hôpital rouge"),
        ("my", "school", False, "", "mon école"),
        ("my", "school", False, "new", "ma nouvelle école"),
        ("the", "newspaper", True, "interesting", "les journaux intéressants"),
        ("our", "table", False, "white", "notre table blanche"),
        ("their", "horse", True, "black", "leurs chevaux noirs"),
        ("a", "soup", False, "hot", "de la soupe chaude"),
    ],
)
def test_adjectives_and_articles_agree(kind: str, english: str, plural: bool, adjective: str, phrase: str) -> None:
    noun: Noun = next(nouns[english][1] for nouns in NOUNS.values() if english in nouns)
    form: Adjective | None = ADJECTIVES[adjective][0] if adjective else None
    assert joined(noun_phrase(kind, noun, plural, form), "").strip().lower() == phrase
