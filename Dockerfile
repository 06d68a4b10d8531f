# docker build -t handrail .
# docker run -i --rm -v handrail:/data -e HANDRAIL_DEMO=acme handrail mcp
FROM python:3.12-slim AS build
WORKDIR /src
RUN python -m venv /opt/handrail
COPY requirements/runtime.txt requirements/runtime.txt
RUN /opt/handrail/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/runtime.txt
COPY . .
RUN /opt/handrail/bin/python -m hatchling build -t wheel -d /wheel \
    && /opt/handrail/bin/pip install --no-cache-dir --no-deps /wheel/*.whl

FROM python:3.12-slim
# TLS is checked against the system's certificates.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home --uid 10001 handrail \
    && install -d -o handrail -g handrail -m 700 /data
COPY --from=build /opt/handrail /opt/handrail
ENV PATH=/opt/handrail/bin:$PATH HANDRAIL_DATA_DIR=/data
USER handrail
WORKDIR /data
VOLUME /data
EXPOSE 8321
ENTRYPOINT ["handrail"]
CMD ["mcp"]
