#!/usr/bin/env bash
# Builds the image by podman and runs its test. It stands on the image that NAS_TEST_BASE names, which has Debian and Node; without it one
# is made here, of Debian's packages and this machine's own Node, and no registry of images is asked.
set -euo pipefail
cd "$(dirname "$0")/../.."

pass_over() { echo "passed over: test:image, $1"; exit 0; }

command -v podman >/dev/null || pass_over 'for there is no podman here (Debian: apt-get install podman)'
base=${NAS_TEST_BASE:-localhost/fewshot-nas-base}
if ! podman image exists "$base"; then
  command -v mmdebstrap >/dev/null || pass_over "for there is neither an image $base nor mmdebstrap to make one"
  modules=$(npm root --global)
  # Authorities that this machine trusts beside the usual ones.
  authorities=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}
  mmdebstrap --variant=minbase --include=libstdc++6 \
    --customize-hook="copy-in '$(realpath "$(command -v node)")' /usr/bin" \
    --customize-hook='mkdir -p "$1/usr/lib/node_modules"' \
    --customize-hook="copy-in '$modules/npm' /usr/lib/node_modules" \
    --customize-hook='ln -s ../lib/node_modules/npm/bin/npm-cli.js "$1/usr/bin/npm"' \
    --customize-hook='ln -s ../lib/node_modules/npm/bin/npx-cli.js "$1/usr/bin/npx"' \
    --customize-hook="upload '$authorities' /etc/authorities.crt" \
    bookworm - | podman import --change 'ENV NODE_EXTRA_CA_CERTS=/etc/authorities.crt' --change 'ENV PIP_CERT=/etc/authorities.crt' - "$base"
fi
podman build --file production/docker/Dockerfile --build-arg "NODE=$base" --tag localhost/fewshot-nas .
podman image ls localhost/fewshot-nas
export NAS_IMAGE=1
exec npx vitest run test/image
