"""A repository, an agent that is one small shell script, and the same work done with nothing but a shell."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

_GIT_SECONDS = 60
_LOOP_SECONDS = 60

SPEC = "# Three steps\n\n- [ ] one\n- [ ] two\n- [ ] three\n"

_AGENT = """#!/bin/sh
now=$(date +%s%N)
set -e
number=$(git rev-list --count HEAD)
echo "$now" > "step-$number"
awk '!done && sub(/- \\[ \\]/, "- [x]") { done = 1 } 1' "$FACTORY_SPEC" > "$FACTORY_SPEC.new"
cat "$FACTORY_SPEC.new" > "$FACTORY_SPEC"
rm "$FACTORY_SPEC.new"
git add "step-$number"
git commit --quiet -m "Step $number"
"""
"""Its first instruction asks for the time, which is committed: so the time comes out of a confined worker as well."""

_LOOP = """
set -e
git clone --quiet "$REMOTE" work
cp "$SPEC" "$FACTORY_SPEC"
cd work
git checkout --quiet -b "$BRANCH"
for iteration in 1 2 3; do "$AGENT"; done
git push --quiet origin "$BRANCH"
"""


@dataclass(frozen=True, slots=True)
class Sample:
    folder: Path

    @property
    def remote(self) -> Path:
        return self.folder / "remote.git"

    @property
    def agent(self) -> Path:
        return self.folder / "agent.sh"

    @property
    def spec(self) -> Path:
        return self.folder / "SPEC.md"

    def first_instruction(self, branch: str) -> float:
        """Seconds since 1970 at which the first process of the agent ran its first line."""
        return int(git(self.remote, "show", f"{branch}:step-1")) / 1e9

    def in_a_shell(self, number: int) -> str:
        """Clone, three runs of the agent, push; returns the branch."""
        work = self.folder / f"loop-{number}"
        work.mkdir()
        given = {
            "REMOTE": str(self.remote), "SPEC": str(self.spec), "FACTORY_SPEC": str(work / "SPEC.md"), "AGENT": str(self.agent),
            "BRANCH": f"loop-{number}",
        }  # fmt: skip
        subprocess.run(["/bin/sh", "-c", _LOOP], cwd=work, env=environment(given), check=True, timeout=_LOOP_SECONDS)
        return given["BRANCH"]


def make_sample(folder: Path) -> Sample:
    sample, work = Sample(folder), folder / "first"
    work.mkdir()
    sample.spec.write_text(SPEC)
    sample.agent.write_text(_AGENT)
    sample.agent.chmod(0o755)
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(sample.remote))
    git(work, "init", "--quiet", "--initial-branch=main")
    (work / "README.md").write_text("A sample.\n")
    git(work, "add", "README.md")
    git(work, "commit", "--quiet", "-m", "First")
    git(work, "push", "--quiet", str(sample.remote), "main")
    return sample


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment({}), capture_output=True, text=True, check=True, timeout=_GIT_SECONDS
    )
    return done.stdout


def environment(given: dict[str, str]) -> dict[str, str]:
    """Little, as a worker has it, and nothing of the user's git."""
    who = {f"GIT_{role}_{field}": f"bench@{field.lower()}" for role in ("AUTHOR", "COMMITTER") for field in ("NAME", "EMAIL")}
    return {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", **who, **given}
