"""What the reference and trivial solutions reach in runs, for thresholds and for the docs."""
