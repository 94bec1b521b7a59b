"""The design system and the shell."""
