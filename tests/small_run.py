"""A small finished run, made by hand: notebooks with figures and tables, Parquet, themes and a manifest."""

import json

import nbformat
import pandas as pd

from toolkit import store

SCRIPT = "</script><script>window.hacked='script'</script>"
IMAGE = "<img src=x onerror=window.hacked='img'>"
HOSTILE = (SCRIPT, IMAGE, '=HYPERLINK("http://evil.example")', "<!--<script>\u2028\u2029 & \"quoted' \u202e")
THEMES = [
    {"id": "extremism", "title": "Extremism", "description": "What harms.", "seeds": {}, "against": {}},
    {"id": "cooperation", "title": f"Cooperation {IMAGE}", "description": SCRIPT, "seeds": {}, "against": {}},
]
FIGURE, TABLE = "application/vnd.plotly.v1+json", "application/vnd.toolkit.table+json"


def make_articles(count=12, months=3):
    """`count` articles, evenly over `months` from January 2017; every second pair is one story of two outlets."""
    start = pd.date_range("2017-01-01", periods=months, freq="MS", tz="UTC")
    return pd.DataFrame(
        {
            "article_id": [f"{i:016x}" for i in range(count)],
            "published": pd.DatetimeIndex(
                [start[i % months] + pd.Timedelta(days=6, hours=i % 24) for i in range(count)]
            ),
            "source": [f"Outlet {i % 3} {HOSTILE[i % 4] if i < 4 else ''}".strip() for i in range(count)],
            "url": [
                ("https://a.example/?a=1&b=" + str(i), "javascript:window.hacked=1", "", "ftp://x")[i % 4]
                for i in range(count)
            ],
            "title": [HOSTILE[i] if i < 4 else ("" if i == 4 else f"Title {i}") for i in range(count)],
            "text": [f"Opening words of article {i}. " + "word " * 60 for i in range(count)],
            "language": [("en", "ru", "kk", 'en" onload=x')[i % 4] for i in range(count)],
            "story_id": [f"s{i - i % 2 if i % 4 < 2 else i}" for i in range(count)],
            "score": 1,
        }
    )


def make_scores(articles, themes=THEMES):
    """The first theme is carried by all articles, the second by every third, with falling scores."""
    rows = [
        (
            article,
            theme["id"],
            0.999 - 0.4 * i / len(articles),
            which == 0 or i % 3 == 0,
            f"{HOSTILE[i % 4]} " + "seen " * 120,
            0,
        )
        for which, theme in enumerate(themes)
        for i, article in enumerate(articles["article_id"])
    ]
    return pd.DataFrame(rows, columns=["article_id", "theme", "score", "label", "evidence", "evidence_offset"])


def make_points(articles, scores):
    """Monthly trend points in UTC, as `trends.share_over_time` gives them."""
    months = articles["published"].dt.tz_localize(None).dt.to_period("M")
    rows = []
    for theme, mine in scores[scores["label"]].groupby("theme", sort=False):
        for month in pd.period_range(months.min(), months.max(), freq="M"):
            total = articles[months == month]
            found = int(total["article_id"].isin(mine["article_id"]).sum())
            page = f"articles/{theme}-{month:%Y-%m}.html"
            share = found / len(total) if len(total) else float("nan")
            rows.append(
                (theme, f"{month:%Y-%m}", month.start_time, f"{month:%B %Y}", found, len(total), share, False, page)
            )
    names = "theme key start label articles total share partial page".split()
    return pd.DataFrame(rows, columns=names)


def make_topics(articles, count=2):
    """`count` topics in turn."""
    ids = [i % count for i in range(len(articles))]
    assigned = pd.DataFrame({"article_id": articles["article_id"], "topic_id": ids, "closeness": 0.5})
    assigned["closeness"] += [i / (2 * len(articles)) for i in range(len(articles))]
    topics = pd.DataFrame(
        [
            (i, f"term {i}, {IMAGE}", ["term", IMAGE], ids.count(i), ids.count(i) / len(ids), [SCRIPT], "")
            for i in range(count)
        ],
        columns="topic_id label terms articles share titles theme".split(),
    )
    return topics, assigned


def figure(name="shares", pages=("articles/extremism-2017-01.html", "articles/extremism-1999-01.html"), **layout):
    """A line whose points lead to `pages`; its hover text is hostile, unescaped."""
    trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [i + 1 for i in range(len(pages))],
        "y": [2 * i + 1 for i in range(len(pages))],
        "text": [HOSTILE[i % 4] for i in range(len(pages))],
        "marker": {"size": 16},
        "customdata": [["January", page] for page in pages],
    }
    link = {"text": "January", "href": pages[0]} if pages else {"text": "January", "href": ""}
    table = {
        "caption": "Numbers",
        "columns": [{"name": "period", "kind": "link"}, {"name": "articles", "kind": "number"}],
        "rows": [[link, "4"], [{"text": IMAGE, "href": "javascript:alert(1)"}, "0"]],
    }
    meta = {"id": name, "caption": "What is seen", "alt": f"A line {IMAGE}", "table": table}
    return {"data": [trace], "layout": {"height": 380, "meta": meta, **layout}}


def table(caption="A table"):
    """A table with hostile cells and links of each kind."""
    columns = [{"name": "title", "kind": "link"}, {"name": "n", "kind": "number"}, {"name": "passage", "kind": "text"}]
    rows = [
        [{"text": SCRIPT, "href": "articles/extremism.html"}, "1,234", IMAGE],
        [{"text": "away", "href": "https://a.example/?x=1&y=2"}, "5", "plain"],
        [{"text": "nowhere", "href": "articles/absent.html"}, "6", None],
    ]
    return {"caption": caption, "columns": columns, "rows": rows}


def output(kind, data):
    """An output of a code cell, with the plain text that Jupyter always adds."""
    return nbformat.v4.new_output("display_data", {kind: data, "text/plain": "PLAIN TEXT", "text/html": "<b>HTML</b>"})


def write_notebook(path, cells):
    """Write a notebook; a cell is Markdown, or a list of outputs, or a pair (outputs, tag)."""
    made = []
    for number, cell in enumerate(cells):
        outputs, tag = cell if isinstance(cell, tuple) else (cell, None)
        if isinstance(outputs, str):
            made.append(nbformat.v4.new_markdown_cell(outputs, id=f"c{number}"))
        else:
            tags = {"tags": [tag]} if tag else {}
            made.append(nbformat.v4.new_code_cell("SOURCE", outputs=outputs, metadata=tags, id=f"c{number}"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(nbformat.v4.new_notebook(cells=made)), "utf-8")


def make_run(folder, count=12, months=3, notebooks=None, n_topics=2):
    """Make a run folder with `count` articles over `months`; `notebooks`: name -> cells."""
    articles = make_articles(count, months)
    scores = make_scores(articles)
    topics, assigned = make_topics(articles, n_topics)
    tables = {"articles": articles, "scores": scores, "points": make_points(articles, scores)}
    for name, frame in (tables | {"topics": topics, "assigned": assigned}).items():
        store.write_table(frame, folder / "tables" / f"{name}.parquet")
    dropped = pd.DataFrame({"stage": "clean", "reason": ["too short", "too short", SCRIPT]})
    store.write_table(dropped, folder / "tables" / "dropped.parquet")
    store.write_json(THEMES, folder / "tables" / "themes.json")
    store.write_json(MANIFEST, folder / "manifest.json")
    default = ["# A title\n\nWords.", [output(FIGURE, figure())], [output(TABLE, table())]]
    names = ("1-corpus", "2-themes", "3-topics", "4-trends", "5-briefing")
    for name, cells in (notebooks or dict.fromkeys(names, default)).items():
        write_notebook(folder / "notebooks" / f"{name}.ipynb", cells)
    return folder


MANIFEST = {
    "made_by": "toolkit",
    "status": "finished",
    "started": "2026-02-03T10:00:00+00:00",
    "finished": "2026-02-03T10:03:20+00:00",
    "seconds": 200.4,
    "parameters": {"inputs": ["a & b.jsonl"], "timezone": "UTC", "day_first": None, "columns": {}, "mode": IMAGE},
    "hashes": {"inputs": "abc123", "notebooks": {"1-corpus": "def456"}},
    "seeds": {"seed": 42},
    "versions": {"python": "3.11.7"},
    "git_commit": "0123abc",
    "stages": [
        {"name": "clean", "rows_in": 1500, "rows_out": 1497, "seconds": 2.34, "memory_mb": 210.4, "started": "x"},
        {"name": "odd"},
    ],
}
