"""``toolkit check``: what is to be said of a theme file, on its own and on a corpus, as lines for a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import pandas as pd

from toolkit import clean, doubt_tables, embed, faults, ingest, schema, seeds, store, suggest, themes, units
from toolkit.beside import articles_beside
from toolkit.doubt_tables import counted
from toolkit.exhibits import Prose, number, percent, rows
from toolkit.languages import language_name
from toolkit.nodes import text_of
from toolkit.settings import EmbedSettings, ThemeSettings
from toolkit.themefile import Phrase, Theme, load_themes, read_phrases
from toolkit.words import LANGUAGES

WIDTH = 100
_MOST_TRIED = 300
_MOST_SHOWN = 300
_FEW_HELD = 5
_ELSEWHERE = 0.5
_KEPT_OUT = 3
_WORDLESS = "no article has its words"
_GAZETTEER = re.compile(r"""^[\s{"']*actors["']?\s*:""", re.MULTILINE)


class Checked(NamedTuple):
    """A corpus seen through a theme file: ``lines`` for the terminal, ``table`` with one row a seed."""

    lines: list[str]
    table: pd.DataFrame


def kind_of(path: Path) -> str:
    """Say whether a file is meant as ``themes`` or as a ``gazetteer``; raise `InputError` if it is no text."""
    text = text_of(path, "theme file", "check the path")
    return "gazetteer" if _GAZETTEER.search(text) and not re.search(r"^\W*themes\W*:", text, re.MULTILINE) else "themes"


# The file alone ---------------------------------------------------------------------------------------------------


def check_file(path: Path) -> list[str]:
    """Return what a theme file says: themes, seeds per language, and what is said twice or wrongly.

    Raises `InputError` with line and column where the file is wrong.
    """
    found, phrases = load_themes(path), read_phrases(path)
    titles = _titles(found)
    seeds_ = [phrase for phrase in phrases if phrase.side == "seeds"]
    cells = [
        [
            titles[theme.id],
            *(number(sum(p.theme == theme.id and p.language == language for p in seeds_)) for language in LANGUAGES),
            number(sum(map(len, theme.against.values()))),
        ]
        for theme in found
    ]
    head = ["theme", *(f"{language_name(language)} seeds" for language in LANGUAGES), "against"]
    size = f"{counted(len(found), 'theme')}, {counted(len(seeds_), 'seed')}"
    told = [doubt_tables.fault_sentence(fault, titles) for fault in rows(faults.lint(phrases))]
    faulty = [line for sentence in told for line in _bullet(sentence)]
    return [
        *_wrap(f"{path.name}: a theme file, well-formed. {size}."),
        "",
        *_table(head, cells),
        "",
        *(["Worth a look:", *faulty] if faulty else ["No phrase is said twice."]),
    ]


def _titles(found: Sequence[Theme]) -> dict[str, str]:
    return {theme.id: " ".join(theme.title.split()) for theme in found}


def warnings(path: str | Path, articles: pd.DataFrame, passages: pd.DataFrame, scores: pd.DataFrame) -> Prose | None:
    """Return what an analyst should know of a run's scores before using them, as a list; None where nothing.

    `passages` are those of all articles that were scored, `scores` those of `articles`. That a theme has seeds in a
    language of no article harms nothing, and is not told.
    """
    found = load_themes(path)
    known = passages[passages["article_id"].isin(articles["article_id"])]
    doubts = faults.doubts(articles, scores, found, seeds.most_held(known, scores, found))
    doubts = doubts[doubts["kind"] != "unused"]
    return doubt_tables.warnings(doubts, faults.lint(read_phrases(path)), _titles(found))


# On a corpus ------------------------------------------------------------------------------------------------------


def check_corpus(
    path: Path,
    inputs: Sequence[str],
    encoder: str,
    progress: seeds.Progress = lambda done, total: None,
) -> Checked:
    """Read, clean, embed and score articles as ``2-themes`` does, and return what each seed does there.

    Raises `InputError` or `SettingsError` as these steps do.
    """
    found, phrases = load_themes(path), read_phrases(path)
    articles = schema.check_some(clean.clean_articles(ingest.read_articles(inputs).kept))
    others = articles_beside([store.asset("data/sample/articles.jsonl")], len(articles))
    settings, choice = EmbedSettings(encoder=encoder), ThemeSettings()
    passages = embed.make_passages(embed.with_background(articles, others, embed.FEWEST), settings)
    texts = passages["text"].tolist()
    reader = cast(units.Encoder, embed.CorpusEncoder(embed.load_encoder(encoder), texts, settings))
    vectors = reader.encode(texts)
    scores = themes.score_articles(passages, themes.score_passages(passages, vectors, found, reader), found, choice)
    scores = scores[scores["article_id"].isin(articles["article_id"])].reset_index(drop=True)
    corpus = seeds.Corpus(passages, vectors, reader, scores)
    held = seeds.explain(corpus, found)
    spoken = held[held["near"].notna()]
    tried = spoken.sort_values("articles", ascending=False, kind="stable").head(_MOST_TRIED)
    left = seeds.leave_out(corpus, found, choice, tried, progress)
    table = _seed_table(held.merge(left, on=seeds.SEED_COLUMNS, how="left"), phrases, _titles(found))
    most = held.groupby("theme")["articles"].max()
    doubts = faults.doubts(articles, scores, found, most)
    offered = suggest.suggest(articles, scores, found)
    lines = [
        *_overview(articles, scores, found, encoder),
        *_doubt_lines(doubts, articles, _titles(found)),
        *_seed_lines(table, found),
        *_offer_lines(offered, _titles(found)),
    ]
    return Checked(lines, table.drop(columns=["theme", "rival"]))


def _seed_table(held: pd.DataFrame, phrases: Sequence[Phrase], titles: Mapping[str, str]) -> pd.DataFrame:
    places = {(p.theme, p.language, p.text): p.line for p in reversed(phrases) if p.side == "seeds"}
    keys = held[seeds.SEED_COLUMNS].itertuples(index=False, name=None)
    titled = {"theme_title": held["theme"].map(titles), "rival_title": held["rival"].map(titles).fillna("")}
    table = held.assign(line=[places[key] for key in keys], **titled)
    return table.assign(remark=[_remark(seed) for seed in rows(table)])


def _remark(seed: Any) -> str:
    """Return what an analyst should know of a seed, nothing where it does its work."""
    if pd.isna(seed.near):
        return ""
    if not seed.articles:
        return _WORDLESS
    said = []
    if seed.pulls:
        said.append(f"pulls towards {seed.rival_title}: {percent(seed.rival_carry)} of its articles carry that")
    elif seed.articles >= _FEW_HELD and seed.carry < _ELSEWHERE:
        forms = f"; its stems stand there as {seed.written}" if seed.written else ""
        said.append(f"{percent(1 - seed.carry)} of its articles do not carry the theme{forms}")
    if seed.gained >= _KEPT_OUT and seed.gained > 2 * seed.lost and seed.gained + seed.lost > seed.chance:
        said.append("keeps more articles out than it brings in")
    return "; ".join(said)


def _overview(articles: pd.DataFrame, scores: pd.DataFrame, found: Sequence[Theme], name: str) -> list[str]:
    languages = articles["language"].value_counts()
    spoken = ", ".join(f"{language_name(str(code))} {number(size)}" for code, size in languages.head(6).items())
    several = scores[scores["label"]].groupby("article_id")["theme"].transform("size") > 1
    cells = []
    for theme in found:
        mine = scores[(scores["theme"] == theme.id) & scores["label"]]
        unsure = scores[(scores["theme"] == theme.id) & scores["score"].between(0.35, 0.65)]
        also = int(several.reindex(mine.index).sum())
        share = percent(len(mine) / len(articles))
        cells.append([_titles([theme])[theme.id], number(len(mine)), share, number(also), number(len(unsure))])
    head = ["theme", "articles", "share", "with another theme", "unsure (35-65%)"]
    told = f"{counted(len(articles), 'article')} ({spoken}), encoder {name}. All figures are the toolkit's own labels."
    return ["", *_wrap(told), "", *_table(head, cells)]


def _doubt_lines(doubts: pd.DataFrame, articles: pd.DataFrame, titles: Mapping[str, str]) -> list[str]:
    few = f"Only {counted(len(articles), 'article')}: scored beside the bundled sample; figures per seed say little."
    said = [few] if len(articles) < embed.FEWEST else []
    said += [doubt_tables.doubt_sentence(doubt, titles) for doubt in rows(doubts)]
    return ["", "Warnings:", *(line for one in said for line in _bullet(one))] if said else ["", "No warnings."]


def _seed_lines(table: pd.DataFrame, found: Sequence[Theme]) -> list[str]:
    shown = table[table["near"].notna()]
    sampled = shown["sampled"].max()
    lines = ["", *_wrap(_LEGEND.format(sampled=number(sampled) if sampled == sampled else "no"))]
    if len(shown) > _MOST_SHOWN:
        lines += ["", *_wrap(f"Only the seeds with a remark are shown of {number(len(shown))}; --csv writes them all.")]
        shown = shown[~shown["remark"].isin(["", _WORDLESS])]
    for theme in found:
        for language in LANGUAGES:
            mine = shown[(shown["theme"] == theme.id) & (shown["language"] == language)]
            if len(mine):
                chance = mine["chance"].max()
                told = f" (chance: {number(chance)})" if chance == chance else ""
                lines += ["", *_wrap(f"{theme.title}, {language_name(language)}{told}"), *_table_of_seeds(mine)]
    return lines


_LEGEND = (
    "Each seed: articles that have its words; how many of those carry the theme; how many of the articles nearest to "
    "it do; and what changes without it: articles lost (-) and gained (+) when the scoring runs again without the "
    "seed, on up to {sampled} articles drawn at random, each by its title and first passage (an approximation). As "
    "many labels as stand after “chance” change there when nothing changes but the random numbers."
)


def _table_of_seeds(mine: pd.DataFrame) -> list[str]:
    cells, remarks = [], []
    for seed in rows(mine):
        change = f"-{number(seed.lost)} +{number(seed.gained)}" if seed.lost == seed.lost else "–"
        without = "same" if change == "-0 +0" else change
        cells.append([seed.phrase, number(seed.articles), percent(seed.carry), percent(seed.near), without])
        remarks.append(f"line {seed.line}: {seed.remark}" if seed.remark not in ("", _WORDLESS) else "")
    return _table(["seed", "articles", "carry it", "nearest", "without it"], cells, remarks)


def _offer_lines(offered: pd.DataFrame, titles: Mapping[str, str]) -> list[str]:
    if offered.empty:
        return ["", "The corpus offers no further phrases: too few articles are sure."]
    lines = ["", *_wrap("Phrases that the corpus offers, to be judged (articles that have it, share with the theme):")]
    for (theme, language), group in offered.groupby(["theme", "language"], sort=False):
        told = ", ".join(f"{o.phrase} ({number(o.articles)}, {percent(o.carry)})" for o in rows(group))
        lines += _bullet(f"{titles[str(theme)]}, {language_name(str(language))}: {told}")
    return lines


# Text -------------------------------------------------------------------------------------------------------------


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)


def _bullet(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="- ", subsequent_indent="  ")


def _table(head: Sequence[str], cells: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> list[str]:
    """Return a table of at most `WIDTH` columns: the first is text and wrapped, the others are numbers."""
    widths = [max(len(row[at]) for row in [head, *cells]) for at in range(1, len(head))]
    first = min(max(len(row[0]) for row in [head, *cells]), WIDTH - sum(width + 2 for width in widths))
    lines: list[str] = []
    for place, row in enumerate([head, *cells]):
        name, *more = textwrap.wrap(row[0], first) or [""]
        numbers = "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths, strict=True))
        lines += [f"{name:<{first}}{numbers}", *more]
        note = notes[place - 1] if notes and place else ""
        lines += textwrap.wrap(note, WIDTH, initial_indent="    ^ ", subsequent_indent="      ")
    return lines
