"""Active probes of the gateway's aliases, their judgement, and the `probe` command."""
