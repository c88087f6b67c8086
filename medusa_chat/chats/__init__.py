"""``medusa-chat chats``, ``export`` and ``import``: the saved chats without the interface."""
