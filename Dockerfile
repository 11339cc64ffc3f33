# docker build -t belfry . && docker run -v belfry:/var/lib/belfry -p 5222:5222 -p 5223:5223 belfry
# The network is used while building only; the image that runs holds the executable and nothing to install.
FROM node:22-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json bunfig.toml ./
COPY migrations migrations
COPY src src
RUN npm run build

FROM debian:bookworm-slim
RUN groupadd --system --gid 5222 belfry \
 && useradd --system --uid 5222 --gid belfry --home-dir /var/lib/belfry --shell /usr/sbin/nologin belfry \
 && install -d -o belfry -g belfry -m 0750 /var/lib/belfry \
 && install -d -m 0755 /etc/belfry \
 && printf '%s\n' 'data_dir = "/var/lib/belfry"' '[http]' 'listen = ["0.0.0.0:5280"]' 'trusted_proxies = []' \
    > /etc/belfry/belfry.toml
COPY --from=build /src/dist/belfry /usr/local/bin/belfry
USER belfry
WORKDIR /var/lib/belfry
ENV BELFRY_CONFIG=/etc/belfry/belfry.toml
EXPOSE 5222 5223 5280
VOLUME /var/lib/belfry
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s CMD ["belfry", "health"]
ENTRYPOINT ["belfry"]
CMD ["serve"]
