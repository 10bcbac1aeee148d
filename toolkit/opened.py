"""A finished run, opened: its tables in memory, lined up article by article, checked once at this door.

What a run may lack (topics, names, vectors, dates) leaves a sentence in ``notes`` and a part of the view empty; what
it cannot do without is an `InputError`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

import toolkit
from toolkit import counts, intervals, store, style, trends
from toolkit.schema import ARTICLE_COLUMNS, InputError
from toolkit.settings import TrendSettings

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
NEEDED = {
    "articles": ARTICLE_COLUMNS,
    "scores": ("article_id", "theme", "score", "label", "evidence", "evidence_offset"),
    "topics": ("topic_id", "label"),
    "assigned": ("article_id", "topic_id", "x", "y"),
    "mentions": ("article_id", "actor_id"),
}
"""Table -> the columns that the view reads of it."""
_OPTIONAL = {
    "topics": "there are no topics and there is no map: run notebooks/3-topics.ipynb",
    "assigned": "there are no topics and there is no map: run notebooks/3-topics.ipynb",
    "mentions": "articles cannot be chosen by who is named: run notebooks/4-trends.ipynb",
}

_HEAD, _PIECE = 600, 5_000
"""Characters that stand in for a missing title, and articles that are read at once."""
_TOPIC_COLUMNS = ["topic_id", "label", "short", "articles", "theme"]


class Judged(NamedTuple):
    """Scores lined up with the articles, a column a theme: probability, label, and the row of `Opened.scores`."""

    probability: npt.NDArray[np.float32]
    carried: Bools
    row: Ints


@dataclass(frozen=True, kw_only=True)
class Opened:
    """The tables of a run, in step with ``articles``, whose index is 0 to n - 1."""

    name: str
    articles: pd.DataFrame
    scores: pd.DataFrame
    titles: Mapping[str, str]
    """Theme -> title, in the order of the theme file."""
    colours: Mapping[str, str]
    judged: Judged
    topics: pd.DataFrame
    """``topic_id, label, short, articles, theme`` (``""`` for none); empty where there are none."""
    topic: Ints
    """The topic of each article, -1 for none."""
    places: npt.NDArray[np.float32] | None
    """Where each article lies on the map, (n, 2); NaN for none."""
    named: pd.DataFrame
    """``row, actor_id, name``: who is named in which article."""
    vectors_at: Path | npt.NDArray[np.float32] | None
    kept_at: Path | None
    """The folder of the tables whose texts and evidence are read as they are needed; None: they are in memory."""
    when: TrendSettings
    notes: tuple[str, ...]

    @cached_property
    def row_of(self) -> pd.Index:
        """The article ids, to find the row of one."""
        found: pd.Index = pd.Index(self.articles["article_id"])
        return found

    @cached_property
    def calendar(self) -> pd.DataFrame:
        """Every period from the first article to the last: ``key, start, label, partial``."""
        return trends.calendar(self.articles, self.when)

    @cached_property
    def placed(self) -> pd.DataFrame:
        """The dated articles with their period and ``row``, as `intervals.place` gives them."""
        table = intervals.place(self.articles, self.when)
        return table.assign(row=self.row_of.get_indexer(pd.Index(table["article_id"])))

    @cached_property
    def surest(self) -> Ints:
        """The place of the surest theme that each article carries, -1 where it carries none."""
        if not self.titles:
            return np.full(len(self.articles), -1)
        masked = np.where(self.judged.carried, self.judged.probability, -1)
        return np.where(self.judged.carried.any(axis=1), masked.argmax(axis=1), -1)

    @cached_property
    def vectors(self) -> npt.NDArray[np.float32] | None:
        """The articles' vectors, (n, dim), read at the first need; None where there are none that fit."""
        found = store.read_vectors(self.vectors_at) if isinstance(self.vectors_at, Path) else self.vectors_at
        return found if found is not None and len(found) == len(self.articles) else None

    def texts(self, rows: Ints | list[int]) -> list[str]:
        """Return the whole texts of articles, by their rows; `InputError` where the run was moved or made again."""
        return self._words("articles", "text", self.articles, rows)

    def evidence(self, rows: Ints | list[int]) -> list[str]:
        """Return the evidence of scores, by their rows; `InputError` where the run was moved or made again."""
        return self._words("scores", "evidence", self.scores, rows)

    def pieces(self) -> Iterator[pd.DataFrame]:
        """Yield title and text of all articles, piece by piece; `InputError` where the run was moved or made again."""
        if self.kept_at is None:
            yield self.articles[["title", "text"]]
            return
        begun, every = 0, self.articles["article_id"]
        for piece in store.read_batches(self._there("articles"), ["article_id", "title", "text"], _PIECE):
            if not np.array_equal(piece["article_id"], every[begun : begun + len(piece)]):
                raise self._gone()
            begun += len(piece)
            yield piece[["title", "text"]]

    def _words(self, table: str, column: str, held: pd.DataFrame, rows: Ints | list[int]) -> list[str]:
        if self.kept_at is None:
            return [str(words) for words in held[column].iloc[rows]]
        try:
            read = store.read_at(self._there(table), rows, ["article_id", column])
        except IndexError as error:
            raise self._gone() from error
        if not np.array_equal(read["article_id"], held["article_id"].iloc[rows]):
            raise self._gone()
        return [str(words) for words in read[column]]

    def _there(self, table: str) -> Path:
        if self.kept_at is None or not (path := self.kept_at / f"{table}.parquet").is_file():
            raise self._gone()
        return path

    def _gone(self) -> InputError:
        return InputError(f"The run {self.name} was moved or made again since it was opened; open it where it is now.")


def open_run(run: Path | str | Mapping[str, Any]) -> Opened:
    """Open a run folder, or tables in memory: a mapping of ``articles, scores`` and what else there is.

    In memory ``themes`` is a list of ``{"id", "title"}`` and ``vectors`` a matrix. Raises `InputError` where there is
    no run, where it is not finished, or where a table lacks what is needed.
    """
    if isinstance(run, Mapping):
        return _line_up("tables in memory", dict(run), TrendSettings(), [])
    folder = Path(run)
    facts = _check_folder(folder)
    kept = folder / "tables"
    tables: dict[str, Any] = {
        "articles": store.read_brief(kept / "articles.parquet", "text", _HEAD),
        "scores": store.read_brief(kept / "scores.parquet", "evidence"),
        "kept_at": kept.resolve(),
    }
    tables["themes"] = store.read_json(kept / "themes.json")
    for name in _OPTIONAL:
        if (kept / f"{name}.parquet").is_file():
            tables[name] = store.read_table(kept / f"{name}.parquet")
    for name in ("actors", "points"):
        tables[name] = store.read_table(kept / f"{name}.parquet") if (kept / f"{name}.parquet").is_file() else None
    vectors = kept / "vectors.safetensors"
    tables["vectors"] = vectors if vectors.is_file() else None
    return _line_up(folder.resolve().name, tables, *_settings(facts))


def with_topics(opened: Opened, topics: pd.DataFrame, assigned: pd.DataFrame) -> Opened:
    """Return the run with other topics of the same articles; what was read or counted of the others is kept."""
    named, topic, _ = _topics({"topics": topics, "assigned": assigned}, opened.row_of)
    other = replace(opened, topics=named, topic=topic)
    other.__dict__.update({name: found for name, found in vars(opened).items() if name not in vars(other)})
    other.__dict__["_kept"] = {name: found for name, found in vars(opened).get("_kept", {}).items() if name != "offers"}
    return other


def _check_folder(folder: Path) -> dict[str, Any]:
    """Return the manifest, {} where notebooks were run by hand; `InputError` where there is no finished run."""
    facts = store.read_manifest(folder)
    failed = folder.with_name(folder.name + ".failed")
    if facts is not None and facts.get("status") != "finished":
        why = f": {facts['reason']}" if facts.get("reason") else ""
        raise InputError(f"The run in {folder} is not finished ({facts.get('status')}{why}); run it again.")
    if not (folder / "tables").is_dir():
        near = folder.parent.iterdir() if folder.parent.is_dir() else ()
        if any(path.name.startswith(f"{folder.name}.part") for path in near):
            raise InputError(f"The run {folder} is not finished: it is still being made. Open it when it is done.")
        if failed.is_dir():
            raise InputError(f"The run {folder} failed; look into {failed}, mend it and run it again.")
        raise InputError(f"{folder} holds no run, expected a folder such as reports/sample: make one with toolkit run.")
    return facts or {}


def _settings(facts: Mapping[str, Any]) -> tuple[TrendSettings, list[str]]:
    """Return how the run counted over time, and a note where another version made it."""
    given = facts.get("parameters") or {}
    known: dict[str, Any] = {name: str(given[name]) for name in ("period", "timezone") if given.get(name)}
    made = (facts.get("versions") or {}).get("toolkit", toolkit.__version__)
    notes = [f"made by version {made}, shown by {toolkit.__version__}"] if made != toolkit.__version__ else []
    return TrendSettings(**known), notes


def _line_up(name: str, tables: dict[str, Any], when: TrendSettings, notes: list[str]) -> Opened:
    for table, columns in NEEDED.items():
        if tables.get(table) is None:
            if table not in _OPTIONAL:
                raise InputError(f"There is no table {table!r} in {name}: give it, or run the notebook that makes it.")
            notes = notes + [_OPTIONAL[table]] * (_OPTIONAL[table] not in notes)
            tables[table] = pd.DataFrame(columns=list(columns))
        lacking = [column for column in columns if column not in tables[table]]
        if lacking:
            older = f" ({notes[0]})" if notes and "version" in notes[0] else ""
            raise InputError(f"The table {table!r} of {name} lacks {', '.join(lacking)}{older}; run it again.")
    articles = trends.localised(_articles(name, tables["articles"]), when.timezone)
    themes = _themes(tables)
    index = pd.Index(articles["article_id"])
    topics, topic, places = _topics(tables, index)
    notes = notes + ["no article has a date, so there are no trends"] * bool(articles["published"].isna().all())
    opened = Opened(
        name=name,
        articles=articles,
        scores=tables["scores"].reset_index(drop=True),
        titles={theme.id: theme.title for theme in themes},
        colours=style.theme_colours(themes),
        judged=_judged(tables["scores"], [theme.id for theme in themes], index),
        topics=topics,
        topic=topic,
        places=places,
        named=_named(tables, index),
        vectors_at=tables.get("vectors"),
        kept_at=tables.get("kept_at"),
        when=when,
        notes=tuple(notes),
    )
    why = "no vectors were kept, so no nearest articles are shown: run notebooks/2-themes.ipynb"
    return opened if tables.get("vectors") is not None else replace(opened, notes=(*opened.notes, why))


def _articles(name: str, articles: pd.DataFrame) -> pd.DataFrame:
    articles = articles.reset_index(drop=True)
    if not isinstance(articles["published"].dtype, pd.DatetimeTZDtype):
        kind = articles["published"].dtype
        raise InputError(f"The dates of {name} are {kind}, expected times in UTC: run it again, or convert them.")
    if articles.empty:
        raise InputError(f"There are no articles in {name}; run it on files that hold some.")
    return articles if "story_id" in articles else articles.assign(story_id=articles["article_id"])


def _themes(tables: Mapping[str, Any]) -> list[Any]:
    records = tables.get("themes")
    if records is None:
        records = [{"id": theme, "title": theme} for theme in tables["scores"]["theme"].drop_duplicates()]
    if not isinstance(records, list) or not all(isinstance(r, dict) and "id" in r for r in records):
        raise InputError("The themes of this run cannot be read, expected a list of id and title; run it again.")
    return [SimpleNamespace(id=str(record["id"]), title=str(record.get("title", record["id"]))) for record in records]


def _judged(scores: pd.DataFrame, themes: list[str], index: pd.Index) -> Judged:
    shape = (len(index), len(themes))
    probability, row = np.zeros(shape, dtype=np.float32), np.full(shape, -1, dtype=np.int64)
    carried = np.zeros(shape, dtype=bool)
    at = index.get_indexer(pd.Index(scores["article_id"]))
    column = pd.Index(themes).get_indexer(pd.Index(scores["theme"])) if themes else np.full(len(scores), -1)
    known = np.flatnonzero((at >= 0) & (column >= 0))
    where = (at[known], column[known])
    probability[where] = scores["score"].to_numpy(dtype=np.float32)[known]
    carried[where] = scores["label"].to_numpy(dtype=bool)[known]
    row[where] = known
    return Judged(probability, carried, row)


def _topics(tables: Mapping[str, Any], index: pd.Index) -> tuple[pd.DataFrame, Ints, npt.NDArray[np.float32] | None]:
    found, assigned = tables["topics"], tables["assigned"]
    topic = np.full(len(index), -1, dtype=np.int64)
    if found.empty or assigned.empty:
        return pd.DataFrame(columns=_TOPIC_COLUMNS), topic, None
    at = index.get_indexer(pd.Index(assigned["article_id"]))
    places = np.full((len(index), 2), np.nan, dtype=np.float32)
    places[at[at >= 0]] = assigned[["x", "y"]].to_numpy(dtype=np.float32)[at >= 0]
    topic[at[at >= 0]] = assigned["topic_id"].to_numpy(dtype=np.int64)[at >= 0]
    named = counts.topic_places(assigned, found)
    sizes = pd.Series(topic).value_counts()
    named = named.assign(articles=named["topic_id"].map(sizes).fillna(0).astype(int))
    named = named.assign(theme=named["theme"].fillna("") if "theme" in named else "")
    return named[_TOPIC_COLUMNS].reset_index(drop=True), topic, places


def _named(tables: Mapping[str, Any], index: pd.Index) -> pd.DataFrame:
    mentions, actors = tables["mentions"], tables.get("actors")
    names = {} if actors is None or "name" not in actors else dict(zip(actors["actor_id"], actors["name"], strict=True))
    row = index.get_indexer(pd.Index(mentions["article_id"]))
    table = pd.DataFrame({"row": row, "actor_id": mentions["actor_id"].astype(str).to_numpy()})
    table = table[table["row"] >= 0].reset_index(drop=True)
    return table.assign(name=table["actor_id"].map(lambda actor: names.get(actor, actor)))
