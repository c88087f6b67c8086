"""A reply's Markdown, from text that still grows to rows of cells."""
