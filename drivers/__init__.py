"""What identifies people: one adapter per kind of terminal, and their simulators."""
