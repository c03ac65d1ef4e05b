"""Right runs of part A in other styles."""

from grader.catalogue import RightRuns

target = RightRuns("target")
target.catalogued("density_by_torch", "mesh_with_matrix_indexing")

rejection = RightRuns("rejection")
rejection.catalogued("rejection_in_whole_batches", "rejection_in_logarithms")

importance = RightRuns("importance")
importance.catalogued("size_from_the_variation", "variance_with_bessels_correction")

metropolis = RightRuns("metropolis")
metropolis.catalogued("walk_with_noise_drawn_beforehand", "autocorrelation_by_fourier")

gibbs = RightRuns("gibbs")
gibbs.catalogued("gibbs_in_the_other_order", "gibbs_with_its_start", "autocorrelation_by_correlate")
