"""Which files of a run are damaged, missing, unfinished or none of a run's."""

from __future__ import annotations

import os
from pathlib import Path

from nie.disk.seal import SEAL_FILE, body_of
from nie.errors import NieError
from nie.findings import Findings
from nie.runs.files import read_json
from nie.runs.fold_folder import CHECKPOINTS, DONE, FOLD, has_whole, is_complete, seal_of
from nie.runs.head import CONFIG, PROVENANCE, as_sealed, stored_config
from nie.runs.run import SUMMARY, Run

_PARTIAL = ".partial"


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run, whatever of it is damaged."""
    return any((folder / name).is_file() for name in (CONFIG, PROVENANCE, SUMMARY))


def check_run(folder: Path) -> Findings:
    """Compare every file of a run with the digest that it was written with.

    >>> import tempfile
    >>> check_run(Path(tempfile.mkdtemp())).damaged[0].partition("; ")[2]
    'run again the command that made it.'
    """
    run, found = Run(folder, {}), Findings()
    _check_head(run, found)
    names = {name for name in os.listdir(folder) if not name.startswith(".")}
    folds = sorted(int(name.removeprefix("fold")) for name in names if FOLD.fullmatch(name))
    for fold in folds:
        _check_fold(run, fold, found)
    for fold in sorted(_of_partial(name) for name in names if _of_partial(name) >= 0):
        _check_partial(run, fold, found)
    if folds == run.finished_folds():
        _check_summary(run, found)
    for name in sorted(names - {CONFIG, PROVENANCE, SEAL_FILE, SUMMARY}):
        if not FOLD.fullmatch(name) and _of_partial(name) < 0:
            found.notes.append(f"{folder / name} is no fold (those are fold0, fold1, ...), so nothing reads it.")
    return found


def _check_head(run: Run, found: Findings) -> None:
    try:
        sealed = (run.path / SEAL_FILE).exists()
        as_sealed(run.path / CONFIG)  # raises for a damaged seal
    except NieError as error:
        found.damaged.append(str(error))
        return
    if sealed:
        found.whole += 1
    else:
        found.notes.append(f"{run.path} is from before runs had a seal, so a change of its settings is not seen.")
    found.file(stored_config(run.path) is not None, str(run.damaged(run.path / CONFIG)))
    try:
        found.file(bool(run.stage), "")
    except NieError as error:
        found.damaged.append(str(error))


def _check_fold(run: Run, fold: int, found: Findings) -> None:
    folder = run.fold_path(fold)
    try:
        known = seal_of(folder)
    except NieError:
        found.damaged.append(str(run.damaged(folder / DONE, fold)))
        return
    if known is None:
        found.notes.append(f"{folder} was finished before folds had digests, so a change of its files is not seen.")
        return
    found.whole += 1
    for name in sorted(known):
        found.file(has_whole(folder, name), str(run.damaged(folder / name, fold)))


def _check_partial(run: Run, fold: int, found: Findings) -> None:
    """Say how far an unfinished fold is; its checkpoints are what is read of it."""
    folder = run.partial_path(fold)
    checkpoints = sorted(path for path in folder.rglob(CHECKPOINTS) if not path.name.startswith("."))
    begun = "finished but for its name" if is_complete(folder) else "not finished"
    left = "its checkpoint is continued" if checkpoints else "it has no checkpoint, so it starts again"
    found.notes.append(f"{folder} is {begun}, and when the command that made it runs again, {left}.")
    for path in checkpoints:
        try:
            body_of(path.read_bytes())
            found.whole += 1
        except NieError:
            found.damaged.append(f"{path} is damaged; delete it to start the fold again.")


def _check_summary(run: Run, found: Findings) -> None:
    """Compare the summary with the folds; where one of these is damaged, that is said already."""
    try:
        expected = run.summary()
    except NieError:
        return
    try:
        whole = read_json(run.path / SUMMARY) == expected
    except NieError:
        whole = False
    if whole or expected["folds"]:
        found.file(whole, str(run.damaged(run.path / SUMMARY)))


def _of_partial(name: str) -> int:
    """Number of the fold that is worked on in a folder of that name; -1 for any other folder."""
    stem = name.removesuffix(_PARTIAL)
    return int(stem.removeprefix("fold")) if stem != name and FOLD.fullmatch(stem) else -1
