"""Readers that speak when somebody holds something up, and never else: tags, codes, PINs."""
