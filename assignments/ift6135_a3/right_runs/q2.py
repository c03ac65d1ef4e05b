"""Right runs of question 2 in other styles."""

from grader.catalogue import RightRuns

dirac = RightRuns("dirac")
dirac.catalogued(
    "jsd_with_softplus",
    "losses_as_objects",
    "r1gp_with_einsum",
    "training_draws_all_batches_first",
    "training_with_closures",
)
