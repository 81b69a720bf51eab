# Shared by the shell tests: checks that go on after a failure, and a closing count. To be sourced.
# shellcheck shell=bash

passed=0
failed=0

# check WHAT COMMAND...: the command must succeed.
check() {
  local what=$1 output
  shift
  if output=$("$@" 2>&1); then
    passed=$((passed + 1))
    printf '  ok: %s\n' "$what"
  else
    failed=$((failed + 1))
    printf '  FAILED: %s\n' "$what"
    printf '    %s\n' "command: $*" "output: $output"
  fi
}

# refused PATTERN COMMAND...: the command must fail and say so.
refused() {
  local pattern=$1 output
  shift
  if output=$("$@" 2>&1); then
    printf 'succeeded: %s\n' "$output"
    return 1
  fi
  printf '%s\n' "$output"
  # shellcheck disable=SC2053 # a pattern
  [[ $output == $pattern ]]
}

finish_checks() {
  printf '%d passed, %d failed\n' "$passed" "$failed"
  ((failed == 0))
}
