"""How long the linked view takes in a browser: 100,000 articles, opened and asked, beside doing without it.

Run: python benchmarks/explore.py; writes benchmarks/explore.md. In one JupyterLab, one kernel, one Chromium (software
WebGL, no GPU): from the moment a cell is run, or the pointer let go, to the moment the answer is on the screen. The
peers are BERTopic's `visualize_documents` on the same points, and a pandas filter with its counts in a cell.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from browser import open_browser  # noqa: E402
from lab import FIND, Page, open_lab  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402

COUNT, TIMES = 100_000, 7
SETUP = f"""import sys; sys.path.insert(0, {str(ROOT / "tests")!r})
import lab, os, psutil
run = lab.synthetic({COUNT})
def held(): return round(psutil.Process(os.getpid()).memory_info().rss / 1e6)
before = held()"""
OPEN = "from toolkit import explore\nview = explore.explore(run)\nview"
PEER = """from bertopic import BERTopic
from bertopic.backend import BaseEmbedder
from bertopic.cluster import BaseCluster
from bertopic.dimensionality import BaseDimensionalityReduction
docs, places = run["articles"]["title"].tolist(), run["assigned"][["x", "y"]].to_numpy()
model = BERTopic(umap_model=BaseDimensionalityReduction(), hdbscan_model=BaseCluster(), embedding_model=BaseEmbedder())
topics, _ = model.fit_transform(docs, embeddings=places, y=run["assigned"]["topic_id"].to_numpy())"""
DRAW = "model.visualize_documents(docs, reduced_embeddings=places, sample=1)"
FILTER = """import pandas as pd
some = run["articles"][run["articles"]["source"] == "Outlet 7"]
counts = some.groupby(some["published"].dt.strftime("%Y-%m")).size()
display(counts, some.head(50)[["published", "source", "title"]])"""
WATCH = """
window.log = []; window.begun = performance.now();
const note = () => window.log.push(performance.now());
const all = {childList: true, subtree: true, characterData: true};
for (const one of ['.tk-status', '.tk-view tbody'])
  new MutationObserver(note).observe(document.querySelector(one), all);
for (const name of ['pointerup', 'mouseup', 'change'])
  document.addEventListener(name, () => { window.begun = performance.now(); window.log = []; }, true);
"""
LAST = "return window.log.length ? Math.max(...window.log) - window.begun : 0"


def run_cell(page, number, shown):
    """Run one cell; return the seconds until `shown()`."""
    page.js(f"{FIND} lab.content.activeCellIndex = arguments[0];", number)
    begun = time.perf_counter()
    page.js("window.jupyterapp.commands.execute('notebook:run-cell');")
    page.until(shown, 300)
    return time.perf_counter() - begun


def done(page, number):
    """Say whether a cell has an answer."""
    return lambda: bool(
        page.all(".jp-CodeCell")[number].find_element(By.CSS_SELECTOR, ".jp-InputPrompt").text.strip("[]: *")
    )


def answers(page, act):
    """Do something several times; return the median milliseconds from letting go to the last change on the screen."""
    found = []
    for turn in range(TIMES):
        before = page.status()
        act(turn)
        page.until(lambda before=before: page.status() != before)
        time.sleep(1)
        found.append(page.js(LAST))
        page.after(lambda: page.click("Clear all"))
        time.sleep(0.5)
    return statistics.median(found), max(found)


def choose(page, turn):
    page.js(
        "const one = document.querySelector('select[data-name=source]'); one.value = String(arguments[0]);"
        "one.dispatchEvent(new Event('change', {bubbles: true}));",
        turn,
    )


def view_shown(page):
    return page.all(".tk-view tbody tr") and page.all(".tk-trends circle") and page.all(".jp-OutputArea canvas")


def figure_shown(page):
    plots = page.all(".js-plotly-plot")
    return plots and plots[-1].find_elements(By.CSS_SELECTOR, ".gl-canvas, .scatterlayer .trace, canvas")


def measure(page):
    page.run("bench", ["0"], wanted=".jp-OutputArea-output")
    cells = [SETUP, OPEN, "held() - before", PEER, DRAW, FILTER]
    page.js(
        f"{FIND} const model = lab.content.model.sharedModel; arguments[0].forEach((source) =>"
        "model.addCell({cell_type: 'code', source}));",
        cells,
    )
    page.until(lambda: len(page.all(".jp-CodeCell")) == len(cells) + 1)
    run_cell(page, 1, done(page, 1))
    opened = run_cell(page, 2, lambda: view_shown(page))
    memory = page.ask("held() - before")
    page.js(WATCH)
    lasso, lasso_worst = answers(page, lambda turn: page.lasso(0.25 + 0.05 * turn))
    picked, picked_worst = answers(page, lambda turn: choose(page, turn))
    run_cell(page, 4, done(page, 4))
    fitted = page.ask("held()")
    drawn = run_cell(page, 5, lambda: figure_shown(page))
    drawn_memory = page.ask("held()") - fitted
    filtered = statistics.median(run_cell(page, 6, _answered(page)) for _ in range(TIMES))
    return opened, memory, (lasso, lasso_worst), (picked, picked_worst), drawn, drawn_memory, filtered


def _answered(page):
    """Return what says whether the cell of the pandas filter has a new answer."""
    before = _prompt(page)
    return lambda: (
        _prompt(page) not in (before, "[*]:") and page.all(".jp-CodeCell")[6].find_elements(By.TAG_NAME, "table")
    )


def _prompt(page):
    return page.all(".jp-CodeCell")[6].find_element(By.CSS_SELECTOR, ".jp-InputPrompt").text


def main():
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as scratch,
        open_lab(folder, scratch) as url,
        open_browser() as driver,
    ):
        found = measure(Page(driver, url, folder))
    opened, memory, lasso, picked, drawn, drawn_memory, filtered = found
    lines = [
        f"# The linked view, {COUNT:,} articles",
        "",
        "JupyterLab in headless Chromium with software WebGL, one kernel; medians (worst in brackets) of "
        f"{TIMES}. Written by `python benchmarks/explore.py`.",
        "",
        "| step | the view | without it | ratio |",
        "| --- | --- | --- | --- |",
        f"| open: from running the cell to map, trends and table | {opened:.1f} s (wanted 10) | "
        f"{drawn:.1f} s, BERTopic's visualize_documents, map alone | {drawn / opened:.1f} |",
        f"| a loop on the map: from letting go to the new table | {lasso[0]:.0f} ms ({lasso[1]:.0f}; wanted 500) | "
        f"{1000 * filtered:.0f} ms, a pandas filter in a cell | {1000 * filtered / lasso[0]:.1f} |",
        f"| a filter by source: the same | {picked[0]:.0f} ms ({picked[1]:.0f}; wanted 500) | "
        f"{1000 * filtered:.0f} ms, the same cell | {1000 * filtered / picked[0]:.1f} |",
        f"| memory of the kernel beyond the tables | {memory} MB | {drawn_memory} MB, the figure alone | |",
    ]
    (ROOT / "benchmarks" / "explore.md").write_text("\n".join(lines) + "\n", "utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
