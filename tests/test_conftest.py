"""What the tests may do without on a person's machine, CI may not; and no test touches the user's own caches."""

import tempfile
from pathlib import Path

import conftest
import pytest

from toolkit.settings import cache_home


@pytest.fixture
def no_corpora(monkeypatch, tmp_path):
    monkeypatch.setattr(conftest, "CORPORA", tmp_path / "absent")


def test_without_the_corpora_a_test_is_skipped_and_says_so(no_corpora, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="shared/data"):
        conftest.find_corpora()


def test_without_the_corpora_a_test_fails_in_ci(no_corpora, monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="shared/data"):
        conftest.find_corpora()


@pytest.mark.corpora
def test_the_corpora_are_found_from_the_repository_root(corpora):
    assert (corpora / "README.md").is_file()


def test_caches_of_tests_are_their_own():
    assert cache_home().is_relative_to(Path(tempfile.gettempdir()))
