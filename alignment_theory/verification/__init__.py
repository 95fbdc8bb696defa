"""Where theory and engine meet: evidence, statistics and verdicts."""
