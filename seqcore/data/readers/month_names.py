"""Month names in the large European languages: full, abbreviated, in the genitive, and without accents."""

from __future__ import annotations

import unicodedata

__all__ = ["month_of_name", "plain"]

# one language a line; | divides other spellings and cases of a month
_LANGUAGES = """
january february march april may june july|jly august september october november december
januar|jänner februar|feber märz|mrz|maerz april mai juni juli august september oktober november dezember
janvier février mars avril mai juin juillet août septembre octobre novembre décembre
enero febrero marzo abril mayo junio julio agosto septiembre|setiembre octubre noviembre diciembre
janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro
gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre
januari februari maart|mrt april mei juni juli augustus september oktober november december
styczeń|stycznia luty|lutego marzec|marca kwiecień|kwietnia maj|maja czerwiec|czerwca lipiec|lipca sierpień|sierpnia \
wrzesień|września październik|października listopad|listopada grudzień|grudnia
январь|января февраль|февраля март|марта апрель|апреля май|мая июнь|июня июль|июля август|августа \
сентябрь|сентября октябрь|октября ноябрь|ноября декабрь|декабря
januari februari mars april maj juni juli augusti september oktober november december
januar februar marts|mars april maj|mai juni juli august september oktober november december|desember
leden|ledna únor|února březen|března duben|dubna květen|května červen|června|čvn červenec|července|čvc srpen|srpna \
září říjen|října listopad|listopadu prosinec|prosince
ocak|ocağın şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık
ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie
január február március április május június július augusztus szeptember október november december
ιανουάριος|ιανουαρίου φεβρουάριος|φεβρουαρίου μάρτιος|μαρτίου απρίλιος|απριλίου μάιος|μαΐου ιούνιος|ιουνίου \
ιούλιος|ιουλίου αύγουστος|αυγούστου σεπτέμβριος|σεπτεμβρίου οκτώβριος|οκτωβρίου νοέμβριος|νοεμβρίου \
δεκέμβριος|δεκεμβρίου
січень|січня лютий|лютого березень|березня квітень|квітня травень|травня червень|червня липень|липня серпень|серпня \
вересень|вересня жовтень|жовтня листопад|листопада грудень|грудня
"""


def plain(text: str) -> str:
    """Lower case without accents: "Août" is "aout"."""
    apart = unicodedata.normalize("NFKD", text.strip().lower().replace("ı", "i"))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def _known() -> dict[str, int]:
    """Every name, and every beginning of at least three letters that belongs to one month only."""
    names: dict[str, int] = {}
    beginnings: dict[str, set[int]] = {}
    for language in _LANGUAGES.strip().splitlines():
        for month, spellings in enumerate(language.split(), 1):
            for name in map(plain, spellings.split("|")):
                names[name] = month
                for length in range(3, len(name)):
                    beginnings.setdefault(name[:length], set()).add(month)
    return {text: next(iter(months)) for text, months in beginnings.items() if len(months) == 1} | names


_MONTHS = _known()


def month_of_name(name: str) -> int | None:
    """1 for "January", "jan.", "Janvier" and "stycznia"; None if it is not a month."""
    return _MONTHS.get(plain(name).rstrip("."))
