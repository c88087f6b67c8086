"""The models of this machine: what is here, what can be had, what fits, what it brought."""
