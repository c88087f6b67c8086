"""The race: one prompt, answered plainly and with Medusa, and what came of it side by side."""
