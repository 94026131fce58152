#!/bin/sh
# Installs the packages that it is given (redis-server, redis-tools, nutcracker) on Debian or Ubuntu. Runs as root, from
# scripts/setup.mjs.
#
# The packages would start a system service, which nobody asked for. Debian asks a policy before it starts one: there is
# one that says no while we install, then the former, if there was any, is back.
set -eu

policy=/usr/sbin/policy-rc.d
saved=$policy.before-diminished-triad
ours='# No services while Diminished Triad installs.'

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
  DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "$@"
}

if ! install "$@"; then
  apt-get -q update
  install "$@"
fi

# Nor shall it start with the next boot.
command -v systemctl > /dev/null || exit 0
for package in "$@"; do
  case $package in redis-server | nutcracker) systemctl --quiet disable "$package.service" || true ;; esac
done
