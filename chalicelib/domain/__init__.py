"""What events and commands mean. Pure: no clock, no I/O, no SDK; time and ids come in."""
