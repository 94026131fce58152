#!/bin/sh
# newer-servers.sh DIR SUITE PACKAGE: a server of a newer Debian suite, as DIR/SUITE-PACKAGE/bin/redis-server, whatever it is.
#
# The package and the libraries that it wants are unpacked below DIR, and started by their own loader: nothing is installed, and
# nothing of this system is changed. Fails with a word on the last line when they cannot be had.
set -eu
dir=$1 suite=$2 package=$3
out=$dir/$suite-$package
[ -x "$out/bin/redis-server" ] && exit 0

root=$dir/$suite
mkdir -p "$root/state/lists/partial" "$root/cache/archives/partial" "$out"
# From where this Debian has its own packages.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Component: main' | head -1)
[ -n "$mirror" ] || { echo 'apt-get knows no mirror of Debian'; exit 1; }
from="deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror"
echo "$from $suite main" >"$root/sources.list"
# What a suite has that is built on another one is taken from there.
[ "$suite" != experimental ] ||
  echo "$from sid main" >>"$root/sources.list"
: >"$root/state/status"
apt() {
  apt-get -q -y -o Dir::Etc::sourcelist="$root/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State="$root/state" \
    -o Dir::State::status="$root/state/status" -o Dir::Cache="$root/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}
apt update >"$root/log" 2>&1 || { tail -1 "$root/log"; exit 1; }
apt -d --no-install-recommends -t "$suite" install "$package" >>"$root/log" 2>&1 || { tail -1 "$root/log"; exit 1; }
for archive in "$root"/cache/archives/*.deb; do
  case ${archive##*/} in "$package"_* | *-tools_* | lib* | zlib*) dpkg-deb -x "$archive" "$out" ;; esac
done
rm -f "$root"/cache/archives/*.deb

# The tools' package has the one program that does everything by its name.
program=$(find "$out" -name 'redis-check-rdb' -o -name 'valkey-check-rdb' | head -1)
loader=$(find "$out" -name 'ld-linux-*.so.*' | head -1)
[ -n "$program" ] && [ -n "$loader" ] || { echo "$package of $suite has another shape than expected"; exit 1; }
libraries=$(find "$out" -name '*.so.*' -exec dirname {} + | sort -u | paste -sd: -)
mkdir -p "$out/bin"
cat >"$out/bin/redis-server" <<END
#!/bin/sh
exec "$loader" --argv0 redis-server --library-path "$libraries" "$program" "\$@"
END
chmod +x "$out/bin/redis-server"
