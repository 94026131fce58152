# The proxy alone (dt serve): its Sentinels and Redis servers run elsewhere, see compose.yaml.
#
# Settings come from the environment. For a file, mount it and name it in DT_CONFIG_FILE, not behind `serve`: the health
# check has to know it, too (the port, TLS, …).

FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY src src
COPY scripts/bundle.mjs scripts/bundle.mjs
RUN npx tsc -p tsconfig.json && node scripts/bundle.mjs && npm prune --omit=dev

FROM node:20-bookworm-slim
WORKDIR /app
# Large buffers that are freed go back to the system; by itself the allocator keeps them after the first ones.
ENV NODE_ENV=production DT_LISTEN_HOST=0.0.0.0 MALLOC_MMAP_THRESHOLD_=1048576
COPY package.json LICENSE ./
COPY conf conf
COPY page page
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist/bin dist/bin
# What the proxy has to find when it starts again: keep this directory.
RUN mkdir /data && chown node /data
ENV DT_RING_STATE_FILE=/data/dt-state.json
VOLUME /data
USER node
EXPOSE 6380
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s CMD ["node", "dist/bin/dt.js", "ping"]
ENTRYPOINT ["node", "dist/bin/dt.js"]
CMD ["serve"]
