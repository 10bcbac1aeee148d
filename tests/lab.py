"""JupyterLab on a folder of its own, in headless Chromium: notebooks are written, opened, run and looked at."""

import ast
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
from browser import requests, resize
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

FLAGS = (
    "--no-browser --allow-root --ServerApp.port_retries=0 --IdentityProvider.token= "
    "--ServerApp.disable_check_xsrf=True --LabApp.expose_app_in_browser=True --LabApp.extension_manager=readonly"
).split()
"""Open to this machine alone, for the length of a test, on a port that nobody knows."""
FIND = "const lab = [...window.jupyterapp.shell.widgets('main')].find((one) => one.sessionContext);"
WRONG = "[data-mime-type='application/vnd.jupyter.stderr']"
"""What a cell that failed shows, and what it warns of."""
READY = "return !!window.jupyterapp && [...window.jupyterapp.shell.widgets('main')].some((one) => one.sessionContext)"
RUN = (
    f"const done = arguments[0]; {FIND} window.jupyterapp.shell.activateById(lab.id);"
    "Promise.all([lab.sessionContext.ready, lab.context.ready]).then(() => {"
    "window.jupyterapp.commands.execute('notebook:run-all-cells'); done(true); });"
)
ASK = (
    f"const [code, done] = arguments; {FIND} const asked = lab.sessionContext.session.kernel.requestExecute("
    "{code: '', user_expressions: {said: code}, silent: false, store_history: false});"
    "asked.done.then((reply) => done(reply.content.user_expressions.said), (error) => done(String(error)));"
)


@contextlib.contextmanager
def open_lab(folder, scratch):
    """Start JupyterLab on `folder`, with settings of its own in `scratch`; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = {name: str(Path(scratch) / name.lower()) for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")}
    environment = {**os.environ, **{f"JUPYTER_{name}": place for name, place in places.items()}}
    environment |= {f"JUPYTERLAB_{name}_DIR": str(Path(scratch) / name) for name in ("SETTINGS", "WORKSPACES")}
    news = Path(scratch) / "SETTINGS" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    news.parent.mkdir(parents=True)
    news.write_text('{"fetchNews": "false", "checkForUpdates": false}', "utf-8")
    command = [sys.executable, "-m", "jupyterlab", *FLAGS, f"--port={port}", f"--ServerApp.root_dir={folder}"]
    with (Path(scratch) / "lab.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield _wait_for(server, f"http://127.0.0.1:{port}", Path(scratch) / "lab.log")
    finally:
        server.terminate()
        server.wait(60)


def _wait_for(server, url, log):
    for _ in range(600):
        if server.poll() is not None:
            break
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/api", timeout=2):
            return url
        time.sleep(0.1)
    raise AssertionError(f"JupyterLab did not start: {log.read_text('utf-8')[-2000:]}")


class Page:
    """A notebook in JupyterLab, in a browser."""

    def __init__(self, driver, url, folder):
        self.driver, self.url, self.folder, self.js = driver, url, Path(folder), driver.execute_script

    def run(self, name, cells, wanted=".tk-view tbody tr", width=1500, height=1700):
        """Write a notebook of these cells, open it, run it all, and wait until `wanted` is there."""
        metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in cells], metadata=metadata)
        nbformat.write(notebook, self.folder / f"{name}.ipynb")
        return self.open(name, wanted, width, height)

    def open(self, name, wanted, width=1500, height=1700):
        """Open a notebook of the folder, run it all, and wait until `wanted` is there."""
        session = {"path": f"{name}.ipynb", "name": name, "type": "notebook", "kernel": {"name": "python3"}}
        headers = {"Content-Type": "application/json"}
        urllib.request.urlopen(
            urllib.request.Request(f"{self.url}/api/sessions", json.dumps(session).encode(), headers), timeout=30
        ).close()
        resize(self.driver, width, height)
        self.driver.get("about:blank")
        requests(self.driver)
        self.driver.get(f"{self.url}/doc/tree/{name}.ipynb")
        self.until(lambda: self.js(READY), 60)
        self.driver.execute_async_script(RUN)
        self.until(lambda: self.all(wanted) or self.all(WRONG), 120)
        assert not self.all(WRONG), self.all(WRONG)[0].text
        return self

    def until(self, holds, seconds=60):
        """Wait until `holds()`."""
        try:
            WebDriverWait(self.driver, seconds, poll_frequency=0.05).until(lambda _: holds())
        except TimeoutException:
            self.driver.save_screenshot(str(self.folder / "waited-in-vain.png"))
            raise

    def all(self, selector):
        """Return the elements that fit a CSS selector."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        """Return the first element that fits a CSS selector."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def ask(self, expression):
        """Return the value of an expression in the kernel."""
        said = self.driver.execute_async_script(ASK, expression)
        assert isinstance(said, dict) and said["status"] == "ok", said
        return ast.literal_eval(said["data"]["text/plain"])

    def status(self):
        """Return how many articles are chosen, as the view says it."""
        return self.js("return document.querySelector('.tk-status').textContent")

    def after(self, act):
        """Do something, and wait until the view says something else than before."""
        before = self.status()
        act()
        self.until(lambda: self.status() != before)
        return self.status()

    def drawn(self, act, tries=3):
        """Draw something with the mouse, until the view says something else: a drag into a redrawing is lost."""
        before = self.status()
        for _ in range(tries - 1):
            act()
            with contextlib.suppress(TimeoutException):
                return self.until(lambda: self.status() != before, 8)
        return self.after(act)

    def click(self, words):
        """Click on the button with these words, once it is there and can be pressed."""
        find = (
            "return [...document.querySelectorAll('.tk-view button')].find((one) =>"
            "one.textContent === arguments[0] && !one.disabled)"
        )
        self.until(lambda: self.js(find, words))
        self.js(f"({find.removeprefix('return ')}).click()", words)

    def canvas(self):
        """Return the map, brought to the middle of the window: what opens beside it may have pushed it out."""
        found = max(self.all(".jp-OutputArea canvas"), key=lambda one: one.size["width"] * one.size["height"])
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", found)
        return found

    def lasso(self, size=0.5, at=(0.5, 0.5)):
        """Draw a loop on the map: its width as a part of the map's height, its middle in parts of the map."""
        self.one("button[title='Activate lasso selection']").click()
        canvas = self.canvas()
        width, height = canvas.size["width"], canvas.size["height"]
        radius, x, y = size * height / 2, (at[0] - 0.5) * width, (at[1] - 0.5) * height
        drawn = ActionChains(self.driver, duration=25)
        drawn.move_to_element_with_offset(canvas, int(x + radius), int(y)).click_and_hold()
        for turn in np.linspace(0, 2 * np.pi, 14)[1:-1]:
            drawn.move_to_element_with_offset(canvas, int(x + radius * np.cos(turn)), int(y + radius * np.sin(turn)))
        drawn.release().perform()

    def span(self, start, end, panel=1):
        """Drag over a panel of the trends, from a part of its width to another."""
        area = self.all(".tk-trends svg")[panel]
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", area)
        width = area.size["width"]
        drawn = ActionChains(self.driver, duration=40)
        drawn.move_to_element_with_offset(area, int((start - 0.5) * width), 0).click_and_hold()
        drawn.move_by_offset(int((end - start) * width / 2), 0).move_by_offset(int((end - start) * width / 2), 3)
        drawn.release().perform()


def synthetic(count, seed=0):
    """Return tables of `count` articles in forty clumps on the map, with three themes, over five years."""
    random = np.random.default_rng(seed)
    clump = random.integers(0, 40, count)
    middle = np.array([(i % 8, i // 8) for i in range(40)]) * 20.0
    places = middle[clump] + random.normal(size=(count, 2)) * 2
    names = [f"{i:016x}" for i in range(count)]
    days = pd.Timestamp("2015-01-01", tz="UTC") + pd.to_timedelta(random.integers(0, 365 * 5, count), unit="D")
    articles = pd.DataFrame({"article_id": names, "published": days, "url": "", "language": "en"})
    articles["source"] = [f"Outlet {i}" for i in random.integers(0, 60, count)]
    articles["title"] = [f"Report {i} from clump {one}" for i, one in enumerate(clump)]
    articles["text"] = [f"Words of article {i} on what happened in clump {one}." for i, one in enumerate(clump)]
    articles["story_id"] = [f"s{i // 2}" for i in range(count)]
    scores = []
    for place, theme in enumerate(("extremism", "cooperation", "economic_stability")):
        sure = np.clip(random.beta(1, 6, count) + 0.6 * (clump % 5 == place), 0, 1)
        table = {
            "article_id": names,
            "theme": theme,
            "score": sure,
            "label": sure > 0.5,
            "evidence": "Words of article",
        }
        scores.append(pd.DataFrame({**table, "evidence_offset": 0}))
    return {
        "articles": articles,
        "scores": pd.concat(scores, ignore_index=True),
        "topics": pd.DataFrame({"topic_id": range(40), "label": [f"clump {i}, word, more" for i in range(40)]}),
        "assigned": pd.DataFrame({"article_id": names, "topic_id": clump, "x": places[:, 0], "y": places[:, 1]}),
        "mentions": pd.DataFrame(
            {"article_id": names[::3], "actor_id": [f"actor_{i % 7}" for i in range(0, count, 3)]}
        ),
        "vectors": random.normal(size=(count, 32)).astype(np.float32),
    }
