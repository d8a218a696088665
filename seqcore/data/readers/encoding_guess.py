"""Guesses the encoding of text that is not Unicode: which decoding gives words as people write them.

Each encoding has usual letters. A letter counts for it if it is usual, and against it if it stands where none of its
kind stands: a capital inside a word, a sign between letters, letters of two scripts in one word. Headers of a dozen
letters are enough in most cases; charset-normalizer, made for prose, was wrong for 21 of 38 such headers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["ENCODINGS", "Guess", "codec_of", "rank"]

_WORDS = re.compile(rb"[^\x00-\x20,;\"'|]*[\x80-\xff][^\x00-\x20,;\"'|]*")
_MOST_BYTES = 4_000
_SIGNS = "°€µ²³£§«»“”„’‘–—…±×½¼·‰™®©"
_LATIN = "äöüßéèêàçñáíóúãâåôîÄÖÜÉÀÅÁÓ", "ëïûùøæõìòœÇÈÊØÆÑÍÚÂÎÔÕ¿¡ºª"
_CENTRAL = "ąćęłóśźżčěřšžýáíéúůőűöüäČŘŠŽŁŚŻÁÉÍÓÖÜ", "ńďňťĺľŕâîăşţëĎŇŤŹĆŃĄĘŐŰ"
_CYRILLIC = "оеаинтсрвлкмдпОЕАИНТСРВЛКМДП", "узяыьгбчйхжшюцщэфъёіїєУЗЯЫЬГБЧЙХЖШЮЦЩЭФЪЁІЇЄ"
_HANZI = (
    "日期时间年月份号销售额量数价格温度湿度城市地区名称产品类别收入金单位总计开始结束"
    "的一是不了在人有我他这个们中来上大为和国到以说要子学生可会家好看天气北京海广州深圳"
)
_HANZI_TRADITIONAL = (
    "日期時間年月份號銷售額量數價格溫度濕度城市地區名稱產品類別收入金單位總計開始結束"
    "的一是不了在人有我他這個們中來上大為和國到以說要子學生可會家好看天氣臺北灣高雄"
)
_KANJI = (
    "日付時間年月曜分秒売上数量価格気温度湿都市地域名称商品類別収入金額単位合計開始終了"
    "一人大出本中見国上生者行自前後場東京大阪県市区町会社学的高平均最値番号"
)
_HANGUL = (
    "날짜시간년월일판매량수가격온도습지역이름상품종류분합계시작종료단위서울부산대구인천"
    "의는을를에와과한하고다로도사자그나어리기해성정제전주보"
)


@dataclass(frozen=True)
class _Encoding:
    """A codec: `title`, its usual and its rarer letters, the script of its words, and what it loses in a tie."""

    title: str
    usual: str = ""
    rarer: str = ""
    script: str = "LATIN"
    handicap: float = 0.05


ENCODINGS: dict[str, _Encoding] = {
    "cp1252": _Encoding("Windows 1252", *_LATIN, handicap=0.0),
    "mac-roman": _Encoding("Mac Roman", *_LATIN, handicap=0.4),
    "cp850": _Encoding("DOS 850", *_LATIN, handicap=0.4),
    "cp1250": _Encoding("Windows 1250", *_CENTRAL),
    "iso8859-2": _Encoding("Latin-2", *_CENTRAL, handicap=0.06),
    "cp1257": _Encoding("Windows 1257", "āčēėģīįķļņšųūžąęõäöüŠŽČ", "ĀĒĖĢĪĮĶĻŅŲŪĄĘ", handicap=0.06),
    "cp1254": _Encoding("Windows 1254", "ğışöüçİŞÖÜÇĞ", "âîû"),
    "cp1251": _Encoding("Windows 1251", *_CYRILLIC, script="CYRILLIC"),
    "koi8-r": _Encoding("KOI8-R", *_CYRILLIC, script="CYRILLIC", handicap=0.06),
    "cp1253": _Encoding(
        "Windows 1253", "αοιετσνηυρπκμλςάέήίόύώ", "δγωθχβφξζψϊϋΐΰΑΟΙΕΤΣΝΗΥΡΠΚΜΛΔΓΩΘΧΒΦΞΖΨΆΈΉΊΌΎΏ", "GREEK"
    ),
    "cp1255": _Encoding("Windows 1255", "יוהלארתבמ", "םןנשדחכקעפטזגסצץףך", "HEBREW"),
    "cp1256": _Encoding("Windows 1256", "اليمنورتبةعد", "سهفكقحجشصطخذضظغثزىءأإآئؤ", "ARABIC"),
    "shift_jis": _Encoding("Shift JIS", _KANJI, script="CJK"),
    "euc-jp": _Encoding("EUC-JP", _KANJI, script="CJK"),
    "gb18030": _Encoding("GB 18030", _HANZI, script="CJK"),
    "big5": _Encoding("Big5", _HANZI_TRADITIONAL, script="CJK"),
    "cp949": _Encoding("Windows 949", _HANGUL, script="CJK"),
}
"""Encodings that can be guessed, by their names in `data.options.encoding`."""

_CODECS = {"shift_jis": "cp932", "big5": "cp950"}  # with the letters that Windows adds


def codec_of(encoding: str) -> str:
    """Python's codec for a choice of `data.options.encoding`."""
    return _CODECS.get(encoding, encoding)


@dataclass(frozen=True)
class Guess:
    """A possible encoding: its score (about 1 if right, below 0.5 if wrong) and the sample in it."""

    encoding: str
    score: float
    sample: str

    @property
    def title(self) -> str:
        """Its name for people."""
        return ENCODINGS[self.encoding].title


def rank(sample: bytes) -> list[Guess]:
    """The encodings that can decode a sample with letters beyond ASCII, most probable first."""
    words: dict[bytes, None] = dict.fromkeys(_WORDS.findall(sample))
    some, size = [], 0
    for word in words:
        some.append(word[:200])
        size += len(some[-1])
        if size > _MOST_BYTES:
            break
    guesses = []
    for name, known in ENCODINGS.items():
        try:
            decoded = [word.decode(codec_of(name)) for word in some]
        except UnicodeDecodeError:
            continue
        line = next((line for line in sample.splitlines() if not line.isascii()), b"")
        shown = line.decode(codec_of(name), errors="replace").strip()[:40]
        high = sum(sum(byte > 0x7F for byte in word) for word in some)
        total = sum(_east_asian(text, name) if name in _CJK else _alphabetic(text, known) for text in decoded)
        guesses.append(Guess(name, total / max(high, 1) - known.handicap, shown))
    return sorted(guesses, key=lambda guess: -guess.score)


def _alphabetic(word: str, known: _Encoding) -> float:
    """The score of the letters beyond ASCII in a word, about 1 each if they are right."""
    score = 0.0
    foreign = sum(sign > "\x7f" and sign.isalpha() for sign in word)
    ascii_letters = sum(sign <= "\x7f" and sign.isalpha() for sign in word)
    for i, sign in enumerate(word):
        if sign <= "\x7f":
            continue
        before, after = word[i - 1 : i], word[i + 1 : i + 2]
        if sign in known.usual:
            worth = 1.0
        elif sign in known.rarer:
            worth = 0.5
        elif sign in _SIGNS:
            between = before.isalpha() and after.isalpha() and sign not in "’‘"
            worth = -1.0 if between else 1.0 if sign in "°µ²³" else 0.7
        else:
            worth = -2.0 if unicodedata.category(sign)[0] == "C" else -0.3 if sign.isalpha() else -1.0
        if sign.isupper() and before.islower():
            worth = -1.0  # a capital inside a word
        if known.script == "HEBREW" and sign in "םןץףך" and after.isalpha():
            worth = -1.0  # the form of a letter at the end of a word
        if sign.isalpha() and worth > 0:
            if known.script == "LATIN" and foreign > 2 and foreign > 3 * ascii_letters:
                worth -= 1.5  # words have more plain letters
            if known.script != "LATIN" and ascii_letters and known.script in unicodedata.name(sign, ""):
                worth -= 1.5
        score += worth
    return score


def _east_asian(word: str, name: str) -> float:
    """The score of the characters of a word, about 1 for each byte beyond ASCII if they are right."""
    score = 0.0
    for i, sign in enumerate(word):
        if sign > "\x7f":
            raw = sum(byte > 0x7F for byte in sign.encode(codec_of(name)))
            worth = 1.2 if sign in ENCODINGS[name].usual else _CJK[name](sign)
            if word[i - 1 : i].isascii() and word[i - 1 : i].isalpha() and word[i + 1 : i + 2].isalpha():
                worth = min(worth, 0.0) if word[i + 1].isascii() else worth - 0.3
            score += worth * raw
    return score


def _lead(sign: str, encoding: str) -> int:
    raw = sign.encode(encoding)
    return raw[0] if len(raw) == 2 else 0


def _japanese(encoding: str, first: int, last: int) -> Callable[[str], float]:
    """Kana, and the kanji of the first level, whose first bytes lie in this range."""

    def worth(sign: str) -> float:
        if "\u3040" <= sign <= "\u30ff":
            return 1.2
        if "\uff61" <= sign <= "\uff9f" or not sign.isalpha():
            return 0.1 if sign.isalpha() else 0.3
        return 0.7 if first <= _lead(sign, encoding) <= last else 0.1

    return worth


def _level(encoding: str, first: int, last: int) -> Callable[[str], float]:
    """The characters of the first level, whose first bytes lie in this range; kana are not expected."""

    def worth(sign: str) -> float:
        if not sign.isalpha() or "\u3040" <= sign <= "\u30ff":
            return 0.3
        raw = sign.encode(encoding)
        plain = len(raw) == 2 and first <= raw[0] <= last and (encoding == "cp950" or raw[1] >= 0xA1)
        return 0.7 if plain else 0.0

    return worth


_CJK: dict[str, Callable[[str], float]] = {
    "shift_jis": _japanese("cp932", 0x88, 0x98),
    "euc-jp": _japanese("euc-jp", 0xB0, 0xCF),
    "gb18030": _level("gb18030", 0xB0, 0xD7),
    "big5": _level("cp950", 0xA4, 0xC6),
    "cp949": _level("cp949", 0xB0, 0xC8),
}
