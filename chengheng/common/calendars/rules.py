"""The four kinds of time limit over a working calendar: pure functions; no database, no clock."""
