"""Where the trials of a search are kept: a database that Optuna reads and writes, shared by any number of processes."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock

from nie.disk.atomic import space_errors
from nie.errors import NieError, shown
from nie.extras import require
from nie.foreign import one_line, without_password

HEARTBEAT, SILENCE = 20, 120
"""A trial that runs tells so every 20 seconds; one that was silent for 120 has died with its process and is failed."""


def default_storage(folder: Path) -> str:
    """URL of the database ``trials.db`` in a folder, which is made."""
    require("optuna", "search")
    from sqlalchemy.engine import URL

    with space_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    url = URL.create("sqlite", database=str(folder.resolve() / "trials.db")).render_as_string()
    return url.replace("{", "{{").replace("}", "}}")  # Optuna fills in what stands in braces


def open_storage(url: str) -> Any:
    """Open the database, or make its tables, for trials that are failed when their process dies.

    Raises:
        NieError: no database can be opened at ``url``; a password in it is not repeated.
    """
    optuna = require("optuna", "search")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.storages.RDBStorage(url, heartbeat_interval=HEARTBEAT, grace_period=SILENCE)
    except ImportError as error:
        missing = getattr(error.__cause__, "name", None) or "for its kind of database"
        raise NieError(
            f"The storage {_named(url)} needs the driver {missing}, which is not installed; install it, or use sqlite."
        ) from error
    except _no_url() as error:
        raise NieError(f"The storage must be a URL such as sqlite:///trials.db; got {_named(url)}.") from error


@contextlib.contextmanager
def alone(url: str) -> Iterator[None]:
    """Keep other processes waiting: two that make the tables of one SQLite file at once would fail.

    Raises:
        NieError: the folder of the file does not exist, or no file can be made there.
    """
    file = _sqlite_file(url)
    if file is None:  # a server has transactions for its tables
        yield
        return
    if not file.parent.is_dir():
        raise NieError(f"The folder of the storage {_named(url)} does not exist; make it, or correct the URL.")
    place = file.with_name(f".{file.name}.lock")
    with space_errors(file):
        try:
            place.touch()
        except FileNotFoundError as error:  # for which the lock would wait for ever, as in /proc
            raise NieError(f"The storage {_named(url)} cannot be made in its folder; give another storage.") from error
        lock = FileLock(place)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turn what the database reports, such as a full disk or a file of another kind, into one sentence.

    Raises:
        NieError: for each of them.
    """
    optuna = require("optuna", "search")
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.OptunaError) as error:
        cause = error.__cause__ if isinstance(error, optuna.exceptions.StorageInternalError) else error
        said = str(getattr(cause, "orig", None) or cause).strip().splitlines()[:1]
        reason = one_line(without_password("".join(said)), 200)
        raise NieError(
            f"The storage {_named(url)} cannot be used ({reason}); correct that, or give another storage."
        ) from error


def _sqlite_file(url: str) -> Path | None:
    """The file of an SQLite database; None for a server, for memory and for what is no URL."""
    from sqlalchemy.engine import make_url

    try:
        parts = make_url(url.format(SCHEMA_VERSION=""))  # as Optuna does
    except _no_url():
        return None
    database = parts.database or ":memory:"
    return Path(database) if parts.drivername.startswith("sqlite") and database != ":memory:" else None


def _no_url() -> tuple[type[Exception], ...]:
    """What SQLAlchemy, and ``str.format`` which Optuna calls, raise for text that is no URL."""
    from sqlalchemy.exc import ArgumentError

    return ArgumentError, ValueError, LookupError, AttributeError


def _named(url: str) -> str:
    return shown(without_password(url), 200)
