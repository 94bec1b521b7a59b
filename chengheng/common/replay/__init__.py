"""Makes any create repeatable by a client-made id."""
