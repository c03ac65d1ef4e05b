"""Wrong runs of part C that train with a slip."""

from grader.catalogue import WrongRuns

still = WrongRuns("language_model", keeps=0.05)
still.catalogued("next_token_loss__detached")

uphill = WrongRuns("language_model", keeps=0.5)
uphill.catalogued("next_token_loss__of_the_other_sign")
