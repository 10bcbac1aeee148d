"""The report as a reader meets it: headless Chromium, pages opened from disk."""

import json

import pandas as pd
import pytest
from browser import check_page, check_site, complaints, open_browser, resize, visit
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from small_run import FIGURE, HOSTILE, SCRIPT, TABLE, figure, make_run, output, table

from toolkit import figures, report

pytestmark = pytest.mark.browser


def map_of_many(count=400):
    """A map that asks for WebGL, with enough points for their strings to be pooled, and hostile labels."""
    drawn = figure("map", ["articles/topic-1.html"] * count)
    drawn["data"][0] |= {"type": "scattergl", "mode": "markers"}
    drawn["layout"]["annotations"] = [{"x": 5, "y": 5, "text": text, "showarrow": False} for text in HOSTILE]
    return drawn


def bars():
    """Bars named by hostile text, and one that leads out of the report."""
    drawn = figure("bars", ["https://evil.example/", "../../etc/passwd", "javascript:window.hacked=1"])
    names = ["A long name of an organisation", SCRIPT, HOSTILE[1]]
    drawn["data"][0] |= {"type": "bar", "orientation": "h", "y": names, "x": [3, 2, 1]}
    return drawn


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    shown = [output(FIGURE, figure()), output(FIGURE, bars()), output(FIGURE, map_of_many()), output(TABLE, table())]
    cells = [f"# Briefing\n\n{SCRIPT} {' '.join(HOSTILE)}", shown]
    run = make_run(tmp_path_factory.mktemp("run & <b>"), notebooks={"4-trends": cells, "5-briefing": cells})
    return report.build_report(run).parent


@pytest.fixture(scope="module")
def browser():
    with open_browser() as driver:
        yield driver


def click(driver, figure, place=0):
    """Click on a point of a figure, as a hand would."""
    target = driver.find_elements(By.CSS_SELECTOR, f"[data-figure^={figure}] .points path")[place]
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", target)
    ActionChains(driver).move_to_element(target).pause(0.2).click().perform()


def test_every_page_draws_its_figures_quietly_offline_and_without_scrolling_sideways(site):
    drawn = check_site(site)
    assert drawn["index.html"] == drawn["trends.html"] == 3 and drawn["about.html"] == 0


@pytest.mark.parametrize(("name", "leads_to"), [("shares", "extremism-2017-01.html"), ("map", "topic-1.html")])
def test_a_click_on_a_point_opens_the_articles_behind_it(site, browser, name, leads_to):
    visit(browser, site / "index.html")
    click(browser, name)
    WebDriverWait(browser, 5).until(lambda driver: driver.current_url.endswith(leads_to))
    assert browser.find_elements(By.CSS_SELECTOR, ".articles li")


@pytest.mark.parametrize(("name", "place"), [("shares", 1), ("bars", 0), ("bars", 1), ("bars", 2)])
def test_a_click_leads_nowhere_else(site, browser, name, place):
    visit(browser, site / "index.html")
    click(browser, name, place)
    browser.execute_script("return new Promise(done => setTimeout(done, 300))")
    assert browser.current_url.endswith("/index.html") and len(browser.window_handles) == 1
    assert browser.execute_script("return typeof window.hacked") == "undefined"


def test_hovering_over_a_hostile_title_shows_it_and_runs_nothing(site, browser):
    visit(browser, site / "index.html")
    for place in (0, 1):
        target = browser.find_elements(By.CSS_SELECTOR, "[data-figure^=shares] .points path")[place]
        ActionChains(browser).move_to_element(target).pause(0.3).perform()
        assert browser.find_elements(By.CSS_SELECTOR, "[data-figure^=shares] .hoverlayer .hovertext")
    assert browser.execute_script("return typeof window.hacked") == "undefined"
    assert not browser.find_elements(By.CSS_SELECTOR, "img")


def test_no_button_sends_a_figure_to_a_server(site, browser):
    visit(browser, site / "index.html")
    titles = [found.get_attribute("data-title") for found in browser.find_elements(By.CSS_SELECTOR, ".modebar-btn")]
    assert any("png" in title.lower() for title in titles)
    assert not [title for title in titles if any(word in title.lower() for word in ("cloud", "chart studio", "plotly"))]


def test_the_policy_refuses_scripts_that_slip_in_and_requests_that_leave(site, browser):
    visit(browser, site / "index.html")
    browser.execute_script(
        "const script = document.createElement('script'); script.textContent = 'window.hacked = 1';"
        "document.body.append(script); const image = document.createElement('img');"
        "image.setAttribute('onerror', 'window.hacked = 2'); image.src = 'https://evil.example/x.png';"
        "document.body.append(image); return new Promise(done => setTimeout(done, 300))"
    )
    assert browser.execute_script("return typeof window.hacked") == "undefined"
    assert all("Content Security Policy" in said for said in complaints(browser))


def test_a_figure_can_still_be_saved_as_a_picture(site, browser):
    visit(browser, site / "index.html")
    saved = browser.execute_async_script(
        "const done = arguments[0]; Plotly.toImage(document.querySelector('[data-figure]'), {format: 'png'})"
        ".then(done, error => done(String(error)))"
    )
    assert saved.startswith("data:image/png")
    assert not complaints(browser)


def test_the_numbers_open_by_keyboard_and_the_skip_link_comes_first(site, browser):
    visit(browser, site / "index.html")
    ActionChains(browser).send_keys(Keys.TAB).perform()
    assert browser.switch_to.active_element.get_attribute("class") == "skip"
    summary = browser.find_element(By.TAG_NAME, "summary")
    summary.send_keys(Keys.ENTER)
    assert browser.find_element(By.TAG_NAME, "details").get_attribute("open")


OVER = """
const box = (one) => one.getBoundingClientRect();
const over = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
const words = [...document.querySelectorAll('.main-svg text')].map(box), buttons = [...document.querySelectorAll(
  '.modebar-btn')].map(box);
return [buttons.length, words.length, buttons.filter((one) => words.some((word) => over(one, word))).length];
"""


@pytest.mark.parametrize("width", [1280, 800])
def test_no_button_of_a_figure_lies_over_its_words(tmp_path, browser, width):
    starts = pd.to_datetime(["2024-01-01", "2024-02-01"])
    sources = [f"A source with a name {place}" for place in range(10)]
    counts = pd.DataFrame([(day, f"{day:%B %Y}", source, 5) for source in sources for day in starts],
                          columns=["start", "label", "source", "articles"])  # fmt: skip
    drawn = json.loads(figures.volume(counts, "month").to_json())
    path = report.build_report(make_run(tmp_path / "run", notebooks={"5-briefing": ["# B", [output(FIGURE, drawn)]]}))
    visit(browser, path, width)
    buttons, words, over = browser.execute_script(OVER)
    assert buttons > 2 and words > 10 and over == 0


def test_a_figure_follows_the_width_of_its_page(site, browser):
    visit(browser, site / "index.html")
    width = "return document.querySelector('[data-figure] .main-svg').getBoundingClientRect().width"
    wide = browser.execute_script(width)
    resize(browser, 390)
    WebDriverWait(browser, 5).until(lambda driver: driver.execute_script(width) < wide)
    assert browser.execute_script(width) < 390 < wide


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"type":"bar"', '"type":', "complains|drawn"),
        ('"type":"bar"', '"type":"bar","visible":false', "nothing is drawn"),
        ('<main id="main">', '<main id="main"><p style="width:3000px">wide</p>', "scrolls sideways"),
        ('<main id="main">', '<main id="main"><img src="https://evil.example/x.png">', "network|complains"),
    ],
)
def test_the_checks_notice_what_is_broken(site, browser, tmp_path, old, new, said):
    for name in ("site.js", "plotly.min.js", "style.css"):
        (tmp_path / name).symlink_to(site / name)
    broken = tmp_path / "broken.html"
    broken.write_text((site / "index.html").read_text("utf-8").replace(old, new, 1), "utf-8")
    with pytest.raises(AssertionError, match=said):
        check_page(browser, broken)
