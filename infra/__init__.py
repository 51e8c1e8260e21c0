"""What Palimpsest needs around `app.py`: AWS resources, and the whole system on one machine."""
