"""One spreadsheet import: preview, row errors, all-or-nothing commit, undo by batch."""
