"""Nine kinds of channel watched all year; rumours answered with evidence."""
