"""What the standards say for this room: pure functions and tables; no database, no clock, no I/O."""
