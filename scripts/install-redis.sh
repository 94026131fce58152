#!/bin/sh
# Installs redis-server and redis-tools on Debian or Ubuntu. Runs as root, from scripts/setup.mjs.
#
# The packages would start a redis-server as a system service, which nobody asked for. Debian asks
# /usr/sbin/policy-rc.d before it starts one: there is one that says no while we install, then the former is back.
set -eu

policy=/usr/sbin/policy-rc.d
saved=$policy.before-diminished-triad

restore() {
  rm -f "$policy"
  if [ -e "$saved" ] || [ -L "$saved" ]; then mv "$saved" "$policy"; fi
}
trap restore EXIT
trap 'exit 130' INT TERM HUP

# A saved one that is there already is the former policy too: an earlier run could not put it back.
if [ ! -e "$saved" ] && [ ! -L "$saved" ] && { [ -e "$policy" ] || [ -L "$policy" ]; }; then mv "$policy" "$saved"; fi
printf '#!/bin/sh\nexit 101\n' > "$policy"
chmod 755 "$policy"

install() {
  DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends \
    redis-server redis-tools
}

install || { apt-get -q update && install; }

# Nor shall it start with the next boot.
if command -v systemctl > /dev/null; then systemctl --quiet disable redis-server.service || true; fi
