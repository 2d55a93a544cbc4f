{{- define "roberta.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 52 characters, so that -headless and the suffixes of pods fit. */}}
{{- define "roberta.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "roberta.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "roberta.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "roberta.selectorLabels" -}}
app.kubernetes.io/name: {{ include "roberta.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "roberta.labels" -}}
{{ include "roberta.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* An image by digest, else by tag: the argument has image and appVersion. */}}
{{- define "roberta.image" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" .image.repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" .image.repository (default .appVersion .image.tag) -}}
{{- end -}}
{{- end -}}

{{/* Where the checkpoint is in the container. */}}
{{- define "roberta.modelDirectory" -}}
{{- $source := .Values.model.source -}}
{{- if eq $source "builtin" -}}
{{- required "model.builtin.directory: name a directory of the server's image" .Values.model.builtin.directory -}}
{{- else -}}
{{- printf "/model/%s" (get .Values.model $source).directory | trimSuffix "/" -}}
{{- end -}}
{{- end -}}

{{- define "roberta.probeType" -}}
{{- if eq .Values.probes.type "auto" -}}
{{- ternary "http" "grpc" (ne .Values.tls.secretName "") -}}
{{- else -}}
{{- .Values.probes.type -}}
{{- end -}}
{{- end -}}

{{/* A probe: the argument has root, kind (startup, readiness, liveness) and path, for HTTP. */}}
{{- define "roberta.probe" -}}
{{- if eq (include "roberta.probeType" .root) "grpc" -}}
grpc: {port: 8001}
{{ else -}}
httpGet: {path: {{ .path }}, port: metrics}
{{ end -}}
{{ toYaml (get .root.Values.probes .kind) }}
{{- end -}}

{{/* The server's configuration as JSON. */}}
{{- define "roberta.config" -}}
{{- range $field := list "model" "listen" "shutdown" "logging" "tls" "access" -}}
{{- if hasKey $.Values.config $field -}}
{{- fail (printf "config.%s: the values of the chart set this (model, host, http, drain, logging, tls, credentials)" $field) -}}
{{- end -}}
{{- end -}}
{{- $delay := mul 1000 .Values.drain.delaySeconds -}}
{{- $timeout := mul 1000 .Values.drain.timeoutSeconds -}}
{{- $own := dict "shutdown" (dict "drain_delay_ms" $delay "drain_timeout_ms" $timeout) -}}
{{- $_ := set $own "logging" (dict "format" .Values.logging.format "level" .Values.logging.level) -}}
{{- $model := dict "directory" (include "roberta.modelDirectory" .) -}}
{{- if .Values.model.name }}{{ $_ := set $model "name" .Values.model.name }}{{ end -}}
{{- $_ := set $own "model" $model -}}
{{- if .Values.tls.secretName -}}
{{- $tls := dict "certificate_file" "/etc/roberta-serve/tls/tls.crt" "key_file" "/etc/roberta-serve/tls/tls.key" -}}
{{- if .Values.tls.clientCaSecretName -}}
{{- $_ := set $tls "client_ca_file" "/etc/roberta-serve/client-ca/ca.crt" -}}
{{- $_ := set $tls "require_client_certificate" .Values.tls.requireClientCertificate -}}
{{- end -}}
{{- $_ := set $own "tls" $tls -}}
{{- end -}}
{{- $access := dict -}}
{{- if .Values.credentials.secretName }}{{ $_ := set $access "credentials_file" "/etc/roberta-serve/credentials/callers" }}{{ end -}}
{{- if .Values.credentials.anonymousRole }}{{ $_ := set $access "anonymous_role" .Values.credentials.anonymousRole }}{{ end -}}
{{- if $access }}{{ $_ := set $own "access" $access }}{{ end -}}
{{- toPrettyJson (merge $own .Values.config) -}}
{{- end -}}

{{/* What does not fit each other is an error that says how to mend it. */}}
{{- define "roberta.check" -}}
{{- $v := .Values -}}
{{- $least := add $v.drain.delaySeconds $v.drain.timeoutSeconds 5 -}}
{{- if ne $v.terminationGracePeriodSeconds nil -}}
{{- if lt (int64 $v.terminationGracePeriodSeconds) $least -}}
{{- fail (printf "terminationGracePeriodSeconds: %v is less than drain.delaySeconds + drain.timeoutSeconds + 5 = %d: the pod would be killed while it drains" $v.terminationGracePeriodSeconds $least) -}}
{{- end -}}
{{- end -}}
{{- if and (not $v.allowInsecure) (not $v.tls.secretName) -}}
{{- fail "tls.secretName is empty: set it, or allowInsecure: true for plain calls" -}}
{{- end -}}
{{- if and (not $v.allowInsecure) (not $v.credentials.secretName) (not $v.tls.clientCaSecretName) (not (has $v.credentials.anonymousRole (list "none" "metadata" "inference"))) -}}
{{- fail "everybody may load and unload profiles: set credentials.secretName, tls.clientCaSecretName or credentials.anonymousRole, or allowInsecure: true" -}}
{{- end -}}
{{- if and $v.tls.clientCaSecretName (not $v.tls.secretName) -}}
{{- fail "tls.clientCaSecretName: without tls.secretName nobody shows a certificate" -}}
{{- end -}}
{{- if and $v.tls.requireClientCertificate (not $v.tls.clientCaSecretName) -}}
{{- fail "tls.requireClientCertificate: set tls.clientCaSecretName" -}}
{{- end -}}
{{- if and (eq $v.probes.type "grpc") $v.tls.secretName -}}
{{- fail "probes.type: the kubelet's gRPC probes do not speak TLS; take auto or http" -}}
{{- end -}}
{{- if and (eq $v.model.source "image") (not $v.model.image.reference) }}{{ fail "model.image.reference: name the image of the model" }}{{ end -}}
{{- if and (eq $v.model.source "volume") (not $v.model.volume.source) }}{{ fail "model.volume.source: describe the volume of the model" }}{{ end -}}
{{- if and (eq $v.model.source "download") (or (not $v.model.download.url) (not $v.model.download.sha256)) -}}
{{- fail "model.download: set url and sha256" -}}
{{- end -}}
{{- if and $v.monitoring.serviceMonitor.enabled (not $v.headlessService.enabled) -}}
{{- fail "monitoring.serviceMonitor: it finds the pods by headlessService, which is not enabled" -}}
{{- end -}}
{{- if and (ne $v.autoscaling.type "none") (gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas)) -}}
{{- fail (printf "autoscaling.minReplicas: %v is more than maxReplicas, %v" $v.autoscaling.minReplicas $v.autoscaling.maxReplicas) -}}
{{- end -}}
{{- if and (eq $v.autoscaling.type "keda") (not $v.autoscaling.keda.serverAddress) -}}
{{- fail "autoscaling.keda.serverAddress: name the Prometheus to ask" -}}
{{- end -}}
{{- end -}}
