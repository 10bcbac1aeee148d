"""A corpus of any size, resampled from real texts: what the benchmarks of large corpora read.

Run: python benchmarks/corpus.py FOLDER [--articles N] [--seed S]

Writes FOLDER/articles-N.jsonl: date, source, title, text. English full-text news (newsarticles_cc0, wikinews) gives
half of the articles: a run of sentences of one original, a fifth of them left out and one word in ten exchanged for
another of the same original, so that two of them are rarely near-duplicates. The others are digests of short items:
Wikipedia's current events of one label, Russian Telegram posts of one channel and category. 300 words in the mean.
Dates are spread over five years, with quiet week-ends; three in a hundred are another outlet's version of one of the
last 200 articles, within two days. The same seed gives the same file. Texts come from ../shared/data at run time.
"""

import argparse
import gzip
import itertools
import json
import random
import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
BEGIN, DAYS = datetime(2015, 1, 1, tzinfo=UTC), 5 * 365
COPIES, RECENT = 0.03, 200
_SENTENCE = re.compile(r"(?<=[.!?…])\s+(?=\S)")


def write_corpus(folder, articles=100_000, seed=42):
    """Write a corpus and return its path; one that is there already is left as it is."""
    path = Path(folder) / f"articles-{articles}.jsonl"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".part")
    with aside.open("w", encoding="utf-8") as stream:
        for article in itertools.islice(generate(seed), articles):
            stream.write(json.dumps(article, ensure_ascii=False) + "\n")
    aside.replace(path)
    return path


def generate(seed=42):
    """Yield articles without end."""
    chance = random.Random(seed)
    makers = [_from_news(chance), _from_items(chance, _wiki()), _from_items(chance, _posts())]
    recent, outlets = [], _outlets()
    while True:
        if recent and chance.random() < COPIES:
            article = _version(chance, chance.choice(recent), outlets)
        else:
            article = next(chance.choices(makers, (2, 1, 1))[0])
        recent = [*recent[-RECENT + 1 :], article]
        yield article


def _read(name):
    with gzip.open(DATA / name, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def _wiki():
    """Return the items of each label, with the outlets that they name."""
    groups = defaultdict(list)
    for row in _read("wiki_current_events_2002_2021.jsonl.gz"):
        groups[row["label"]].append((row["text"], (row["sources"] or ["Wikipedia"])[0]))
    return [(items, "Wikipedia") for items in groups.values()], 10


def _posts():
    groups = defaultdict(list)
    for row in _read("telegram_ru_posts.jsonl.gz"):
        groups[row["channel"], row["category"]].append((row["text"] or "", row["channel"]))
    return [(items, key[0]) for key, items in groups.items()], 5


def _outlets():
    return sorted({row["source"] for row in _read("newsarticles_cc0.jsonl.gz")})


def _moment(chance):
    day = BEGIN + timedelta(days=chance.randrange(DAYS))
    while day.weekday() > 4 and chance.random() < 0.5:
        day = BEGIN + timedelta(days=chance.randrange(DAYS))
    return day + timedelta(minutes=chance.randrange(24 * 60))


def _article(moment, source, title, text):
    return {"date": moment.strftime("%Y-%m-%dT%H:%M:%SZ"), "source": source, "title": title, "text": text}


def _from_news(chance):
    found = [(row["source"], row["title"], row["text"]) for row in _read("newsarticles_cc0.jsonl.gz")]
    found += [("Wikinews", row["title"], row["text"]) for row in _read("wikinews.jsonl.gz")]
    originals = [
        (source, title or "", _SENTENCE.split(text or ""), (text or "").split()) for source, title, text in found
    ]
    originals = [each for each in originals if 80 <= len(each[3]) <= 4_000]
    while True:
        source, title, sentences, words = chance.choice(originals)
        size = max(3, round(len(sentences) * chance.uniform(0.6, 1)))
        start = chance.randrange(max(1, len(sentences) - size + 1))
        kept = [one for one in sentences[start : start + size] if chance.random() >= 0.2] or sentences[:3]
        yield _article(_moment(chance), source, title, _edited(chance, " ".join(kept), words, 0.1))


def _from_items(chance, made):
    groups, most = made
    weights = [len(items) for items, _ in groups]
    while True:
        items, _ = chance.choices(groups, weights)[0]
        some = chance.choices(items, k=chance.randint(most // 2, most + most // 2))
        text = "\n".join(dict.fromkeys(text for text, _ in some))
        yield _article(_moment(chance), some[0][1], "", text)


def _version(chance, article, outlets):
    """Return another outlet's version of an article: a sentence less, one word in fifty exchanged, a little later."""
    sentences = _SENTENCE.split(article["text"])
    del sentences[chance.randrange(len(sentences))]
    text = " ".join(sentences) or article["text"]
    moment = datetime.fromisoformat(article["date"]) + timedelta(minutes=chance.randrange(2 * 24 * 60))
    return _article(moment, chance.choice(outlets), article["title"], _edited(chance, text, text.split(), 0.02))


def _edited(chance, text, words, share):
    """Exchange words of a text for others, drawn from `words`; lines stay."""
    lines = [line.split() for line in text.split("\n")]
    places = [(row, at) for row, line in enumerate(lines) for at in range(len(line))]
    for row, at in chance.sample(places, round(share * len(places))):
        lines[row][at] = chance.choice(words)
    return "\n".join(" ".join(line) for line in lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=42)
    args = parser.parse_args()
    print(write_corpus(args.folder, args.articles, args.seed))


if __name__ == "__main__":
    main()
