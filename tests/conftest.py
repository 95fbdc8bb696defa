"""Hypothesis profiles: `ci` is Hypothesis' own; choose one with --hypothesis-profile."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "dev", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("nightly", settings.get_profile("dev"), max_examples=10_000)
if settings.get_current_profile_name() == "default":  # no CI detected: that would be `ci`
    settings.load_profile("dev")
