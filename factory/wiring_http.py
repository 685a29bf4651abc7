"""What takes webhooks in, from its settings and the operator's environment. A part of the composition root."""

import os
from collections.abc import Mapping

from actors.http_api import HttpServer
from factory.errors import InvalidInput
from factory.storage.webhooks import WebhookStore
from factory.wiring_site import Shared, Site

_SECRETS = ("GITHUB_WEBHOOK_SECRET", "GITHUB_WEBHOOK_SECRET_PREVIOUS")
"""The second is good as well while GitHub is told the first."""
_SHORTEST = 16


def webhook_secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Those that are set.

    Raises:
        InvalidInput: there is none, or one that could be guessed.
    """
    found = {name: environ[name] for name in _SECRETS if environ.get(name)}
    if "GITHUB_WEBHOOK_SECRET" not in found:
        raise InvalidInput("http_listen is set, and GITHUB_WEBHOOK_SECRET is not: export the secret that you gave the webhook on GitHub.")
    for name, secret in found.items():
        if len(secret) < _SHORTEST:
            raise InvalidInput(
                f"{name} has {len(secret)} characters and could be guessed: take {_SHORTEST} or more, as `openssl rand -hex 32` makes."
            )
    return tuple(found.values())


def build_http(site: Site, shared: Shared, _: bytes) -> HttpServer:
    from factory.integrations.webhook_server import WebhookServer  # noqa: PLC0415 - a framework that only this process needs

    host, port = site.settings.http_listen.rsplit(":", 1)
    store = WebhookStore(shared.database())
    return HttpServer(**shared.common, server=WebhookServer((host.strip("[]"), int(port)), webhook_secrets(os.environ), store))
