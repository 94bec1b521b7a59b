"""One small engine for everything that moves through states with a deadline."""
