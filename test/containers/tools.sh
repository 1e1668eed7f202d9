#!/usr/bin/env bash
# Builds Helm and the loader of Docker Compose by Go and fetches the schemas of Kubernetes, KEDA and Prometheus' operator, once, into
# .cache/containers; then tests the chart and the compose file. Neither a cluster nor Docker is needed.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v go >/dev/null; then
  echo 'passed over: test:containers, for there is no Go here to build Helm with'
  exit 0
fi
kept=$PWD/.cache/containers
export GOTOOLCHAIN=local GOBIN=$kept
[[ -x $kept/helm ]] || go install helm.sh/helm/v3/cmd/helm@v3.19.0
if [[ ! -x $kept/compose ]]; then
  go install github.com/compose-spec/compose-go/v2/cmd@v2.9.1
  mv "$kept/cmd" "$kept/compose"
fi
[[ -d $kept/python ]] || python3 -m pip install --quiet --target "$kept/python" kubernetes-validate
# A module's zip has its resource definitions beside its code.
definitions() {
  local module
  module=$(go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  mkdir -p "$kept/definitions"
  for file in "${@:2}"; do install -m 644 "$module/$file" "$kept/definitions/"; done
}
if [[ ! -f $kept/definitions/keda.sh_triggerauthentications.yaml ]]; then
  definitions github.com/prometheus-operator/prometheus-operator@v0.85.0 \
    example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml
  definitions github.com/kedacore/keda/v2@v2.17.2 config/crd/bases/keda.sh_{scaledjobs,triggerauthentications}.yaml
fi
export NAS_CONTAINERS=1 NAS_CONTAINER_TOOLS=$kept
exec npx vitest run test/containers
