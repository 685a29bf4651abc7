"""Who writes specs, from the settings and the key that there is. A part of the composition root."""

import random
from collections.abc import Callable
from functools import cache, partial

from actors.background import Background
from actors.spec_writer import THREADS, SpecWriterActor
from factory.integrations.plain_specs import PlainSpecs
from factory.integrations.spec_command import CommandSpecs
from factory.ports import Clock
from factory.privileges import MODEL_KEY, MODEL_URL
from factory.spec_ports import SpecOrder, SpecWriter, Written
from factory.storage.specs import Specs
from factory.wiring_site import Shared, Site

NO_KEY = f"the factory has neither {MODEL_KEY} nor spec_command"


def build_spec_writer(site: Site, shared: Shared, _: bytes) -> SpecWriterActor:
    return SpecWriterActor(
        **shared.common,
        store=Specs(shared.database()),
        writer=writer_of(site, shared),
        background=Background(THREADS),
        dice=random.Random(),
    )


def writer_of(site: Site, shared: Shared) -> SpecWriter:
    """The operator's own command before a model, and a plain spec where there is neither."""
    settings = site.settings
    if settings.spec_command:
        return CommandSpecs(settings.spec_command, site.paths.data, settings.spec_timeout)
    if site.credential.get(MODEL_KEY):
        return ModelAtFirstUse(partial(_model, site, shared.clock))
    return PlainSpecs(NO_KEY)


def _model(site: Site, clock: Clock) -> SpecWriter:
    from factory.integrations.anthropic_specs import AnthropicSpecs  # noqa: PLC0415 - a second of imports that only this needs

    settings = site.settings
    return AnthropicSpecs(
        site.credential[MODEL_KEY],
        site.credential.get(MODEL_URL),
        model=settings.spec_model,
        max_tokens=settings.spec_max_tokens,
        timeout=settings.spec_timeout,
        clock=clock,
    )


class ModelAtFirstUse:
    """A writer that asks a model, made in the background when the first spec is wanted: the start of the factory does not wait for it."""

    reads_repository = True

    def __init__(self, make: Callable[[], SpecWriter]) -> None:
        # Two threads may make one each; both are good.
        self._made = cache(make)

    def write(self, order: SpecOrder) -> Written:
        return self._made().write(order)
