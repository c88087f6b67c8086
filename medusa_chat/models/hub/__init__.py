"""Models of the Hugging Face Hub: what a model needs, its download, and the cache that keeps it.

``plan_for`` asks the Hub what a model needs; ``download`` (``fetch`` on the command line) brings it
file by file (``transfer``) into the cache that all programs with huggingface_hub share; ``cache``
finds it there without a network; ``removal`` and ``verification`` look after it. huggingface_hub
takes a while to import: it is imported in functions, and nothing here needs torch.
"""
