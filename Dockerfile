# The service in one image: `docker build -t followthrough .` Roles are told by the command, settings by the environment.
FROM python:3.11.15-slim-bookworm AS build
WORKDIR /build
RUN python -m venv /opt/followthrough
COPY requirements/run.txt requirements/run.txt
RUN /opt/followthrough/bin/pip install --no-cache-dir --require-hashes --requirement requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY service service
# hatchling builds the wheel; it is no part of what runs.
RUN pip install --no-cache-dir hatchling==1.33.0 \
    && pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir dist . \
    && /opt/followthrough/bin/pip install --no-cache-dir --no-deps dist/*.whl

FROM python:3.11.15-slim-bookworm
# Nobody logs in, and nothing is written but the data folder: run it read-only, with a volume there and a tmpfs on /tmp.
RUN groupadd --gid 10001 followthrough \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin followthrough \
    && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /opt/followthrough /opt/followthrough
COPY config /config
ENV PATH=/opt/followthrough/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    FOLLOWTHROUGH_CONFIG=/config \
    FOLLOWTHROUGH_DATA_DIR=/data
USER 10001:10001
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["followthrough", "doctor", "--live"]
ENTRYPOINT ["followthrough"]
CMD ["run"]
