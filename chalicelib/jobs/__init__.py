"""Work to do: its state (`table`), its messages (`queue`), the answers it has had (`answers`).

`kinds` says what kinds of work there are. What carries a job out is `flows.work`.
"""
