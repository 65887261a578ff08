# sonde as an image: compiled JavaScript on a slim Node, not root, with a root file system that may be read-only.
#
#   docker build -t sonde .
#   docker run --read-only -v ./sonde.yaml:/etc/sonde/sonde.yaml:ro sonde
ARG NODE_IMAGE=docker.io/library/node:26-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM ${NODE_IMAGE}
# As PID 1 Node reaps no strangers, and script probes may leave some: tini does. What builds and installs is taken out.
RUN apt-get update \
  && apt-get install -y --no-install-recommends tini ca-certificates \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* \
    /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn* \
  && mkdir -p /etc/sonde
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="sonde" \
  org.opencontainers.image.description="Active health-check prober for service registries" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
WORKDIR /opt/sonde
COPY package.json probes.example.yaml probes.schema.json ./
COPY bin ./bin
COPY --from=dependencies /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
ENV NODE_ENV=production XDG_RUNTIME_DIR=/tmp
USER 65532:65532
EXPOSE 9810 9811
# Alive, not ready: an outage of a registry is no reason to restart.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["node", "/opt/sonde/bin/sonde.js", "ping"]
ENTRYPOINT ["/usr/bin/tini", "--", "node", "/opt/sonde/bin/sonde.js"]
CMD ["run", "-c", "/etc/sonde/sonde.yaml"]
