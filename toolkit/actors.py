"""Who and where: organisations and places found by a *gazetteer*, the analyst's own list of names.

A *mention* is a place in an article where an alias of an entry stands, in whatever language. The literal heads of all
aliases go into an Aho-Corasick automaton (Aho and Corasick 1975, https://doi.org/10.1145/360825.360855); what that
finds is verified by the alias' own regular expression. How an alias is written says how it is matched (the head of
``data/gazetteer.yml`` explains it): ``*`` takes any case ending, capitals alone make an acronym, a capital asks for a
capital, a phrase under ``not`` is no mention. Of overlapping mentions the longest stays.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cache, reduce
from typing import Any, NamedTuple

import ahocorasick
import numpy as np
import pandas as pd
from scipy import sparse

from toolkit.abreast import abreast
from toolkit.gazetteer import KINDS, NOT, load_gazetteer
from toolkit.schema import InputError
from toolkit.words import KAZAKH_ENDINGS

__all__ = ["EVERY_THEME", "KINDS", "count_actors", "count_over_time", "find_all_mentions", "find_mentions",
           "load_gazetteer", "named_together", "naming", "who_names"]  # fmt: skip

EVERY_THEME = "all"

# One character for one, so that offsets stay true.
_SAME = {**dict.fromkeys("‐‑‒–—−", "-"), **dict.fromkeys("’‘ʼʹ`´", "'"), "ё": "е", "Ё": "Е", "İ": "I"}
_RU = "[аяуюеиыоьй]|[ая](?:ми?|[хя])|[ое](?:[мйюве]|го|му)|[ыи](?:[йехюя]|ми?)|ую|юю|ии|ие[йм]|ия(?:ми?|х)|ью"
_RULES = {"en": "[a-z]{0,4}", "ru": f"(?:{_RU})?", "kk": KAZAKH_ENDINGS, NOT: f"(?:{_RU})?|{KAZAKH_ENDINGS}"}
_RULES["acronym"] = "(?-i:[а-яәғқңөұүіһ]{0,9})"
_ENDINGS = {key: re.compile(rule, re.IGNORECASE) for key, rule in _RULES.items()}
_CAPITALISED = "[A-ZА-ЯӘҒҚҢӨҰҮІҺ][a-zа-яәғқңөұүіһ]+"
_HEAD, _SECOND = re.compile(r"[\s*?'-]+"), re.compile(r"[^\s*?'-]+\*?\s+([^\s*?'-]+)")
"""What the first word of an alias, its head, ends at, and a second one behind it."""
_GAP = re.compile(r"[^\W\d_]{0,16}(?:\s*-\s*|\s+)")
_ODD = "ıſᲀᲁᲂᲃᲄᲅᲆᲇᲈ"
"""Small letters that are others' equals where case is ignored."""
_NAME_BEFORE = re.compile(rf"\b{_CAPITALISED}\s$")
_SHOUT_BEFORE = re.compile(r"\b[A-ZА-ЯӘҒҚҢӨҰҮІҺ]{2,}\s+$")
_SHOUT_AFTER = re.compile(r"\s+[A-ZА-ЯӘҒҚҢӨҰҮІҺ]{2,}\b")


class _Mention(NamedTuple):
    start: int
    end: int
    actor_id: str  # "" where a phrase under `not` stands


def _folded(text: str) -> str:
    return reduce(lambda done, pair: done.replace(*pair), _SAME.items(), text)


@cache
def _pattern(alias: str) -> tuple[str, re.Pattern[str]]:
    """The head of an alias and the expression of what follows it; a leading ``?`` is left to `_NAME_BEFORE`."""
    body = re.sub(r"\s*-\s*", "-", _folded(alias).removeprefix("? ").strip())
    head = _HEAD.split(body, maxsplit=1)[0]
    return head, _rest(body[len(head) :], body[-1].isascii() and body[-1].islower(), alias.isupper())


@cache
def _rest(body: str, plural: bool, acronym: bool) -> re.Pattern[str]:
    """The regular expression of what follows a head, a group for each ``*``; that of single words is one for many."""
    parts = []
    for part in re.split(r"(\s+|-)", body):
        if part == "-" and not acronym:
            parts.append(r"\s*-?\s*")
        elif part == "-" or part.isspace():
            parts.append(r"(?:\s*-\s*|\s+)")
        elif part == "?":
            parts.append(f"(?-i:{_CAPITALISED})")
        else:
            ending = r"([^\W\d_]{0,16})" * part.endswith("*")  # judged by _ENDINGS: compiled once, not per alias
            parts.append(re.escape(part.rstrip("*")).replace("'", "'?") + ending)
    return re.compile("".join(parts) + "(?:e?s)?" * plural + r"(?![^\W_])", 0 if acronym else re.IGNORECASE)


def _automaton(gazetteer: pd.DataFrame) -> ahocorasick.Automaton:
    """Head -> its length, the aliases that may stand at a capital, those that may stand at a small letter.

    With each alias goes its second word in small letters, empty where none must follow: most aliases end there.
    """
    heads: dict[str, list[tuple[str, str, str, str]]] = defaultdict(list)
    for actor, alias, language in gazetteer[["actor_id", "alias", "language"]].itertuples(index=False, name=None):
        written = _folded(alias).removeprefix("? ").lower()
        second = _SECOND.match(written)
        heads[_HEAD.split(written, maxsplit=1)[0]].append((actor, alias, language, second[1] if second else ""))
    automaton = ahocorasick.Automaton()
    for head, aliases in heads.items():
        small = [alias for alias in aliases if not alias[1].removeprefix("? ")[0].isupper()]
        automaton.add_word(head, (len(head), aliases, small))
    automaton.make_automaton()
    return automaton


def _verified(actor: str, written: str, language: str, text: str, start: int) -> _Mention | None:
    """The mention where the head of an alias stands, if it is one; capitals among capitals make no acronym."""
    (head, rest), acronym = _pattern(written), written.isupper()
    match = None if acronym and not text.startswith(head, start) else rest.match(text, start + len(head))
    if match is None or not all(map(_ENDINGS["acronym" if acronym else language].fullmatch, match.groups())):
        return None
    if written.startswith("? "):
        name = _NAME_BEFORE.search(text, max(0, start - 30), start)
        return _Mention(name.start(), match.end(), "") if name else None
    shouted = acronym and written.isalpha() and _SHOUT_AFTER.match(text, match.end())
    if shouted and _SHOUT_BEFORE.search(text, max(0, start - 30), start):
        return None
    return _Mention(start, match.end(), "" if language == NOT else actor)


def _mentions(text: str, automaton: ahocorasick.Automaton) -> list[_Mention]:
    """Every mention in one text, in its order; of overlapping ones the longest, of equals one that counts."""
    folded = _folded(text)
    lowered, found = folded.lower(), []
    odd = any(letter in lowered for letter in _ODD)
    for last, (length, at_capital, at_small) in automaton.iter(lowered):
        start = last - length + 1
        aliases = at_capital if folded[start].isupper() else at_small
        if aliases and (start == 0 or not folded[start - 1].isalnum()):
            gap = _GAP.match(lowered, last + 1)
            at = gap.end() if gap else len(lowered)
            for actor, alias, language, second in aliases:
                if odd or lowered.startswith(second, at):
                    found.append(_verified(actor, alias, language, folded, start))
    taken, kept = bytearray(len(text) if found else 0), []
    for mention in sorted(filter(None, found), key=lambda mention: (mention.start - mention.end, not mention.actor_id)):
        if taken.find(1, mention.start, mention.end) < 0:
            taken[mention.start : mention.end] = b"\x01" * (mention.end - mention.start)
            kept.append(mention)
    return sorted(mention for mention in kept if mention.actor_id)


def find_mentions(articles: pd.DataFrame, gazetteer: pd.DataFrame) -> pd.DataFrame:
    """Count who is named in each article: one row an article and actor, in the order of the articles.

    Columns: ``article_id``, ``actor_id``, ``mentions`` (title and text together), ``first_offset`` (characters into
    the text, -1 where only the title names the actor).
    """
    return _found(articles, _automaton(gazetteer))


def _found(articles: pd.DataFrame, automaton: ahocorasick.Automaton) -> pd.DataFrame:
    rows: list[tuple[str, str, int, int]] = []
    columns = (articles[name].tolist() for name in ("article_id", "title", "text"))
    for article, title, text in zip(*columns, strict=True):
        in_text = _mentions(text, automaton)
        first = {mention.actor_id: mention.start for mention in reversed(in_text)}
        counts = Counter(mention.actor_id for mention in (*_mentions(title, automaton), *in_text))
        rows += [(article, actor, counts[actor], first.get(actor, -1)) for actor in sorted(counts)]
    types = {"article_id": "str", "actor_id": "str", "mentions": "int64", "first_offset": "int64"}
    return pd.DataFrame(rows, columns=list(types)).astype(types)


def find_all_mentions(batches: Iterable[pd.DataFrame], gazetteer: pd.DataFrame, rows: int = 0) -> pd.DataFrame:
    """Return `find_mentions` of so many articles that come piece by piece, such as `store.read_batches` gives them."""
    automaton = _automaton(gazetteer)
    found = abreast(lambda piece: (_found(piece, automaton),), batches, rows)
    mentions: list[pd.DataFrame] = [named for (named,) in found]
    return pd.concat(mentions, ignore_index=True)


def who_names(actors: Sequence[str], gazetteer: pd.DataFrame) -> Callable[[pd.DataFrame], pd.Series[str]] | None:
    """Return what tells the ids of those articles of a table that name any of `actors`; None where there are none."""
    return (lambda articles: naming(find_mentions(articles, gazetteer), actors, gazetteer)) if actors else None


def _names(gazetteer: pd.DataFrame) -> pd.DataFrame:
    return gazetteer.drop_duplicates("actor_id")[["actor_id", "name", "kind"]]


def count_actors(mentions: pd.DataFrame, scores: pd.DataFrame, gazetteer: pd.DataFrame) -> pd.DataFrame:
    """Count the articles of each theme that name an actor; theme ``all``: every article in `scores`.

    `scores` has ``article_id, theme, label``. Columns: ``actor_id, name, kind, theme, articles, share`` (of the
    theme's articles, 0 to 1), themes in the order of `scores` after ``all``, then by falling number of articles.
    """
    every = scores[["article_id"]].drop_duplicates().assign(theme=EVERY_THEME)
    carried = scores.loc[scores["label"].astype(bool), ["article_id", "theme"]].drop_duplicates()
    themes = pd.concat([every, carried], ignore_index=True)
    order = {theme: place for place, theme in enumerate([EVERY_THEME, *scores["theme"].drop_duplicates()])}
    named = mentions[["article_id", "actor_id"]].merge(themes, on="article_id")
    counts = named.groupby(["theme", "actor_id"]).size().rename("articles").reset_index()
    counts["share"] = counts["articles"] / counts["theme"].map(themes["theme"].value_counts()).astype(float)
    counts = counts.merge(_names(gazetteer), on="actor_id").assign(place=lambda table: table["theme"].map(order))
    counts = counts.sort_values(["place", "articles", "name"], ascending=[True, False, True], ignore_index=True)
    return counts[["actor_id", "name", "kind", "theme", "articles", "share"]]


def count_over_time(
    mentions: pd.DataFrame, periods: pd.Series[Any] | pd.DataFrame, actors: int | Iterable[str] = 10
) -> pd.DataFrame:
    """Count the articles that name an actor in each period: ``actor_id, period, articles``, zeros included.

    `periods` gives each article its period: a Series by article id, or a table ``article_id, period``; an article
    without one is left out. `actors`: ids, or how many of the most named.
    """
    if isinstance(periods, pd.Series):
        periods = periods.rename("period").rename_axis("article_id").reset_index()
    periods = periods.dropna(subset=["period"])
    named = mentions.merge(periods[["article_id", "period"]], on="article_id")
    if isinstance(actors, int):
        actors = named.groupby("actor_id").size().sort_values(ascending=False, kind="stable").index[:actors]
    every = pd.MultiIndex.from_product([list(actors), sorted(periods["period"].unique())], names=["actor_id", "period"])
    return named.groupby(["actor_id", "period"]).size().reindex(every, fill_value=0).reset_index(name="articles")


def named_together(mentions: pd.DataFrame, gazetteer: pd.DataFrame, least: int = 3) -> pd.DataFrame:
    """Count the articles that name two actors, for pairs in at least `least` articles, most first.

    ``expected``: articles if the two were named independently, among the articles that name anyone; ``lift`` is
    ``articles / expected``. Columns: ``actor_a, actor_b, name_a, name_b, articles, expected, lift``.
    """
    rows, articles = pd.factorize(mentions["article_id"])
    columns, ids = pd.factorize(mentions["actor_id"], sort=True)
    ones = np.ones(len(mentions), dtype=np.int64)
    matrix = sparse.csr_array((ones, (rows, columns)), shape=(len(articles), len(ids)))
    pairs = sparse.triu(matrix.T @ matrix, k=1).tocoo()
    alone = np.bincount(columns, minlength=len(ids))
    name = _names(gazetteer).set_index("actor_id")["name"]
    a, b = pd.Series(ids[pairs.row], dtype="str"), pd.Series(ids[pairs.col], dtype="str")
    names = {"actor_a": a, "actor_b": b, "name_a": a.map(name), "name_b": b.map(name)}
    table = pd.DataFrame({**names, "articles": pairs.data})
    table["expected"] = alone[pairs.row] * alone[pairs.col] / max(len(articles), 1)
    table["lift"] = table["articles"] / table["expected"]
    table = table[table["articles"] >= least]
    return table.sort_values(["articles", "actor_a", "actor_b"], ascending=[False, True, True], ignore_index=True)


def naming(mentions: pd.DataFrame, actors: Iterable[str], gazetteer: pd.DataFrame) -> pd.Series[str]:
    """Return the ids of the articles that name any of `actors` (ids or names, case aside), in their order.

    Raises `InputError` with the nearest names for an actor that the gazetteer does not have.
    """
    names = _names(gazetteer)
    known = {key.lower(): row.actor_id for row in names.itertuples() for key in (str(row.name), str(row.actor_id))}
    asked = [actors] if isinstance(actors, str) else list(actors)
    for actor in asked:
        if actor.lower() not in known:
            near = difflib.get_close_matches(actor.lower(), known, n=3, cutoff=0.5)
            hint = f"did you mean: {', '.join(near)}?" if near else "look for it in the gazetteer."
            raise InputError(f"The gazetteer has no actor {actor!r}; {hint}")
    wanted = {known[actor.lower()] for actor in asked}
    return mentions.loc[mentions["actor_id"].isin(wanted), "article_id"].drop_duplicates().reset_index(drop=True)
