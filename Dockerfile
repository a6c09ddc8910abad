# Errand on one machine, as a container: the program and nothing else; no shell, and not as root.
# docs/operations.md says how it is built and run.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /errand
COPY . .
RUN cargo build --locked --release --package errand-local
RUN mkdir /data

# The C library of the system that the program was built on, and certificates.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /errand/target/release/errand /usr/local/bin/errand
# A volume that is made for it belongs to whoever this does: the user `nonroot`.
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
ENV ERRAND_HOST=0.0.0.0 ERRAND_PORT=8787 ERRAND_DATA=/data ERRAND_LOG_FORMAT=json
VOLUME /data
EXPOSE 8787
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/usr/local/bin/errand", "health"]
ENTRYPOINT ["/usr/local/bin/errand"]
