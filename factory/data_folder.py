"""Which data folder a command means. A part of `factory.paths` that imports next to nothing: the dashboard's first picture waits for it."""

import os

TYPE_CHECKING = False
"""As `typing` has it, which takes longer to import than all that is done here."""

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROOT_HOME = "/var/lib/factory"
_OTHERS_PASS = 0o001
_HASH_DIGITS = 8


def data_folder(environ: "Mapping[str, str]", asked: str | None = None) -> str:
    """The data folder that this environment means, as an absolute path.

    Args:
        asked: the one from the command line; it wins over FACTORY_DATA.
    """
    if asked is None:
        asked = environ.get("FACTORY_DATA") or _default(environ)
    # Not realpath(): the text is hashed, and has to be the same before and after a part of it is made a link.
    return os.path.abspath(os.path.expanduser(asked))  # noqa: PTH100, PTH111 - see the module's docstring


def others_pass(folder: str) -> bool:
    """Whether every user may pass through this folder and all above it; what does not exist yet counts as passable."""
    part = os.path.realpath(folder)
    while True:
        if os.path.exists(part) and not os.stat(part).st_mode & _OTHERS_PASS:  # noqa: PTH110, PTH116
            return False
        above = os.path.dirname(part)  # noqa: PTH120
        if above == part:
            return True
        part = above


def digest(folder: str) -> str:
    """A short name for a folder, the same whenever it is asked for."""
    import hashlib  # noqa: PLC0415 - needed where root starts it, and there it costs

    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:_HASH_DIGITS]


def _default(environ: "Mapping[str, str]") -> str:
    home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111
    usual = f"{environ.get('XDG_DATA_HOME') or home + '/.local/share'}/factory"
    # Root starts PostgreSQL and workers under other users, and /root lets none of them pass.
    if _is_root() and not others_pass(usual):
        return f"{_ROOT_HOME}/{digest(os.path.normpath(usual))}"
    return usual


def _is_root() -> bool:
    return os.geteuid() == 0
