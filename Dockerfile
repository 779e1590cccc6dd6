# The one image of all roles: `make image PYTHON_DIGEST=sha256:...` (docs/install.md says where the digest comes from).
# glibc is needed: the driver's libnvidia-ml.so.1, which the container runtime mounts, is linked against it.
ARG PYTHON_IMAGE=python:3.11-slim
ARG PYTHON_DIGEST

FROM ${PYTHON_IMAGE}@${PYTHON_DIGEST} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements.txt requirements-build.txt ./
RUN python -m venv --without-pip /build && \
    python -m pip --python /build/bin/python install --require-hashes --no-deps --only-binary=:all: -r requirements-build.txt
# What runs needs no pip: the base's own fills the folder.
RUN python -m venv --without-pip /opt/lanewatch && \
    python -m pip --python /opt/lanewatch/bin/python install --no-compile --require-hashes --no-deps \
      --only-binary=:all: -r requirements.txt
COPY pyproject.toml README.md LICENSE lanewatch.py ./
COPY exporter exporter
COPY probes probes
COPY alerts alerts
COPY dashboards dashboards
COPY chart/files chart/files
RUN python -m pip --python /build/bin/python wheel --no-deps --no-build-isolation --wheel-dir /build/wheels . && \
    python -m pip --python /opt/lanewatch/bin/python install --no-compile --no-deps --no-index --find-links /build/wheels lanewatch
# Byte code by hash that is never checked again: right on a read-only root, and whatever time a layer gives its files.
RUN /opt/lanewatch/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/lanewatch/lib

FROM ${PYTHON_IMAGE}@${PYTHON_DIGEST}
ARG PYTHON_IMAGE
ARG PYTHON_DIGEST
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="lanewatch" \
      org.opencontainers.image.description="Tells people who serve LLMs on Kubernetes GPUs which layer failed" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}" \
      org.opencontainers.image.base.digest="${PYTHON_DIGEST}"
COPY --from=build /opt/lanewatch /opt/lanewatch
ENV PATH=/opt/lanewatch/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /
USER 65532:65532
EXPOSE 19840
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/lanewatch/bin/lanewatch"]
CMD ["serve"]
