//! Git repositories to clone from.

use crate::error::Result;
use crate::machine::Host;

/// Makes `app.git` and `library.git` in a directory. What git would ask a person for is given.
const SCRIPT: &str = r#"
set -eu
export GIT_AUTHOR_NAME=probe GIT_AUTHOR_EMAIL=probe@engine.invalid
export GIT_COMMITTER_NAME=probe GIT_COMMITTER_EMAIL=probe@engine.invalid
export GIT_AUTHOR_DATE='2025-01-01T00:00:00Z' GIT_COMMITTER_DATE='2025-01-01T00:00:00Z'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

bare() {
    rm -rf "$2"
    git clone --quiet --bare "$1" "$2"
    git -C "$2" remote remove origin
}

git init --quiet --initial-branch=main library
echo library > library/file
git -C library add .
git -C library commit --quiet --message=library
bare library "$1/library.git"

git init --quiet --initial-branch=main app
cd app
for version in 1.0 1.1; do
    echo "$version" > version
    git add .
    git commit --quiet --message="$version"
    git tag --annotate --message="$version" "v$version"
done
git checkout --quiet -b next
echo 2.0 > version
git commit --quiet --all --message=2.0
git checkout --quiet -b modules main
printf '[submodule "library"]\n\tpath = library\n\turl = ../library.git\n' > .gitmodules
git update-index --add --cacheinfo "160000,$(git -C ../library rev-parse HEAD),library"
git add .gitmodules
git commit --quiet --message=modules
git checkout --quiet main
cd ..
bare app "$1/app.git"
"#;

impl Host {
    /// Makes two bare git repositories in a directory of this host, anew each time and with the
    /// same commits: `app.git` and `library.git`. Needs git there, which
    /// [`serve_https`](Self::serve_https) brings.
    ///
    /// The file `version` of `app` is `1.0` at the tag `v1.0`, `1.1` at `v1.1` and on the branch
    /// `main`, which is the default, and `2.0` on the branch `next`. On the branch `modules` it
    /// has the submodule `library`, at the address beside its own.
    pub fn make_git_repositories(&self, directory: &str) -> Result<()> {
        self.check_exec(["sh", "-c", SCRIPT, "sh", directory]).map(drop)
    }
}
