# docker build -t handrail .
# docker run -i --rm -v handrail:/data -e HANDRAIL_DEMO=acme handrail mcp
# Where it writes: /data and /tmp. docs/deploying.md has the flags for a read-only root, compose.yaml has all of them.
ARG PYTHON_IMAGE=python:3.12-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
RUN python -m venv --without-pip /opt/handrail
COPY requirements/runtime.txt requirements/runtime.txt
RUN python -m pip --python /opt/handrail/bin/python install \
      --no-cache-dir --require-hashes --only-binary :all: -r requirements/runtime.txt
COPY . .
RUN /opt/handrail/bin/python -m hatchling build -t wheel -d /wheel \
    && python -m pip --python /opt/handrail/bin/python install --no-cache-dir --no-deps /wheel/*.whl

FROM ${PYTHON_IMAGE}
# TLS is checked against the system's certificates, so a base without them is refused here and not in the night.
RUN test -s /etc/ssl/certs/ca-certificates.crt \
    && useradd --system --no-create-home --home-dir /data --uid 10001 handrail \
    && install -d -o handrail -g handrail -m 700 /data
COPY deploy/healthy /usr/local/bin/healthy
COPY --from=build /opt/handrail /opt/handrail
# /tmp lies in memory, which is what an export was too large for.
ENV PATH=/opt/handrail/bin:$PATH HANDRAIL_DATA_DIR=/data HANDRAIL_TEMP_DIR=/data \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# A number, so that an orchestrator can see that it is not root.
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8321
HEALTHCHECK --interval=1m --timeout=30s --start-period=30s CMD ["sh", "/usr/local/bin/healthy"]
ENTRYPOINT ["handrail"]
CMD ["mcp"]
