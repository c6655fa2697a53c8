{{- define "rkms.name" -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}

{{- define "rkms.serviceAccount" -}}
{{- default (include "rkms.name" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "rkms.selector" -}}
app.kubernetes.io/name: rkms
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "rkms.labels" -}}
{{ include "rkms.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "rkms.scheme" -}}
{{- if .Values.tls.terminatedElsewhere -}}HTTP{{- else -}}HTTPS{{- end -}}
{{- end -}}

{{- define "rkms.pod" -}}
metadata:
  annotations:
    {{/* A changed configuration restarts the pods. */}}
    rkms/config: {{ .Values.config | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  labels:
    {{- include "rkms.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "rkms.serviceAccount" . }}
  automountServiceAccountToken: {{ .Values.serviceAccount.automountToken }}
  {{/* Service variables that start with RKMS_ would be read as options. */}}
  enableServiceLinks: false
  {{/* 25 s for requests in flight, and time before and after. */}}
  terminationGracePeriodSeconds: {{ add .Values.preStopSeconds 35 }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  containers:
    - name: rkms
      image: "{{ required "set image.repository to the repository of the image" .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}"
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop:
            - ALL
      ports:
        - name: keys
          containerPort: {{ .Values.ports.keys }}
        - name: operations
          containerPort: {{ .Values.ports.operations }}
      env:
        - name: RKMS_CONFIG
          value: /etc/rkms/config/rkms.toml
        {{/* A private folder inside the volume: the volume itself is open to its group. */}}
        - name: RKMS_DATA_DIR
          value: /var/lib/rkms/data
        - name: RKMS_SERVER_HOST
          value: 0.0.0.0
        - name: RKMS_SERVER_PORT
          value: {{ .Values.ports.keys | quote }}
        - name: RKMS_OPERATIONS_HOST
          value: 0.0.0.0
        - name: RKMS_OPERATIONS_PORT
          value: {{ .Values.ports.operations | quote }}
        {{- if .Values.tls.terminatedElsewhere }}
        - name: RKMS_SERVER_TLS
          value: terminated-elsewhere
        - name: RKMS_OPERATIONS_TLS
          value: terminated-elsewhere
        {{- else }}
        - name: RKMS_TLS_CERT_FILE
          value: /etc/rkms/tls/tls.crt
        - name: RKMS_TLS_KEY_FILE
          value: /etc/rkms/tls/tls.key
        {{- with .Values.tls.clientCaKey }}
        - name: RKMS_TLS_CLIENT_CA_FILE
          value: /etc/rkms/tls/{{ . }}
        {{- end }}
        {{- end }}
        {{- if .Values.tokens.secretName }}
        - name: RKMS_AUTH_TOKENS_FILE
          value: /etc/rkms/tokens/tokens.json
        {{- end }}
        {{- with .Values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      startupProbe:
        httpGet:
          path: /livez
          port: keys
          scheme: {{ include "rkms.scheme" . }}
        periodSeconds: 2
        failureThreshold: 30
      livenessProbe:
        httpGet:
          path: /livez
          port: keys
          scheme: {{ include "rkms.scheme" . }}
        periodSeconds: 10
        timeoutSeconds: 3
        failureThreshold: 3
      readinessProbe:
        httpGet:
          path: /readyz
          port: keys
          scheme: {{ include "rkms.scheme" . }}
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      {{- if .Values.preStopSeconds }}
      lifecycle:
        preStop:
          sleep:
            seconds: {{ .Values.preStopSeconds }}
      {{- end }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - name: data
          mountPath: /var/lib/rkms
        - name: config
          mountPath: /etc/rkms/config
          readOnly: true
        {{/* Whole folders without subPath, or changes of the secret do not reach the pod. */}}
        {{- if not .Values.tls.terminatedElsewhere }}
        - name: tls
          mountPath: /etc/rkms/tls
          readOnly: true
        {{- end }}
        {{- if .Values.tokens.secretName }}
        - name: tokens
          mountPath: /etc/rkms/tokens
          readOnly: true
        {{- end }}
  volumes:
    {{- if ne .Values.kind "StatefulSet" }}
    - name: data
      emptyDir:
        sizeLimit: {{ .Values.storage.size }}
    {{- end }}
    - name: config
      configMap:
        name: {{ include "rkms.name" . }}
    {{/* Kubernetes turns 0400 into 0440 for the pod's group; RKMS accepts such files of root. */}}
    {{- if not .Values.tls.terminatedElsewhere }}
    - name: tls
      secret:
        secretName: {{ required "set tls.secretName to a secret with tls.crt and tls.key, or set tls.terminatedElsewhere" .Values.tls.secretName }}
        defaultMode: 256
    {{- end }}
    {{- if .Values.tokens.secretName }}
    - name: tokens
      secret:
        secretName: {{ .Values.tokens.secretName }}
        defaultMode: 256
    {{- end }}
  {{- if ne .Values.kind "DaemonSet" }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: topology.kubernetes.io/zone
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "rkms.selector" . | nindent 10 }}
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "rkms.selector" . | nindent 10 }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
