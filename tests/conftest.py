"""Hypothesis profiles, and one BLAS thread for each process.

The profile `ci` is Hypothesis' own; choose one with --hypothesis-profile.

Tests run in one process a core; more threads than cores would get into each other's way.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from hypothesis import HealthCheck, settings

settings.register_profile(
    "dev", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("nightly", settings.get_profile("dev"), max_examples=10_000)
if settings.get_current_profile_name() == "default":  # no CI detected: that would be `ci`
    settings.load_profile("dev")
