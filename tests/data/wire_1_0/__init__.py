"""Version 1.0 of the wires of hosts and of agents, frozen: what peers of that version say and understand, for as long as they are served.

Nothing here follows the factory's own modules: a change of those that these cannot read is what the tests are to notice.
"""
