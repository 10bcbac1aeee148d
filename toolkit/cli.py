"""The command line: ``run``, ``batch``, ``evaluate``, ``compare``, ``check`` and ``cache``; it alone prints or exits.

Exit codes: 0 all is well, 1 a run failed, 2 the user's input or settings, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import toolkit
from toolkit import given
from toolkit.bars import line, notebook_bar, plain, run_bar
from toolkit.children import Children

if TYPE_CHECKING:
    from toolkit.sweep import Outcome

REPORT = "toolkit.report:build_report"
"""Called in the runner's process with the run folder, when its notebooks are done."""
_SHORT = ("themes", "gazetteer", "encoder", "period")


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code; ``--help`` imports nothing heavy."""
    args = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _runner(args) if "children" in args else contextlib.nullcontext():
            return _call(args)
    except KeyboardInterrupt:
        return _say("Interrupted; nothing half-made is left behind.", 130)


@contextlib.contextmanager
def _runner(args: argparse.Namespace) -> Iterator[None]:
    """Start the process that will execute the notebooks: it imports what it needs while the run is planned."""
    if getattr(args, "fresh", False):
        os.environ["TOOLKIT_FRESH"] = "1"  # for the runner and its kernels
    args.children = Children(warm=True)
    try:
        args.children.keep(args.children.start())
        yield
    finally:
        args.children.end()


def _call(args: argparse.Namespace) -> int:
    from toolkit.plan import RunFailed
    from toolkit.schema import ToolkitError

    command: Callable[[argparse.Namespace], int] = args.command
    try:
        return command(args)
    except ToolkitError as error:
        return _say(str(error), 2)
    except RunFailed as error:
        return _say(str(error), 1)


def _say(sentence: str, code: int) -> int:
    print(f"toolkit: {line(sentence)}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="toolkit", description=toolkit.__doc__)
    parser.add_argument("--version", action="version", version=f"toolkit {toolkit.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="articles in, a briefing out")
    run.add_argument("inputs", nargs="+", metavar="INPUT", help="file or folder of articles, or a URL")
    run.add_argument("--out", required=True, metavar="DIR", help="run folder to make, or to make again; or a URL")
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
    run.add_argument("--fresh", action="store_true", help="make everything again, whatever the cache holds")
    run.add_argument("--profile", action="store_true", help="tell at the end where time and memory went")
    run.set_defaults(command=_run, children=None)

    _add_batch(commands)
    _add_judging(commands)
    _add_looking(commands)
    return parser


def _add_batch(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    batch = commands.add_parser("batch", help="many runs from a sweep file; only what is missing or changed")
    batch.add_argument("sweep", type=Path, metavar="SWEEP", help="YAML: base, grid, runs, out")
    batch.add_argument("--out", metavar="DIR", help="folder of the runs, instead of the file's")
    where = batch.add_mutually_exclusive_group()
    where.add_argument("--jobs", type=int, metavar="N", help="runs at a time on this machine (half the processors)")
    where.add_argument("--scheduler", default="", metavar="ADDRESS", help="run on a Dask cluster: tcp://host:8786")
    batch.add_argument("--retries", type=int, default=1, metavar="N", help="tries more where something was killed (1)")
    batch.add_argument("--deadline", type=float, default=0, metavar="MINUTES", help="what a run may take (no limit)")
    batch.add_argument("--warm", action="store_true", help="fork kernels from a server (Linux, with --jobs)")
    batch.set_defaults(command=_batch)


def _add_judging(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    evaluate = commands.add_parser("evaluate", help="how good are the theme scores, judged by labels of yours?")
    evaluate.add_argument("labels", metavar="LABELS", help="table with gold labels, and with the articles or their ids")
    evaluate.add_argument("--out", metavar="DIR", help="folder of the page (reports/evaluation-LABELS)")
    evaluate.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    evaluate.add_argument("-p", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    evaluate.set_defaults(command=_evaluate, children=None)
    compare = commands.add_parser("compare", help="two runs: which topics and themes changed, and why?")
    compare.add_argument("runs", nargs=2, metavar="RUN", help="folders of the earlier and the later run")
    compare.add_argument("--out", metavar="DIR", help="folder of the page (reports/EARLIER-to-LATER)")
    compare.set_defaults(command=_compare, children=None)


def _add_looking(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = commands.add_parser("check", help="is a theme file or gazetteer well-formed, and what does each seed do?")
    check.add_argument("file", type=Path, metavar="FILE")
    check.add_argument("--corpus", nargs="+", metavar="INPUT", help="articles on which to try the seeds of themes")
    check.add_argument("--encoder", default="embedded", metavar="NAME", help="as for run")
    check.add_argument("--csv", type=Path, metavar="FILE", help="write what each seed does there, as a table")
    check.set_defaults(command=_check)

    cache = commands.add_parser("cache", help="what is kept of earlier runs: sizes, and how to make it less")
    cache.add_argument("--prune", action="store_true", help="empty it")
    cache.add_argument("--down-to", type=float, metavar="MB", help="remove what was not used for longest, down to MB")
    cache.add_argument("--older-than", type=float, metavar="DAYS", help="remove what was not used for DAYS")
    cache.set_defaults(command=_cache)


def _run(args: argparse.Namespace) -> int:
    from toolkit import remote
    from toolkit.batch import run_notebooks
    from toolkit.plan import plan

    listed = [("inputs", args.inputs), *args.parameters]
    listed += [(name, getattr(args, name)) for name in _SHORT if getattr(args, name) is not None]
    planned = plan(given.once(listed), args.out)
    given.check_files(planned.values)
    with notebook_bar(planned) as progress:
        out = run_notebooks(planned, progress, REPORT, args.children)
    for said in _summary(out, args.profile):
        print(line(said))
    print(f"Report: {remote.join(args.out, 'index.html')}")
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    from toolkit.batch import run_notebooks
    from toolkit.evaluation import copy_figures, plan_evaluation

    planned = plan_evaluation(given.once([("labels", args.labels), *args.parameters]), args.out, args.json)
    given.check_files(planned.values)
    with notebook_bar(planned) as progress:
        out = run_notebooks(planned, progress, REPORT, args.children)
    for said in copy_figures(out, args.json):
        print(line(said))
    print(f"Report: {args.out or out}/index.html")
    return 0


def _compare(args: argparse.Namespace) -> int:
    from toolkit.batch import run_notebooks
    from toolkit.comparison import lines, plan_comparison

    planned = plan_comparison(tuple(args.runs), args.out)
    with notebook_bar(planned) as progress:
        out = run_notebooks(planned, progress, REPORT, args.children)
    for said in lines(out):
        print(line(said))
    print(f"Report: {args.out or out}/index.html")
    return 0


def _summary(out: Path, profile: bool) -> list[str]:
    from toolkit import disk, profiling

    path = out / "tables" / "summary.json"
    found = disk.read_json(path) if path.is_file() else {}
    lines = found.get("lines", []) if isinstance(found, dict) else []
    return [*map(str, lines), *(profiling.lines(disk.read_manifest(out) or {}) if profile else ())]


def _batch(args: argparse.Namespace) -> int:
    import functools

    from toolkit import disk, overview, remote, sweep
    from toolkit.plan import plan
    from toolkit.schema import SettingsError
    from toolkit.settings import BatchSettings

    jobs = max(1, (os.cpu_count() or 2) // 2) if args.jobs is None else args.jobs
    asked = {name: getattr(args, name) for name in ("scheduler", "retries", "deadline", "warm")}
    settings = BatchSettings(jobs=jobs, **asked)
    found = sweep.read_sweep(args.sweep)
    if not (args.out or found.out):
        raise SettingsError(f"{args.sweep} names no folder for the runs: add 'out', or give --out.")
    out = args.out or found.out
    overview.check_index(out)
    digest = functools.cache(disk.input_digest)
    plans = {name: plan(values, remote.join(out, name), digest=digest) for name, values in found.runs.items()}
    for name in ("themes", "gazetteer", "decisions"):
        for path in {str(planned.values[name]) for planned in plans.values() if planned.values.get(name)}:
            given.load(name, Path(path))
    with run_bar(len(plans)) as progress:
        outcomes = sweep.run_sweep(plans, settings, progress, REPORT)
    index = overview.write_index(out, plans, outcomes)
    return _close(outcomes, index)


def _close(outcomes: list[Outcome], index: str) -> int:
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
        given.load(kind, args.file)
        print(f"{args.file}: a gazetteer, well-formed.")
        return 0
    print(*map(plain, check.check_file(args.file)), sep="\n")
    if args.corpus:
        tried = check.check_corpus(args.file, args.corpus, args.encoder, _tell_seeds)
        print(*map(plain, tried.lines), sep="\n")
        if args.csv:
            store.write_csv(tried.table, args.csv)
    return 0


def _tell_seeds(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\rseed {done} of {total}", end="\n" if done == total else "", file=sys.stderr, flush=True)


def _cache(args: argparse.Namespace) -> int:
    from toolkit import pruning

    if args.prune or args.down_to is not None or args.older_than is not None:
        pruning.prune(None if args.down_to is None else int(args.down_to * 1024**2), args.older_than)
    print(*pruning.lines(), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
