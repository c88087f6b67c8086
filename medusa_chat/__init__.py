"""medusa-chat: a terminal chat application that decodes with Medusa's tree of guesses."""

__version__ = "0.1.0"
