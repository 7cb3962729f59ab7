"""nie.runs.provenance."""

from downstream.methods.importance_settings import ImportanceConfig
from nie.runs.provenance import origin, peak_memory_gb, sitting


def test_a_sitting_says_when_and_with_what() -> None:
    assert {"finished", "seconds_this_sitting", "peak_memory_gb", "git_commit", "threads"} == set(sitting(0.0))


def test_an_origin_names_what_a_run_is_made_from() -> None:
    found = origin(ImportanceConfig(dataset="toy", seed=4), {"dataset_sha256": "abc"})
    assert (found["stage"], found["dataset"], found["dataset_sha256"], found["seed"]) == ("downstream", "toy", "abc", 4)
    assert found["packages"]["torch"].startswith("2.")


def test_memory_is_in_gigabytes() -> None:
    assert 0.01 < peak_memory_gb() < 1000
