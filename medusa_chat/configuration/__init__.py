"""The user's settings file: what is in it, how it is read, and how one value in it is changed."""
