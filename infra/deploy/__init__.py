"""`make deploy STAGE=…`: from an account to a working system, and again after any change.

CloudFormation makes what keeps state (`infra/*.yaml`), `chalice deploy` makes functions and APIs,
and the steps here do what neither can. Every step looks at what is there and changes only what
differs, so that it may be run again at any time and from any machine.
"""
