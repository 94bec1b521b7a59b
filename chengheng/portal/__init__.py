"""Overview, inbox, map, search: where the systems meet."""
