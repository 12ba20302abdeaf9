# syntax=docker/dockerfile:1
# A static binary in an empty image, run by nobody in particular:
#   docker build -t tamis .
#   docker run --read-only --cap-drop ALL -p 8080:8080 -v tamis-state:/var/lib/tamis tamis
# A configuration is mounted and named by TAMIS_CONFIG; TAMIS_LISTEN below wins over its `[gateway] listen`,
# so set that too where it listens elsewhere (-e TAMIS_LISTEN=0.0.0.0:8443).
# The root file system may be read-only; only /var/lib/tamis (the pseudonym keys: back it up) is written.

FROM rust:1.95-alpine AS build
# aws-lc and zstd are C: a compiler, musl's headers and, should aws-lc ask for it, cmake and perl.
RUN apk add --no-cache build-base ca-certificates cmake linux-headers perl
# The image's own toolchain; rust-toolchain.toml would fetch formatter and linter, which building does not need.
ENV RUSTUP_TOOLCHAIN=1.95.0 CARGO_TERM_COLOR=never
WORKDIR /src
COPY . .
# musl's Rust target links statically by itself; `file` and `ldd` would tell if that changed.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin tamis \
    && install -D -m 0755 target/release/tamis /out/tamis \
    && if ldd /out/tamis 2>&1 | grep -q '=>'; then echo "not static" >&2; exit 1; fi \
    && /out/tamis --version
RUN install -d -m 0700 -o 65532 -g 65532 /out/var/lib/tamis \
    && install -d -m 0755 /out/etc/ssl/certs \
    && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ \
    && printf 'tamis:x:65532:65532::/var/lib/tamis:/sbin/nologin\n' > /out/etc/passwd \
    && printf 'tamis:x:65532:\n' > /out/etc/group

FROM scratch
COPY --from=build --chown=0:0 /out/etc /etc
COPY --from=build /out/tamis /tamis
COPY --from=build --chown=65532:65532 /out/var/lib/tamis /var/lib/tamis
USER 65532:65532
ENV TAMIS_LISTEN=0.0.0.0:8080 TAMIS_STATE_DIR=/var/lib/tamis SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
VOLUME /var/lib/tamis
# The admin listener stays on the container's loopback: to scrape it from outside, mount a configuration with [admin] listen and token_file.
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=4s --start-period=5s --retries=3 CMD ["/tamis", "healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/tamis"]
CMD ["run"]
