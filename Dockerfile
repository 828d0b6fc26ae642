# The STI-CPS, cps-server. The Python of the image is the one that CI runs the tests on.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    TOOLS=/opt/tools \
    TARGET=/opt/cps
WORKDIR /build

# What is shipped has no pip: the tools' pip installs into it. Wheels only, so there is nothing to compile.
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python -m venv "$TOOLS" \
    && "$TOOLS/bin/pip" install --require-hashes --only-binary :all: --requirement requirements/build.txt \
    && python -m venv --without-pip "$TARGET" \
    && "$TOOLS/bin/pip" --python "$TARGET/bin/python" install --require-hashes --only-binary :all: --requirement requirements/runtime.txt

COPY pyproject.toml README.md LICENSE ./
COPY stir stir
COPY cps_server cps_server
COPY cps_client cps_client
RUN "$TOOLS/bin/pip" wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && "$TOOLS/bin/pip" --python "$TARGET/bin/python" install --no-deps --no-index dist/*.whl \
    && mkdir data


FROM python:${PYTHON}
LABEL org.opencontainers.image.title="cps-server" \
      org.opencontainers.image.description="Call Placement Service for out-of-band STIR/SHAKEN" \
      org.opencontainers.image.licenses="Apache-2.0"

COPY --from=build /opt/cps /opt/cps
# The database and the secret that seals it; both paths are relative to the working directory by default.
COPY --from=build --chown=10001:10001 /build/data /var/lib/cps
WORKDIR /var/lib/cps
VOLUME /var/lib/cps

# The public API must be reachable from outside the container. The admin listener has no authentication and
# stays on loopback, out of reach of neighbours on the container network, until CPS_ADMIN_LISTEN says otherwise.
ENV PATH=/opt/cps/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CPS_LISTEN=0.0.0.0:8080
EXPOSE 8080 8081

# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s --retries=3 CMD ["cps-server", "health"]
ENTRYPOINT ["cps-server"]
CMD ["serve"]
