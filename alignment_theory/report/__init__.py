"""Tables for people and files for programs."""
