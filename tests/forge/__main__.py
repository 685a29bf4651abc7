"""`python -m tests.forge FOLDER PORT TOKEN...`: serves until it is killed; the port is printed once it listens."""

import sys
from pathlib import Path

from tests.forge.server import Forge

folder, port, *tokens = sys.argv[1:]
forge = Forge(Path(folder), int(port), tokens)
sys.stdout.write(f"{forge.server_address[1]}\n")
sys.stdout.flush()
forge.serve_forever()
