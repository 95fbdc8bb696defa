"""Help for the tests of those who build on this package."""
