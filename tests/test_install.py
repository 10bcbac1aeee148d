"""The lock files install what pyproject.toml asks for, every file checked by its hash, and nothing heavy."""

import itertools
import re
import tomllib

import pytest
from goldens import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
HEAVY = {"torch", "numba", "llvmlite", "umap-learn", "hdbscan", "sentence-transformers", "datamapplot"}
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def read_lock(path):
    """Return the lock's requirements with their hashes: pairs (Requirement, hashes)."""
    joined = path.read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [(Requirement(line.split("--hash")[0].strip()), HASH.findall(line)) for line in lines]


def pins(name):
    """Return package -> the versions that a lock pins (several where they depend on the platform)."""
    pairs = [(canonicalize_name(found.name), str(found.specifier)) for found, _ in read_lock(lock(name))]
    versions = {}
    for package, specifier in pairs:
        assert specifier.startswith("=="), f"{package} is not pinned"
        versions.setdefault(package, set()).add(specifier.removeprefix("=="))
    return versions


def lock(name):
    """Return the path of a lock file."""
    return ROOT / "requirements" / f"{name}.txt"


def test_there_is_a_lock_for_running_testing_and_every_extra():
    assert {path.stem for path in LOCKS} >= {"run", *EXTRAS}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_every_line_is_pinned_and_hashed(path):
    for requirement, hashes in read_lock(path):
        assert str(requirement.specifier).startswith("=="), f"{requirement} is not pinned"
        assert hashes, f"{requirement} has no hash"


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_no_lock_names_where_packages_come_from(path):
    text = path.read_text("utf-8")
    assert not re.search(r"https?:|index-url|find-links|trusted-host|@ file", text)


@pytest.mark.parametrize("name", ["run", "test", "lab", "cluster"])
def test_what_costs_half_a_minute_in_every_process_is_not_installed(name):
    assert not HEAVY & set(pins(name))


def test_torch_is_in_no_lock():
    assert not [path.name for path in LOCKS if "torch" in pins(path.stem)]


WANTED = [("run", line) for line in PROJECT["dependencies"]]
WANTED += [(extra, line) for extra, lines in EXTRAS.items() for line in lines]


@pytest.mark.parametrize(("name", "line"), WANTED, ids=lambda value: re.split("[<>=]", value)[0])
def test_a_lock_pins_what_pyproject_asks_for_within_its_range(name, line):
    wanted = Requirement(line)
    found = pins(name).get(canonicalize_name(wanted.name))
    assert found, f"{wanted.name} is not in {name}.txt: run `make lock`"
    assert all(version in wanted.specifier for version in found)


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations([path.stem for path in LOCKS], 2)))
def test_two_locks_agree_on_what_both_pin(one, other):
    mine, theirs = pins(one), pins(other)
    assert {name: mine[name] for name in mine.keys() & theirs} == {name: theirs[name] for name in mine.keys() & theirs}
