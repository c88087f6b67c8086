"""The lean forward: a step of the Llama family without transformers' cost in Python."""
