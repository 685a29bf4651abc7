"""The first program of every worker's container: takes its inputs from standard input, and becomes the worker.

Its text is the container's command (`python3 -I -S -c TEXT COMMAND...`), so whatever image there is, it is the one of the factory
that started it. It has the standard library and nothing else. Inputs come this way because everything else that can be given to a
container is shown by the engine to whoever may ask it, or lies on a disk.
"""

import json
import os
import select
import sys
import time

SECONDS = 30.0
"""From start to the last byte of the inputs. A factory that died in between leaves a container that ends by itself."""
EXIT_NO_INPUTS = 125
EXIT_CANNOT_EXECUTE = 126
HEADER_BYTES = 16
"""Length of the JSON that follows, in decimal digits: {"files": name → bytes, "environment": name → value}; then the files' contents."""

_FOLDERS = ("work", "out", "home", "tmp")
_CHUNK = 65_536


def main(command: list[str]) -> int:
    """Ends only by exec, or with a status of its own and a sentence in the worker's log."""
    os.umask(0o022)
    try:
        environment = receive(time.monotonic() + SECONDS)
        for name in _FOLDERS:
            os.makedirs(name, mode=0o700, exist_ok=True)  # noqa: PTH103 - pathlib would be half of this program's start
    except (OSError, ValueError) as error:
        sys.stderr.write(f"the worker's inputs did not come: {error}\n")
        return EXIT_NO_INPUTS
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    try:
        os.execvpe(command[0], command, {**os.environ, **environment})  # noqa: S606 - the worker's own command, no shell is wanted
    except OSError as error:
        sys.stderr.write(f"cannot run {command[0]}: {error}\n")
        return EXIT_CANNOT_EXECUTE


def receive(deadline: float) -> dict[str, str]:
    """Writes the files into `in` and returns the environment."""
    told = json.loads(read(int(read(HEADER_BYTES, deadline)), deadline))
    for name, size in told["files"].items():
        content = read(size, deadline)
        target = os.open(os.path.join("in", name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)  # noqa: PTH118 - see above
        with os.fdopen(target, "wb") as file:
            file.write(content)
    environment: dict[str, str] = told["environment"]
    return environment


def read(size: int, deadline: float) -> bytes:
    """Exactly so many bytes of standard input."""
    parts = bytearray()
    while len(parts) < size:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([0], [], [], left)[0]:
            raise TimeoutError("nobody sent them in time")
        piece = os.read(0, min(_CHUNK, size - len(parts)))
        if not piece:
            raise ConnectionError("whoever started this worker went away")
        parts += piece
    return bytes(parts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
