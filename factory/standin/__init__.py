"""A GitHub of one's own for trying things out and for tests: its REST API and git over HTTP, over real bare repositories.

    factory dev github                         starts it with a sample repository
    python -m factory.standin FOLDER PORT TOKEN...

Everything it knows is in one folder, so that it may be killed and started again like anything else:

repositories/<owner>/<name>.git     real bare repositories
state.jsonl                         issues, pull requests, checks, people, tokens: one line per change
ledger.jsonl                        what was really changed, every call with its outcome, every failure and delivery, in order

What a client cannot ask of GitHub (failures by script, limits, people, webhooks) goes through `PUT /_...`, see `control`. Nothing of the
factory imports this package but its command; it imports nothing of the factory but the clock.
"""
