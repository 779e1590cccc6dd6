"""From the snapshot and the facts to families, one concern a module; pure."""
