"""The pages of this room: signing in, one's own account, administration."""
