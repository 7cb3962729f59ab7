"""downstream.studies.seeds: rows that are repeated with several seeds."""

from downstream.reports.comparisons import compare
from downstream.reports.results import Results
from downstream.studies.report import missing
from downstream.studies.seeds import merged, on_seeds, over_seeds
from downstream.studies.settings import Settings
from downstream.studies.study import Arm


def arms() -> list[Arm]:
    settings = Settings("synthetic")
    return on_seeds(
        [Arm("rgtn", settings.method("rgtn"), settings.licap()), Arm("mlp", settings.method("mlp"))], (0, 1, 2)
    )


def test_the_first_seed_is_the_run_of_other_studies_and_both_stages_have_the_seed() -> None:
    made, plain = arms(), Settings("synthetic")
    assert [arm.name for arm in made] == [
        "rgtn", "mlp", "rgtn, seed 1", "mlp, seed 1", "rgtn, seed 2", "mlp, seed 2",
    ]  # fmt: skip
    assert made[0].config.digest() == plain.method("rgtn").digest()
    assert [arm.config.seed for arm in made] == [0, 0, 1, 1, 2, 2]
    assert [arm.licap.seed for arm in made if arm.licap] == [0, 1, 2]


def test_what_teaches_or_is_blended_has_the_seed_too() -> None:
    settings = Settings("synthetic")
    teacher = Arm("rgtn", settings.method("rgtn"))
    taught = Arm("mlp", settings.method("mlp", teachers=("rgtn",)), parts=(teacher,))
    assert [[part.config.seed for part in arm.parts] for arm in on_seeds([taught], (0, 1))] == [[0], [1]]


def test_a_row_is_all_its_seeds_and_tests_compare_their_means_by_fold() -> None:
    figures = {
        "rgtn": 0.0,
        "rgtn, seed 1": 0.2,
        "rgtn, seed 2": 0.1,
        "mlp": 0.0,
        "mlp, seed 1": 0.0,
        "mlp, seed 2": 0.0,
    }
    rows = {name: {fold: {"rmse": add + fold} for fold in range(5)} for name, add in figures.items()}
    rows["mlp"][3]["rmse"] += 0.3
    results = merged(Results("toy", ("rmse",), rows), arms())
    assert list(results.rows) == ["rgtn", "mlp"]
    assert results.summary("rgtn", "rmse")["n"] == 15
    assert results.folds("mlp")[5:7] == [1000, 1001]
    (one,) = compare(over_seeds(results), [("rgtn", "mlp")], ("rmse",), 2 / 7)
    assert one.test is not None
    assert one.test.n == 5
    assert abs(one.test.difference - 0.08) < 1e-12


def test_a_seed_that_lacks_a_fold_does_not_count_and_other_rows_play_no_part() -> None:
    rows = {arm.name: {fold: {"rmse": 1.0 + 0.1 * fold} for fold in range(2)} for arm in arms()}
    del rows["rgtn, seed 2"][1]
    for fold in range(2):
        rows["mlp, seed 1"][fold] = {"rmse": 2.0 + 0.1 * fold + fold**2}
    results = merged(Results("toy", ("rmse",), {**rows, "gcn": {0: {"rmse": 0.0}}}), arms())
    (one,) = compare(results, [("rgtn", "mlp")], ("rmse",), 0.3, over_seeds)
    assert one.test is not None
    assert one.test.n == 2
    assert abs(one.test.difference + (0.5 + 1.0) / 2) < 1e-12


def test_what_is_missing_of_a_row_is_counted_over_its_seeds() -> None:
    note = missing(arms(), {}, "folds")
    assert note == "0 runs, 0 folds in all; not finished: rgtn (15 of 15 folds), mlp (15 of 15 folds)."


def test_rows_are_compared_on_the_seeds_that_all_have_while_a_study_is_under_way() -> None:
    rows = {arm.name: {fold: {"rmse": 1.0 + 0.1 * fold} for fold in range(3)} for arm in arms()}
    del rows["mlp, seed 2"], rows["mlp, seed 1"]
    rows["mlp"][0]["rmse"] += 0.3
    (one,) = compare(over_seeds(merged(Results("toy", ("rmse",), rows), arms())), [("rgtn", "mlp")], ("rmse",), 0.3)
    assert one.test is not None
    assert one.test.n == 3
    assert abs(one.test.difference + 0.1) < 1e-12


def test_of_many_rows_that_have_not_begun_a_few_are_named() -> None:
    settings = Settings("synthetic")
    many = [Arm(f"mlp {number}", settings.method("mlp")) for number in range(9)]
    assert missing(many, {}, "folds").endswith("mlp 4 (5 of 5 folds), and 4 more rows, which have not begun.")
