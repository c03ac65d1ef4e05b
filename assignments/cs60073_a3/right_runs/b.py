"""Right runs of part B in other styles."""

from grader.catalogue import RightRuns

vae = RightRuns("vae")
vae.catalogued("draw_by_rsample", "loss_by_sums", "step_cleared_first")

gan = RightRuns("gan")
gan.catalogued("gan_step_generator_first", "gan_step_with_fresh_noise", "generator_by_logsigmoid")
