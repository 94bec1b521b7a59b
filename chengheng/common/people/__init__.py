"""Who may do what to whose rows: organisations, users, duties, roles, access."""
