"""French inflection for the phrase generator: verbs in four tenses, agreement, elision, contraction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Adjective", "Noun", "Verb", "joined", "noun_phrase", "verb_phrase"]

_VOWELS = "aeiouhàâäéèêëîïôöùûüœ"
_ASPIRATED = frozenset({"haricot", "haricots", "haut", "haute", "hauts", "hautes", "huit", "héros"})
_ENDINGS = {"imparfait": ("ais", "ais", "ait", "ions", "iez", "aient"), "future": ("ai", "as", "a", "ons", "ez", "ont")}
_ACUTE = "é"
_HAVE = ("ai", "as", "a", "avons", "avez", "ont")
_BE = ("suis", "es", "est", "sommes", "êtes", "sont")


@dataclass(frozen=True)
class Noun:
    """A noun of a gender, with its plural; `mass` nouns are not counted."""

    singular: str
    feminine: bool = False
    plural: str = ""
    mass: bool = False

    def form(self, plural: bool) -> str:
        """The noun in this number."""
        if not plural:
            return self.singular
        if self.plural:
            return self.plural
        word = self.singular
        if word.endswith(("eau", "eu")):
            return f"{word}x"
        if word.endswith("al"):
            return f"{word[:-2]}aux"
        return word if word[-1] in "sxz" else f"{word}s"


@dataclass(frozen=True)
class Adjective:
    """`before` says where it stands; `vowel` is the masculine singular before a vowel (bel, nouvel, vieil)."""

    masculine: str
    feminine: str = ""
    before: bool = False
    vowel: str = ""

    def form(self, feminine: bool, plural: bool, following: str = "") -> str:
        """As it agrees; `following` is the word after it, if that is its noun."""
        word = self.masculine
        if feminine:
            word = self.feminine or (word if word.endswith("e") else f"{word}e")
            return f"{word}s" if plural else word
        if plural:
            return f"{word}x" if word.endswith("eau") else word if word[-1] in "sx" else f"{word}s"
        return self.vowel if self.vowel and begins_with_vowel(following) else word


@dataclass(frozen=True)
class Verb:
    """`present[6]`, the past participle, the stem of the future; `with_be` forms its past with être."""

    infinitive: str
    present: tuple[str, ...]
    participle: str
    future: str
    with_be: bool = False

    @classmethod
    def regular(cls, infinitive: str, *, with_be: bool = False) -> Verb:
        """A verb of one of the three regular groups: -er (with its spelling), -ir (finir), -re (vendre)."""
        stem, ending = infinitive[:-2], infinitive[-2:]
        if ending == "ir":
            forms = tuple(stem + e for e in ("is", "is", "it", "issons", "issez", "issent"))
            return cls(infinitive, forms, f"{stem}i", infinitive, with_be)
        if ending == "re":
            forms = tuple(stem + e for e in ("s", "s", "", "ons", "ez", "ent"))
            return cls(infinitive, forms, f"{stem}u", infinitive[:-1], with_be)
        strong = _stressed(stem)
        we = stem + "e" if stem.endswith("g") else stem[:-1] + "ç" if stem.endswith("c") else stem
        forms = (f"{strong}e", f"{strong}es", f"{strong}e", f"{we}ons", f"{stem}ez", f"{strong}ent")
        # a closed vowel opens in the future too, but not an e with an acute (préférer)
        future = f"{stem if _ACUTE in stem[-2:] else strong}er"
        return cls(infinitive, forms, f"{stem}é", future, with_be)

    def simple(self, tense: str, person: int) -> str:
        """ "present", "imparfait" or "future" in one of six persons."""
        if tense == "present":
            return self.present[person]
        if tense == "future":
            return self.future + _ENDINGS["future"][person]
        stem = "ét" if self.infinitive == "être" else self.present[3].removesuffix("ons")
        if person in (3, 4):  # mangions, commencions
            stem = stem.removesuffix("e") if stem.endswith("ge") else stem
            stem = stem[:-1] + "c" if stem.endswith("ç") else stem
        return stem + _ENDINGS["imparfait"][person]


def begins_with_vowel(word: str) -> bool:
    """Whether a word before it elides: it begins with a vowel or a silent h."""
    plain = word.lower()
    return bool(plain) and plain[0] in _VOWELS and plain not in _ASPIRATED


def verb_phrase(
    verb: Verb, tense: str, person: int, *, negated: bool = False, feminine: bool = False, plural: bool = False
) -> list[str]:
    """The words of a verb in a tense ("past" is the passé composé), with ne and pas around what is conjugated.

    Where être forms the past, the participle agrees with the subject.
    """
    if tense != "past":
        head, rest = verb.simple(tense, person), []
    else:
        head = (_BE if verb.with_be else _HAVE)[person]
        agreed = ("e" * feminine + "s" * plural) if verb.with_be else ""
        rest = [verb.participle + agreed]
    return ["ne", head, "pas", *rest] if negated else [head, *rest]


def determiner(kind: str, noun: Noun, plural: bool, following: str, *, negated: bool = False) -> list[str]:
    """The words before a noun, which `following` begins: "the", "a" (in the plural: some), "this", "my", "two", ...

    After a negation an indefinite or a partitive article is de.
    """
    vowel, feminine = begins_with_vowel(following), noun.feminine
    if kind == "the":
        return ["les" if plural else "la" if feminine else "le"]
    if kind == "a":
        if negated:
            return ["de"]
        if noun.mass:
            return ["de", "la" if feminine else "le"]
        return ["des"] if plural else ["une" if feminine else "un"]
    if kind == "this":
        return ["ces" if plural else "cette" if feminine else "cet" if vowel else "ce"]
    if kind in _POSSESSIVES:
        ours, many = _POSSESSIVES[kind]
        if plural:
            return [many]
        return [ours + ("a" if feminine and not vowel else "on") if len(ours) == 1 else ours]
    return [kind]  # a number


_POSSESSIVES = {
    "my": ("m", "mes"),
    "your": ("t", "tes"),
    "his": ("s", "ses"),
    "our": ("notre", "nos"),
    "their": ("leur", "leurs"),
}


def noun_phrase(
    kind: str, noun: Noun, plural: bool = False, adjective: Adjective | None = None, *, negated: bool = False
) -> list[str]:
    """Determiner, adjective and noun in their order. Before an adjective, the plural indefinite article is de."""
    word = noun.form(plural)
    if adjective is None:
        return [*determiner(kind, noun, plural, word, negated=negated), word]
    if not adjective.before:
        agreed = adjective.form(noun.feminine, plural)
        return [*determiner(kind, noun, plural, word, negated=negated), word, agreed]
    agreed = adjective.form(noun.feminine, plural, word)
    article = ["de"] if kind == "a" and plural else determiner(kind, noun, plural, agreed, negated=negated)
    return [*article, agreed, word]


def joined(words: Sequence[str], mark: str) -> str:
    """Words as a sentence: de and à contract with le and les, short words elide, the first letter is a capital."""
    merged: list[str] = []
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word in ("le", "la") and begins_with_vowel(after):
            word = "l'"
        if merged and (pair := (merged[-1], word)) in _CONTRACTED:
            merged[-1] = _CONTRACTED[pair]
        else:
            merged.append(word)
    text = ""
    for word, after in zip(merged, [*merged[1:], ""], strict=True):
        if word in _ELIDED and begins_with_vowel(after):
            word = f"{word[:-1]}'"
        text += word if word.endswith("'") else f"{word} "
    text = text.strip()
    space = "\u00a0" if mark in "?!" else ""
    return f"{text[0].upper()}{text[1:]}{space}{mark}"


_CONTRACTED = {("de", "le"): "du", ("de", "les"): "des", ("à", "le"): "au", ("à", "les"): "aux"}
_ELIDED = frozenset({"je", "ne", "de", "que", "me", "te", "se", "ce", "jusque"})


def _stressed(stem: str) -> str:
    """The stem of an -er verb where its ending is silent: achèt-, préfèr-, appell-, nettoi-."""
    if stem.endswith(("appel", "jet")):
        return stem + stem[-1]
    if stem.endswith(("oy", "uy")):
        return f"{stem[:-1]}i"
    if (len(stem) > 2 and stem[-2] in "eé" and stem[-1] not in "aeiouér") or stem.endswith("ér"):
        return f"{stem[:-2]}è{stem[-1]}"
    return stem
