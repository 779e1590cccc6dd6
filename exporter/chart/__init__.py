"""The values of the Helm chart: one table of structs, of which values.yaml, its schema and its README are made."""
