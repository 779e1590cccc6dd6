{{/*
The pod of one component: .root, and .component out of node, cluster, all. What touches a node is in `lanewatch.hostly`.
*/}}
{{- define "lanewatch.podTemplate" -}}
{{- $root := .root -}}
{{- $values := .root.Values -}}
{{- $isHostly := ne .component "cluster" -}}
{{- $asks := and (ne .component "node") (eq (include "lanewatch.watches" $root) "yes") -}}
{{- $hasOwnFile := and (eq .component "node") (eq (include "lanewatch.hasAgentFile" .root) "yes") -}}
{{- $place := ternary $values.cluster $values.node (eq .component "cluster") -}}
{{- $access := $values.gpuAccess -}}
{{- $usesEnv := and $isHostly (has $access.mode (list "runtimeClass" "env" "volumeMount")) -}}
metadata:
  labels:
    {{- $more := merge (dict "app.kubernetes.io/component" .component) (default dict $place.podLabels) }}
    {{- include "lanewatch.labelsWith" (dict "root" $root "more" $more) | nindent 4 }}
  {{- $annotations := dict }}
  {{- if $values.restartOnConfig }}
  {{- $_ := set $annotations "checksum/config" (include "lanewatch.config" $root | sha256sum) }}
  {{- end }}
  {{- if eq $values.monitor.kind "annotations" }}
  {{- $_ := set $annotations "prometheus.io/scrape" "true" }}
  {{- $_ := set $annotations "prometheus.io/port" (print (int64 $values.port)) }}
  {{- $_ := set $annotations "prometheus.io/scheme" (ternary "https" "http" $values.web.tls) }}
  {{- end }}
  {{- if and $isHostly (eq $access.mode "cdi") }}
  {{- $_ := set $annotations "cdi.k8s.io/lanewatch" $access.cdiDevice }}
  {{- end }}
  {{- with merge $annotations (default dict $place.podAnnotations) }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ ternary (include "lanewatch.serviceAccountName" $root) "default" $asks }}
  automountServiceAccountToken: {{ $asks }}
  enableServiceLinks: false
  terminationGracePeriodSeconds: 15
  {{- with $values.image.pullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $place.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- if and $isHostly (has $access.mode (list "runtimeClass" "volumeMount")) $access.runtimeClassName }}
  runtimeClassName: {{ $access.runtimeClassName }}
  {{- end }}
  {{- if and $isHostly $values.processAttribution.enabled }}
  hostPID: true
  {{- end }}
  securityContext:
    {{- if $isHostly }}
    runAsUser: {{ int64 $values.kubelet.runAsUser }}
    runAsNonRoot: {{ gt (int64 $values.kubelet.runAsUser) 0 }}
    {{- else }}
    runAsUser: 65532
    runAsGroup: 65532
    runAsNonRoot: true
    {{- end }}
    seccompProfile:
      type: RuntimeDefault
  {{- if and $isHostly (eq $access.mode "dra") }}
  resourceClaims:
    - name: cards
      resourceClaimTemplateName: {{ include "lanewatch.fullname" $root }}-cards
  {{- end }}
  containers:
    - name: lanewatch
      image: {{ include "lanewatch.image" $root }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      command: [lanewatch, serve]
      args:
        - --role={{ .component }}
        - --config=/etc/lanewatch/{{ ternary "agent.yaml" "lanewatch.yaml" $hasOwnFile }}
        - --log.level={{ $values.logLevel }}
        - --web.listen-address=0.0.0.0:{{ int64 $values.port }}
        {{- if $values.web.configSecret }}
        - --web.config.file=/etc/lanewatch-web/web.yml
        {{- end }}
      env:
        {{- if $isHostly }}
        - name: NODE_NAME
          valueFrom:
            fieldRef:
              fieldPath: spec.nodeName
        {{- if ne $values.xidStore.type "none" }}
        - name: STATE_DIRECTORY
          value: /var/lib/lanewatch
        {{- end }}
        {{- end }}
        {{- if $usesEnv }}
        - name: NVIDIA_VISIBLE_DEVICES
          value: {{ ternary "/var/run/nvidia-container-devices" "all" (eq $access.mode "volumeMount") }}
        - name: NVIDIA_DRIVER_CAPABILITIES
          value: {{ $access.driverCapabilities }}
        {{- else }}
        - name: NVIDIA_VISIBLE_DEVICES # a default runtime of NVIDIA's gives nothing to who does not ask
          value: void
        {{- end }}
        {{- if ne .component "node" }}
        {{- range $values.secretVariables }}
        - name: {{ .variable }}
          valueFrom:
            secretKeyRef:
              name: {{ .secret }}
              key: {{ .key | quote }}
        {{- end }}
        {{- end }}
      ports:
        - name: metrics
          containerPort: {{ int64 $values.port }}
      livenessProbe: # says only that the program turns: a card that is ill must never restart it
        httpGet:
          path: /healthz
          port: metrics
          scheme: {{ ternary "HTTPS" "HTTP" $values.web.tls }}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet:
          path: /readyz
          port: metrics
          scheme: {{ ternary "HTTPS" "HTTP" $values.web.tls }}
        periodSeconds: 10
        timeoutSeconds: 5
      {{- $resources := deepCopy (default dict $place.resources) }}
      {{- if and $isHostly (eq $access.mode "dra") }}
      {{- $_ := set $resources "claims" (list (dict "name" "cards")) }}
      {{- end }}
      {{- with $resources }}
      resources: {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        {{- $mustReadDevice := and $values.kernelLog.enabled (eq $values.kernelLog.path "/dev/kmsg") }}
        {{- if and $isHostly (or (eq $access.mode "hostDriver") (and $values.kernelLog.enabled $values.kernelLog.privileged)) }}
        privileged: true
        {{- else }}
        allowPrivilegeEscalation: false
        capabilities:
          drop: [ALL]
          {{- if and $isHostly $mustReadDevice }}
          add: [SYSLOG]
          {{- end }}
        {{- end }}
        readOnlyRootFilesystem: true
      volumeMounts:
        - name: config
          mountPath: /etc/lanewatch
          readOnly: true
        {{- if $values.web.configSecret }}
        - name: web
          mountPath: /etc/lanewatch-web
          readOnly: true
        {{- end }}
        {{- if ne .component "node" }}
        {{- range $number, $mount := $values.mounts }}
        - name: mount-{{ $number }}
          mountPath: {{ $mount.path }}
          readOnly: true
        {{- end }}
        {{- end }}
        {{- if $isHostly }}
        {{- include "lanewatch.hostlyMounts" $root | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "lanewatch.fullname" $root }}
    {{- if $values.web.configSecret }}
    - name: web
      secret:
        secretName: {{ $values.web.configSecret }}
    {{- end }}
    {{- if ne .component "node" }}
    {{- range $number, $mount := $values.mounts }}
    - name: mount-{{ $number }}
      {{- if eq (default "Secret" $mount.kind) "Secret" }}
      secret:
        secretName: {{ $mount.name }}
      {{- else }}
      configMap:
        name: {{ $mount.name }}
      {{- end }}
    {{- end }}
    {{- end }}
    {{- if $isHostly }}
    {{- include "lanewatch.hostlyVolumes" $root | nindent 4 }}
    {{- end }}
  {{- with $place.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $place.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $place.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "lanewatch.hostlyMounts" -}}
- name: kubelet
  mountPath: /var/lib/kubelet/pod-resources
  readOnly: true
{{- if ne .Values.xidStore.type "none" }}
- name: state
  mountPath: /var/lib/lanewatch
{{- end }}
{{- if .Values.processAttribution.enabled }}
- name: pod-logs
  mountPath: /var/log/pods
  readOnly: true
{{- end }}
{{- if .Values.kernelLog.enabled }}
- name: kernel-log
  mountPath: {{ .Values.kernelLog.path }}
  readOnly: true
{{- end }}
{{- if eq .Values.gpuAccess.mode "hostDriver" }}
- name: driver
  mountPath: /driver
  readOnly: true
{{- end }}
{{- if eq .Values.gpuAccess.mode "volumeMount" }}
- name: all-cards
  mountPath: /var/run/nvidia-container-devices/all
{{- end }}
{{- end -}}

{{- define "lanewatch.hostlyVolumes" -}}
- name: kubelet
  hostPath:
    path: {{ .Values.kubelet.podResources }}
    type: Directory
{{- if eq .Values.xidStore.type "emptyDir" }}
- name: state
  emptyDir:
    sizeLimit: 1Mi
{{- else if eq .Values.xidStore.type "hostPath" }}
- name: state
  hostPath:
    path: {{ .Values.xidStore.path }}
    type: DirectoryOrCreate
{{- end }}
{{- if .Values.processAttribution.enabled }}
- name: pod-logs
  hostPath:
    path: {{ .Values.processAttribution.podLogs }}
    type: Directory
{{- end }}
{{- if .Values.kernelLog.enabled }}
- name: kernel-log
  hostPath:
    path: {{ .Values.kernelLog.path }}
    type: {{ ternary "CharDevice" "File" (eq .Values.kernelLog.path "/dev/kmsg") }}
{{- end }}
{{- if eq .Values.gpuAccess.mode "hostDriver" }}
- name: driver
  hostPath:
    path: {{ .Values.gpuAccess.driverLibraries }}
    type: Directory
{{- end }}
{{- if eq .Values.gpuAccess.mode "volumeMount" }}
- name: all-cards
  hostPath:
    path: /dev/null
    type: CharDevice
{{- end }}
{{- end -}}
