{{- define "storekeeper.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "storekeeper.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "storekeeper.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "storekeeper.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "storekeeper.selector" -}}
app.kubernetes.io/name: {{ include "storekeeper.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "storekeeper.labels" -}}
{{ include "storekeeper.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "storekeeper.serviceAccount" -}}
{{- default (include "storekeeper.fullname" .) .Values.serviceAccount.name }}
{{- end }}

{{- define "storekeeper.configMap" -}}
{{- default (printf "%s-config" (include "storekeeper.fullname" .)) .Values.existingConfigMap }}
{{- end }}

{{- define "storekeeper.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag }}
{{- end }}
{{- end }}

{{/* The port of an address such as 0.0.0.0:8080, https://host:8443/path or host. */}}
{{- define "storekeeper.port" -}}
{{- regexFind "[0-9]+$" (regexFind ":[0-9]+$" (regexReplaceAll "^([a-z]+://)?([^/]*).*$" . "${2}")) }}
{{- end }}

{{/* Why the values cannot be installed, if so. */}}
{{- define "storekeeper.check" -}}
{{- $file := ne (dig "store" "kind" "file" .Values.config) "postgres" }}
{{- if and $file (or (gt (int .Values.replicaCount) 1) .Values.autoscaling.enabled) }}
{{- fail "config.store.kind is file, which one process can use: set replicaCount to 1 and autoscaling.enabled to false, or use postgres" }}
{{- end }}
{{- if and $file (not .Values.persistence.enabled) }}
{{- fail "config.store.kind is file, and its folder would be lost with the pod: set persistence.enabled, or use postgres" }}
{{- end }}
{{- range (dig "callers" "issuers" list .Values.config) }}
{{- if and (hasPrefix "/run/secrets/kubernetes/" (default "" .token_file)) (not $.Values.clusterTokens.enabled) }}
{{- fail (printf "config.callers.issuers: %s reads %s: set clusterTokens.enabled" .name .token_file) }}
{{- end }}
{{- end }}
{{- range .Values.gateway.grpcHostnames }}
{{- if has . $.Values.gateway.hostnames }}
{{- fail (printf "gateway.grpcHostnames has %s, which gateway.hostnames has too: a gateway refuses one of the two routes" .) }}
{{- end }}
{{- end }}
{{- end }}
