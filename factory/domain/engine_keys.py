"""What each engine logs in with, by names of environment variables. The workers of an engine get what is its own, and nobody else does."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from types import MappingProxyType

from factory.domain.environment import is_for_remotes, is_for_servers, is_inherited

SECRET_WORDS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "AUTH")
"""Whatever has one of them in its name is taken for a secret."""
_SHORTEST_SECRET = 8
"""Characters. Whoever hides a shorter one makes holes into every log line, and one that short protects nothing."""


@dataclass(frozen=True, slots=True)
class EngineKeys:
    """The names for one engine.

    Attributes:
        secrets: any one of them lets it in; none at all: nobody knows what it takes.
        beside: what goes with them and is no secret, such as the address of a provider.
        one_only: the first that is set is given and no other.
        mend: what a person does who has none of them.
    """

    secrets: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    one_only: bool = False
    mend: str = ""


KEYS: Mapping[str, EngineKeys] = MappingProxyType(
    {
        "claude": EngineKeys(
            ("CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_API_KEY"),
            ("ANTHROPIC_BASE_URL",),
            one_only=True,  # a key would silently win over a subscription's token, and be charged
            mend="run `claude setup-token` and set CLAUDE_CODE_OAUTH_TOKEN to what it prints, or set ANTHROPIC_API_KEY",
        ),
        "ralph": EngineKeys(),
        "codex": EngineKeys(
            ("CODEX_API_KEY", "OPENAI_API_KEY"),
            ("OPENAI_BASE_URL",),
            mend="`export OPENAI_API_KEY=...` (from https://platform.openai.com/api-keys), or name a provider that needs none, "
            "as in codex:--oss",
        ),
        "gemini": EngineKeys(
            ("GEMINI_API_KEY",),
            ("GOOGLE_GEMINI_BASE_URL",),
            mend="`export GEMINI_API_KEY=...` (from https://aistudio.google.com/apikey)",
        ),
        "opencode": EngineKeys(
            ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY", "OPENCODE_API_KEY"),
            mend="set the key of its provider, as in `export OPENROUTER_API_KEY=...`, or name a model that needs none, "
            "as in opencode:'-m ollama/llama3'",
        ),
        "command": EngineKeys(),
    }
)
"""By the engine's name before the colon. An operator may name more of them (the setting `engine_keys`)."""

OWN_PROGRAM = "claude:PROGRAM"

More = Mapping[str, tuple[str, ...]]
"""Engine → further names that the operator wants its workers to have."""


def name_of(engine: str) -> str:
    return engine.partition(":")[0]


def credential(engine: str, environ: Mapping[str, str], more: More = MappingProxyType({})) -> dict[str, str]:
    """What a worker of this engine is given; nothing where there is nothing to log in with."""
    name = name_of(engine)
    keys, added = KEYS.get(name, EngineKeys()), more.get(name, ())
    known = [each for each in keys.secrets if environ.get(each)]
    chosen = known[:1] if keys.one_only else known
    extra = [each for each in added if environ.get(each)]
    if not chosen and not extra:
        return {}
    return {each: environ[each] for each in (*chosen, *keys.beside, *extra) if environ.get(each)}


def missing(engine: str, environ: Mapping[str, str], more: More = MappingProxyType({})) -> str:
    """What the engine has nothing to log in with, as one sentence with the mend; empty where it may work."""
    name, _, words = engine.partition(":")
    keys = KEYS.get(name, EngineKeys())
    # Words of a person's own may choose a provider that asks for no key. Claude Code's are its program's path.
    if not keys.secrets or (words and name != "claude") or credential(engine, environ, more):
        return ""
    return f"The engine {name} has no credential: {keys.mend}."


def lacking_in(engine: str, lacking: Mapping[str, str]) -> str:
    """Of what a factory tells that its engines lack, that which concerns this one.

    Args:
        lacking: engine → sentence; `OWN_PROGRAM` for Claude Code with a program that the engine names itself.
    """
    name, _, words = engine.partition(":")
    if not words:
        return lacking.get(name, "")
    return lacking.get(OWN_PROGRAM, "") if name == "claude" else ""


def take(environ: MutableMapping[str, str], more: More = MappingProxyType({})) -> dict[str, dict[str, str]]:
    """All credentials by engine; the secrets are gone from the environment, so that no process started after this inherits them."""
    found = {name: credential(name, environ, more) for name in KEYS}
    for names in (*(keys.secrets for keys in KEYS.values()), *more.values()):
        for name in names:
            environ.pop(name, None)
    return {name: given for name, given in found.items() if given}


def refusal(name: str) -> str:
    """Why a variable of this name is no engine's to have; empty where it may be."""
    if is_for_remotes(name):
        return f"{name} reaches remotes, which no worker may"
    if is_for_servers(name):
        return f"{name} reaches the database, which no worker may"
    return f"{name} is every process's already" if is_inherited(name) else ""


def secrets_of(given: Mapping[str, str]) -> tuple[str, ...]:
    """The values of a credential that no log may hold; addresses, regions and switches are none of them."""
    named = [value for name, value in given.items() if any(word in name.upper() for word in SECRET_WORDS)]
    return tuple(value for value in named if len(value) >= _SHORTEST_SECRET)
