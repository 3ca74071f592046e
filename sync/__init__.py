"""The record and its way: what travels, the journal, the edge's end and central's end."""
