"""The encoding of a text file, inferred from its first bytes.

UTF-8 is recognized reliably. Among the older encodings, the one is chosen whose letters combine as they do in a real
language: a word of accented letters only, such as Ïðèâåò, is really Cyrillic.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

from isthmus.tables.errors import DataError

__all__ = ["ENCODINGS", "STRAY", "decoded", "encoding_of", "require_encoding"]

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
WESTERN = "cp1252"
OTHERS = ("cp1251", "koi8-r", "cp1253", "cp1255", "cp1256", "cp1250", "cp1254", "cp866", "mac_roman")
WIDE = {  # multi-byte encodings: the national character set, and the first bytes of its common ideographs
    "gb18030": ("gb2312", 0xB0, 0xD7),
    "cp932": ("shift_jis", 0x88, 0x97),
    "euc_jp": ("euc_jp", 0xB0, 0xCF),
    "euc_kr": ("euc_kr", 0xB0, 0xC8),
    "big5": ("big5", 0xA4, 0xC6),
}
ENCODINGS = (
    *("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"),
    *(WESTERN, *OTHERS, *WIDE, "shift_jis", "gb2312"),
)
COMMON = {  # the script of an encoding, and the letters beyond ASCII that its languages use most
    WESTERN: ("LATIN", "éèàüöäßñóíáçãõêâîôûúëïåøæ"),
    "mac_roman": ("LATIN", "éèàüöäßñóíáçãõêâîôûúëïåøæ"),
    "cp1250": ("LATIN", "łąęóśćżźńčřšžěýáíéůťďňőűúöüăâîșț"),
    "cp1254": ("LATIN", "çğıİöşüâ"),
    "cp1251": ("CYRILLIC", "оеаинтсрвлкмдпуяыьгз"),
    "koi8-r": ("CYRILLIC", "оеаинтсрвлкмдпуяыьгз"),
    "cp866": ("CYRILLIC", "оеаинтсрвлкмдпуяыьгз"),
    "cp1253": ("GREEK", "αοιετσνηυρπκμλάόίέήύώς"),
    "cp1255": ("HEBREW", "יוהלאתרשמבנדם"),
    "cp1256": ("ARABIC", "ابتدرسعلمنهويةك"),
}
SIGNS = {  # symbols that occur beside ASCII, as in °C, µm, m², 5 €
    WESTERN: "°²³µ±£§·×½¼¾®©«»€¥ªº",
    "mac_roman": "°µ±£§·®©«»¢",
}
QUOTES = "«»“”„‘’‚…–—¿¡\u00a0"  # punctuation that occurs beside letters
HANZI = (
    "的一是了不在有人这中大国上个来到时和地出年得就那要下以生会自着去之过家学对可里后小多天能好都然没日于起还成事只作当想看文无手"
    "名市京号姓性别男女年龄城北上海电话价格数量产品公司部门工资省区县街路商品单位总计金合额月周期时间地址学校"
    "這個來時們國會說為對學樣經點麼號區縣電話價數產東南西齢都道府県田中山本村木林川口野"
)
HANGUL = (
    "이다가는의에하고로을지사기도한나시자대어리인서아수정일만스라해부보구전주상과제소장원동김박최남여성명"
    "연월시군역천광산울인구번호금액가격"
)
SURE_WIDE, MANY, MIN_LIKELY = 0.75, 20, 0.3
STRAY = "isthmus-stray"  # the error handler that decodes bytes that are not UTF-8 as cp1252


def _stray(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    found = error.object[error.start : error.end].decode(WESTERN, "replace")
    return found, error.end


codecs.register_error(STRAY, _stray)


def encoding_of(head: bytes, *, whole: bool) -> str:
    """The encoding of a text by its first bytes; ``whole`` if they are all of it.

    >>> encoding_of("Größe".encode("utf-8"), whole=True), encoding_of("Größe".encode("latin-1"), whole=True)
    ('utf-8', 'cp1252')
    """
    for mark, name in BOMS:
        if head.startswith(mark):
            return name
    if b"\0" in head[:4096]:
        even, odd = head[:4096:2].count(0), head[1:4096:2].count(0)
        if max(even, odd) > 0.2 * len(head[:4096]):
            return "utf-16-le" if odd > even else "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=whole)
        return "utf-8"
    except UnicodeDecodeError as error:
        if error.start > 0 and _mostly_utf8(head):
            return "utf-8"
    return _older(head, whole=whole)


def _mostly_utf8(head: bytes) -> bool:
    """Whether nearly all characters beyond ASCII are valid UTF-8, except for a few strays."""
    text = head.decode("utf-8", "replace")
    strays = text.count("\ufffd")
    return strays * 10 < sum(letter > "\x7f" for letter in text) - strays


def _different_cells(head: bytes, *, whole: bool) -> bytes:
    """The cells beyond ASCII, each once, as a cell that comes back is no further evidence.

    No encoding has these separators inside a character, and numbers are all alike.
    """
    cells = re.split(rb'[\t\n\r,;"]+', head)
    cells = cells if whole or len(cells) < 2 else cells[:-1]  # the last may be cut inside a character
    return b"\n".join({re.sub(rb"[0-9.]+", b"0", cell): cell for cell in cells if not cell.isascii()}.values())


def _older(head: bytes, *, whole: bool) -> str:
    head = _different_cells(head, whole=whole)
    best, most = WESTERN, _score(head.decode(WESTERN, "replace"), WESTERN)
    high = [byte for byte in head if byte > 0x7F]
    beyond, hebrew = len(high), all(0xE0 <= byte <= 0xFA for byte in high)
    for name in (*WIDE, *OTHERS):
        try:
            text = codecs.getincrementaldecoder(name)().decode(head, final=True)
        except (UnicodeDecodeError, LookupError):
            continue
        score = _wide_score(text, *WIDE[name]) if name in WIDE else _score(text, name)
        if name in WIDE and score > SURE_WIDE and beyond >= MANY:
            score += 0.1  # many common two-byte characters are hardly chance
        if hebrew and name in ("cp1251", "cp1253"):  # rare: Russian without capitals, Greek without accents too
            score -= 0.03 if name == "cp1251" else 0.15
        doubt = 0.03 if name in ("cp1250", "cp1254") else 0.1 + 0.5 / beyond  # one or two characters are weak evidence
        if score > most + (doubt if best == WESTERN else 0.0):
            best, most = name, score
    return best if most > MIN_LIKELY else WESTERN


def _score(text: str, encoding: str) -> float:
    """How plausible the letters beyond ASCII are, at most 1: common ones, of one script, capitals first."""
    script, common = COMMON[encoding]
    if encoding == "koi8-r" and not any(letter.islower() for letter in text if letter > "\x7f"):
        return 0.0  # capitals only: these bytes are the letters of Hebrew, which has no capitals
    signs = SIGNS.get(encoding, "")
    beyond = [place for place, letter in enumerate(text) if letter > "\x7f"][:5000]
    good = 0.0
    for place in beyond:
        letter, before, after = text[place], text[max(0, place - 1) : place], text[place + 1 : place + 2]
        if not letter.isalpha():
            alone = (before + after).isascii()
            good += 0.9 if alone and letter in signs else 0.7 * (not (before.isalpha() or after.isalpha()))
            continue
        near = [other for other in before + after if other.isalpha()]
        kin = all((other.isascii() and script == "LATIN") or _is_of(other, script) for other in near)
        if _is_of(letter, script) and kin and not (letter.isupper() and before.islower()):
            alone = script == "LATIN" and bool(near) and not any(other.isascii() for other in near)
            odd_neighbour = any(
                other > "\x7f" and not other.isalpha() and other not in QUOTES for other in before + after
            )
            good += (
                0.3 if odd_neighbour else 0.4 if alone else 1.0 if letter in common or letter.lower() in common else 0.5
            )
    return good / max(1, len(beyond))


def _is_of(letter: str, script: str) -> bool:
    return unicodedata.name(letter, "").startswith(script)


def _wide_score(text: str, national: str, first: int, last: int) -> float:
    """How plausible ideographs and syllables are; national sets put the common ideographs first."""
    good, count = 0.0, 0
    for place, letter in enumerate(text):
        if letter <= "\x7f":
            continue
        count += 1
        if count > 5000:
            break
        around = text[max(0, place - 1) : place] + text[place + 1 : place + 2]
        inside = len(around) == 2 and around.isascii() and around.isalpha()  # within a Latin word
        known = "\u3000" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ud7a3" or "\uff00" <= letter <= "\uff60"
        if known and not inside:
            often = letter in HANZI or letter in HANGUL or "\u3040" <= letter <= "\u30ff"
            lone = around.isascii() and any(other.isalpha() for other in around)
            common = first <= letter.encode(national, "ignore")[:1].rjust(1, b"\0")[0] <= last
            good += 0.1 if lone else 1.0 if often else 0.8 if common else 0.35
    return good / max(1, count) - 0.1


def decoded(data: bytes, encoding: str) -> str:
    """Bytes as text; bytes that are not UTF-8 are decoded as cp1252, other invalid ones replaced."""
    return data.decode(encoding, STRAY if encoding.startswith("utf-8") else "replace")


def require_encoding(head: bytes, encoding: str, where: str) -> None:
    """Refuse an encoding that cannot decode the first bytes of a file."""
    try:
        decoded(head, encoding)
        codecs.getincrementaldecoder(encoding)("replace").decode(head)  # which requires the byte order mark of UTF-16
    except UnicodeError as error:
        raise DataError(f"{where}: not in the --encoding {encoding!r} ({error}); name another.") from error
