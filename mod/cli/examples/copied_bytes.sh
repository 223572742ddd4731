#!/bin/sh
# Which configuration copies least, and what does it earn? Compares configurations and picks columns by name.
#
#   mod/cli/examples/copied_bytes.sh CAPTURE [CONFIG,CONFIG,...]
#
# DENO says how to call Deno, for example DENO="npx -y deno@2.9.6".
set -eu
capture=$(realpath "${1:?a capture is needed}")
configs=${2:-baseline,nocopy,nocopy-gro}
cd "$(dirname "$0")/../../.."

${DENO:-deno} run -R cli.ts compare "$capture" -c "$configs" --quiet |
  awk -F, '
    NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
    { printf "%s,%s,%s\n", $column["copied_bytes_per_packet"], $column["config"], $column["goodput_gbps"] }' |
  sort -t, -k1,1n |
  awk -F, '{ printf "%-12s %9s bytes copied per packet  %s Gbps\n", $2, $1, $3 }'
