"""The view as an analyst meets it: JupyterLab in headless Chromium, clicked, dragged, typed into, and asked."""

import contextlib
import importlib.resources
import io
import json
import shutil
import time
from pathlib import Path
from urllib.parse import urlsplit

import nbconvert
import numpy as np
import pytest
from browser import complaints, open_browser, requests
from goldens import ROOT
from lab import Page, open_lab
from PIL import Image
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from small_run import HOSTILE

from toolkit import (
    clean,
    counts,
    decisionfile,
    dedupe,
    embed,
    ingest,
    labels,
    schema,
    searching,
    store,
    themefile,
    themes,
    topics,
)

pytestmark = pytest.mark.browser
TESTS = f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r})"
NAMES = """
return Math.min(...[...document.querySelectorAll('.jp-OutputArea canvas')].map((one) => {
  const drawn = one.getContext('2d');
  if (!drawn) return Infinity;
  const data = drawn.getImageData(0, 0, one.width, one.height).data;
  return data.filter((value, place) => place % 4 === 3 && value > 100).length;
}));
"""
"""How many pixels the words of the map have."""
STATUS_BAR = 24
OPEN = "from toolkit import explore\nview = explore.explore(run)\nview"
QUIET = ("WebGL", "to activate", "beforeunload", "GL Driver Message", "favicon")
"""What Chromium says of itself and of JupyterLab."""
TITLE = "return document.querySelector('.tk-reader h3').textContent"
HELD = "return Math.max(...[...document.querySelectorAll('.tk-held')].map((one) => one.getBoundingClientRect().width))"
CONTRAST = """
const light = (colour) => {
  const parts = colour.match(/[0-9.]+/g).slice(0, 3).map((one) => one / 255);
  const [r, g, b] = parts.map((one) => one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = light(getComputedStyle(document.querySelector('.tk-trends').closest('.tk-view')).backgroundColor);
return Math.min(...[...document.querySelectorAll('.tk-trends text')].map((one) => {
  const ink = light(getComputedStyle(one).fill);
  return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
}));
"""
"""The least contrast of words within the trends: axe-core passes over what is drawn as SVG."""
CHOOSE = """
const [name, place] = arguments, select = document.querySelector(`select[data-name=${name}]`);
select.value = String(place);
select.dispatchEvent(new Event('change'));
"""
RULES = "color-contrast focus-order-semantics scrollable-region-focusable label select-name button-name aria-valid-attr"
AXE = """
const [rules, done] = arguments;
axe.run({runOnly: {type: 'rule', values: rules}}).then((found) => done([
  found.passes.filter((one) => one.id === 'color-contrast').flatMap((one) => one.nodes)
    .filter((node) => node.any.some((check) => check.data && check.data.contrastRatio)).length,
  found.violations.flatMap((one) => one.nodes.map((node) =>
    `${one.id}: ${node.html.slice(0, 120)} ${node.failureSummary}`))]));
"""
COPY = """
const names = [...document.querySelector('.tk-holder style').textContent.matchAll(/--jp-[a-z0-9-]+/g)].map((m) => m[0]);
const look = getComputedStyle(document.body);
const colours = [...new Set(names)].map((name) => `${name}: ${look.getPropertyValue(name)};`).join(' ');
return `<!doctype html><html lang=en><meta charset=utf-8><title>copy</title><style>:root { ${colours} }
  body { background: var(--jp-layout-color1); }</style>` +
  [...document.querySelectorAll('.tk-holder')].map((one) => one.outerHTML).join('');
"""
"""What is shown, on a page of its own: axe-core takes all that lies in JupyterLab's panels for hidden."""


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The bundled sample as a run folder, made by the stages (trends and names left out)."""
    kept = tmp_path_factory.mktemp("sample") / "tables"
    read = clean.clean_articles(ingest.read_articles([ROOT / "data" / "sample" / "articles.jsonl"]).kept)
    unique, stories = dedupe.find_stories(schema.check_some(read))
    articles, wanted = unique.kept.merge(stories, on="article_id"), themes.load_themes(ROOT / "data" / "themes.yml")
    passages = embed.make_passages(articles)
    texts = passages["text"].tolist()
    reader = embed.CorpusEncoder(embed.load_encoder("embedded"), texts, embed.EmbedSettings())
    vectors = reader.encode(texts)
    scores = themes.score_articles(passages, themes.score_passages(passages, vectors, wanted, reader), wanted)
    pooled = embed.pool(passages, vectors, articles["article_id"])
    assigned, found, _ = topics.find_topics(articles, pooled)
    store.write_vectors(pooled, kept / "vectors.safetensors")
    searching.write_index(articles, reader.space(), kept)
    store.write_json(themes.as_records(wanted), kept / "themes.json")
    tables = {"articles": articles, "scores": scores, "assigned": assigned, "topics": found}
    for name, table in tables.items():
        store.write_table(table, kept / f"{name}.parquet")
    assert counts.main_sources(articles).nunique() > 1
    return kept.parent


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """JupyterLab and a browser, for all tests of this file."""
    folder = tmp_path_factory.mktemp("notebooks")
    with open_lab(folder, tmp_path_factory.mktemp("lab")) as url, open_browser() as driver:
        yield Page(driver, url, folder)


@pytest.fixture(scope="module")
def view(page, sample):
    """The sample, opened; tests that change what is chosen clear it again. Notebooks of one name share a kernel."""
    page.run("view", [f"run = {str(sample)!r}", OPEN])
    page.until(lambda: drawn(page))
    return page


@pytest.fixture(autouse=True)
def cleared(request):
    yield
    if "view" in request.fixturenames:
        page = request.getfixturevalue("view")
        if page.js("return !!document.querySelector('.tk-chips button')"):
            page.after(lambda: page.click("Clear all"))


def chosen(page):
    return int(page.status().split(" of ")[0].replace(",", ""))


def drawn(page):
    """Say whether the map is there."""
    return page.all(".jp-OutputArea canvas") and page.canvas().size["width"] > 300


def ground(page):
    """Return the colour at the left edge of the map."""
    return Image.open(io.BytesIO(page.canvas().screenshot_as_png)).convert("RGB").getpixel((4, 300))


def axe(page, broken=""):
    """Return what axe-core finds wrong in what is shown, with a piece of CSS that breaks it."""
    path, driver, here = page.folder / "copy.html", page.driver, page.driver.current_window_handle
    path.write_text(f"{page.js(COPY)}<style>{broken}</style>", "utf-8")
    driver.switch_to.new_window("tab")
    try:
        driver.get(path.as_uri())
        driver.execute_script(
            importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
        )
        seen, wrong = driver.execute_async_script(AXE, RULES.split())
    finally:
        driver.close()
        driver.switch_to.window(here)
    assert seen > 30, "axe-core looked at next to nothing"
    return wrong


def press(page, *keys):
    ActionChains(page.driver).send_keys(*keys).perform()


# The sample -----------------------------------------------------------------------------------------------------


def test_the_view_opens_with_map_trends_table_and_reader_and_asks_no_network(view):
    view.until(lambda: view.all(".tk-trends circle") and drawn(view))
    away = [url for url in requests(view.driver) if urlsplit(url).hostname not in (None, "127.0.0.1")]
    assert not away
    said = [one for one in complaints(view.driver) if not any(word in one for word in QUIET)]
    assert not said
    assert view.ask("len(view.selection)") == chosen(view) == 206
    assert len(view.all(".tk-view tbody tr")) == 50 and view.all(".tk-reader")
    stills = view.all(".tk-still, .jp-OutputArea-child img")
    view.until(lambda: len(stills) == 2 and not any(one.is_displayed() for one in stills))


def test_a_loop_on_the_map_filters_the_table_and_the_selection(view):
    view.drawn(lambda: view.lasso(0.7))
    assert 0 < chosen(view) < 206
    assert view.ask("len(view.selection)") == chosen(view) == view.ask("len(view.choice.picked)")
    assert f"{chosen(view)} picked" in view.one(".tk-chips").text
    assert view.one(".tk-pages span").text.endswith(f" of {chosen(view)}")
    assert view.ask("sum(view.screen.trends.trends['articles'])") == chosen(view)
    bars = view.ask("sum(one > 0 for one in view.screen.trends.trends['articles'])")
    view.until(lambda: len(view.all(".tk-trends .tk-some")) == bars)


def test_a_stretch_of_a_trend_filters_map_and_table_and_leaves_the_trend(view):
    before = view.ask("view.trends['articles'].tolist()")
    view.drawn(lambda: view.span(0.3, 0.6))
    start, end = view.ask("(view.choice.start, view.choice.end)")
    assert start and end and view.ask("len(view.selection)") == chosen(view) < 206
    days = "view.selection['published'].dt.strftime('%Y-%m-%d')"
    assert view.ask(f"bool({days}.between({start!r}, {end!r}).all())")
    assert view.ask("view.trends['articles'].tolist()") == before
    assert view.ask("len(view.screen.map.scatter.widget.filter)") == chosen(view)
    assert view.js(HELD) > 20
    view.after(lambda: view.click("Clear all"))
    view.until(lambda: view.js(HELD) == 0)


def test_filters_are_chosen_and_taken_away_by_keyboard_alone(view):
    view.js("document.querySelector('select[data-name=theme]').focus()")
    view.after(lambda: press(view, Keys.ARROW_DOWN))
    assert view.ask("view.choice.theme") == ("extremism",)
    press(view, Keys.TAB)
    assert view.js("return document.activeElement.dataset.name") == "topic"
    view.js("document.querySelector('.tk-words').focus()")
    view.after(lambda: press(view, "border", Keys.ENTER))
    assert view.one(".tk-code").text == "view.filter(theme=['extremism'], text='border')"
    view.js("document.querySelector('.tk-chips button').focus()")
    view.after(lambda: press(view, Keys.ENTER))
    assert view.ask("view.code") == "view.filter(text='border')"
    assert view.js("return document.activeElement.closest('.tk-chips') !== null"), "focus stays among the chips"
    view.after(lambda: press(view, Keys.ENTER))
    assert chosen(view) == 206


def test_the_table_is_walked_and_a_row_opened_by_keyboard_alone(view):
    chosen = "return document.querySelectorAll('.tk-view tbody tr')[2].getAttribute('aria-selected') === 'true'"
    for _ in range(3):  # a key that falls into a redrawing is lost
        view.js("document.querySelector('.tk-view tbody tr').focus()")
        press(view, Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ENTER)
        with contextlib.suppress(TimeoutException):
            view.until(lambda: view.js(chosen), 8)
            break
    assert view.js(chosen) and view.all(".tk-reader h3")
    third = view.all(".tk-view tbody tr")[2]
    assert third.text.split("\n")[-1] and len(view.all(".tk-reader .tk-list button")) >= 5
    press(view, Keys.PAGE_DOWN)
    view.until(lambda: view.one(".tk-pages span").text == "51 to 100 of 206")
    view.until(lambda: view.js("return document.activeElement === document.querySelector('.tk-view tbody tr')"))
    press(view, Keys.PAGE_UP)
    view.until(lambda: view.one(".tk-pages span").text == "1 to 50 of 206")


def test_the_reader_marks_what_speaks_for_a_theme_and_leads_to_the_nearest(view):
    view.js("document.querySelectorAll('select[data-name=theme]')[0].focus()")
    view.after(lambda: press(view, Keys.ARROW_DOWN))
    view.js("document.querySelector('.tk-view tbody tr').click()")
    view.until(lambda: view.all(".tk-reader mark"))
    view.click("passage")
    box = "document.querySelector('.tk-reader{}').getBoundingClientRect()"
    assert view.js(f"return {box.format(' mark')}.top < {box.format('')}.bottom")
    first = view.js(TITLE)
    view.all(".tk-reader .tk-list button")[-1].click()
    view.until(lambda: view.js(TITLE) != first)


def test_contrast_focus_and_names_stand_up_to_axe_in_light_and_dark(view):
    view.js("document.querySelector('.tk-view tbody tr').click()")
    view.until(lambda: view.all(".tk-reader h3"))
    view.js("document.querySelector('select[data-name=theme]').focus()")
    view.after(lambda: press(view, Keys.ARROW_DOWN))
    assert not axe(view) and view.js(CONTRAST) > 4.5 and min(ground(view)) > 250
    assert any("color-contrast" in one for one in axe(view, ".tk-status { color: #bbb }")), "what is broken is noticed"
    view.js("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    view.until(lambda: view.js("return document.body.dataset.jpThemeLight") == "false")
    assert not axe(view) and view.js(CONTRAST) > 4.5
    view.until(lambda: max(ground(view)) < 60)
    view.until(lambda: view.js(NAMES) > 300)  # the canvas of the names has its width again, and they are drawn on it
    view.js("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")
    view.until(lambda: view.js("return document.body.dataset.jpThemeLight") == "true")


def test_what_is_chosen_can_be_saved_and_a_wrong_name_is_told(view):
    path = view.one(".tk-pages input")
    path.clear()
    path.send_keys("kept.xls")
    view.click("Save")
    view.until(lambda: "no known ending" in view.all(".tk-trouble")[-1].text)
    path.clear()
    path.send_keys("kept.csv")
    view.click("Save")
    view.until(lambda: view.one(".tk-kept").text == "206 articles saved as kept.csv")
    assert not view.all(".tk-trouble")[-1].is_displayed() and (view.folder / "kept.csv").is_file()


def test_nothing_fits_is_said_in_words(view):
    view.js("document.querySelector('.tk-words').focus()")
    view.after(lambda: press(view, "qqqq", Keys.ENTER))
    assert chosen(view) == 0 and "No article fits" in view.one(".tk-view tbody").text
    assert view.ask("len(view.selection)") == 0


def test_the_whole_map_is_seen_on_the_screen_of_a_laptop_without_scrolling(view):
    from browser import resize

    resize(view.driver, 1366, 768)
    view.js("document.querySelectorAll('.jp-CodeCell')[1].scrollIntoView({block: 'start'})")
    bottom = "return Math.max(...[...document.querySelectorAll('.jp-OutputArea canvas')].map((one) => {}))"
    view.until(lambda: view.js(bottom.format("one.getBoundingClientRect().bottom")) > 300)  # it is drawn
    time.sleep(0.5)  # whatever still moves
    lowest = view.js(bottom.format("one.getBoundingClientRect().bottom"))
    resize(view.driver, 1500, 1700)
    assert 300 < lowest < 768 - STATUS_BAR


def test_a_topic_of_which_no_article_is_left_has_no_name_on_the_map_until_it_has_some_again(view):
    names = "sorted(view.screen.map.scatter.widget.labels['label'])"
    every = view.ask(names)

    def ink():  # of names alone: points have colours
        drawn = np.asarray(Image.open(io.BytesIO(view.canvas().screenshot_as_png)).convert("RGB")).astype(int)
        return int(((drawn.max(axis=2) < 140) & (np.ptp(drawn, axis=2) < 40)).sum())

    view.until(lambda: ink() > 200)
    begun = ink()
    view.after(lambda: view.js(CHOOSE, "language", 1))
    view.until(lambda: len(view.ask(names)) < len(every))
    assert view.ask(names) == sorted(view.ask("sorted(set(view.run.topics.set_index('topic_id')['short'].loc["
                                              "view.selection['topic_id']]))"))  # fmt: skip
    view.after(lambda: view.click("Clear all"))
    view.until(lambda: view.ask(names) == every and abs(ink() - begun) < 0.05 * begun)


def test_the_trends_take_the_room_that_there_is(view):
    right = "return document.querySelector('{}').getBoundingClientRect().right"

    def apart():
        return abs(view.js(right.format(".tk-trends svg")) - view.js(right.format(".tk-articles")))

    view.until(lambda: apart() < 20)
    assert apart() < 20


def test_on_a_narrow_page_nothing_lies_over_anything_else(view):
    from browser import resize

    resize(view.driver, 900, 1700)
    view.until(lambda: view.one(".tk-reader").rect["y"] > view.one(".tk-scroll").rect["y"])
    assert view.js("const one = document.querySelector('.tk-articles'); return one.scrollWidth <= one.clientWidth + 1")
    resize(view.driver, 1500, 1700)


def test_a_period_and_a_stretch_are_read_out_and_chosen_by_keyboard_alone(view):
    view.js("document.querySelector('.tk-trends').focus()")
    press(view, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    first = view.ask("view.trends['label'].iloc[1]")
    view.until(lambda: view.one(".tk-read").text.startswith(first))
    assert "chosen of" in view.all(".tk-value")[0].text and "% (" in view.all(".tk-value")[1].text
    ActionChains(view.driver).key_down(Keys.SHIFT).send_keys(Keys.ARROW_RIGHT).key_up(Keys.SHIFT).perform()
    view.after(lambda: press(view, Keys.ENTER))
    starts = view.ask("[str(one.date()) for one in view.run.calendar['start'].iloc[:4]]")
    assert view.ask("view.choice.start") == starts[1] and starts[2] < view.ask("view.choice.end") < starts[3]
    view.after(lambda: press(view, Keys.ESCAPE))
    assert chosen(view) == 206


# Searching, deciding, running again -----------------------------------------------------------------------------


@pytest.fixture
def desk(page, sample, tmp_path):
    """The sample, copied and opened with its search, and with files of its own; returns the page and the files."""
    run = tmp_path / "run"
    shutil.copytree(sample, run)
    themes = tmp_path / "themes.yml"
    shutil.copyfile(ROOT / "data" / "themes.yml", themes)
    files = [str(tmp_path / "decisions.yml"), str(tmp_path / "answers.csv")]
    opened = f"desk.open_desk({str(run)!r}, *{files!r}, themes={str(themes)!r})"
    page.run("view", [f"from toolkit import desk\nview = {opened}\nview"])
    return page, run, [*map(Path, files), themes]


def said(page, words):
    """Wait until the view says this of what was decided."""
    page.until(lambda: words in page.one(".tk-saved").text)


def test_what_was_lassoed_searched_and_merged_is_in_the_run_that_is_made_again(desk):
    page, run, (kept, _, _) = desk
    page.until(lambda: drawn(page))
    page.drawn(lambda: page.lasso(0.7))
    assert page.ask("len(view.selection)") == chosen(page) < 206
    page.after(lambda: page.click("Clear all"))
    page.one(".tk-words").send_keys("border weapons")
    page.after(lambda: page.click("Search"))
    page.until(lambda: page.one(".tk-pages span").text.endswith(" of 50"))
    assert "50 found for “border weapons”" in page.one(".tk-chips").text
    assert page.one(".tk-code").text == "view.find('border weapons')"
    assert page.ask("bool(view.selection['text'].head(5).str.contains('border|weapon').any())")
    page.after(lambda: page.click("Clear all"))
    page.after(lambda: page.js(CHOOSE, "topic", 1))
    page.after(lambda: page.js(CHOOSE, "topic", 2))
    both, together = page.ask("view.choice.topic"), page.ask("sorted(view.selection['article_id'])")
    page.click("Merge these 2 topics")
    said(page, "counts from the next run")
    assert page.ask("view.choice.topic") == (min(both),) and chosen(page) == len(together)
    assert len({row.text.split("\n")[-1] for row in page.all(".tk-view tbody tr")}) == 1
    assert len(page.ask("view.screen.map.scatter.widget.labels['label'].tolist()")) == 1
    page.after(lambda: page.click("Clear all"))
    names = page.ask("sorted(view.screen.map.scatter.widget.labels['label'])")
    assert len(names) == len(page.ask("view.run.topics['topic_id'].tolist()")) > 1
    assert "1 decided and not in this run yet" in page.one(".tk-pending").text
    view = json.loads((page.folder / "view.ipynb").read_text("utf-8"))["cells"][0]["source"]
    notebook(page, "3-topics", run_dir=str(run), decisions=str(kept))
    page.open("3-topics", ".jp-CodeCell:last-of-type .jp-OutputArea-output")
    page.until(lambda: page.ask("'found' in globals() and len(log)") == 1, 90)
    assert page.ask("log['status'].tolist()") == ["applied"]
    page.until(lambda: (run / "tables" / "decided.parquet").is_file())
    page.run("again", ["".join(view)])
    assert page.ask("view.pending()") == [] and not page.one(".tk-pending").is_displayed()
    found = page.ask("{name: sorted(mine) for name, mine in view.selection.groupby('topic_id')['article_id']}")
    assert together in found.values() and len(found) == len(names)
    place = [value for value, _, _ in page.ask("view.screen.filters.offers['topic']")].index(
        next(name for name, mine in found.items() if mine == together)
    )
    page.after(lambda: page.js(CHOOSE, "topic", place))
    assert chosen(page) == len(together) and page.ask("sorted(view.selection['article_id'])") == together


def test_topics_are_named_split_pinned_hidden_and_taken_back_by_keyboard_alone(desk):
    page, _, (kept, _, _) = desk
    page.js("document.querySelector('select[data-name=topic]').focus()")
    page.after(lambda: press(page, Keys.ARROW_DOWN))
    page.js("document.querySelector('.tk-deciding input').focus()")
    press(page, *[Keys.BACKSPACE] * 60)
    press(page, "A name", Keys.TAB, Keys.ENTER)
    said(page, "to “A name”")
    page.until(lambda: "Topic: A name" in page.one(".tk-chips").text)
    page.until(lambda: page.js("return document.activeElement.closest('.tk-deciding') !== null"))
    page.js("[...document.querySelectorAll('.tk-deciding button')].find((one) => one.textContent === 'Split').focus()")
    press(page, Keys.ENTER)
    said(page, "into 2")
    page.until(lambda: len(page.all(".tk-chips button")) == 3)
    assert [one.do for one in decisionfile.read_decisions(kept)] == ["rename", "split"]
    page.js("document.querySelector('.tk-pending summary').focus()")
    press(page, Keys.ENTER, Keys.TAB, Keys.TAB, Keys.ENTER)
    said(page, "Taken back: split")
    page.until(lambda: "1 decided" in page.one(".tk-pending").text)
    assert [one.do for one in decisionfile.read_decisions(kept)] == ["rename"]
    page.js("const one = document.querySelectorAll('.tk-deciding select')[1]; one.value = 'cooperation';"
            "one.dispatchEvent(new Event('change'))")  # fmt: skip
    page.click("Pin to theme")
    said(page, "to the theme cooperation")
    page.click("Hide")
    said(page, "Hide “A name”")
    assert page.ask("view.choice.topic") == () and chosen(page) == 206
    assert [one.do for one in decisionfile.read_decisions(kept)] == ["rename", "pin", "hide"]


def test_an_article_leads_to_others_is_judged_and_gives_a_seed(desk):
    page, _, (_, answers, themes) = desk
    page.js("document.querySelector('.tk-view tbody tr').click()")
    page.until(lambda: page.all(".tk-reader .tk-themes"))
    article = page.ask("view.screen.articles.card['article_id']")
    page.js("document.querySelector('.tk-themes button[aria-label$=\": wrong\"]').focus()")
    press(page, Keys.ENTER)
    page.until(lambda: page.all(".tk-themes [aria-pressed=true]"))
    assert labels.read_answers(answers)["article_id"].tolist() == [article]
    page.js("document.querySelector('.tk-themes [aria-pressed=true]').click()")
    page.until(lambda: not page.all(".tk-themes [aria-pressed=true]"))
    assert labels.read_answers(answers).empty
    page.after(lambda: page.click("More like this"))
    assert chosen(page) == 50 and page.one(".tk-code").text == f"view.like('{article}')"
    page.js("getSelection().selectAllChildren(document.querySelector('.tk-text span'));"
            "document.querySelector('.tk-text').dispatchEvent(new Event('mouseup'))")  # fmt: skip
    field = page.one(".tk-passage input")
    assert len(field.get_attribute("value")) > 20
    field.clear()
    field.send_keys("smuggled rifles")
    before = themes.read_bytes()
    page.js("document.querySelector('.tk-passage select').value = 'against'")
    page.click("Keep as a seed")
    said(page, "“smuggled rifles” (English) speaks against Extremism in ")
    assert ("against", "smuggled rifles") in [(one.side, one.text) for one in themefile.read_phrases(themes)]
    page.click("Take back")
    said(page, "Taken back: “smuggled rifles” (English) speaks against Extremism")
    assert themes.read_bytes() == before and not page.one(".tk-pending").is_displayed()
    field.clear()
    field.send_keys("smuggled rifles")
    page.click("Search for it")
    page.until(lambda: "50 found for “smuggled rifles”" in page.one(".tk-chips").text)


# Many articles, hostile articles, a kernel that goes away -------------------------------------------------------


def test_a_hundred_thousand_points_are_lassoed_filtered_and_read(page):
    page.run("view", [TESTS, "import lab\nrun = lab.synthetic(100_000)", OPEN])
    page.until(lambda: page.all(".tk-trends circle") and drawn(page))
    assert chosen(page) == 100_000
    page.drawn(lambda: page.lasso(0.4))
    assert 1000 < chosen(page) < 90_000 and page.ask("len(view.selection)") == chosen(page)
    page.js("document.querySelector('select[data-name=source]').focus()")
    page.after(lambda: press(page, Keys.ARROW_DOWN))
    assert page.ask("view.selection['source'].nunique()") == 1
    page.js("document.querySelector('.tk-view tbody tr').click()")
    page.until(lambda: page.all(".tk-reader h3"))


def test_hostile_articles_are_shown_as_text_and_a_restarted_kernel_is_told(page):
    make = "import test_explore\nrun = test_explore.make_tables()"
    odd = "run['articles'].loc[20, 'title'] = 'long' * 1250; run['articles'].loc[21, 'title'] = 'عنوان \u202e' * 40"
    page.run("view", [TESTS, make, odd, OPEN])
    wide = "return ['.tk-reader', '.tk-scroll', '.tk-articles'].map((one) => document.querySelector(one))"
    for row in (20, 21):
        page.js("document.querySelector(`tr[data-row='${arguments[0]}']`).click()", row)
        page.until(lambda row=row: page.ask("view.screen.articles.card['row']") == row and page.all(".tk-reader h3"))
        assert (
            page.js(f"{wide}.filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.className)") == []
        )
    assert page.js("return getComputedStyle(document.querySelector('.tk-reader h3')).direction") == "rtl"
    page.js("[...document.querySelectorAll('.tk-view tbody tr')].at(-1).click()")
    page.until(lambda: page.all(".tk-reader h3"))
    canvas = page.canvas()
    for place in range(-200, 201, 40):  # over the points, so that the map shows what they are called
        ActionChains(page.driver).move_to_element_with_offset(canvas, place, place).perform()
    assert page.js("return typeof window.hacked") == "undefined"
    assert page.js("return document.querySelectorAll('.tk-holder img, .tk-view script, .tk-still img').length") == 0
    assert HOSTILE[1] in page.js("return document.querySelector('.tk-view tbody').innerText + document.body.innerText")
    page.js("window.jupyterapp.commands.execute('kernelmenu:restart')")
    page.until(lambda: page.all(".jp-Dialog button.jp-mod-accept"))
    page.js("document.querySelector('.jp-Dialog button.jp-mod-accept').click()")
    page.until(lambda: "Run this cell again" in page.js("return document.querySelector('.tk-trouble').textContent"))
    assert len(page.all(".tk-view tbody tr")) == 24, "what was shown stays readable"


def test_a_run_that_cannot_be_shown_is_told_in_a_sentence_and_an_odd_one_opens(page, sample, tmp_path):
    runs = {name: shutil.copytree(sample, tmp_path / name) for name in ("running", "older", "broken", "few", "bare")}
    store.write_json({"made_by": store.MADE_BY, "status": "running"}, runs["running"] / "manifest.json")
    changed = {"older": ("scores", lambda t: t.drop(columns="evidence_offset")), "few": ("articles", lambda t: t[:3])}
    changed["bare"] = ("articles", lambda t: t.assign(published=t["published"].mask(t["published"].notna())))
    for name, (table, change) in changed.items():
        path = runs[name] / "tables" / f"{table}.parquet"
        store.write_table(change(store.read_table(path)), path)
    (runs["bare"] / "tables" / "vectors.safetensors").unlink()
    (runs["broken"] / "tables" / "articles.parquet").write_bytes(b"nothing")
    said = {"running": "is not finished (running); run it again.", "older": "lacks evidence_offset; run it again.",
            "broken": "is no readable Parquet file"}  # fmt: skip
    for name, words in said.items():
        with pytest.raises(AssertionError) as told:
            page.run("bad", [f"from toolkit import desk\ndesk.open_desk({str(runs[name])!r})"])
        assert words in str(told.value) and "Traceback" not in str(told.value)
    page.run("bad", [f"from toolkit import desk\nview = desk.open_desk({str(runs['few'])!r})\nview"])
    assert chosen(page) == 3 and len(page.all(".tk-view tbody tr")) == 3
    page.run("bad", [f"from toolkit import desk\nview = desk.open_desk({str(runs['bare'])!r})\nview"])
    assert chosen(page) == 206 and not page.all(".tk-trends")
    notes = " ".join(one.text for one in page.all(".tk-note"))
    assert "no article has a date, so there are no trends" in notes and "no vectors were kept" in notes
    shutil.move(runs["bare"], tmp_path / "elsewhere")
    page.js("document.querySelector('.tk-view tbody tr').click()")
    page.until(lambda: "was moved or made again since it was opened" in page.all(".tk-trouble")[-1].text)


# The notebooks --------------------------------------------------------------------------------------------------


def notebook(page, name, **given):
    """Copy a working notebook to the lab's folder with other parameters."""
    content = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text("utf-8"))
    cell = next(cell for cell in content["cells"] if "parameters" in cell["metadata"].get("tags", ()))
    cell["source"] = "".join(cell["source"]) + "".join(f"\n{key} = {value!r}" for key, value in given.items())
    (page.folder / f"{name}.ipynb").write_text(json.dumps(content), "utf-8")


def test_the_first_notebook_corrects_a_column_chooses_and_writes_it_as_code(page, tmp_path):
    source = tmp_path / "odd.csv"
    rows = [f"Headline {i},What happened on day {i} in the city and after it,2024-05-{i:02d}" for i in range(1, 29)]
    source.write_text("\n".join(["title,words,when", *rows]), "utf-8")
    given = {"inputs": [str(source)], "run_dir": str(tmp_path / "run"), "themes": str(ROOT / "data" / "themes.yml")}
    notebook(page, "0-start", **given)
    page.open("0-start", ".widget-dropdown")
    page.until(lambda: len(page.all(".widget-dropdown select")) >= 9)
    labels = {one.text: one for one in page.all(".widget-dropdown") if one.text}
    field = next(one for text, one in labels.items() if text.startswith("published"))
    field.find_element("tag name", "select").send_keys("when")
    page.until(lambda: "first.take(published='when')" in page.js("return document.body.innerText"))
    assert page.ask("int(first.read()[0]['published'].notna().sum())") == 28
    box = next(one for one in page.all(".widget-checkbox") if "Cooperation" in one.text)
    box.find_element("tag name", "input").click()
    page.until(lambda: "first.choose(themes=['extremism', 'economic_stability'])" in page.ask("first.code"))
    assert "first.take(published='when')" in page.ask("first.code")


def test_the_notebook_that_explores_opens_a_run_and_shows_a_picture_and_a_table_when_it_is_only_read(page, sample):
    notebook(page, "8-explore", run_dir=str(sample))
    page.open("8-explore", ".tk-view tbody tr")
    page.until(lambda: page.ask("'found' in globals()"))
    assert page.ask("len(view.selection)") == 206
    save = "window.jupyterapp.commands.execute('docmanager:save')"
    page.until(lambda: page.js(save) or "'articles': 206" in (page.folder / "8-explore.ipynb").read_text("utf-8"))
    shown, _ = nbconvert.HTMLExporter().from_filename(str(page.folder / "8-explore.ipynb"))
    (page.folder / "read.html").write_text(shown, "utf-8")
    page.driver.get((page.folder / "read.html").as_uri())
    picture = page.one(".jp-OutputArea-child img")
    assert picture.is_displayed() and picture.size["width"] > 500
    assert page.one(".tk-still").is_displayed() and len(page.all(".tk-still tbody tr")) == 10
