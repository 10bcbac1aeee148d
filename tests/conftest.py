"""What holds for all tests: their environment, what they may skip, and how golden notebooks are compared."""

import os
import shutil
import tempfile
from pathlib import Path

import goldens
import pytest
from nbval.plugin import IPyNbFile

CORPORA = goldens.ROOT.parent / "shared" / "data"


def pytest_configure(config):
    scratch = tempfile.TemporaryDirectory(prefix="tests-", ignore_cleanup_errors=True)
    config.add_cleanup(scratch.cleanup)
    os.environ.update(goldens.environment(scratch.name))
    if config.option.nbval:
        shutil.rmtree(goldens.RUNS, ignore_errors=True)
        config.add_cleanup(lambda: shutil.rmtree(goldens.RUNS, ignore_errors=True))


# What a test may do without, and CI may not ---------------------------------------------------------------------


def find_corpora():
    """Return the folder of the real corpora; where it is missing, skip the test, or fail it in CI."""
    if not CORPORA.is_dir():
        missing = "the real corpora are not in ../shared/data, seen from the repository root"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return CORPORA


@pytest.fixture(scope="session")
def corpora():
    """The folder of the real corpora."""
    return find_corpora()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if item.get_closest_marker("corpora"):
        find_corpora()
    if item.get_closest_marker("browser"):
        from browser import find_chromium

        find_chromium()


# Golden notebooks ---------------------------------------------------------------------------------------------


class Golden(IPyNbFile):
    """A golden notebook: refused if comparing with it proves nothing, compared by what `goldens` says."""

    def collect(self):
        cells = list(super().collect())
        fault = goldens.find_fault(self.nb)
        if not fault and self.config.option.nbval_lax:
            fault = "--nbval-lax compares nothing: use --nbval"
        if fault:
            name = Path(self.path).name
            raise self.CollectError(f"The golden notebook {name} is of no use: {fault}. Run `make goldens`.")
        for cell in cells:
            cell.compare_outputs = _compare(cell.compare_outputs, cell.cell.source)
        return cells


def _compare(compare_outputs, source):
    """Compare as `goldens` says; nbval's kernels show the value of a last line that a semicolon silences."""
    silent = {"execute_result"} if source.rstrip().endswith(";") else set()

    def compare(test, ref):
        heard = [output for output in test if output["output_type"] not in silent]
        return compare_outputs(goldens.compared(heard), goldens.compared(ref))

    return compare


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    found = yield
    return [Golden.from_parent(parent, path=file_path) if isinstance(node, IPyNbFile) else node for node in found]
