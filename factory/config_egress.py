"""The settings of the way out: what workers without a network of their own may reach through the factory, and may spend."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from factory.domain.budget import Caps
from factory.domain.egress import parse_network, parse_rule

_MICROS = 1_000_000
_ENTRIES = Field(max_length=500)


def _allowed(value: str) -> str:
    parse_rule(value)
    return value


def _network(value: str) -> str:
    parse_network(value)
    return value


class EgressSettings(BaseModel):
    """What can be set of the way out."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)

    network: Literal["host", "egress", "none"] = "host"
    """What workers reach: what their host reaches; or the model and `egress_allow` alone, through the factory, which keeps the key; or
    nothing."""
    egress_allow: Annotated[tuple[Annotated[str, AfterValidator(_allowed)], ...], _ENTRIES] = ()
    """Hosts that workers may reach with `network = "egress"`, as in `["packages.example.org", "https://index.example.org/python"]`."""
    egress_private: Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], _ENTRIES] = ()
    """Networks of your own in which such hosts may lie, as in `["10.1.0.0/16"]`; private addresses are not reached otherwise."""
    attempt_token_cap: Annotated[int, Field(ge=0)] = 0
    """Tokens that one attempt may use of its model with `network = "egress"`, those read from the cache not counted; 0: any number."""
    attempt_cost_cap: Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)] = 0.0
    """US dollars that one attempt may cost with `network = "egress"`, by the provider's list prices; 0: any sum."""

    daily_cost_cap: Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)] = 0.0
    """US dollars that all attempts begun in a day may cost with `network = "egress"`; then none begins until midnight. 0: any sum."""

    @property
    def daily_micros(self) -> int:
        return round(self.daily_cost_cap * _MICROS)

    @property
    def caps(self) -> Caps:
        return Caps(self.attempt_token_cap, round(self.attempt_cost_cap * _MICROS))


def conflict(settings: EgressSettings, *, isolation: str, worker_host: str, docker_network: str = "none") -> str:
    """Why these settings cannot hold together, as one sentence with the mend; empty where they do."""
    if settings.network == "host":
        held = [name for name in ("egress_allow", "attempt_token_cap", "attempt_cost_cap", "daily_cost_cap") if getattr(settings, name)]
        return f'{held[0]} is for workers without a network, and network is "host": set it to "egress", or take that away.' if held else ""
    asked = f'network is "{settings.network}"'
    if worker_host == "process" and isolation == "unconfined":
        return f'{asked} and isolation is "unconfined": a plain process has its host\'s network. Take isolation "auto", with bubblewrap.'
    if worker_host == "docker" and docker_network != "none":
        return f'{asked} and docker_network is "{docker_network}": containers would have a network beside it. Take docker_network "none".'
    return ""
