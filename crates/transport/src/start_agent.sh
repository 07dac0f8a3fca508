# Run by `sh -c` on the node: finds the engine's agent, fetches it when it is not there, and becomes it.
# Arguments: directory (empty: the user's cache), then architecture, sha256 and size of each agent, `--`, the agent's own.
# A warm start runs three programs, uname, ls and sha256sum, and writes nothing.
fail() { printf '\nENGINE-FAIL %s %s\n' "$1" "${2-}"; exit 70; }
d=$1; shift
m=$(uname -m); h=; n=
while [ "$1" != -- ]; do
  if [ "$1" = "$m" ]; then h=$2; n=$3; fi
  shift 3
done
shift
[ -n "$h" ] || fail architecture "$m"
if [ -z "$d" ]; then
  [ -n "${XDG_CACHE_HOME:-${HOME:-}}" ] || fail home
  d=${XDG_CACHE_HOME:-$HOME/.cache}/engine/agent
fi
# A directory of this user's that nobody else can write to: between the check of a file and its start they could
# put another in its place. The shell cannot see the mode; of what can, POSIX has nothing but ls that every busybox
# has as well. With -n it asks no directory service for names.
ours() {
  [ -d "$d" ] && [ ! -L "$d" ] && [ -O "$d" ] || return
  case $(LC_ALL=C ls -ldn -- "$d") in
    d????-??-*) ;;
    *) return 1 ;;
  esac
}
good() {
  sha256sum -c - >/dev/null 2>&1 <<EOF
$h  $1
EOF
}
if [ -e "$d" ] || [ -L "$d" ]; then ours || fail directory "$d"; fi
f=$d/$h
if ! { good "$f" && [ -x "$f" ]; }; then
  command -v sha256sum >/dev/null || fail tool sha256sum
  command -v head >/dev/null || fail tool head
  [ -d "$d" ] || (umask 077 && LC_ALL=C mkdir -p "$d") || fail write "$d"
  ours || fail directory "$d"
  chmod 700 "$d" || fail write "$d"
  t=$d/.new.$$
  trap 'rm -f "$t"' EXIT
  trap 'exit 71' HUP INT TERM
  rm -f "$t"
  (umask 077 && : >"$t") || fail write "$d"
  printf '\nENGINE-NEED %s %s\n' "$m" "$n"
  LC_ALL=C head -c "$n" >"$t" || fail write "$d"
  good "$t" || fail hash "$d"
  chmod 500 "$t" || fail write "$d"
  LC_ALL=C mv -f "$t" "$f" || fail write "$d"
  trap - EXIT HUP INT TERM
  # The three newest stay, for controllers of other versions.
  ls -t "$d" | tail -n +4 | while IFS= read -r o; do rm -f "$d/$o"; done
  [ -x "$f" ] || fail noexec "$d"
fi
printf '\nENGINE-READY\n'
exec "$f" "$@"
