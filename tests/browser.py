"""Open a report in headless Chromium and see whether it keeps its promises; `check_site(folder)` does it all."""

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars"
).split()
LOCAL = {"file", "data", "blob", "about"}
WIDE, NARROW = 1280, 390
STATE = """
const plots = [...document.querySelectorAll('[data-figure]')];
return {
  plots: plots.length,
  drawn: plots.filter(plot => plot.dataset.drawn).length,
  empty: plots.filter(plot => plot.dataset.drawn && plot.data.length && !plot.querySelector(
    '.scatterlayer .trace, .barlayer .trace, .heatmaplayer image, .imagelayer image, canvas, .trace, .slice')
    ).map(plot => plot.dataset.figure),
  width: document.documentElement.scrollWidth,
  seen: document.documentElement.clientWidth,
  resources: performance.getEntriesByType('resource').map(entry => entry.name),
  hacked: typeof window.hacked === 'undefined' ? '' : String(window.hacked),
};
"""


def find_chromium():
    """Return (chromium, chromedriver); skip the test where they are missing, unless CI must have them."""
    found = [
        next(filter(None, map(shutil.which, names)), None)
        for names in (("chromium", "chromium-browser", "google-chrome"), ("chromedriver",))
    ]
    if None in found:
        missing = "Chromium or chromedriver is not installed (Debian: apt install chromium chromium-driver)"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


@contextlib.contextmanager
def open_browser():
    """Start Chromium with a profile of its own, logging its console and every request."""
    chromium, driver_path = find_chromium()
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(driver_path))
        try:
            driver.set_script_timeout(30)
            driver.get("about:blank")
            driver.get_log("performance")  # what the new-tab page asked for
            yield driver
        finally:
            driver.quit()


def resize(driver, width, height=900):
    """Give the page a width in CSS pixels, below the least that a window can have."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def visit(driver, path, width=WIDE):
    """Open a page and wait until each of its figures is drawn, or has failed to be."""
    resize(driver, width)
    driver.get(path.resolve().as_uri())
    settled = (
        "return document.readyState === 'complete' && [...document.querySelectorAll('[data-figure]')]"
        ".every(plot => plot.dataset.drawn || plot.textContent.includes('could not be drawn'))"
    )
    WebDriverWait(driver, 30).until(lambda found: found.execute_script(settled))
    return driver.execute_script(STATE)


def complaints(driver):
    """Return what the console says since the last call: errors, warnings, refused by policy."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def requests(driver):
    """Return the addresses asked for since the last call."""
    events = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]


def check_page(driver, path):
    """Check one page at both widths; return how many figures it has."""
    requests(driver), complaints(driver)  # those of an earlier page
    for width in (WIDE, NARROW):
        state = visit(driver, path, width)
        name = f"{path.name} at {width} px"
        asked = requests(driver)
        assert path.resolve().as_uri() in asked, f"{name}: its own request was not seen"
        away = [url for url in asked + state["resources"] if urlsplit(url).scheme not in LOCAL]
        assert not away, f"{name} asks the network for {away}"
        assert not (said := complaints(driver)), f"{name} complains: {said}"
        assert state["drawn"] == state["plots"], f"{name}: only {state['drawn']} of {state['plots']} figures drawn"
        assert not state["empty"], f"{name}: nothing is drawn in {state['empty']}"
        assert state["width"] <= state["seen"], f"{name} scrolls sideways: {state['width']} px"
        assert not state["hacked"], f"{name} ran a script from an article: {state['hacked']}"
    return state["plots"]


def check_site(folder, articles=4):
    """Check every page of a report, and of its pages of articles the first, the last and some between.

    Returns the number of figures a page, so that a caller can ask for those it expects.
    """
    folder = Path(folder)
    listed = sorted((folder / "articles").glob("*.html"))
    some = listed[:: max(1, len(listed) // articles)] + listed[-1:]
    with open_browser() as driver:
        return {path.name: check_page(driver, path) for path in dict.fromkeys([*sorted(folder.glob("*.html")), *some])}


def photograph(driver, path, target, width=WIDE):
    """Save a picture of the whole page, up to 8,000 pixels of it."""
    visit(driver, path, width)
    height = driver.execute_script("return document.documentElement.scrollHeight")
    resize(driver, width, min(height, 8000))
    driver.execute_script("return new Promise(done => setTimeout(done, 400))")
    driver.save_screenshot(str(target))
