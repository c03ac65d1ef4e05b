"""Right runs of question 3 in other styles."""

from grader.catalogue import RightRuns

planar = RightRuns("planar")
planar.catalogued("planar_by_einsum", "planar_in_a_loop")

flow_from_samples = RightRuns("flow_from_samples")
flow_from_samples.catalogued("flow_by_reduction", "logdet_with_psi", "loss1_by_a_normal")

flow_from_density = RightRuns("flow_from_density")
flow_from_density.catalogued("loss2_by_a_normal", "loss2_by_loss1")
