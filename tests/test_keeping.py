"""What is kept is given back exactly or not at all, whoever was killed, whatever was damaged, whoever else is at it."""

import os
import signal
import subprocess
import sys
import time

import pytest
from goldens import ROOT

from toolkit import blobs, cli, keeping, pruning, settings
from toolkit.schema import SettingsError

MB = 1024**2


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A cache of its own, and a folder with two files to be kept."""
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "run" / "tables").mkdir(parents=True)
    (tmp_path / "run" / "tables" / "a.parquet").write_bytes(b"a" * 5000)
    (tmp_path / "run" / "b.csv").write_bytes(b"b")
    (tmp_path / "to").mkdir()
    return tmp_path


NAMES = ("tables/a.parquet", "b.csv")


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def some(place, name, size, kind="kind", used=None):
    """Keep a file of `size` bytes as an entry, last used at `used`."""
    (place / "run" / name).write_bytes(os.urandom(size))
    assert keeping.keep(kind, name, place / "run", [name])
    if used is not None:
        os.utime(blobs.entry_path(kind, name), (used, used))


def left():
    """The keys of all entries; what a killed writer left aside is none."""
    return {path.stem for path in blobs.files(blobs.home() / "entries") if path.suffix == ".json"}


# Kept and taken -------------------------------------------------------------------------------------------------


def test_what_is_kept_is_taken_as_it_was_in_the_order_in_which_it_was_kept(place):
    assert keeping.take("kind", "k", place / "to") == keeping.ABSENT
    assert keeping.keep("kind", "k", place / "run", NAMES)
    assert keeping.take("kind", "k", place / "to") == keeping.TAKEN
    assert contents(place / "to") == contents(place / "run")
    first, second = ((place / "to" / name).stat().st_mtime_ns for name in NAMES)
    assert first < second


def test_what_was_taken_is_known_without_being_read_again_until_somebody_writes_to_it(place, monkeypatch):
    assert keeping.keep("kind", "k", place / "run", NAMES) and keeping.take("kind", "k", place / "to") == keeping.TAKEN
    digest, read = blobs.file_digest, []
    monkeypatch.setattr(blobs, "file_digest", lambda path: (read.append(path), digest(path))[1])
    path = place / "to" / NAMES[0]
    assert blobs.known_digest(path) == digest(place / "run" / NAMES[0]) and not read
    path.write_bytes(b"b" * 5000)
    assert blobs.known_digest(path) == digest(path) and read == [path]


def test_no_run_can_write_into_what_is_kept(place):
    keeping.keep("kind", "k", place / "run", NAMES)
    for folder in ("run", "to"):
        keeping.take("kind", "k", place / folder)
        for name in NAMES:
            with (place / folder / name).open("r+b") as file:
                file.write(b"changed")
    assert keeping.take("kind", "k", place / "to") == keeping.TAKEN
    assert contents(place / "to")["b.csv"] == b"b"


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: b"x" + data[1:], lambda data: b""])
@pytest.mark.parametrize("part", ["entries", "blobs"])
def test_what_is_damaged_is_not_believed_and_is_kept_anew(place, part, damage):
    keeping.keep("kind", "k", place / "run", NAMES)
    for path in blobs.files(blobs.home() / part):
        path.write_bytes(damage(path.read_bytes()))
    assert keeping.take("kind", "k", place / "to") == keeping.DAMAGED
    assert contents(place / "to") == {}
    assert keeping.take("kind", "k", place / "to") == keeping.ABSENT
    assert keeping.keep("kind", "k", place / "run", NAMES)
    assert keeping.take("kind", "k", place / "to") == keeping.TAKEN


def test_a_record_that_names_a_file_outside_is_damaged(place):
    keeping.keep("kind", "k", place / "run", NAMES)
    made = dict.fromkeys(["../stolen"], blobs.file_digest(place / "run" / "b.csv"))
    blobs.write_entry(blobs.entry_path("kind", "k"), made)
    assert keeping.take("kind", "k", place / "to") == keeping.DAMAGED
    assert not (place / "stolen").exists()


def test_a_cache_that_cannot_be_written_is_done_without(place, monkeypatch):
    (place / "file").write_text("")
    monkeypatch.setenv("TOOLKIT_CACHE", str(place / "file"))
    with pytest.warns(UserWarning, match="is not used"):
        assert not keeping.keep("kind", "k", place / "run", NAMES)
    assert keeping.take("kind", "k", place / "to") == keeping.ABSENT


def test_nothing_is_taken_where_all_is_to_be_made_again(place, monkeypatch):
    keeping.keep("kind", "k", place / "run", NAMES)
    monkeypatch.setenv("TOOLKIT_FRESH", "1")
    assert keeping.take("kind", "k", place / "to") == keeping.ABSENT


# Keys -----------------------------------------------------------------------------------------------------------


def test_a_key_follows_what_it_is_made_of_the_code_and_its_packages(monkeypatch):
    keys = [keeping.make_key("a", {"b": 1}), keeping.make_key("a", {"b": 2}), keeping.make_key("a")]
    assert keeping.make_key("a", {"b": 1}) == keys[0]
    monkeypatch.setattr(keeping, "_installed", lambda: "another pandas")
    keys.append(keeping.make_key("a"))
    monkeypatch.setattr(keeping, "_LOADED", "other code")
    keys.append(keeping.make_key("a"))
    assert len(set(keys)) == 5


def test_the_code_is_every_file_of_the_package_and_no_tool_of_its_tests(tmp_path, monkeypatch):
    monkeypatch.setattr(keeping, "_PACKAGE", tmp_path)
    found = [keeping.source_digest()]
    for name in ("a.py", "subjects.yml", "templates/page.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
        found.append(keeping.source_digest())
    (tmp_path / "a.py").write_text("2")
    assert len({*found, keeping.source_digest()}) == 5
    assert '"scikit-learn"' in keeping._installed() and '"pytest"' not in keeping._installed()


def test_nothing_is_kept_or_taken_where_the_source_was_edited_since_it_was_loaded(place, monkeypatch):
    keeping.keep("kind", "k", place / "run", NAMES)
    monkeypatch.setattr(keeping, "source_digest", lambda: "edited")
    assert keeping.take("kind", "k", place / "to") == keeping.ABSENT
    assert not keeping.keep("kind", "other", place / "run", NAMES)
    assert left() == {"k"}


# Killed, and at the same time -------------------------------------------------------------------------------------

CODE = """
import os, sys
from pathlib import Path
from toolkit import keeping, pruning
place, role = Path(sys.argv[1]), sys.argv[2]
(place / role).mkdir()
for number in range(int(sys.argv[3])):
    key = str(number % 20)
    if role.startswith("write"):
        for name in "ab":
            (place / role / name).write_bytes((key + name).encode() * 200_000)
        keeping.keep("kind", key, place / role, "ab")
    elif role == "prune":
        pruning.prune(3_000_000)
    elif keeping.take("kind", key, place / role) == keeping.TAKEN:
        for name in "ab":
            assert (place / role / name).read_bytes() == (key + name).encode() * 200_000, key
"""


def start(place, role, rounds):
    words = [sys.executable, "-c", CODE, str(place), role, str(rounds)]
    return subprocess.Popen(words, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True)


def test_what_a_killed_process_left_is_whole_or_not_there(place):
    for number in range(3):
        with start(place, f"write{number}", 10_000) as killed:
            seen = len(left())
            while len(left()) == seen and killed.poll() is None:
                time.sleep(0.01)
            time.sleep(0.013 * number)
            killed.send_signal(signal.SIGKILL)
    assert left()
    for key in left():
        assert keeping.take("kind", key, place / "to") == keeping.TAKEN
        assert contents(place / "to") == {name: (key + name).encode() * 200_000 for name in "ab"}
    pruning.prune()
    assert pruning.total() == 0


def test_a_record_that_was_written_aside_only_is_never_taken_and_goes_with_the_next_pruning(place):
    assert keeping.keep("kind", "k", place / "run", NAMES)
    record = blobs.entry_path("kind", "k")
    aside = record.rename(record.with_name(".k.json.0123abcd"))
    assert keeping.take("kind", "k", place / "to") == keeping.ABSENT
    assert contents(place / "to") == {}
    pruning.prune()
    assert not aside.exists()
    assert pruning.total() == 0


def test_writers_readers_and_a_pruner_at_the_same_time_never_give_back_anything_wrong(place):
    roles = ("write1", "write2", "read1", "read2", "prune")
    running = [start(place, role, 40) for role in roles]
    assert [(child.communicate()[1], child.returncode) for child in running] == [("", 0)] * len(roles)


# Sizes ----------------------------------------------------------------------------------------------------------


def test_pruning_takes_what_was_not_used_for_longest_and_what_is_too_old(place):
    now = time.time()
    for days, name in enumerate("abcd"):
        some(place, name, MB, used=now - days * 86_400)
    keeping.take("kind", "c", place / "to")
    pruning.prune(days=2.5)
    assert left() == {"a", "b", "c"}
    pruning.prune(most=2 * MB)
    assert left() == {"a", "c"}
    assert pruning.total() == 2 * MB
    assert keeping.keep("kind", "of no files", place / "run", [])
    blobs.entry_path("kind", "damaged").write_text("{")
    pruning.prune()
    assert left() == set()
    assert pruning.total() == 0


def test_what_two_entries_share_is_stored_once_and_stays_while_one_of_them_does(place):
    (place / "run" / "b.csv").write_bytes(b"b" * MB)
    keeping.keep("kind", "old", place / "run", ["b.csv"])
    os.utime(blobs.entry_path("kind", "old"), (0, 0))
    keeping.keep("kind", "new", place / "run", ["b.csv"])
    assert pruning.total() == MB
    pruning.prune(days=1)
    assert left() == {"new"}
    assert keeping.take("kind", "new", place / "to") == keeping.TAKEN


def test_the_oldest_go_when_all_is_above_the_limit(place, monkeypatch):
    monkeypatch.setenv("TOOLKIT_CACHE_GB", str(3.5 / 1024))
    for number, name in enumerate("abcdef"):
        some(place, name, MB, used=1000 + number)
    some(place, "last", MB)
    assert "last" in left() and "a" not in left()
    assert pruning.total() <= 3.5 * MB
    some(place, "huge", 5 * MB)
    assert "huge" not in left()


@pytest.mark.parametrize("given", ["much", "0", "-1", "inf", "nan"])
def test_a_limit_that_is_none_is_refused(monkeypatch, given):
    monkeypatch.setenv("TOOLKIT_CACHE_GB", given)
    with pytest.raises(SettingsError, match="TOOLKIT_CACHE_GB is"):
        settings.cache_limit()


def test_the_command_shows_each_kind_and_makes_it_less(place, capsys):
    some(place, "a", 2 * MB, "1-corpus", used=0)
    some(place, "b", MB, "mentions")
    (place / "cache" / "embeddings.sqlite").write_bytes(b"0" * MB)
    assert cli.main(["cache"]) == 0
    head, *kinds = capsys.readouterr().out.splitlines()
    assert head == f"{place / 'cache'}: 4.0 MB of at most 10,240 MB"
    assert [(line.split()[0], line.split(" MB")[0].split()[-1]) for line in kinds] == [
        ("1-corpus", "2.0"),
        ("mentions", "1.0"),
        ("vectors", "1.0"),
    ]
    assert "1 kept, last used 1970-01-01" in kinds[0]
    assert cli.main(["cache", "--older-than", "30"]) == 0
    assert cli.main(["cache", "--down-to", "1"]) == 0
    assert pruning.total() <= MB
    assert cli.main(["cache", "--prune"]) == 0
    assert pruning.total() == 0


def test_what_was_fetched_and_what_is_to_be_sent_is_shown_and_pruned_and_bounds_nothing(place, capsys, monkeypatch):
    home, now = place / "cache", time.time()
    for name, days in (("fetched/a/corpus.csv", 40), ("fetched/b/corpus.csv", 1), ("outgoing/c/run/x", 40)):
        (home / name).parent.mkdir(parents=True)
        (home / name).write_bytes(b"0" * MB)
        for path in (home / name, *(home / name).parents[:2]):
            os.utime(path, (now - days * 86_400,) * 2)
    (home / "outgoing" / "made" / "run").mkdir(parents=True)
    (home / "outgoing" / "made" / "run" / "x").write_bytes(b"0" * MB)
    monkeypatch.setenv("TOOLKIT_CACHE_GB", "0.0001")
    pruning.bound()
    assert pruning.total() == 4 * MB
    assert cli.main(["cache"]) == 0
    said = capsys.readouterr().out
    assert "corpora fetched" in said and "reports to be sent" in said
    pruning.prune(days=30)
    assert sorted(path.name for path in [*home.glob("fetched/*"), *home.glob("outgoing/*")]) == ["b", "made"]
    pruning.prune()
    assert [path.name for path in [*home.glob("fetched/*"), *home.glob("outgoing/*")]] == ["made"], "it is being made"
