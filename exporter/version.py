"""The version, in one place: the build reads it here too, and looking it up in the installed metadata is slow."""

VERSION = "0.1.0"
