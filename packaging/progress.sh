# Shared by the scripts of this directory: progress, errors with a remedy, and steps that can be interrupted.
# To be sourced. Everything goes to standard error, so that a script's standard output stays its result.
# shellcheck shell=bash

step_group=
step_log=

say() { printf '%s\n' "$*" >&2; }

# fail WHAT WHY REMEDY: ends the script.
fail() {
  printf '%s: %s\n  why: %s\n  what to do: %s\n' "${0##*/}" "$1" "$2" "$3" >&2
  exit 1
}

# Ends the step under way with all of its children, and removes its log. For EXIT traps.
end_step() {
  if [[ -n $step_group ]]; then
    kill -- "-$step_group" 2>/dev/null || true
    step_group=
  fi
  if [[ -n $step_log ]]; then
    rm -f -- "$step_log"
    step_log=
  fi
}
trap end_step EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# What a step is at: the rest of the last line of its output that begins with STEP_WATCH, if that is set.
step_detail() {
  [[ -z ${STEP_WATCH:-} ]] || { tail -n 500 -- "$step_log" | sed -nE "s/^$STEP_WATCH/: /p" | tail -n 1; }
}

# step LABEL COMMAND...: runs a command or function with its output kept aside, and says every few seconds that it still
# runs and for how long. When it fails, the end of its output is shown and its exit code returned.
step() {
  local label=$1 started=$SECONDS announced=0 shown=-1 elapsed pid code=0
  shift
  step_log=$(mktemp "${TMPDIR:-/tmp}/flatsnap-step.XXXXXX")
  # A process group of its own: background children of a script ignore Ctrl-C, and a build tool has children too.
  set -m
  "$@" >"$step_log" 2>&1 </dev/null &
  pid=$!
  set +m
  step_group=$pid
  while kill -0 "$pid" 2>/dev/null; do
    elapsed=$((SECONDS - started))
    if [[ -t 2 ]]; then
      ((elapsed == shown)) || printf '\r%s ... %d s' "$label" "$elapsed" >&2
      shown=$elapsed
    elif ((elapsed >= announced + (announced < 10 ? 2 : 10))); then
      printf '%s ... %d s%s\n' "$label" "$elapsed" "$(step_detail)" >&2
      announced=$elapsed
    fi
    sleep 0.1
  done
  wait "$pid" || code=$?
  step_group=
  [[ ! -t 2 ]] || printf '\r' >&2
  elapsed=$((SECONDS - started))
  if ((code == 0)); then
    printf '%s: done, %d s\n' "$label" "$elapsed" >&2
  else
    printf '%s: FAILED after %d s (exit code %d), its last lines:\n' "$label" "$elapsed" "$code" >&2
    tail -n "${STEP_LINES:-30}" -- "$step_log" | sed 's/^/    /' >&2
  fi
  [[ -z ${STEP_KEEP:-} ]] || cat -- "$step_log" >"$STEP_KEEP"
  rm -f -- "$step_log"
  step_log=
  return "$code"
}

# wait_for SECONDS WHAT COMMAND...: polls a condition, and says so when it takes longer than two seconds.
wait_for() {
  local limit=$1 what=$2 started=$SECONDS announced=0 elapsed
  shift 2
  until "$@" >/dev/null 2>&1; do
    elapsed=$((SECONDS - started))
    ((elapsed < limit)) || return 1
    if ((elapsed >= announced + 2)); then
      say "  waiting for $what ... $elapsed s"
      announced=$elapsed
    fi
    sleep 0.1
  done
}
