"""What every course asks of a subject's runs: figures and pictures that know no assignment.

Each subject gets what a case left, as `Left` has it, and gives estimates and drawings: latent
variable models, generators of images, classifiers, samplers, language models and flows. Only the
measures of assignments import this room.
"""
