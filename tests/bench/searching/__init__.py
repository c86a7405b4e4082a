"""What `scripts/bench search` runs: problems, contestants, one run, the table."""
