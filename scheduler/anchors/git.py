"""Pushes a root to a branch of a git repository, in a child process.

The branch gets a file for each root, DAY.sha256, in the format of sha256sum, so that roots are not in conflict with
other files. Nothing is forced: what somebody has pushed in the meantime stays. A temporary repository has the last
commit only.
"""

from __future__ import annotations

import os
import subprocess
from urllib.parse import urlsplit

from archive.model.errors import ProofError
from scheduler.anchors.http import split_credentials

# Attempts to push on top of what others push at the same time.
PUSH_ATTEMPTS = 5
_REMOTE = "anchor"
# Variables of a repository that the program is run in, such as by a hook.
_LOCAL_VARIABLES = {
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
}
# What git says, in lower case -> our words. Git's own text is not used: it contains the address, which may be secret.
_REASONS = (
    ("could not resolve", "the host's name cannot be resolved"),
    ("authentication failed", "the remote does not accept the credentials"),
    ("could not read username", "the remote wants credentials"),
    ("terminal prompts disabled", "the remote wants credentials"),
    ("permission denied", "the remote denies access"),
    ("host key verification failed", "the host's key is not known: connect once by hand"),
    ("dubious ownership", "the repository belongs to another user"),
    ("not appear to be a git repository", "there is no repository at the address"),
    ("not found", "there is no repository at the address"),
    ("does not exist", "there is no repository at the address"),
    ("pre-receive hook declined", "a rule of the remote declines the push"),
    ("protected branch", "the branch is protected"),
    ("connection refused", "the remote refuses the connection"),
    ("connect to", "the remote cannot be reached"),  # of curl, for http and https
    ("timed out", "the remote does not answer"),
    ("certificate", "the remote's certificate is not trusted"),
)


def push_root(folder: str, repository: str, branch: str, day: str, root: str) -> str:
    """Push a root, unless the branch has it already.

    :param folder: an empty one, for a temporary repository
    :param repository: address or folder, as git takes it; may contain a password
    :param root: the sha256 of the manifest, hex
    :return: a commit of the branch that has the root
    :raises ProofError: it cannot be pushed, or the branch has another root of this day
    """
    git = _Git(folder, repository)
    git.run("init", "--quiet", "--bare", ".")
    name, content = f"{day}.sha256", f"{root}  {day}.tsv\n"
    tip = _fetch(git, branch)
    for _ in range(PUSH_ATTEMPTS):
        existing = git.attempt("cat-file", "blob", f"{tip}:{name}") if tip else None
        if existing is not None:
            if existing != content:
                raise ProofError(f"the branch has another root of {day}, of a changed archive or of another one")
            return tip
        commit = _commit(git, tip, name, content, f"Root of {day}")
        if git.attempt("push", "--quiet", _REMOTE, f"{commit}:refs/heads/{branch}") is not None:
            return commit
        reason, before = git.reason, tip
        tip = _fetch(git, branch)
        if tip == before:  # nobody has pushed, so the remote has another reason
            raise ProofError(f"git push failed: {reason}")
    raise ProofError("others push to the branch all the time")


def _fetch(git: _Git, branch: str) -> str:
    """Fetch the last commit of the branch and return it; "" if the remote has no such branch."""
    listed = git.run("ls-remote", _REMOTE, f"refs/heads/{branch}")
    if not listed.strip():
        return ""
    git.run("fetch", "--quiet", "--depth=1", "--no-tags", _REMOTE, f"+refs/heads/{branch}:refs/heads/tip")
    return git.run("rev-parse", "refs/heads/tip").strip()


def _commit(git: _Git, tip: str, name: str, content: str, message: str) -> str:
    blob = git.run("hash-object", "-w", "--stdin", text=content).strip()
    git.run("read-tree", *([tip] if tip else ["--empty"]))
    git.run("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}")
    tree = git.run("write-tree").strip()
    return git.run("commit-tree", tree, *(["-p", tip] if tip else []), text=message).strip()


class _Git:
    """git in a folder, without questions, hooks and credentials in its arguments."""

    def __init__(self, folder: str, repository: str) -> None:
        self._folder = folder
        address, credentials = repository, ""
        if repository.startswith(("https:", "http:")):
            address, credentials = split_credentials(repository)
        settings = {
            f"remote.{_REMOTE}.url": address,
            "core.hooksPath": os.devnull,
            "gc.auto": "0",
            "maintenance.auto": "false",
            "commit.gpgSign": "false",
        }
        if credentials:
            parts = urlsplit(address)
            settings[f"http.{parts.scheme}://{parts.netloc}/.extraHeader"] = f"Authorization: Basic {credentials}"
        self._env = {key: value for key, value in os.environ.items() if key not in _LOCAL_VARIABLES}
        self._env |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_COUNT": str(len(settings))}
        self._env.setdefault("GIT_SSH_COMMAND", "ssh -oBatchMode=yes")
        for number, (key, value) in enumerate(settings.items()):
            self._env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        for role in ("AUTHOR", "COMMITTER"):
            self._env |= {f"GIT_{role}_NAME": "finarchive", f"GIT_{role}_EMAIL": "finarchive@localhost"}
        self.reason = ""  # of the last failure

    def run(self, *arguments: str, text: str = "") -> str:
        """Run a command of git and return what it prints.

        :raises ProofError: it fails
        """
        printed = self.attempt(*arguments, text=text)
        if printed is None:
            raise ProofError(f"git {arguments[0]} failed: {self.reason}")
        return printed

    def attempt(self, *arguments: str, text: str = "") -> str | None:
        """Run a command of git and return what it prints; None if it fails."""
        try:
            done = subprocess.run(  # noqa: S603 - the arguments are ours; the address is in the environment
                ["git", *arguments],  # noqa: S607 - the git of the user's PATH
                cwd=self._folder, env=self._env, input=text.encode(), capture_output=True, check=False,
            )  # fmt: skip
        except OSError as error:
            raise ProofError(f"git cannot be run ({error.strerror}): install it") from None
        said = done.stderr.decode("utf-8", "replace").lower()
        words = next((ours for theirs, ours in _REASONS if theirs in said), f"status {done.returncode}")
        self.reason = words if done.returncode else ""
        return None if done.returncode else done.stdout.decode("utf-8", "replace")
