#!/usr/bin/env bash
# Torments the suite under load and lets a checker, which believes only what it sees from outside, judge what is left.
#
#   scripts/chaos.sh [--short] [--minutes M] [--seed S] [--orders N] [--kills K] [--broker-restarts R] [--wipes W]
#                    [--only P1,B2,...] [--requests N] [--asan] [--verbose] [--keep]
#   scripts/chaos.sh --recovery [--orders N]     how long a killed daemon with N orders in its store takes to be ready
#
# Real daemons (preset chaos: -O2 with kill points), a private broker, a lying proxy between them. Everything follows
# from the seed; the first line says how to repeat the run. --short is the run of CI. Exit 0: every planned fault fired
# and no invariant was broken. Nothing is left behind but the folder of a run that failed, build/chaos/run.*.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

PYTHON=/usr/bin/python3
SMALL_DISK_SIZE=${SMALL_DISK_SIZE:-1500m}

usage() { sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

preset=chaos program=chaos.py arguments=()
for word in "$@"; do
  case $word in
  -h | --help)
    usage
    exit 0
    ;;
  --asan) preset=asan arguments+=("$word") ;;
  --recovery) program=recovery.py ;;
  *) arguments+=("$word") ;;
  esac
done

"$TERN_ROOT/scripts/install.sh" build broker chaos
build_preset "$preset" daemons
[[ $program == chaos.py ]] || build_preset release load

# Root gets namespaces of its own, as far as they are to be had: the small disk of the one and the packet filter of the
# other are gone with the last process, whatever happens.
if [[ $EUID -eq 0 && -z ${TERN_CHAOS_INSIDE:-} ]]; then
  if unshare --mount --net ip link set lo up 2>/dev/null; then
    TERN_CHAOS_INSIDE='mount net' exec unshare --mount --net --propagation private bash "$0" "$@"
  elif unshare --mount true 2>/dev/null; then
    TERN_CHAOS_INSIDE=mount exec unshare --mount --propagation private bash "$0" "$@"
  fi
fi

mkdir -p "$TERN_ROOT/build/chaos"
folder=$(mktemp -d "$TERN_ROOT/build/chaos/run.XXXXXX")
own=()
[[ ${TERN_CHAOS_INSIDE:-} != *net* ]] || ip link set lo up
if [[ $program == chaos.py ]]; then
  if [[ ${TERN_CHAOS_INSIDE:-} == *mount* ]]; then
    mkdir "$folder/small"
    mount -t tmpfs -o "size=$SMALL_DISK_SIZE" tern-chaos "$folder/small"
    own=(--small-disk "$folder/small")
  fi
  [[ ${TERN_CHAOS_INSIDE:-} != *net* ]] || own+=(--own-network)
fi

status=0 child=''
# shellcheck disable=SC2317 # called by trap
pass_on() { [[ -z $child ]] || kill -TERM "$child" 2>/dev/null || true; }
trap pass_on INT TERM HUP
"$PYTHON" "$TERN_ROOT/tests/chaos/$program" --bin "$TERN_ROOT/build/$preset/bin" --folder "$folder" "${own[@]}" "${arguments[@]}" &
child=$!
while kill -0 "$child" 2>/dev/null; do wait "$child" && status=0 || status=$?; done
[[ ! -d $folder/small ]] || umount -l "$folder/small" 2>/dev/null || true
rmdir "$folder/small" "$folder" 2>/dev/null || true
exit "$status"
