"""One list page for every kind of row: filter, sort, columns, export."""
