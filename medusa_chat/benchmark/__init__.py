"""``medusa-chat bench``: what decoding costs and gains on this machine, measured side by side."""
