"""Reversible tokenization of sentences into words and marks, for translation.

Elided and contracted words are split (l'|eau, qu'|il, I|'m, do|n't, as|-tu). Tokens mark unexpected or missing spaces
before them, so that the text can be restored exactly and a model learns the spacing of a language (French: a space
before "?").
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from seqcore.data.text import cut_words
from seqcore.results.spacing import JOINED, SPACED, Spacing

__all__ = ["cut_sentence", "normalized"]

_LONGEST = 60  # characters of a word; longer ones are split

_ODD = {
    **dict.fromkeys("\u2018\u2019\u02bc\u02b9\u2032\u00b4\u0060\uff07", "'"),
    **dict.fromkeys("\u00a0\u202f\u2007\u2009\u200a\u2002\u2003\u2004\u2005\u2006\u2008\u205f\u3000", " "),
    **dict.fromkeys("\u00ad\u200b\u200c\u200e\u200f\u2060\ufeff\ufffd", ""),
    **dict.fromkeys("\u2010\u2011", "-"),
    **{chr(code): "" for code in (*range(32), *range(127, 160)) if not chr(code).isspace()},
}
_TRANSLATED = str.maketrans(_ODD)
_CLITIC = re.compile(r"(.+?)(n't|'(?:s|m|re|ve|ll|d|t))", re.IGNORECASE)
_ELIDED = re.compile(
    r"((?:[ldjmntscz]|qu|jusqu|lorsqu|puisqu|quoiqu|dell|all|nell|sull|dall|quell|quest|un|dov|com)')(.+)",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"(.+?)(-(?:t-)?(?:je|tu|il|elle|on|ils|elles|nous|vous|ce|moi|toi|lui|leur|le|la|les|y|en|l\u00e0|ci))",
    re.IGNORECASE,
)


def normalized(text: str) -> str:
    """Unified apostrophes, hyphens and spaces, Unicode in NFC, no redundant white space."""
    return " ".join(unicodedata.normalize("NFC", text).translate(_TRANSLATED).split())


def cut_sentence(text: str) -> list[str]:
    """The tokens of a normalized text; `join_sentence` restores it exactly."""
    tokens: list[str] = []
    spacing = Spacing()
    place = 0
    for piece in cut_words(text):
        space = place < len(text) and text[place] == " "
        place += space + len(piece)
        for part in _parts(piece):
            expected = spacing.space_before(part)
            tokens.append(part if space == expected else (SPACED if space else JOINED) + part)
            spacing.add(part)
            space = False
    return tokens


@lru_cache(maxsize=10_000)
def _parts(piece: str) -> tuple[str, ...]:
    """One word, split at elisions and contractions."""
    if "'" in piece and (found := _CLITIC.fullmatch(piece)):
        return (*_parts(found[1]), found[2])
    if "'" in piece and (found := _ELIDED.fullmatch(piece)):
        return (found[1], *_parts(found[2]))
    if "-" in piece and (found := _TAIL.fullmatch(piece)):
        return (*_parts(found[1]), found[2])
    return tuple(piece[start : start + _LONGEST] for start in range(0, len(piece), _LONGEST))
