"""Which column of a file is what: from whatever names a file uses to the columns of the article table.

Names are compared without case, spaces and punctuation. For each article column the usual names are tried in the
order of `USUAL_NAMES`, English before Russian before Kazakh; the first that the file has is taken, and a file's
column serves one purpose only. What is not taken is carried along as it is; where its name is that of an article
column, it becomes ``input_<name>`` (the file's own ``article_id``, say).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from toolkit.schema import ARTICLE_COLUMNS, InputError, SettingsError

USUAL_NAMES = {
    "text": (
        "text body content article full_text article_text article_body text_body maintext main_text raw_text message "
        "текст содержание статья мәтін description summary"
    ),
    "title": "title headline heading header article_title заголовок название тақырып тақырыбы",
    "published": (
        "published published_at publish_date publication_date date_published pub_date published_date published_time "
        "date article_date news_date datetime date_time timestamp created_at created time "
        "дата дата_публикации опубликовано күні күн уақыты"
    ),
    "source": (
        "source outlet publisher publication newspaper site site_name source_name channel feed domain "
        "источник издание канал сайт дереккөз"
    ),
    "url": "url link href permalink article_url source_url web_url ссылка адрес сілтеме",
    "language": "language lang язык тіл тілі",
}
"""Article column -> the names it usually has in files, the preferred first."""

_LANGUAGES = (
    "ar ara arabic|az aze azerbaijani|be bel belarusian|de deu ger german deutsch|en eng english английский|"
    "es spa spanish|fa fas per persian|fr fra fre french|hi hin hindi|hy hye arm armenian|it ita italian|"
    "ja jpn japanese|ka kat geo georgian|kk kaz kz kazakh казахский қазақ қазақша|ko kor korean|"
    "ky kir kyrgyz кыргызский|mn mon mongolian|pl pol polish|pt por portuguese|ro ron rum romanian|"
    "ru rus russian русский орыс орысша|tg tgk tajik|tk tuk turkmen|tr tur turkish|tt tat tatar|ug uig uyghur uighur|"
    "uk ukr ua ukrainian украинский|uz uzb uzbek узбекский|zh zho chi cn chinese"
)
_CODES = {name: group.split()[0] for group in _LANGUAGES.split("|") for name in group.split()}
_URL = re.compile(r"https?://[^\s<>\"\\]+", re.IGNORECASE)
_HOST = re.compile(r"https?://(?:[^/?#]*@)?(?:www\.)?([^/?#:]+)", re.IGNORECASE)
_LONE = re.compile("[\ud800-\udfff]")


def find_columns(found: Sequence[str], asked: Mapping[str, str]) -> dict[str, str]:
    """Tell which of the columns `found` is which article column; `asked` goes before the usual names.

    `SettingsError` where `asked` names no article column, `InputError` where the file lacks a column that was
    asked for, or has neither text nor title.
    """
    listed = ", ".join(found[:30]) + (", ..." if len(found) > 30 else "")
    chosen: dict[str, str] = {}
    for column, name in asked.items():
        if column not in USUAL_NAMES:
            raise SettingsError(f"columns maps {column!r}, expected one of: {', '.join(USUAL_NAMES)}.")
        if name not in found:
            raise InputError(f"There is no column {name!r} to take as {column!r}; the columns are: {listed}.")
        chosen[column] = name
    for column, names in USUAL_NAMES.items():
        free = {_plain(name): name for name in reversed(found) if name not in chosen.values()}
        usual = next((free[_plain(name)] for name in names.split() if _plain(name) in free), None)
        if column not in chosen and usual is not None:
            chosen[column] = column if column in free.values() else usual
    if "text" not in chosen and "title" not in chosen:
        raise InputError(
            f"None of the columns is known to hold a text; the columns are: {listed}; "
            "say which with the setting columns, e.g. {text: body}."
        )
    return chosen


def may_be(name: object, column: str, asked: Mapping[str, str]) -> bool:
    """Tell whether a file's column may be taken as an article's `column`: by its name, or because it was asked for."""
    bare = sound(str(name)).strip()
    usual = map(_plain, USUAL_NAMES[column].split())
    return _plain(bare) in usual or asked.get(column, "\n").startswith(bare)


def take_columns(rows: pd.DataFrame, chosen: Mapping[str, str]) -> pd.DataFrame:
    """Rename and clean: the article columns but ``article_id``, ``published`` as in the file, then the others.

    Texts have their ends stripped and line ends as ``\\n``; a URL that is not http(s) is ``""``; an empty source
    is the host of the URL; a language is its ISO 639-1 code, ``""`` where it is not known.
    """
    blank = [""] * len(rows)
    cells = {
        column: [_as_text(value) for value in rows[chosen[column]]] if column in chosen else blank
        for column in USUAL_NAMES
        if column != "published"
    }
    cells["url"] = [url if _URL.fullmatch(url) else "" for url in cells["url"]]
    cells["source"] = [source or _host(url) for source, url in zip(cells["source"], cells["url"], strict=True)]
    codes = {name: _language(name) for name in set(cells["language"])}
    cells["language"] = [codes[name] for name in cells["language"]]
    table = pd.DataFrame(cells, rows.index, dtype=object)
    table["published"] = rows[chosen["published"]] if "published" in chosen else None
    others = rows[[name for name in rows.columns if name not in chosen.values()]]
    renamed = [f"input_{name}" if name in ARTICLE_COLUMNS else name for name in others.columns]
    names = unique_names([*table.columns, *renamed])[len(table.columns) :]
    return pd.concat([table, others.set_axis(names, axis="columns")], axis="columns")


def unique_names(names: Iterable[object]) -> list[str]:
    """Strip the names; number the nameless ones and give the repeated ones a suffix."""
    result: dict[str, None] = {}
    for number, name in enumerate(names, start=1):
        base = candidate = sound(str(name)).strip() or f"column_{number}"
        count = 1
        while candidate in result:
            count += 1
            candidate = f"{base}_{count}"
        result[candidate] = None
    return list(result)


def simple(value: Any) -> Any:
    """Return a cell as None, bool, int, float or a string; a list or an object becomes JSON."""
    if isinstance(value, str):
        return sound(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (list, dict)):
        return sound(json.dumps(value, ensure_ascii=False, default=str))
    if pd.isna(value):
        return None
    if isinstance(value, (bool, int, float)):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)


def _as_text(value: Any) -> str:
    """A cell as text: paragraphs are joined, marked-up runs (Telegram) too, a named object is its name."""
    if type(value) is str:
        return _tidy(value)
    if isinstance(value, list) and all(isinstance(part, (str, dict)) for part in value):
        runs = [part if isinstance(part, str) else str(part.get("text", "")) for part in value]
        value = ("\n" if all(isinstance(part, str) for part in value) else "").join(runs)
    elif isinstance(value, dict) and isinstance(value.get("name"), str):
        value = value["name"]
    plain = simple(value)
    return "" if plain is None else _tidy(str(plain))


def _tidy(text: str) -> str:
    whole = sound(text).strip()
    return whole.replace("\r\n", "\n").replace("\r", "\n") if "\r" in whole else whole


def sound(text: str) -> str:
    """Replace halves of surrogate pairs, which no file can hold, by U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _LONE.sub("\ufffd", text)
    return text


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _host(url: str) -> str:
    found = _HOST.match(url)
    return found[1].lower() if found else ""


def _language(name: str) -> str:
    code = re.split(r"[-_ ]", name.casefold())[0] if name else ""
    known = _CODES.get(code, "")
    return known or (code if re.fullmatch("[a-z]{2}", code) else "")
