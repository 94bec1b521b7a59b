"""Settings, URLs, the command line, the supervisor of processes."""
