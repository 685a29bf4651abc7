"""Which variables of the operator's environment reach which process. Whatever nobody named stays with the root: it may be a key."""

_INHERITED = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TERM", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
        "LOCALE_ARCHIVE",  # where Nix keeps what LANG names
        "OBJC_DISABLE_INITIALIZE_FORK_SAFETY",  # without it some systems' frameworks abort forked processes
        "CLAUDE_BIN",
        "FACTORY_HOLD_DIR",
    }
)  # fmt: skip
_INHERITED_BY_PREFIX = ("LC_", "XDG_", "PYTHON", "COVERAGE_", "COV_CORE_")
"""The last two are how coverage measures processes that a test starts."""

_FOR_REMOTES = frozenset(
    {
        "SSL_CERT_FILE", "SSL_CERT_DIR", "NIX_SSL_CERT_FILE", "CURL_CA_BUNDLE", "GNUPGHOME", "KRB5CCNAME",
        "DBUS_SESSION_BUS_ADDRESS", "DISPLAY",  # what desktops' credential helpers ask
    }
)  # fmt: skip
_FOR_REMOTES_BY_PREFIX = ("SSH_", "GIT_", "GH_", "GITHUB_")
_PROXY = "_proxy"

_FOR_SERVERS_BY_PREFIX = ("PG",)
_FOR_FORGES = frozenset({"SSL_CERT_FILE", "SSL_CERT_DIR", "NIX_SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"})
_FOR_FORGES_BY_PREFIX = ("GH_", "GITHUB_")
_FOR_WEBHOOKS_BY_PREFIX = ("GITHUB_WEBHOOK_SECRET",)


def is_inherited(name: str) -> bool:
    """Whether every process of the factory has it: what a program needs to run at all, and what holds no secret."""
    return name in _INHERITED or name.startswith(_INHERITED_BY_PREFIX)


def is_for_remotes(name: str) -> bool:
    """Whether git, ssh or a credential helper uses it to reach a remote: for the one process that does."""
    named = name in _FOR_REMOTES or name.startswith(_FOR_REMOTES_BY_PREFIX) or name.lower().endswith(_PROXY)
    return named and not is_for_webhooks(name)


def is_for_forges(name: str) -> bool:
    """Whether it is needed to ask a forge's API: for the one process that reads issues there, and runs no git."""
    named = name in _FOR_FORGES or name.startswith(_FOR_FORGES_BY_PREFIX) or name.lower().endswith(_PROXY)
    return named and not is_for_webhooks(name)


def is_for_webhooks(name: str) -> bool:
    """Whether it is what GitHub signs its webhooks with: for the one process that takes them in."""
    return name.startswith(_FOR_WEBHOOKS_BY_PREFIX)


def is_for_models(name: str) -> bool:
    """Whether it is needed on the way to a model's API, the key aside: for the one process that asks one itself."""
    return name in _FOR_FORGES or name.lower().endswith(_PROXY)


def is_for_servers(name: str) -> bool:
    """Whether libpq reads it: for those who use a database server of the operator's own."""
    return name.startswith(_FOR_SERVERS_BY_PREFIX)
