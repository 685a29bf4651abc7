"""What the host gave an engine to log in with. Which keys are its own is decided there; here is nothing that could be mixed up."""

import msgspec

from worker_agent.engines.base import EngineProblem
from worker_agent.folders import Folders

CREDENTIAL_FILE = "credential.json"
"""In the inbox, where the host gives one: names of variables and their values."""


def read_credential(folders: Folders) -> dict[str, str]:
    """Nothing where it gave none; then the program itself says that it is not logged in. Raises `EngineProblem`."""
    try:
        return msgspec.json.decode((folders.inbox / CREDENTIAL_FILE).read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        # Not the file's words: they are the secret.
        raise EngineProblem(f"The worker's credential cannot be read ({type(error).__name__}).") from None
