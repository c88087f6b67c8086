"""Models: where they come from, what their files hold, how they are loaded."""
