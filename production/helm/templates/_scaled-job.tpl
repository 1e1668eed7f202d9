{{/*
Workers as Jobs of KEDA's, begun where work waits; none is ever ended from outside, so no busy one is. (The backlog that KEDA sees is 0
while work is done: a Deployment that it scales would lose busy workers.) A dict as `nas.pod` takes it.
*/}}
{{- define "nas.scaledJob" -}}
{{- $temporal := .root.Values.temporal -}}
{{- $name := printf "%s-%s" .root.Release.Name .name -}}
{{- $hasSecrets := or $temporal.tlsSecret $temporal.apiKeySecret -}}
apiVersion: keda.sh/v1alpha1
kind: ScaledJob
metadata:
  name: {{ $name }}
  labels:
    {{- include "nas.labels" .root | nindent 4 }}
spec:
  maxReplicaCount: {{ .of.autoscale.most }}
  pollingInterval: 15
  successfulJobsHistoryLimit: 3
  failedJobsHistoryLimit: 3
  # What is at work is no longer in the queue.
  scalingStrategy: { strategy: accurate, multipleScalersCalculation: sum }
  # Jobs of an older chart end by themselves.
  rollout: { strategy: gradual }
  jobTargetRef:
    backoffLimit: 6
    template:
      {{- include "nas.pod" . | nindent 6 }}
  triggers:
    {{- range .of.autoscale.queues | default (list "gpu") }}
    - type: temporal
      metadata:
        endpoint: {{ $temporal.address | quote }}
        namespace: {{ $temporal.namespace | quote }}
        taskQueue: {{ . | quote }}
        queueTypes: activity
        targetQueueSize: '1'
        {{- with $temporal.serverName }}
        tlsServerName: {{ . | quote }}
        {{- end }}
      {{- if $hasSecrets }}
      authenticationRef: { name: {{ $name }} }
      {{- end }}
    {{- end }}
{{- if $hasSecrets }}
---
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata:
  name: {{ $name }}
  labels:
    {{- include "nas.labels" .root | nindent 4 }}
spec:
  secretTargetRef:
    {{- with $temporal.tlsSecret }}
    - { parameter: ca, name: {{ . }}, key: ca.crt }
    - { parameter: cert, name: {{ . }}, key: tls.crt }
    - { parameter: key, name: {{ . }}, key: tls.key }
    {{- end }}
    {{- with $temporal.apiKeySecret }}
    - { parameter: apiKey, name: {{ . }}, key: key }
    {{- end }}
{{- end }}
{{- end }}
