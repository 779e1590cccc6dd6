{{/* Names, labels, and what several templates ask. */}}

{{- define "lanewatch.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of every object: short enough for what is put behind it. */}}
{{- define "lanewatch.fullname" -}}
{{- $name := include "lanewatch.name" . -}}
{{- $long := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $long .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "lanewatch.selectorLabels" -}}
app.kubernetes.io/name: {{ include "lanewatch.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "lanewatch.labels" -}}
{{ include "lanewatch.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: lanewatch
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Our labels and .more, as a mapping in which no key stands twice: ours win. */}}
{{- define "lanewatch.labelsWith" -}}
{{- toYaml (merge (include "lanewatch.labels" .root | fromYaml) (default dict .more)) -}}
{{- end -}}

{{/* The components that run: a list of words, to be split. */}}
{{- define "lanewatch.components" -}}
{{- get (dict "split" "node cluster" "node" "node" "cluster" "cluster" "all" "all") .Values.role -}}
{{- end -}}

{{/* Not empty where something runs that asks the API server. */}}
{{- define "lanewatch.watches" -}}
{{- $asks := or (dig "kubernetes" "enabled" true .Values.config) (dig "web" "token_review" false .Values.config) -}}
{{- if and (ne .Values.role "node") $asks -}}yes{{- end -}}
{{- end -}}

{{- define "lanewatch.serviceAccountName" -}}
{{- default (ternary (include "lanewatch.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "lanewatch.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The configuration file: what is set, and what only the chart knows. */}}
{{- define "lanewatch.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $agents := default dict $config.agents -}}
{{- if not $agents.labels -}}
{{- $labels := include "lanewatch.selectorLabels" . | fromYaml -}}
{{- $_ := set $labels "app.kubernetes.io/component" "node" -}}
{{- $_ := set $agents "labels" $labels -}}
{{- end -}}
{{- $own := dict "agents" (merge $agents (dict "namespace" .Release.Namespace "port" .Values.port)) -}}
{{- if .Values.web.tls -}}
{{- $_ := set $own "agents" (merge $own.agents (dict "scheme" "https")) -}}
{{- end -}}
{{- if eq .Values.gpuAccess.mode "hostDriver" -}}
{{- $_ := set $own "nvml" (dict "library" "/driver/libnvidia-ml.so.1") -}}
{{- end -}}
{{- if .Values.processAttribution.enabled -}}
{{- $_ := set $own "processes" (dict "read" "always") -}}
{{- end -}}
{{- if .Values.kernelLog.enabled -}}
{{- $_ := set $own "kernel_log" (dict "read" "always" "path" .Values.kernelLog.path) -}}
{{- end -}}
{{- toYaml (merge $config $own) -}}
{{- end -}}

{{/* Not empty where agents need a file of their own: a review of tokens they cannot ask for, and would refuse. */}}
{{- define "lanewatch.hasAgentFile" -}}
{{- if and (eq .Values.role "split") (dig "web" "token_review" false .Values.config) -}}yes{{- end -}}
{{- end -}}

{{/* The rules of a role, one a group, out of the table of rights, for .scope: all, namespaced, or cluster. */}}
{{- define "lanewatch.rules" -}}
{{- $groups := dict -}}
{{- range .root.Files.Get "files/rights.yaml" | fromYamlArray -}}
{{- $isOn := and (dig .section "enabled" true $.root.Values.config) (dig .section .key .default $.root.Values.config) -}}
{{- if and $isOn (or (eq $.scope "all") (eq .namespaced (eq $.scope "namespaced"))) -}}
{{- $key := printf "%s %s" .apiGroup (join "," .verbs) -}}
{{- $_ := set $groups $key (append (get $groups $key | default list) .) -}}
{{- end -}}
{{- end -}}
{{- range $_, $rights := $groups }}
{{- $first := first $rights }}
- apiGroups: [{{ $first.apiGroup | quote }}]
  resources: {{- range $rights }}
    - {{ .resource }}
  {{- end }}
  verbs: {{ toJson $first.verbs }}
{{- end -}}
{{- end -}}

{{/* Limits of a scrape, of ServiceMonitor, PodMonitor. */}}
{{- define "lanewatch.limits" -}}
{{- with .Values.monitor -}}
sampleLimit: {{ int64 .sampleLimit }}
labelLimit: {{ int64 .labelLimit }}
labelNameLengthLimit: {{ int64 .labelNameLengthLimit }}
labelValueLengthLimit: {{ int64 .labelValueLengthLimit }}
bodySizeLimit: {{ .bodySizeLimit }}
{{- end -}}
{{- end -}}

{{- define "lanewatch.endpoint" -}}
{{- $web := .Values.web -}}
{{- with .Values.monitor -}}
interval: {{ .interval }}
scrapeTimeout: {{ .scrapeTimeout }}
scheme: {{ ternary "https" "http" $web.tls }}
{{- with .tlsConfig }}
tlsConfig: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .basicAuth }}
basicAuth: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .authorization }}
authorization: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if or .cluster .relabelings }}
relabelings:
{{- if .cluster }}
  - targetLabel: cluster
    replacement: {{ .cluster | quote }}
{{- end }}
{{- with .relabelings }}
{{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* A rule file with the runbooks' address before their path. */}}
{{- define "lanewatch.ruleFile" -}}
{{- $text := .root.Files.Get .path -}}
{{- with .root.Values.rules.runbooks -}}
{{- $text = replace "runbook_url: alerts/runbooks/" (printf "runbook_url: %s/" (trimSuffix "/" .)) $text -}}
{{- end -}}
{{- $text -}}
{{- end -}}

{{/* The names of the groups that are wanted, as JSON. */}}
{{- define "lanewatch.groups" -}}
{{- $names := list -}}
{{- range $path, $_ := .Files.Glob "files/rules/*.yaml" -}}
{{- $name := base $path | trimSuffix ".yaml" -}}
{{- if not (has $name $.Values.rules.leftOut) -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- end -}}
{{- toJson $names -}}
{{- end -}}
