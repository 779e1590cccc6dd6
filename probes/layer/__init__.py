"""What each layer under an alias shows: one file for a group of layers, pure functions of a case and its ground."""
