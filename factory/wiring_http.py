"""What takes webhooks in, from its settings and the operator's environment. A part of the composition root."""

import os
from collections.abc import Mapping

from actors.http_api import HttpServer
from factory.domain.webhook import secrets_of
from factory.errors import InvalidInput
from factory.storage.webhooks import WebhookStore
from factory.wiring_site import Shared, Site


def webhook_secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Those that are set.

    Raises:
        InvalidInput: there is none, or one that could be guessed.
    """
    try:
        return secrets_of(environ)
    except ValueError as error:
        raise InvalidInput(f"{error}.") from None


def build_http(site: Site, shared: Shared, _: bytes) -> HttpServer:
    from factory.integrations.webhook_server import WebhookServer  # noqa: PLC0415 - a framework that only this process needs

    host, port = site.settings.http_listen.rsplit(":", 1)
    store = WebhookStore(shared.database())
    return HttpServer(**shared.common, server=WebhookServer((host.strip("[]"), int(port)), webhook_secrets(os.environ), store))
