"""Wrong runs of question 1."""

from grader.catalogue import WrongRuns

vae = WrongRuns("vae", keeps=0.5)
vae.catalogued("bernoulli_of_the_inverted_image", "bernoulli_with_the_sign_of_a_loss", "kl_negated")
