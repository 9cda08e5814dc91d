# The image holt: one static binary on an empty root, run as nobody in particular (65532), with its data in /data.
#
#   docker build -t holt .
#   docker run -p 127.0.0.1:7070:7070 -v holt:/data holt
#
# That is a cluster of one. Members of a larger one also need HOLT_RAFT_ADDR, HOLT_CLUSTER or HOLT_JOIN, and a secret: see
# docker-compose.yml. HOLT_URL is what clients call a member by, which nothing in here can know.
# The same sources give the same bytes, whenever and wherever they are built; builders that know SOURCE_DATE_EPOCH make the
# image's own dates so, too.
ARG GO_VERSION=1.26.8
FROM golang:${GO_VERSION} AS build
ENV CGO_ENABLED=0 GOTOOLCHAIN=local
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY httpapi httpapi
COPY raftfsm raftfsm
COPY sessions sessions
COPY web web
# What holt version and the metrics say; empty where it is not given.
ARG VERSION=
# Seconds since 1970, the date of all files in the image.
ARG SOURCE_DATE_EPOCH=0
# The build's cache would only be carried along: a layer is never built upon by another build.
RUN go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /image/holt ./cmd/holt \
 && go clean -cache \
 && mkdir -p /image/etc/ssl/certs /volume/data \
 && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
 && chmod 700 /volume/data \
 && find /image /volume -exec touch -h -d "@${SOURCE_DATE_EPOCH}" {} +

FROM scratch
ARG VERSION=
LABEL org.opencontainers.image.title="holt" \
      org.opencontainers.image.description="ZooKeeper's data model as an HTTP and JSON coordination service" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /image/ /
# A new volume gets its owner from here.
COPY --from=build --chown=65532:65532 /volume/ /
# Clients come from outside of the container. Other members do not, until it is told of any.
ENV HOLT_DATA_DIR=/data HOLT_HTTP_ADDR=0.0.0.0:7070
USER 65532:65532
VOLUME /data
EXPOSE 7070 7071
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=3 CMD ["/holt", "health"]
ENTRYPOINT ["/holt"]
CMD ["serve"]
