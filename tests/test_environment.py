"""environment.yml asks for what pyproject.toml asks for, in words that conda understands."""

import importlib.metadata
import tomllib

import pytest
import yaml
from goldens import ROOT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from rattler import MatchSpec, Version, VersionSpec

TEXT = (ROOT / "environment.yml").read_text("utf-8")
ENVIRONMENT = yaml.safe_load(TEXT)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CONDA = [line for line in ENVIRONMENT["dependencies"] if isinstance(line, str) and line != "pip"]
PIP = next(line["pip"] for line in ENVIRONMENT["dependencies"] if isinstance(line, dict))


def conda_specs():
    """Name -> version range, as conda spells it, of the packages from the channel."""
    pairs = (line.split(" ", 1) for line in CONDA)
    return {canonicalize_name(name): spec for name, spec in pairs if name != "python"}


def asked_here():
    """Name -> range of everything in environment.yml but Python."""
    found = {name: SpecifierSet(spec) for name, spec in conda_specs().items()}
    for line in PIP:
        if line != "--editable .":
            requirement = Requirement(line)
            found[canonicalize_name(requirement.name)] = requirement.specifier
    return found


def asked_there():
    """Name -> range of pyproject's dependencies, lab and test."""
    extras = PROJECT["optional-dependencies"]
    requirements = map(Requirement, [*PROJECT["dependencies"], *extras["lab"], *extras["test"]])
    return {canonicalize_name(requirement.name): requirement.specifier for requirement in requirements}


def test_it_says_what_it_is():
    assert ENVIRONMENT["name"] == "toolkit"
    assert ENVIRONMENT["channels"] == ["conda-forge", "nodefaults"]
    assert "Spec-checked, not solved" in TEXT


@pytest.mark.parametrize("line", CONDA)
def test_conda_understands_every_line(line):
    spec = MatchSpec(line, strict=True)
    assert spec.version == line.split(" ", 1)[1]


def test_it_asks_for_the_same_packages_and_ranges_as_pyproject():
    assert asked_here() == asked_there()


def test_it_asks_for_the_same_python_as_pyproject():
    assert f"python {PROJECT['requires-python']}" in CONDA


@pytest.mark.parametrize("name", ["jupyterlab", "bertopic", "pandas", "plotly", "papermill", "pytest", "nbval"])
def test_the_tools_of_the_mission_come_from_the_channel(name):
    assert name in conda_specs()


@pytest.mark.parametrize("name", asked_there())
def test_what_is_installed_is_in_the_range(name):
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        lab = {canonicalize_name(Requirement(line).name) for line in PROJECT["optional-dependencies"]["lab"]}
        assert name in lab, f"{name} is not installed"
        pytest.skip(f"{name} belongs to the extra lab, which is not installed")
    assert version in asked_there()[name]
    if name in conda_specs():
        assert VersionSpec(conda_specs()[name]).matches(Version(version))
