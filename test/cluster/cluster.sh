#!/usr/bin/env bash
# Runs the tests that need a Temporal server as teams have it, with PostgreSQL below it. The server and the tool that makes its
# tables lie in the folder that NAS_TEST_CLUSTER names, or in .cache/cluster; where they are not there, Go builds them: a quarter
# of an hour, once. PostgreSQL's programs are the distribution's, or those of the folder that NAS_TEST_POSTGRES names.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=v1.32.1

pass_over() { echo "passed over: test:cluster, $1"; exit 0; }

export NAS_TEST_CLUSTER=${NAS_TEST_CLUSTER:-$PWD/.cache/cluster}
export NAS_TEST_POSTGRES=${NAS_TEST_POSTGRES:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)}
[[ -x $NAS_TEST_POSTGRES/initdb ]] || pass_over 'for there is no PostgreSQL here (Debian: apt-get install postgresql)'

if [[ ! -d $NAS_TEST_CLUSTER/schema ]]; then
  command -v go >/dev/null || pass_over 'for there is neither Go nor a Temporal server in the folder that NAS_TEST_CLUSTER names'
  module=go.temporal.io/server
  CGO_ENABLED=0 GOBIN=$NAS_TEST_CLUSTER go install -ldflags='-s -w' "$module/cmd/server@$version" "$module/cmd/tools/sql@$version"
  # Last, and in one step: it says that all of it is there.
  cp -r "$(go env GOMODCACHE)/$module@$version/schema/postgresql/v12" "$NAS_TEST_CLUSTER/schema.new"
  chmod -R u+w "$NAS_TEST_CLUSTER/schema.new"
  mv "$NAS_TEST_CLUSTER/schema.new" "$NAS_TEST_CLUSTER/schema"
fi
export NAS_CLUSTER=1
(( $# > 0 )) || set -- test/cluster
exec npx vitest run "$@"
