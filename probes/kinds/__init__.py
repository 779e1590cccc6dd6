"""The kinds of route: what is asked of each, and what its answer must hold to be good."""
