# One image with the four daemons of Tern; the command chooses which of them runs.
#
#   docker build -t tern .                                  on Debian 12
#   docker build -t tern --build-arg DEBIAN=trixie .        on Debian 13
#   docker run tern payment-service --help
#
# docker-compose.yml builds it by itself.
ARG DEBIAN=bookworm

# ---- build: compilers, headers, and the tests that need no broker ---------------------------------------------
FROM debian:${DEBIAN}-slim AS build
LABEL org.opencontainers.image.title="tern"
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        cmake gcc libc6-dev ninja-build pkg-config \
        libcjson-dev libcmocka-dev libcurl4-openssl-dev libmicrohttpd-dev librabbitmq-dev libsqlite3-dev libssl-dev uuid-dev \
 && rm -rf /var/lib/apt/lists/*

# Built and tested by an ordinary user: root would walk past the tests about refused files.
RUN install -d -o 10001 -g 10001 /src /out
USER 10001:10001
WORKDIR /src
COPY --chown=10001:10001 . .

ARG REVISION=
ARG SOURCE_DATE_EPOCH=
RUN test -n "$SOURCE_DATE_EPOCH" || unset SOURCE_DATE_EPOCH \
 && cmake --preset release -DTERN_TESTS=ON -DTERN_REVISION="$REVISION" \
 && cmake --build --preset release --parallel "$(nproc)"
RUN ctest --preset release -L '^unit$' -LE '^checkers$' --parallel "$(nproc)"
RUN for name in order payment inventory notification; do \
        install -s -m 0755 "build/release/bin/$name-service" /out/ || exit 1; \
    done \
 && find /out -exec touch -h -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" {} +

# ---- run: the libraries, the four daemons, nothing else -------------------------------------------------------
FROM debian:${DEBIAN}-slim
# Debian 13 renamed some of these for 64-bit time; on 64-bit machines it still answers to the old names.
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates libcjson1 libcurl4 libmicrohttpd12 librabbitmq4 libsqlite3-0 libssl3 libuuid1 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/ldconfig/aux-cache /var/log/apt /var/log/dpkg.log \
 && install -d -m 0750 -o 10001 -g 10001 /var/lib/tern
COPY --from=build --chown=0:0 /out/ /usr/local/bin/
RUN for name in order payment inventory notification; do "$name-service" --version || exit 1; done

ARG VERSION=0.1.0
ARG REVISION=
ARG CREATED=
ARG SOURCE=
LABEL org.opencontainers.image.title="tern" \
      org.opencontainers.image.description="Event-driven services in C over RabbitMQ" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"

# Loopback inside a container is reached by nobody; what is published, and to whom, is said when it is run.
ENV HTTP_ADDR=0.0.0.0
USER 10001:10001
WORKDIR /var/lib/tern
VOLUME /var/lib/tern
STOPSIGNAL SIGTERM

# Process 1 tells which daemon this container runs, and with which flags: the same words and --healthcheck ask its /readyz.
HEALTHCHECK --interval=5s --timeout=4s --start-period=20s --retries=6 \
    CMD ["xargs", "-0", "-a", "/proc/1/cmdline", "sh", "-c", "exec \"$@\" --healthcheck", "healthcheck"]

# env replaces itself by the daemon, so that the daemon is process 1 and gets the signals.
ENTRYPOINT ["/usr/bin/env", "--"]
CMD ["order-service"]
