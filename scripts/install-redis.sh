#!/bin/sh
# Installs redis-server and redis-tools on Debian or Ubuntu. Runs as root, from scripts/setup.mjs.
#
# The packages would start a redis-server as a system service, which nobody asked for. Debian asks a policy before it
# starts one: there is one that says no while we install, then the former, if there was any, is back.
set -eu

policy=/usr/sbin/policy-rc.d
saved=$policy.before-diminished-triad
ours='# No services while Diminished Triad installs redis-server.'

exists() {
  [ -e "$1" ] || [ -L "$1" ]
}

restore() {
  rm -f "$policy"
  if exists "$saved"; then mv "$saved" "$policy"; fi
}
trap restore EXIT
trap 'exit 130' INT TERM HUP

# An earlier run that was killed may have left its own policy, and the former one beside it.
if exists "$policy" && ! grep -q "$ours" "$policy"; then mv "$policy" "$saved"; fi
printf '#!/bin/sh\n%s\nexit 101\n' "$ours" > "$policy"
chmod 755 "$policy"

install() {
  DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends \
    redis-server redis-tools
}

if ! install; then
  apt-get -q update
  install
fi

# Nor shall it start with the next boot.
if command -v systemctl > /dev/null; then systemctl --quiet disable redis-server.service || true; fi
