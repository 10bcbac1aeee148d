"""The analyst's own answers: what to ask next, how answers are kept, and what they say of the scores.

Answers are kept in a CSV file that lives with the project and may be edited in a spreadsheet, one row an answer:
``article_id, theme, answer`` (yes, no or unsure), ``title, url, published`` (so that a row can be read without the
corpus), ``picked_as`` (uncertain or random) and ``answered`` (UTC). Columns that somebody added stay where they are.

Four in five articles are picked because their answer helps most, the fifth at random. Random answers do not train:
they are what the scores are measured by.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from toolkit import store
from toolkit.readers import read_csv
from toolkit.schema import InputError
from toolkit.stats import wilson

COLUMNS = ("article_id", "theme", "answer", "title", "url", "published", "picked_as", "answered")
ANSWERS = ("yes", "no", "unsure")
UNCERTAIN, RANDOM = "uncertain", "random"

_WORDS = {
    "yes": frozenset("yes y 1 true да д иә".split()),
    "no": frozenset("no n 0 false нет н жоқ".split()),
    "unsure": frozenset("unsure u ? maybe не_уверен неясно белгісіз".split()),
}
_NUMBER = re.compile(r"[\d.,:/ eE+-]+")
"""What a spreadsheet would take for a number or a date, and write back as another."""
_MASKED = re.compile(r"'(?=[=+\-@\t\r])")
_ONE_IN = 5
_WIDTH = 10
"""For each article to pick, this many of the most uncertain are grouped."""


class Settled(NamedTuple):
    """The answers that count, those that do not (with ``reason``), and how many questions got both yes and no."""

    answers: pd.DataFrame
    left_out: pd.DataFrame
    contradicting: int


# How answers are kept -------------------------------------------------------------------------------------------


def read_answers(path: Path | str) -> pd.DataFrame:
    """Return the rows of an answers file in order, `COLUMNS` first, as text; no row where there is no file.

    Commas or semicolons, any order of columns, empty lines and the usual encodings are understood, and answers such
    as ``Yes``, ``1`` or ``да``. What is no answer stays as it is, for `settle` to count. `InputError` where a column
    that is needed is missing, or a line cannot be read.
    """
    path = Path(path)
    if not path.exists() or (path.is_file() and b"\n" not in path.read_bytes().strip()):
        return pd.DataFrame(columns=list(COLUMNS), dtype=object)
    raw = read_csv(path)
    if raw.rejected:
        first = raw.rejected[0]
        raise InputError(f"{path.name}, line {first.line}: {first.reason}; mend it, so that no answer is lost.")
    rows = raw.rows.rename(columns=lambda name: str(name).strip().lower())
    for name in COLUMNS[:3]:
        if name not in rows.columns:
            raise InputError(f"{path.name} has no column {name!r}; it has: {', '.join(rows.columns)}.")
    rows = rows.map(_unmask)
    rows = rows[(rows != "").any(axis="columns")]
    rows["answer"] = [_understood(said) for said in rows["answer"]]
    others = [name for name in rows.columns if name not in COLUMNS]
    return rows.reindex(columns=[*COLUMNS, *others], fill_value="").reset_index(drop=True).astype(object)


def write_answers(answers: pd.DataFrame, path: Path | str) -> Path:
    """Write answers for a spreadsheet: UTF-8 with BOM, written aside and renamed, no cell a formula or a number."""
    others = [name for name in answers.columns if name not in COLUMNS]
    rows = answers.reindex(columns=[*COLUMNS, *others]).astype(object)
    rows = rows.where(rows.notna(), "").map(lambda cell: " ".join(str(cell).split()))
    ids = [f"'{name}" if _NUMBER.fullmatch(name) else name for name in rows["article_id"]]
    return store.write_csv(rows.assign(article_id=ids), path)


def answer(
    path: Path | str, articles: pd.DataFrame, article_id: str, theme: str, said: str, picked_as: str = UNCERTAIN
) -> pd.DataFrame:
    """Add an answer about one of `articles` to the file, at once; return all answers.

    The file is read again first, so that nothing is lost that was changed in it meanwhile.
    """
    word, found = _understood(said), articles[articles["article_id"] == article_id]
    if word not in ANSWERS:
        raise InputError(f"The answer is {said!r}, expected yes, no or unsure.")
    if picked_as not in (UNCERTAIN, RANDOM):
        raise InputError(f"picked_as is {picked_as!r}, expected {UNCERTAIN} or {RANDOM}.")
    if found.empty:
        raise InputError(f"There is no article {article_id!r} among the {len(articles):,} given; check the id.")
    article = found.iloc[0]
    row = {
        "article_id": article_id,
        "theme": theme,
        "answer": word,
        "title": article["title"],
        "url": article["url"],
        "published": "" if pd.isna(article["published"]) else article["published"].date().isoformat(),
        "picked_as": picked_as,
        "answered": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    answers = pd.concat([read_answers(path), pd.DataFrame([row])], ignore_index=True).fillna("").astype(object)
    write_answers(answers, path)
    return answers


def mark(
    path: Path | str, articles: pd.DataFrame, scores: pd.DataFrame, article_id: str, theme: str, *, right: bool
) -> pd.DataFrame:
    """Answer that what `scores` say of an article and theme is right, or wrong; return all answers."""
    known = scores[(scores["article_id"] == article_id) & (scores["theme"] == theme)]
    if known.empty:
        raise InputError(f"The article {article_id!r} has no score for the theme {theme!r}; check both.")
    said = ANSWERS[0] if bool(known["label"].iloc[0]) == right else ANSWERS[1]
    return answer(path, articles, article_id, theme, said)


def undo(path: Path | str, article_id: str = "", theme: str = "") -> pd.Series | None:
    """Take the latest answer (of one article or theme, if named) out of the file and return it; None: there is none."""
    answers = read_answers(path)
    mine = pd.Series(True, answers.index)
    for column, name in (("article_id", article_id), ("theme", theme)):
        mine &= (answers[column] == name) | (name == "")
    if not mine.any():
        return None
    last = _in_time(answers[mine]).tail(1)
    write_answers(answers.drop(index=last.index), path)
    return last.iloc[0]


def _unmask(cell: object) -> str:
    text = "" if cell is None else str(cell).strip()
    masked = _MASKED.match(text) or (text[:1] == "'" and _NUMBER.fullmatch(text[1:]))
    return text[1:] if masked else text


def _understood(said: object) -> str:
    word = "_".join(str(said).casefold().split())
    return next((name for name, words in _WORDS.items() if word in words), str(said))


def _in_time(answers: pd.DataFrame) -> pd.DataFrame:
    """Sort by the time of the answer; rows without one, written by hand, come last, in the order of the file."""
    times = pd.to_datetime(answers["answered"], errors="coerce", utc=True, format="ISO8601")
    return answers.loc[times.sort_values(kind="stable", na_position="last").index]


# What counts ----------------------------------------------------------------------------------------------------


def settle(answers: pd.DataFrame, article_ids: Collection[str], themes: Collection[str]) -> Settled:
    """Return the last answer to each question, and the others with the reason why they do not count.

    Rows in = answers + left out, always. What is left out here stays in the file: an article of another corpus or a
    theme of another file may be there again in the next run.
    """
    ordered = _in_time(answers)
    reasons = pd.Series("", ordered.index, dtype=object)
    reasons[~ordered["answer"].isin(ANSWERS)] = "not yes, no or unsure"
    reasons[~ordered["theme"].isin(list(themes))] = "a theme that is not in the theme file"
    reasons[~ordered["article_id"].isin(list(article_ids) if len(ordered) else [])] = (
        "an article that is not in the corpus"
    )
    pair = ["article_id", "theme"]
    known = ordered[reasons == ""]
    reasons[known.index[known.duplicated(pair, keep="last")]] = "answered again later"
    sure = known[known["answer"] != "unsure"]
    contradicting = int((sure.groupby(pair)["answer"].nunique() > 1).sum())
    kept = ordered[reasons == ""].sort_values(["theme", "article_id"], kind="stable").reset_index(drop=True)
    left_out = ordered[reasons != ""].assign(reason=reasons[reasons != ""]).sort_index().reset_index(drop=True)
    return Settled(kept, left_out, contradicting)


def training(settled: Settled) -> pd.DataFrame:
    """Return what scores may learn from: ``article_id, theme, answer`` (bool), without unsure and random answers."""
    answers = settled.answers
    chosen = answers[answers["answer"].isin(["yes", "no"]) & (answers["picked_as"] != RANDOM)]
    truth = (chosen["answer"] == "yes").astype(bool)
    return chosen[["article_id", "theme"]].assign(answer=truth).reset_index(drop=True)


# What to ask next -----------------------------------------------------------------------------------------------


def pick(
    scores: pd.DataFrame, vectors: pd.DataFrame, answers: pd.DataFrame, theme: str, count: int, seed: int = 42
) -> pd.DataFrame:
    """Return what to ask next about `theme`: ``article_id, score, picked_as``, `count` rows in the order of asking.

    `scores` has ``article_id, theme, score``; `vectors` a row an article, its id as the index. Answered articles are
    not asked again. Every fifth is the next of a random order of all articles (see `estimate_error`). The others are
    uncertain (Lewis and Gale 1994, "A Sequential Algorithm for Training Text Classifiers") and spread out: the most
    uncertain are grouped by k-means, weighted by their uncertainty, into as many clusters as are asked for, and of
    each the article at the centre is taken (Zhdanov 2019, "Diverse mini-batch Active Learning"). `seed` is that of
    k-means. `InputError` where `theme` has no scores.
    """
    if theme not in set(scores["theme"]):
        raise InputError(f"The theme is {theme!r}, expected one of: {', '.join(scores['theme'].unique())}.")
    mine = scores.loc[scores["theme"] == theme, ["article_id", "score"]].set_index("article_id")["score"]
    asked = set(answers.loc[answers["theme"] == theme, "article_id"])
    open_ids = sorted((name for name in mine.index if name not in asked), key=_place)
    drawn = open_ids[: min(count, len(open_ids)) // _ONE_IN]
    rest = mine[open_ids[len(drawn) :]]
    doubt = (0.5 - (rest - 0.5).abs()).sort_values(ascending=False, kind="stable").head(_WIDTH * count)
    chosen = _spread(vectors.loc[doubt.index].to_numpy(dtype=np.float64), doubt, count - len(drawn), seed)
    names: list[str] = []
    for number, name in enumerate(chosen, start=1):
        names += [name, *drawn[len(names) // _ONE_IN :][:1]] if number % (_ONE_IN - 1) == 0 else [name]
    names += [name for name in drawn if name not in names]
    how = [RANDOM if name in set(drawn) else UNCERTAIN for name in names]
    found = mine.reindex(names).to_numpy(dtype=np.float64)
    return pd.DataFrame({"article_id": pd.Series(names, dtype=object), "score": found, "picked_as": how})


def _place(article_id: str) -> bytes:
    """Return an article's place in the random order, which is the same for all themes, runs and machines."""
    return hashlib.blake2b(f"drawn\x1f{article_id}".encode(), digest_size=16).digest()


def _spread(vectors: npt.NDArray[np.float64], doubt: pd.Series, count: int, seed: int) -> list[str]:
    """Return the ids at the centres of `count` clusters, the most doubtful first; of few different ones, all."""
    from sklearn.cluster import KMeans  # a second, and only where it is asked what to answer

    if len(doubt) <= count or count < 1:
        return list(doubt.index[: max(count, 0)])
    weights = doubt.to_numpy(dtype=np.float64) + 1e-6
    with threadpool_limits(1):
        groups = min(count, len(np.unique(vectors, axis=0)))
        means = KMeans(groups, n_init=1, random_state=seed).fit(vectors, sample_weight=weights)
        distance = means.transform(vectors)
    chosen: list[int] = []
    for column in range(groups):
        order = (int(row) for row in np.argsort(distance[:, column], kind="stable"))
        chosen.append(next(row for row in order if row not in chosen))
    chosen += [row for row in range(len(doubt)) if row not in chosen][: count - groups]
    return [str(doubt.index[row]) for row in sorted(chosen)]


# What the answers say of the scores -----------------------------------------------------------------------------


def estimate_error(answers: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return how right the scores are, judged by the random part alone: a row a theme and measure.

    Columns ``theme, measure`` (prevalence, precision, recall), ``hits, total, value, low, high`` (Wilson, 95%; NaN
    where the total is 0) and ``unsure`` (drawn, but left out). `answers` as `settle` gives them, `scores` with
    ``article_id, theme, label``. All articles stand in one random order, and the random part is the unbroken run of
    answered ones at its beginning, up to the last that was picked for it; an uncertain one in it counts as well, so
    that the run is a random sample of the corpus as it is now.
    """
    parts = []
    for row in judge(answers, scores).to_dict("records"):
        yes, label, both = row["right_yes"] + row["wrong_no"], row["right_yes"] + row["wrong_yes"], row["right_yes"]
        sure = yes + row["wrong_yes"] + row["right_no"]
        counts = {"prevalence": (yes, sure), "precision": (both, label), "recall": (both, yes)}
        parts += [(row["theme"], name, hits, total, row["unsure"]) for name, (hits, total) in counts.items()]
    table = pd.DataFrame(parts, columns=["theme", "measure", "hits", "total", "unsure"])
    low, high = wilson(table["hits"].to_numpy(), table["total"].to_numpy())
    value = (table["hits"] / table["total"].where(table["total"] > 0)).astype(np.float64)
    return table.assign(value=value, low=low, high=high)


def judge(answers: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return how labels did on the random part (see `estimate_error`): ``theme, right_yes, wrong_yes, wrong_no,
    right_no, unsure``, a row a theme."""
    parts = []
    for theme in scores["theme"].unique():
        mine = answers[answers["theme"] == theme].set_index("article_id")
        if mine.empty:
            parts.append((theme, 0, 0, 0, 0, 0))
            continue
        rows = scores[scores["theme"] == theme]
        labels = rows.set_index("article_id")["label"]
        run = _random_run(labels.index, mine)
        said, label = mine.loc[run, "answer"], labels[run].astype(bool)
        yes, sure = said == "yes", said != "unsure"
        counts = [yes & label, ~yes & label & sure, yes & ~label, ~yes & ~label & sure, ~sure]
        parts.append((theme, *(int(rows.sum()) for rows in counts)))
    return pd.DataFrame(parts, columns=["theme", "right_yes", "wrong_yes", "wrong_no", "right_no", "unsure"])


def _random_run(article_ids: pd.Index, answers: pd.DataFrame) -> list[str]:
    run: list[str] = []
    last = 0
    for name in sorted(article_ids, key=_place) if len(answers) else ():
        if name not in answers.index:
            break
        run.append(name)
        last = len(run) if answers.at[name, "picked_as"] == RANDOM else last
    return run[:last]
