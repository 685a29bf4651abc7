"""The doctor's look at the way out: whether its settings hold together, and what it lets workers do."""

from collections.abc import Sequence

from factory.doctor import Verdict, fail, ok, warn
from factory.domain.budget import Caps
from factory.domain.egress import Rule
from factory.domain.model_prices import AS_OF, dollars


def way_out(network: str, conflict: str, rules: Sequence[Rule], caps: Caps, logins: Sequence[str]) -> Verdict:
    """What workers without a network of their own may do.

    Args:
        conflict: why the settings cannot hold together, empty where they do.
        logins: names of what Claude Code logs in with here.
    """
    if conflict:
        return fail(conflict, "correct it; `factory config show --origin` tells where each value comes from")
    if network == "none":
        return warn("Workers reach nothing at all: an engine that calls a model cannot work.", 'set network to "egress"')
    told = f"Workers reach the model and {_described(rules)} through the factory, and nothing else"
    if "CLAUDE_CODE_OAUTH_TOKEN" in logins:
        told += "; a subscription's token is a file in each, since Claude Code must have it itself"
    if not caps.micros and not caps.tokens:
        return warn(f"{told}; no attempt has a limit.", "set attempt_cost_cap or attempt_token_cap")
    limits = [f"{dollars(caps.micros)} by list prices of {AS_OF}"] if caps.micros else []
    limits += [f"{caps.tokens:,} tokens"] if caps.tokens else []
    return ok(f"{told}; an attempt may use {' and '.join(limits)}")


def _described(rules: Sequence[Rule]) -> str:
    tunnels = sum(not rule.scheme for rule in rules)
    if not rules:
        return "no host"
    unseen = f" ({tunnels} as a tunnel, in which nobody sees what is sent)" if tunnels else ""
    return f"{len(rules)} {'entry' if len(rules) == 1 else 'entries'} of egress_allow{unseen}"
