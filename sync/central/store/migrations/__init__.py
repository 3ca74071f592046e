"""How central's tables came to be, one file for each change. What was released never changes."""
