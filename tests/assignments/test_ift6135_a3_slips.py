"""What one slip costs in ift6135_a3: its own check and no other, whatever the layout or size."""

from __future__ import annotations

import pytest

from grader.assignment import find_assignment
from grader.catalogue import grafted_file, read_catalogue
from grader.results import Check
from grader.suite.local import Local, load_text
from grader.suite.trial import try_suite

ASSIGNMENT = find_assignment("ift6135_a3")
LIKELIHOODS, DIVERGENCES = "test_q1_likelihoods.py", "test_q1_divergences.py"
PENALTIES, AVERAGING, TRAINING = (
    f"test_q2_{name}.py" for name in ("penalties", "averaging", "training")
)
FLOW = "test_q3_flow.py"

ENTRIES = {entry.name: entry for entry in read_catalogue(ASSIGNMENT)}


def lost_by(name: str, file: str) -> list[Check]:
    """The checks of a file that the reference with an entry of the catalogue in it fails."""
    entry = ENTRIES[name]
    changed = load_text(grafted_file(ASSIGNMENT, entry), f"slips_{name}")
    modules = Local.reference(ASSIGNMENT).modules | {entry.module: changed}
    checks = try_suite(ASSIGNMENT, modules, name, ASSIGNMENT.hidden / file)
    return [c for c in checks if c.outcome != "passed"]


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
        ("kl_of_all_pairs_of_sums", DIVERGENCES, "TestAnalytic::test_has_the_right_shape"),
        ("mc_of_all_pairs_of_means", DIVERGENCES, "TestMonteCarlo::test_has_the_right_shape"),
    ],
)
def test_right_values_in_another_layout_lose_the_shape_alone(
    name: str, file: str, check: str
) -> None:
    lost = lost_by(name, file)
    assert [c.id for c in lost] == [f"{file}::{check}"], lost


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
            "TestAnalytic::test_takes_images_as_rows",
        ),
        (
            "kl_takes_the_logarithm_of_a_ratio_of_products",
            DIVERGENCES,
            "TestAnalytic::test_is_right_far_out",
        ),
        (
            "r1gp_norm_of_all_numbers",
            PENALTIES,
            "TestR1::test_takes_samples_that_are_numbers",
        ),
        (
            "average_passes_over_a_frozen_target",
            AVERAGING,
            "TestAverage::test_averages_parameters_without_gradients_too",
        ),
    ],
)
def test_a_slip_that_shows_at_some_sizes_loses_its_check(name: str, file: str, check: str) -> None:
    lost = lost_by(name, file)
    assert [c.id for c in lost] == [f"{file}::{check}"], lost


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
    name: str, file: str, question: str
) -> None:
    lost = lost_by(name, file)
    assert {c.question for c in lost} == {question}, lost


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("jsd_takes_the_logarithm_of_the_sigmoid", "test_q2_metrics.py"),
        ("training_returns_the_metric_after_the_step", TRAINING),
        ("training_averages_by_its_own_names", TRAINING),
    ],
)
def test_what_the_contract_leaves_open_loses_nothing(name: str, file: str) -> None:
    assert not lost_by(name, file)
