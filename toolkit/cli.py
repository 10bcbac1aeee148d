"""The command line: ``run``, ``batch``, ``evaluate``, ``compare``, ``check`` and ``cache``; it alone prints or exits.

Exit codes: 0 all is well, 1 a run failed, 2 the user's input or settings, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import toolkit

if TYPE_CHECKING:
    from toolkit.sweep import Outcome

REPORT = "toolkit.report:build_report"
"""Called in the runner's process with the run folder, when its notebooks are done."""
_SHORT = ("themes", "gazetteer", "encoder", "period")


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code; ``--help`` imports nothing heavy."""
    args = _parser().parse_args(argv)
    from toolkit.plan import RunFailed
    from toolkit.schema import ToolkitError

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    command: Callable[[argparse.Namespace], int] = args.command
    try:
        return command(args)
    except ToolkitError as error:
        return _say(str(error), 2)
    except RunFailed as error:
        return _say(str(error), 1)
    except KeyboardInterrupt:
        return _say("Interrupted; nothing half-made is left behind.", 130)


def _say(sentence: str, code: int) -> int:
    print(f"toolkit: {_line(sentence)}", file=sys.stderr)
    return code


def _line(text: str) -> str:
    """One line without control characters: what a notebook says may carry an article's text."""
    return _plain(" ".join(text.split()))


def _plain(text: str) -> str:
    return "".join(char for char in text if char.isprintable())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="toolkit", description=toolkit.__doc__)
    parser.add_argument("--version", action="version", version=f"toolkit {toolkit.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="articles in, a briefing out")
    run.add_argument("inputs", nargs="+", metavar="INPUT", help="file or folder of articles")
    run.add_argument("--out", required=True, metavar="DIR", help="run folder to make, or to make again")
    run.add_argument(
        "-p",
        dest="parameters",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="parameter of a notebook; lists and mappings as YAML",
    )
    run.add_argument("--themes", metavar="FILE", help="your themes.yml")
    run.add_argument("--gazetteer", metavar="FILE", help="your gazetteer.yml")
    run.add_argument("--encoder", metavar="NAME", help="embedded, or a sentence-transformers name or folder")
    run.add_argument("--period", metavar="PERIOD", help="auto, day, week, month, quarter or year")
    run.add_argument("--profile", action="store_true", help="tell at the end where time and memory went")
    run.set_defaults(command=_run)

    batch = commands.add_parser("batch", help="many runs from a sweep file; only what is missing or changed")
    batch.add_argument("sweep", type=Path, metavar="SWEEP", help="YAML: base, grid, runs, out")
    batch.add_argument("--out", metavar="DIR", help="folder of the runs, instead of the file's")
    batch.add_argument("--jobs", type=int, metavar="N", help="runs at a time (half the processors)")
    batch.set_defaults(command=_batch)

    _add_judging(commands)
    check = commands.add_parser("check", help="is a theme file or gazetteer well-formed, and what does each seed do?")
    check.add_argument("file", type=Path, metavar="FILE")
    check.add_argument("--corpus", nargs="+", metavar="INPUT", help="articles on which to try the seeds of themes")
    check.add_argument("--encoder", default="embedded", metavar="NAME", help="as for run")
    check.add_argument("--csv", type=Path, metavar="FILE", help="write what each seed does there, as a table")
    check.set_defaults(command=_check)

    cache = commands.add_parser("cache", help="size of the embedding cache")
    cache.add_argument("--prune", action="store_true", help="empty it")
    cache.set_defaults(command=_cache)
    return parser


def _add_judging(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    evaluate = commands.add_parser("evaluate", help="how good are the theme scores, judged by labels of yours?")
    evaluate.add_argument("labels", metavar="LABELS", help="table with gold labels, and with the articles or their ids")
    evaluate.add_argument("--out", metavar="DIR", help="folder of the page (reports/evaluation-LABELS)")
    evaluate.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    evaluate.add_argument("-p", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    evaluate.set_defaults(command=_evaluate)
    compare = commands.add_parser("compare", help="two runs: which topics and themes changed, and why?")
    compare.add_argument("runs", nargs=2, metavar="RUN", help="folders of the earlier and the later run")
    compare.add_argument("--out", metavar="DIR", help="folder of the page (reports/EARLIER-to-LATER)")
    compare.set_defaults(command=_compare)


def _run(args: argparse.Namespace) -> int:
    from toolkit.batch import run_notebooks
    from toolkit.plan import plan

    given = [("inputs", args.inputs), *args.parameters]
    given += [(name, getattr(args, name)) for name in _SHORT if getattr(args, name) is not None]
    planned = plan(_once(given), args.out)
    _check_files(planned.values)
    with _notebook_bar() as progress:
        out = run_notebooks(planned, progress, REPORT)
    for line in _summary(out, args.profile):
        print(_line(line))
    print(f"Report: {Path(args.out) / 'index.html'}")
    return 0


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    from toolkit.schema import SettingsError

    values: dict[str, object] = {}
    for name, value in pairs:
        if name in values:
            raise SettingsError(f"The parameter {name!r} is given twice: give it once.")
        values[name] = value
    return values


def _check_files(values: object) -> None:
    """Read the analyst's own files, if any are named, before an hour of work depends on them."""
    for name in ("themes", "gazetteer", "decisions"):
        path = values.get(name) if isinstance(values, dict) else None
        if path:
            _load(name, Path(path))


def _load(kind: str, path: Path) -> object:
    if kind == "themes":
        from toolkit.themefile import load_themes

        return load_themes(path)
    if kind == "decisions":
        from toolkit.decisionfile import read_decisions

        return read_decisions(path)
    from toolkit.actors import load_gazetteer

    return load_gazetteer(path)


def _evaluate(args: argparse.Namespace) -> int:
    from toolkit.batch import run_notebooks
    from toolkit.evaluation import copy_figures, plan_evaluation

    planned = plan_evaluation(_once([("labels", args.labels), *args.parameters]), args.out, args.json)
    _check_files(planned.values)
    with _notebook_bar() as progress:
        out = run_notebooks(planned, progress, REPORT)
    for line in copy_figures(out, args.json):
        print(_line(line))
    print(f"Report: {args.out or out}/index.html")
    return 0


def _compare(args: argparse.Namespace) -> int:
    from toolkit.batch import run_notebooks
    from toolkit.comparison import lines, plan_comparison

    planned = plan_comparison(tuple(args.runs), args.out)
    with _notebook_bar() as progress:
        out = run_notebooks(planned, progress, REPORT)
    for line in lines(out):
        print(_line(line))
    print(f"Report: {args.out or out}/index.html")
    return 0


@contextmanager
def _notebook_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar over all code cells; where standard error is no terminal, a line a notebook."""
    if not sys.stderr.isatty():
        seen: set[str] = set()

        def tell(name: str, done: int, total: int) -> None:
            if name not in seen:
                seen.add(name)
                print(f"{name} ({done} of {total} cells done)", file=sys.stderr)

        yield tell
        return
    from tqdm import tqdm  # type: ignore[import-untyped]

    with tqdm(unit="cell", file=sys.stderr, dynamic_ncols=True) as bar:

        def move(name: str, done: int, total: int) -> None:
            bar.total = total
            bar.set_description(name, refresh=False)
            bar.n = done
            bar.refresh()

        yield move


def _summary(out: Path, profile: bool) -> list[str]:
    from toolkit import profiling, store

    path = out / "tables" / "summary.json"
    found = store.read_json(path) if path.is_file() else {}
    lines = found.get("lines", []) if isinstance(found, dict) else []
    return [*map(str, lines), *(profiling.lines(store.read_manifest(out) or {}) if profile else ())]


def _batch(args: argparse.Namespace) -> int:
    import functools

    from toolkit import store, sweep
    from toolkit.plan import plan
    from toolkit.schema import SettingsError

    found = sweep.read_sweep(args.sweep)
    if not (args.out or found.out):
        raise SettingsError(f"{args.sweep} names no folder for the runs: add 'out', or give --out.")
    if args.jobs is not None and args.jobs < 1:
        raise SettingsError(f"--jobs is {args.jobs}, expected 1 or more.")
    out = Path(args.out or found.out)
    sweep.check_index(out)
    digest = functools.cache(store.input_digest)
    plans = {name: plan(values, out / name, digest=digest) for name, values in found.runs.items()}
    for name in ("themes", "gazetteer", "decisions"):
        for path in {str(planned.values[name]) for planned in plans.values() if planned.values.get(name)}:
            _load(name, Path(path))
    jobs = min(args.jobs or max(1, (os.cpu_count() or 2) // 2), len(plans))
    with _run_bar(len(plans)) as progress:
        outcomes = sweep.run_sweep(plans, jobs, progress, REPORT)
    index = sweep.write_index(out, plans, outcomes)
    return _close(outcomes, index)


@contextmanager
def _run_bar(total: int) -> Iterator[Callable[[Outcome], None]]:
    if not sys.stderr.isatty():
        yield lambda outcome: print(f"{outcome.name}: {outcome.status}", file=sys.stderr)
        return
    from tqdm import tqdm

    with tqdm(total=total, unit="run", file=sys.stderr, dynamic_ncols=True) as bar:

        def move(outcome: Outcome) -> None:
            bar.set_description(f"{outcome.name}: {outcome.status}", refresh=False)
            bar.update()

        yield move


def _close(outcomes: list[Outcome], index: Path) -> int:
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    counts = {status: sum(outcome.status == status for outcome in outcomes) for status in ("finished", "unchanged")}
    print(f"{counts['finished']} finished, {counts['unchanged']} unchanged, {len(failed)} failed.")
    for outcome in failed:
        _say(f"{outcome.name}: {outcome.reason}", 1)
    print(f"Index: {index}")
    return 1 if failed else 0


def _check(args: argparse.Namespace) -> int:
    from toolkit import check, store
    from toolkit.schema import SettingsError

    kind = check.kind_of(args.file)
    if (args.csv and not args.corpus) or (args.corpus and kind != "themes"):
        raise SettingsError("--corpus needs a theme file, and --csv needs --corpus: leave it out, or give the other.")
    if kind == "gazetteer":
        _load(kind, args.file)
        print(f"{args.file}: a gazetteer, well-formed.")
        return 0
    print(*map(_plain, check.check_file(args.file)), sep="\n")
    if args.corpus:
        tried = check.check_corpus(args.file, args.corpus, args.encoder, _tell_seeds)
        print(*map(_plain, tried.lines), sep="\n")
        if args.csv:
            store.write_csv(tried.table, args.csv)
    return 0


def _tell_seeds(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\rseed {done} of {total}", end="\n" if done == total else "", file=sys.stderr, flush=True)


def _cache(args: argparse.Namespace) -> int:
    from toolkit.settings import cache_home

    home = cache_home()
    files = sorted(home.glob("embeddings.sqlite*"))  # never more: the folder is the user's choice
    size = sum(path.stat().st_size for path in files) / 1024**2
    print(f"{home}: {size:.1f} MB")
    if args.prune:
        for path in files:
            path.unlink()
        print("Emptied.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
