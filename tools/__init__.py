"""Tools of the repository: what building, testing and documenting need and the running product does not."""
