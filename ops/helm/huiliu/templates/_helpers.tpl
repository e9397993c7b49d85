{{- define "huiliu.labels" -}}
{{ include "huiliu.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "huiliu.selector" -}}
app.kubernetes.io/name: huiliu
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "huiliu.name" -}}
{{- if contains "huiliu" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-huiliu{{ end -}}
{{- end }}

{{- define "huiliu.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}
