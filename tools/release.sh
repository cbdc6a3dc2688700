#!/bin/sh
# release.sh VERSION: writes build/release/. Two runs on the same commit write the
# same files, so that anybody can compare SHA256SUMS.
set -eu
version=${1:?a version is missing, as in: make release VERSION=v1.2.3}
out=build/release
rm -rf "$out"
mkdir -p "$out" bin/plugins
(cd tools && ${GO:-go} build -o ../bin/plugins/sbom ./sbom)
for target in linux/amd64 linux/arm64; do
	name=storekeeper-$version-$(echo "$target" | tr / -)
	CGO_ENABLED=0 GOOS=${target%/*} GOARCH=${target#*/} ${GO:-go} build -tags "${TAGS:-}" -trimpath -buildvcs=false \
		-ldflags "-s -w -X main.version=$version" -o "$out/$name" ./cmd/server
	bin/plugins/sbom "$out/$name" "$out/$name.cdx.json" "$version"
done
# The section of this version, or else what is not released yet.
notes() { awk -v want="## $1" '/^## / {on = index($0, want) == 1; next} on' CHANGELOG.md; }
notes "$version" > "$out/RELEASE-NOTES.md"
grep -q . "$out/RELEASE-NOTES.md" || notes Unreleased > "$out/RELEASE-NOTES.md"
# Equal names, owners and times give an equal archive. -h: the alerts are a link.
chart=$(mktemp -d)
trap 'rm -rf "$chart"' EXIT
cp -RL deploy/chart "$chart/storekeeper"
plain=${version#v}
sed -e "s/^version: .*/version: $plain/" -e "s/^appVersion: .*/appVersion: $version/" deploy/chart/Chart.yaml > "$chart/storekeeper/Chart.yaml"
tar -C "$chart" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 --mode=go=rX,u+rw -cf - storekeeper | gzip -n > "$out/storekeeper-chart-$plain.tgz"
(cd "$out" && sha256sum -- * > SHA256SUMS)
ls -l "$out"
