"""nie.disk.atomic."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nie.disk.atomic import atomic_file, atomic_folder, publish_folder
from nie.disk.leftovers import moved_aside, sweep
from nie.disk.writable import check_writable
from nie.errors import NieError


def test_a_file_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "a.txt"
    with atomic_file(target) as temporary:
        temporary.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert [path.name for path in target.parent.iterdir()] == ["a.txt"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_file(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("old", ["old", None])
def test_a_file_is_written_where_a_link_leads(old: str | None, tmp_path: Path) -> None:
    real, link = tmp_path / "kept" / "a.txt", tmp_path / "link.txt"
    link.symlink_to("kept/a.txt")
    if old:
        real.parent.mkdir()
        real.write_text(old)
    check_writable(link)
    with atomic_file(link) as temporary:
        temporary.write_text("new")
    assert (os.readlink(link), real.read_text()) == ("kept/a.txt", "new")
    assert {path.name for path in tmp_path.rglob("*")} == {"kept", "a.txt", "link.txt"}


def test_a_pipe_is_no_place_for_a_file(tmp_path: Path) -> None:
    """Nor is a device: a file would be put in its place."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(NieError, match="is a device, a pipe or a socket; give the name of a file"):
            check_writable(path)
        with pytest.raises(NieError, match="is a device, a pipe or a socket"), atomic_file(path):
            raise AssertionError("nothing is written")
    assert pipe.is_fifo()
    assert link.is_symlink()


@pytest.mark.parametrize("writer", [atomic_file, atomic_folder])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(writer, tmp_path: Path) -> None:
    with pytest.raises(NieError, match="disk is full"), writer(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    target = tmp_path / "data"
    for content in ("first", "second"):
        with atomic_folder(target) as temporary:
            (temporary / content).touch()
    assert [path.name for path in target.iterdir()] == ["second"]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_folder_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "data"
    with atomic_folder(target) as temporary:
        (temporary / "first").touch()
    with pytest.raises(RuntimeError), atomic_folder(target) as temporary:
        raise RuntimeError
    assert [path.name for path in target.iterdir()] == ["first"]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NieError, match="cannot be written"), atomic_file(tmp_path / "a"):
        raise PermissionError(errno.EACCES, "Permission denied")


@pytest.mark.parametrize("writer", [atomic_file, atomic_folder])
def test_a_failing_disk_is_one_sentence_and_leaves_nothing(writer, tmp_path: Path) -> None:
    with pytest.raises(NieError, match="disk reports an error"), writer(tmp_path / "a"):
        raise OSError(errno.EIO, "Input/output error")
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, sys
from pathlib import Path
from nie.disk.atomic import atomic_file, atomic_folder
with {writer}(Path(sys.argv[1]) / "a"):
    os._exit(0)
"""


@pytest.mark.parametrize("writer", [atomic_file, atomic_folder])
def test_what_a_killed_writer_left_is_removed_by_the_next_and_a_living_one_keeps_its_own(
    writer, tmp_path: Path
) -> None:  # fmt: skip
    subprocess.run([sys.executable, "-c", KILLED.format(writer=writer.__name__), tmp_path], check=True)
    assert len(list(tmp_path.iterdir())) == 1
    with writer(tmp_path / "a") as temporary:
        assert list(tmp_path.iterdir()) == [temporary]
        sweep(tmp_path)
        assert list(tmp_path.iterdir()) == [temporary]


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_folder_takes_the_place_of_another(exchanges: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not exchanges:
        monkeypatch.setattr("nie.disk.atomic._exchange", lambda *_paths: False)
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    publish_folder(tmp_path / "new", tmp_path / "old")
    assert [path.name for path in tmp_path.rglob("*")] == ["old", "new"]


def test_a_folder_that_was_moved_aside_is_put_back_after_a_kill(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "whole").touch()
    child = os.fork()
    if child == 0:
        with moved_aside(tmp_path / "a"):
            os._exit(0)
    os.waitpid(child, 0)
    assert not (tmp_path / "a").exists()
    sweep(tmp_path, "a")
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "whole"]


def test_a_hidden_file_of_somebodys_own_stays(tmp_path: Path) -> None:
    for name in (".a.csv.settings2", ".a.csv.ab12_xyz.csv", ".a.csv.nie-short", ".a.csv"):
        (tmp_path / name).touch(0o600)
        os.utime(tmp_path / name, (0, 0))
    sweep(tmp_path, "a.csv")
    assert len(list(tmp_path.iterdir())) == 4
