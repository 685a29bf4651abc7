"""`python -m factory.standin FOLDER PORT TOKEN...`: serves until it is killed; the port is printed once it listens."""

import sys
from pathlib import Path

from factory.standin.server import Server

folder, port, *tokens = sys.argv[1:]
server = Server(Path(folder), int(port), tokens)
sys.stdout.write(f"{server.server_address[1]}\n")
sys.stdout.flush()
server.serve_forever()
