# SPDX-License-Identifier: GPL-2.0
"""The files that the rules look at: what git tracks or would track."""
import os
import re
import subprocess

C_SUFFIX = (".c", ".h", ".cc", ".cpp")
# with re.S
COMMENT_OR_STRING = r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
PURE = ("kmod/raft/", "kmod/fsm/", "kmod/wire/", "kmod/record/")


class Tree:
    """A source tree; paths are relative to its root, with slashes."""

    def __init__(self, root):
        self.root = os.path.realpath(root)
        self.files = sorted(self._git() or self._walk())
        self._text = {}

    def _git(self):
        if not os.path.exists(os.path.join(self.root, ".git")):
            return None
        out = subprocess.run(["git", "-c", "safe.directory=*", "-C", self.root, "ls-files", "-z",
                              "--cached", "--others", "--exclude-standard"],
                             stdout=subprocess.PIPE, check=True).stdout.decode()
        return [f for f in out.split("\0") if f and os.path.isfile(self.path(f))
                and not f.startswith("build/") and "__pycache__" not in f]

    def _walk(self):
        for base, dirs, names in os.walk(self.root):
            dirs[:] = [d for d in dirs if d not in ("build", ".git", "__pycache__")]
            for name in names:
                yield os.path.relpath(os.path.join(base, name), self.root)

    def path(self, file):
        return os.path.join(self.root, file)

    def text(self, file):
        """Contents, or None for what is no text."""
        if file not in self._text:
            with open(self.path(file), "rb") as f:
                data = f.read()
            try:
                self._text[file] = None if b"\0" in data else data.decode("utf-8")
            except UnicodeDecodeError:
                self._text[file] = None
        return self._text[file]

    def lines(self, file):
        return (self.text(file) or "").splitlines()

    def c_files(self, *prefixes):
        return [f for f in self.files if f.endswith(C_SUFFIX)
                and (not prefixes or f.startswith(prefixes))]

    def is_source(self, file):
        """Code of any kind, as opposed to data, prose and transcripts."""
        base = os.path.basename(file)
        if file.endswith(C_SUFFIX + (".py", ".sh", ".S", ".mk", ".config", ".supp")):
            return True
        if base in ("Makefile", "Kbuild", "Kconfig"):
            return True
        return (self.text(file) or "").startswith("#!")


def without_comments(source):
    """C source with comments and the insides of strings blanked, lines kept."""
    def blank(match):
        s = match.group(0)
        if s.startswith("/"):
            return re.sub(r"[^\n]", " ", s)
        return s[0] + re.sub(r"[^\n]", " ", s[1:-1]) + s[-1]
    return re.sub(COMMENT_OR_STRING, blank, source, flags=re.S)
