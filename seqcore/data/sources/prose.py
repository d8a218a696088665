"""Text sources: pasted text, and the help topics of Python's documentation."""

from __future__ import annotations

import platform
import re
from dataclasses import replace

from seqcore.data.sources.source import Source
from seqcore.data.table import Table
from seqcore.data.text import LEVELS, text_table
from seqcore.errors import DataError
from seqcore.experiment.fields import setting

__all__ = ["PastedText", "PythonProse"]

_VERSE = """\
'Twas brillig, and the slithy toves
Did gyre and gimble in the wabe:
All mimsy were the borogoves,
And the mome raths outgrabe.

"Beware the Jabberwock, my son!
The jaws that bite, the claws that catch!
Beware the Jubjub bird, and shun
The frumious Bandersnatch!"

He took his vorpal sword in hand;
Long time the manxome foe he sought--
So rested he by the Tumtum tree
And stood awhile in thought.

And, as in uffish thought he stood,
The Jabberwock, with eyes of flame,
Came whiffling through the tulgey wood,
And burbled as it came!
"""  # Lewis Carroll, 1871
_RULE = re.compile(r"^\s*([*=~^#-])\1{2,}\s*$", re.MULTILINE)
_SHORT = 40  # characters: shorter paragraphs may repeat


class PastedText(Source):
    """A text pasted by the user."""

    text: str = setting(
        _VERSE, "A few hundred characters at least; a book is better.", title="Text", basic=True, multiline=True
    )
    level: str = setting("characters", "Tokens of the text.", choices=LEVELS, basic=True)

    def table(self) -> Table:
        """One sequence of symbols, [n, 1]."""
        return text_table(self.text, level=self.level, name="data.options.text")


class PythonProse(Source):
    """The help topics of Python's documentation: technical English with code examples."""

    level: str = setting("characters", "Tokens of the text.", choices=LEVELS, basic=True)
    repeats: bool = setting(
        True,
        "Keep paragraphs that occur in several topics. Then some test text is also in the training split, for the "
        "model and for the n-gram baselines.",
    )

    def table(self) -> Table:
        """One sequence of symbols, [n, 1]: about 460,000 characters, without `repeats` 370,000."""
        try:
            from pydoc_data.topics import topics  # half a megabyte: only when it is used
        except ImportError:  # some systems leave it out
            raise DataError(
                "data.source: this Python installation has no pydoc_data; use another source, such as text"
            ) from None
        text = _prose([topics[name] for name in sorted(topics)], repeats=self.repeats)
        table = text_table(text, level=self.level, name="Python documentation")
        version = f"The text is from Python {platform.python_version()}; it differs between versions."
        return replace(table, notes=(version, *table.notes))


def _prose(topics: list[str], *, repeats: bool) -> str:
    """The topics as one text: a blank line between paragraphs, without the rules under headings."""
    seen: set[str] = set()
    kept: list[str] = []
    for topic in topics:
        for paragraph in re.split(r"\n\s*\n", _RULE.sub("", topic)):
            words = " ".join(paragraph.split())
            if not words or (not repeats and len(words) > _SHORT and words in seen):
                continue
            seen.add(words)
            kept.append("\n".join(line.rstrip() for line in paragraph.strip("\n").split("\n")))
    return "\n\n".join(kept) + "\n"
