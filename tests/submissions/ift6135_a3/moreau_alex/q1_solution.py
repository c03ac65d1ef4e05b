from finder import answer

log_likelihood_bernoulli = answer('log_likelihood_bernoulli', 'q1_solution.py')
log_likelihood_normal = answer('log_likelihood_normal', 'q1_solution.py')
log_mean_exp = answer('log_mean_exp', 'q1_solution.py')
kl_gaussian_gaussian_analytic = answer('kl_gaussian_gaussian_analytic', 'q1_solution.py')
kl_gaussian_gaussian_mc = answer('kl_gaussian_gaussian_mc', 'q1_solution.py')
