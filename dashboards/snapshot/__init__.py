"""Pictures of dashboards that may be shown to anybody: drawn from the panels' own queries, without names of places."""
