"""Links between two subjects of any systems."""
