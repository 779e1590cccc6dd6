"""The Prometheus rules as Python tables, and the runbook of each alert."""
