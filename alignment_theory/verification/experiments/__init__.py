"""One module a family of theorems: ``CHECKS`` judge them, ``VARIANTS`` are wrong and must fail."""
