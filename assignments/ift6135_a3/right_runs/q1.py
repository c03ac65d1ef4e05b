"""Right runs of question 1 in other styles."""

from grader.catalogue import RightRuns

vae = RightRuns("vae")
vae.catalogued("bernoulli_by_cross_entropy", "kl_by_torch_distributions")
