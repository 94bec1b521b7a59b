"""A demonstration city and a simulated year."""
