"""Packages that are imported without what is not used: all that is used is there."""

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
        def executed(name): return "__builtins__" in vars(sys.modules[name])
        print(executed("statistics"), executed("xml.dom.minidom"))
        print(NormalDist(1).mean, executed("statistics"), mean([1, 3]), statistics.median([1, 2, 9]))
        print(xml.dom.minidom.parseString("<a/>").documentElement.tagName, executed("xml.dom.minidom"))
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
            print("__builtins__" in vars(sys.modules["concurrent.futures._base"]))
        with lean.postponed({"xml.dom._absent": (), "multiprocessing.dummy._absent": ()}):
            print("xml" in sys.modules, "multiprocessing" in sys.modules)
        print(concurrent.futures.wait([])[0])
    """)
    assert found == ["False", "False", "False", "False", "set()"]


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
        executed = [name for name in warm._POSTPONED if "__builtins__" in vars(sys.modules[name])]
        print(executed, "toolkit.themes" in sys.modules)
    """)
    assert found == ["[]", "True"] and set(warm._POSTPONED) >= {"scipy.stats"}


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
