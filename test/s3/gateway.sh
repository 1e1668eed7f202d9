#!/usr/bin/env bash
# Runs the tests that need S3, and those of the store for a bucket in place of a folder; or those that are given. The gateway
# is versitygw: the one that NAS_TEST_S3 names, or it is built here with Go.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [[ -z ${NAS_TEST_S3:-} ]]; then
  export NAS_TEST_S3="$PWD/.cache/bin/versitygw"
  if [[ ! -x $NAS_TEST_S3 ]]; then
    command -v go >/dev/null || { echo 'test:s3: expected Go, or a versitygw named by NAS_TEST_S3, got neither' >&2; exit 1; }
    CGO_ENABLED=0 GOBIN="$PWD/.cache/bin" go install -ldflags='-s -w' github.com/versity/versitygw/cmd/versitygw@v1.8.0
  fi
fi
export NAS_S3=1
(( $# > 0 )) || set -- test/s3 test/process/{store,fencing,clean,shards}.test.ts
exec npx vitest run "$@"
