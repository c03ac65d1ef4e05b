"""Mistakes in a.5.1: Gibbs sampling."""

from grader.catalogue import Mistakes

conditional_variance = Mistakes("sampling.gibbs_sampling", "test_has_the_right_variance")

conditional_variance.edit(
    "gibbs_with_the_variance_for_a_deviation",
    "np.sqrt(1 - correlation**2)",
    "1 - correlation**2",
    """1 - r^2 is a variance, and NumPy's normal takes a standard deviation. The autocorrelation
    stays right, and the spread of the chain is far too small.""",
)
conditional_variance.edit(
    "gibbs_with_one_minus_r",
    "1 - correlation**2",
    "1 - abs(correlation)",
    "The conditional variance is 1 - r^2; here the square is missing.",
)
conditional_variance.edit(
    "gibbs_with_the_marginal_variance",
    "np.sqrt(1 - correlation**2)",
    "1.0",
    "The variance is that of the marginal. Knowing the other coordinate makes it smaller.",
)
conditional_variance.edit(
    "gibbs_with_noise_in_one_coordinate",
    "correlation * first + e2",
    "correlation * first",
    "The second coordinate is set to its mean, without any noise.",
)

Mistakes("sampling.gibbs_sampling", "test_has_the_right_distribution").edit(
    "gibbs_with_uniform_noise",
    "rng.standard_normal((n, 2))",
    "np.sqrt(3) * rng.uniform(-1, 1, (n, 2))",
    "The noise is uniform, with the right variance. The conditionals are normal.",
)

Mistakes("sampling.gibbs_sampling", "test_has_the_right_mean").edit(
    "gibbs_with_the_squared_correlation",
    """        first = correlation * second + e1
        second = correlation * first + e2
""",
    """        first = correlation**2 * second + e1
        second = correlation**2 * first + e2
""",
    """The mean of a conditional is r times the other coordinate; here it is the other coordinate,
    or r squared times it.""",
)

conditional = Mistakes(
    "sampling.gibbs_sampling", "test_has_the_right_mean", "test_has_the_right_variance"
)
conditional.edit(
    "gibbs_with_old_values",
    """        first = correlation * second + e1
        second = correlation * first + e2
""",
    """        first, second = correlation * second + e1, correlation * (first if i else x0[0]) + e2
""",
    """Both coordinates are drawn given the old values. The second one is to be drawn given the new
    first one: else the two are uncorrelated in the end.""",
)
conditional.edit(
    "gibbs_that_draws_jointly",
    "first = correlation * second + e1",
    "first = e1 / sd",
    """The rows are independent draws from the joint distribution. That is the target, but no Gibbs
    sampling: its rows depend on the rows before.""",
)

Mistakes("sampling.gibbs_sampling", "test_draws_are_independent_of_each_other").edit(
    "gibbs_with_shared_noise",
    "correlation * first + e2",
    "correlation * first + e1",
    "One random number serves both coordinates. Each draw needs its own.",
)

Mistakes("sampling.gibbs_sampling", "test_has_the_right_marginals").edit(
    "gibbs_with_a_fixed_correlation",
    "    sd = np",
    """    correlation = 0.9
    sd = np""",
    "The correlation is fixed at 0.9; it is an argument.",
)

Mistakes("sampling.gibbs_sampling", "test_begins_at_its_start").edit(
    "gibbs_from_the_origin",
    "_, second = x0",
    "second = 0.0",
    "The chain starts at the origin, whatever x0 says.",
)

rows = Mistakes("sampling.gibbs_sampling", "test_has_the_right_shape")
rows.edit(
    "gibbs_without_its_first_rows",
    "return chain",
    "return chain[n // 2 :]",
    """The first half of the chain is taken off as burn-in. That is not this function's task: n rows
    are asked for.""",
)
rows.edit(
    "chain_in_columns",
    "return chain",
    "return chain.T",
    "States are columns, (2, n): rows are asked for, (n, 2).",
)
