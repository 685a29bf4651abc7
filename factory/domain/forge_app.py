"""A GitHub App as the operator names it: who asks for tokens, and what each of them may do."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

_NAMES = ("GH_APP_ID", "GH_INSTALLATION_ID", "GH_PRIVATE_KEY")
_PEM = re.compile(r"-----BEGIN (?:RSA )?PRIVATE KEY-----.+-----END (?:RSA )?PRIVATE KEY-----\s*", re.DOTALL)

Permissions = Mapping[str, str]

DELIVERY: Permissions = MappingProxyType({"contents": "write", "pull_requests": "write", "checks": "read", "statuses": "read"})
"""Pushes a branch, opens its pull request, and reads what becomes of it."""

INTAKE: Permissions = MappingProxyType({"issues": "write", "pull_requests": "read"})
"""Reads issues, keeps their labels and comments, and asks whether a pull request that closed one was merged. Who may write is metadata,
which every token reads."""


@dataclass(frozen=True, slots=True)
class App:
    """An installed App. `key` in PEM."""

    id: str
    installation: str
    key: str = field(repr=False)


def app_of(environ: Mapping[str, str]) -> App | None:
    """As `GH_APP_ID`, `GH_INSTALLATION_ID` and `GH_PRIVATE_KEY` name it; None where none of them is set.

    Raises:
        ValueError: they cannot be used; the message is a sentence that shows none of them.
    """
    given = {name: environ.get(name, "").strip() for name in _NAMES}
    if not any(given.values()):
        return None
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise ValueError(f"a GitHub App needs {' and '.join(missing)} as well; set all of {', '.join(_NAMES)}, or GITHUB_TOKEN alone")
    for name in _NAMES[:2]:
        if not (given[name].isascii() and given[name].isdigit()):
            raise ValueError(f"{name} is no number; GitHub shows it on the page of the App")
    # A file of variables keeps a key in one line.
    key = given["GH_PRIVATE_KEY"].replace("\\n", "\n")
    if _PEM.fullmatch(key) is None:
        raise ValueError("GH_PRIVATE_KEY is no private key in PEM (-----BEGIN RSA PRIVATE KEY----- ...); set it to the file's whole text")
    return App(given["GH_APP_ID"], given["GH_INSTALLATION_ID"], key)
