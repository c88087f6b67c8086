"""Conversations: what was said, where it is kept, how it leaves. Knows no torch, no engine."""
