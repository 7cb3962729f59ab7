"""Download of raw files from their public sources: resumed, retried, checked by sha256, in place only when whole."""

from __future__ import annotations

import errno
import http.client
import lzma
import os
import re
import shutil
import struct
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from nie.arguments import a_path
from nie.data.graph_fields import check_name
from nie.data.text_models import TEXT_MODELS, fetch_text_model
from nie.disk.atomic import atomic_file, space_errors
from nie.disk.seal import file_digest, is_whole
from nie.errors import NieError, nearest, shown
from nie.progress import Progress, log

TIMEOUT_S = 30.0
RETRIES = 4
BLOCK = 1 << 18
LARGEST_MEMBER = 4 << 30
"""Bytes of a file in an archive: what says that it is larger is not one of ours."""

_BRACKETED = re.compile(r"\[[0-9A-Fa-f:.]+(%25[\w.~-]+)?\](:\d+)?")
# What zipfile raises for archives that are damaged, encrypted, or packed in a way that Python does not know.
_BAD_ARCHIVE = (
    zipfile.BadZipFile, KeyError, RuntimeError, EOFError, ValueError, zlib.error, lzma.LZMAError, struct.error,
)  # fmt: skip


@dataclass(frozen=True)
class RemoteFile:
    """One raw file: where it belongs, what it must be, and where it comes from.

    Args:
        path: path inside the dataset's raw folder.
        sha256: of the unpacked file.
        url: address of the file, or of a zip archive; None where every address needs an account.
        member: name inside the zip archive, when ``url`` is one.
        page: where a person finds it, when ``url`` is None.
    """

    path: str
    sha256: str
    url: str | None
    member: str | None = None
    page: str = ""


_RGTN = "https://raw.githubusercontent.com/GRAPH-0/RGTN-NIE"
_NODES = f"{_RGTN}/aa3fc818f8ac21ca67d991c4919d694c5a9aaf02/dataset/FB15k"
_RGTN_TMDB5K = f"{_RGTN}/86977d3216c3ea3ae4a15f6dfbf886fbc12740d3/dataset/TMDB5K"
_TRIPLES = (
    "https://raw.githubusercontent.com/DeepGraphLearning/KnowledgeGraphEmbedding/"
    "617062aaedf53bf4d6b44450a580a96dc30e0632/data/FB15k"
)
_NUMBERS = "https://raw.githubusercontent.com/mniepert/mmkb/b7bd3aad2b45a34cb9164b3d2562b5c27d2839cd/FB15K"
_KAGGLE = "https://www.kaggle.com/api/v1/datasets/download/tmdb/tmdb-movie-metadata"

SOURCES: dict[str, list[RemoteFile]] = {
    "fb15k": [
        *(
            RemoteFile(name, sha256, f"{source}/{name}")
            for name, source, sha256 in (
                ("node_infos.tsv", _NODES, "94529404cd3ded5e4d52e1076511f6fb3ac970660a22e45bf2aada704088d2f3"),
                (
                    "fb15k_description.tsv",
                    _NODES,
                    "8719ab9d3b043e1945f1a09a7bf7b94efa072459189f4f48fc72cf1c4fe521cf",
                ),
                ("train.txt", _TRIPLES, "f9cdfd2685f6483bd3a499d433919b15d62f0715c6cf18b2ca30c2aa5c47a704"),
                ("valid.txt", _TRIPLES, "471929cde9cf74b1caa8348c2b601c8010d6b2f2a56bae49b4ebfd14c9bce855"),
                ("test.txt", _TRIPLES, "5b60b4de325482c3368e22d0b7452d465b09a610fea0ce3768d8b1e8b5a7e42a"),
            )
        ),
        RemoteFile(
            "extra/FB15K_NumericalTriples.txt",
            "9fd4f2dfe95af2bc4caa6ce1db84641168f42be759217dfbfcf95ca79d5aa0f3",
            f"{_NUMBERS}/FB15K_NumericalTriples.txt",
        ),
        RemoteFile(
            "extra/fb-entity2text-new.txt",
            "d982bb5b950820dabc00aee9870cae2035d48c169d10c9f2c225579e19528aa2",
            None,
            page="any collection of FB15k entity texts that has it; without it, texts are the short ones",
        ),
    ],
    "tmdb5k": [
        *(
            RemoteFile(name, sha256, _KAGGLE, member=name)
            for name, sha256 in (
                ("tmdb_5000_movies.csv", "1e0584a8dd374120e4ed4f2b81f0d2bd0eb95a554708e4a350d00ed5c46d2825"),
                ("tmdb_5000_credits.csv", "9d0050599ff88d40366c4841204b1489862bca346bfa46c20b05a65d14508435"),
            )
        ),
        RemoteFile(
            "node_info.tsv",
            "6990045daa6f7c614a80d74edb3d23e9a0cd693d54e3b656e56e93e4b3efcc03",
            f"{_RGTN_TMDB5K}/node_info.tsv",
        ),
    ],
}


def fetch(
    name: str,
    root: str | os.PathLike[str] = "datasets",
    *,
    base_url: str | None = None,
    retries: int = RETRIES,
    pause_s: float = 1.0,
) -> Path:
    """Download the raw files of a dataset to ``<root>/<name>/raw``, or a text model, and return the folder.

    A file that is there with the right sha256 is kept. A broken download is resumed where it stopped, now and in a
    later run. A file appears under its own name only when its sha256 is right.

    Args:
        name: "fb15k" or "tmdb5k"; or "mpnet", which `fetch_text_model` brings to its own folder, by pip's settings.
        root: folder of the datasets.
        base_url: a mirror with the files, unpacked, at ``<base_url>/<name>/<path>``, instead of the public sources.
        retries: attempts for each file after the first.
        pause_s: seconds before the first retry; twice as long before each further one.

    Raises:
        NieError: unknown name, no connection, a wrong checksum, or a full disk.

    Example::

        fetch("fb15k")
    """
    check_name("dataset", name)
    root = a_path("root", root)
    if name in TEXT_MODELS:
        return fetch_text_model(name)
    if name not in SOURCES:
        known = [*SOURCES, *TEXT_MODELS]
        raise NieError(
            f"There is nothing to fetch for {shown(name)}{nearest(name, known)}; known are {', '.join(known)}. Files "
            "that you have are read by `nie data build NAME --raw FOLDER`."
        )
    folder = root / name / "raw"
    wanted = [file for file in SOURCES[name] if not is_whole(folder / file.path, file.sha256)]
    archives: dict[str, Path] = {}
    for file in wanted:
        url = f"{base_url.rstrip('/')}/{name}/{quote(file.path)}" if base_url else file.url
        target = folder / file.path
        if url is None:
            log.warning("%s has no public address: place it at %s (%s)", file.path, target, file.page)
        elif file.member is None or base_url:
            part = _part(target)
            download(url, part, retries=retries, pause_s=pause_s)
            _publish(part, target, file, url)
        else:
            if url not in archives:
                archives[url] = _part(folder / "archive.zip")
                download(url, archives[url], retries=retries, pause_s=pause_s)
            _extract(archives[url], target, file, url)
    for archive in archives.values():
        archive.unlink(missing_ok=True)
    return folder


def download(url: str, part: Path, *, retries: int = RETRIES, pause_s: float = 1.0) -> None:
    """Download ``url`` to ``part``, continuing what ``part`` already holds.

    Raises:
        NieError: it is no address, there is no connection after all attempts, the server refuses, or the disk is full.
    """
    _check_address(url)
    for attempt in range(retries + 1):
        try:
            with space_errors(part):
                part.parent.mkdir(parents=True, exist_ok=True)
                _receive(url, part)
            return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink(missing_ok=True)
            elif error.code < 500 and error.code != http.client.TOO_MANY_REQUESTS:
                raise NieError(f"{url} cannot be fetched: the server answers {error.code} {error.reason}.") from error
            reason = f"the server answers {error.code}"
        except (ValueError, http.client.InvalidURL) as error:  # such as a redirection to what is no address
            raise NieError(f"{url} cannot be fetched: what the server answers makes no sense ({error}).") from error
        except (OSError, http.client.HTTPException) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        if attempt < retries:
            log.warning("%s: %s; trying again", url, reason)
            time.sleep(pause_s * 2**attempt)
    raise NieError(f"{url} cannot be fetched: {reason}; run the same command again to continue where it stopped.")


def _check_address(url: str) -> None:
    """Raise for what is no address: no attempt would mend it."""
    try:
        parts = urlsplit(url)
        _ = parts.port, (parts.hostname or "").encode("idna")  # a number that is no port, a name that is no host
        known = parts.scheme == "file" or (parts.scheme in ("http", "https", "ftp") and parts.hostname)
        problem = "" if known else "it must begin with http:// or https:// and name a server"
        if "[" in parts.netloc and not _BRACKETED.fullmatch(parts.netloc.rpartition("@")[2]):
            problem = "what stands in brackets must be an address of IPv6, and only a port may follow"
        if any(ord(letter) <= 32 or ord(letter) >= 127 for letter in url):
            problem = "it holds a blank or a letter that must be written as % and a number"
    except ValueError as error:
        problem = str(error)
    if problem:
        raise NieError(f"{shown(url)} is not an address to download from: {problem}.")


def _receive(url: str, part: Path) -> None:
    """Make one attempt; an interrupted one leaves what came so far."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "nie"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        resumed = answer.status == http.client.PARTIAL_CONTENT
        if not resumed:
            have = 0
        length = answer.headers.get("Content-Length") or ""
        # A length that is no number says nothing; the sha256 tells whether the file is whole.
        total = have + int(length) if length.isascii() and length.isdecimal() and len(length) < 19 else None
        blocks = None if total is None else -(-total // BLOCK)
        with (
            part.open("ab" if resumed else "wb") as stream,
            Progress(blocks, f"{part.name} ({BLOCK >> 10} KiB blocks)", initial=have // BLOCK) as progress,
        ):
            while block := answer.read(BLOCK):
                stream.write(block)
                progress.advance()
    if total is not None and part.stat().st_size != total:
        raise ConnectionError(f"the connection ended after {part.stat().st_size} of {total} bytes")


def _extract(archive: Path, target: Path, file: RemoteFile, url: str) -> None:
    """Unpack one member of a zip archive."""
    part = _part(target)
    try:
        with zipfile.ZipFile(archive) as members:
            if members.getinfo(str(file.member)).file_size > LARGEST_MEMBER:
                raise zipfile.BadZipFile("a member is too large")
            with members.open(str(file.member)) as source, atomic_file(part) as whole, whole.open("wb") as stream:
                shutil.copyfileobj(source, stream, BLOCK)
    except (*_BAD_ARCHIVE, OSError) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):  # a seek to nowhere
            raise
        archive.unlink(missing_ok=True)
        raise NieError(
            f"{url} is not a whole zip archive with {file.member} in it, or it is encrypted; place that file at "
            f"{target}."
        ) from error
    try:
        _publish(part, target, file, url)
    except NieError:  # the file in it is not the one that was wanted, so neither is the archive
        archive.unlink(missing_ok=True)
        raise


def _publish(part: Path, target: Path, file: RemoteFile, url: str) -> None:
    """Give a finished download its name, or delete it when it is not the file that was wanted."""
    found = file_digest(part)
    if found != file.sha256:
        part.unlink()
        raise NieError(f"{url} has sha256 {found}, but {file.path} must have {file.sha256}; it was not kept.")
    with atomic_file(target) as temporary:
        os.replace(part, temporary)


def _part(target: Path) -> Path:
    """Where an unfinished download waits to be resumed."""
    return target.with_name(f".{target.name}.part")
