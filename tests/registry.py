"""A registry of one image, on this machine's loopback: what an engine needs to pull it by its digest, and no more."""

import hashlib
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from factory.integrations.docker_engine import Engine

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG, _LAYER = "application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar"
_BYTES = "application/octet-stream"


@contextmanager
def registry_of(engine: Engine, image: str, folder: Path) -> Iterator[str]:
    """Yields the image's name there, with its digest. The engine takes it without encryption, since it is on the loopback."""
    manifest, blobs = _contents(engine, image, folder)
    digest = _digest(manifest)
    served = {f"/v2/base/manifests/{digest}": (_MANIFEST, manifest), "/v2/": (_BYTES, b"{}")}
    served |= {f"/v2/base/blobs/{name}": (_BYTES, blob) for name, blob in blobs.items()}
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(served))
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    serving.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}/base@{digest}"
    finally:
        server.shutdown()
        server.server_close()
        serving.join(60)


def _contents(engine: Engine, image: str, folder: Path) -> tuple[bytes, Mapping[str, bytes]]:
    saved = folder / "saved.tar"
    with engine._asked("the image cannot be saved", 120) as client, saved.open("wb") as file:
        for piece in client.get_image(image):
            file.write(piece)
    with tarfile.open(saved) as tar:
        listed = json.loads(_member(tar, "manifest.json"))[0]
        config, layers = _member(tar, listed["Config"]), [_member(tar, name) for name in listed["Layers"]]
    saved.unlink()
    manifest = {
        "schemaVersion": 2, "mediaType": _MANIFEST, "config": _described(_CONFIG, config),
        "layers": [_described(_LAYER, layer) for layer in layers],
    }  # fmt: skip
    return json.dumps(manifest).encode(), {_digest(blob): blob for blob in (config, *layers)}


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    content = tar.extractfile(name)
    assert content is not None, name
    return content.read()


def _described(kind: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": kind, "size": len(blob), "digest": _digest(blob)}


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _handler(served: Mapping[str, tuple[str, bytes]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self.wfile.write(self._answer())

        def _answer(self) -> bytes:
            kind, content = served.get(self.path, (_BYTES, b""))
            self.send_response(200 if self.path in served else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            if kind == _MANIFEST:
                self.send_header("Docker-Content-Digest", _digest(content))
            self.end_headers()
            return content

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the class above calls it
            """Tests print nothing."""

    return Handler
