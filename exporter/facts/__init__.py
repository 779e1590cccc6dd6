"""Pure joins over one snapshot: data in, data out, no clock, no I/O."""
