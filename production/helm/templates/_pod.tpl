{{- define "nas.labels" -}}
app.kubernetes.io/name: fewshot-nas
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* One worker. A dict of root, role, name and `of`: its values. */}}
{{- define "nas.pod" -}}
{{- $root := .root -}}
{{- $of := .of -}}
metadata:
  labels:
    {{- include "nas.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .name }}
spec:
  serviceAccountName: {{ $root.Release.Name }}-worker
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: {{ $root.Values.terminationGracePeriodSeconds }}
  {{- if $of.autoscale }}
  restartPolicy: OnFailure
  {{- end }}
  {{- with $root.Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    seccompProfile: { type: RuntimeDefault }
  {{- with $of.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $of.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "nas.labels" $root | nindent 10 }}
          app.kubernetes.io/component: {{ .name }}
  containers:
    - name: worker
      image: "{{ $root.Values.image.repository }}:{{ $of.tag | default $root.Values.image.tag }}"
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args:
        - worker
        - --role
        - {{ .role }}
        - --metrics
        - 0.0.0.0:9464
        - --log-format
        - json
        {{- with $of.autoscale }}
        - --until-idle
        - {{ .idleSeconds | quote }}
        {{- end }}
        {{- if $root.Values.allowCommand }}
        - --allow-command
        {{- end }}
        {{- range $of.args }}
        - {{ . | quote }}
        {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: { drop: [ALL] }
      env:
        - { name: TEMPORAL_ADDRESS, value: {{ $root.Values.temporal.address | quote }} }
        - { name: TEMPORAL_NAMESPACE, value: {{ $root.Values.temporal.namespace | quote }} }
        {{- if $root.Values.temporal.tlsSecret }}
        - { name: TEMPORAL_TLS_SERVER_CA_CERT_PATH, value: /tls/ca.crt }
        - { name: TEMPORAL_TLS_CLIENT_CERT_PATH, value: /tls/tls.crt }
        - { name: TEMPORAL_TLS_CLIENT_KEY_PATH, value: /tls/tls.key }
        {{- end }}
        {{- with $root.Values.temporal.serverName }}
        - { name: TEMPORAL_TLS_SERVER_NAME, value: {{ . | quote }} }
        {{- end }}
        {{- with $root.Values.temporal.apiKeySecret }}
        - name: TEMPORAL_API_KEY
          valueFrom: { secretKeyRef: { name: {{ . }}, key: key } }
        {{- end }}
        {{- with $root.Values.results.url }}
        - { name: NAS_RESULTS, value: {{ . | quote }} }
        {{- end }}
      {{- with $root.Values.results.credentialsSecret }}
      envFrom:
        - secretRef: { name: {{ . }} }
      {{- end }}
      ports:
        - { name: metrics, containerPort: 9464 }
      livenessProbe:
        httpGet: { path: /healthz, port: metrics }
        initialDelaySeconds: 30
        periodSeconds: 20
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: /readyz, port: metrics }
        periodSeconds: 15
      resources: {{- toYaml ($of.resources | default dict) | nindent 8 }}
      volumeMounts:
        - { name: project, mountPath: /project }
        - { name: cache, mountPath: /cache }
        - { name: tmp, mountPath: /tmp }
        - { name: results, mountPath: /results }
        {{- if $root.Values.temporal.tlsSecret }}
        - { name: tls, mountPath: /tls, readOnly: true }
        {{- end }}
  volumes:
    - { name: project, emptyDir: {} }
    - { name: cache, emptyDir: { sizeLimit: {{ $of.cache | default "5Gi" }} } }
    - { name: tmp, emptyDir: {} }
    {{- if $root.Values.results.url }}
    - { name: results, emptyDir: {} }
    {{- else }}
    - name: results
      persistentVolumeClaim:
        claimName: {{ required "results: expected url or claim, got neither; name a bucket or a volume that all workers can mount" $root.Values.results.claim }}
    {{- end }}
    {{- with $root.Values.temporal.tlsSecret }}
    - name: tls
      secret: { secretName: {{ . }}, defaultMode: 0440 }
    {{- end }}
{{- end }}
