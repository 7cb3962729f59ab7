from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import pytest

from nie.data.raw import checksums, find_packed, find_raw, open_text, read_lines, read_rows
from nie.errors import NieError


def test_order_of_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flag, env, root = tmp_path / "flag", tmp_path / "env", tmp_path / "root"
    monkeypatch.setenv("NIE_RAW_DIR", str(env))
    with pytest.raises(NieError, match=r"env/fb15k or .*root/fb15k/raw; run `nie data fetch fb15k`"):
        find_raw("fb15k", root=root)
    for name in ("db15k", "mkg-w"):  # which nothing fetches
        with pytest.raises(NieError, match=rf"root/{name}/raw; give --raw DIR or the variable NIE_RAW_DIR\.$"):
            find_raw(name, root=root)
    (root / "fb15k" / "raw").mkdir(parents=True)
    assert find_raw("fb15k", root=root) == root / "fb15k" / "raw"
    (env / "fb15k").mkdir(parents=True)
    assert find_raw("fb15k", root=root) == env / "fb15k"
    with pytest.raises(NieError, match="flag is not a folder"):
        find_raw("fb15k", raw=flag, root=root)
    flag.mkdir()
    assert find_raw("fb15k", raw=flag, root=root) == flag


@pytest.mark.parametrize(("suffix", "pack"), [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress)])
def test_reads_plain_and_packed(tmp_path: Path, suffix: str, pack: object) -> None:
    (tmp_path / f"a.txt{suffix}").write_bytes(pack("é\tb\n\nc\td\r\n".encode()))  # type: ignore[operator]
    assert list(read_rows(tmp_path / "a.txt", 2)) == [(1, ["é", "b"]), (3, ["c", "d"])]
    with open_text(tmp_path / f"a.txt{suffix}") as lines:
        assert lines.read() == "é\tb\n\nc\td\r\n"


def test_byte_order_mark_and_lone_carriage_return(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfann\tA\rB\nbob\tC\n")
    assert list(read_rows(tmp_path / "a", 2)) == [(1, ["ann", "A\rB"]), (2, ["bob", "C"])]


def test_absent(tmp_path: Path) -> None:
    with pytest.raises(NieError, match=r"a.txt does not exist \(nor with .xz or .gz added\)"):
        find_packed(tmp_path / "a.txt")


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress)])
@pytest.mark.parametrize("damage", ["truncated", "garbage"])
def test_damaged_archive(tmp_path: Path, suffix: str, pack: object, damage: str) -> None:
    content = pack(b"word\n" * 9000)  # type: ignore[operator]
    (tmp_path / f"a{suffix}").write_bytes(content[:-20] if damage == "truncated" else b"not packed")
    with pytest.raises(NieError, match=rf"a{suffix} is truncated or damaged"):
        list(read_rows(tmp_path / "a", 1))


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress)])
@pytest.mark.parametrize("unit", [b"a\tb\tc\n", b"a"])
def test_a_bomb_is_refused(
    tmp_path: Path, suffix: str, pack: object, unit: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nie.data.raw.ALWAYS_UNPACKED", 1 << 20)
    (tmp_path / f"a{suffix}").write_bytes(pack(unit * (6_000_000 // len(unit))))  # type: ignore[operator]
    with pytest.raises(NieError, match=rf"a{suffix} unpacks to more than 400 times its size, as no text does"):
        list(read_lines(tmp_path / "a"))


def test_regular_text_is_no_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nie.data.raw.ALWAYS_UNPACKED", 0)
    ring = "".join(f"node{i}\tnext\tnode{i + 1}\n" for i in range(40_000))
    (tmp_path / "a.xz").write_bytes(lzma.compress(ring.encode()))
    assert len(list(read_rows(tmp_path / "a", 3))) == 40_000


def test_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nie.data.raw.MOST_LETTERS", 1000)
    (tmp_path / "a").write_text("b\n" + "a" * 1000)
    with pytest.raises(NieError, match=r"a, line 2 has more than 1,000 letters; it is no table"):
        list(read_lines(tmp_path / "a"))


@pytest.mark.parametrize("path", ["", ".", "/", "a" * 300, "nul\0"])
def test_what_is_no_path_of_a_file(path: str) -> None:
    with pytest.raises(NieError, match=r"is empty; give|does not exist"):
        find_packed(path)


def test_a_device_is_no_file() -> None:
    with pytest.raises(NieError, match="/dev/null is neither a file nor a pipe"):
        find_packed("/dev/null")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(NieError, match="is a folder, where a file must be given"):
        find_packed(tmp_path)


@pytest.mark.parametrize(("line", "words"), [("1,2", "commas"), ("1 2", "blanks"), ("1;2", "semicolons")])
def test_another_separator_is_named(line: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text(line)
    with pytest.raises(NieError, match=f"must have 2 tab-separated fields; got 1; it has 2 separated by {words}"):
        list(read_rows(tmp_path / "a", 2))


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"a\n" * 10_000, b"\xef\xbb\xbf" + b"a\n" * 10_000])
def test_not_utf8(tmp_path: Path, before: bytes) -> None:
    (tmp_path / "a").write_bytes(before + b"\xff\xfe\n")
    place = rf"a is not UTF-8 text \(invalid start byte at byte {len(before)}\); save it as UTF-8"
    with pytest.raises(NieError, match=place):
        list(read_rows(tmp_path / "a", 1))
    (tmp_path / "b.gz").write_bytes(gzip.compress(before + b"\xff\xfe\n"))
    with pytest.raises(NieError, match=r"b.gz is not UTF-8 text \(invalid start byte\); save it as UTF-8"):
        list(read_rows(tmp_path / "b", 1))


def test_wrong_number_of_fields_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"1\t2\n1 2\n"))
    with pytest.raises(NieError, match=r"a.gz, line 2 must have 2 tab-separated fields; got 1"):
        list(read_rows(tmp_path / "a", 2))


def test_checksums_are_of_the_file_on_disk(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert checksums(tmp_path / "a") == {"a": expected}
