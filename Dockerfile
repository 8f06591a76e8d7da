# All programs of Resources, one target each: tracker, analyzer, observer, web, cli.
#
#   docker build --target tracker --tag resources-tracker .

FROM node:22-bookworm-slim AS page
WORKDIR /resources/static
COPY static/package.json static/package-lock.json static/.npmrc ./
RUN --mount=type=cache,id=resources-npm,target=/root/.npm npm ci
COPY static ./
RUN npm run build


FROM rust:1-bookworm AS programs
WORKDIR /resources
COPY . .
COPY --from=page /resources/static/dist static/dist
# cargo tells old from new by file times, which an earlier build in the same cache may have
# overtaken: a checkout of an older commit would give the newer program. So all that is ours
# counts as changed; what is not stays built.
RUN --mount=type=cache,id=resources-registry,target=/usr/local/cargo/registry \
    --mount=type=cache,id=resources-target,target=/resources/target,sharing=locked \
    find resources-* static/dist -type f -exec touch {} + \
    && cargo build --release --locked --bins \
    && mkdir /programs \
    && cd target/release \
    && cp resources resources-tracker resources-analyzer resources-observer resources-web \
        /programs/


FROM debian:bookworm-slim AS runtime
# The certificates that amqps:// trusts.
COPY --from=programs /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
RUN groupadd --gid 10001 resources \
    && useradd --uid 10001 --gid resources --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin resources
USER 10001:10001
WORKDIR /
STOPSIGNAL SIGTERM
LABEL org.opencontainers.image.vendor="Resources" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0"


FROM runtime AS tracker
LABEL org.opencontainers.image.title="resources-tracker" \
    org.opencontainers.image.description="Measures this machine and publishes what it measured"
COPY --from=programs /programs/resources-tracker /usr/local/bin/
ENV RESOURCES_HEALTH_FILE=/tmp/health
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["resources-tracker", "--health-check"]
ENTRYPOINT ["resources-tracker"]


FROM runtime AS analyzer
LABEL org.opencontainers.image.title="resources-analyzer" \
    org.opencontainers.image.description="Takes measures and publishes what they mean"
COPY --from=programs /programs/resources-analyzer /usr/local/bin/
ENV RESOURCES_HEALTH_FILE=/tmp/health
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["resources-analyzer", "--health-check"]
ENTRYPOINT ["resources-analyzer"]


FROM runtime AS observer
LABEL org.opencontainers.image.title="resources-observer" \
    org.opencontainers.image.description="Judges all machines by rules and publishes alerts"
COPY --from=programs /programs/resources-observer /usr/local/bin/
# A volume for what is raised, which takes its owner from this folder when it is made.
USER root
RUN install -d -o 10001 -g 10001 -m 700 /var/lib/resources
USER 10001:10001
ENV RESOURCES_OBSERVER_STATE=/var/lib/resources/alerts.sqlite
VOLUME /var/lib/resources
ENV RESOURCES_HEALTH_FILE=/tmp/health
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["resources-observer", "--health-check"]
ENTRYPOINT ["resources-observer"]


FROM runtime AS web
LABEL org.opencontainers.image.title="resources-web" \
    org.opencontainers.image.description="Shows all machines on one page, as it happens"
COPY --from=programs /programs/resources-web /usr/local/bin/
# A volume for history, which takes its owner from this folder when it is made.
USER root
RUN install -d -o 10001 -g 10001 -m 700 /var/lib/resources
USER 10001:10001
ENV RESOURCES_HISTORY=/var/lib/resources/history.sqlite
VOLUME /var/lib/resources
# Inside a container loopback is of no use. The page has no login, so serving others remains an
# explicit setting: RESOURCES_ALLOW_REMOTE=true, where the port is published.
ENV RESOURCES_LISTEN=0.0.0.0:8888
EXPOSE 8888
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["resources-web", "--health-check"]
ENTRYPOINT ["resources-web"]


FROM runtime AS cli
LABEL org.opencontainers.image.title="resources" \
    org.opencontainers.image.description="Everything in one program, and tools to send, listen and simulate"
COPY --from=programs /programs/resources /usr/local/bin/
ENTRYPOINT ["resources"]
