"""The receiving server: who may speak, what has been received, who may look at it."""
