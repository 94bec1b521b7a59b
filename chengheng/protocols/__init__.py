"""Wire formats and protocol state machines. Bytes in, events out: no socket, no clock, no framework."""
