from __future__ import annotations

import errno
import hashlib
import io
import random
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nie.data import fetch as fetch_function
from nie.data.download import SOURCES, RemoteFile, _extract, fetch
from nie.errors import NieError

BIG = bytes(range(256)) * 4096  # 1 MiB, four blocks
CONTENTS = {"a.txt": BIG, "extra/b c.txt": b"small"}


class Server:
    """A local HTTP server whose mood a test sets."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.break_after: int | None = None  # bytes to send before hanging up, once
        self.statuses: list[int] = []  # statuses to answer with before behaving
        self.ranges = True
        self.length: str | None = None  # a Content-Length other than the right one
        self.location: str | None = None  # where to redirect to
        self.requests: list[tuple[str, str | None]] = []
        mood = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mood.answer(self)

            def log_message(self, *_args: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """A client that hangs up is part of the tests."""

        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        wanted = handler.headers["Range"]
        self.requests.append((handler.path, wanted))
        if self.statuses:
            handler.send_error(self.statuses.pop(0))
            return
        if self.location is not None:
            handler.send_response(302)
            handler.send_header("Location", self.location)
            handler.end_headers()
            return
        body = self.files.get(handler.path)
        if body is None:
            handler.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges else 0
        if start >= len(body):
            handler.send_error(416)
            return
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", self.length or str(len(body) - start))
        handler.end_headers()
        sent, self.break_after = self.break_after, None
        handler.wfile.write(body[start:] if sent is None else body[start : start + sent])

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    local = Server()
    yield local
    local.close()


@pytest.fixture
def sources(server: Server, monkeypatch: pytest.MonkeyPatch) -> list[RemoteFile]:
    """A dataset ``demo`` of two files on the local server."""
    files = []
    for path, content in CONTENTS.items():
        url_path = f"/demo/{path.replace(' ', '%20')}"
        server.files[url_path] = content
        files.append(RemoteFile(path, hashlib.sha256(content).hexdigest(), server.url + url_path))
    monkeypatch.setitem(SOURCES, "demo", files)
    return files


def left_over(root: Path) -> set[str]:
    return {str(path.relative_to(root / "demo" / "raw")) for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("mirror", [False, True])
def test_fetches_once(tmp_path: Path, server: Server, sources: list[RemoteFile], mirror: bool) -> None:
    base_url = server.url if mirror else None
    folder = fetch("demo", tmp_path, base_url=base_url)
    assert folder == tmp_path / "demo" / "raw"
    assert {path: (folder / path).read_bytes() for path in CONTENTS} == CONTENTS
    assert left_over(tmp_path) == set(CONTENTS)
    fetch("demo", tmp_path, base_url=base_url)
    assert len(server.requests) == 2


def test_a_wrong_file_is_fetched_again(tmp_path: Path, sources: list[RemoteFile]) -> None:
    folder = fetch("demo", tmp_path)
    (folder / "a.txt").write_bytes(b"edited")
    fetch("demo", tmp_path)
    assert (folder / "a.txt").read_bytes() == BIG


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on(tmp_path: Path, server: Server, sources: list[RemoteFile], ranges: bool) -> None:
    server.break_after, server.ranges = 600_000, ranges
    folder = fetch("demo", tmp_path, pause_s=0)
    assert (folder / "a.txt").read_bytes() == BIG
    assert server.requests[:2] == [("/demo/a.txt", None), ("/demo/a.txt", "bytes=600000-")]


def test_a_later_run_goes_on(tmp_path: Path, server: Server, sources: list[RemoteFile]) -> None:
    server.break_after = 600_000
    with pytest.raises(NieError, match="ended after 600000 of 1048576 bytes; run the same command again"):
        fetch("demo", tmp_path, retries=0)
    assert left_over(tmp_path) == {".a.txt.part"}
    folder = fetch("demo", tmp_path, retries=0)
    assert (folder / "a.txt").read_bytes() == BIG
    assert server.requests[1] == ("/demo/a.txt", "bytes=600000-")


def test_a_whole_part_whose_rename_was_lost(tmp_path: Path, server: Server, sources: list[RemoteFile]) -> None:
    part = tmp_path / "demo" / "raw" / ".a.txt.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(BIG)
    assert (fetch("demo", tmp_path, pause_s=0) / "a.txt").read_bytes() == BIG


def test_retries_a_busy_server(tmp_path: Path, server: Server, sources: list[RemoteFile]) -> None:
    server.statuses = [503, 429]
    fetch("demo", tmp_path, pause_s=0)
    server.statuses = [500] * 3
    (tmp_path / "demo" / "raw" / "a.txt").unlink()
    with pytest.raises(NieError, match=r"a.txt cannot be fetched: the server answers 500; run the same"):
        fetch("demo", tmp_path, retries=2, pause_s=0)


def test_not_found_is_not_retried(tmp_path: Path, server: Server, sources: list[RemoteFile]) -> None:
    del server.files["/demo/a.txt"]
    with pytest.raises(NieError, match=r"a.txt cannot be fetched: the server answers 404 Not Found"):
        fetch("demo", tmp_path)
    assert len(server.requests) == 1


def test_no_connection(tmp_path: Path, server: Server, sources: list[RemoteFile]) -> None:
    with pytest.raises(NieError, match=r"a.txt cannot be fetched: .*refused"):
        fetch("demo", tmp_path, base_url="http://127.0.0.1:1", retries=1, pause_s=0)


def test_wrong_checksum_is_not_kept(tmp_path: Path, server: Server, sources: list[RemoteFile]) -> None:
    server.files["/demo/a.txt"] = b"another file"
    with pytest.raises(NieError, match=r"a.txt has sha256 .* must have .*; it was not kept"):
        fetch("demo", tmp_path)
    assert left_over(tmp_path) == set()


def test_full_disk(tmp_path: Path, sources: list[RemoteFile], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.open", full)
    with pytest.raises(NieError, match="The disk is full"):
        fetch("demo", tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "nowhere", "http://", "http://[::1", "http://[::1]x/", "http://[fe80::1%]:x/", "http://a:99999999/",
        "http://a:b/", "foo://a/", "http://a b/", "http://\u00fc.example/", "http://" + "a" * 70 + ".x/", "http://a\n/",
    ],
)  # fmt: skip
def test_what_is_no_address_is_not_tried(tmp_path: Path, url: str, sources: list[RemoteFile]) -> None:
    with pytest.raises(NieError, match="is not an address to download from: ") as raised:
        fetch("demo", tmp_path, base_url=url, retries=0)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "demo" / "raw").exists()


@pytest.mark.parametrize("length", ["12.5", "-5", "many", "9" * 5000, "\u0661"])
def test_a_length_that_is_no_number(tmp_path: Path, server: Server, sources: list[RemoteFile], length: str) -> None:
    server.length = length if length.isascii() else "\xb2"  # a digit of latin-1, which headers are written in
    assert (fetch("demo", tmp_path, pause_s=0) / "a.txt").read_bytes() == BIG


@pytest.mark.parametrize("location", ["http://[::1", "foo://x", "http://a:b/"])
def test_a_redirection_to_nowhere(tmp_path: Path, server: Server, sources: list[RemoteFile], location: str) -> None:
    server.location = location
    with pytest.raises(NieError, match=r"a.txt cannot be fetched: "):
        fetch("demo", tmp_path, retries=0)


@pytest.mark.parametrize("flag", [0x1, 0x40])
def test_an_encrypted_archive(tmp_path: Path, server: Server, sources: list[RemoteFile], flag: int) -> None:
    body = bytearray(zipped({"one": BIG}))
    body[6] |= flag  # of the file
    body[body.index(b"PK\x01\x02") + 8] |= flag  # of the list of files
    server.files["/a.zip"] = bytes(body)
    sources[:] = [RemoteFile("a.txt", sources[0].sha256, server.url + "/a.zip", member="one")]
    with pytest.raises(NieError, match=r"or it is encrypted; place that file at .*a.txt"):
        fetch("demo", tmp_path)
    assert left_over(tmp_path) == set()


def test_damaged_archives_are_removed(tmp_path: Path, server: Server, sources: list[RemoteFile]) -> None:
    whole, draw = zipped({"one": BIG[:2000]}), random.Random(0)
    file = RemoteFile("a.txt", hashlib.sha256(BIG[:2000]).hexdigest(), server.url + "/a.zip", member="one")
    for _ in range(100):
        body = bytearray(whole)
        body[draw.choice([draw.randrange(40), -1 - draw.randrange(70), draw.randrange(len(body))])] = draw.randrange(
            256
        )
        archive = tmp_path / "a.zip"
        archive.write_bytes(body)
        try:
            _extract(archive, tmp_path / "a.txt", file, "http://a/a.zip")
        except NieError:
            assert not archive.exists()
        else:
            assert (tmp_path / "a.txt").read_bytes() == BIG[:2000]


def test_an_archive_with_another_file_of_that_name(tmp_path: Path, server: Server, sources: list[RemoteFile]) -> None:
    server.files["/a.zip"] = zipped({"one": b"another"})
    sources[:] = [RemoteFile("a.txt", sources[0].sha256, server.url + "/a.zip", member="one")]
    with pytest.raises(NieError, match=r"a.zip has sha256 .* it was not kept"):
        fetch("demo", tmp_path)
    assert left_over(tmp_path) == set()


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_members_of_an_archive(tmp_path: Path, server: Server, sources: list[RemoteFile]) -> None:
    server.files["/a.zip"] = zipped({"one": BIG, "two": b"small"})
    url = server.url + "/a.zip"
    sources[:] = [
        RemoteFile(file.path, file.sha256, url, member=member)
        for file, member in zip(sources, ("one", "two"), strict=True)
    ]
    folder = fetch("demo", tmp_path)
    assert {path: (folder / path).read_bytes() for path in CONTENTS} == CONTENTS
    assert len(server.requests) == 1
    assert left_over(tmp_path) == set(CONTENTS)


@pytest.mark.parametrize("body", [b"<html>log in</html>", zipped({"other": b"x"})])
def test_an_archive_that_is_none(tmp_path: Path, server: Server, sources: list[RemoteFile], body: bytes) -> None:
    server.files["/a.zip"] = body
    sources[:] = [RemoteFile("a.txt", sources[0].sha256, server.url + "/a.zip", member="one")]
    with pytest.raises(
        NieError, match=r"is not a whole zip archive with one in it, or it is encrypted; place that file at .*a.txt"
    ):
        fetch("demo", tmp_path)
    assert left_over(tmp_path) == set()


def test_a_file_without_an_address(tmp_path: Path, sources: list[RemoteFile], caplog: pytest.LogCaptureFixture) -> None:
    sources.append(RemoteFile("c.txt", "0" * 64, None, page="ask around"))
    fetch("demo", tmp_path)
    assert "c.txt has no public address: place it at" in caplog.text
    assert "ask around" in caplog.text


def test_unknown_dataset() -> None:
    with pytest.raises(NieError, match=r"nothing to fetch for 'fb15' \(did you mean 'fb15k'\?\)"):
        fetch("fb15")


@pytest.mark.raw
def test_checksums_are_those_of_the_raw_files(raw_dir: Path) -> None:
    from nie.data.raw import find_packed

    for name in ("fb15k", "tmdb5k"):
        for file in SOURCES[name]:
            path = find_packed(raw_dir / name / file.path)
            opener = __import__("lzma").open if path.suffix == ".xz" else open
            with opener(path, "rb") as stream:
                assert hashlib.sha256(stream.read()).hexdigest() == file.sha256


def test_is_public() -> None:
    assert fetch_function is fetch
