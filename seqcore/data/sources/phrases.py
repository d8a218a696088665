"""Source: English and French sentence pairs from a grammar with agreement, elision and contraction.

Each phrase combines two content words (a verb and its object, an adjective and its noun, ...) with persons, tenses,
negation, questions, articles, numbers and possessives. The two words are the group of the phrase, so that the test
split combines words that never occur together in the training split.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from random import Random
from typing import NamedTuple

from seqcore.data.parallel_text import pairs_table
from seqcore.data.sources.english import EnglishVerb, Said, article, asked, being, denied, is_pronoun, sentence
from seqcore.data.sources.french import Noun, Verb, joined, noun_phrase, verb_phrase
from seqcore.data.sources.phrase_words import (
    ADJECTIVES,
    INTRANSITIVE,
    LASTING,
    MODALS,
    MOTIONS,
    NOUNS,
    OWNERS,
    SUBJECTS,
    TRANSITIVE,
    VERBS,
    Subject,
)
from seqcore.data.sources.source import Source
from seqcore.data.table import Table
from seqcore.experiment.fields import setting

__all__ = ["EverydayPhrases", "Phrase", "phrases"]

Words = list[str]
Named = tuple[str, str, Noun]  # English singular and plural, and the French noun


class Phrase(NamedTuple):
    """A sentence in both languages, and the two English words that it combines."""

    english: str
    french: str
    key: tuple[str, str]


class EverydayPhrases(Source):
    """English and French sentences; validation and test sentences have word combinations unseen in training."""

    pairs: int = setting(24_000, "Number of distinct sentences.", minimum=100, maximum=100_000, basic=True)
    seed: int = setting(0, "Random seed of the data.", minimum=0, maximum=2**31 - 1)

    def table(self) -> Table:
        """English sentences, French ones in `paired`; `groups` are the two words that a phrase combines."""
        found = phrases(self.pairs, self.seed)
        return pairs_table(
            ((p.english, p.french) for p in found),
            name="data.options",
            columns=("english", "french"),
            groups=("|".join(p.key) for p in found),
        )


@lru_cache(maxsize=4)
def phrases(count: int, seed: int) -> tuple[Phrase, ...]:
    """`count` phrases with distinct English sentences."""
    random = Random(seed)  # noqa: S311
    kinds, weights = zip(*_KINDS, strict=True)
    found: dict[str, Phrase] = {}
    while len(found) < count:
        phrase = random.choices(kinds, weights)[0](random)
        found.setdefault(phrase.english, phrase)
    return tuple(found.values())


_TENSES = ("present", "present", "past", "future", "imparfait")


def _manner(random: Random, tenses: tuple[str, ...] = _TENSES) -> Said:
    tense, way = random.choice(tenses), random.random()
    if tense == "imparfait":
        return Said(tense, negated=False, question=False)
    return Said(tense, negated=way < 0.25, question=way > 0.75)


def _phrase(said: Said, english: Words, who: Sequence[str], verb: Words, rest: Words, key: tuple[str, str]) -> Phrase:
    """The English words and the French subject, verb and rest as sentences."""
    french = [*(["est-ce", "que"] if said.question else []), *who, *verb, *rest]
    return Phrase(sentence(english, said.mark), joined(french, said.mark), key)


def _does(subject: Subject, verb: Verb, said: Said) -> Words:
    return verb_phrase(
        verb, said.tense, subject.person, negated=said.negated, feminine=subject.feminine, plural=subject.plural
    )


def _noun(random: Random, kinds: tuple[str, ...]) -> Named:
    """One noun of these kinds."""
    return random.choice([(one, *known) for kind in kinds for one, known in NOUNS[kind].items()])


def _object(random: Random, one: str, many: str, noun: Noun, said: Said, adjective: str = "") -> tuple[Words, Words]:
    """A noun with what stands before it, in both languages."""
    plural = not noun.mass and random.random() < 0.4
    kinds = ["the", "the", "a", "a", "this", "own", "own"] + (["number"] if plural and not said.negated else [])
    kind = random.choice(kinds)
    word = many if plural else one
    french_adjective = ADJECTIVES[adjective][0] if adjective else None
    if kind == "own":
        owner = random.choice(tuple(OWNERS))
        english, kind = owner, OWNERS[owner]
    elif kind == "number":
        english, kind = random.choice((("two", "deux"), ("three", "trois"), ("four", "quatre"), ("ten", "dix")))
    elif kind == "this":
        english = "these" if plural else "this"
    elif kind == "a":
        english = ("any" if said.negated or said.question else "some") if plural or noun.mass else "a"
        english = article(adjective or word) if english == "a" else english
    else:
        english = "the"
    words = [english, adjective, word]
    return words, noun_phrase(kind, noun, plural, french_adjective, negated=said.negated)


_WHEN = {
    "present": (("every day", "tous les jours"), ("now", "maintenant"), ("today", "aujourd'hui")),
    "past": (("yesterday", "hier"), ("this morning", "ce matin"), ("today", "aujourd'hui")),
    "future": (("tomorrow", "demain"), ("tonight", "ce soir"), ("today", "aujourd'hui")),
    "imparfait": (("every day", "tous les jours"),),
}


def _when(random: Random, tense: str, share: float = 0.25) -> tuple[str, Words]:
    if random.random() >= share:
        return "", []
    english, french = random.choice(_WHEN[tense])
    return english, [french]


def _verb_and_object(random: Random) -> Phrase:
    """I don't see the dogs."""
    english, french, kinds = random.choice(TRANSITIVE)
    one, many, noun = _noun(random, kinds)
    subject = random.choice(SUBJECTS)
    way = random.random()
    if way < 0.2 and english.base not in LASTING:
        return _with_modal(random, subject, english, french, (one, many, noun))
    said = _manner(random)
    if said.tense == "past" and english.past == english.base and not (said.negated or said.question):
        said = Said("present", negated=False, question=False)
    if way > 0.88 and not said.question and said.tense != "imparfait":
        return _reported(random, subject, said, english, french, (one, many, noun))
    there, objet = _object(random, one, many, noun, said)
    when, quand = ("", []) if english.base in LASTING else _when(random, said.tense)
    clause = asked(random, subject.english, subject.third, english, said)
    verb, rest = _does(subject, french, said), [*objet, *quand]
    return _phrase(said, [*clause, *there, when], subject.french, verb, rest, (english.base, one))


def _with_modal(random: Random, subject: Subject, english: EnglishVerb, french: Verb, thing: Named) -> Phrase:
    """She can't find her key."""
    said = _manner(random, ("present",))
    modal = random.choice(tuple(MODALS))
    there, objet = _object(random, *thing, said)
    when, quand = _when(random, "present", 0.15)
    if modal in ("can", "must"):
        if said.question:
            clause = [modal, subject.english, english.base]
        else:
            clause = [subject.english, *(denied(random, modal) if said.negated else [modal]), english.base]
    else:
        clause = [*asked(random, subject.english, subject.third, EnglishVerb(modal, ""), said), english.base]
    verb, rest = _does(subject, MODALS[modal], said), [french.infinitive, *objet, *quand]
    return _phrase(said, [*clause, *there, when], subject.french, verb, rest, (english.base, thing[0]))


_SAYING = {"think": "thinks", "know": "knows", "say": "says"}


def _reported(random: Random, subject: Subject, said: Said, english: EnglishVerb, french: Verb, thing: Named) -> Phrase:
    """He says that Anne will sell the car."""
    teller = random.choice([s for s in SUBJECTS if is_pronoun(s.english) or s != subject])
    saying = random.choice(tuple(_SAYING))
    there, objet = _object(random, *thing, said)
    clause = asked(random, subject.english, subject.third, english, said)
    says = _SAYING[saying] if teller.third else saying
    que = [*teller.french, VERBS[saying].simple("present", teller.person), "que"]
    return Phrase(
        sentence([teller.english, says, "that", *clause, *there], "."),
        joined([*que, *subject.french, *_does(subject, french, said), *objet], "."),
        (english.base, thing[0]),
    )


def _of_a_kind(random: Random, *, people: bool) -> tuple[str, Named]:
    """An adjective, and a noun that it can be said of."""
    fitting = [name for name, (_, kinds) in ADJECTIVES.items() if (kinds == ("person",)) == people]
    adjective = random.choice(fitting)
    return adjective, _noun(random, ADJECTIVES[adjective][1])


_KNOWN = ("the", "the", "this", "own")
_STATES = ("present", "present", "imparfait+", "future")  # English says "imparfait+" in the past


def _subject(kind: str, owner: str, thing: Named, plural: bool) -> Subject:
    """A noun, with what stands before it, as a subject."""
    one, many, noun = thing
    before = {"own": owner, "this": "these" if plural else "this"}.get(kind, "the")
    french = noun_phrase(OWNERS[owner] if kind == "own" else kind, noun, plural)
    return Subject(f"{before} {many if plural else one}", tuple(french), 5 if plural else 2, noun.feminine)


def _is(random: Random, subject: Subject, adjective: str, said: Said) -> tuple[Words, Words]:
    """What is said of the subject: the English clause, and the French verb and adjective."""
    tense = "past" if said.tense == "imparfait+" else said.tense
    clause = being(random, subject.english, subject.person, said._replace(tense=tense))
    verb = verb_phrase(VERBS["be"], said.tense.rstrip("+"), subject.person, negated=said.negated)
    return [*clause, adjective], [*verb, ADJECTIVES[adjective][0].form(subject.feminine, subject.plural)]


def _adjective_and_noun(random: Random) -> Phrase:
    """The old houses were not empty; we want a red car."""
    people = random.random() < 0.3
    adjective, (one, many, noun) = _of_a_kind(random, people=people)
    key = (adjective, one)
    way = random.random()
    if people or way < 0.4:
        said = _manner(random, _STATES)
        kind, plural = random.choice(_KNOWN), not noun.mass and random.random() < 0.4
        subject = _subject(kind, random.choice(tuple(OWNERS)), (one, many, noun), plural)
        clause, verb = _is(random, subject, adjective, said)
        return _phrase(said, clause, subject.french, verb, [], key)
    said = _manner(random, ("present",))
    if way < 0.6:
        return _shown(random, adjective, (one, many, noun), said)
    subject = random.choice(SUBJECTS)
    verb_ = random.choice(("have", "want", "like"))
    if verb_ == "like":  # in French one likes things in general, or certain ones
        plural = not noun.mass and random.random() < 0.5
        there = ["the", adjective, many if plural else one]
        french = noun_phrase("the", noun, plural, ADJECTIVES[adjective][0])
    else:
        there, french = _object(random, one, many, noun, said, adjective)
    if verb_ == "have" and subject.third and not (said.negated or said.question):
        clause = [subject.english, "has"]
    else:
        clause = asked(random, subject.english, subject.third, EnglishVerb(verb_, ""), said)
    return _phrase(said, [*clause, *there], subject.french, _does(subject, VERBS[verb_], said), french, key)


def _shown(random: Random, adjective: str, thing: Named, said: Said) -> Phrase:
    """This is a red apple; where are the red apples; there is no red apple here."""
    one, many, noun = thing
    plural = not noun.mass and random.random() < 0.5
    word, french = many if plural else one, ADJECTIVES[adjective][0]
    key = (adjective, one)
    if said.question:
        english = ["where", "are" if plural else "is", "the", adjective, word]
        there = noun_phrase("the", noun, plural, french)
        return Phrase(sentence(english, "?"), joined(["où", "sont" if plural else "est", *there], "?"), key)
    some = "some" if plural or noun.mass else article(adjective)
    if random.random() < 0.5:
        english = ["there", "are" if plural else "is", some, adjective, word, "here"]
        verb = ["il", "y", "a"]
        if said.negated:
            english[2], verb = "no", ["il", "n'y", "a", "pas"]
        there = noun_phrase("a", noun, plural, french, negated=said.negated)
        return Phrase(sentence(english, "."), joined([*verb, *there, "ici"], "."), key)
    english = ["these", "are"] if plural else ["this", "is"]
    if said.negated:
        english[1:] = denied(random, english[1])
    this = (["ce", "ne", "sont", "pas"] if plural else ["ce", "n'est", "pas"]) if said.negated else []
    this = this or (["ce", "sont"] if plural else ["c'est"])
    there = noun_phrase("a", noun, plural, french)
    before = [] if plural else [some]
    return Phrase(sentence([*english, *before, adjective, word], "."), joined([*this, *there], "."), key)


def _subject_and_adjective(random: Random) -> Phrase:
    """Are you tired?"""
    adjective = random.choice([name for name, (_, kinds) in ADJECTIVES.items() if kinds == ("person",)])
    subject = random.choice(SUBJECTS)
    said = _manner(random, _STATES)
    clause, verb = _is(random, subject, adjective, said)
    when, quand = _when(random, "future" if said.tense == "future" else "present", 0.15)
    if said.tense == "imparfait+":
        when, quand = "", []
    key = (subject.english.split()[0], adjective)
    return _phrase(said, [*clause, when], subject.french, verb, quand, key)


def _noun_and_verb(random: Random) -> Phrase:
    """The girls will sing tomorrow."""
    one, many, noun = _noun(random, ("person",))
    english, french = random.choice(INTRANSITIVE)
    plural, said = random.random() < 0.5, _manner(random)
    subject = _subject(random.choice(_KNOWN), random.choice(tuple(OWNERS)), (one, many, noun), plural)
    when, quand = _when(random, said.tense, 0.4)
    clause = asked(random, subject.english, subject.third, english, said)
    return _phrase(said, [*clause, when], subject.french, _does(subject, french, said), quand, (one, english.base))


def _motion_and_place(random: Random) -> Phrase:
    """We went to the market."""
    english, french, preposition = random.choice(MOTIONS)
    one, many, noun = _noun(random, ("place",))
    subject, said = random.choice(SUBJECTS), _manner(random)
    plural = random.random() < 0.25
    own = random.random() < 0.3
    owner = random.choice(tuple(OWNERS))
    there = noun_phrase(OWNERS[owner] if own else "the", noun, plural)
    when, quand = _when(random, said.tense)
    clause = asked(random, subject.english, subject.third, english, said)
    words = [*clause, owner if own else "the", many if plural else one, when]
    verb, rest = _does(subject, french, said), [*preposition, *there, *quand]
    return _phrase(said, words, subject.french, verb, rest, (english.base, one))


def _part_and_whole(random: Random) -> Phrase:
    """Where is the door of the church? I like the colour of your car."""
    has = random.random() < 0.6
    part, _, its = _noun(random, ("what it has",) if has else ("part of a place",))
    one, many, noun = _noun(random, ("thing",) if has else ("place",))
    plural, own = random.random() < 0.35, random.random() < 0.4
    owner = random.choice(tuple(OWNERS))
    english = ["the", part, "of", owner if own else "the", many if plural else one]
    french = [*noun_phrase("the", its), "de", *noun_phrase(OWNERS[owner] if own else "the", noun, plural)]
    key, way = (part, one), random.random()
    if way < 0.3:
        ask = "what" if has else "where"
        demande = ("quelle" if its.feminine else "quel") if has else "où"
        return Phrase(sentence([ask, "is", *english], "?"), joined([demande, "est", *french], "?"), key)
    if way < 0.45:
        here, voici = random.choice((("here is", "voici"), ("this is", "c'est")))
        return Phrase(sentence([here, *english], "."), joined([voici, *french], "."), key)
    subject, said = random.choice(SUBJECTS), _manner(random, ("present", "future"))
    clause = asked(random, subject.english, subject.third, EnglishVerb("like", ""), said)
    verb = _does(subject, VERBS["like"], said)
    return _phrase(said, [*clause, *english], subject.french, verb, french, key)


_KINDS: tuple[tuple[Callable[[Random], Phrase], float], ...] = (
    (_verb_and_object, 0.46),
    (_adjective_and_noun, 0.27),
    (_noun_and_verb, 0.09),
    (_motion_and_place, 0.07),
    (_subject_and_adjective, 0.06),
    (_part_and_whole, 0.05),
)
