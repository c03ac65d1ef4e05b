"""Mistakes in b.1.2, b.2.1, b.2.2 and b.4.1: the draw of z, and the images."""

from grader.catalogue import Mistakes

draws = Mistakes("image_models.reparameterise", "test_has_mean_and_standard_deviation")
draws.edit(
    "draw_with_the_variance",
    "logvar / 2",
    "logvar",
    """This is what one gets when the standard deviation is taken as exp(logvar): that is the
    variance. The deviation is exp(logvar / 2).""",
)
draws.edit(
    "draw_of_uniform_noise",
    "randn_like",
    "rand_like",
    "The noise is uniform. torch.rand is on [0, 1]; torch.randn is normal.",
)
draws.edit(
    "draw_with_a_clamped_spread",
    "logvar / 2",
    "logvar.clamp(-4, 4) / 2",
    "The log-variance is cut off on both sides, so that no draw can be nearly certain.",
)

draws_independent = Mistakes("image_models.reparameterise", "test_is_independent")
draws_independent.edit(
    "draw_shared_by_the_batch",
    "torch.randn_like(mu)",
    "torch.randn(mu.shape[-1])",
    "One row of noise is used for all images of the batch.",
)
draws_independent.edit(
    "draw_shared_by_the_dimensions",
    "torch.randn_like(mu)",
    "torch.randn(len(mu), 1)",
    "One number of noise is used for all dimensions of an image.",
)
draws_independent.edit(
    "draw_with_a_seed_inside",
    "    return",
    """    torch.manual_seed(1234)
    return""",
    "The seed is set inside the function, so that every call draws the same noise.",
)

Mistakes("image_models.reparameterise", "test_has_the_gradient_of_its_values").edit(
    "draw_without_gradients",
    "mu + torch.exp(logvar / 2) * torch.randn_like(mu)",
    "torch.normal(mu.detach(), torch.exp(logvar / 2).detach())",
    """torch.normal draws, but no gradient passes through it: the encoder would learn from the
    divergence alone. mu + sigma * eps is the reparameterisation.""",
)

Mistakes("image_models.reparameterise", "test_is_normal").edit(
    "uniform_draw_of_variance_one",
    "torch.randn_like(mu)",
    "(torch.rand_like(mu) - 0.5) * 12**0.5",
    "eps is uniform. Scaled to variance 1 it has the right spread, but it is not normal.",
)

draw_shape = Mistakes("image_models.reparameterise", "test_has_the_right_shape")
draw_shape.edit(
    "draw_that_views_its_mean",
    "mu + torch.exp(logvar / 2) * torch.randn_like(mu)",
    "(mu.view(-1) + torch.exp(logvar.view(-1) / 2) * torch.randn(mu.numel())).view(mu.shape)",
    """view asks for values that follow each other in memory. The halves of a layer of 32 do not:
    reshape takes them, and here nothing has to be reshaped.""",
)
draw_shape.edit(
    "squeezed_draw",
    "mu + torch.exp(logvar / 2) * torch.randn_like(mu)",
    "(mu + torch.exp(logvar / 2) * torch.randn_like(mu)).squeeze()",
    "squeeze() drops the axis of the batch when there is one image.",
)

reconstruction = Mistakes("image_models.reconstruct", "test_decodes_the_code")
reconstruction.edit(
    "reconstruction_from_the_prior",
    "model.encode(x)[0]",
    "torch.randn(len(x), LATENT)",
    """These are samples: what is decoded is drawn from the prior and not from the image's
    posterior.""",
)
reconstruction.edit(
    "reconstruction_of_the_log_variance",
    "model.encode(x)[0]",
    "model.encode(x)[1]",
    "The log-variance is decoded in place of the mean.",
)
reconstruction.edit(
    "reconstruction_of_five",
    "model.encode(x)",
    "model.encode(x[:5])",
    "Only the first five images are reconstructed, whatever was given.",
)

reconstruction_graph = Mistakes("image_models.reconstruct", "test_has_no_graph")
reconstruction_graph.edit(
    "reconstruction_with_its_graph",
    "torch.no_grad",
    "torch.enable_grad",
    "The reconstruction drags its graph along: torch.no_grad() or .detach() is missing.",
)
reconstruction_graph.edit(
    "squeezed_reconstruction",
    "model.decode(model.encode(x)[0])",
    "model.decode(model.encode(x)[0]).squeeze()",
    "squeeze() drops the axis of the batch when there is one image.",
)

samples = Mistakes("image_models.generate_images", "test_decodes_draws_from_the_prior")
samples.edit(
    "samples_of_uniform_codes",
    "torch.randn(",
    "torch.rand(",
    """The latent vectors are uniform on [0, 1]: torch.rand in place of torch.randn. They lie in one
    corner of what the decoder was trained on.""",
)
samples.edit(
    "samples_through_another_sigmoid",
    "model.decode(torch.randn(count, LATENT))",
    "torch.sigmoid(model.decode(torch.randn(count, LATENT)))",
    "A sigmoid is applied to what is a probability already: all images turn grey.",
)
samples.edit(
    "samples_of_repeated_numbers",
    "torch.randn(count, LATENT)",
    "torch.randn(count, 1).repeat(1, LATENT)",
    "Each z is one number, repeated 16 times. The prior has 16 independent ones.",
)

Mistakes("image_models.generate_images", "test_images_differ").edit(
    "samples_with_a_seed_inside",
    "    with torch",
    """    torch.manual_seed(1234)
    with torch""",
    "A seed is set inside the function, so that every call makes the same images.",
)

samples_graph = Mistakes("image_models.generate_images", "test_has_no_graph")
samples_graph.edit(
    "samples_with_their_graph",
    "torch.no_grad",
    "torch.enable_grad",
    "The samples drag their graph along: torch.no_grad() or .detach() is missing.",
)
samples_graph.edit(
    "squeezed_samples",
    "LATENT))",
    "LATENT)).squeeze()",
    "squeeze() drops the axis of the batch when there is one image.",
)

pictures = Mistakes("image_models.generator_images", "test_makes_pictures")
pictures.edit(
    "images_as_they_come",
    "to_unit(generator(z))",
    "generator(z)",
    "The images stay in [-1, 1]. Pictures and the classifier want [0, 1].",
)
pictures.edit(
    "images_stretched",
    "return to_unit(generator(z))",
    """x = generator(z)
        return (x - x.min()) / (x.max() - x.min())""",
    """The images are stretched to their smallest and largest value, so that grey becomes black: the
    range is [-1, 1], whatever the batch holds.""",
)

Mistakes("image_models.generator_images", "test_uses_the_noise_that_is_given").edit(
    "images_of_other_noise",
    "generator(z)",
    "generator(torch.randn_like(z))",
    """New noise is drawn in place of that which was handed over: grids of different epochs cannot
    be compared.""",
)

pictures_graph = Mistakes("image_models.generator_images", "test_has_no_graph")
pictures_graph.edit(
    "images_with_their_graph",
    "torch.no_grad",
    "torch.enable_grad",
    "The images drag their graph along: torch.no_grad() or .detach() is missing.",
)
pictures_graph.edit(
    "squeezed_images",
    "to_unit(generator(z))",
    "to_unit(generator(z)).squeeze()",
    "squeeze() drops the axis of the batch when there is one image.",
)
