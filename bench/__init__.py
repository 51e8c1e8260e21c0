"""One file per question: what does an operation cost, does it grow, how fast does the app start.

Costs are counted, not timed, so they are the same on every machine. Times are ratios within one
run, with the emulator's own cost measured beside them; nothing here has run on AWS itself.
"""
