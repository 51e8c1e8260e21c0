"""Live updates: cursors, frames, and who watches what. Whoever wants an answer asks over HTTP."""
