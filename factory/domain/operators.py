"""Operators who come over the network: each with a name, a key and a role."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["view", "operate"]

ROLES: tuple[str, ...] = get_args(Role)

MOST = 200
"""Operators of one factory."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}")


@dataclass(frozen=True, slots=True)
class Operator:
    """Whose key it is (Z85, its public half), and what it is good for: view looks, operate also commands."""

    name: str
    role: Role
    key: str


def name_objection(name: str) -> str:
    """Why this is no name of an operator, empty where it is one. Names stand in the audit trail and in file names."""
    if _NAME.fullmatch(name):
        return ""
    return f"{name[:70]!r} is no name of an operator: use letters, digits and . _ @ -, at most 63, beginning with a letter or digit"


def refusal(operator: Operator, *, changes: bool) -> str:
    """Why this operator may not say it, empty where he may.

    Args:
        changes: whether what is said could change anything.
    """
    if not changes or operator.role == "operate":
        return ""
    return f"The key of {operator.name} has the role {operator.role}: it may look, and give no commands."
