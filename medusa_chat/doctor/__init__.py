"""What works on this machine and what does not, found out by trying. Imports nothing heavy."""
