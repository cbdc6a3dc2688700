#!/bin/sh
# Runs each fuzz target of the main module for FUZZTIME, one after the other,
# from the top of the repository. Stops at the first that finds something.
set -eu

"$GO" list ./... | while read -r package; do
	"$GO" test -list '^Fuzz' "$package" | grep '^Fuzz' | while read -r target; do
		echo "fuzz: $target of $package for $FUZZTIME"
		"$GO" test -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" "$package" </dev/null
	done
done
