"""downstream.stages.on_hosts: what it refuses, in a sentence, before any host is joined."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hosts_helpers import parted
from stage_helpers import SMALL_FLAGS

from nie.__main__ import main

FEATURES = SMALL_FLAGS[:4]
SETTINGS = [
    "downstream", "--recipe", "fast", "--dataset", "synthetic", "--method", "rgcn", *FEATURES, "--batch.size", "8",
]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return parted(tmp_path_factory.mktemp("data"), FEATURES)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "training on the whole graph; give --batch.size, 8 or more for 2 hosts"),
        (["--batch.size", "7"], "knows no batch.size 7; give --batch.size, 8 or more for 2 hosts"),
        (["--memory", "4G"], "knows no memory; give --batch.size, 8 or more for 2 hosts, in its place"),
        (["--batch.size", "64", "--members", "2"], "knows no members"),
        (["--batch.size", "64", "--batch.fanout", "5", "--batch.sampler", "relation"], "no batch.sampler but uniform"),
        (["--batch.size", "64", "--device", "cuda"], "no device cuda, as it trains on the CPU"),
        (["--method", "ridge"], "method ridge, which is no network"),
        (["--method", "multi-import", "--batch.size", "64"], "no method multi-import, whose signals have parameters"),
    ],
)
def test_settings_that_do_not_work_on_hosts_are_refused(
    flags: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"NIE_HOSTS": "10.0.0.1,10.0.0.2", "NIE_HOST": "0", "NIE_ROLE": "trainer"}.items():
        monkeypatch.setenv(name, value)
    assert main(["downstream", "--recipe", "fast", "--dataset", "x", "--method", "rgcn", *flags, "--distributed"]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--graph.self_loops"], ""),
        (["--no-graph.self_loops"], "made with graph.self_loops True, and the run asks for False"),
        (["--features.semantic", "none"], "made with features.semantic 'semantic', and the run asks for 'none'"),
    ],
)
def test_parts_that_were_made_otherwise_are_refused(
    data: Path, flags: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    joined = []
    monkeypatch.setattr("pretrain.parted_inputs.serve", lambda *_: joined.append(1) or sys.exit(0))
    for name, value in {"NIE_HOSTS": "10.0.0.1,10.0.0.2", "NIE_HOST": "0", "NIE_ROLE": "server"}.items():
        monkeypatch.setenv(name, value)
    try:
        code = main([*SETTINGS, *flags, "--data-root", str(data), "--distributed"])
    except SystemExit as left:
        code = left.code
    assert (code, len(joined)) == ((2, 0) if said else (0, 1))
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"versions": {"nie": "99.0"}}, "were made by nie '99.0', "),
        ({"versions": {"torch": "1.0"}}, "were made by torch '1.0', "),
        ({"versions": {"dgl": "0.1"}}, "were made by dgl '0.1', "),
        ({"made_from": {"data_sha256": "0" * 64}}, "are of another version of synthetic; "),
    ],
)
def test_parts_of_another_version_are_refused(
    data: Path, changed: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = data / "synthetic" / "parts" / "2" / "parts.json"
    before = manifest.read_text()
    facts = json.loads(before)
    for what, values in changed.items():
        assert values.keys() <= facts[what].keys()
        facts[what] |= values
    for name, value in {"NIE_HOSTS": "10.0.0.1,10.0.0.2", "NIE_HOST": "0", "NIE_ROLE": "server"}.items():
        monkeypatch.setenv(name, value)
    manifest.write_text(json.dumps(facts))
    try:
        assert main([*SETTINGS, "--graph.self_loops", "--data-root", str(data), "--distributed"]) == 2
    finally:
        manifest.write_text(before)
    error = capsys.readouterr().err
    assert said in error
    assert "make them again with 'nie partition synthetic --parts 2'" in error


def test_link_prediction_on_hosts_is_refused_with_what_one_machine_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["link", "--recipe", "rotate", "--dataset", "x", "--model.size", "50", "--distributed"]) == 2
    said = capsys.readouterr().err
    assert "knows no link prediction" in said
    assert "1600 bytes for each entity" in said


def test_a_process_that_was_not_launched_says_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SETTINGS, "--distributed"]) == 2
    assert "'nie launch' starts" in capsys.readouterr().err


def test_too_many_parts_and_unknown_datasets_are_refused(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["partition", "synthetic", "--parts", "301", "--data-root", str(data)]) == 2
    assert "301 parts are more than the 300 nodes" in capsys.readouterr().err
    assert main(["partition", "fb15q", "--parts", "2", "--data-root", str(data)]) == 2
    assert "fb15k" in capsys.readouterr().err
