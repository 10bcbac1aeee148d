"""Two runs compared: their topics, the articles that changed theme, and why, as far as the runs themselves can tell.

Articles are the same if they have the same id; where a text changed, its id did, and the same address (or the same
source, title and date) tells it. Why a theme changed is read from what differs between the two runs: the article's
text, the theme's seeds, the encoder, the threshold, the analyst's answers, other settings, the other articles (what is
rare or common is told from all of them), the program. Where several differ, all are named: a run does not know which.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from toolkit import pairing, store
from toolkit.exhibits import counted, date, number
from toolkit.pairing import Matched, TopicSet
from toolkit.schema import InputError

_NEEDED = {
    "articles": ("article_id", "url", "source", "title", "text", "published"),
    "scores": ("article_id", "theme", "score", "label"),
    "assigned": ("article_id", "topic_id", "closeness"),
    "topics": ("topic_id", "label", "terms", "articles"),
}
_SETTINGS = ("seed", "background")
_SAME_SCORE = 0.0005
TEXT, SEEDS, ENCODER, THRESHOLD, ANSWERS, SETTINGS, OTHERS, PROGRAM = (
    "its text",
    "seeds of the theme",
    "encoder",
    "threshold",
    "answers",
    "settings",
    "other articles beside it",
    "program",
)
UNKNOWN = "not known"


class Run(NamedTuple):
    """What a comparison reads of a run."""

    name: str
    topics: TopicSet
    scores: pd.DataFrame
    themes: Sequence[Mapping[str, Any]]
    manifest: Mapping[str, Any]


class Comparison(NamedTuple):
    """What differs between two runs.

    ``moved``: ``article_id, later_article_id, title, theme, change`` (gained or lost), ``score, later_score, why``.
    ``differences``: ``what, cause, earlier, later``; ``cause`` is empty for what no score depends on.
    ``paired``: how many articles are in both.
    """

    earlier: Run
    later: Run
    matched: Matched
    moved: pd.DataFrame
    differences: pd.DataFrame
    paired: int


def compare(run_a: Path | str, run_b: Path | str) -> Comparison:
    """Compare the runs in two folders, the earlier one first.

    Raises `InputError` where one is not finished, or its tables are not those of a run.
    """
    earlier, later = read_run(run_a), read_run(run_b)
    pairs = pair_articles(earlier.topics.articles, later.topics.articles)
    different = differences(earlier, later)
    moved = moved_articles(earlier, later, pairs, different)
    return Comparison(earlier, later, pairing.match_topics(earlier.topics, later.topics), moved, different, len(pairs))


def read_run(folder: Path | str) -> Run:
    """Read a run's tables, wherever its folder lies now; one without a manifest was made notebook by notebook."""
    run = Path(folder)
    if not (run / "tables").is_dir():
        raise InputError(f"{run} is no finished run, expected a folder that toolkit run made: check the path.")
    tables = {name: _table(run, name, columns) for name, columns in _NEEDED.items()}
    themes = store.read_json(run / "tables" / "themes.json")
    topics = TopicSet(tables["articles"], tables["assigned"], tables["topics"])
    name = run.resolve().name or str(run)
    manifest = store.read_manifest(run) or {}
    return Run(name, topics, tables["scores"], themes if isinstance(themes, list) else [], manifest)


def _table(run: Path, name: str, columns: Sequence[str]) -> pd.DataFrame:
    table = store.read_table(run / "tables" / f"{name}.parquet")
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise InputError(f"The table {name!r} of {run} lacks {missing[0]!r}: an older version made it; run it again.")
    return table


# Articles -------------------------------------------------------------------------------------------------------


def pair_articles(earlier: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    """Return ``article_id, later_article_id`` of articles in both, those with the same id first."""
    same = earlier["article_id"][earlier["article_id"].isin(later["article_id"])]
    found = [pd.DataFrame({"article_id": same.to_numpy(), "later_article_id": same.to_numpy()})]
    for keys in (["url"], ["source", "title", "published"]):
        done = pd.concat(found)
        one = _unique(earlier[~earlier["article_id"].isin(done["article_id"])], keys)
        other = _unique(later[~later["article_id"].isin(done["later_article_id"])], keys)
        joined = one.merge(other.rename(columns={"article_id": "later_article_id"}), on=keys)
        found.append(joined[["article_id", "later_article_id"]])
    return pd.concat(found, ignore_index=True)


def _unique(articles: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    known = articles[(articles[keys].astype("string").fillna("") != "").all(axis=1)]
    return known.loc[~known.duplicated(keys, keep=False), [*keys, "article_id"]]


def moved_articles(earlier: Run, later: Run, pairs: pd.DataFrame, different: pd.DataFrame) -> pd.DataFrame:
    """Return the articles in both runs that carry a theme in one of them alone, the largest change first."""
    columns = ["article_id", "theme", "score", "label"]
    names = {"article_id": "later_article_id", "score": "later_score", "label": "later_label"}
    joined = pairs.merge(earlier.scores[columns], on="article_id")
    joined = joined.merge(later.scores[columns].rename(columns=names), on=["later_article_id", "theme"])
    moved = joined[joined["label"].astype(bool) != joined["later_label"].astype(bool)]
    titles = later.topics.articles.set_index("article_id")
    shown = titles["title"].where(titles["title"] != "", titles["text"].str.slice(0, 120))
    moved = moved.assign(
        title=moved["later_article_id"].map(shown),
        change=moved["label"].astype(bool).map({True: "lost", False: "gained"}),
        distance=(moved["score"] - moved["later_score"]).abs(),
    ).sort_values(["distance", "article_id", "theme"], ascending=[False, True, True], kind="stable")
    known = bool(earlier.manifest and later.manifest)
    why = [_why(row, different, known) for row in moved.to_dict("records")]
    kept = ["article_id", "later_article_id", "title", "theme", "change", "score", "later_score"]
    return moved[kept].assign(why=pd.Series(why, index=moved.index, dtype=object)).reset_index(drop=True)


def _why(row: Mapping[Any, Any], different: pd.DataFrame, known: bool) -> str:
    """Name all that differs and bears on this article and theme."""
    causes = set(different["cause"]) - {""}
    seeds = set(different.loc[different["cause"] == SEEDS, "what"])
    reasons = [TEXT] if row["article_id"] != row["later_article_id"] else []
    reasons += [SEEDS] if f"theme {row['theme']}" in seeds else []
    if THRESHOLD in causes and row["distance"] < _SAME_SCORE and not reasons:
        return THRESHOLD
    reasons += [cause for cause in (ENCODER, THRESHOLD, ANSWERS, SETTINGS, OTHERS, PROGRAM) if cause in causes]
    return "; ".join([*reasons, *([] if known else ["settings " + UNKNOWN])]) or UNKNOWN


# What differs ---------------------------------------------------------------------------------------------------


def differences(earlier: Run, later: Run) -> pd.DataFrame:
    """Return what differs between what two runs were made from: ``what, cause, earlier, later``."""
    found = [*_seeds(earlier.themes, later.themes), *_articles(earlier, later)]
    if earlier.manifest and later.manifest:
        found += _parameters(earlier.manifest, later.manifest)
        found += _hashes(earlier.manifest, later.manifest)
    return pd.DataFrame(found, columns=["what", "cause", "earlier", "later"])


def _seeds(earlier: Sequence[Mapping[str, Any]], later: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str, str]]:
    one, other = ({str(theme["id"]): _phrases(theme) for theme in themes} for themes in (earlier, later))
    found = []
    for theme in dict.fromkeys([*one, *other]):
        if theme not in one or theme not in other:
            said = ["there" if theme in side else "not there" for side in (one, other)]
            found.append((f"theme {theme}", "", said[0], said[1]))
        elif one[theme] != other[theme]:
            gone, come = (sorted(a - b) for a, b in ((one[theme], other[theme]), (other[theme], one[theme])))
            found.append((f"theme {theme}", SEEDS, _listed(gone, "only here: "), _listed(come, "only here: ")))
    return found


def _phrases(theme: Mapping[str, Any]) -> set[str]:
    sides = (("seeds", ""), ("against", "against: "))
    return {
        f"{before}{phrase}"
        for side, before in sides
        for group in dict(theme.get(side) or {}).values()
        for phrase in group
    }


def _listed(phrases: Sequence[str], before: str, most: int = 8) -> str:
    more = f" and {len(phrases) - most} more" if len(phrases) > most else ""
    return before + "; ".join(phrases[:most]) + more if phrases else "no other phrase"


def _articles(earlier: Run, later: Run) -> list[tuple[str, str, str, str]]:
    one, other = (set(run.topics.articles["article_id"]) for run in (earlier, later))
    if one == other:
        return []
    said = [f"{number(len(own))}, {number(len(own - rest))} only here" for own, rest in ((one, other), (other, one))]
    return [("articles", OTHERS, said[0], said[1])]


def _parameters(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    one, other = (dict(run.get("parameters") or {}) for run in (earlier, later))
    causes = {"encoder": ENCODER, "threshold": THRESHOLD} | dict.fromkeys(_SETTINGS, SETTINGS)
    skipped = {"run_dir", "cache_dir", "themes", "answers"}
    return [
        (name, causes.get(name, ""), _value(one.get(name, "(not there)")), _value(other.get(name, "(not there)")))
        for name in dict.fromkeys([*one, *other])
        if name not in skipped and one.get(name, "(not there)") != other.get(name, "(not there)")
    ]


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "(none)"
    return "(not set)" if value in (None, "") else str(value)


def _hashes(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return what lies in files that differ: answers, a model's folder, the program; told by their fingerprints."""
    one, other = (dict(run.get("hashes") or {}) for run in (earlier, later))
    found = [
        (what, cause, _fingerprint(one.get(name)), _fingerprint(other.get(name)))
        for name, what, cause in (
            ("answers", "answers", ANSWERS),
            ("encoder", "encoder's files", ENCODER),
            ("code", "program", PROGRAM),
            ("decisions", "decisions", ""),
        )
        if one.get(name) != other.get(name)
    ]
    coder = [_coder(run) for run in (earlier, later)]
    return found + ([("encoder's weights", ENCODER, coder[0], coder[1])] if coder[0] != coder[1] else [])


def _fingerprint(value: object) -> str:
    return str(value)[:12] if value else "(no file)"


def _coder(manifest: Mapping[str, Any]) -> str:
    stages = [stage for stage in manifest.get("stages") or [] if stage.get("name") == "embed"]
    return str(stages[0].get("encoder", "")).partition("+")[0] if stages else ""


def overview(compared: Comparison) -> str:
    """Return in Markdown which runs were compared, and how many articles they share."""
    told = []
    for run in (compared.earlier, compared.later):
        dates = run.topics.articles["published"].dropna().dt.tz_convert(store.time_zone(run.manifest))
        span = f", {date(dates.min())} to {date(dates.max())}" if len(dates) else ", without dates"
        name = re.sub(r"([^\w ])", r"\\\1", run.name)
        told.append(f"**{name}** ({counted(len(run.topics.articles), 'article')}{span})")
    return f"{told[0]} and {told[1]}: {counted(compared.paired, 'article is', 'articles are')} in both."


def sentences(compared: Comparison) -> list[str]:
    """Return what a terminal shows of a comparison: topics, articles, reasons."""
    counts = compared.matched.links["kind"].value_counts()
    ways = {"articles": "by the articles they share", "words": "by their words, as few articles are shared"}
    told = ", ".join(f"{counts[kind]} {kind}" for kind in pairing.KINDS if kind in counts)
    moved = compared.moved
    articles = (
        f"{number(moved['article_id'].nunique())} of {counted(compared.paired, 'article')} in both changed a theme"
    )
    why = ", ".join(f"{reason} ({number(count)})" for reason, count in moved["why"].value_counts().head(3).items())
    return [
        f"Topics, matched {ways[compared.matched.by]}: {told or 'none'}",
        articles + (f"; what differs: {why}" if why else ""),
    ]
