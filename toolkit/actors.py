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
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, reduce
from pathlib import Path
from typing import Any, NamedTuple

import ahocorasick
import numpy as np
import pandas as pd
import yaml
from scipy import sparse

from toolkit.abreast import abreast
from toolkit.nodes import read
from toolkit.schema import InputError

KINDS = ("organisation", "country", "region", "city")
LANGUAGES = ("en", "ru", "kk")
NOT = "not"
KEYS = ("id", "kind", "name", "group", "aliases", NOT)
GAZETTEER_COLUMNS = ("actor_id", "name", "kind", "group", "language", "alias")
EVERY_THEME = "all"

# One character for one, so that offsets stay true.
_SAME = {**dict.fromkeys("‐‑‒–—−", "-"), **dict.fromkeys("’‘ʼʹ`´", "'"), "ё": "е", "Ё": "Е", "İ": "I"}
_RU = "[аяуюеиыоьй]|[ая](?:ми?|[хя])|[ое](?:[мйюве]|го|му)|[ыи](?:[йехюя]|ми?)|ую|юю|ии|ие[йм]|ия(?:ми?|х)|ью"
_KK = (
    "[слндтғгқкыі]?[ыі]|[ғгқкншдт]?[ае]|н[дт][ае]|[ндт](?:[ыі]ң|[ае]н)|[лдт](?:[ыі][қкғг]|[ае]р)|"
    "[ыі]м|[ыі]?[нң]|[ыі]?м[ыі]з|[мбп](?:ен)?ен|с[ыі]з|[дт][ае]й"
)
_RULES = {"en": "[a-z]{0,4}", "ru": f"(?:{_RU})?", "kk": f"(?:{_KK}){{0,5}}", NOT: f"(?:{_RU})?|(?:{_KK}){{0,5}}"}
_RULES["acronym"] = "(?-i:[а-яәғқңөұүіһ]{0,9})"
_ENDINGS = {key: re.compile(rule, re.IGNORECASE) for key, rule in _RULES.items()}
_CAPITALISED = "[A-ZА-ЯӘҒҚҢӨҰҮІҺ][a-zа-яәғқңөұүіһ]+"
_NAME_BEFORE = re.compile(rf"\b{_CAPITALISED}\s$")
_SHOUT_BEFORE = re.compile(r"\b[A-ZА-ЯӘҒҚҢӨҰҮІҺ]{2,}\s+$")
_SHOUT_AFTER = re.compile(r"\s+[A-ZА-ЯӘҒҚҢӨҰҮІҺ]{2,}\b")


class _Mention(NamedTuple):
    start: int
    end: int
    actor_id: str  # "" where a phrase under `not` stands


def load_gazetteer(path: str | Path) -> pd.DataFrame:
    """Read a gazetteer file: one row an alias, with the columns `GAZETTEER_COLUMNS`.

    ``language`` is ``en``, ``ru``, ``kk``, or ``not`` for a phrase that is no mention; the name is an English alias.
    Raises `InputError` naming the line or the entry: unreadable YAML, unknown or missing keys, an id given twice, an
    alias in two entries, too short, or with a ``*`` or ``?`` where it means nothing.
    """
    where = f"The gazetteer {path}"
    entries = _read(Path(path), where)
    rows = [row for place, entry in enumerate(entries, 1) for row in _rows(entry, f"{where}, entry {place}")]
    _refuse_duplicates(rows, [entry["id"] for entry in entries], where)
    return pd.DataFrame(rows, columns=list(GAZETTEER_COLUMNS))


def _expect(holds: object, problem: str) -> None:
    if not holds:
        raise InputError(problem)


def _read(path: Path, where: str) -> list[Any]:
    try:
        data = read(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
        raise InputError(f"{where} cannot be read; mend what is wrong with it: {problem}.") from error
    entries = data["actors"] if isinstance(data, dict) and set(data) == {"actors"} else None
    listed = entries if isinstance(entries, list) else []
    _expect(listed, f"{where} must hold the key 'actors' alone, with a list of entries under it.")
    return listed


def _rows(entry: Any, where: str) -> list[tuple[str, str, str, str, str, str]]:
    where += f" ({entry.get('id', 'without id')})," if isinstance(entry, dict) else ","
    _known(entry, KEYS, where)
    for key in ("id", "kind", "name", "group"):
        value = entry.get(key, "-" if key == "group" else None)
        _expect(isinstance(value, str) and value.strip(), f"{where} has {value!r} as its {key}, expected text.")
    kind, form = entry["kind"], "small letters, digits and underscores, a letter first"
    _expect(kind in KINDS, f"{where} has the kind {kind!r}, expected one of: {', '.join(KINDS)}.")
    _expect(re.fullmatch("[a-z][a-z0-9_]*", entry["id"]), f"{where} has a wrong id, expected {form}.")
    base = (entry["id"], entry["name"], kind, entry.get("group", ""))
    return [(*base, language, alias) for language, alias in dict.fromkeys(_aliases(entry, where))]


def _known(table: Any, keys: tuple[str, ...], where: str) -> None:
    unknown = [key for key in table if key not in keys] if isinstance(table, dict) else [table]
    _expect(not unknown, f"{where} has the unknown key {unknown[:1]}; known are: {', '.join(keys)}.")


def _aliases(entry: dict[str, Any], where: str) -> Iterator[tuple[str, str]]:
    aliases = entry.get("aliases") or {}
    _known(aliases, LANGUAGES, where)
    for language, listed in [("en", [entry["name"]]), *aliases.items(), (NOT, entry.get(NOT))]:
        words = listed or []
        _expect(isinstance(words, list), f"{where} has {words!r} under {language!r}, expected a list.")
        for word in words:
            _check_alias(word, language, where)
            yield language, word


def _check_alias(alias: Any, language: str, where: str) -> None:
    _expect(isinstance(alias, str), f"{where} has {alias!r} under {language!r}, expected text: put it in quotes.")
    where = f"{where} has the alias {alias!r},"
    plain = re.sub(r"^\? | \?$", "", alias) if language == NOT else alias
    _expect(len(re.sub(r"[*\s]", "", plain)) >= 2, f"{where} expected 2 characters or more.")
    _expect(plain[0].isalnum(), f"{where} expected a letter or digit at its beginning.")
    _expect(not re.search(r"\*(?![\s-]|$)", plain), f"{where} expected a * only at the end of a word.")
    _expect("?" not in plain, f"{where} expected a ? only as the first or last word of a phrase under 'not'.")


def _refuse_duplicates(rows: list[tuple[str, str, str, str, str, str]], ids: list[str], where: str) -> None:
    twice = [name for name, count in Counter(ids).items() if count > 1]
    _expect(not twice, f"{where} has {twice[:1]} as the id of two entries; give every entry its own.")
    owners: dict[str, str] = {}
    for actor, *_, language, alias in rows:
        owner = actor if language == NOT else owners.setdefault(alias if alias.isupper() else alias.lower(), actor)
        _expect(owner == actor, f"{where} has the alias {alias!r} in both {owner!r} and {actor!r}.")


def _folded(text: str) -> str:
    return reduce(lambda done, pair: done.replace(*pair), _SAME.items(), text)


@cache
def _pattern(alias: str) -> re.Pattern[str]:
    """The regular expression of an alias, a group for each ``*``; a leading ``?`` is left to `_NAME_BEFORE`."""
    acronym = alias.isupper()
    body = re.sub(r"\s*-\s*", "-", _folded(alias).removeprefix("? ").strip())
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
    plural = "(?:e?s)?" if body[-1].isascii() and body[-1].islower() else ""
    return re.compile("".join(parts) + plural + r"(?![^\W_])", 0 if acronym else re.IGNORECASE)


def _automaton(gazetteer: pd.DataFrame) -> ahocorasick.Automaton:
    """Head -> its length, the aliases that may stand at a capital, those that may stand at a small letter."""
    heads: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for row in gazetteer[["actor_id", "alias", "language"]].itertuples(index=False, name=None):
        head = re.split(r"[\s*'-]", _folded(row[1]).removeprefix("? "), maxsplit=1)[0]
        heads[head.lower()].append(row)
    automaton = ahocorasick.Automaton()
    for head, aliases in heads.items():
        small = [alias for alias in aliases if not alias[1].removeprefix("? ")[0].isupper()]
        automaton.add_word(head, (len(head), aliases, small))
    automaton.make_automaton()
    return automaton


def _verified(actor: str, written: str, language: str, text: str, start: int) -> _Mention | None:
    """The mention where the head of an alias stands, if it is one; capitals among capitals make no acronym."""
    match = _pattern(written).match(text, start)
    acronym = written.isupper()
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
    found = []
    for last, (length, at_capital, at_small) in automaton.iter(folded.lower()):
        start = last - length + 1
        aliases = at_capital if folded[start].isupper() else at_small
        if aliases and (start == 0 or not folded[start - 1].isalnum()):
            found += [one for who, alias, where in aliases if (one := _verified(who, alias, where, folded, start))]
    taken, kept = bytearray(len(text) if found else 0), []
    for mention in sorted(found, key=lambda mention: (mention.start - mention.end, not mention.actor_id)):
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
