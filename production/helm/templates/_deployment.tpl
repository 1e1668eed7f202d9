{{/* So many workers. A dict as `nas.pod` takes it. */}}
{{- define "nas.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .root.Release.Name }}-{{ .name }}
  labels:
    {{- include "nas.labels" .root | nindent 4 }}
spec:
  replicas: {{ .of.replicas }}
  {{- if eq .role "heavy" }}
  # The card of an old worker is free once its work is saved.
  strategy: { type: RollingUpdate, rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } }
  {{- else }}
  strategy: { type: RollingUpdate, rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
  {{- end }}
  selector:
    matchLabels:
      {{- include "nas.labels" .root | nindent 6 }}
      app.kubernetes.io/component: {{ .name }}
  template:
    {{- include "nas.pod" . | nindent 4 }}
{{- end }}
