"""Wrong runs of part A."""

from grader.catalogue import WrongRuns

target = WrongRuns("target", keeps=0.5)
target.catalogued("density_without_weights", "density_of_the_diagonals", "mesh_of_the_logarithm")

rejection = WrongRuns("rejection", keeps=0.5)
rejection.catalogued(
    "rejection_claims_one_over_c",
    "rejection_keeps_the_rejected",
    "rejection_stops_after_n_attempts",
    "rejection_without_c",
    "rejection_without_q",
)

importance = WrongRuns("importance", keeps=0.5)
importance.catalogued("size_upside_down", "variance_under_the_proposal")

metropolis = WrongRuns("metropolis", keeps=0.5)
metropolis.catalogued(
    "walk_that_accepts_everything",
    "walk_that_moves_when_it_should_stay",
    "walk_that_records_its_proposals",
    "walk_with_barkers_rule",
    "walk_with_step_for_a_variance",
)

gibbs = WrongRuns("gibbs", keeps=0.5)
gibbs.catalogued(
    "gibbs_that_draws_jointly",
    "gibbs_with_old_values",
    "gibbs_with_the_marginal_variance",
    "gibbs_with_the_variance_for_a_deviation",
)
