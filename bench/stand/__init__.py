"""What the bench programs share: peers, a slow disk, a floor, entries. Nothing here runs alone."""
