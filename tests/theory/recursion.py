"""The leading recursion of alignment through depth, written out apart from the package's."""

from alignment_theory.theory import depth


def leading_profile(widths, rule, q=0.0):
    """Return the limit ρ² = cos²(g_l, a_l) at levels 0, ..., L-1 for a row chosen beforehand.

    The row's ρ² is 1/d with either sign; under a rule that filters by sign the signs cancel, and
    the first step starts from 0.
    """
    profile = [1 / widths[-2]]
    for inputs, neurons in zip(widths[-3::-1], widths[-2:0:-1], strict=True):
        start = profile[0] if rule == "gradient" or len(profile) > 1 else 0.0
        strength = depth.strength_at(rule, start, q)
        profile.insert(0, neurons * strength / (neurons * strength + inputs - 1))
    return profile
