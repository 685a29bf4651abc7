"""The way out, from its settings and this machine's login for the model. A part of the composition root."""

import os
import resource
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from actors.egress import Egress
from actors.egress_elsewhere import OutTerms
from actors.way_out import WayOutTerms
from factory.config import Settings
from factory.config_egress import conflict
from factory.domain.egress import parse_network, parse_rule
from factory.domain.way_out import KEY_BYTES
from factory.errors import InvalidInput
from factory.paths import READABLE
from factory.privileges import MODEL_KEY, MODEL_TOKEN, MODEL_URL
from factory.wiring_site import Shared, Site

if TYPE_CHECKING:
    from factory.integrations.egress_model import ModelAccess

PROVIDER = "https://api.anthropic.com"
EGRESS_MEMORY = 2 * 1024 * 1024 * 1024
"""Bytes of data: what all workers together may have it keep at once, and room. Beyond it the process ends and starts anew."""


def check_way_out(settings: Settings) -> None:
    """Raises `InvalidInput` where the settings cannot hold together."""
    why = conflict(
        settings, isolation=settings.isolation, worker_host=settings.worker_host, docker_network=settings.docker_network
    )  # fmt: skip
    if why:
        raise InvalidInput(why)


def prepare_way_out(site: Site) -> None:
    """Makes the folder of the socket and the key of workers' secrets, once for all processes."""
    folder, key = site.egress_socket.parent, site.egress_key
    folder.mkdir(exist_ok=True)
    # Whatever the umask is: workers under other user ids are given this folder.
    folder.chmod(READABLE)
    if not key.exists():
        draft = key.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
        draft.replace(key)


def way_out_terms(site: Site) -> WayOutTerms | None:
    """What workers are told of it; None where they have none."""
    if site.settings.network != "egress":
        return None
    return WayOutTerms(site.egress_socket, _key(site.egress_key), site.settings.caps)


def build_egress(site: Site, shared: Shared, _: bytes) -> Egress:
    # What workers have it keep may only make this process start anew, never the machine.
    resource.setrlimit(resource.RLIMIT_DATA, (EGRESS_MEMORY, EGRESS_MEMORY))
    from factory.integrations.egress_server import EgressServer, Rules  # noqa: PLC0415 - a client and a loop that only this process needs

    settings = site.settings
    rules = Rules(tuple(map(parse_rule, settings.egress_allow)), tuple(map(parse_network, settings.egress_private)))
    key, access = _key(site.egress_key), model_access(site.credential)
    server = EgressServer(site.egress_socket, key, rules, access)
    terms = OutTerms(settings.egress_allow, settings.egress_private, access.url, access.key, access.token, key)
    return Egress(**shared.common, server=server, terms=terms)


def model_access(credential: Mapping[str, str]) -> "ModelAccess":
    """Where the model is, and what it is called with."""
    from factory.integrations.egress_model import ModelAccess  # noqa: PLC0415 - as above

    url = credential.get(MODEL_URL, PROVIDER).rstrip("/")
    # What stands around it in a file is no part of it, and no header may begin or end so.
    key = credential.get(MODEL_KEY, "").strip()
    return ModelAccess(url, key, "" if key else credential.get(MODEL_TOKEN, "").strip())


def _key(file: Path) -> bytes:
    return file.read_bytes()
