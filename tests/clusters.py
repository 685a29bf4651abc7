"""A factory's database as its first start leaves it: made once a test process, and copied for each factory that a test starts.

Making one takes a quarter of what a start costs. What a start does where there is none is what the tests of the embedded server and of the
demo look at, and those of the command line where somebody begins.
"""

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from factory.storage.embedded import EmbeddedServer
from factory.storage.migrate import migrate

_SECONDS = 60
_KEPT = ("data", "pgpass")


def give_cluster(root: Path) -> None:
    """Puts it into the folder of a server that was never started."""
    root.mkdir(parents=True)
    # As it is: the data belong to the account that the server runs as.
    subprocess.run(["cp", "-a", *(_template() / name for name in _KEPT), root], check=True, timeout=_SECONDS)


def remove_template() -> None:
    """At the end of a test process."""
    if _template.cache_info().currsize:
        shutil.rmtree(_template())
        _template.cache_clear()


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="factory-cluster-"))
    folder.chmod(0o711)
    with EmbeddedServer(folder).hold() as dsn:
        migrate(dsn)
    return folder
