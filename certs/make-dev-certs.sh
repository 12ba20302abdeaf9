#!/usr/bin/env bash
# Makes a development CA and a server certificate signed by it, with openssl alone.
#
#   certs/make-dev-certs.sh [--force] [DIR]     DIR: where to put them (default: beside this script)
#
# ca.pem, ca.key          the CA: trust ca.pem in the client under test, never in a browser that you live with
# server.pem, server.key  certificate chain (server, then CA) and key for localhost, 127.0.0.1 and ::1
#
# EC P-256, 825 days at most. Keys have mode 0600 and git ignores them. What exists and is good for another week is left alone.
set -euo pipefail
umask 077
here=$(cd "$(dirname "$0")" && pwd)
force=""
dir=$here
for word in "$@"; do
  case $word in
    --force) force=1 ;;
    -*) echo "make-dev-certs.sh: unknown option $word (known: --force)" >&2; exit 2 ;;
    *) dir=$word ;;
  esac
done
command -v openssl >/dev/null || { echo "make-dev-certs.sh: openssl is not installed" >&2; exit 2; }
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

good() {
  [ -f "$dir/ca.key" ] && [ -f "$dir/server.key" ] \
    && openssl x509 -checkend 604800 -noout -in "$dir/ca.pem" >/dev/null 2>&1 \
    && openssl x509 -checkend 604800 -noout -in "$dir/server.pem" >/dev/null 2>&1 \
    && openssl verify -CAfile "$dir/ca.pem" "$dir/server.pem" >/dev/null 2>&1
}
if [ -z "$force" ] && good; then
  echo "certificates in $dir are good; --force makes new ones"
  exit 0
fi

work=$(mktemp -d "$dir/.new.XXXXXX")
trap 'rm -rf "$work"' EXIT
cat > "$work/openssl.cnf" <<'CNF'
[req]
distinguished_name = name
prompt = no
[name]
O = Tamis development
[ca]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
CNF
cd "$work"
openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out ca.key
openssl req -new -x509 -sha256 -days 825 -key ca.key -config openssl.cnf -extensions ca -subj "/O=Tamis development/CN=Tamis development CA" -out ca.pem
openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out server.key
openssl req -new -sha256 -key server.key -config openssl.cnf -subj "/O=Tamis development/CN=localhost" -out server.csr
openssl x509 -req -sha256 -days 824 -in server.csr -CA ca.pem -CAkey ca.key -set_serial "0x$(openssl rand -hex 16)" -extfile openssl.cnf -extensions server -out leaf.pem 2>/dev/null
openssl verify -CAfile ca.pem leaf.pem >/dev/null
cat leaf.pem ca.pem > server.pem
chmod 0644 ca.pem server.pem
mv -f ca.pem ca.key server.pem server.key "$dir/"
echo "made $dir/{ca,server}.{pem,key}"
