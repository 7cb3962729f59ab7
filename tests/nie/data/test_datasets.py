from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nie.__main__ import main
from nie.data import KnowledgeGraph, build, load, save, synthetic
from nie.data import load as load_function
from nie.errors import NieError


def own_files(folder: Path) -> dict[str, Path]:
    (folder / "t.tsv").write_text("ann\tknows\tbob\n")
    (folder / "s.tsv").write_text("ann\t3\n")
    return {"triples": folder / "t.tsv", "scores": folder / "s.tsv"}


@pytest.fixture
def builders(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Stand-ins for the real builders; the list fills with the options of every call."""
    calls: list[dict[str, Any]] = []

    def make(name: str, options: dict[str, Any]) -> KnowledgeGraph:
        calls.append(options)
        kg = synthetic(0)
        fields = {key: getattr(kg, key) for key in kg.__dataclass_fields__ if key not in ("name", "meta")}
        return KnowledgeGraph(name=name, meta={"options": options}, **fields)

    def geo(*, min_population: int = 15000) -> KnowledgeGraph:
        name = "geo" if min_population == 15000 else f"geo-{min_population}"
        return make(name, {"min_population": min_population})

    def fb15k(raw: Path, *, text: str = "long") -> KnowledgeGraph:
        assert Path(raw).is_dir()
        return make("fb15k", {"text": text})

    module = __import__("sys").modules["nie.data.datasets"]
    monkeypatch.setattr(module, "BUILDERS", {"geo": geo, "fb15k": fb15k})
    monkeypatch.delenv("NIE_RAW_DIR", raising=False)
    return calls


def test_builds_once(tmp_path: Path, builders: list[dict[str, Any]]) -> None:
    first = load("geo", tmp_path)
    again = load("geo", tmp_path, min_population=15000)
    assert first.digest == again.digest
    assert len(builders) == 1
    assert (tmp_path / "geo" / "processed" / "meta.json").exists()


def test_another_population_has_its_own_folder(tmp_path: Path, builders: list[dict[str, Any]]) -> None:
    assert load("geo-500", tmp_path).name == "geo-500"
    assert load("geo", tmp_path, min_population=500).name == "geo-500"
    assert load("geo", tmp_path).name == "geo"
    assert builders == [{"min_population": 500}, {"min_population": 15000}]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["geo", "geo-500"]


def test_raw_files_are_looked_for(tmp_path: Path, builders: list[dict[str, Any]]) -> None:
    with pytest.raises(NieError, match=r"run `nie data fetch fb15k`"):
        load("fb15k", tmp_path)
    (tmp_path / "fb15k" / "raw").mkdir(parents=True)
    assert load("fb15k", tmp_path).meta["options"] == {"text": "long"}


def test_other_options_are_refused_by_load_and_obeyed_by_build(tmp_path: Path, builders: list[dict[str, Any]]) -> None:
    load("fb15k", tmp_path, raw=tmp_path)
    with pytest.raises(NieError, match=r"fb15k/processed was built with text='long', not 'short'"):
        load("fb15k", tmp_path, raw=tmp_path, text="short")
    assert build("fb15k", tmp_path, raw=tmp_path, text="short").meta["options"] == {"text": "short"}
    assert load("fb15k", tmp_path).meta["options"] == {"text": "short"}


def test_unknown_name_names_the_nearest(tmp_path: Path) -> None:
    save(synthetic(0), tmp_path / "mygraph" / "processed")
    with pytest.raises(NieError, match=r"no dataset 'fb51k' \(did you mean 'fb15k'\?\)"):
        load("fb51k", tmp_path)
    with pytest.raises(NieError, match=r"did you mean 'mygraph'"):
        load("mygrph", tmp_path)
    with pytest.raises(NieError, match="not allowed"):
        load("../elsewhere", tmp_path)


def test_own_graph(tmp_path: Path) -> None:
    built = build("mine", tmp_path, **own_files(tmp_path))
    assert load("mine", tmp_path).digest == built.digest
    assert built.name == "mine"


def test_own_graph_mistakes(tmp_path: Path) -> None:
    files = own_files(tmp_path)
    with pytest.raises(NieError, match="Building mine needs --triples FILE"):
        build("mine", tmp_path, scores=files["scores"])
    with pytest.raises(NieError, match="The name geo belongs to a dataset of nie"):
        build("geo", tmp_path, **files)
    with pytest.raises(NieError, match=r"mine has no option 'allow_unknwn' \(did you mean 'allow_unknown'\?\)"):
        build("mine", tmp_path, allow_unknwn=True, **files)
    with pytest.raises(NieError, match="geo has no option 'text'"):
        build("geo", tmp_path, text="long")
    assert not (tmp_path / "mine").exists()


def test_published_files_go_through_build(tmp_path: Path) -> None:
    (tmp_path / "r.pk").write_bytes(b"no pickle")
    with pytest.raises(NieError, match=r"r.pk is truncated or not a pickle"):
        build("ga16k", tmp_path, published=True, rel_pk=tmp_path / "r.pk", lang_pk=None)
    with pytest.raises(NieError, match="needs --rel-pk FILE"):
        build("ga16k", tmp_path, published=True)


def test_nothing_is_left_behind_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: Any, **_options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    files = own_files(tmp_path)
    monkeypatch.setattr(np, "save", full)
    with pytest.raises(NieError, match="The disk is full"):
        build("mine", tmp_path, **files)
    assert list((tmp_path / "mine").iterdir()) == []


def test_is_the_public_load() -> None:
    import nie

    assert nie.load is load_function


def test_columns_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = [(f"n{i}", f"n{(i * 7 + 1) % 30}", f"r{i % 2}") for i in range(30)]
    (tmp_path / "t.tsv").write_text("".join("\t".join(fact) + "\n" for fact in facts))
    command = ["data", "build", "mine", "--triples", str(tmp_path / "t.tsv"), "--data-root", str(tmp_path), "--quiet"]
    assert main(command) == 2
    assert "give --columns head,tail,relation, or" in capsys.readouterr().err
    assert main([*command, "--columns", "head,tail,relation"]) == 0
    assert load("mine", tmp_path).num_relations == 2
    assert main(["run", *command[2:], "--profile", "quick"]) == 2  # the main job builds in the same way
    assert "give --columns head,tail,relation, or" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a" * 101, "\u00fc" * 60])
def test_a_name_that_is_too_long_for_a_folder(name: str, tmp_path: Path) -> None:
    for make in (load, build):
        with pytest.raises(NieError, match="is too long for a folder; use at most 100 letters"):
            make(name, tmp_path)


def test_a_store_that_a_killed_writer_moved_aside_is_found(tmp_path: Path) -> None:
    kg = synthetic(0)
    folder = tmp_path / "mine" / "processed"
    save(kg, folder)
    folder.rename(folder.with_name(".processed.nie-previous"))
    assert load("mine", tmp_path).digest == kg.digest
    assert [path.name for path in folder.parent.iterdir()] == ["processed"]
