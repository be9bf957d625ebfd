# Two stages from one base: the first makes the virtual environment, the second holds it and no tools.
#   docker build -t factoring-worker .
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
# Further parts to install: "--extra postgres --extra s3 --extra rules" for the official rules too (docs/rules.md); empty for none.
ARG EXTRAS="--extra postgres --extra s3"
# true where the machine's own certificate authorities are to be believed.
ARG UV_SYSTEM_CERTS=false
ENV UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS} \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    PYC_INVALIDATION_MODE=UNCHECKED_HASH \
    UV_NO_CACHE=1 \
    UV_PYTHON=python3 \
    UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/opt/venv
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir --disable-pip-version-check "uv>=0.13,<0.14"
WORKDIR /src
# Dependencies first: they change seldom, and the layer is kept.
COPY pyproject.toml uv.lock README.md ./
RUN /opt/uv/bin/uv sync --locked --no-dev --no-install-project ${EXTRAS}
COPY worker ./worker
COPY config/clients/client.env.example ./config/clients/client.env.example
RUN /opt/uv/bin/uv sync --locked --no-dev --no-editable ${EXTRAS}
# What is in it, for whoever has to say so: CycloneDX, from the lock file.
RUN /opt/uv/bin/uv export --quiet --locked --no-dev ${EXTRAS} --preview-features sbom-export \
    --format cyclonedx1.5 -o /opt/sbom.cdx.json

FROM ${BASE}
RUN command -v tini > /dev/null \
    || (apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*)
RUN groupadd --gid 10001 worker \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/factoring-worker --shell /usr/sbin/nologin worker \
    && install -d -o 10001 -g 10001 -m 0750 /var/lib/factoring-worker /etc/factoring-worker
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/sbom.cdx.json /usr/share/factoring-worker/sbom.cdx.json
# The process environment wins over worker.env: inside a container the portal listens for all, and logs are for machines.
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    WORKER_SETTINGS=/etc/factoring-worker/worker.env \
    PORTAL_HOST=0.0.0.0 \
    PORTAL_PORT=8080 \
    LOG_FORMAT=json
USER 10001:10001
# Relative folders in worker.env (var/...) lie under here: the only place written to, besides /tmp. The root may be read-only.
WORKDIR /var/lib/factoring-worker
VOLUME /var/lib/factoring-worker
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=8s --start-period=30s --retries=3 CMD ["factoring-worker", "health"]
ENTRYPOINT ["tini", "--", "factoring-worker"]
CMD ["run"]
