"""Wrong runs of question 3."""

from grader.catalogue import WrongRuns

planar = WrongRuns("planar", keeps=0.5)
planar.catalogued("planar_with_a_sigmoid", "planar_without_b", "planar_without_u")

flow_from_samples = WrongRuns("flow_from_samples", keeps=0.5)
flow_from_samples.catalogued(
    "flow_subtracts_the_log_determinants",
    "loss1_adds_the_log_determinant",
    "loss1_without_the_constant",
    "loss1_without_the_log_determinant",
)

flow_from_density = WrongRuns("flow_from_density", keeps=0.5)
flow_from_density.catalogued("loss2_adds_the_log_determinant", "loss2_subtracts_the_energy")
