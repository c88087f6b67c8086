"""The engine: one loaded model that answers prompts, in this process or in one of its own."""
