"""Gold labels: a table that a person filled in, read, understood, and matched to articles.

Labels stand in one column (a label or a list of labels a row; names other than theme ids are translated by a map), or
in one column a theme (0/1, yes/no, true/false). Nothing is guessed in silence: a row that is left out is counted with
its reason and its lines, and a label that means no theme is listed by name.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from toolkit.columns import find_columns
from toolkit.readers import TABLES, Raw, whole
from toolkit.schema import InputError, Kept, SettingsError

SAID = "said"
"""The column that keeps what the file says in its own words."""
_USUAL = ("label", "labels", "theme", "themes", "category", "categories", "topic", "topics", "class")
_YES, _NO = frozenset("1 1.0 true yes y да иә".split()), frozenset("0 0.0 false no n нет жоқ".split())
_NONE = frozenset(("none", "no theme", "other", "-", "–"))
_KEY = re.compile(r"(.*_)?(id|url|link)", re.IGNORECASE)
_SHOWN = 12


class Marked(NamedTuple):
    """What the rows of a table of labels say.

    ``truth``: index as the rows', a boolean column a theme, and `SAID`. ``left_out``: ``reason, rows, examples``.
    ``unknown``: label -> rows, of those labels that mean no theme.
    """

    truth: pd.DataFrame
    left_out: pd.DataFrame
    unknown: Mapping[str, int]


def read_labels(path: str | Path) -> Raw:
    """Read a table of labels (CSV, TSV, JSON, JSON lines, Parquet; also as .gz where text); `InputError` if none."""
    path = Path(path)
    reader = TABLES.get(Path(re.sub(r"\.gz$", "", path.name.lower())).suffix)
    if reader is None:
        raise InputError(f"{path.name} is no table of labels, expected one of {', '.join(TABLES)}: convert it.")
    if not path.is_file():
        raise InputError(f"There is no file {str(path)!r} of labels; check the path.")
    raw = whole(reader(path))
    if raw.rows.empty:
        raise InputError(f"{path.name} holds no readable row of labels; check the file.")
    return raw._replace(rows=raw.rows.set_axis([str(name).strip() for name in raw.rows.columns], axis="columns"))


def mark(raw: Raw, themes: Sequence[str], label_column: str = "", label_map: Mapping[str, str] | None = None) -> Marked:
    """Read off `raw` which themes each row has; `themes` are the ids, `label_map` translates labels to them.

    Without `label_column`: the columns that are named as themes, else a column with a usual name (``label``,
    ``category``...). A blank cell is no label, and its row is left out; a column that is blank throughout is left out
    by itself. An empty list is a row without a theme.

    Raises `SettingsError` where the map names no theme, `InputError` where nothing can be understood.
    """
    named = [theme for theme in themes if theme in raw.rows.columns]
    if named and not label_column:
        return _by_theme(raw, named)
    column = _column(list(raw.rows.columns), themes, label_column)
    meaning = {theme: theme for theme in themes} | _checked(label_map or {}, themes)
    cells = [_labels(cell) for cell in raw.rows[column]]
    blank = pd.Series([cell is None for cell in cells])
    said = Counter(name for cell in cells for name in set(cell or ()))
    if not any(meaning.get(name) for name in said):
        shown = ", ".join(repr(name) for name, _ in said.most_common(_SHOWN)) or "all blank"
        raise InputError(
            f"No label in the column {column!r} is a theme: found {shown}; themes are {', '.join(themes)}. "
            "Translate the labels with -p label_map '{label: theme}'."
        )
    truth = {theme: [any(meaning.get(name) == theme for name in cell or ()) for cell in cells] for theme in themes}
    table = pd.DataFrame(truth | {SAID: [", ".join(cell or ()) for cell in cells]})
    unknown = {n: k for n, k in said.most_common() if n not in meaning and n.casefold() not in _NONE}
    return Marked(table[~blank], _left_out([("no label", list(table.index[blank]))], raw.lines), unknown)


def _by_theme(raw: Raw, themes: Sequence[str]) -> Marked:
    cells = {theme: [_answer(cell) for cell in raw.rows[theme]] for theme in themes}
    for theme, answers in cells.items():
        odd = next((row for row, answer in enumerate(answers) if answer not in ("yes", "no", "")), None)
        if odd is not None:
            raise InputError(
                f"The column {theme!r} holds {answers[odd][:40]!r} in line {raw.lines[odd]}, expected 0 or 1, "
                "yes or no: mend it."
            )
    themes = [theme for theme in themes if any(cells[theme])] or themes
    table = pd.DataFrame({theme: cells[theme] for theme in themes}, dtype=object)
    blank = (table == "").any(axis=1)
    truth = table == "yes"
    truth[SAID] = [", ".join(theme for theme in themes if row[theme]) for row in truth.to_dict("records")]
    return Marked(truth[~blank], _left_out([("no label for each theme", list(table.index[blank]))], raw.lines), {})


def _answer(cell: Any) -> str:
    text = "" if _is_blank(cell) else str(cell).strip().casefold()
    return "yes" if text in _YES else "no" if text in _NO else text


def _column(found: Sequence[str], themes: Sequence[str], asked: str) -> str:
    column = asked or next((name for usual in _USUAL for name in found if name.casefold() == usual), "")
    if column not in found:
        what = f"no column {asked!r}" if asked else "no column of labels"
        raise InputError(
            f"The table of labels has {what}; it has {', '.join(found[:30])}; expected one such as 'label', or one "
            f"a theme ({', '.join(themes)}): name it with -p label_column."
        )
    return column


def _checked(label_map: Mapping[str, str], themes: Sequence[str]) -> dict[str, str]:
    for label, theme in label_map.items():
        if theme and theme not in themes:
            raise SettingsError(
                f"label_map gives {label!r} the theme {theme!r}, expected one of {', '.join(themes)} (or '' for none)."
            )
    return dict(label_map)


def _is_blank(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and cell != cell) or cell is pd.NA or cell == ""


def _labels(cell: Any) -> list[str] | None:
    """Return the labels of a cell: a list as it is, JSON, or text set apart by ``;`` or ``|``; None where blank."""
    if hasattr(cell, "tolist"):
        cell = cell.tolist()
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        with contextlib.suppress(ValueError):
            cell = json.loads(cell)
    if isinstance(cell, list | tuple):
        return [str(item).strip() for item in cell]
    if _is_blank(cell) or not str(cell).strip():
        return None
    return [part.strip() for part in re.split(r"[;|]", str(cell)) if part.strip()]


def keys_by_line(raw: Raw, read: Kept, columns: Mapping[str, str] | None = None) -> pd.Series:
    """Return the article id of each row where the articles stand in the table of labels itself.

    `read` is what `ingest.read_articles` made of that one file, with the same `columns`. A row that says of the same
    text once more gets the same id; one that was not read as an article gets none.
    """
    chosen = find_columns(list(raw.rows.columns), columns or {})
    same = raw.rows[sorted(set(chosen.values()))].astype(str).agg("\x1f".join, axis=1)
    dropped = set(read.dropped["line"])
    good = pd.Series([line not in dropped for line in raw.lines])
    if int(good.sum()) != len(read.kept):
        raise InputError("The table of labels and its articles differ in length: was the file changed meanwhile?")
    first = dict(zip(same[good], read.kept["article_id"], strict=True))
    return same.map(first)


def keys_by_name(raw: Raw, articles: pd.DataFrame) -> pd.Series:
    """Return the article id of each row by that pair of columns (an id or an address in each) that fits most rows.

    Raises `InputError` where none fits.
    """
    mine = [name for name in raw.rows.columns if _KEY.fullmatch(name)]
    theirs = [name for name in articles.columns if _KEY.fullmatch(str(name)) and name != "story_id"]
    best, most = pd.Series([None] * len(raw.rows), dtype=object), 0
    for other in theirs:
        names = dict(zip(articles[other].map(_key), articles["article_id"], strict=True))
        names.pop("", None)
        for name in mine:
            found = raw.rows[name].map(_key).map(names)
            if int(found.notna().sum()) > most:
                best, most = found, int(found.notna().sum())
    if not most:
        raise InputError(
            f"None of the {len(raw.rows):,} labels is for a known article: the labels have the columns "
            f"{', '.join(mine) or 'without an id or url'}, the articles {', '.join(map(str, theirs))}; "
            "give both the same ids or addresses."
        )
    return best


def _key(cell: Any) -> str:
    return "" if _is_blank(cell) else re.sub(r"\.0$", "", str(cell).strip())


def match(marked: Marked, keys: pd.Series, articles: pd.DataFrame, lines: Sequence[int]) -> Marked:
    """Return `marked` with articles for rows, in the order of `articles`: index ``article_id``.

    Left out are labels for unknown articles, for articles that cleaning dropped, and those that contradict each other.
    Raises `InputError` where nothing is left.
    """
    truth = marked.truth.assign(article_id=keys.reindex(marked.truth.index))
    unknown = truth["article_id"].isna()
    gone = ~unknown & ~truth["article_id"].isin(articles["article_id"])
    good = truth[~unknown & ~gone]
    themes = [name for name in good.columns if name not in (SAID, "article_id")]
    odd = good.groupby("article_id")[themes].transform("nunique").gt(1).any(axis=1)
    again = good[~odd]["article_id"].duplicated()
    reasons = [
        ("labels for an unknown article", list(truth.index[unknown])),
        ("labels for an article that was dropped in cleaning", list(truth.index[gone])),
        ("labels that contradict each other for one article", list(good.index[odd])),
        ("the same label for the same article again", list(again.index[again])),
    ]
    kept = good[~odd][~again].set_index("article_id")
    left_out = pd.concat([marked.left_out, _left_out(reasons, lines)], ignore_index=True)
    if kept.empty:
        said = "; ".join(f"{row.reason} ({row.rows:,})" for row in left_out.itertuples())
        raise InputError(f"No label is left to compare with: {said}. Check the labels.")
    order = articles["article_id"][articles["article_id"].isin(kept.index)]
    return Marked(kept.loc[order], left_out, marked.unknown)


def _left_out(reasons: Sequence[tuple[str, list[int]]], lines: Sequence[int]) -> pd.DataFrame:
    rows = [
        (reason, len(places), "line " + ", ".join(str(lines[place]) for place in places[:5]))
        for reason, places in reasons
        if places
    ]
    return pd.DataFrame(rows, columns=["reason", "rows", "examples"])
