"""The theorems: statements, hypotheses, formulas and predictions."""
