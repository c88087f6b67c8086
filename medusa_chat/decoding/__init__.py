"""Decoding: token ids in, bursts of token ids and text out. Knows no conversations."""
