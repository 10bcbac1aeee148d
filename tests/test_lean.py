"""Packages that are imported without what is not used: all that is used is there."""

import ast
import gc
import subprocess
import sys
import textwrap

import pytest
from goldens import ROOT

from toolkit import lean, warm
from toolkit.schema import SettingsError


def said(code):
    """Return what a fresh interpreter prints."""
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()


def test_a_postponed_module_is_executed_when_something_of_it_is_used():
    found = said("""
        import sys
        from toolkit import lean
        with lean.postponed({"xml.dom.minidom": (), "statistics": ("mean", "NormalDist")}):
            import statistics, xml.dom.minidom
            from statistics import mean, NormalDist
        def there(name): return name in sys.modules
        print(there("statistics"), there("xml.dom.minidom"))
        print(NormalDist(1).mean, there("statistics"), mean([1, 3]), statistics.median([1, 2, 9]))
        print(xml.dom.minidom.parseString("<a/>").documentElement.tagName, there("xml.dom.minidom"))
    """)
    assert found == ["False", "False", "1.0", "True", "2", "2", "a", "True"]


def test_to_postpone_a_private_module_does_not_import_the_package_that_it_is_in():
    found = said("""
        import sys
        from toolkit import lean
        taken = "FIRST_COMPLETED FIRST_EXCEPTION ALL_COMPLETED CancelledError TimeoutError InvalidStateError"
        taken += " BrokenExecutor Future Executor wait as_completed"
        with lean.postponed({"concurrent.futures._base": taken.split()}):
            print("concurrent" in sys.modules)
            import concurrent.futures
        print("concurrent.futures._base" in sys.modules)
        with lean.postponed({"xml.dom._absent": (), "multiprocessing.dummy._absent": ()}):
            print("xml" in sys.modules, "multiprocessing" in sys.modules)
        print(concurrent.futures.wait([])[0], "concurrent.futures._base" in sys.modules)
    """)
    assert found == ["False", "False", "False", "False", "set()", "True"]


def test_what_is_taken_from_a_postponed_module_afterwards_is_the_thing_itself():
    found = said("""
        from toolkit import lean
        with lean.postponed({"statistics": ("NormalDist",)}):
            from statistics import NormalDist as early
        from statistics import NormalDist
        print(isinstance(NormalDist, type), early.from_samples([1, 2, 3]).mean)
    """)
    assert found == ["True", "2.0"]


def test_a_part_of_bertopic_is_imported_without_bertopic_which_can_be_imported_after():
    found = said("""
        import sys
        from toolkit import naming
        naming.weighing()
        print("bertopic" in sys.modules, "bertopic.vectorizers" in sys.modules, "huggingface_hub" in sys.modules)
        from toolkit import lean
        with lean.only_parts("json"):
            import json
        print(json.dumps([]))
    """)
    assert found == ["False", "True", "False", "[]"]


def test_a_package_that_is_not_there_is_told_by_its_name():
    with pytest.raises(ModuleNotFoundError, match="no_such_package"), lean.only_parts("no_such_package"):
        pass


def test_kernels_start_without_what_packages_import_and_do_not_use():
    found = said("""
        import sys
        from toolkit import kernels, params, warm
        from pathlib import Path
        warm.bring(kernels.imported(Path("notebooks").glob("[1-5]-*.ipynb")))
        import nbformat
        assert nbformat.__version__ and sys.modules["toolkit.figures"].go.Figure()
        print("toolkit.themes" in sys.modules, [name for name in warm._POSTPONED if name in sys.modules])
    """)
    assert found == ["True", "['nbformat']"] and set(warm._POSTPONED) >= {"scipy.stats"}


KERNEL = """
    import os, sys
    from pathlib import Path
    from toolkit import kernels, warm
    sys.modules.update(dict.fromkeys(warm.NEEDLESS))
    warm.bring(kernels.imported(Path("notebooks").glob("[1-5]-*.ipynb")))
"""
"""What a kernel of a run has done before its notebook begins."""
ANALYSTS = """
import numpy.polynomial.polynomial, numpy.polynomial.chebyshev, numpy.f2py.crackfortran, numpy.testing._private.utils
import scipy.interpolate._bsplines, scipy.stats._continuous_distns, scipy.stats.distributions
import scipy.signal, scipy.optimize._linprog_highs, statsmodels.api, sklearn.ensemble
import nbformat.v4.nbbase, wcwidth.wcwidth, requests.adapters, ipywidgets
from numpy.polynomial import *
from scipy.stats import *
"""
"""Imports that an analyst's own cell may hold."""


def late_imports():
    """Return the imports in functions of the toolkit, a statement each."""
    trees = [ast.parse(path.read_text("utf-8")) for path in sorted((ROOT / "toolkit").glob("*.py"))]
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    found = [node for function in functions for node in ast.walk(function)]
    return {ast.unparse(node) for node in found if isinstance(node, ast.Import | ast.ImportFrom)}


def test_whatever_is_imported_late_or_by_an_analysts_cell_can_be_imported_in_the_kernels_of_a_run():
    statements = sorted(late_imports()) + ANALYSTS.strip().splitlines()
    assert len(statements) > 50
    failed = said(f"""{KERNEL}
    from importlib.util import find_spec
    for statement in {statements!r}:
        if os.fork() == 0:
            try:
                exec(statement, {{}})
            except ImportError as error:
                if find_spec(str(error.name).partition(".")[0]):  # else it is an extra that is not installed
                    print(statement.replace(" ", "_"), repr(error).replace(" ", "_"), flush=True)
            os._exit(0)
        assert os.wait()[1] == 0, statement
    """)
    assert not failed


def test_in_the_kernels_of_a_run_a_season_is_told_from_a_trend():
    found = said(f"""{KERNEL}
    import numpy as np, pandas as pd
    from toolkit import detect
    days = pd.date_range("2024-01-01", periods=140, freq="D", tz="UTC")
    hits, totals = np.where(days.dayofweek < 5, 10.0, 2.0)[None], np.full((1, 140), 40.0)
    expected = detect.baseline(detect.Counts(("a",), days, hits, totals))[0][0]
    print(*(expected.reshape(-1, 7)[10].round(2)))
    """)
    assert [float(share) < 0.1 for share in found] == [False] * 5 + [True] * 2


def test_the_files_of_a_package_are_found_without_importing_it_and_a_missing_one_is_named():
    assert said("""
        import sys
        from toolkit import lean
        print((lean.home("wordllama") / "weights").is_dir(), "wordllama" in sys.modules)
    """) == ["True", "False"]
    with pytest.raises(SettingsError, match="no_such_package"):
        lean.home("no_such_package")


def test_no_garbage_is_looked_for_inside_and_again_afterwards():
    assert gc.isenabled()
    with lean.uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
