"""The terminal interface. Imports no torch: the model lives in the engine process."""
