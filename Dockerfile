# The image of RKMS: Node, the compiled program and its production packages; no shell, no package manager, not root.
# Build and run it as `make image` and docs/deploy.md say. Base images are named by version, because a digest that nobody has
# pulled is a guess: pin them by the digests that your registry shows you.

FROM node:24-bookworm-slim AS packages
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# No production package has an install script (a test holds that), so that none needs to run.
RUN ["npm", "ci", "--omit=dev", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"]

FROM packages AS program
RUN ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY test/contracts ./test/contracts
RUN ["node", "node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json", "--declaration", "false", "--sourceMap", "false"]

FROM gcr.io/distroless/nodejs24-debian12:nonroot
WORKDIR /rkms
COPY --from=packages /build/node_modules ./node_modules
COPY --from=program /build/dist/src ./dist/src
COPY package.json LICENSE ./
COPY config ./config
COPY deploy/image/health-check.mjs ./
ENV NODE_ENV=production
# Nothing is served by accident: without this file the start is refused.
ENV RKMS_CONFIG=/etc/rkms/rkms.toml
USER 65532:65532
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["/nodejs/bin/node", "/rkms/health-check.mjs"]
# Node is process 1: RKMS itself heeds SIGTERM and starts no other process. The flags are those of `make run`.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/nodejs/bin/node", "--disable-proto=delete", "--disable-sigusr1", "/rkms/dist/src/infrastructure/main.js"]
CMD ["serve"]
