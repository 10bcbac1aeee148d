"""Who may import whom, how large things may be, and what is nowhere to be found, read from the sources."""

import ast
import importlib.util
import re
import subprocess
import sys

import pytest
from goldens import ROOT

MODULES = sorted((ROOT / "toolkit").glob("*.py"))
TREES = {path.stem: ast.parse(path.read_text("utf-8")) for path in MODULES}
BASE = {"lean", "schema", "pieces", "abreast", "settings", "words", "coded", "lexicon", "languages", "stats"}
BASE |= {"exhibits", "style", "nodes", "periods", "processors", "numbered", "kmeans"}
STAGES = {
    "ingest": {"ingest", "readers", "documents", "encoding", "columns", "carried", "dates"},
    "clean": {"clean", "boilerplate"},
    "dedupe": {"dedupe", "shingles"},
    "embed": {"embed", "encoders", "vectors", "wordvectors", "subwords", "transformer", "compiled", "batches"}
    | {"space"},
    "themes": {
        "themes",
        "themefile",
        "matching",
        "units",
        "plain",
        "subjects",
        "learning",
        "learnt",
        "regression",
        "seeds",
        "suggest",
        "faults",
    },
    "topics": {"topics", "sampling", "sharpening", "clusters", "naming", "layout", "stability", "levels"},
    "trends": {"trends", "intervals", "clumps", "changes", "mix", "findings", "terms"}
    | {"detect", "chance", "breaks", "bursts", "scan", "watch", "weak", "emerging", "overtime"},
    "actors": {"actors", "gazetteer"},
    "counts": {"counts"},
    "figures": {"figures", "topic_figures", "trend_figures", "evaluate_figures", "compare_figures"}
    | {"course_figures"},
    "tables": {"tables", "trend_tables", "evaluate_tables", "label_tables", "doubt_tables", "run_tables"},
    "gold": {"gold"},
    "labels": {"labels", "ask"},
    "evaluate": {"evaluate", "measures", "peers"},
    "briefing": {"briefing"},
    "store": {"store", "disk", "arrays", "parquet", "progress", "heads", "spool"},
    "cache": {"blobs", "pruning", "keeping", "cache", "columnwise"},
    "searching": {"searching", "wordindex", "neighbours"},
    "planting": {"planting"},
    "decisions": {"decisions", "decisionfile", "refinding"},
    "comparing": {"comparing", "pairing"},
    "explore": {"explore", "opened", "narrow", "shown", "nearest", "panes", "screen", "map_pane"} | {"stills"},
}
RUNNER = {"params", "plan", "batch", "kernels", "profiling", "reuse", "sweep", "evaluation", "comparison"}
RUNNER |= {"runner", "executing", "notebook", "overlap", "warm", "remote", "lease", "place", "children", "engine"}
RUNNER |= {"overview", "unread"}
REPORT = {"report", "pages", "lines", "blocks", "made"}
CHECK = {"check", "beside"}
READING = {"reading"}
START = {"starting", "steps"}
DESK = {"desk", "pending"}
GROUPS = {
    **STAGES,
    "base": BASE,
    "check": CHECK,
    "reading": READING,
    "runner": RUNNER,
    "report": REPORT,
    "start": START,
    "desk": DESK,
    "cli": {"cli", "bars", "given"},
    "package": {"__init__"},
}
GROUP = {module: group for group, modules in GROUPS.items() for module in modules}
MAY = {
    **{stage: {"base"} for stage in STAGES},
    "base": set(),
    "embed": {"base", "cache"},  # a transformer takes seconds to be rounded and compiled
    "runner": {"base", "store", "package", "cache"},
    "report": {"base", "store"},
    "labels": {"base", "ingest", "store"},  # answers are read as tables are, and written as tables are
    "gold": {"base", "ingest"},  # labels come in by the readers that articles come in by
    "store": {"base", "package"},
    "cache": {"base", "store"},
    "searching": {"base", "store", "embed"},  # a query is read by the encoder that read the articles
    "planting": {"base", "store", "themes"},  # a seed is put into the theme file, which is read again by its reader
    "decisions": {"base", "store", "topics"},  # what is merged or split is described anew, as topics are
    "comparing": {"base", "store"},
    "check": {"base", "store", "ingest", "clean", "embed", "themes", "tables"},  # composes stages, as a notebook does
    "reading": {"base", "store", "embed", "themes"},  # composes stages, batch by batch
    "start": {"base", "store", "ingest", "themes", "runner", "desk"},  # runs, and opens the result
    # joins the view to what keeps and finds, and shows at once what the next run will make of it
    "desk": {"base", "store", "searching", "planting", "decisions", "labels", "topics", "trends", "explore"},
    "explore": {"base", "store", "counts", "figures", "trends", "tables", "package"},  # the edge in JupyterLab
    "cli": {"base", "store", "runner", "themes", "actors", "decisions", "check", "package", "cache"},
    "package": set(),
}
"""Group -> the groups that it may import, besides itself."""
TYPES: set[tuple[str, str]] = set()
"""What a module may import only as a type."""
SLOW = {"numba", "torch", "umap", "hdbscan", "sentence_transformers", "datamapplot", "llvmlite", "openvino"}

DEF = (ast.FunctionDef, ast.ClassDef)

each_module = pytest.mark.parametrize("name", TREES)


def imports(tree):
    """Return the dotted names that a module imports, wherever in it: ``toolkit.schema.Kept``, ``pandas``."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def inner(name):
    """Return the project's own modules that a module imports, and the name taken from each."""
    parts = [found.split(".") for found in imports(TREES[name]) if found.split(".")[0] == "toolkit"]
    return {(found[1] if len(found) > 1 else "__init__", ".".join(found[1:])) for found in parts}


def outer(tree):
    """Return the top-level packages that a module imports."""
    return {found.split(".")[0] for found in imports(tree)}


def functions(tree):
    """Return every function of a module."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def calls(tree):
    """Return the names that are called, such as ``print`` or ``sys.exit``."""
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


# Who imports whom -----------------------------------------------------------------------------------------------


def test_every_module_has_its_place():
    assert set(TREES) == set(GROUP)


@each_module
def test_a_module_imports_only_its_group_and_those_below(name):
    allowed = MAY[GROUP[name]] | {GROUP[name]}
    wrong = {taken for module, taken in inner(name) if GROUP.get(module) not in allowed and (name, taken) not in TYPES}
    assert not wrong


def test_no_two_modules_import_each_other():
    below = {name: {module for module, _ in inner(name)} - {"__init__"} for name in TREES}
    while ready := {name for name, needs in below.items() if not needs}:
        below = {name: needs - ready for name, needs in below.items() if name not in ready}
    assert not below


@pytest.mark.parametrize(
    ("package", "only"),
    [
        ("bertopic", {"naming", "peers"}),
        ("papermill", {"notebook"}),
        ("argparse", {"cli"}),
        ("jinja2", {"report", "overview"}),
        ("distributed", {"engine"}),
        ("fsspec", {"remote"}),
    ],
)
def test_a_large_dependency_has_one_door(package, only):
    assert {name for name, tree in TREES.items() if package in outer(tree)} == only


@each_module
def test_no_module_imports_tests_or_what_stores_code(name):
    forbidden = {"tests", "conftest", "goldens", "pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    assert not outer(TREES[name]) & forbidden


# What a module may do -------------------------------------------------------------------------------------------


@each_module
def test_only_the_command_line_prints_or_exits(name):
    if name != "cli":
        forked = {"os._exit"} if name in ("abreast", "runner", "warm") else set()
        words = {"print", "exit", "quit", "sys.exit", "os._exit", "input", "breakpoint"}
        assert not calls(TREES[name]) & (words - forked)


@each_module
def test_nothing_is_evaluated_and_yaml_is_read_safely(name):
    assert not calls(TREES[name]) & {"eval", "exec", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "os.system"}
    taken = [found for found in imports(TREES[name]) if found.startswith("yaml.")]
    assert not taken, "yaml is imported whole, so that safe_load shows"


@each_module
def test_no_error_is_caught_blindly(name):
    caught = [node for node in ast.walk(TREES[name]) if isinstance(node, ast.ExceptHandler)]
    kinds = [item for node in caught for item in getattr(node.type, "elts", [node.type])]
    assert all(kind is not None and ast.unparse(kind) not in ("Exception", "BaseException") for kind in kinds)
    hidden = [call for node in ast.walk(TREES[name]) if isinstance(node, ast.Call) for call in [ast.unparse(node)]]
    assert not [call for call in hidden if re.match(r"(contextlib\.)?suppress\((Base)?Exception", call)]


# How large things are -------------------------------------------------------------------------------------------


@each_module
def test_a_module_can_be_read_in_one_go(name):
    lines = (ROOT / "toolkit" / f"{name}.py").read_text("utf-8").splitlines()
    assert len(lines) <= 320


def body_lines(function):
    """Count the lines of a function's body, without its docstring."""
    said = ast.get_docstring(function) is not None
    statements = function.body[1:] if said and len(function.body) > 1 else function.body
    return function.end_lineno - statements[0].lineno + 1


@each_module
def test_a_function_fits_on_a_screen(name):
    sizes = {function.name: body_lines(function) for function in functions(TREES[name])}
    assert not {function: size for function, size in sizes.items() if size > 40}


@each_module
def test_a_function_takes_at_most_six_parameters(name):
    taken = {f.name: len(f.args.posonlyargs + f.args.args + f.args.kwonlyargs) for f in functions(TREES[name])}
    assert not {function: count for function, count in taken.items() if count > 6}


@each_module
def test_what_is_public_says_what_it_is_and_takes(name):
    assert ast.get_docstring(TREES[name])
    classes = [node for node in TREES[name].body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    owners = [TREES[name], *classes]
    things = [node for owner in owners for node in owner.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    for node in (node for node in things if not node.name.startswith("_")):
        assert ast.get_docstring(node), f"{node.name} has no docstring"
        if isinstance(node, ast.FunctionDef):
            given = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            bare = [arg.arg for arg in given if arg.annotation is None and arg.arg not in ("self", "cls")]
            assert node.returns is not None and not bare, f"{node.name} lacks annotations: {bare}"


# What a process loads -------------------------------------------------------------------------------------------


def loaded(names, wanted):
    """Return those of `wanted` that a fresh process has loaded when it has imported `names`."""
    code = f"import sys, {', '.join(names)}; print(*({wanted!r} & sys.modules.keys()))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(ran.stdout.split())


@each_module
def test_what_costs_half_a_minute_is_asked_for_by_name_alone(name):
    atop = {item for node in TREES[name].body for item in outer(ast.Module([node], [])) if not isinstance(node, DEF)}
    assert not atop & SLOW
    doors = {"transformer": {"sentence_transformers", "torch"}, "compiled": {"openvino", "torch"}}
    doors["batches"] = doors["compiled"]
    assert outer(TREES[name]) & SLOW <= doors.get(name, set())


def test_no_module_loads_what_costs_half_a_minute():
    assert not loaded([f"toolkit.{name}" for name in TREES if name != "__init__"], SLOW)


def test_bertopic_as_locked_loads_nothing_slow_either():
    if any(map(importlib.util.find_spec, SLOW)):
        pytest.skip("installed with umap and hdbscan or sentence-transformers, which BERTopic loads itself")
    assert not loaded(["toolkit.naming", "bertopic"], SLOW)


def test_the_command_line_answers_before_anything_large_is_loaded():
    assert not loaded(["toolkit.cli"], {"pandas", "sklearn", "bertopic", "plotly", "papermill"})


# What no file holds ---------------------------------------------------------------------------------------------


def repository_files():
    """Return the files that Git has or would take, as text; without Git, those of the known folders."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    names = listed.stdout.splitlines() if listed.returncode == 0 else []
    known = [path for folder in ("toolkit", "tests", "notebooks", "data") for path in (ROOT / folder).rglob("*")]
    paths = [ROOT / name for name in names] or known
    return [path for path in paths if path.is_file() and path.suffix not in (".png", ".parquet", ".gz", ".whl", ".pyc")]


def test_no_file_names_a_registry_or_a_path_of_one_machine():
    hosts = ["pypi" + ".org", "pythonhosted" + ".org", "anaconda" + ".org", "anaconda" + ".com", "npmjs" + ".org"]
    places = "|".join(map(re.escape, [f"{ROOT}/", "/home" + "/", "/Users" + "/", "/root" + "/"]))
    forbidden = re.compile("|".join([*map(re.escape, hosts), rf"(?<![\w.)/-])(?:{places})"]))
    wrong = []
    for path in repository_files():
        found = forbidden.findall(path.read_text("utf-8", errors="replace"))
        wrong += [f"{path.relative_to(ROOT)}: {word}" for word in found]
    assert not wrong
