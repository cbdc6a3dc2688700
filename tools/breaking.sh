#!/bin/sh
# Compares proto/ with the last landed main: a change that breaks a caller
# fails. Usage: breaking.sh BUF, from the top of the repository.
#
# The last landed main is origin/main, or the last commit where there is no
# origin.
set -eu
buf=$1

base=
for ref in origin/main HEAD; do
	if git rev-parse --quiet --verify "$ref:proto" >/dev/null 2>&1; then
		base=$ref
		break
	fi
done
if [ -z "$base" ]; then
	echo "breaking: no earlier commit has proto files, so there is nothing to compare with"
	exit 0
fi

# The earlier files with the same configuration and imports as today's.
against=.cache/against
rm -rf "$against"
mkdir -p "$against/.cache"
git archive "$base" proto | tar -x -C "$against"
cp buf.yaml "$against/"
cp -R .cache/proto "$against/.cache/"

echo "breaking: against $base ($(git rev-parse --short "$base"))"
"$buf" breaking --against "$against"
