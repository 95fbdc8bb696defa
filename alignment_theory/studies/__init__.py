"""Studies: one question a file, each a function that returns a table."""
