"""The kiosk's end of the line: what is still to be delivered, and the way it goes."""
