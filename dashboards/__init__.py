"""The Grafana dashboards as Python, built from the exporter's catalogue."""
