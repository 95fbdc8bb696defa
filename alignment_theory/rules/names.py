"""Rules by the name a command line can carry: ``guided-backprop``, ``rect-grad`` with ``q=90``."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from difflib import get_close_matches

from alignment_theory import rules
from alignment_theory.rules.base import Method


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


RULES: dict[str, type[Method]] = {
    _kebab(cls.__name__): cls
    for cls in vars(rules).values()
    if isinstance(cls, type) and issubclass(cls, Method) and not cls.__abstractmethods__
}
"""Every rule that can be built from numbers, by name."""


def rule_by_name(name: str, settings: Mapping[str, str]) -> Method:
    """Return the rule of a name, its parameters read from text as the fields' types say.

    Names of classes and names without hyphens are known too, in capitals or not.

    Raises
    ------
    ValueError
        For an unknown name, unknown or missing parameters, and values that do not parse.
    """
    name = _known(name)
    cls = RULES[name]
    known = {field.name: field for field in fields(cls) if field.init}  # type: ignore[arg-type]
    for key in settings:
        if key not in known:
            takes = ", ".join(known) or "none"
            raise ValueError(f"{name}: unknown parameter {key!r}; it takes {takes}")
    values = {
        key: _parse(f"{name}: {key}", known[key].default, text) for key, text in settings.items()
    }
    missing = [
        key
        for key, field in known.items()
        if field.default is MISSING and field.default_factory is MISSING and key not in values
    ]
    if missing:
        raise ValueError(
            f"{name}: parameter {', '.join(missing)} is missing; give it as {missing[0]}=VALUE"
        )
    return cls(**values)


def _known(name: str) -> str:
    """Return the name in `RULES` that is meant; ValueError, with what is alike, for none."""
    bare = {re.sub("[-_]", "", known): known for known in RULES}
    asked = re.sub("[-_]", "", name).lower()
    if asked not in bare:
        close = [bare[match] for match in get_close_matches(asked, bare)]
        hint = f"did you mean {' or '.join(close)}? All are" if close else "known are"
        raise ValueError(f"no rule {name!r}; {hint} {', '.join(sorted(RULES))}")
    return bare[asked]


def _parse(where: str, default: object, text: str) -> object:
    """Read text as the type of the default; where that is none, as a number if it is one."""
    if isinstance(default, bool):
        if text.lower() not in ("true", "false"):
            raise ValueError(f"{where} must be true or false, got {text!r}")
        return text.lower() == "true"
    if isinstance(default, str):
        return text
    kind = int if isinstance(default, int) else float
    try:
        return kind(text)
    except ValueError:
        word = "a whole number" if kind is int else "a number"
        raise ValueError(f"{where} must be {word}, got {text!r}") from None
