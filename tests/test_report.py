import html
import itertools
import json
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from small_run import (
    FIGURE,
    IMAGE,
    MANIFEST,
    SCRIPT,
    TABLE,
    figure,
    make_articles,
    make_points,
    make_run,
    make_scores,
    make_topics,
    output,
    table,
    write_notebook,
)

from toolkit import blocks, exhibits, lines, made, pages, report, store, trends
from toolkit.schema import InputError
from toolkit.settings import TrendSettings


class Seen(HTMLParser):
    """What a browser would see: elements, their attributes, text, headings."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert tag in self.open, f"</{tag}> closes nothing"
        while self.open.pop() != tag:
            pass

        if tag in ("td", "th", "p", "li", "h1", "h2", "h3", "summary", "title"):
            self.text.append(" ")

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self):
        return " ".join("".join(self.text).split())


def see(path):
    return Seen(path.read_text("utf-8"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return report.build_report(make_run(tmp_path_factory.mktemp("run"))).parent


def one_page(tmp_path, *cells):
    run = make_run(tmp_path, notebooks={"5-briefing": list(cells)})
    return see(report.build_report(run))


def embedded(seen_or_path):
    text = seen_or_path.read_text("utf-8")
    return [json.loads(block) for block in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text)]


# The site -------------------------------------------------------------------------------------------------------


def test_the_site_has_a_page_for_each_notebook_theme_period_and_topic(site):
    assert {path.name for path in site.glob("*.html")} == {
        *("index.html", "corpus.html", "themes.html", "topics.html", "trends.html", "about.html"),
    }
    themes = {f"{theme}{end}.html" for theme in ("extremism", "cooperation") for end in ("", "-2017-01")}
    assert themes | {"topic-0.html", "topic-1.html"} <= {path.name for path in (site / "articles").glob("*.html")}


def test_every_link_and_file_that_a_page_asks_for_is_there(site):
    for page in [*site.glob("*.html"), *(site / "articles").glob("*.html")]:
        seen = see(page)
        wanted = [a["href"] for a in seen.all("a")] + [a["src"] for a in seen.all("script") if "src" in a]
        wanted += [a["href"] for a in seen.all("link")]
        for address in wanted:
            if not address.startswith(("https://a.example", "#", "data:,")):
                assert (page.parent / address).resolve().is_file(), f"{page.name} leads to {address}"


def test_nothing_is_fetched_from_elsewhere(site):
    for page in [*site.glob("*.html"), *(site / "articles").glob("*.html")]:
        seen = see(page)
        assert not [tag for tag, a in seen.elements if tag in ("img", "iframe", "object", "base", "form", "style")]
        assert all(a.get("src", "").startswith(("../", "plotly", "site")) or "src" not in a for a in seen.all("script"))
    assert "@import" not in (site / "style.css").read_text() and "url(" not in (site / "style.css").read_text()


def test_plotly_is_written_once_and_in_no_page(site):
    assert (site / "plotly.min.js").stat().st_size > 1_000_000
    assert all(page.stat().st_size < 60_000 for page in site.rglob("*.html"))


def test_every_page_states_its_language_policy_title_and_headings_in_order(site):
    for page in [*site.glob("*.html"), *(site / "articles").glob("*.html")]:
        seen = see(page)
        levels = [int(tag[1]) for tag, _ in seen.elements if re.fullmatch(r"h[1-6]", tag)]
        assert levels[0] == 1 and levels.count(1) == 1, page.name
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), page.name
        assert seen.all("html") == [{"lang": "en"}] and len(seen.all("title")) == 1
        policy = next(a["content"] for a in seen.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
        assert policy.startswith("default-src 'none'") and "unsafe-eval" not in policy
        assert "script-src 'self' file:;" in policy
        assert all("scope" in a for a in seen.all("th"))
        assert seen.all("a")[0] == {"class": "skip", "href": "#main"} and {"id": "main"} in seen.all("main")


def test_article_text_is_never_markup(site):
    for page in [*site.glob("*.html"), *(site / "articles").glob("*.html")]:
        seen = see(page)
        scripts = seen.all("script")
        assert all("src" in a or a.get("type") == "application/json" for a in scripts), page.name
        assert not [name for _, a in seen.elements for name in a if name.startswith("on")], page.name
        assert not [a for a in seen.all("a") if not re.match(r"(https?://|[#.\w])", a["href"])], page.name
        assert not [a for a in seen.all("a") if a["href"].lower().startswith(("javascript", "ftp"))], page.name
    assert IMAGE in see(site / "articles" / "extremism.html").words


def test_building_twice_gives_the_same_bytes_and_leaves_no_old_page(tmp_path):
    run = make_run(tmp_path)
    report.build_report(run)
    first = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    (run / "articles" / "stale.html").write_text("old")
    report.build_report(run)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == first


def test_a_run_with_nothing_but_a_notebook_still_has_a_report(tmp_path):
    write_notebook(tmp_path / "notebooks" / "1-corpus.ipynb", ["Words without a heading."])
    index = report.build_report(tmp_path)
    assert see(index).words.startswith("Corpus") and (tmp_path / "about.html").is_file()
    assert not (tmp_path / "articles").exists()


def test_a_run_without_notebooks_is_refused(tmp_path):
    with pytest.raises(InputError, match="no executed notebook"):
        report.build_report(tmp_path)


def test_a_broken_notebook_is_named(tmp_path):
    make_run(tmp_path)
    (tmp_path / "notebooks" / "5-briefing.ipynb").write_text("{")
    with pytest.raises(InputError, match=r"5-briefing\.ipynb is no readable notebook"):
        report.build_report(tmp_path)


def test_a_corpus_without_dates_has_themes_and_topics_but_no_periods(tmp_path):
    run = make_run(tmp_path)
    articles = store.read_table(run / "tables" / "articles.parquet")
    store.write_table(
        articles.assign(published=pd.Series(pd.NaT, index=articles.index, dtype="datetime64[ns, UTC]")),
        run / "tables" / "articles.parquet",
    )
    store.write_table(store.read_table(run / "tables" / "points.parquet").head(0), run / "tables" / "points.parquet")
    report.build_report(run)
    names = {path.name for path in (run / "articles").iterdir()}
    assert names == {"extremism.html", "cooperation.html", "topic-0.html", "topic-1.html"}
    assert "no date" in see(run / "articles" / "extremism.html").words


@pytest.mark.parametrize("name", ["scores", "points", "topics", "assigned", "articles", "dropped"])
def test_a_missing_table_costs_only_its_own_pages(tmp_path, name):
    run = make_run(tmp_path)
    (run / "tables" / f"{name}.parquet").unlink()
    assert see(report.build_report(run)).words


def test_thousands_of_articles_stay_light(tmp_path):
    many = figure(pages=[f"articles/topic-{i % 60}.html" for i in range(3800)])
    many["data"][0] |= {
        "text": None,
        "customdata": [
            [f"{i} {'title ' * 12}", *["topic " * 5] * 2, page[-1]]
            for i, page in enumerate(many["data"][0]["customdata"])
        ],
    }
    run = make_run(tmp_path, 3800, 20, notebooks={"3-topics": ["# T", [output(FIGURE, many)]]}, n_topics=60)
    scores = store.read_table(run / "tables" / "scores.parquet")
    labelled = scores["label"] & (scores["theme"] == "cooperation") | (scores.index // 20 % 4 == 0)
    scores = scores.assign(label=labelled)
    store.write_table(scores, run / "tables" / "scores.parquet")
    store.write_table(make_points(make_articles(3800, 20), scores), run / "tables" / "points.parquet")
    report.build_report(run)
    assert len(list((run / "articles").glob("*.html"))) == 60 + 2 * 21
    assert sum(path.stat().st_size for path in run.rglob("*.html")) < 4_000_000


# Notebooks ------------------------------------------------------------------------------------------------------


def test_only_prose_figures_and_tables_of_a_notebook_are_shown(tmp_path):
    seen = one_page(
        tmp_path,
        "# The title\n\nRead **this**.",
        ([output("text/markdown", "PARAMETERS")], "parameters"),
        ([output("text/markdown", "DIGEST")], "digest"),
        [output("text/markdown", "A *made* sentence."), output(FIGURE, figure()), output(TABLE, table())],
        [{"output_type": "stream", "name": "stdout", "text": "STREAM"}],
        [output("image/png", "aaaa")],
    )
    assert "A made sentence." in seen.words and "Read this." in seen.words and seen.all("em") and seen.all("strong")
    for unseen in ("PARAMETERS", "DIGEST", "STREAM", "PLAIN TEXT", "SOURCE", "HTML"):
        assert unseen not in seen.words
    assert len(seen.all("section")) == 1 and len(seen.all("details")) == 1 and len(seen.all("table")) == 2


def test_the_first_heading_is_the_title_and_the_others_never_skip_a_level(tmp_path):
    seen = one_page(tmp_path, "# One *two*\n\n#### Deep", "# Another", "### Three", [output(FIGURE, figure())])
    levels = [tag for tag, _ in seen.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels == ["h1", "h2", "h2", "h3", "h4"]
    assert seen.words.startswith("One two Skip")


def test_markdown_may_hold_no_html_no_image_and_no_dangerous_link(tmp_path):
    seen = one_page(
        tmp_path,
        f"# T\n\n{SCRIPT} {IMAGE} ![pixel](https://evil.example/p.png) [bad](javascript:alert(1)) "
        "[data](data:text/html,x) [gone](articles/absent.html) [file](file:///etc/passwd) "
        "[here](articles/extremism.html#x) [web](https://a.example)",
    )
    assert not seen.all("img") and not [a for a in seen.all("script") if a]
    links = [
        a for a in seen.all("a") if "evil" in a["href"] or a["href"].startswith(("articles/extremism.html#", "https"))
    ]
    assert [a["href"] for a in links] == [
        "https://evil.example/p.png",
        "articles/extremism.html#x",
        "https://a.example",
    ]
    assert all(a["rel"] == "noopener noreferrer nofollow" for a in links if a["href"].startswith("https"))
    assert "bad data gone file here web" in seen.words


def test_a_table_links_only_to_pages_that_exist_and_to_the_web(tmp_path):
    seen = one_page(tmp_path, "# T", [output(TABLE, table())])
    hrefs = [a["href"] for a in seen.all("a")]
    assert "https://a.example/?x=1&y=2" in hrefs and "articles/absent.html" not in hrefs
    assert {"class": "n"} in seen.all("td") and SCRIPT in seen.words and "None" not in seen.words


def test_a_figure_is_inert_json_without_its_meta_and_with_its_numbers_beside_it(site):
    (drawn,) = embedded(site / "index.html")
    assert "meta" not in drawn["layout"] and drawn["layout"]["height"] == 380
    assert drawn["data"][0]["text"][0] == SCRIPT
    seen = see(site / "index.html")
    assert {"role": "img", "aria-label": f"A line {IMAGE}", "style": "height:380px"}.items() <= next(
        a for a in seen.all("div") if "data-figure" in a
    ).items()
    assert "What is seen" in seen.words and "Numbers" in seen.words


def test_a_point_leads_only_to_pages_that_exist(site):
    (drawn,) = embedded(site / "index.html")
    assert [point[-1] for point in drawn["data"][0]["customdata"]] == ["articles/extremism-2017-01.html", ""]


def test_what_asks_for_webgl_is_drawn_in_svg(tmp_path):
    gl = figure()
    gl["data"][0]["type"] = "scattergl"
    run = make_run(tmp_path, notebooks={"5-briefing": ["# T", [output(FIGURE, gl)]]})
    assert embedded(report.build_report(run))[0]["data"][0]["type"] == "scatter"


def test_a_bare_figure_without_meta_or_with_nan_is_drawn_all_the_same(tmp_path):
    bare = {"data": [{"type": "bar", "y": [1, float("nan")]}], "layout": {"height": 99999, "width": 5000}}
    run = make_run(tmp_path, notebooks={"5-briefing": ["# T", [output(FIGURE, bare), output(FIGURE, bare)]]})
    first, _ = embedded(report.build_report(run))
    assert first == {"data": [{"type": "bar", "y": [1, None]}], "layout": {"height": 3000}}
    ids = [a["id"] for _, a in see(run / "index.html").elements if "id" in a]
    assert len(ids) == len(set(ids))


json_values = st.recursive(st.text() | st.floats(allow_nan=False, allow_infinity=False), st.lists, max_leaves=5)


@given(json_values)
def test_embedded_json_says_the_same_and_cannot_end_its_script(value):
    text = blocks._inert(value)
    assert json.loads(text) == value
    assert not set("<\u2028\u2029").intersection(text)


# Articles -------------------------------------------------------------------------------------------------------


def tables_of(articles, scores=None, points=None, **more):
    scores = make_scores(articles) if scores is None else scores
    return pages.Tables(articles=articles, scores=scores, points=points, **more)


def test_a_period_page_holds_exactly_the_articles_that_its_point_counts():
    articles = make_articles(30)
    scores = make_scores(articles)
    points = make_points(articles, scores)
    found = pages.article_pages(tables_of(articles, scores, points)).pages
    for point in points[points["articles"] > 0].itertuples():
        assert len(found[point.page].rows) == point.articles
        assert all(point.label.split()[0] in row.facts for row in found[point.page].rows)


def test_a_point_that_counts_other_articles_than_the_tables_is_refused():
    articles = make_articles()
    scores = make_scores(articles)
    points = make_points(articles, scores)
    points.loc[1, "articles"] += 1
    with pytest.raises(InputError, match="counts 5 articles for February 2017, the tables hold 4"):
        pages.article_pages(tables_of(articles, scores, points))


def test_days_are_those_of_the_analyst_s_time_zone():
    articles = make_articles(1)
    articles["published"] = pd.to_datetime(["2017-01-31T20:00:00Z"])
    scores = make_scores(articles)
    points = make_points(articles.assign(published=articles["published"] + pd.Timedelta(hours=6)), scores)
    found = pages.article_pages(tables_of(articles, scores, points), "Asia/Almaty").pages
    assert found["articles/extremism-2017-02.html"].rows[0].facts.startswith("1 February 2017")


@pytest.mark.parametrize("period", ["day", "week", "month", "quarter", "year"])
@pytest.mark.parametrize(
    "days", [["2017-02-01"], ["2017-01-02", "2017-12-31"], ["2016-12-31", "2017-02-05", "2017-03-31"]]
)
def test_every_period_has_a_page_of_its_articles_however_few_and_long_they_are(period, days):
    articles = make_articles(len(days))
    articles["published"] = pd.to_datetime([f"{day}T23:59:59Z" for day in days])
    scores = make_scores(articles)
    points = trends.share_over_time(articles, scores, TrendSettings(period=period))
    found = pages.article_pages(tables_of(articles, scores, points)).pages
    shown = points[(points["theme"] == "extremism") & (points["articles"] > 0)]
    assert len(shown) and [len(found[page].rows) for page in shown["page"]] == shown["articles"].tolist()


def test_period_pages_lead_to_the_nearest_periods_with_articles():
    articles = make_articles(12)
    articles = articles[articles["published"].dt.month != 2]
    scores = make_scores(articles)
    found = pages.article_pages(tables_of(articles, scores, make_points(articles, scores))).pages
    first, last = found["articles/extremism-2017-01.html"], found["articles/extremism-2017-03.html"]
    assert "articles/extremism-2017-02.html" not in found
    assert (first.before, first.after.href, last.after) == (None, "extremism-2017-03.html", None)
    assert last.before == pages.Link("January 2017", "extremism-2017-01.html")
    assert [link.text for link in first.crumbs] == ["extremism", "January 2017"]


def test_a_row_says_what_is_known_and_shows_the_passage_shortened():
    found = pages.article_pages(tables_of(make_articles())).pages["articles/extremism.html"]
    first, fifth, sixth = found.rows[0], found.rows[4], found.rows[5]
    assert first.percent == ">99%" and fifth.percent == "87%"
    assert first.url == "https://a.example/?a=1&b=0" and found.rows[1].url == found.rows[3].url == ""
    assert len(first.quote) <= 320 and first.quote.endswith("…") and first.quote.startswith(SCRIPT)
    assert fifth.title.startswith("Opening words of article 4. word") and len(fifth.title) <= 90
    assert fifth.facts == "7 February 2017 · Outlet 1 · English · also told by 1 other outlet"
    assert "also told by 1 other outlet" in sixth.facts and "Russian" in sixth.facts
    assert found.rows[3].lang == "" and sixth.lang == "ru"


@pytest.mark.parametrize(
    ("stories", "sources", "said"),
    [
        (["a", "a", "a"], ["x", "y", "z"], "also told by 2 other outlets"),
        (["a", "a", "b"], ["x", "x", "z"], "1 further version of this story"),
        (["a", "a", "a"], ["x", "", ""], "2 further versions of this story"),
        (["a", "b", "c"], ["x", "y", "z"], None),
    ],
)
def test_further_copies_of_a_story_are_counted_by_outlet(stories, sources, said):
    articles = make_articles(3).assign(story_id=stories, source=sources)
    facts = pages.article_pages(tables_of(articles)).pages["articles/extremism.html"].rows[0].facts
    assert facts.endswith(f" · {said}") if said else "story" not in facts and "told" not in facts


def test_a_theme_with_many_articles_shows_the_surest_and_gives_all_as_a_safe_csv(tmp_path):
    run = make_run(tmp_path, count=700, months=2)
    report.build_report(run)
    seen = see(run / "articles" / "extremism.html")
    assert len(seen.all("blockquote")) == 200
    assert "Showing the 200 surest of 700; all of this theme are in extremism.csv." in seen.words
    sheet = pd.read_csv(run / "articles" / "extremism.csv")
    assert len(sheet) == 700 and sheet["score"].is_monotonic_decreasing
    assert not sheet["title"].dropna().str.startswith("=").any()
    scores = pd.read_parquet(run / "tables" / "scores.parquet")
    many = {
        theme for theme, count in scores[scores["label"]]["theme"].value_counts().items() if count > pages.MOST_ROWS
    }
    assert {path.stem for path in (run / "articles").glob("*.csv")} == many


def test_a_topic_page_lists_the_nearest_first_and_says_which_themes_they_carry():
    articles = make_articles(700)
    topics, assigned = make_topics(articles)
    found = pages.article_pages(tables_of(articles, topics=topics, assigned=assigned)).pages["articles/topic-0.html"]
    assert len(found.rows) == 300 and found.note == "Showing the 300 nearest to the centre of 350."
    assert found.rows[0].title == "Title 698" and found.rows[0].facts == "7 March 2017 · Outlet 2 · extremism"
    assert found.crumbs[0].href == "../topics.html" and found.after.href == "topic-1.html"


def test_a_theme_with_an_unfit_name_is_refused():
    articles = make_articles()
    themes = [{"id": "../up", "title": "Up", "description": ""}]
    with pytest.raises(InputError, match="rename the theme"):
        pages.article_pages(tables_of(articles, make_scores(articles, themes), themes=themes))


def test_a_theme_that_no_article_carries_says_so():
    articles = make_articles()
    themes = [{"id": "quiet", "title": "Quiet", "description": "None."}]
    found = pages.article_pages(tables_of(articles, themes=themes)).pages["articles/quiet.html"]
    assert found.rows == [] and found.lead == "None. 0 articles carry this theme."


def test_the_tables_are_not_changed():
    articles = make_articles()
    scores = make_scores(articles)
    points = make_points(articles, scores)
    before = [frame.copy() for frame in (articles, scores, points)]
    pages.article_pages(tables_of(articles, scores, points))
    for old, new in zip(before, (articles, scores, points), strict=True):
        pd.testing.assert_frame_equal(old, new)


@given(st.lists(st.builds(lines.Row, *[st.text()] * 6), max_size=3))
@example([lines.Row("a\x1fb", "", "<b>", "", "", "")])
def test_every_cell_of_a_list_stands_in_its_place_and_is_escaped(rows):
    text = str(lines.as_html(rows))
    assert set(re.findall(r"<(\w+)", text)) <= {"li", "b", "p", "a", "blockquote"}
    said = [html.unescape(part) for part in re.split(r"<[^>]*>", text) if part.strip("\n")]
    told = [cell for row in rows for cell in (row.percent, row.title, row.facts, row.quote)]
    assert said == [cell for cell in told if cell.strip("\n")]
    assert list(map(html.unescape, re.findall(r'href="([^"]*)"', text))) == [row.url for row in rows if row.url]


@given(st.text())
def test_one_line_is_what_splitting_at_white_space_makes(text):
    assert exhibits.one_line(text) == " ".join(text.split())


def test_what_hangs_on_no_trend_is_made_once_before_them_and_with_them(tmp_path, monkeypatch):
    run, asked, ready = make_run(tmp_path), [], pages.ready
    points, facts = run / "tables" / "points.parquet", store.read_json(run / store.MANIFEST)
    monkeypatch.setattr(pages, "ready", lambda *given: asked.append(given) or ready(*given))
    points.rename(aside := tmp_path / "points.parquet")
    report.read_ahead(run, facts)
    aside.rename(points)
    report.read_ahead(run, facts)
    report.build_report(run)
    made = {path.name: path.read_bytes() for path in (run / "articles").iterdir()}
    assert len(asked) == 1
    report._ready_once.cache_clear(), report._made_once.cache_clear()
    report.build_report(run)
    assert len(asked) == 2 and made == {path.name: path.read_bytes() for path in (run / "articles").iterdir()}


@given(st.text(), st.integers(2, 60))
def test_shortened_text_keeps_to_its_length_and_to_one_line(text, length):
    short = exhibits.opening(text, length)
    assert len(short) <= length and short.split(" ") == (short.split() or [""])


@given(st.floats(0, 1))
def test_a_probability_never_reads_as_certain(value):
    assert lines.percent(value) not in ("100%", "0%")


# How it was made ------------------------------------------------------------------------------------------------


def test_the_manifest_is_told_in_tables(site):
    words = see(site / "about.html").words
    for said in (
        "a & b.jsonl",
        "abc123",
        "3 min 20 s",
        "clean 1,500 1,497 3 2.3 s 210 MB",
        "clean too short 2",
        "0123abc",
    ):
        assert said in words
    assert "day_first (not set)" in words and "seed 42" in words and IMAGE in words
    assert "3 February 2026, 10:03 UTC" in words


@pytest.mark.parametrize("missing", [*MANIFEST, None])
def test_a_manifest_with_a_key_missing_is_told_as_far_as_it_goes(tmp_path, missing):
    manifest = {key: value for key, value in MANIFEST.items() if key != missing}
    assert made.sections(manifest, tmp_path / "absent.parquet")
    assert made.sections(dict.fromkeys(manifest), tmp_path / "absent.parquet") == []


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (12.2, "12 s"), (59.9, "1 min 0 s"), (None, "–")]
)
def test_durations_read_as_people_write_them(seconds, said):
    assert made.duration(seconds) == said


def test_what_stands_below_a_row_has_its_name_beside_it_and_no_column_and_what_is_empty_is_left_out(tmp_path):
    columns = [{"name": "theme", "kind": "text"}, {"name": "n", "kind": "number"}]
    columns += [{"name": "telling words", "kind": "below"}, {"name": "first articles", "kind": "below"}]
    shown = {"caption": "Found", "columns": columns, "rows": [["Water", "3", "river", ""], ["Fire", "1", "", SCRIPT]]}
    run = make_run(tmp_path / "run", notebooks={"5-briefing": ["# B", [output(TABLE, shown)]]})
    page = report.build_report(run).read_text("utf-8")
    assert page.count('<tr class="b"><td colspan="2">') == 2 and page.count('<th scope="col"') == 2
    assert page.count("<dt>telling words</dt><dd>river</dd>") == 1 and page.count("<dt>") == 2 and SCRIPT not in page
