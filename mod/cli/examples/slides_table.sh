#!/bin/sh
# The slides' first questions in one table: what one frame of a bulk transfer costs under each preset. Bytes copied per ESP
# packet by where and why (copies.csv), segments, Gbps and CPU (summary.csv).
#
#   mod/cli/examples/slides_table.sh CAPTURE [KEY=VALUE]
#
# DENO says how to call Deno, for example DENO="npx -y deno@2.9.6".
set -eu
capture=$(realpath "${1:?a capture is needed}")
setting=${2:-oversize=grow}
configs=baseline,nocopy-tx,nocopy,nocopy-gro,nocopy-gro-gso,fair-buffers,linux-4.4,linux-4.14,linux-6.1,linux-6.1-module
cd "$(dirname "$0")/../../.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# Only what the side sends that sends more. Its frames fill the MTU, so the egress MTU has to grow for the presets of Linux.
${DENO:-deno} run -R -W cli.ts compare "$capture" -c "$configs" --set tunnel=local --set oversize=grow \
  --set "$setting" -o "$out" --quiet > "$out/rows.csv"

echo "                  driver    head   linear-    null           segment"
echo "config              pull   moved      ized  cipher  bounce      copy     sum  segments   Gbps   CPU %"
awk -F, '
  FNR == 1 { file += 1; for (i = 1; i <= NF; i++) column[$i] = i; next }
  FILENAME ~ /rows.csv$/ {
    config = $column["config"]; esp = $column["esp_packets"]
    names[++count] = config; packets[config] = esp; all[config] = $column["copied_bytes"]
    segments[config] = $column["segments"]; gbps[config] = $column["goodput_gbps"]; cpu[config] = $column["cpu_percent"]
    next
  }
  {
    n = split(FILENAME, path, "/"); config = path[n - 1]; reason = $column["reason"]; bytes = $column["copied_bytes"]
    if (reason == "driver-pull" || reason == "copybreak") pull[config] += bytes
    else if (reason == "expand-head") head[config] += bytes
    else if (reason == "pull-tail") tail[config] += bytes
    else if (reason == "null-cipher") cipher[config] += bytes
    else if (reason == "bounce-in" || reason == "bounce-out") bounce[config] += bytes
    else if (reason == "segment-copy") segment[config] += bytes
  }
  END {
    for (i = 1; i <= count; i++) {
      c = names[i]; p = packets[c]
      printf "%-16s %7.1f %7.1f %9.1f %7.1f %7.1f %9.1f %7.1f %9d %6.2f %7.1f\n", c, pull[c] / p, head[c] / p,
        tail[c] / p, cipher[c] / p, bounce[c] / p, segment[c] / p, all[c] / p, segments[c], gbps[c], cpu[c]
    }
  }
' "$out/rows.csv" "$out"/*/copies.csv
