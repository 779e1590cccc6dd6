"""The rows that boards are made of, one question a file."""
