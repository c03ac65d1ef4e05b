"""What one slip costs in ift6135_a3: its own check and no other, whatever the layout or size."""

from __future__ import annotations

import sys
import types

import pytest

from grader.catalogue import Entry, read_catalogue
from tests.assignments.test_ift6135_a3_suite import (
    ASSIGNMENT,
    FOLDER,
    REFERENCE,
    failures,
    implementation,
    run_suite,
)

LIKELIHOODS, DIVERGENCES = "test_q1_likelihoods.py", "test_q1_divergences.py"
PENALTIES, AVERAGING, TRAINING = (
    f"test_q2_{name}.py" for name in ("penalties", "averaging", "training")
)
FLOW = "test_q3_flow.py"

ENTRIES = {entry.name: entry for entry in read_catalogue(ASSIGNMENT)}


def grafted(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """The reference with an entry of the catalogue in it."""
    impl = implementation(REFERENCE)
    path = REFERENCE / next(f.path for f in ASSIGNMENT.about.files if f.name == entry.module)
    module = types.ModuleType(f"slips_{entry.name}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(entry.graft(path.read_text(encoding="utf-8")), module.__dict__)
    setattr(impl, entry.module, module)
    return impl


@pytest.mark.parametrize(
    ("name", "file", "check"),
    [
        ("loss1_of_all_pairs_with_an_axis_more", FLOW, "TestLoss1::test_has_the_right_shape"),
        ("loss2_of_all_pairs_as_a_column", FLOW, "TestLoss2::test_has_the_right_shape"),
        ("loss2_of_all_triples", FLOW, "TestLoss2::test_has_the_right_shape"),
        ("logdet_repeated_for_each_dimension", FLOW, "TestLogdet::test_has_the_right_shape"),
        *(
            (name, LIKELIHOODS, "TestLogMeanExp::test_has_the_right_shape")
            for name in ("log_mean_exp_of_all_pairs", "log_mean_exp_repeated_for_every_sample")
        ),
        (
            "bernoulli_of_all_pairs_of_sums",
            LIKELIHOODS,
            "TestBernoulli::test_has_the_right_shape",
        ),
        ("normal_of_all_pairs_of_sums", LIKELIHOODS, "TestNormal::test_has_the_right_shape"),
        ("kl_of_all_pairs_of_sums", DIVERGENCES, "test_kl_gives_one_number_per_example"),
        ("mc_of_all_pairs_of_means", DIVERGENCES, "test_estimate_gives_one_number_per_example"),
    ],
)
def test_right_values_in_another_layout_lose_the_shape_alone(
    name: str, file: str, check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = run_suite(grafted(ENTRIES[name], monkeypatch), name, FOLDER / "hidden" / file)
    lost = {c.id for c in checks.values() if c.outcome != "passed"}
    assert lost == {f"{file}::{check}"}, failures(checks)


@pytest.mark.parametrize(
    ("name", "file", "check"),
    [
        (
            "normal_takes_the_size_before_it_flattens",
            LIKELIHOODS,
            "TestNormal::test_takes_images_as_rows",
        ),
        (
            "normal_squeezes_the_axis_of_one_dimension",
            LIKELIHOODS,
            "TestNormal::test_keeps_a_batch_of_one",
        ),
        (
            "normal_takes_the_logarithm_of_a_product",
            LIKELIHOODS,
            "TestNormal::test_is_right_far_out",
        ),
        (
            "kl_takes_the_size_before_it_flattens",
            DIVERGENCES,
            "test_kl_takes_images_as_well_as_rows",
        ),
        (
            "kl_takes_the_logarithm_of_a_ratio_of_products",
            DIVERGENCES,
            "test_kl_is_right_where_models_live",
        ),
        (
            "r1gp_norm_of_all_numbers",
            PENALTIES,
            "test_penalty_takes_samples_that_are_numbers[r1gp]",
        ),
        (
            "average_passes_over_a_frozen_target",
            AVERAGING,
            "test_parameters_without_gradients_are_averaged_too",
        ),
    ],
)
def test_a_slip_that_shows_at_some_sizes_loses_its_check(
    name: str, file: str, check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = run_suite(grafted(ENTRIES[name], monkeypatch), name, FOLDER / "hidden" / file)
    lost = {c.id for c in checks.values() if c.outcome != "passed"}
    assert lost == {f"{file}::{check}"}, failures(checks)


@pytest.mark.parametrize(
    ("name", "file", "question"),
    [
        ("mc_hands_expanded_tensors_to_view", DIVERGENCES, "q1.5"),
        ("logdet_differentiates_forward_at_bare_points", FLOW, "q3.4"),
        ("flow_hands_its_layers_too_much", FLOW, "q3.6"),
        ("loss2_hands_loss1_a_flat_vector", FLOW, "q3.8"),
        ("training_averages_by_names_of_others", TRAINING, "q2.5"),
    ],
)
def test_a_stand_in_hides_no_crash_on_a_part_that_is_right(
    name: str, file: str, question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = run_suite(grafted(ENTRIES[name], monkeypatch), name, FOLDER / "hidden" / file)
    lost = {c.question for c in checks.values() if c.outcome != "passed"}
    assert lost == {question}, failures(checks)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("jsd_takes_the_logarithm_of_the_sigmoid", "test_q2_metrics.py"),
        ("training_returns_the_metric_after_the_step", TRAINING),
        ("training_averages_by_its_own_names", TRAINING),
    ],
)
def test_what_the_contract_leaves_open_loses_nothing(
    name: str, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = run_suite(grafted(ENTRIES[name], monkeypatch), name, FOLDER / "hidden" / file)
    assert all(c.outcome == "passed" for c in checks.values()), failures(checks)
