"""Mistakes in b.5.3 and b.5.4: the Inception Score and the Frechet distance."""

from grader.catalogue import Mistakes

one_part = Mistakes("image_models.inception_score", "test_one_part")
one_part.edit(
    "score_without_exp",
    "kl.exp()",
    "kl",
    "The exponential is missing: this is the mean divergence itself.",
)
one_part.edit(
    "score_averaged_over_classes",
    "kl.exp()",
    "(kl / part.shape[1]).exp()",
    "The divergence is averaged over the classes. It is their sum.",
)
one_part.edit(
    "score_the_wrong_way_round",
    "torch.special.entr(part.mean(dim=0)).sum() - torch.special.entr(part).sum(1).mean()",
    "(part.mean(0) * (part.mean(0).log() - part.log())).sum(1).mean()",
    "The divergence is the wrong way round, KL(p(y) || p(y|x)).",
)

parts = Mistakes("image_models.inception_score", "test_several_parts")
parts.edit(
    "score_with_one_marginal",
    "part.mean(dim=0)",
    "probabilities.double().mean(dim=0)",
    "The marginal is taken over all samples. Each part has its own.",
)
parts.edit(
    "score_with_exp_at_the_end",
    "float(np.mean(scores))",
    "float(np.exp(np.mean(np.log(scores))))",
    "The exponential is taken after the mean over the parts, and not in each of them.",
)
parts.edit(
    "score_of_parts_of_the_wrong_size",
    """for start in range(splits):
        part = probabilities[start::splits].double()""",
    """for part in probabilities.split(splits if splits > 1 else len(probabilities)):
        part = part.double()""",
    "Parts of `splits` samples are made in place of `splits` parts.",
)

Mistakes("image_models.inception_score", "test_classes_that_are_impossible").edit(
    "score_with_bare_logarithms",
    "torch.special.entr(part.mean(dim=0)).sum() - torch.special.entr(part).sum(1).mean()",
    "(part * (part.log() - part.mean(0).log())).sum(1).mean()",
    "0 log 0 is NaN here. It counts as 0: xlogy, entr, or a small number in the logarithm.",
)

deviation = Mistakes("image_models.inception_score", "test_deviation_over_the_parts")
deviation.edit(
    "score_with_the_variance",
    "np.std(",
    "np.var(",
    "The second result is the variance over the parts. Its root is asked for.",
)
deviation.edit(
    "score_with_the_standard_error",
    "float(np.std(scores))",
    "float(np.std(scores)) / splits**0.5",
    """The second result is the standard error of the mean. The deviation over the parts is asked
    for.""",
)

Mistakes("image_models.inception_score", "test_ten_parts_unless_told_otherwise").edit(
    "score_of_one_part_by_default",
    "splits: int = 10",
    "splits: int = 1",
    "By default all samples make one part. The text asks for 10 splits.",
)

covariance = Mistakes("image_models.feature_statistics", "test_covariance")
covariance.edit(
    "statistics_of_the_images",
    "np.cov(rows, rowvar=False)",
    "np.cov(rows)",
    """np.cov takes rows for variables unless it is told rowvar=False: this covariance is that of
    the images.""",
)
covariance.edit(
    "statistics_with_correlations",
    "np.cov(",
    "np.corrcoef(",
    "The correlation matrix has a diagonal of ones. The covariance is asked for.",
)
covariance.edit(
    "statistics_about_zero",
    "np.cov(rows, rowvar=False)",
    "rows.T @ rows / len(rows)",
    "The mean is not subtracted: these are second moments about zero.",
)

precision = Mistakes("image_models.feature_statistics", "test_is_precise")


@precision
def statistics_in_single_precision(features):
    """E[xx'] - E[x]E[x]' in float32 loses all digits where the mean is far from zero."""
    mean = features.mean(0)
    return mean, features.T @ features / len(features) - torch.outer(mean, mean)


@precision
def statistics_left_in_single_precision(features):
    """Mean and covariance are left in float32. Roots of covariances need more digits."""
    return features.mean(dim=0), torch.cov(features.T)


Mistakes("image_models.feature_statistics", "test_mean").edit(
    "statistics_with_the_mean_of_images",
    "rows.mean(axis=0)",
    "rows.mean(axis=1)",
    "The mean is taken over the features of each image, and not over the images.",
)

Mistakes(
    "image_models.feature_statistics", "test_has_one_number_and_one_row_for_each_feature"
).edit(
    "mean_with_an_axis_too_many",
    "rows.mean(axis=0)",
    "rows.mean(axis=0, keepdims=True)",
    "The mean has an axis of size one in front: (D,) is asked for, without keepdims.",
)

frechet = Mistakes("image_models.frechet_distance", "test_of_covariances_with_other_axes")
frechet.edit(
    "distance_without_the_two", "- 2 * trace", "- trace", "The factor 2 before the root is missing."
)
frechet.edit(
    "distance_with_elementwise_roots",
    "np.sqrt(eigenvalues.clip(min=0)).sum()",
    "np.trace(np.sqrt((sigma_r @ sigma_g).clip(min=0)))",
    "The root is taken of each element. A matrix root R has R R = sigma_r sigma_g.",
)
frechet.edit(
    "distance_with_the_product_of_roots",
    "trace_of_root = np.sqrt(eigenvalues.clip(min=0)).sum()",
    """values, vectors = np.linalg.eigh(sigma_g)
    trace_of_root = np.trace(root @ (vectors * np.sqrt(values.clip(min=0)) @ vectors.T))""",
    """The product of the two roots is not the root of the product unless the covariances have the
    same axes.""",
)

frechet_means = Mistakes("image_models.frechet_distance", "test_of_equal_covariances")
frechet_means.edit(
    "distance_with_the_norm",
    "np.square(mu_r - mu_g).sum()",
    "np.linalg.norm(mu_r - mu_g)",
    "The norm of the difference of the means is not squared.",
)
frechet_means.edit(
    "distance_with_averaged_means",
    "np.square(mu_r - mu_g).sum()",
    "np.square(mu_r - mu_g).mean()",
    "The squared differences of the means are averaged over the features. They are summed.",
)

frechet_singular = Mistakes("image_models.frechet_distance", "test_of_singular_covariances")
frechet_singular.edit(
    "distance_by_cholesky",
    "eigenvalues = np.linalg.eigvalsh(root @ sigma_g @ root)",
    """factor = np.linalg.cholesky(sigma_g)
    eigenvalues = np.linalg.eigvalsh(factor.T @ sigma_r @ factor)""",
    """The Cholesky factor exists only where no eigenvalue is zero. Covariances of 100 images in 128
    dimensions are singular.""",
)
frechet_singular.edit(
    "distance_with_roots_of_negatives",
    "eigenvalues.clip(min=0)",
    "eigenvalues",
    """Where rounding leaves a negative eigenvalue its root is NaN. Clip at zero, or take the real
    part of a complex root.""",
)

Mistakes("image_models.frechet_distance", "test_of_a_distribution_to_itself").edit(
    "distance_with_a_large_offset",
    "eigenvalues = np.linalg.eigvalsh(root @ sigma_g @ root)",
    """root = vectors * np.sqrt(values.clip(min=0) + 1) @ vectors.T
    eigenvalues = np.linalg.eigvalsh(root @ (sigma_g + np.eye(len(mu_g))) @ root)""",
    """A multiple of the identity as large as 1 on both diagonals makes the root exist, and changes
    the distance. It has to be tiny, like 1e-6.""",
)
