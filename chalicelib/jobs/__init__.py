"""Work to do: its state (`table`), its messages (`queue`), what its steps led to (`outcomes`).

`kinds` says what kinds of work there are. What carries a job out is `flows.work`.
"""
