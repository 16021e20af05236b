#!/bin/sh
# Rebuilds hello-sve.elf beside this script, or in the directory given, and writes the new hash into image.json when it is the former.
# Needs Debian's gcc-aarch64-linux-gnu and make.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here}
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT

make -s -C "$here" OUT="$objects"
cp "$objects/hello-sve.elf" "$out/hello-sve.elf"
if [ "$out" = "$here" ]; then
    hash=$(sha256sum "$here/hello-sve.elf" | cut -d' ' -f1)
    sed -i "s/\"sha256\": \"[0-9a-f]*\"/\"sha256\": \"$hash\"/" "$here/image.json"
fi
