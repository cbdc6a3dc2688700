#!/bin/sh
# Installs nginx for `make bench` on a machine that lets us. Without it, nginx
# is left out of the figures.
command -v nginx >/dev/null && exit 0
[ -x /usr/sbin/nginx ] && exit 0
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 0
# The package would start a service of its own.
{ apt-get update && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends nginx-light; } >/dev/null 2>&1
exit 0
