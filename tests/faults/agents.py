"""Agents for the scenarios: shell scripts, since what is tried is the factory around them.

Each does the next task of its spec, commits, ticks the box, and ends. What it waits for are files in the folder that is written into the
script, since no variable of the test gets through to a worker's environment.
"""

STEADY = """#!/bin/sh
set -e
echo $$ > "{folder}/agent-pid"
while [ -e "{folder}/wait" ]; do sleep 0.05; done
line=$(grep -n -m1 -- '- \\[ \\]' "$FACTORY_SPEC" | cut -d: -f1)
echo "line $line" >> out.txt
git add out.txt
git commit -qm "task $line"
sed -i "${{line}}s/\\[ \\]/[x]/" "$FACTORY_SPEC"
"""
"""One commit a run; stands still at the beginning of each run while `wait` exists."""

FORKING = """#!/bin/sh
set -e
if [ -e "{folder}/wait" ]; then
    n=0
    while [ $n -lt {count} ]; do (setsid sh -c 'sleep 600 & sleep 600' >/dev/null 2>&1 &); n=$((n+1)); done
    touch "{folder}/forked"
fi
while [ -e "{folder}/wait" ]; do sleep 0.05; done
""" + STEADY.split("set -e\n", 1)[1]
"""Leaves `count` pairs of descendants in sessions of their own, then works as the steady one does."""

CHATTY = """#!/bin/sh
set -e
n=0
while [ $n -lt {count} ]; do echo "word $n"; n=$((n+1)); done
""" + STEADY.split("set -e\n", 1)[1]
"""Writes `count` lines to its log first."""

IDLE = """#!/bin/sh
echo $$ > "{folder}/agent-pid"
while :; do sleep 1; done
"""
"""Waits at a prompt for ever."""

FAILING = "#!/bin/sh\necho 'it does not work'; exit 1\n"

SPEC = "# Say hello\n\n- [ ] one\n- [ ] two\n- [ ] three\n"
SUBJECTS = ["task 5", "task 4", "task 3"]
"""Of the commits that the spec's three tasks become, the latest first."""
