"""``medusa-chat tune``: finds the trees that pay with one model on this machine, and keeps them."""
