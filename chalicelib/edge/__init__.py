"""The only code that knows Chalice, HTTP and Lambda payloads.

A request becomes a `Call`, a `Call` becomes a command (`requests`), what a flow returns becomes an
`Answer` (`answers`), an error becomes a problem document (`problems`). Nothing below imports this.
"""
